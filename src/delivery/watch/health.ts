/**
 * Health objects: how a site stands, as its runner saw it after a tick, for the operator's page of a service that never
 * meets the lake. A series of put-once objects, of which the newest counts:
 *
 *     health/<instant>.json        such as health/20261116T061000Z.json
 *
 * They hold names of partners, feeds and destinations, counts and dates: no name or address of a sensor, nothing captured.
 */
import { z } from "zod";
import { secondsInstant } from "../../feed/period.ts";
import { hourMs } from "../../model.ts";
import { secondSchema } from "../../publication/exact-json.ts";
import type { Store } from "../../store/store.ts";
import type { LogFacts } from "./status.ts";
import { statusOf } from "./status.ts";

/** A runner puts at most one in so many milliseconds, and one at least in each hour that has a tick. */
export const healthRestMs = 600_000;
export const healthEveryMs = hourMs;

/** Largest one that is read, in bytes: 5,000 feeds of partners need a fifth of it. */
const maxHealthBytes = 16 * 1024 * 1024;

const count = z.int().min(0);
const name = z.string().max(100);
const day = z.iso.date();

const lane = z.strictObject({
  destination: name,
  delivered: count,
  behind: count,
  /** When the oldest publication that it doesn't have was published. */
  waiting_since: secondSchema.exactOptional(),
  failing: z
    .strictObject({ since: secondSchema, code: name, reason: z.string().max(200).exactOptional() })
    .exactOptional(),
});

const logHealth = z.strictObject({
  partner: name,
  feed: name,
  /** Of the newest publication; 0 for none. */
  sequence: count,
  published_at: secondSchema.exactOptional(),
  /** The newest period that was published. */
  period: z.string().max(20).exactOptional(),
  /** When the next one is due; absent where none is expected. */
  next_due: secondSchema.exactOptional(),
  stopped: z.strictObject({ code: name, since: secondSchema.exactOptional() }).exactOptional(),
  lanes: z.array(lane).max(20),
});

const dayHealth = z.strictObject({ day, captures: count, requests: count, sensors: count });

const ingestHealth = z.strictObject({
  /** UTC days, oldest first, without gaps; the last one goes on. */
  days: z.array(dayHealth).max(40),
  sensors: z.strictObject({
    /** In the sensors file. */
    known: count,
    /** Those that reported in the last 24 hours, and in the days above. */
    last_day: count,
    last_days: count,
  }),
  /** Sensor hours of the last 24 hours. */
  coverage: z.strictObject({ expected: count, seen: count }),
  /** Lines that couldn't be taken, by code: of the last 24 hours, and of the days above. */
  quarantine: z.array(z.strictObject({ code: name, last_day: count, last_days: count })).max(100),
  /** When the newest file was sealed by its sensor. */
  newest_seal: secondSchema.exactOptional(),
  /** Batches that the operator excluded, of the days above. */
  excluded: count,
});

const tableHealth = z.strictObject({ kind: name, name, date: day, rows: count });

const health = z.strictObject({
  v: z.literal(1),
  at: secondSchema,
  logs: z.array(logHealth).max(100_000),
  /** Absent where the lake couldn't be looked at. */
  ingest: ingestHealth.exactOptional(),
  /** Tables in use, the newest of each kind. */
  tables: z.array(tableHealth).max(100),
});

/** How a site stands, members in snake_case as stored. */
export type Health = Readonly<z.infer<typeof health>>;
export type LogHealth = Health["logs"][number];
export type IngestHealth = NonNullable<Health["ingest"]>;
export type TableHealth = Health["tables"][number];

/** How one log stands, as far as an operator's page needs it. `now` in milliseconds. */
export function logHealthOf(facts: LogFacts, now: number): LogHealth {
  const { partner, feed, sequence, period, nextDue, dueSince, lanes } = statusOf(facts, now);
  const next = dueSince ?? nextDue;
  const { stopped, tip } = facts;
  return {
    partner,
    feed,
    sequence,
    ...(tip === undefined ? {} : { published_at: `${tip.published_at.slice(0, 19)}Z` }),
    ...(period === undefined ? {} : { period: period.id }),
    ...(next === undefined ? {} : { next_due: secondsInstant(next) }),
    ...(stopped && { stopped: { code: stopped.code, ...(stopped.since && { since: secondsInstant(stopped.since) }) } }),
    lanes: lanes.map(({ destination, delivered, behind, waitingSince, failing }) => ({
      destination,
      delivered,
      behind,
      ...(behind > 0 && waitingSince !== undefined ? { waiting_since: secondsInstant(waitingSince) } : {}),
      ...(behind > 0 && failing && { failing: failingOf(failing) }),
    })),
  };
}

function failingOf({ since, code, reason }: NonNullable<LogFacts["lanes"][number]["failing"]>) {
  return { since: secondsInstant(since), code, ...(reason === undefined ? {} : { reason: reason.slice(0, 200) }) };
}

const keyOf = (instant: number) => `health/${secondsInstant(instant).replaceAll(/[-:]/g, "")}.json`;

/** Puts what is seen; where another runner did in the same second, that one counts. */
export async function putHealth(store: Store, seen: Health): Promise<void> {
  const body = new TextEncoder().encode(`${JSON.stringify(health.parse(seen))}\n`);
  await store.putOnce(keyOf(Date.parse(seen.at)), body, { contentType: "application/json" });
}

/** The newest health object, or why there is none that counts. */
export type FoundHealth =
  | { readonly state: "found"; readonly health: Health }
  | { readonly state: "missing" }
  /** What is stored isn't one. */
  | { readonly state: "unreadable"; readonly key: string };

/** How far the clock of a runner may be ahead of ours, in milliseconds. */
const clockSkewMs = 600_000;

/**
 * Reads the newest one. What says that it is of later than now isn't counted: a runner whose clock was wrong once, or whoever
 * can write there, would have it look well from then on. `now` in milliseconds.
 *
 * @throws what the store throws.
 */
export async function readHealth(store: Store, now: number): Promise<FoundHealth> {
  const key = (await newestOf(store, now - 2 * hourMs, now)) ?? (await newestOf(store, 0, now));
  if (key === undefined) return { state: "missing" };
  try {
    const stat = await store.stat(key);
    const bytes = stat && stat.bytes <= maxHealthBytes ? await store.get(key) : undefined;
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes ?? new Uint8Array());
    const found = health.parse(JSON.parse(text));
    return keyOf(Date.parse(found.at)) === key ? { state: "found", health: found } : { state: "unreadable", key };
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof TypeError || error instanceof z.ZodError)
      return { state: "unreadable", key };
    throw error;
  }
}

/** By names alone: the last one after an instant, and not of later than `now`. */
async function newestOf(store: Store, instant: number, now: number): Promise<string | undefined> {
  let newest: string | undefined;
  for await (const { key } of store.list("health/", { after: keyOf(instant) })) {
    if (key > keyOf(now + clockSkewMs)) break;
    if (/^health\/\d{8}T\d{6}Z\.json$/.test(key)) newest = key;
  }
  return newest;
}
