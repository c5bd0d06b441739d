/**
 * Cells as text, as the engine packs them for CSV (`feed/slice.ts`): instants in whole seconds UTC, days, exemplars. Pure.
 *
 * @see RFC 3339 §5.6; `fields.md` (Forms).
 */
import { SpampotsError } from "../errors.ts";
import { type Cell, dayMs } from "../model.ts";

/** `2026-11-10` by days since 1970; a slice has few distinct days. */
const dayTexts = new Map<number, string>();
/** `T03:12:44Z` by second of the day, filled as they come: formatting an instant by `Date` costs ten times as much. */
const clockTexts: string[] = [];

const twoDigits = (value: number) => (value < 10 ? `0${value}` : `${value}`);

function dayByNumber(day: number): string {
  const known = dayTexts.get(day);
  if (known !== undefined) return known;
  if (dayTexts.size > 10_000) dayTexts.clear();
  const text = new Date(day * dayMs).toISOString().slice(0, 10);
  dayTexts.set(day, text);
  return text;
}

function clockBySecond(second: number): string {
  const known = clockTexts[second];
  if (known !== undefined) return known;
  const minutes = Math.floor(second / 60);
  const text = `T${twoDigits(Math.floor(minutes / 60))}:${twoDigits(minutes % 60)}:${twoDigits(second % 60)}Z`;
  clockTexts[second] = text;
  return text;
}

/** The last instant that was asked for, and its text: objects say one instant several times. */
let [lastInstant, lastText] = [Number.NaN, ""];

/** `2026-11-10T03:12:44Z`: whole seconds, the fraction cut off. */
export function instantText(instant: number): string {
  if (instant === lastInstant) return lastText;
  const day = Math.floor(instant / dayMs);
  lastText = dayByNumber(day) + clockBySecond(Math.floor((instant - day * dayMs) / 1000));
  lastInstant = instant;
  return lastText;
}

/** `2026-11-10` of the UTC day that holds `instant`. */
export function dayText(instant: number): string {
  return dayByNumber(Math.floor(instant / dayMs));
}

/**
 * The number in a cell.
 *
 * @throws SpampotsError `internal` for a cell that is none.
 */
export function numberOf(cell: Cell | undefined): number {
  if (typeof cell === "number") return cell;
  if (typeof cell === "bigint") return Number(cell);
  throw new SpampotsError("internal", "A cell is not the number its column holds.", { found: typeof cell });
}

/** One connection of a row: when it was accepted (milliseconds), from which port, to which port of the sensor. */
export interface Exemplar {
  readonly instant: number;
  readonly sourcePort: number;
  readonly abusedPort: number;
}

/** The exemplars of a cell, in its order (newest first); none for NULL. */
export function exemplarsOf(cell: Cell): readonly Exemplar[] {
  if (cell === null) return [];
  // `Array.isArray` doesn't narrow readonly arrays: everything else of Cell is no object.
  if (typeof cell !== "object" || cell instanceof Uint8Array)
    throw new SpampotsError("internal", "A cell holds no list of exemplars.");
  return cell.map((entry) => {
    const parts = typeof entry === "object" && entry !== null && !(entry instanceof Uint8Array) ? entry : [];
    return { instant: numberOf(parts[0]), sourcePort: numberOf(parts[1]), abusedPort: numberOf(parts[2]) };
  });
}
