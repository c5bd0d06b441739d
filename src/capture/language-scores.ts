/**
 * Scores of languages for a short text: what `eld` computes, from its own database, number for number, in a tenth of the
 * time and of the memory. Used by `language.ts`.
 *
 * `eld` keeps its database as 107,000 objects in each thread, takes a third of a second to make them, and looks for
 * each group of letters by a string of its own. Here the file is read as text into flat arrays.
 *
 * @see docs/decisions/0013-languages-scored-from-flat-arrays.md
 */
import { readFile } from "node:fs/promises";
import { SpampotsError } from "../errors.ts";

/** What a text looks like. */
export interface LanguageScore {
  /** ISO 639-1 code of the likeliest language; empty where none is. */
  readonly language: string;
  /** Its score, 0-1, and that of the next one. */
  readonly first: number;
  readonly second: number;
  /** As `eld` says it: enough groups of letters, and a score that is usual for the language. */
  readonly isReliable: boolean;
}

/** A text's scores. At most its first 350 bytes count. */
export type LanguageScorer = (text: string) => LanguageScore;

/** Beside the database: what separates words, a character for each byte of UTF-8, usual scores. */
interface Constants {
  readonly separators: RegExp;
  readonly bytes: Uint8Array;
  readonly usual: Readonly<Record<string, number>>;
}

/** Subtracted from each score of the database to save digits. */
const baseScore = 53;
/** Mean score of a group that comes to 0.5. */
const scale = 25;
/** Part of the usual score that is enough. */
const enough = 0.75;
/** Bytes of a word that are looked at, and of a text: up to the next word, or in any case. */
const wordBytes = 70;
const cutAfter = 350;
const cutAtLast = 380;

const space = 32;
const none: LanguageScore = { language: "", first: 0, second: 0, isReliable: false };

/** Groups of up to six bytes, each with the scores of the languages that it is frequent in, in one open table. */
class Groups {
  static readonly bits = 18;
  readonly #mask = 2 ** Groups.bits - 1;
  /** First and last three bytes of a group, by slot; a free slot has neither. */
  readonly #heads = new Int32Array(2 ** Groups.bits);
  readonly #tails = new Int32Array(2 ** Groups.bits);
  /** Where a group's scores begin, by slot. Each list ends with a language of 255. */
  readonly #starts = new Int32Array(2 ** Groups.bits);
  /** The text in which a group was last seen, by slot. */
  readonly #seen = new Int32Array(2 ** Groups.bits);
  languages = new Uint8Array(1 << 19);
  scores = new Uint8Array(1 << 19);
  #length = 0;
  #count = 0;

