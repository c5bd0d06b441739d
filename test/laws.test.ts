/**
 * Laws of the whole path, over made-up captures and partners: what the slices hold, what never leaves, and that content
 * depends on nothing but its inputs.
 *
 * @see docs/fields.md; design §3 points 2, 5 to 9 and 12
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, test } from "node:test";
import fc from "fast-check";
import { loadMaps } from "../src/enrich/maps.ts";
import type { Feed } from "../src/feed/feeds.ts";
import type { Partner } from "../src/feed/partners.ts";
import { periodAt } from "../src/feed/period.ts";
import { policyOf } from "../src/feed/policy.ts";
import { buildSlice } from "../src/feed/slice.ts";
import { type Cell, dayMs } from "../src/model.ts";
import {
  captures,
  type Drawn,
  firstDay,
  lastDay,
  type Seen,
  seenOf,
  sensorIds,
  sensorsFile,
  spoolFile,
  spoolLine,
} from "./laws/captures.ts";
import { eventRows, type ModelRow, type Slice, sourceRows, targetRows, urlRows } from "./laws/model.ts";
import {
  documentationTables,
  openSite,
  openWorkshop,
  partnersOf,
  projectFeeds,
  projectRoot,
  type Site,
  type Workshop,
} from "./pipeline.ts";

const closing: (() => unknown)[] = [];
let workshop: Workshop;
let feeds: ReadonlyMap<string, Feed>;

before(async () => {
  const maps = await loadMaps(join(projectRoot, "feeds", "maps"));
  workshop = await openWorkshop(
    { after: (end) => closing.push(end) },
    { maps, sensors: sensorsFile, tables: documentationTables },
  );
  feeds = await projectFeeds();
});

after(async () => {
  for (const end of closing.reverse()) await end();
});

/** Puts captures into a fresh site, and takes it away after. */
async function withSite<T>(work: (site: Site) => Promise<T>): Promise<T> {
  const ends: (() => unknown)[] = [];
  try {
    return await work(await openSite({ after: (end) => ends.push(end) }, workshop));
  } finally {
    for (const end of ends) await end();
  }
}

/** Spool files of captures: one a sensor, and a second one that repeats some of the first where `overlap` says so. */
function spoolFiles(drawn: readonly Drawn[], overlap: number): string[] {
  return sensorIds.flatMap((sensor) => {
    const lines = drawn.filter((one) => one.sensor === sensor).map(spoolLine);
    if (lines.length === 0) return [];
    const middle = Math.ceil(lines.length / 2);
    const first = lines.slice(0, middle);
    const second = [...lines.slice(Math.max(0, middle - overlap)), ...lines.slice(0, overlap > 2 ? 1 : 0)];
    return [spoolFile(sensor, [...first, ...first.slice(0, overlap)]), spoolFile(sensor, second, 1)];
  });
}

async function ingestAll(site: Site, files: readonly string[]): Promise<void> {
  for (const [index, file] of files.entries()) await site.ingest(`${index}.ndjson`, file);
}

const economies = fc.oneof(
  fc.constant("all" as const),
  fc
    .uniqueArray(fc.constantFrom("TW", "JP", "HK", "PL", "US"), { minLength: 1, maxLength: 3 })
    .chain((codes) =>
      fc
        .array(fc.constantFrom(undefined, undefined, "2026-11-14", "2026-11-15"), {
          minLength: codes.length,
          maxLength: codes.length,
        })
        .map((since) =>
          codes.map((code, index) => (since[index] === undefined ? code : { code, since: since[index] })),
        ),
    ),
);

const mou = fc.constantFrom(
  {},
  { signed: "2026-11-15" },
  { expires: "2026-11-14" },
  { signed: "2026-11-15", expires: "2026-11-15" },
);

const thresholds = fc.constantFrom(
  { sensors: 2, recipients: 3 },
  { sensors: 3, recipients: 3 },
  { sensors: 2, recipients: 8 },
);
const filters = fc.constantFrom(
  {},
  { service: ["socks4", "socks5"] },
  { abused_port: [8080, 25] },
  { destination_port: [25] },
);

