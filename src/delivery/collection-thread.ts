/** The thread that writes indexes of collections, so that requests are answered meanwhile: see `collections.ts`. */
import { answerWork } from "../workers.ts";
import { discardIndex, type IndexedPart, isDamaged, openIndex } from "./collection-schema.ts";
import { addPart, removePart } from "./collection-write.ts";

/** One step: a part in, or a part out. `path` is the index's. */
export type IndexWork = { readonly path: string } & (
  | { readonly add: IndexedPart; readonly stored: Uint8Array<ArrayBuffer> }
  | { readonly remove: number }
);

/** "discarded" where the index was damaged: it is empty now. */
export type IndexAnswer = "done" | "discarded";

function write(work: IndexWork): void {
  const index = openIndex(work.path);
  try {
    if ("add" in work) addPart(index, work.add, work.stored);
    else removePart(index, work.remove);
  } finally {
    index.close();
  }
}

answerWork((work: IndexWork): IndexAnswer => {
  try {
    write(work);
    return "done";
  } catch (error) {
    if (!isDamaged(error)) throw error;
    discardIndex(work.path);
    return "discarded";
  }
});
