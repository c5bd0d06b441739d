/** The SQL behind publications, once for each distinct one: what DuckDB alone is asked in a figure's reference. */
import { join } from "node:path";
import { loadConfiguration } from "../../src/feed/configuration.ts";
import { due } from "../../src/feed/due.ts";
import { previousPeriod } from "../../src/feed/period.ts";
import { buildSlice } from "../../src/feed/slice.ts";
import { summarySql } from "../../src/feed/summary-sql.ts";
import { querySql } from "../../src/lake/duckdb.ts";
import type { Selection } from "../../src/lake/engine.ts";
import { type Lake, openLake } from "../../src/lake/lake.ts";
import type { Dataset } from "../../src/lake/records.ts";
import { logStateOf } from "../../src/publication/compose.ts";
import { lakeState, type Planned, selectedLogs } from "../../src/publication/plan.ts";
import { projectRoot } from "../source-files.ts";
import { type Place, week } from "./bench.ts";

/** Everything that is due from a fresh store. */
export async function planOf(place: Place): Promise<{ planned: Planned[]; lake: Lake; benignHosts: string[] }> {
  const { partners, maps } = await loadConfiguration(place.config ?? projectRoot);
  const lake = await openLake(join(place.data, "lake"));
  const now = Date.parse(week.now);
  const state = await lakeState({ lake, partners }, now);
  const planned = selectedLogs(partners).flatMap(({ partner, subscription }) =>
    due({ partner, subscription, lake: state, log: logStateOf(undefined), now }).map((entry) => ({
      partner,
      subscription,
      due: entry,
    })),
  );
  return { planned, lake, benignHosts: [...maps.benignHosts].sort() };
}

/** The query of each distinct slice that is due from a fresh store, as statements `WITH … SELECT …`. */
export async function distinctQueries(place: Place): Promise<readonly string[]> {
  const { planned, lake, benignHosts } = await planOf(place);
  const queries = new Map<string, string>();
  for (const { subscription, due: entry } of planned) {
    const { policy, period, input } = entry;
    const { feed } = subscription;
    const key = [feed.id, policy.digest, period.id, input.digest].join(" ");
    if (queries.has(key)) continue;
    const isSummary = feed.grain === "summary";
    const [from, to] = isSummary ? [previousPeriod(period).start, period.end] : [policy.covers.from, policy.covers.to];
    const sql = isSummary ? summarySql(feed, policy) : buildSlice(feed, policy, period, benignHosts).sql.kept;
    const datasets: readonly Dataset[] = isSummary ? ["captures", "requests"] : ["captures"];
    const relations: Record<string, Selection> = {};
    for (const name of datasets) {
      relations[name] = await lake.select(name, input.batches, from, to);
    }
    queries.set(key, querySql(relations, sql));
  }
  return [...queries.values()];
}
