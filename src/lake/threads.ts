/**
 * Threads that turn spool files into rows: one reads, hashes and cuts into blocks, the others parse and enrich whole
 * blocks; the main thread writes. Results come back in any order; blocks waiting are bounded.
 */
import { extname } from "node:path";
import { Worker } from "node:worker_threads";
import type { SpoolPart } from "../capture/spool-file.ts";
import type { SharedTables } from "../enrich/attribution.ts";
import type { Maps } from "../enrich/maps.ts";
import { SpampotsError } from "../errors.ts";
import type { Sensor } from "../model.ts";
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
  readonly id: number;
  readonly firstLine: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly sensor: string;
  readonly latest: number;
}

export type BlockAnswer = { readonly id: number } & ({ readonly result: BlockResult } | { readonly failure: string });

export interface Threads {
  /** The parts of a spool file: see `spoolBlocks`. */
  parts(path: string): AsyncIterable<SpoolPart>;
  /** Resolves when a thread has made rows of the block. The block's memory is given away. */
  rows(work: Omit<BlockWork, "id">): Promise<BlockResult>;
  close(): Promise<void>;
}

interface Waiting {
  resolve(result: BlockResult): void;
  reject(error: unknown): void;
}

/** Starts `count` threads when the first block comes. */
export function openThreads(count: number, facts: ThreadFacts): Threads {
  const reader = openReader();
  const waiting = new Map<number, Waiting>();
  const workers: { worker: Worker; busy: number }[] = [];
  let last = 0;
  const failAll = (error: unknown) => {
    for (const { reject } of waiting.values()) reject(error);
    waiting.clear();
  };
  const start = () => {
    // The sources run as they are in a checkout, as JavaScript where installed.
    const worker = new Worker(new URL(`./ingest-thread${extname(import.meta.url)}`, import.meta.url), {
      workerData: facts,
    });
    const entry = { worker, busy: 0 };
    worker.on("message", (answer: BlockAnswer) => {
      entry.busy -= 1;
      const promise = waiting.get(answer.id);
      waiting.delete(answer.id);
      if ("result" in answer) promise?.resolve(answer.result);
      else promise?.reject(new SpampotsError("internal", "A parsing thread failed.", { failure: answer.failure }));
    });
    worker.on("error", (cause) => failAll(new SpampotsError("internal", "A parsing thread failed.", { cause })));
    workers.push(entry);
    return entry;
  };
  return {
    parts: (path) => reader.parts(path),
    rows(work) {
      const idle = workers.find((entry) => entry.busy === 0);
      const least = workers.toSorted((a, b) => a.busy - b.busy)[0];
      const entry = idle ?? (workers.length < count || least === undefined ? start() : least);
      entry.busy += 1;
      last += 1;
      const id = last;
      return new Promise((resolve, reject) => {
        waiting.set(id, { resolve, reject });
        entry.worker.postMessage({ ...work, id } satisfies BlockWork, [work.bytes.buffer]);
      });
    },
    async close() {
      await Promise.all([reader.close(), ...workers.map(({ worker }) => worker.terminate())]);
    },
  };
}
