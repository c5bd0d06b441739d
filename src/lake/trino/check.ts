/**
 * Whether a cluster can answer slices: it answers, is of a release that has what they need, has workers, and sees the
 * lake. For `spampots check`.
 *
 * @see docs/operator-guide.md "A Trino cluster"
 */
import { SpampotsError } from "../../errors.ts";
import { dayMs } from "../../model.ts";
import type { TrinoSettings } from "../../settings.ts";
import type { Selection } from "../engine.ts";
import type { Lake } from "../lake.ts";
import { type Dataset, datasets } from "../records.ts";
import { isDenied } from "./errors.ts";
import { rowsOf } from "./query.ts";
import type { Cluster } from "./request.ts";
import { type LakeTables, trinoSql } from "./sql.ts";
import { Tables } from "./tables.ts";
import { openCluster } from "./trino.ts";

/** What was found, as sentences. What is wrong is thrown. */
export interface ClusterFindings {
  readonly fine: string[];
  readonly warnings: string[];
}

/** The first release with functions inside a query. */
const leastVersion = 431;
/** The one that tests run against. */
const triedVersion = 476;

/** Whoever checks waits. */
const patienceMs = 10_000;

/** Days that the longest query reads: a summary of a week, and the week before. */
const longestDays = 14;
/** Characters of the longest slice beside the files that it names. */
const sliceCharacters = 100_000;
/** So many are taken by any cluster, unless its query.max-length (1,000,000) was lowered. */
const fewCharacters = 200_000;

/**
 * Tries a cluster.
 *
 * @param found is added to, also where this throws.
 * @throws SpampotsError that says what is wrong first: nothing after it can be right.
 */
export async function checkCluster(settings: TrinoSettings, lake: Lake, found: ClusterFindings): Promise<void> {
  const cluster = await openCluster(settings, patienceMs);
  await checkVersion(cluster, found);
  await checkWorkers(cluster, found);
  await checkCatalog(cluster, settings, found);
  const place = { ...settings, lake: lake.root };
  const tables = new Tables(cluster, place);
  for (const dataset of datasets) await tables.make(dataset);
  found.fine.push(`The lake's tables are in ${settings.catalog}.${settings.schema}.`);
  await checkFiles(cluster, { place, lake, tables, found });
}

const ask = (cluster: Cluster, sql: string) => rowsOf(cluster, { sql, tags: ["spampots", "check"] });

/** Rows, or undefined where this user may not read them: slices need none of the cluster's own tables. */
const unlessDenied = <T>(rows: Promise<T>): Promise<T | undefined> =>
  rows.catch((error: unknown) => {
    if (isDenied(error)) return undefined;
    throw error;
  });

async function checkVersion(cluster: Cluster, { fine, warnings }: ClusterFindings): Promise<void> {
  const [[version] = []] = await ask(cluster, "SELECT version()");
  const number = Number(/^\d+/.exec(String(version))?.[0]);
  if (number < leastVersion) {
    throw new SpampotsError("engine-failed", "The Trino cluster is too old.", {
      version: String(version),
      hint: `Slices need release ${leastVersion} or newer; ${triedVersion} is the one that was tried.`,
    });
  }
  fine.push(`The cluster answers: Trino ${version}.`);
  if (number !== triedVersion)
    warnings.push(`Trino ${version} wasn't tried with this release of spampots; ${triedVersion} was.`);
}

async function checkWorkers(cluster: Cluster, { fine, warnings }: ClusterFindings): Promise<void> {
  const sql = "SELECT coordinator FROM system.runtime.nodes WHERE state = 'active'";
  const workers = (await unlessDenied(ask(cluster, sql)))?.filter(([coordinator]) => coordinator !== true).length;
  if (workers === undefined) warnings.push("How many workers the cluster has isn't told to this user.");
  else if (workers > 0) fine.push(workers === 1 ? "1 worker is active." : `${workers} workers are active.`);
  else warnings.push("The cluster has no workers: the coordinator answers alone, where it is let.");
}

async function checkCatalog(
  cluster: Cluster,
  { catalog }: TrinoSettings,
  { warnings }: ClusterFindings,
): Promise<void> {
  const sql = `SELECT connector_name FROM system.metadata.catalogs WHERE catalog_name = '${catalog}'`;
  const rows = await unlessDenied(ask(cluster, sql));
  if (rows === undefined) {
    // Its tables tell as much, if less plainly.
    warnings.push("Which connector the catalogue has isn't told to this user.");
    return;
  }
  const [[connector] = []] = rows;
  if (connector === "hive") return;
  throw new SpampotsError("engine-failed", "The cluster has no catalogue of this name with the Hive connector.", {
    catalog,
    ...(connector === undefined ? {} : { connector: String(connector) }),
    hint: "See SPAMPOTS_TRINO_CATALOG, and the operator guide's \"A Trino cluster\" for the catalogue's file; the user needs the right to see it.",
  });
}

interface FilesWorld {
  readonly place: LakeTables;
  readonly lake: Lake;
  readonly tables: Tables;
  readonly found: ClusterFindings;
}

/** The newest day's files are seen, and as many as the longest query names can be named. */
async function checkFiles(cluster: Cluster, { place, lake, tables, found }: FilesWorld): Promise<void> {
  const newest = await newestDay(lake);
  if (newest === undefined) {
    found.warnings.push("The lake holds no captures yet: whether the cluster sees its files wasn't tried.");
    return;
  }
  const to = Date.parse(`${newest}T00:00:00Z`) + dayMs;
  const batches = await lake.batches(to - longestDays * dayMs, to);
  const select = (dataset: Dataset, days: number): Promise<Selection> =>
    lake.select(dataset, batches, to - days * dayMs, to);
  using day = await select("captures", 1);
  await tables.prepare(day);
  const files = day.whole.length + day.mixed.length;
  found.fine.push(`The cluster sees ${files === 1 ? "the file" : `the ${files} files`} of captures of ${newest}.`);
  using captures = await select("captures", longestDays);
  using requests = await select("requests", longestDays);
  const length = trinoSql(place, { captures, requests }, "").length + sliceCharacters;
  // The setting isn't told, so it is tried.
  if (length > fewCharacters) await ask(cluster, `SELECT 1 /*${"-".repeat(length)}*/`);
  found.fine.push(`The longest query would have some ${length} characters: the cluster takes it.`);
}

/** The newest day that has captures; undefined where none has. A batch may be of later days, of which it has no rows. */
async function newestDay(lake: Lake): Promise<string | undefined> {
  const latestFirst = (await lake.names()).toSorted((a, b) => (a.lastDay < b.lastDay ? 1 : -1));
  let newest: string | undefined;
  for (const name of latestFirst) {
    if (newest !== undefined && name.lastDay <= newest) break;
    const days = (await lake.record(name)).files.filter(({ dataset }) => dataset === "captures").map(({ day }) => day);
    newest = [newest, ...days]
      .filter((day) => day !== undefined)
      .sort()
      .at(-1);
  }
  return newest;
}
