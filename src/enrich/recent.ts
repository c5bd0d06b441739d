/**
 * A bounded memory of answers by text. Spam repeats: a week has some 20,000 source addresses and few recipient domains,
 * but whoever writes them could also make each one new, so what is kept is bounded.
 */

/**
 * `answer` with its newest answers remembered: at least the last `limit` distinct texts, at most twice as many. What
 * was asked again since the last turn stays; the rest is dropped at once, without order kept per entry.
 */
export function remembered<T>(limit: number, answer: (text: string) => T): (text: string) => T {
  let young = new Map<string, { readonly value: T }>();
  let old: typeof young = new Map();
  return (text) => {
    const known = young.get(text);
    if (known !== undefined) return known.value;
    const entry = old.get(text) ?? { value: answer(text) };
    if (young.size >= limit) {
      old = young;
      young = new Map();
    }
    young.set(text, entry);
    return entry.value;
  };
}
