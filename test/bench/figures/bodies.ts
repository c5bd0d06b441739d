/** Ingest of captures with bodies beside postal-mime alone, which only parses. */
import { join } from "node:path";
import type { Bench } from "../bench.ts";
import { spampots } from "../bench.ts";
import { freshData, spool, warm } from "../data.ts";
import type { Figure, Prepared } from "../figure.ts";
import { ownTime, wholeProcess } from "../process.ts";
import type { Bound } from "../results.ts";

/** Messages that postal-mime is given at most: it has a rate, and no memory of what it parsed before. */
const parsedAlone = 5_000;

async function prepared(bench: Bench, mode: "repeat" | "distinct", count: number): Promise<Prepared> {
  const { files, captures, sensors, folder } = await spool(bench, count, mode);
  const every = Math.max(1, Math.floor(captures / parsedAlone));
  warm(files);
  return {
    size: `${captures.toLocaleString("en")} captures with bodies in ${files.length} files`,
    unit: "messages",
    commands: {
      ours: "spampots ingest <folder>",
      reference: `for (const message of messages) await PostalMime.parse(message), every ${every}th message`,
    },
    async ours() {
      const place = { data: await freshData(bench, mode), sensors };
      return wholeProcess(spampots(bench, place, "ingest", folder), captures);
    },
    reference: () =>
      ownTime({
        program: process.execPath,
        args: [join(import.meta.dirname, "../references/postal-mime.ts"), String(every), ...files],
      }),
    notes: [
      mode === "repeat"
        ? "Bodies are those of 1,896 real spams of SpamAssassin's public corpus, in the simulator's mix of campaigns; headers differ, and one message in forty is made for its recipient."
        : "Bodies are those of 1,896 real spams of SpamAssassin's public corpus, each as often, with a line of its own in each capture.",
      "postal-mime is timed over messages that are in memory, on one core, without its start; ours is a whole process on two threads, from compressed files to the lake.",
    ],
  };
}

const figure = (id: string, work: string, reference: string, bound: Bound, prepare: Figure["prepare"]): Figure => ({
  id,
  work,
  reference,
  bound,
  prepare,
});

export const repeatedBodies = figure(
  "ingest-repeat",
  "ingest, bodies that repeat as in the wild",
  "postal-mime alone, parsing each message",
  { kind: "rate", least: 8 },
  (bench) => prepared(bench, "repeat", bench.repeatedBodies),
);

export const distinctBodies = figure(
  "ingest-distinct",
  "ingest, all bodies distinct, two cores",
  "postal-mime alone, one core",
  { kind: "rate", least: 1.5 },
  (bench) => prepared(bench, "distinct", bench.distinctBodies),
);
