/**
 * Threads that turn spool files into rows: one reads, hashes and cuts into blocks, the others parse and enrich whole
 * blocks; the main thread writes. Results come back in any order; blocks waiting are bounded.
 */
import { extname } from "node:path";
import type { SpoolPart } from "../../capture/spool-file.ts";
import type { SharedTables } from "../../enrich/attribution.ts";
import type { Maps } from "../../enrich/maps.ts";
import type { Sensor } from "../../model.ts";
import { Workers } from "../../workers.ts";
import type { BlockResult } from "./block-rows.ts";
import { openReader } from "./reading.ts";

/** What every thread is started with. */
export interface ThreadFacts {
  readonly tables: SharedTables;
  readonly maps: Maps;
  readonly sensors: readonly Sensor[];
}

/** One block's work, as posted to a thread. */
export interface BlockWork {
  readonly firstLine: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly sensor: string;
  readonly latest: number;
}

export interface Threads {
  /** The parts of a spool file: see `spoolBlocks`. */
  parts(path: string): AsyncIterable<SpoolPart>;
  /** Resolves when a thread has made rows of the block. The block's memory is given away. */
  rows(work: BlockWork): Promise<BlockResult>;
  close(): Promise<void>;
}

/** Starts at most `count` threads, when there are blocks for them. */
export function openThreads(count: number, facts: ThreadFacts): Threads {
  const reader = openReader();
  const parsing = new Workers<BlockWork, BlockResult>(
    new URL(`./ingest-thread${extname(import.meta.url)}`, import.meta.url),
    { count, facts },
  );
  return {
    parts: (path) => reader.parts(path),
    rows: (work) => parsing.ask(work, [work.bytes.buffer]),
    async close() {
      await Promise.all([reader.close(), parsing.close()]);
    },
  };
}
