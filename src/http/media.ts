/**
 * What a client takes: the headers `Accept` and `Accept-Encoding`. Pure.
 *
 * @see RFC 9110 §12.5.1 and §12.5.3, §5.6 (lists, quoted strings)
 */

/** One range of an `Accept` header: lower case, parameters without `q`. */
export interface MediaRange {
  readonly type: string;
  readonly parameters: ReadonlyMap<string, string>;
  /** 0 to 1. */
  readonly weight: number;
}

/** Quoted strings and what stands between separators. A string that isn't closed goes to the end: nothing is tried twice. */
const parts = {
  ",": /(?:"(?:[^"\\]|\\.?)*(?:"|$)|[^,"])+/gs,
  ";": /(?:"(?:[^"\\]|\\.?)*(?:"|$)|[^;"])+/gs,
};

/** Splits at a separator that stands in no quoted string. */
function split(text: string, separator: "," | ";"): string[] {
  return (text.match(parts[separator]) ?? []).map((part) => part.trim());
}

const unquoted = (text: string) => (/^".*"$/s.test(text) ? text.slice(1, -1).replace(/\\(.)/gs, "$1") : text);

/** The ranges of an `Accept` header; everything where there is none. What can't be read is left out. */
export function parseAccept(header: string | undefined): readonly MediaRange[] {
  return split(header ?? "*/*", ",").flatMap((item) => {
    const [type = "", ...rest] = split(item, ";");
    if (!/^[\w!#$&^.+*-]+\/[\w!#$&^.+*-]+$/.test(type)) return [];
    const pairs = rest.map((part) => {
      const equals = part.indexOf("=");
      const name = part.slice(0, Math.max(0, equals)).trim().toLowerCase();
      return [name, unquoted(part.slice(equals + 1).trim())] as const;
    });
    const q = Number(pairs.find(([name]) => name === "q")?.[1] ?? "1");
    const parameters = new Map(pairs.filter(([name]) => name !== "q" && name !== ""));
    return [{ type: type.toLowerCase(), parameters, weight: q >= 0 && q <= 1 ? q : 1 }];
  });
}

/** How specific a range is for a type: 0 where it doesn't cover it, 3 where it names it. */
export function fit(range: MediaRange, type: string): number {
  if (range.type === "*/*") return 1;
  if (range.type.endsWith("/*")) return type.startsWith(range.type.slice(0, -1)) ? 2 : 0;
  return range.type === type ? 3 : 0;
}

/** The type of those offered that the client likes best, the first of several; `undefined` where it takes none. */
export function preferred(header: string | undefined, offered: readonly string[]): string | undefined {
  const ranges = parseAccept(header);
  let best: { readonly type: string; readonly weight: number } | undefined;
  for (const type of offered) {
    const fitting = ranges.filter((range) => fit(range, type) > 0).sort((a, b) => fit(b, type) - fit(a, type));
    const weight = fitting[0]?.weight ?? 0;
    if (weight > (best?.weight ?? 0)) best = { type, weight };
  }
  return best?.type;
}

/** True where the client takes gzip as a content coding. Who says nothing gets none. */
export function takesGzip(header: string | undefined): boolean {
  const codings = split(header ?? "", ",").map((item) => {
    const [name = "", ...rest] = split(item, ";");
    const q = rest.map((part) => /^q=([\d.]+)$/i.exec(part)?.[1]).find((value) => value !== undefined);
    return { name: name.toLowerCase(), weight: Number(q ?? "1") };
  });
  const weightOf = (...names: string[]) => codings.find(({ name }) => names.includes(name))?.weight;
  return (weightOf("gzip", "x-gzip") ?? weightOf("*") ?? 0) > 0;
}