  /** Takes the next score of the group added last. */
  score(language: number, score: number): void {
    if (this.#length === this.languages.length) {
      this.languages = grown(this.languages);
      this.scores = grown(this.scores);
    }
    this.languages[this.#length] = language;
    this.scores[this.#length] = score;
    this.#length += 1;
  }

  add(head: number, tail: number): void {
    this.#count += 1;
    if (this.#count > this.#mask / 2) throw unreadable("it is larger than it was");
    const slot = this.#slot(head, tail);
    this.#heads[slot] = head;
    this.#tails[slot] = tail;
    this.#starts[slot] = this.#length;
  }

  /** Where a group's scores begin; -1 where the database lacks it, -2 where it was asked for in this text before. */
  start(head: number, tail: number, text: number): number {
    const slot = this.#slot(head, tail);
    if (this.#heads[slot] === 0) return -1;
    if (this.#seen[slot] === text) return -2;
    this.#seen[slot] = text;
    return this.#starts[slot] ?? -1;
  }

  #slot(head: number, tail: number): number {
    let slot = (Math.imul(head, 0x9e3779b1) ^ Math.imul(tail, 0x85ebca77)) >>> (32 - Groups.bits);
    while (this.#heads[slot] !== 0 && (this.#heads[slot] !== head || this.#tails[slot] !== tail)) {
      slot = (slot + 1) & this.#mask;
    }
    return slot;
  }
}

function grown(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const larger = new Uint8Array(bytes.length * 2);
  larger.set(bytes);
  return larger;
}

function unreadable(reason: string): SpampotsError {
  return new SpampotsError("internal", `The database of languages can't be read: ${reason}.`);
}

/** Reads the database of `eld/medium`. */
export async function openScorer(): Promise<LanguageScorer> {
  const entry = import.meta.resolve("eld/medium");
  const file = (path: string) => new URL(path, entry);
  const { codes, groups } = readDatabase(await readFile(file("../ngrams/medium.js"), "utf8"));
  const scorer = new Scorer(codes, groups, await constantsOf(file));
  return (text) => scorer.score(text);
}

async function constantsOf(file: (path: string) => URL): Promise<Constants> {
  const patterns: { separators: RegExp } = await import(file("../regexPatterns.js").href);
  const bytes: { dictionary: readonly string[] } = await import(file("../dictionary.js").href);
  const scores: { avgScore: Readonly<Record<string, number>> } = await import(file("../avgScore.js").href);
  return {
    separators: patterns.separators,
    bytes: Uint8Array.from(bytes.dictionary, (char) => char.charCodeAt(0)),
    usual: scores.avgScore,
  };
}

/** `{…,languages:{0:'am',…},…,ngrams:{' abc':{0:176,11:3},…}}`, a literal of JavaScript as a minifier writes it. */
function readDatabase(text: string): { codes: string[]; groups: Groups } {
  const codes = [...(/languages:\{([^}]*)\}/.exec(text)?.[1]?.matchAll(/\d+:'(\w+)'/g) ?? [])].map(
    ([, code = ""]) => code,
  );
  const groups = new Groups();
  let at = text.indexOf("ngrams:{") + 8;
  if (codes.length === 0 || at < 8) throw unreadable("it has another form than it had");
  while (text[at] !== "}") {
    const end = endOfKey(text, at);
    const quoted = text[at] === "'" || text[at] === '"';
    const key = quoted ? text.slice(at + 1, end - 1).replace(/\\(.)/g, "$1") : text.slice(at, end);
    groups.add(packed(key, 0), packed(key, 3));
    at = readScores(text, end + 2, groups);
    if (text[at] === ",") at += 1;
  }
  return { codes, groups };
}

function endOfKey(text: string, start: number): number {
  const quote = text[start];
  if (quote !== "'" && quote !== '"') return text.indexOf(":", start);
  let at = start + 1;
  while (text[at] !== quote) at += text[at] === "\\" ? 2 : 1;
  return at + 1;
}

/** `0:176,11:3}`; returns where the brace is passed. */
function readScores(text: string, start: number, groups: Groups): number {
  let number = 0;
  let language = 0;
  for (let at = start; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code >= 48 && code <= 57) number = number * 10 + code - 48;
    else {
      if (code === 58) language = number;
      else groups.score(language, number);
      if (code === 125) {
        groups.score(255, 0);
        return at + 1;
      }
      number = 0;
    }
  }
  throw unreadable("it ends early");
}

/** Up to three bytes from `start` on as a number. */
function packed(key: string, start: number): number {
  let number = 0;
  for (let at = start; at < start + 3; at += 1) number = number * 256 + (at < key.length ? key.charCodeAt(at) : 0);
  return number;
}

class Scorer {
  readonly #codes: readonly string[];
  readonly #groups: Groups;
  readonly #constants: Constants;
  readonly #sums: Int32Array;
  /** Bytes of a word. A text has {@link cutAtLast} and the last character's. */
  readonly #word = new Uint8Array(512);
  /** Number of the text, groups found in it, and those that the database lacks. */
  #text = 0;
  #found = 0;
  readonly #unknown = new Set<number>();
  readonly #tails = new Set<string>();

  constructor(codes: readonly string[], groups: Groups, constants: Constants) {
    this.#codes = codes;
    this.#groups = groups;
    this.#constants = constants;
    this.#sums = new Int32Array(256);
  }

  score(text: string): LanguageScore {
    this.#text += 1;
    this.#found = 0;
    this.#unknown.clear();
    this.#tails.clear();
    this.#sums.fill(0);
    this.#words(text.slice(0, 1000).replace(this.#constants.separators, " ").trim().toLowerCase());
    return this.#result(this.#found + this.#unknown.size + this.#tails.size);
  }

  /** Goes over the words of a text, as the bytes that the database writes UTF-8 in. */
  #words(text: string): void {
    const word = this.#word;
    const { bytes } = this.#constants;
    let length = 0;
    let count = 0;
    for (let at = 0; at < text.length && count <= cutAtLast; at += 1) {
      let code = text.charCodeAt(at);
      if (code === space) {
        if (length > 0) this.#groupsOf(length);
        length = 0;
        count += 1;
        if (count - 1 > cutAfter) return;
        continue;
      }
      const start = length;
      if (code < 0x80) word[length++] = code;
      else {
        if (code >= 0xd800 && code < 0xe000) {
          at += 1;
          code = 0x10000 + (((code & 0x3ff) << 10) | (text.charCodeAt(at) & 0x3ff));
          word[length++] = bytes[0xf0 | (code >> 18)] ?? space;
          word[length++] = bytes[0x80 | ((code >> 12) & 0x3f)] ?? space;
        } else if (code >= 0x800) word[length++] = bytes[0xe0 | (code >> 12)] ?? space;
        word[length++] = bytes[code < 0x800 ? 0xc0 | (code >> 6) : 0x80 | ((code >> 6) & 0x3f)] ?? space;
        word[length++] = bytes[0x80 | (code & 0x3f)] ?? space;
      }
      count += length - start;
    }
    if (length > 0) this.#groupsOf(length);
  }

  /** Every third group of four bytes of a word, and its last; blanks stand for where it begins and ends. */
  #groupsOf(whole: number): void {
    const length = Math.min(whole, wordBytes);
    let at = 0;
    for (; at + 4 < length; at += 3) this.#group(at, at + 4, at === 0, false);
    const last = length === 3 ? 0 : Math.max(0, length - 4);
    // The last group of a word that was cut is all of its rest: no database has it, but it counts as one.
    if (whole > wordBytes) this.#tails.add(Buffer.from(this.#word.subarray(last, whole)).toString("latin1"));
    else this.#group(last, whole, at === 0, true);
  }

