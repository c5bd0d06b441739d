/**
 * Unicode's compatibility form of texts that spammers wrote, in linear time. Used where texts are compared by what they
 * look like: `probe.ts` and `lake/rows/recipients.ts`.
 *
 * @see UAX #15: section 1.2 (NFKC), section 13 (Stream-Safe Text Format)
 */

/** Marks in a row that combine with a letter; half-width voicing becomes such a mark. */
const manyMarks = /[\p{M}\uff9e\uff9f]{30}(?=[\p{M}\uff9e\uff9f])/gu;

/**
 * `text` in NFKC: full-width letters, digits and dots become plain ones. Marks are sorted within their run, which takes
 * quadratic time; so a joiner (U+034F) goes in after each thirty of them, more than any language writes.
 */
export function compatible(text: string): string {
  const bounded = text.length > 30 ? text.replace(manyMarks, "$&\u034f") : text;
  return bounded.normalize("NFKC");
}
