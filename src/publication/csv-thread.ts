/** A thread that makes lines of packed rows: see `csv.ts`, which starts it. */
import { workerData } from "node:worker_threads";
import { answerWork } from "../workers.ts";
import { type LineFacts, type Lines, lineWriter } from "./csv-lines.ts";

/** A block of packed rows, and memory for their lines. */
export interface LineWork {
  readonly block: Uint8Array<ArrayBuffer>;
  readonly memory: ArrayBuffer;
}

/** The lines, and the block's memory back. */
export interface LineAnswer {
  readonly lines: Lines;
  readonly memory: ArrayBuffer;
}

// What csv.ts passes; Node types it as any.
const linesOf = lineWriter(workerData as LineFacts);

answerWork(
  ({ block, memory }: LineWork): LineAnswer => ({ lines: linesOf(block, memory), memory: block.buffer }),
  ({ lines, memory }) => [lines.bytes.buffer, memory],
);
