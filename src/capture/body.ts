/**
 * The normalised body and its digest: what the copies of one campaign have in common. Used by `body-facts.ts`.
 *
 * Removed is what a spammer's software varies from copy to copy without effort, and no more, so that different texts
 * stay different:
 *
 * 1. Markup: the text is the visible one, of all inline text parts in order (plain and HTML alternatives alike).
 * 2. Case, by `toLowerCase`; invisible characters; runs of blanks, line breaks and control characters become one space.
 * 3. A word that holds an `@` between other characters (a recipient's address) becomes `@`.
 * 4. A URL loses its query and fragment (a recipient's mark).
 * 5. A run of ASCII letters and digits that has a digit in it (order numbers, hashes, dates, tracking marks) becomes `0`.
 * 6. Only the first {@link maxNormal} characters count.
 *
 * Random words made of letters alone are left: removing them would remove words.
 */
import { hash } from "node:crypto";

/** Characters of the text that are normalised. */
export const maxNormal = 1 << 20;

/** The text as the copies of a campaign share it; see the file's header for the steps. */
export function normaliseBody(text: string): string {
  const visible = text
    .slice(0, maxNormal)
    .replace(/\p{Cf}+/gu, "")
    .toLowerCase();
  const pieces: string[] = [];
  // Words that stay as they are, with one space between, are taken together: from `kept` to before `keptEnd`.
  let kept = 0;
  let keptEnd = 0;
  let start = 0;
  let isPlain = true;
  for (let at = 0; at <= visible.length; at += 1) {
    const code = visible.charCodeAt(at);
    if (at < visible.length && !isBlank(code)) {
      if (isTelling(code)) isPlain = false;
      continue;
    }
    if (at > start) {
      const goesOn = isPlain && keptEnd > kept && start === keptEnd + 1 && visible.charCodeAt(keptEnd) === 32;
      if (!goesOn) {
        if (keptEnd > kept) pieces.push(visible.slice(kept, keptEnd));
        kept = start;
      }
      if (isPlain) keptEnd = at;
      else {
        pieces.push(normaliseWord(visible.slice(start, at)));
        kept = keptEnd = at;
      }
    }
    start = at + 1;
    isPlain = true;
  }
  if (keptEnd > kept) pieces.push(visible.slice(kept, keptEnd));
  return pieces.join(" ");
}

/** White space and control characters. */
function isBlank(code: number): boolean {
  if (code < 0x7f) return code <= 32;
  return code <= 0xa0 || (code >= 0x2000 && code <= 0x200a) || code === 0x2028 || code === 0x2029 || code === 0x3000;
}

/** A digit, `@`, `?` or `#`: what a word that is changed has in it. */
function isTelling(code: number): boolean {
  return (code >= 48 && code <= 57) || code === 64 || code === 63 || code === 35;
}

/** Chinese and Japanese have no blanks: an address or URL in such a text is the run of ASCII around it. */
function normaliseWord(word: string): string {
  return word.replace(/[!-~]+/g, normaliseRun);
}

function normaliseRun(run: string): string {
  const sign = run.indexOf("@");
  return sign > 0 && sign < run.length - 1 ? "@" : zeroed(withoutQuery(run));
}

/** The word up to the query or fragment of a URL in it. */
function withoutQuery(word: string): string {
  const scheme = word.indexOf("://");
  if (scheme < 0 && !word.startsWith("www.")) return word;
  const query = word.indexOf("?", Math.max(0, scheme));
  const fragment = word.indexOf("#", Math.max(0, scheme));
  const cut = Math.min(query < 0 ? word.length : query, fragment < 0 ? word.length : fragment);
  return word.slice(0, cut);
}

/** Runs of ASCII letters and digits that hold a digit replaced by `0`. */
function zeroed(word: string): string {
  return word.replace(/[a-z0-9]+/g, (run) => (/[0-9]/.test(run) ? "0" : run));
}

/**
 * Digest of a body by what it shows: its normalised text; without any, the hosts it links to; without these, the digests
 * of its attachments. Hex SHA-256.
 */
export function bodyDigest(normal: string, urls: readonly string[], attachments: readonly string[]): string {
  if (normal !== "") return hash("sha256", `text\n${normal}`);
  if (urls.length > 0) return hash("sha256", `hosts\n${urls.map((url) => url.split("/")[2] ?? "").join("\n")}`);
  return hash("sha256", `attachments\n${attachments.join("\n")}`);
}
