/** A log that was cut, exchanged or restored from an old copy isn't published to; nor is one of the future. */
import assert from "node:assert/strict";
import { cp, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { mapsOf } from "../../src/enrich/maps.ts";
import { isError } from "../../src/errors.ts";
import { dayMs } from "../../src/model.ts";
import { documentationTables, openSite, openWorkshop, partnersOf, projectFeeds } from "../pipeline.ts";

const monday = Date.parse("2026-11-09");
const sensors = "sensors: [{ id: s1, addresses: [{ address: 203.0.113.200 }] }]";
const spool = `{"v":1,"sensor":"s1","sealed_at":"2026-11-12T00:00:00Z"}\n${[9, 10, 11]
  .map((day) => `{"kind":"heartbeat","at":"2026-11-${String(day).padStart(2, "0")}T10:00:00Z"}`)
  .join("\n")}\n`;

test("what was published from here and is gone, copied or of the future stops its log with the next step", async (t) => {
  const workshop = await openWorkshop(t, { maps: mapsOf({}, [], []), sensors, tables: documentationTables });
  const site = await openSite(t, workshop);
  const subscriptions = [
    { feed: "spam-sources", every: "day", formats: ["csv"] },
    { feed: "spam-targets", every: "day", formats: ["csv"] },
  ];
  const partners = partnersOf(await projectFeeds(), [{ id: "one", economies: ["TW"], subscriptions }]);
  await site.ingest("a.ndjson", spool);
  const log = (feed: string) => join(site.settings.store, "partners", "one", feed, "log");
  const publishAt = (now: number) => site.publish(partners, now);
  const fails = (code: Parameters<typeof isError>[1], now: number) =>
    assert.rejects(publishAt(now), (error) => isError(error, code));

  assert.equal((await publishAt(monday + 2 * dayMs)).published.length, 2);
  assert.equal((await publishAt(monday + 3 * dayMs)).published.length, 2);
  await fails("clock-behind", monday + dayMs);

  await cp(log("spam-sources"), `${log("spam-sources")}-kept`, { recursive: true });
  await rm(join(log("spam-sources"), "00000002.jws"));
  await fails("log-behind", monday + 4 * dayMs);
  await rm(log("spam-sources"), { recursive: true });
  await fails("log-behind", monday + 4 * dayMs);

  await cp(log("spam-targets"), log("spam-sources"), { recursive: true });
  await fails("verify-failed", monday + 4 * dayMs);

  await rm(log("spam-sources"), { recursive: true });
  await cp(`${log("spam-sources")}-kept`, log("spam-sources"), { recursive: true });
  await rm(`${log("spam-sources")}-kept`, { recursive: true });
  assert.ok((await publishAt(monday + 4 * dayMs)).published.some(({ manifest }) => manifest.feed === "spam-sources"));

  assert.equal((await site.verify(monday + 4 * dayMs)).ok, true);
  await cp(log("spam-sources"), join(site.settings.store, "log"), { recursive: true });
  const report = await site.verify(monday + 4 * dayMs);
  assert.equal(report.ok, false, "a log beside partners/ hides them");
  assert.ok(report.problems.some(({ code }) => code === "misplaced"));
});

test("a mark that a killed publisher didn't put is put by the next run, though nothing is due", async (t) => {
  const workshop = await openWorkshop(t, { maps: mapsOf({}, [], []), sensors, tables: documentationTables });
  const site = await openSite(t, workshop);
  const subscriptions = [{ feed: "spam-sources", every: "day", formats: ["csv"] }];
  const partners = partnersOf(await projectFeeds(), [{ id: "one", economies: ["TW"], subscriptions }]);
  await site.ingest("a.ndjson", spool);
  const marks = join(site.settings.data, "tips");
  await site.publish(partners, monday + 2 * dayMs);
  await cp(marks, `${marks}-before`, { recursive: true });
  await site.publish(partners, monday + 3 * dayMs);
  await rm(marks, { recursive: true });
  await cp(`${marks}-before`, marks, { recursive: true });

  assert.deepEqual((await site.publish(partners, monday + 3 * dayMs, { dry: true })).published, []);
  assert.match((await readdir(join(marks, "one", "spam-sources"))).join(), /^00000001-/, "a dry run notes nothing");
  assert.deepEqual((await site.publish(partners, monday + 3 * dayMs)).published, []);
  assert.match((await readdir(join(marks, "one", "spam-sources"))).join(), /^00000002-/);
  await rm(join(site.settings.store, "partners", "one", "spam-sources", "log", "00000002.jws"));
  await assert.rejects(site.publish(partners, monday + 3 * dayMs), (error) => isError(error, "log-behind"));
});

test("captures of a sensor that the sensors file has lost are not published", async (t) => {
  const workshop = await openWorkshop(t, { maps: mapsOf({}, [], []), sensors, tables: documentationTables });
  const site = await openSite(t, workshop);
  const subscriptions = [{ feed: "spam-sources", every: "day", formats: ["csv"] }];
  const partners = partnersOf(await projectFeeds(), [{ id: "all-of-it", economies: "all", subscriptions }]);
  const capture = {
    kind: "message",
    id: "c1",
    session: "t1",
    connected_at: "2026-11-09T10:00:00Z",
    captured_at: "2026-11-09T10:00:01Z",
    source: { ip: "192.0.2.7", port: 40_000 },
    handshake: true,
    service: { name: "http", port: 8080 },
    envelope: { rcpt_to: ["a@bank.tw"] },
  };
  await site.ingest("a.ndjson", `${spool}${JSON.stringify(capture)}\n`);
  const lost = await openSite(t, { ...workshop, sensors: [] }, site.settings.data);
  const fails = (error: unknown) => isError(error, "unknown-sensor");
  await assert.rejects(lost.publish(partners, monday + 2 * dayMs), fails);
  assert.equal((await site.publish(partners, monday + 2 * dayMs)).published.length, 1);
});
