/**
 * A slice's rows from an engine, as a publication reads them, to the last one; nothing is rendered. What is timed begins
 * with the choice of files. The engine, the lake and what else is set come from the environment, as the program has them.
 *
 * `node slice.ts <partner> <feed> <period> <now> <passes> [<tag>]`: the last line is JSON with what each pass took; later
 * passes find what an earlier one fetched. Queries of a cluster carry the tag.
 */
import { createHash } from "node:crypto";
import { previousPeriod } from "../../../src/feed/period.ts";
import { buildSlice } from "../../../src/feed/slice.ts";
import { summarySql } from "../../../src/feed/summary-sql.ts";
import type { Selection } from "../../../src/lake/engine.ts";
import type { Chunk, Query } from "../../../src/model.ts";
import { besideForCsv } from "../../../src/publication/csv.ts";
import { dueSlice } from "./due-slice.ts";

const [partner = "", feed = "", period = "", now = "", passes = "1", tag = "bench"] = process.argv.slice(2);
const { world, lake, engine, benignHosts, subscription, entry } = await dueSlice({ partner, feed, period, now });

/** The query's text, the relations that it reads, and from when to when. */
function question(): { sql: string | Query; datasets: readonly Selection["dataset"][]; from: number; to: number } {
  const { policy, period } = entry;
  if (subscription.feed.grain === "summary") {
    const sql = summarySql(subscription.feed, policy);
    return { sql, datasets: ["captures", "requests"], from: previousPeriod(period).start, to: period.end };
  }
  const slice = buildSlice(subscription.feed, policy, period, benignHosts);
  const sql = slice.packed({ beside: besideForCsv(slice.columns), alone: [] });
  return { sql, datasets: ["captures"], ...policy.covers };
}

const { sql, datasets, from, to } = question();

/** A digest over rows in their order, however they come in chunks: the same from each engine. */
function digestOf(hash: ReturnType<typeof createHash>, { rows, columns }: Chunk): void {
  for (let row = 0; row < rows; row += 1) {
    for (const column of columns) {
      const cell = column[row];
      if (cell instanceof Uint8Array) hash.update(cell);
      else hash.update(JSON.stringify(typeof cell === "bigint" ? String(cell) : (cell ?? null)));
    }
    hash.update("\n");
  }
}

async function pass() {
  const [began, cpu] = [performance.now(), process.cpuUsage()];
  const hash = createHash("sha256");
  let rows = 0;
  let firstRow: number | undefined;
  using held = new DisposableStack();
  const relations: Record<string, Selection> = {};
  for (const name of datasets) relations[name] = held.use(await lake.select(name, entry.input.batches, from, to));
  const located = (performance.now() - began) / 1000;
  for await (const chunk of engine.rows(relations, sql, [tag])) {
    firstRow ??= (performance.now() - began) / 1000;
    rows += chunk.rows;
    digestOf(hash, chunk);
  }
  const { user, system } = process.cpuUsage(cpu);
  const seconds = (performance.now() - began) / 1000;
  const taken = { seconds, cpu_seconds: (user + system) / 1e6, located_seconds: located, rows };
  return { ...taken, first_row_seconds: firstRow ?? seconds, sha256: hash.digest("hex") };
}

const taken = [];
for (let number = 0; number < Number(passes); number += 1) taken.push(await pass());
await world.close();
process.stdout.write(`${JSON.stringify({ passes: taken })}\n`);
