/**
 * The lake's tables in a cluster's catalogue: made where they are missing, told of new days, and proven to show every file
 * that a query is to read. They hold nothing that can't be made again, so several runners may do all this at once.
 *
 * @see https://trino.io/docs/476/connector/hive.html (external tables, partitions, `$path`)
 */
import { setTimeout as sleep } from "node:timers/promises";
import { SpampotsError } from "../../errors.ts";
import type { Selection } from "../engine.ts";
import type { Dataset } from "../records.ts";
import { isDenied, isNamed } from "./errors.ts";
import { rowsOf } from "./query.ts";
import type { Cluster } from "./request.ts";
import { knownDays, knownFiles, knownTable, type LakeTables, learnDays, makeSchema, makeTable } from "./sql.ts";

/** What a query reads. */
export type Wanted = Pick<Selection, "dataset" | "days" | "whole" | "mixed">;

/** Others may be at the same, in a metastore that lets one of them fail: each time there is less left to do. */
const attempts = 5;
const pauseMs = 300;

/** Files that are remembered as found: some of each of the days that slices ask for, at a hundred bytes each. */
const mostFound = 200_000;

export class Tables {
  readonly #cluster: Cluster;
  readonly #tables: LakeTables;
  /** Tables that were seen. */
  readonly #made = new Set<Dataset>();
  /** Files that the cluster was seen to find. Neither they nor what their table is ever changes. */
  readonly #found = new Set<string>();

  constructor(cluster: Cluster, tables: LakeTables) {
    this.#cluster = cluster;
    this.#tables = tables;
  }

  /**
   * Afterwards the table is there, knows the days and shows the files. A query over less would say too little, and nobody
   * would notice.
   *
   * @throws SpampotsError `engine-failed` with what its administrator has to do; else as `rowsOf`.
   */
  async prepare({ dataset, days, whole, mixed }: Wanted, signal?: AbortSignal): Promise<void> {
    if (days.length === 0) return;
    await this.make(dataset, signal);
    await this.#learn(dataset, days, signal);
    await this.#find(dataset, days, [...whole, ...mixed], signal);
  }

  /** Afterwards the table is there. */
  async make(dataset: Dataset, signal?: AbortSignal): Promise<void> {
    if (this.#made.has(dataset)) return;
    const isThere = async () => (await this.#rows(knownTable(this.#tables, dataset), signal)).length > 0;
    for (let attempt = 1, found = await isThere(); !found; attempt += 1) {
      const failure = await failureOf(this.#create(dataset, signal));
      found = await isThere();
      if (found) break;
      if (attempt >= attempts || isDenied(failure)) throw isOther(failure) ? failure : this.#unmade(dataset, failure);
      await sleep(pauseMs);
    }
    this.#made.add(dataset);
  }

  async #create(dataset: Dataset, signal: AbortSignal | undefined): Promise<void> {
    const table = makeTable(this.#tables, dataset);
    try {
      await this.#rows(table, signal);
    } catch (error) {
      if (!isNamed(error, /^(SCHEMA_)?NOT_FOUND$/)) throw error;
      await this.#rows(makeSchema(this.#tables), signal);
      await this.#rows(table, signal);
    }
  }

  async #learn(dataset: Dataset, days: readonly string[], signal: AbortSignal | undefined): Promise<void> {
    let failure: unknown;
    for (let attempt = 1; ; attempt += 1) {
      const known = await this.#known(dataset, days, signal);
      const missing = days.find((day) => !known.has(day));
      if (missing === undefined) return;
      if (attempt > attempts || isDenied(failure))
        throw isOther(failure) ? failure : this.#unseen(dataset, { day: missing, cause: failure });
      if (attempt > 1) await sleep(pauseMs * attempt);
      failure = await failureOf(this.#rows(learnDays(this.#tables, dataset), signal));
    }
  }

  async #known(dataset: Dataset, days: readonly string[], signal: AbortSignal | undefined): Promise<Set<string>> {
    try {
      const rows = await this.#rows(knownDays(this.#tables, dataset, days), signal);
      return new Set(rows.map(([day]) => String(day)));
    } catch (error) {
      if (!isNamed(error, /^(TABLE|SCHEMA)_NOT_FOUND$/)) throw error;
      // Somebody dropped it since it was looked at.
      this.#made.delete(dataset);
      await this.make(dataset, signal);
      return new Set();
    }
  }

  async #find(
    dataset: Dataset,
    days: readonly string[],
    files: readonly string[],
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const wanted = files.filter((file) => !this.#found.has(file));
    if (wanted.length === 0) return;
    const rows = await this.#rows(knownFiles(this.#tables, dataset, days, wanted), signal);
    const seen = new Set(rows.map(([file]) => String(file)));
    const missing = wanted.find((file) => !seen.has(file));
    if (missing !== undefined) throw this.#unseen(dataset, { file: missing });
    if (this.#found.size > mostFound) this.#found.clear();
    for (const file of seen) this.#found.add(file);
  }

  #rows(sql: string, signal: AbortSignal | undefined) {
    return rowsOf(this.#cluster, { sql, tags: ["spampots", "tables"], signal });
  }

  #unmade(dataset: Dataset, cause: unknown): SpampotsError {
    return new SpampotsError("engine-failed", "A table of the lake is missing, and this user can't make it.", {
      cause,
      dataset,
      hint: `Have the cluster's administrator run: ${makeSchema(this.#tables)}; ${makeTable(this.#tables, dataset)}`,
    });
  }

  #unseen(dataset: Dataset, facts: { readonly [fact: string]: unknown }): SpampotsError {
    return new SpampotsError(
      "engine-failed",
      "The Trino cluster doesn't see files of the lake that its records name.",
      {
        ...facts,
        dataset,
        hint: "See that its catalogue reads the bucket that SPAMPOTS_LAKE names, caches no listings of this schema, and lets this user call sync_partition_metadata, which asks for INSERT.",
      },
    );
  }
}

/** What a promise is rejected with; undefined where it isn't. */
const failureOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => undefined,
    (error: unknown) => error,
  );

/** True for a failure that has nothing to do with rights: it is told as it is. */
const isOther = (failure: unknown) => failure !== undefined && !isDenied(failure);
