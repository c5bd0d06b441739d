/** A thread that packs parts: see `stix-parts.ts`, which starts it. */
import { answerWork } from "../workers.ts";
import { type Packed, pack } from "./packed.ts";

/** A content at the beginning of memory. */
export interface PackWork {
  readonly memory: ArrayBuffer;
  readonly bytes: number;
}

/** The file, and the memory back. */
export interface PackAnswer {
  readonly packed: Packed;
  readonly memory: ArrayBuffer;
}

answerWork(
  ({ memory, bytes }: PackWork): PackAnswer => ({ packed: pack(new Uint8Array(memory, 0, bytes)), memory }),
  ({ packed, memory }) => [packed.file.buffer, memory],
);
