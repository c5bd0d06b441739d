/** What the project asks of a query engine. Only the engines' own files know more. */
import type { Chunk } from "../model.ts";
import type { Dataset } from "./records.ts";
import type { BatchFacts } from "./row.ts";

/** The files of a dataset that a query may read, and what of them counts. */
export interface Selection {
  readonly dataset: Dataset;
  /** Local paths of files that hold one generation of one batch each. */
  readonly whole: readonly string[];
  /** Local paths of compacted files: only rows of {@link live} count. */
  readonly mixed: readonly string[];
  /** `batch:generation` of what counts in mixed files. */
  readonly live: readonly string[];
  /** Batch ids that overlap another batch of their sensor in time: of a capture id in several, the least batch counts. */
  readonly overlapping: readonly string[];
}

/** A file of tab-separated rows that becomes Parquet. */
export interface ParquetJob {
  readonly dataset: Dataset;
  readonly from: string;
  readonly to: string;
  /** What stands in each row beside what is in the file. */
  readonly facts: BatchFacts;
  /** Ids may repeat: of equal ones the first line counts. */
  readonly repeats: boolean;
}

export interface Engine {
  /** Name and version, for manifests and `check`. */
  readonly version: string;
  /**
   * Streams the rows of `WITH captures AS (<selection>), <sql>` in chunks, in the query's order.
   *
   * @throws SpampotsError `engine-failed`, or `lake-damaged` where a file can't be read.
   */
  rows(relations: Readonly<Record<string, Selection>>, sql: string): AsyncIterable<Chunk>;
  /** Writes a Parquet file of tab-separated rows; returns its rows. */
  writeParquet(job: ParquetJob): Promise<number>;
  /** Merges Parquet files of one day into one, sorted; returns its rows. */
  mergeParquet(dataset: Dataset, from: readonly string[], to: string): Promise<number>;
  /** Breaks off the queries whose rows are being read: they throw `engine-failed`. */
  interrupt(): void;
  close(): void;
}
