/**
 * Periods: half-open UTC intervals of capture time with names that sort and that people read. Pure.
 *
 * @see ISO 8601-1:2019 §4.2.2 (week dates): a week begins on Monday; week 1 holds the year's first Thursday.
 */
import { SpampotsError } from "../errors.ts";
import { type Cadence, dayMs, hourMs, type Period } from "../model.ts";

const lengthMs: Readonly<Record<Cadence, number>> = { hour: hourMs, day: dayMs, week: 7 * dayMs };

/** 1970-01-05 was the first Monday after the epoch. */
const firstMonday = 4 * dayMs;

/** `2026-11-10` of the UTC day that holds `instant`. */
export function dayId(instant: number): string {
  return new Date(instant).toISOString().slice(0, 10);
}

/** `2026-11-10T03:12:44Z`: whole seconds, the fraction cut off. */
export function secondsInstant(instant: number): string {
  return `${new Date(instant).toISOString().slice(0, 19)}Z`;
}

function weekId(start: number): string {
  const thursday = new Date(start + 3 * dayMs);
  const year = thursday.getUTCFullYear();
  const week = Math.floor((thursday.getTime() - Date.UTC(year, 0, 1)) / lengthMs.week) + 1;
  return `${year}-W${String(week).padStart(2, "0")}`;
}

function idOf(every: Cadence, start: number): string {
  if (every === "week") return weekId(start);
  return every === "day" ? dayId(start) : new Date(start).toISOString().slice(0, 13);
}

/** The period of a cadence that holds `instant`. */
export function periodAt(every: Cadence, instant: number): Period {
  const origin = every === "week" ? firstMonday : 0;
  const length = lengthMs[every];
  const start = Math.floor((instant - origin) / length) * length + origin;
  return { every, id: idOf(every, start), start, end: start + length };
}

/** The period before it, of the same cadence. */
export function previousPeriod(period: Period): Period {
  return periodAt(period.every, period.start - 1);
}

/** Periods of a cadence that end after `from` and end at or before `to`, oldest first. */
export function* periodsBetween(every: Cadence, from: number, to: number): Generator<Period> {
  for (let period = periodAt(every, from); period.end <= to; period = periodAt(every, period.end)) yield period;
}

/**
 * Reads `2026-W46`, `2026-11-10` or `2026-11-10T13`.
 *
 * @throws SpampotsError `bad-argument` where the text names no period.
 */
export function parsePeriod(id: string): Period {
  const week = /^(\d{4})-W(\d{2})$/.exec(id);
  const instant = week
    ? Date.UTC(Number(week[1]), 0, 4) + (Number(week[2]) - 1) * lengthMs.week
    : Date.parse(id.length === 13 ? `${id}:00:00Z` : `${id}T00:00:00Z`);
  const every: Cadence = week ? "week" : id.length === 13 ? "hour" : "day";
  const period = Number.isNaN(instant) ? undefined : periodAt(every, instant);
  if (period?.id !== id) {
    throw new SpampotsError("bad-argument", "This names no period.", {
      hint: "Write an ISO week such as 2026-W46, a day such as 2026-11-10 or an hour such as 2026-11-10T13.",
      period: id,
    });
  }
  return period;
}
