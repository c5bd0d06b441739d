/**
 * Deliveries that are due at once: what order, receipts and digests cost beside bare PUTs, and whether memory stays
 * flat.
 */
import { join } from "node:path";
import type { Bench } from "../bench.ts";
import { kept } from "../data.ts";
import type { Figure, Prepared } from "../figure.ts";
import { type Call, ownTime, run } from "../process.ts";
import { start } from "../service.ts";

const beside = (name: string) => join(import.meta.dirname, "../references", name);
const fileBytes = 100_000;

async function prepared(bench: Bench) {
  const many = bench.quick ? 40 : 1000;
  const few = bench.quick ? 20 : 100;
  const folder = await kept(bench, "deliveries", `${many}-1`, async (half) => {
    await run({
      program: process.execPath,
      args: [beside("deliveries-site.ts"), half, String(many), String(fileBytes)],
    });
  });
  const sink = await start({ program: process.execPath, args: [beside("deliveries.ts"), "sink"] });
  const call = (mode: "ours" | "plain", due = many): Call => ({
    program: process.execPath,
    args: [beside("deliveries.ts"), mode, folder, sink.url, String(many), String(due)],
  });
  return { many, few, call, stop: () => sink.stop() };
}

const notes = [
  "Each publication: an announcement of keys, two files of 100 kB and a manifest, put one after the other; 16 publications at once, by HTTP on loopback, to a server that keeps nothing.",
  "Ours reads and proves each manifest, looks for withdrawals, digests each file while it is sent, states its digest, and flushes a receipt to the disk.",
];

export const deliveries: Figure = {
  id: "deliveries",
  work: "1,000 deliveries due at once",
  reference: "a plain `node:http` client that puts the same files, as many at once",
  bound: { kind: "rate", least: 0.15 },
  async prepare(bench): Promise<Prepared> {
    const { many, call, stop } = await prepared(bench);
    return {
      size: `${many.toLocaleString("en")} partners, one publication each`,
      unit: "files",
      commands: { ours: "Deliveries.look", reference: "createReadStream(path).pipe(http.request(url))" },
      ours: () => ownTime(call("ours")),
      reference: () => ownTime(call("plain")),
      notes,
      end: stop,
    };
  },
};

export const deliveriesMemory: Figure = {
  id: "deliveries-memory",
  work: "1,000 deliveries due at once, time and memory",
  reference: "the same, a hundred due at a time",
  bound: { kind: "time", most: 1.3, memory: 1.3 },
  async prepare(bench): Promise<Prepared> {
    const { many, few, call, stop } = await prepared(bench);
    return {
      size: `${many.toLocaleString("en")} partners, one publication each`,
      unit: "files",
      commands: {
        ours: `Deliveries.look, of ${many.toLocaleString("en")}`,
        reference: `the same, of ${few} at a time`,
      },
      ours: () => ownTime(call("ours")),
      reference: () => ownTime(call("ours", few)),
      notes,
      end: stop,
    };
  },
};
