/**
 * Which encoding 8-bit bytes are of, where the label is missing or wrong. Used by `text.ts` only.
 *
 * Two questions, each a count over a bounded sample. First, the shape of the words that hold high bytes: letters with
 * accents stand single among ASCII letters, while Chinese, Japanese, Korean and Cyrillic are made of high bytes. Then,
 * within the second family, how well the bytes fit where each encoding keeps its *common* characters: the first level
 * of Big5, GB 2312, JIS X 0208 and KS X 1001, the frequent letters of Russian. Within the first family the caller's
 * judge of languages decides, because those encodings differ in a few accents only.
 *
 * @see https://www-archive.mozilla.org/projects/intl/universalcharsetdetection the idea of distribution over code space
 */

/** The language a text looks most like, and how much, 0-1. */
export type LanguageJudge = (text: string) => { readonly language: string; readonly likeness: number };

/** A reading of Latin letters: how many characters are out of place, and what language it looks like. */
interface LatinReading extends ReturnType<LanguageJudge> {
  readonly encoding: string;
  readonly odd: number;
}

/** What helps a guess: see `Hints` in `text.ts`. */
export interface GuessHints {
  readonly near?: string;
  readonly judge?: LanguageJudge;
  readonly decode: (bytes: Uint8Array, encoding: string) => string;
}

/** Bytes looked at: enough for statistics, few enough for a message made to be slow. */
const sampleBytes = 4096;

/** Points for a pair of bytes, 2 at most, since it stands for two bytes; `undefined` where the pair isn't of the encoding. */
type PairPoints = (lead: number, trail: number) => number | undefined;

const between = (byte: number, low: number, high: number): boolean => byte >= low && byte <= high;

/** Points by where an encoding keeps its common characters, its punctuation, its rare characters and its later additions. */
const pairs: Readonly<Record<string, PairPoints>> = {
  gbk: (lead, trail) => {
    // Half of a four-byte character of GB 18030.
    if (between(lead, 0x81, 0xfe) && between(trail, 0x30, 0x39)) return 0;
    if (!between(lead, 0x81, 0xfe) || !between(trail, 0x40, 0xfe) || trail === 0x7f) return undefined;
    if (trail < 0xa1) return -0.5;
    if (between(lead, 0xb0, 0xd7)) return 2;
    if (between(lead, 0xa1, 0xa3)) return 1.5;
    // Cyrillic, Greek and kana of GB 2312: some mailers send Russian so.
    if (between(lead, 0xa4, 0xa7)) return 1;
    return lead === 0xa9 || between(lead, 0xd8, 0xf7) ? 0.5 : -0.5;
  },
  big5: (lead, trail) => {
    if (!between(lead, 0x81, 0xfe) || !(between(trail, 0x40, 0x7e) || between(trail, 0xa1, 0xfe))) return undefined;
    if (between(lead, 0xa4, 0xc6)) return 2;
    if (between(lead, 0xa1, 0xa3)) return 1.5;
    return between(lead, 0xc9, 0xf9) ? 0.3 : -1;
  },
  "euc-kr": (lead, trail) => {
    if (!between(lead, 0x81, 0xfe) || !between(trail, 0x41, 0xfe)) return undefined;
    if (trail < 0xa1) return -0.5;
    // Slightly more than in GBK: Chinese has half of its characters above, so none above is Korean.
    if (between(lead, 0xb0, 0xc8)) return 2.2;
    if (between(lead, 0xa1, 0xa3)) return 1.5;
    if (between(lead, 0xa4, 0xac)) return 0.5;
    return between(lead, 0xca, 0xfd) ? 0 : -0.5;
  },
  "euc-jp": (lead, trail) => {
    if (lead === 0x8e) return between(trail, 0xa1, 0xdf) ? -0.5 : undefined;
    if (!between(lead, 0xa1, 0xfe) || !between(trail, 0xa1, 0xfe)) return undefined;
    if (lead === 0xa4 || lead === 0xa5) return 2.6;
    if (between(lead, 0xb0, 0xcf)) return 1.9;
    if (between(lead, 0xa1, 0xa3)) return 1.5;
    if (between(lead, 0xa6, 0xa8)) return 0.8;
    return between(lead, 0xd0, 0xf4) ? 0.3 : -1;
  },
  shift_jis: (lead, trail) => {
    if (!(between(lead, 0x81, 0x9f) || between(lead, 0xe0, 0xfc)) || !between(trail, 0x40, 0xfc)) return undefined;
    if ((lead === 0x82 && trail >= 0x9f) || (lead === 0x83 && trail <= 0x96)) return 2.4;
    if (between(lead, 0x88, 0x97)) return 1.8;
    if (lead === 0x81 || lead === 0x82) return 1.5;
    if (lead === 0x84) return 0.8;
    return between(lead, 0x98, 0x9f) || between(lead, 0xe0, 0xea) ? 0.3 : -1;
  },
};