const models: Readonly<Record<string, (slice: Slice, seen: readonly Seen[]) => ModelRow[]>> = {
  "spam-sources": sourceRows,
  "spam-targets": targetRows,
  "spam-urls": urlRows,
  "spam-events": eventRows,
};

/** Cells that the model can't know: languages are told by statistics. */
const beyondModel = ["language", "languages"];

/** The rows of a slice as the engine gives them, by column name. */
async function rowsOf(site: Site, feed: Feed, partner: Partner): Promise<Record<string, Cell>[]> {
  const subscription = partner.subscriptions.find((one) => one.feed.id === feed.id) ?? assert.fail("not subscribed");
  const period = periodAt("week", firstDay);
  const policy = policyOf(partner, subscription, period);
  if (policy === undefined) return [];
  const slice = buildSlice(feed, policy, period, [...workshop.maps.benignHosts].sort());
  const batches = await site.lake.batches(firstDay - dayMs, lastDay + dayMs);
  const selection = await site.lake.select("captures", batches, policy.covers.from, policy.covers.to);
  const rows: Record<string, Cell>[] = [];
  for await (const chunk of workshop.world.engine.rows({ captures: selection }, slice.sql)) {
    for (let row = 0; row < chunk.rows; row += 1) {
      rows.push(
        Object.fromEntries(slice.columns.map((name, column) => [name, chunk.columns[column + 1]?.[row] ?? null])),
      );
    }
  }
  return rows;
}

/** Digests become the place of their first occurrence, so that those of the engine and the model's own texts compare. */
function comparable(rows: readonly Readonly<Record<string, unknown>>[]): Record<string, unknown>[] {
  const places = new Map<unknown, number>();
  const place = (value: unknown) => {
    if (value === null || value === undefined) return null;
    if (!places.has(value)) places.set(value, places.size);
    return places.get(value);
  };
  return rows.map((row) => {
    const kept = Object.entries(row).filter(([name]) => !beyondModel.includes(name));
    const said = kept.map(([name, value]) => [name, /sha256$/.test(name) ? place(value) : value]);
    return Object.fromEntries(said);
  });
}

test("law: every row of every slice is what plain loops over the captures come to", async () => {
  const cases = fc.record({ drawn: captures, economies, mou, thresholds, filters, overlap: fc.nat(3) });
  await fc.assert(
    fc.asyncProperty(cases, ({ drawn, overlap, ...rest }) =>
      withSite(async (site) => {
        await ingestAll(site, spoolFiles(drawn, overlap));
        const [partner = assert.fail()] = partnersOf(feeds, [
          {
            id: "someone",
            economies: rest.economies,
            mou: rest.mou,
            subscriptions: Object.keys(models).map((feed) => ({ feed, every: "week", formats: ["csv"] })),
          },
        ]);
        const seen = drawn.map(seenOf);
        for (const [id, model] of Object.entries(models)) {
          const whole = feeds.get(id) ?? assert.fail();
          const feed: Feed = { ...whole, filters: rest.filters, commonText: rest.thresholds };
          const expected = model(sliceOf(feed, partner), seen);
          const found = await rowsOf(site, feed, partner);
          assert.deepEqual(comparable(found), comparable(expected), id);
        }
      }),
    ),
    { numRuns: 25, interruptAfterTimeLimit: 25_000 },
  );
});

/** The slice that the model is asked for. */
function sliceOf(feed: Feed, partner: Partner): Slice {
  const { service, abused_port, destination_port } = feed.filters;
  const week = periodAt("week", firstDay);
  return {
    economies: partner.economies,
    from: Math.max(week.start, partner.mou.from),
    to: Math.min(week.end, partner.mou.to),
    sides: feed.sides,
    exemplars: feed.exemplars,
    ...feed.commonText,
    benign: [...workshop.maps.benignHosts],
    passes: (one) =>
      (service === undefined || service.includes(one.service)) &&
      (abused_port === undefined || abused_port.includes(one.abused)) &&
      (destination_port === undefined || one.destination !== undefined),
  };
}
