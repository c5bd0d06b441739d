/** Stores for tests of what a killed process leaves: every change from the n-th on fails, before or after it took place. */
import { createHash } from "node:crypto";
import type { Store } from "../../src/store/store.ts";
import { confine } from "../../src/store/under.ts";

export class Killed extends Error {}

/**
 * The store until `changes` changes were made; the next one takes place only where `after` is true, and then nothing is
 * answered any more.
 */
export function killedStore(store: Store, changes: number, after: boolean): Store {
  let left = changes;
  const change = async <T>(work: () => Promise<T>): Promise<T> => {
    left -= 1;
    if (left >= 0) return work();
    if (left === -1 && after) await work();
    throw new Killed("killed");
  };
  const killed: Store = {
    ...store,
    putOnce: (...put) => change(() => store.putOnce(...put)),
    putFile: (...put) => change(() => store.putFile(...put)),
    delete: (key) => change(() => store.delete(key)),
    under: (prefix) => confine(killed, prefix),
  };
  return killed;
}

/** Every key of a store with the digest of its bytes. */
export async function contentsOf(store: Store, prefix = ""): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for await (const { key } of store.list(prefix)) {
    const bytes = await store.get(key);
    if (bytes) found.set(key, createHash("sha256").update(bytes).digest("hex"));
  }
  return found;
}
