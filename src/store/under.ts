/**
 * A store confined below a prefix: what handlers of one partner are given, so that they have no way to name another's
 * keys. The key is checked before the prefix is put before it: a checked key has no `..`, so the whole can't leave.
 */
import { checkFolder, checkKey, checkPrefix } from "./keys.ts";
import type { Store } from "./store.ts";

/**
 * `store` seen from below `prefix`; keys go in and come out without it.
 *
 * @throws SpampotsError `bad-argument` where the prefix isn't a well-formed key (one `/` at its end is allowed); an
 *   empty prefix is refused, since it would confine nothing.
 */
export function confine(store: Store, prefix: string): Store {
  const base = `${checkKey(prefix.replace(/\/$/, ""))}/`;
  const within = (key: string) => base + checkKey(key);
  const below = (part: string) => {
    checkPrefix(part);
    return base + part;
  };
  return {
    url: `${store.url}/${base.slice(0, -1)}`,
    putOnce: async (key, body, options) => store.putOnce(within(key), body, options),
    putFile: async (key, file, options) => store.putFile(within(key), file, options),
    get: async (key) => store.get(within(key)),
    open: async (key, range, options) => store.open(within(key), range, options),
    digest: async (key, options) => store.digest(within(key), options),
    stat: async (key) => store.stat(within(key)),
    async *list(part, options = {}) {
      const after = options.after === undefined ? {} : { after: base + options.after };
      for await (const entry of store.list(below(part), after)) yield { ...entry, key: entry.key.slice(base.length) };
    },
    async *children(part) {
      checkFolder(part);
      yield* store.children(base + part);
    },
    link: async (key, seconds, headers) => store.link(within(key), seconds, headers),
    delete: async (key) => store.delete(within(key)),
    under: (deeper) => confine(store, base + checkKey(deeper.replace(/\/$/, ""))),
  };
}
