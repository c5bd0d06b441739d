/** The thread that writes indexes of collections, so that requests are answered meanwhile: see `collections.ts`. */
import type { DatabaseSync } from "node:sqlite";
import { answerWork } from "../../workers.ts";
import { discardIndex, type IndexedPart, isDamaged, openIndex } from "./schema.ts";
import { addPart, removePart } from "./write.ts";

/** One step: a part in, a part out, or the end of the work on an index for now. `path` is the index's. */
export type IndexWork = { readonly path: string } & (
  | { readonly add: IndexedPart; readonly stored: Uint8Array<ArrayBuffer> }
  | { readonly remove: number }
  | { readonly end: true }
);

/** "discarded" where the index was damaged: it is empty now. */
export type IndexAnswer = "done" | "discarded";

/**
 * Ids are random, and each goes to a place of its own: with less memory most of the time would go into reading those
 * pages, and with small logs into writing them.
 */
const forWriting = "PRAGMA cache_size = -32768; PRAGMA wal_autocheckpoint = 8192;";

/** Indexes that are being written. */
const open = new Map<string, DatabaseSync>();

function opened(path: string): DatabaseSync {
  const known = open.get(path);
  if (known !== undefined) return known;
  const index = openIndex(path);
  index.exec(forWriting);
  open.set(path, index);
  return index;
}

function close(path: string): void {
  open.get(path)?.close();
  open.delete(path);
}

answerWork((work: IndexWork): IndexAnswer => {
  const { path } = work;
  try {
    if ("add" in work) addPart(opened(path), work.add, work.stored);
    else if ("remove" in work) removePart(opened(path), work.remove);
    else close(path);
    return "done";
  } catch (error) {
    close(path);
    if (!isDamaged(error)) throw error;
    discardIndex(path);
    return "discarded";
  }
});
