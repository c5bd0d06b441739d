/**
 * Renders slices: the query's rows go once through every renderer that a group of partners with equal policy needs.
 */
import { mkdir } from "node:fs/promises";
import type { SensorPatterns } from "../capture/probe.ts";
import { type Due, purposeOf } from "../feed/due.ts";
import type { Feed } from "../feed/feeds.ts";
import { type Policy, withheldColumns } from "../feed/policy.ts";
import { buildSlice } from "../feed/slice.ts";
import type { Engine } from "../lake/engine.ts";
import type { Lake } from "../lake/lake.ts";
import type { Format } from "../model.ts";
import type { Rendered, SliceRecords } from "./compose.ts";
import { besideForCsv, csvRenderer } from "./csv.ts";
import type { RenderContext } from "./render.ts";
import { stixRenderer } from "./stix.ts";
import { renderSummary } from "./summary.ts";

/** What rendering works with. */
export interface SliceWorld {
  readonly lake: Lake;
  readonly engine: Pick<Engine, "rows">;
  readonly sensors: SensorPatterns;
  readonly benignHosts: readonly string[];
  readonly siteKey: Uint8Array;
  readonly threads: number;
  readonly issuer: { readonly name: string; readonly identityId: string };
}

/** One slice to be rendered, for all partners whose policy it is. */
export interface SliceJob {
  readonly feed: Feed;
  readonly due: Due;
  readonly records: SliceRecords;
  readonly formats: ReadonlySet<Format>;
  readonly split: boolean;
}

/** Queries and renders a slice into files below `folder`, which is made. */
export async function renderSlice(job: SliceJob, folder: string, world: SliceWorld): Promise<Rendered> {
  await mkdir(folder, { recursive: true });
  return job.feed.grain === "summary" ? renderSummary(job, folder, world) : renderRows(job, folder, world);
}

async function renderRows(job: SliceJob, folder: string, world: SliceWorld): Promise<Rendered> {
  const { feed, due } = job;
  const slice = buildSlice(feed, due.policy, due.period, world.benignHosts);
  const context = renderContext(job, slice.columns, folder, world);
  const [isCsv, isStix] = [job.formats.has("csv"), job.formats.has("stix")];
  const byColumn = ["row_key", ...slice.columns];
  const isCounted = countsCaptures(feed, due.policy);
  const alone = isStix ? byColumn : [...(isCounted ? ["captures"] : []), ...(job.split ? ["source_asn"] : [])];
  const csv = isCsv ? csvRenderer(context, alone) : undefined;
  const stix = isStix ? stixRenderer(context) : undefined;
  const renderers = [csv, stix].filter((renderer) => renderer !== undefined);
  const sql = isCsv ? slice.packed({ beside: besideForCsv(slice.columns), alone }) : slice.sql;
  const captureColumn = isCounted ? (isCsv ? ["packed", ...alone] : byColumn).indexOf("captures") : -1;
  const { from, to } = due.policy.covers;
  using captures = await world.lake.select("captures", due.input.batches, from, to);
  let rows = 0;
  let total = 0;
  try {
    for await (const chunk of world.engine.rows({ captures }, sql, purposeOf(feed, due))) {
      rows += chunk.rows;
      for (const cell of chunk.columns[captureColumn] ?? []) total += Number(cell);
      await csv?.write(chunk);
      await stix?.write(isCsv ? { ...chunk, columns: chunk.columns.slice(1) } : chunk);
    }
    const artifacts = (await Promise.all(renderers.map((renderer) => renderer.finish()))).flat();
    const counts = isCounted ? { rows, captures: total } : { rows };
    return { artifacts, counts, notes: renderers.flatMap((renderer) => renderer.notes) };
  } catch (error) {
    for (const renderer of renderers) await renderer.abort();
    throw error;
  }
}

/** Is the sum of captures stated? What is withheld from the rows isn't told by their sum. */
function countsCaptures(feed: Feed, policy: Policy): boolean {
  return (
    feed.grain === "source-day" && feed.columns.includes("captures") && !withheldColumns(feed, policy).has("captures")
  );
}

/** What a slice's artifacts depend on beside its rows. */
export function renderContext(
  { feed, due, records, split }: SliceJob,
  columns: readonly string[],
  folder: string,
  { sensors, siteKey, threads, issuer }: Pick<SliceWorld, "sensors" | "siteKey" | "threads" | "issuer">,
): RenderContext {
  const { policy, period, input } = due;
  return {
    feed: feed.id,
    grain: feed.grain,
    period,
    tlp: policy.tlp,
    columns,
    policyDigest: policy.digest,
    economies: policy.economies === "all" ? "all" : policy.economies.map((economy) => economy.code),
    siteKey,
    threads,
    issuer,
    modifiedSteps: input.steps + records.again + records.revokes,
    revokes: records.revokes,
    stixMaxRows: feed.stixMaxRows,
    ...(split ? { splitBy: "source_asn" as const } : {}),
    folder,
    hits: (text) => sensors.hits(text),
  };
}
