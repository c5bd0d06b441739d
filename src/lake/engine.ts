/** What the project asks of a query engine. Only the engines' own files know more. */
import type { Chunk, Query } from "../model.ts";
import type { Dataset } from "./records.ts";
import type { BatchFacts } from "./rows/row.ts";
import type { Counted } from "./selection.ts";

/**
 * The files of a dataset that a query may read, and what of them counts; good until it is disposed of. Files are local
 * paths, or `s3://` URLs for an engine that reads these.
 */
export interface Selection extends Disposable {
  readonly dataset: Dataset;
  /** Days that the files are of: `YYYY-MM-DD`, ascending. */
  readonly days: readonly string[];
  /** Files of which every row counts. */
  readonly whole: readonly string[];
  /** Compacted files of which only some rows count. */
  readonly mixed: readonly string[];
  /** Which do. */
  readonly counted: Counted;
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

/** What answers slices. */
export interface Engine {
  /**
   * Streams the rows of `WITH captures AS (<selection>), <query>` in chunks, in the query's order; of a query in two
   * forms, the one that suits this engine. `purpose` names the query to whoever looks at the engine: feed, policy and
   * period.
   *
   * @throws SpampotsError `engine-failed`; `engine-unavailable` where a cluster is away or lost the query, with the fact
   * `again` where the same query may succeed at once; `lake-damaged` where a file can't be read.
   */
  rows(
    relations: Readonly<Record<string, Selection>>,
    query: string | Query,
    purpose?: readonly string[],
  ): AsyncIterable<Chunk>;
  /** Breaks off the queries whose rows are being read: they throw `engine-failed`. A cluster is asked nothing more. */
  interrupt(): void;
  close(): void;
}

/** What makes the lake's Parquet files: always in this process, whatever answers slices. */
export interface ParquetWriter {
  /** Writes a Parquet file of tab-separated rows; returns its rows. */
  writeParquet(job: ParquetJob): Promise<number>;
  /** Merges Parquet files of one day into one, sorted; returns its rows. */
  mergeParquet(from: readonly string[], to: string): Promise<number>;
}