  #group(start: number, end: number, begins: boolean, ends: boolean): void {
    let head = 0;
    let tail = 0;
    let place = 0;
    for (let at = begins ? start - 1 : start; at < (ends ? end + 1 : end); at += 1) {
      const byte = at < start || at === end ? space : (this.#word[at] ?? space);
      if (place < 3) head = (head << 8) | byte;
      else tail = (tail << 8) | byte;
      place += 1;
    }
    head <<= 8 * Math.max(0, 3 - place);
    tail <<= 8 * Math.max(0, Math.min(3, 6 - place));
    this.#count(head, tail);
  }

  #count(head: number, tail: number): void {
    const start = this.#groups.start(head, tail, this.#text);
    if (start === -2) return;
    if (start === -1) {
      this.#unknown.add(head * 0x1000000 + tail);
      return;
    }
    this.#found += 1;
    const { languages, scores } = this.#groups;
    for (let at = start; ; at += 1) {
      const language = languages[at] ?? 255;
      if (language === 255) return;
      this.#sums[language] = (this.#sums[language] ?? 0) + (scores[at] ?? 0) + baseScore;
    }
  }

  #result(count: number): LanguageScore {
    const sums = this.#sums;
    let first = -1;
    let second = -1;
    for (let at = 0; at < this.#codes.length; at += 1) {
      const sum = sums[at] ?? 0;
      if (sum <= 0) continue;
      if (first < 0 || sum > (sums[first] ?? 0)) {
        second = first;
        first = at;
      } else if (second < 0 || sum > (sums[second] ?? 0)) second = at;
    }
    const language = this.#codes[first];
    if (language === undefined) return none;
    const scoreOf = (place: number) => {
      const mean = (sums[place] ?? 0) / count;
      return place < 0 ? 0 : mean / (mean + scale);
    };
    const score = scoreOf(first);
    // A score next to the number of the language that comes second: a slip of `eld`'s, without weight, that is kept.
    const isNear = 0.01 > Math.abs(score - Math.max(second, 0));
    const isReliable = count >= 3 && score >= (this.#constants.usual[language] ?? 0) * enough && !isNear;
    return { language, first: score, second: scoreOf(second), isReliable };
  }
}
