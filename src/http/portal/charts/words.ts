/**
 * Numbers and names as the portal's charts write them. AS names and domains are others' words: what turns a reader's eye is
 * taken out here, before anything is drawn, and markup is escaped where text becomes markup. Pure.
 *
 * @see UAX #9 (bidirectional text), UAX #11 (wide characters)
 */
import { plain } from "../../../log.ts";
import { language, number } from "../texts/language.ts";

/** Combining marks on one letter: more would be stacked over the lines above and below. */
const stackedMarks = /(\p{M}{2})\p{M}+/gu;

/** What no XML may hold. */
const noCharacters = /\p{Noncharacter_Code_Point}/gu;

/** Letters that are read from the right: beside a number, they would change its place in a sentence. */
const readFromTheRight = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefe\u{10800}-\u{10fff}\u{1e800}-\u{1eeff}]/u;

/** Longest name in a table, in characters. */
const longestName = 120;

/** Others' text as one harmless line of text: it still has to be escaped. */
export function shown(text: string): string {
  const line = plain(text).replace(noCharacters, "\ufffd").replace(stackedMarks, "$1").trim();
  const characters = [...line];
  return characters.length > longestName ? `${characters.slice(0, longestName - 1).join("")}…` : line;
}

/** A domain that no program makes a link of: `example[.]com`. */
export function defanged(domain: string): string {
  return shown(domain).replaceAll(".", "[.]");
}

/** `AS3462 (Data Communication Business Group)`, without a name that would turn the sentence around it. */
export function systemInSentence(asn: number, name: string): string {
  const clean = shown(name);
  return clean === "" || readFromTheRight.test(clean) ? `AS${asn}` : `AS${asn} (${fitted(clean, 40, 1)})`;
}

/** Rough width of a character, of a font of size 1: sans-serif fonts differ, and none is measured here. Rather too wide. */
function widthOf(character: string): number {
  if (/\p{M}/u.test(character)) return 0;
  if (
    /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe4f\uff00-\uff60\u{1f300}-\u{3ffff}]/u.test(
      character,
    )
  ) {
    return 1;
  }
  if (/[MW@%…—]/.test(character)) return 0.98;
  if (/[A-Z\ufffd]/.test(character)) return 0.72;
  return /[iljft.,:;'|()[\]! ]/.test(character) ? 0.37 : 0.63;
}

/** Rough width of a text in a sans-serif font of `size`, in the same unit. */
export function textWidth(text: string, size: number): number {
  let width = 0;
  for (const character of text) width += widthOf(character) * size;
  return width;
}

/** As much of `text` as has room in `width` at font `size`, an ellipsis at its end where it was cut. */
export function fitted(text: string, width: number, size: number): string {
  if (textWidth(text, size) <= width) return text;
  const kept: string[] = [];
  let room = width - textWidth("…", size);
  for (const character of text) {
    room -= widthOf(character) * size;
    if (room < 0) break;
    kept.push(character);
  }
  return `${kept.join("").trimEnd()}…`;
}

const compact = new Intl.NumberFormat(language, { notation: "compact", maximumSignificantDigits: 3 });
const shortest = new Intl.NumberFormat(language, { notation: "compact", maximumSignificantDigits: 2 });

/** `48,211`, and `12.3M` where that is longer than nine characters. */
export const roomyNumber = (value: number): string =>
  Math.abs(value) < 10_000_000 ? number(value) : compact.format(value);

/** `48.2K` */
export const shortNumber = (value: number): string =>
  Math.abs(value) < 10_000 ? number(value) : compact.format(value);

/** `48K` */
export const shortestNumber = (value: number): string =>
  Math.abs(value) < 1000 ? number(value) : shortest.format(value);

/** `3.5`, `3,504`: a rate, with a decimal where it is small. */
export const rate = (value: number): string => number(value < 100 ? value : Math.round(value));

/** A part of a whole in whole percent, cut off so that only the whole is 100; 0 of nothing. */
export const percentOf = (part: number, whole: number): number => (whole === 0 ? 0 : Math.floor((part * 100) / whole));

/** A share as people say it: `73 %`, `less than 1 %`. */
export function share(part: number, whole: number): string {
  const percent = percentOf(part, whole);
  return percent === 0 && part > 0 ? "less than 1 %" : `${percent} %`;
}

/** What a change is told from. */
export interface Compared {
  readonly now: number;
  readonly before: number;
  readonly change_percent: number | null;
}

/** `+12 %`, `−8 %`, `0 %`; `new` where there was nothing before, and nothing where there is nothing. */
export function change({ now, before, change_percent: percent }: Compared): string {
  if (percent === null) return before === 0 && now > 0 ? "new" : "";
  return percent > 0 ? `+${number(percent)} %` : percent < 0 ? `−${number(-percent)} %` : "0 %";
}

const economyNames = new Intl.DisplayNames(language, { type: "region", fallback: "none" });
const languageNames = new Intl.DisplayNames(language, { type: "language", fallback: "none" });

/** `Taiwan` of `TW`; the code where it has no name. */
export function economyName(code: string): string {
  if (code === "ZZ" || code === "") return "unknown";
  return /^[A-Z]{2}$/.test(code) ? (economyNames.of(code) ?? code) : shown(code);
}

/** `Chinese` of `zh`; `unknown` of nothing. */
export function languageName(code: string): string {
  if (code === "") return "unknown";
  return /^[a-z]{2,3}$/.test(code) ? (languageNames.of(code) ?? code) : shown(code);
}

const weekdays = new Intl.DateTimeFormat("en-GB", {
  weekday: "short",
  day: "numeric",
  month: "short",
  timeZone: "UTC",
});

/** `Mon 9 Nov` of `2026-11-09`. */
export function dayName(day: string): string {
  return weekdays.format(new Date(`${day}T00:00:00Z`)).replace(",", "");
}

/** `Unknown` of `unknown`. */
export const sentenceCase = (text: string): string => {
  const [first = "", ...rest] = text;
  return first.toUpperCase() + rest.join("");
};