/** Letters of Russian from the most to the least frequent; the last are rarer than one in a hundred. */
const cyrillicOrder = "оеаинтсрвлкмдпуяыьгзбчйхжшюцщэфъёіїєґ";

/** Signs that Russian text has and that say nothing. */
const cyrillicSigns = "«»–—„“”№\u00a0…";
const cyrillic: readonly string[] = ["windows-1251", "koi8-r"];

/** Encodings of Latin letters that a judge chooses from; the first is the default. */
const latin = ["windows-1252", "iso-8859-2", "windows-1250", "windows-1254", "windows-1257"] as const;

/** Where the accented letters of a language are, if not in the first. */
const latinOf: Readonly<Record<string, readonly string[]>> = {
  ...Object.fromEntries(
    ["pl", "cs", "sk", "hu", "sl", "hr", "ro"].map((code) => [code, ["iso-8859-2", "windows-1250"]]),
  ),
  tr: ["windows-1254"],
  lt: ["windows-1257"],
  lv: ["windows-1257"],
};

/** Encodings of the text around that say what Latin letters with accents are in. */
const specific = /^(?:iso-8859-|windows-125[03-8]|macintosh)/;

/** Encodings of Latin letters. */
const accented = /^(?:iso-8859-(?:1|2|3|4|9|10|13|14|15|16)|windows-125[02478]|macintosh)$/;

/** Names of the same repertoire: what is known of the first holds for the second. */
const alike: Readonly<Record<string, string>> = { gb18030: "gbk", "koi8-u": "koi8-r" };

/**
 * How well the bytes fit an encoding, about 1 for ordinary text and mostly below 0.8 for another encoding's; `undefined`
 * for encodings that this file can't tell.
 */
function plausibility(bytes: Uint8Array, encoding: string, decode: GuessHints["decode"]): number | undefined {
  const name = alike[encoding] ?? encoding;
  const points = pairs[name];
  if (points !== undefined) return fitOfPairs(bytes, points);
  return cyrillic.includes(name) ? fitOfCyrillic(decode(bytes, name)) : undefined;
}

/**
 * True where bytes are clearly not of the encoding they are declared as: they hardly fit, another Cyrillic encoding fits
 * better, or letters with accents would make up whole words.
 */
export function contradicts(bytes: Uint8Array, declared: string, hints: GuessHints): boolean {
  const sample = sampleOf(bytes);
  if (accented.test(declared)) return guessMistaken(sample, hints) !== undefined;
  const fit = plausibility(sample, declared, hints.decode);
  if (fit === undefined) return false;
  const isCyrillic = cyrillic.includes(alike[declared] ?? declared);
  const rivals = isCyrillic ? cyrillic.map((other) => plausibility(sample, other, hints.decode) ?? 0) : [];
  return fit < 0.25 || rivals.some((rival) => rival > fit + 0.1);
}

/** The encoding the bytes are most likely of, as `TextDecoder` names it; `undefined` where none of those known fits. */
export function guessEncoding(bytes: Uint8Array, hints: GuessHints): string | undefined {
  const sample = sampleOf(bytes);
  const share = highShare(sample);
  // A Latin word has a few accents; a word of the others has hardly an ASCII letter in it.
  const wide = share > 0.45 ? guessWide(sample, hints, 0.5) : undefined;
  if (wide !== undefined) return wide;
  // Only signs that stand alone, such as a no-break space: nothing to judge by.
  if (share === 1) return latin[0];
  return share < 0.6 ? guessLatin(sample, hints) : undefined;
}

/**
 * The encoding of bytes that somebody took for Latin letters; `undefined` unless there is no doubt, since they may be
 * such letters.
 */
export function guessMistaken(bytes: Uint8Array, hints: GuessHints): string | undefined {
  const sample = sampleOf(bytes);
  const enough = sample.reduce((count, byte) => count + (byte >>> 7), 0) >= 6;
  return enough && highShare(sample) > 0.7 ? guessWide(sample, hints, 0.75) : undefined;
}

/** The best fit above `least` of the encodings whose text is made of high bytes. */
function guessWide(sample: Uint8Array, { near, decode }: GuessHints, least: number): string | undefined {
  let best: string | undefined;
  let most = least;
  for (const encoding of [...Object.keys(pairs), ...cyrillic]) {
    // The surrounding text's encoding wins a near tie: a subject has few bytes to judge by.
    const bonus = near !== undefined && (alike[near] ?? near) === encoding ? 0.3 : 0;
    const fit = (plausibility(sample, encoding, decode) ?? 0) + bonus;
    if (fit > most) {
      most = fit;
      best = encoding;
    }
  }
  return best;
}

