/** Publishing from a fresh store beside DuckDB alone, which copies the same queries into gzipped CSV files. */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { type Bench, type Place, spampots } from "../bench.ts";
import { configuration, projectPartners } from "../configurations.ts";
import { emptied, filesIn, site, warm } from "../data.ts";
import { copies } from "../duckdb.ts";
import type { Figure, Prepared } from "../figure.ts";
import { type Measured, wholeProcess } from "../process.ts";
import { distinctQueries } from "../queries.ts";

/** Publishes everything that is due into a store that is empty before and removed after. */
export async function publishAfresh(bench: Bench, place: Place, units: number): Promise<Measured> {
  const store = emptied(bench, "store");
  // The marks say how far the last run's store went; this one is another under the same name.
  rmSync(join(place.data, "tips"), { recursive: true, force: true });
  try {
    return await wholeProcess(spampots(bench, { ...place, store }, "publish"), units);
  } finally {
    rmSync(store, { recursive: true, force: true });
  }
}

async function prepared(bench: Bench, id: string, place: Place, what: string, ours: string): Promise<Prepared> {
  const queries = await distinctQueries(place);
  warm(filesIn(join(place.data, "lake")));
  return {
    size: `${what}, of a week of ${bench.captures.toLocaleString("en")} captures`,
    unit: "captures of the week",
    commands: {
      ours,
      reference: `${queries.length === 1 ? "" : `${queries.length} times `}COPY (<the slice's query>) TO '<n>.csv.gz' (HEADER, COMPRESSION gzip)`,
    },
    ours: () => publishAfresh(bench, place, bench.captures),
    reference: () => wholeProcess(copies(bench, id, queries, emptied(bench, "copies")), bench.captures),
    notes: [
      "Both are whole processes on two threads. DuckDB may use as much memory as it likes, its default; ours keeps to SPAMPOTS_MEMORY's default.",
    ],
  };
}

/** One feed as CSV for TWCERT/CC. */
function oneFeed(feed: string) {
  return async (bench: Bench): Promise<Prepared> => {
    const partner = projectPartners().find(({ id }) => id === "twcert-cc");
    if (partner === undefined) throw new Error("partners.yaml has no twcert-cc");
    const alone = { ...partner, subscriptions: [{ feed, every: "week", formats: ["csv"] }] };
    const place = { ...(await site(bench, bench.captures)), config: configuration(bench, feed, [alone]) };
    const ours = `spampots publish --partner twcert-cc --feed ${feed}`;
    return prepared(bench, feed, place, `${feed} of TW for the week as one CSV`, ours);
  };
}

export const sources: Figure = {
  id: "spam-sources",
  work: "`spam-sources`, TW week, CSV, sliced, signed, stored",
  reference: "DuckDB `COPY ... gzip` of the same query",
  bound: { kind: "time", most: 1.3 },
  prepare: oneFeed("spam-sources"),
};

export const events: Figure = {
  id: "spam-events",
  work: "`spam-events`, TW week, CSV by csv-stringify",
  reference: "the same",
  bound: { kind: "time", most: 1.3, memory: 0.2 },
  prepare: oneFeed("spam-events"),
};

export const everything: Figure = {
  id: "everything",
  work: "all feeds, all partners, CSV and STIX, one week",
  reference: "the sum of the distinct queries, each by DuckDB `COPY ... gzip`",
  bound: { kind: "time", most: 2 },
  async prepare(bench) {
    const place = await site(bench, bench.captures);
    return prepared(bench, "everything", place, "all that the project's partners.yaml makes due", "spampots publish");
  },
};
