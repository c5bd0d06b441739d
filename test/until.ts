/** Waiting for what another process, or another task of this one, is about to do. */
import { setTimeout as sleep } from "node:timers/promises";

/** What `look` finds, as soon as it finds something: for as long as a slow machine may need. */
export async function until<T>(
  look: () => T | undefined | false | Promise<T | undefined | false>,
  what: string,
  longest = 30_000,
) {
  for (let waited = 0; waited < longest; waited += 50) {
    const found = await (async () => look())().catch(() => undefined);
    if (found !== undefined && found !== false) return found;
    await sleep(50);
  }
  throw new Error(`waited in vain: ${what}`);
}
