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
import { isNamed } from "./errors.ts";
import { rowsOf } from "./query.ts";
import type { Cluster } from "./request.ts";
import {
  dropTable,
  knownColumns,
  knownDays,
  knownFiles,
  learnDays,
  makeSchema,
  makeTable,
  type TableNames,
  tableColumns,
} from "./sql.ts";

/** What a query reads. */
export type Wanted = Pick<Selection, "dataset" | "days" | "whole" | "mixed">;

/** Others may be at the same, in a metastore that lets one of them fail: each time there is less left to do. */
const attempts = 5;
const pauseMs = 300;

export class Tables {
  readonly #cluster: Cluster;
  readonly #names: TableNames;
  readonly #lake: string;
  /** Tables whose columns are ours. */
  readonly #fit = new Set<Dataset>();
  /** Files that the cluster was seen to find. They never change; the table that shows them may. */
  readonly #found = new Set<string>();

  /** @param lake the lake's URL. */
  constructor(cluster: Cluster, names: TableNames, lake: string) {
    this.#cluster = cluster;
    this.#names = names;
    this.#lake = lake;
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

  /** Afterwards the table is there, with our columns. */
  async make(dataset: Dataset, signal?: AbortSignal): Promise<void> {
    if (this.#fit.has(dataset)) return;
    const columns = () => this.#rows(knownColumns(this.#names, dataset), signal);
    let known = await columns();
    for (let attempt = 1; known.length === 0; attempt += 1) {
      const failure = await this.#create(dataset, signal).catch((error: unknown) => error);
      known = await columns();
      if (known.length === 0 && (attempt >= attempts || isNamed(failure, /^PERMISSION_DENIED$/)))
        throw this.#unmade(dataset, failure);
      if (known.length === 0) await sleep(pauseMs);
    }
    const types = new Map(known.map(([name, type]) => [String(name), String(type)]));
    const unlike = tableColumns(dataset).filter(([name, type]) => types.get(name) !== type);
    if (unlike.length > 0)
      throw this.#misfit(
        dataset,
        unlike.map(([name]) => name),
      );
    this.#fit.add(dataset);
  }

  async #create(dataset: Dataset, signal: AbortSignal | undefined): Promise<void> {
    const table = makeTable(this.#names, dataset, this.#lake);
    try {
      await this.#rows(table, signal);
    } catch (error) {
      if (!isNamed(error, /^(SCHEMA_)?NOT_FOUND$/)) throw error;
      await this.#rows(makeSchema(this.#names), signal);
      await this.#rows(table, signal);
    }
  }

  async #learn(dataset: Dataset, days: readonly string[], signal: AbortSignal | undefined): Promise<void> {
    let failure: unknown;
    for (let attempt = 1; ; attempt += 1) {
      const known = await this.#known(dataset, days, signal);
      const missing = days.find((day) => !known.has(day));
      if (missing === undefined) return;
      if (attempt > attempts || isNamed(failure, /^PERMISSION_DENIED$/))
        throw this.#unseen(dataset, { day: missing, cause: failure });
      if (attempt > 1) await sleep(pauseMs * attempt);
      failure = await this.#rows(learnDays(this.#names, dataset), signal).then(
        () => undefined,
        (error: unknown) => error,
      );
    }
  }

  async #known(dataset: Dataset, days: readonly string[], signal: AbortSignal | undefined): Promise<Set<string>> {
    try {
      const rows = await this.#rows(knownDays(this.#names, dataset, days), signal);
      return new Set(rows.map(([day]) => String(day)));
    } catch (error) {
      if (!isNamed(error, /^(TABLE|SCHEMA)_NOT_FOUND$/)) throw error;
      // Somebody dropped it since it was looked at.
      this.#fit.delete(dataset);
      this.#found.clear();
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
    const wanted = this.#unproven(files);
    const rows = await this.#rows(knownFiles(this.#names, dataset, days, wanted), signal);
    const seen = new Set(rows.map(([file]) => String(file)));
    const missing = wanted.find((file) => !seen.has(file));
    if (missing !== undefined) throw this.#unseen(dataset, { file: missing });
    for (const file of seen) this.#found.add(file);
  }

  /**
   * What wasn't seen yet, and of each day a file in any case: since it was seen, table or partition may have been made anew
   * over another lake, which shows none of the day's.
   */
  #unproven(files: readonly string[]): readonly string[] {
    const days = new Set<string>();
    return files.filter((file) => {
      const folder = file.slice(0, file.lastIndexOf("/"));
      const isFirst = !days.has(folder);
      days.add(folder);
      return isFirst || !this.#found.has(file);
    });
  }

  #rows(sql: string, signal: AbortSignal | undefined) {
    return rowsOf(this.#cluster, { sql, tags: ["spampots", "tables"], signal });
  }

  #unmade(dataset: Dataset, cause: unknown): SpampotsError {
    return new SpampotsError("engine-failed", "A table of the lake is missing, and this user can't make it.", {
      cause,
      dataset,
      hint: `Have the cluster's administrator run: ${makeSchema(this.#names)}; ${makeTable(this.#names, dataset, this.#lake)}`,
    });
  }

  #misfit(dataset: Dataset, columns: readonly string[]): SpampotsError {
    return new SpampotsError("engine-failed", "A table of the lake has other columns than this release.", {
      dataset,
      columns,
      hint: `Run ${dropTable(this.#names, dataset)} in the cluster: the files stay, and the table is made again by the next query.`,
    });
  }

  #unseen(dataset: Dataset, facts: { readonly [fact: string]: unknown }): SpampotsError {
    return new SpampotsError(
      "engine-failed",
      "The Trino cluster doesn't see files of the lake that its records name.",
      {
        ...facts,
        dataset,
        hint: `See that its catalogue reads the bucket that SPAMPOTS_LAKE names, caches no listings of this schema, and lets this user call sync_partition_metadata, which asks for INSERT. Each lake has a schema of its own: where another site's tables have this one, set SPAMPOTS_TRINO_SCHEMA. Where the table was made for another place of this lake, run ${dropTable(this.#names, dataset)}: the files stay, and it is made again.`,
      },
    );
  }
}
