/**
 * Instants as spool files and mail headers write them, to milliseconds since 1970 UTC. Pure; no clock, no time zone of
 * the machine. Bounds are left to the caller.
 *
 * @see RFC 3339 §5.6, RFC 5322 §3.3 and §4.3 (obsolete dates and zones)
 */

const zero = 48;
const minuteMs = 60_000;
const monthLengths = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/** Days of a month, 1 to 12, in the Gregorian calendar; 0 for any other. */
function daysIn(year: number, month: number): number {
  const leap = month === 2 && year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  return (monthLengths[month - 1] ?? 0) + (leap ? 1 : 0);
}

/** `count` digits of `text` from `at` as a number; -1 where one isn't a digit. */
function digits(text: string, at: number, count: number): number {
  let number = 0;
  for (let end = at + count; at < end; at += 1) {
    const digit = text.charCodeAt(at) - zero;
    // The comparison is turned round because beyond the end of the text the code is NaN.
    if (!(digit >= 0 && digit <= 9)) return -1;
    number = number * 10 + digit;
  }
  return number;
}

/**
 * Reads an RFC 3339 instant in capitals, with `Z` or an offset and up to nine digits of fraction, cut to milliseconds.
 * `undefined` for anything else, days that a month lacks and leap seconds among it.
 */
export function parseInstant(text: string): number | undefined {
  const length = text.length;
  if (length < 20 || length > 35) return undefined;
  if (text[4] !== "-" || text[7] !== "-" || text[10] !== "T" || text[13] !== ":" || text[16] !== ":") return undefined;
  const year = digits(text, 0, 4);
  const month = digits(text, 5, 2);
  const day = digits(text, 8, 2);
  const hour = digits(text, 11, 2);
  const minute = digits(text, 14, 2);
  const second = digits(text, 17, 2);
  if (year < 0 || day < 1 || day > daysIn(year, month) || hour < 0 || hour > 23) return undefined;
  if (minute < 0 || minute > 59 || second < 0 || second > 59) return undefined;
  let at = 19;
  let ms = 0;
  if (text[at] === ".") {
    const first = at + 1;
    for (at = first; digits(text, at, 1) >= 0; at += 1) if (at - first < 3) ms = ms * 10 + digits(text, at, 1);
    const count = at - first;
    if (count < 1 || count > 9) return undefined;
    if (count < 3) ms *= count === 1 ? 100 : 10;
  }
  const offset = offsetMinutes(text, at);
  return offset === undefined ? undefined : utc(year, month, day, hour, minute, second) + ms - offset * minuteMs;
}

/** Minutes of `Z` or `+hh:mm` that fill the text from `at` to its end. */
function offsetMinutes(text: string, at: number): number | undefined {
  if (text[at] === "Z") return at + 1 === text.length ? 0 : undefined;
  const sign = text[at] === "+" ? 1 : text[at] === "-" ? -1 : 0;
  if (sign === 0 || at + 6 !== text.length || text[at + 3] !== ":") return undefined;
  const hours = digits(text, at + 1, 2);
  const minutes = digits(text, at + 4, 2);
  return hours < 0 || hours > 23 || minutes < 0 || minutes > 59 ? undefined : sign * (hours * 60 + minutes);
}

/** Milliseconds since 1970 of a day and time of the Gregorian calendar. `Date.UTC` says the same in six times the time. */
function utc(year: number, month: number, day: number, hour: number, minute: number, second: number): number {
  // Years from March on have their leap day at the end; 719468 days are from the 1st of March of the year 0 to 1970.
  const marchYear = month > 2 ? year : year - 1;
  const century = Math.floor(marchYear / 100);
  const monthsSinceMarch = month > 2 ? month - 3 : month + 9;
  const dayOfYear = Math.floor((153 * monthsSinceMarch + 2) / 5) + day - 1;
  const days = 365 * marchYear + Math.floor(marchYear / 4) - century + Math.floor(century / 4) + dayOfYear - 719_468;
  return (((days * 24 + hour) * 60 + minute) * 60 + second) * 1000;
}

const months = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/** Minutes east of UTC of the zones that RFC 5322 §4.3 names. It says to take any other name for UTC. */
const zones: ReadonlyMap<string, number> = new Map([
  ["edt", -240],
  ["est", -300],
  ["cdt", -300],
  ["cst", -360],
  ["mdt", -360],
  ["mst", -420],
  ["pdt", -420],
  ["pst", -480],
]);

/** Day name, day, month, year, time, then an offset, a zone's name or nothing. Every part is bounded: no backtracking. */
const mailDate =
  /^\s{0,20}(?:[a-z]{3,9},?\s{1,20})?(\d{1,2})[\s-]{1,20}([a-z]{3})[a-z]{0,6}\.?[\s-]{1,20}(\d{2,4})\s{1,20}(\d{1,2}):(\d{1,2})(?::(\d{1,2}))?(?:\.\d{1,9})?\s{0,20}(?:([+-])(\d{2}):?(\d{2})|([a-z]{1,5}))?(?![\w:])/i;

/**
 * Reads the date of a mail header as RFC 5322 defines it, obsolete forms included: years of two and three digits, zones
 * by name, no seconds. What follows the date (comments) is ignored. `undefined` where there is none.
 */
export function parseMailDate(text: string): number | undefined {
  const match = mailDate.exec(text.slice(0, 200));
  if (match === null) return undefined;
  const [, day = "", monthName = "", yearText = "", hour = "", minute = "", second = "0", sign, east, minutes, zone] =
    match;
  const month = months.indexOf(monthName.toLowerCase()) + 1;
  const year = fullYear(yearText);
  if (month === 0 || Number(day) < 1 || Number(day) > daysIn(year, month)) return undefined;
  if (Number(hour) > 23 || Number(minute) > 59 || Number(second) > 60 || Number(minutes ?? 0) > 59) return undefined;
  const named = zones.get((zone ?? "").toLowerCase()) ?? 0;
  const offset = sign === undefined ? named : (Number(east) * 60 + Number(minutes)) * (sign === "-" ? -1 : 1);
  return utc(year, month, Number(day), Number(hour), Number(minute), Number(second)) - offset * minuteMs;
}

/** RFC 5322 §4.3: two digits below 50 are of this century, other two and all three digits count from 1900. */
function fullYear(text: string): number {
  const year = Number(text);
  if (text.length === 4) return year;
  return text.length === 2 && year < 50 ? year + 2000 : year + 1900;
}