/**
 * By the language, which shows through wrong accents; only where something is odd about the ordinary reading are the
 * others looked at. Where a language's letters are in two encodings, the one counts that leaves less odd.
 */
function guessLatin(sample: Uint8Array, { near, judge, decode }: GuessHints): string {
  if (near !== undefined && specific.test(near)) return near;
  if (judge === undefined) return latin[0];
  const read = (encoding: string): LatinReading => {
    const text = decode(sample, encoding);
    return { encoding, odd: oddities(text), ...judge(text) };
  };
  const ordinary = read(latin[0]);
  if (ordinary.odd === 0 && latinOf[ordinary.language] === undefined) return latin[0];
  const readings = [ordinary, ...latin.slice(1).map(read)];
  const likeliest = readings.reduce((best, reading) => (reading.likeness > best.likeness + 0.01 ? reading : best));
  const wanted = latinOf[likeliest.language] ?? [latin[0]];
  const suited = readings.filter(({ encoding }) => wanted.includes(encoding));
  return suited.reduce((best, reading) => (reading.odd < best.odd ? reading : best), suited[0] ?? likeliest).encoding;
}

/** Characters beyond ASCII beside a letter that are no letters themselves: a sign that the encoding is another. */
function oddities(text: string): number {
  return text.match(/(?<=\p{L})[^\p{ASCII}\p{L}\p{P}\u00a0]|[^\p{ASCII}\p{L}\p{P}\u00a0](?=\p{L})/gu)?.length ?? 0;
}

/** From a little before the first high byte: the markup before it says nothing. */
function sampleOf(bytes: Uint8Array): Uint8Array {
  let first = 0;
  while (first < bytes.length && (bytes[first] ?? 0) < 0x80) first += 1;
  const start = Math.max(0, first - 32);
  return bytes.subarray(start, start + sampleBytes);
}

/** Share of high bytes among the letters of those words that hold any. 0 where there are none. */
function highShare(sample: Uint8Array): number {
  let high = 0;
  let letters = 0;
  let wordHigh = 0;
  let wordLetters = 0;
  for (let at = 0; at <= sample.length; at += 1) {
    const byte = sample[at] ?? 32;
    if (byte >= 0x80) wordHigh += 1;
    else if (between(byte | 32, 97, 122)) wordLetters += 1;
    else {
      if (wordHigh > 0) {
        high += wordHigh;
        letters += wordLetters;
      }
      wordHigh = 0;
      wordLetters = 0;
    }
  }
  return high === 0 ? 0 : high / (high + letters);
}

/** Mean points of a high byte when read as pairs of an encoding. */
function fitOfPairs(sample: Uint8Array, points: PairPoints): number {
  let sum = 0;
  let seen = 0;
  for (let at = 0; at < sample.length; at += 1) {
    const lead = sample[at] ?? 0;
    if (lead < 0x80) continue;
    const trail = sample[at + 1];
    // The sample may end within a pair.
    if (trail === undefined) break;
    const pair = points(lead, trail);
    if (pair !== undefined) at += 1;
    // A ruled line is one character, however long.
    if (pair !== undefined && lead === sample[at - 3] && trail === sample[at - 2]) continue;
    seen += pair === undefined ? 1 : 2;
    sum += pair ?? -2;
  }
  return seen === 0 ? 0 : sum / seen;
}

/**
 * Mean points of a character beyond ASCII: frequent letters count most; a capital after a small letter counts against, and
 * so does a letter beside an ASCII letter, as accents are. `undefined` where there is no letter.
 */
function fitOfCyrillic(text: string): number | undefined {
  let sum = 0;
  let seen = 0;
  let before = " ";
  for (let at = 0; at < text.length; at += 1) {
    const char = text.charAt(at);
    if (char.charCodeAt(0) >= 0x80 && !cyrillicSigns.includes(char)) {
      seen += 1;
      const mixed = /[A-Za-z]/.test(before) || /[A-Za-z]/.test(text.charAt(at + 1));
      sum += mixed ? -1 : cyrillicPoints(char, before);
    }
    before = char;
  }
  return seen === 0 ? undefined : sum / seen;
}

function cyrillicPoints(char: string, before: string): number {
  const lower = char.toLowerCase();
  const rank = cyrillicOrder.indexOf(lower);
  if (rank < 0) return -1;
  if (char !== lower && /[а-яё]/.test(before)) return -1;
  return rank < 12 ? 1.25 : rank < 24 ? 0.8 : 0;
}
