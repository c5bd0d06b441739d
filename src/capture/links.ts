/**
 * http and https URLs in texts and attributes of a body. Used by `body-facts.ts`. Nothing is resolved or fetched. A URL
 * is what the WHATWG URL standard makes of the text, so that numeric, percent-encoded and full-width hosts come out as
 * the browser would take them.
 */

/** At most so many distinct URLs are kept, each of at most so many characters; see `MessageFacts.urls`. */
const maxUrls = 100;
const maxUrlLength = 2000;

/** Candidates looked at: more are not a mail's. */
const maxCandidates = 1000;

/** What is looked at of a candidate: a longer query is cut, a longer path makes it too long anyway. */
const maxCandidate = 8192;

/** A host of more characters, as written, is no name: to normalise it takes quadratic time. */
const maxHost = 1024;

/** Gathers the URLs of one body, in order of appearance. */
export class UrlCollector {
  readonly #urls = new Set<string>();
  readonly #written = new Set<string>();

  /** Distinct URLs without user-info, query and fragment. */
  get urls(): string[] {
    return [...this.#urls];
  }

  /** The same and further candidates in full, as a browser would read them and percent-decoded: for searching only. */
  get written(): Iterable<string> {
    return this.#written;
  }

  /** Takes a value of `href` and the like: a URL, perhaps with line breaks and blanks that browsers pass over. */
  link(value: string): void {
    const trimmed = value
      .slice(0, maxCandidate)
      .replace(/[\t\r\n]/g, "")
      .trim();
    if (/^https?:/i.test(trimmed)) this.#add(trimmed);
    else if (trimmed.startsWith("//")) this.#add(`http:${trimmed}`);
    else if (/^www\./i.test(trimmed)) this.#add(`http://${trimmed}`);
  }

  /** Takes the URLs in running text: after `http://`, `https://`, or `www.` where a word begins. */
  text(text: string): void {
    const start = /https?:\/\/|(?<![\w.@/-])www\.(?=[^\s.])/gi;
    for (let match = start.exec(text); match !== null; match = start.exec(text)) {
      if (this.#written.size >= maxCandidates) return;
      const end = endOfUrl(text, match.index + match[0].length);
      const found = text.slice(match.index, trimmedEnd(text, match.index, end));
      this.#add(/^www/i.test(found) ? `http://${found}` : found);
      start.lastIndex = end;
    }
  }

  #add(candidate: string): void {
    if (this.#written.size >= maxCandidates || this.#written.has(candidate)) return;
    this.#written.add(candidate);
    if (hostLength(candidate) > maxHost) return;
    const url = URL.parse(candidate);
    if (url === null || url.hostname === "" || !/^https?:$/.test(url.protocol)) return;
    this.#written.add(percentDecoded(url.href));
    const kept = `${url.protocol}//${url.host}${url.pathname}`;
    if (kept.length <= maxUrlLength && this.#urls.size < maxUrls) this.#urls.add(kept);
  }
}

/** Length of host and port as they are written in a URL that may lack slashes or have too many. */
function hostLength(candidate: string): number {
  const authority = /^https?:[/\\]*([^/\\?#]*)/i.exec(candidate)?.[1] ?? "";
  return authority.length - authority.lastIndexOf("@") - 1;
}

/**
 * Offset after the last character of a URL that starts before `from`. CJK text often goes on without a blank: where the
 * host begins in another script, a character of that script ends the URL.
 */
function endOfUrl(text: string, from: number): number {
  const limit = Math.min(text.length, from + maxCandidate);
  const wideHost = isEastAsian(text.charCodeAt(from));
  let at = from;
  while (at < limit) {
    const code = text.charCodeAt(at);
    if (code <= 32 || code === 0x7f || code === 0xa0 || code === 0xfffd || '<>"`{}|^\\'.includes(text.charAt(at)))
      break;
    if ((code >= 0x2000 && code <= 0x206f) || (code >= 0x3000 && code <= 0x303f)) break;
    if (!wideHost && isEastAsian(code)) break;
    at += 1;
  }
  return at;
}

/** Han, kana, hangul and their full-width forms and punctuation. */
function isEastAsian(code: number): boolean {
  return code >= 0x2e80 && code <= 0xffef;
}

/** Without the punctuation of the sentence around it. */
function trimmedEnd(text: string, start: number, end: number): number {
  let last = end;
  while (last > start && ".,;:!?)]*_~'-".includes(text.charAt(last - 1))) last -= 1;
  return last;
}

function percentDecoded(text: string): string {
  if (!text.includes("%")) return text;
  return text.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}
