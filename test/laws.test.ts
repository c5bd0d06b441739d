/**
 * Laws of the whole path, over made-up captures and partners: what the slices hold, what never leaves, and that content
 * depends on nothing but its inputs.
 *
 * @see docs/fields.md; design §3 points 2, 5 to 9 and 12
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { after, before, test } from "node:test";
import fc from "fast-check";
import { loadMaps } from "../src/enrich/maps.ts";
import type { Feed } from "../src/feed/feeds.ts";
import type { Partner } from "../src/feed/partners.ts";
import { periodAt } from "../src/feed/period.ts";
import { policyOf } from "../src/feed/policy.ts";
import { buildSlice } from "../src/feed/slice.ts";
import { grainColumns } from "../src/fields.ts";
import { type Cell, dayMs, hourMs } from "../src/model.ts";
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
import { checkAdjoining, checkIsolation, checkLabels, checkSecrets, checkTwins } from "./laws/checks.ts";
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
  fc.uniqueArray(fc.constantFrom("TW", "JP", "HK", "PL", "US"), { minLength: 1, maxLength: 3 }).chain((codes) =>
    fc
      .array(fc.constantFrom(undefined, undefined, "2026-11-14", "2026-11-15"), {
        minLength: codes.length,
        maxLength: codes.length,
      })
      .map((since) => codes.map((code, index) => (since[index] === undefined ? code : { code, since: since[index] }))),
  ),
);

const mou = fc.constantFrom(
  {},
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

const asked = fc.record({ economies, mou, thresholds, filters });

test("law: every row of every slice is what plain loops over the captures come to", async () => {
  // Several slices of one lake: asking costs less than ingesting.
  const cases = fc.record({
    drawn: captures,
    overlap: fc.nat(3),
    questions: fc.array(asked, { minLength: 4, maxLength: 4 }),
  });
  await fc.assert(
    fc.asyncProperty(cases, ({ drawn, overlap, questions }) =>
      withSite(async (site) => {
        await ingestAll(site, spoolFiles(drawn, overlap));
        const seen = drawn.map(seenOf);
        for (const question of questions) await checkSlices(site, seen, question);
      }),
    ),
    { numRuns: 12, interruptAfterTimeLimit: 22_000 },
  );
});

type Asked = typeof asked extends fc.Arbitrary<infer T> ? T : never;

/** Compares the slices of all grains with the model's. */
async function checkSlices(site: Site, seen: readonly Seen[], question: Asked): Promise<void> {
  const subscribed = Object.keys(models).map((feed) => ({ feed, every: "week", formats: ["csv"] }));
  const { economies: whose, mou: terms } = question;
  const [partner = assert.fail()] = partnersOf(feeds, [
    { id: "someone", economies: whose, mou: terms, subscriptions: subscribed },
  ]);
  for (const [id, model] of Object.entries(models)) {
    const whole = feeds.get(id) ?? assert.fail();
    const feed: Feed = { ...whole, filters: question.filters, commonText: question.thresholds };
    const found = await rowsOf(site, feed, partner);
    assert.deepEqual(
      comparable(found),
      comparable(model(sliceOf(feed, partner), seen)),
      `${id} ${JSON.stringify(question)}`,
    );
  }
}

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

/** Tuesday after the week: the week and each of the three days are due. */
const now = lastDay + 12 * hourMs;
const everyFeed = ["spam-sources", "spam-targets", "spam-urls", "spam-events", "summary"];

function subscriptions(every: "day" | "week", more: object, stix = false): object[] {
  return everyFeed.map((feed) => ({
    feed,
    every,
    formats: feed === "summary" ? ["json", "markdown"] : stix ? ["csv", "stix"] : ["csv"],
    ...more,
  }));
}

