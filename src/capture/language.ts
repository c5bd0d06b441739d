/**
 * The language of a text (ISO 639-1), by the database of `eld`, where there is enough of it. Used by `body-facts.ts` and `message.ts`.
 */
import type { LanguageJudge } from "./guess.ts";
import { openScorer } from "./language-scores.ts";

/** Tells languages. Holds a database of some 5 MB: one for each thread. */
export interface LanguageReader {
  /** ISO 639-1 code; `undefined` where the text is too short or no language stands out. */
  language(text: string, encoding?: string): string | undefined;
  /** The likeliest language of however little text, empty where none is, for guessing charsets. */
  readonly judge: LanguageJudge;
}

/** Letters of running text needed at least; a Han character, kana or hangul syllable counts for six. */
const enoughLetters = 24;

/** How far the likeliest language must lead: by more where all letters are ASCII, since many languages share them. */
const wideMargin = 0.04;
const narrowMargin = 0.004;

/** Characters that the detector gets; its time grows with them, its certainty hardly. */
const detected = 240;

/** Characters of raw text for one portion of that. */
const portionLength = 500;

/** Characters of a text that are looked at. */
const lookedAt = 16_000;

/** Encodings that only Japanese text is written in: decides where a text is of Han characters alone. */
const japanese: ReadonlySet<string> = new Set(["iso-2022-jp", "shift_jis", "euc-jp"]);

/** Loads the database (0.1 s). */
export async function openLanguages(): Promise<LanguageReader> {
  const score = await openScorer();
  return {
    language: (text, encoding = "") => {
      for (const words of wordsOf(text)) {
        if (letterCount(words) < enoughLetters) return undefined;
        const margin = /[^ -~]/.test(words) ? narrowMargin : wideMargin;
        const { language, isReliable, first, second } = score(words.slice(0, detected));
        if (isReliable && first - second >= margin) {
          return language === "zh" && japanese.has(encoding) ? "ja" : language;
        }
      }
      return undefined;
    },
    judge: (text) => {
      const { language, first } = score(firstWords(text).slice(0, detected));
      return { language, likeness: first };
    },
  };
}

/** True where a text alone is too short for {@link LanguageReader.language}. */
export function isShort(text: string): boolean {
  return letterCount(firstWords(text)) < enoughLetters;
}

/**
 * Running text without addresses, URLs and codes, in portions of about what is detected in one go: the first, and two
 * more for a letter that opens with names, codes or random words. A portion is short only if the text is.
 */
function* wordsOf(text: string): Generator<string> {
  let words = "";
  let portions = 0;
  for (let at = 0; at < Math.min(text.length, lookedAt) && portions < 3; at += portionLength) {
    words += cleaned(text.slice(at, at + portionLength));
    if (words.length < portionLength / 2) continue;
    yield words;
    portions += 1;
    words = "";
  }
  if (portions === 0) yield words;
}

function firstWords(text: string): string {
  for (const words of wordsOf(text)) return words;
  return "";
}

function cleaned(text: string): string {
  return text.replace(/[!-~]+/g, (token) => (isCode(token) ? " " : token)).replace(/\s+/g, " ");
}

function isCode(token: string): boolean {
  return /[@/\\=_\d]|www\.|\.com/i.test(token);
}

/** Letters, up to a few more than are needed. */
function letterCount(words: string): number {
  let count = 0;
  for (let at = 0; at < words.length && count < enoughLetters; at += 1) {
    const code = words.charCodeAt(at);
    if (code >= 0x3040 && code <= 0xd7a3) count += 6;
    else if ((code | 32) >= 97 && (code | 32) <= 122) count += 1;
    else if (code >= 0xc0 && code < 0x2000) count += 1;
  }
  return count;
}