/** Partners whose publications are looked at; `any` is drawn. */
function lawPartners(any: { economies: unknown; masks: readonly string[]; tlp: string }): readonly Partner[] {
  return partnersOf(feeds, [
    { id: "weekly-tw", economies: ["TW"], subscriptions: subscriptions("week", {}, true) },
    { id: "twin-tw", economies: ["TW"], subscriptions: subscriptions("week", {}) },
    { id: "daily-tw", economies: ["TW"], subscriptions: subscriptions("day", {}) },
    { id: "green-tw", economies: ["TW"], subscriptions: subscriptions("week", { tlp: "GREEN" }, true) },
    { id: "everything", economies: "all", subscriptions: subscriptions("week", { tlp: "AMBER+STRICT" }) },
    {
      id: "drawn",
      economies: any.economies,
      masks: any.masks,
      subscriptions: subscriptions("week", { tlp: any.tlp }, true),
    },
  ]);
}

const maskable = [...new Set(Object.values(grainColumns).flat())].filter(
  (name) => !["row_id", "redacted", "tlp"].includes(name),
);

const published = fc.record({
  drawn: captures,
  overlap: fc.nat(3),
  economies,
  masks: fc.uniqueArray(fc.constantFrom(...maskable), { maxLength: 4 }),
  tlp: fc.constantFrom("GREEN", "AMBER", "AMBER+STRICT"),
});

test("laws of what is published: isolation, labels, secrets, adjoining periods, equal policies, idempotence", async () => {
  await fc.assert(
    fc.asyncProperty(published, ({ drawn, overlap, economies: whose, masks, tlp }) =>
      withSite(async (site) => {
        await ingestAll(site, spoolFiles(drawn, overlap));
        const partners = lawPartners({ economies: whose, masks, tlp });
        await site.publish(partners, now);
        assert.deepEqual((await site.publish(partners, now + hourMs)).published, [], "a second run has nothing to do");
        const report = await site.verify(now);
        assert.ok(report.ok, JSON.stringify(report.problems));
        const seen = drawn.map(seenOf);
        const found = await site.publications();
        for (const one of found) {
          const partner = partners.find(({ id }) => id === one.partner) ?? assert.fail();
          checkIsolation(one, partner);
          checkLabels(one, partner);
          checkSecrets(one, seen);
        }
        checkAdjoining(found, seen);
        checkTwins(found);
      }),
    ),
    { numRuns: 6, interruptAfterTimeLimit: 18_000 },
  );
});

/** What a child process builds elsewhere: contents by partner, feed, period and name, and the payloads' digests. */
function rebuild(order: "as they came" | "backwards", at: number, zone: string): Record<string, string> {
  const [drawn = assert.fail()] = fc
    .sample(captures, { seed: 46, numRuns: 12 })
    .toSorted((a, b) => b.length - a.length);
  const files = spoolFiles(drawn, 2);
  const input = JSON.stringify({ files: order === "backwards" ? files.toReversed() : files, now: at });
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    ["--disable-warning=ExperimentalWarning", join(import.meta.dirname, "laws", "rebuild.ts")],
    { input, env: { ...process.env, TZ: zone, LC_ALL: "C" }, encoding: "utf8", maxBuffer: 1 << 26 },
  );
  assert.equal(status, 0, stderr);
  // The child prints what its own source says.
  return JSON.parse(stdout) as Record<string, string>;
}

test("the same inputs give the same content: another folder, process, zone, day and order of batches", () => {
  const first = rebuild("as they came", now, "UTC");
  const elsewhere = rebuild("backwards", now, "Asia/Taipei");
  const later = rebuild("backwards", now + 3 * hourMs, "America/Sao_Paulo");
  assert.ok(Object.keys(first).some((name) => name.endsWith("part-0001.stix.json.gz")));
  assert.deepEqual(elsewhere, first);
  const contents = (all: Record<string, string>) => Object.entries(all).filter(([name]) => !name.endsWith(" payload"));
  assert.deepEqual(contents(later), contents(first));
  assert.notDeepEqual(later, first, "the clock stands in manifests");
});
