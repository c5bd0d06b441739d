/** The runner: what a tick costs, what changes while it runs, its day's sweep, its beat and its end. */
import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { SpampotsError } from "../../src/errors.ts";
import { dayMs, hourMs } from "../../src/model.ts";
import { announceRotation } from "../../src/publication/announce.ts";
import { beginRotation, finishRotation } from "../../src/publication/keys.ts";
import { readTip } from "../../src/publication/log.ts";
import { keyFinder } from "../../src/publication/sign.ts";
import { verify } from "../../src/publication/verify.ts";
import { capturesOf, partnersOf, partnersYaml, withFeed } from "../publication/operator-world.ts";
import { openRunner, openSite, type Site } from "./runner-world.ts";

const tw = "203.0.113.7";

/** Captures of one day, from one in the morning, and the batch of a sensor that they make. */
const ingestDay = (site: Site, day: string, sensor = "pot-1", hour = "01") =>
  site.world.ingest(sensor, capturesOf(tw, `${day}T${hour}:00:00Z`, 3, `${day}-${hour}`));

/** Every publication as `partner/feed sequence period revision`. */
async function publications(site: Site): Promise<string[]> {
  const { store } = site.world;
  const found: string[] = [];
  for await (const { key } of store.list("partners/")) {
    if (!key.includes("/log/")) continue;
    const jws: { payload: string } = JSON.parse(new TextDecoder().decode((await store.get(key)) ?? new Uint8Array()));
    const said = JSON.parse(Buffer.from(jws.payload, "base64url").toString());
    found.push(`${said.partner}/${said.feed} ${said.sequence} ${said.period.id} ${said.revision}`);
  }
  return found;
}

test("a warm tick with nothing due asks the store and the engine for nothing; a cold one asks the same of each log", async (t) => {
  const site = await openSite(t);
  await ingestDay(site, "2026-11-10");
  await ingestDay(site, "2026-11-11");
  site.now += dayMs;
  const first = await openRunner(site, "a");
  assert.equal((await first.runner.tick()).outcome.published.length, 8);
  first.requests.length = 0;
  const made = site.rendered.length;
  for (let minutes = 0; minutes < 5; minutes += 1) {
    site.now += 60_000;
    assert.equal((await first.runner.tick()).outcome.published.length, 0);
  }
  assert.deepEqual(first.requests, []);
  assert.equal(site.rendered.length, made);
  assert.equal(first.reads(), 1, "the configuration is read once");
  const cold = await openRunner(site, "b");
  await cold.runner.tick();
  const perLog = cold.requests.filter((request) => request.includes("partners/twcert/spam-sources"));
  assert.equal(perLog.length, 3, perLog.join("\n"));
  assert.equal(cold.requests.filter((request) => request.includes("partners/twcert/keys")).length, 2);
});

test("a tip that another publisher left behind is read again, and nothing is published twice", async (t) => {
  const site = await openSite(t);
  await ingestDay(site, "2026-11-10");
  const [one, two] = [await openRunner(site, "a"), await openRunner(site, "b")];
  await one.runner.tick();
  await two.runner.tick();
  await ingestDay(site, "2026-11-11");
  site.now += dayMs;
  assert.equal((await two.runner.tick()).outcome.published.length, 4);
  const made = site.rendered.length;
  const stale = await one.runner.tick();
  assert.deepEqual([stale.outcome.published.length, stale.outcome.failures.length], [0, 0]);
  assert.equal(site.rendered.length, made, "not even rendered");
  one.requests.length = 0;
  await one.runner.tick();
  assert.deepEqual(one.requests, [], "and remembered from then on");
});

test("a new partner gets everything, a suspended one nothing more, at the next tick", async (t) => {
  const site = await openSite(t);
  const [twcert, ncc] = site.world.partners;
  assert.ok(twcert && ncc);
  site.partners = [twcert];
  await ingestDay(site, "2026-11-10");
  const { runner, reads } = await openRunner(site, "a");
  await runner.tick();
  site.partners = [twcert, ncc];
  assert.equal((await runner.tick()).outcome.published.length, 0, "what wasn't announced isn't read");
  site.digest = "2";
  const added = await runner.tick();
  assert.deepEqual([...new Set(added.outcome.published.map(({ partner }) => partner))], ["ncc"]);
  await ingestDay(site, "2026-11-11");
  site.now += dayMs;
  site.partners = [{ ...twcert, mou: { ...twcert.mou, suspended: true } }, ncc];
  site.digest = "3";
  const { outcome } = await runner.tick();
  assert.deepEqual([...new Set(outcome.published.map(({ partner }) => partner))], ["ncc"]);
  assert.equal(reads(), 3);
});

test("while the configuration is broken nothing is published or pushed, told once for each change; mended, all goes on", async (t) => {
  const site = await openSite(t);
  await ingestDay(site, "2026-11-10");
  const got: string[] = [];
  const server = createServer((request, response) => {
    got.push(request.url ?? "");
    response.writeHead(204).end();
  }).listen(0, "127.0.0.1");
  t.after(() => server.close());
  await new Promise((listening) => server.once("listening", listening));
  const address = server.address() as AddressInfo; // a server on a port has one
  const yaml = partnersYaml.replaceAll(
    "formats: [json] }",
    `formats: [json], deliveries: [{ kind: webhook, url: "http://127.0.0.1:${address.port}/hook" }] }`,
  );
  site.partners = partnersOf(yaml, site.world.feeds);
  const { runner, deliveries } = await openRunner(site, "a");
  site.broken = new SpampotsError("bad-configuration", "Broken.");
  const errors = () => site.said.filter(({ level }) => level === 50).length;
  for (let ticks = 0; ticks < 3; ticks += 1) await assert.rejects(runner.tick(), /Broken/);
  assert.equal(errors(), 1);
  site.digest = "2";
  for (let ticks = 0; ticks < 3; ticks += 1) await assert.rejects(runner.tick(), /Broken/);
  assert.equal(errors(), 2);
  site.broken = undefined;
  site.digest = "3";
  assert.equal((await runner.tick()).outcome.published.length, 4);
  await deliveries.idle();
  assert.equal(got.length, 2);
  // What was published by others meanwhile isn't pushed by a runner that can't read who may have it.
  await ingestDay(site, "2026-11-11");
  site.now += dayMs;
  site.broken = new SpampotsError("bad-configuration", "Broken.");
  site.digest = "4";
  await assert.rejects(runner.tick(), /Broken/);
  const other = await openRunner({ ...site, broken: undefined, partners: site.world.partners }, "b");
  await other.runner.tick();
  await assert.rejects(runner.tick(), /Broken/);
  await deliveries.idle();
  assert.equal(got.length, 2);
  site.broken = undefined;
  assert.equal((await runner.tick()).outcome.published.length, 0);
  await deliveries.idle();
  assert.equal(got.length, 4);
  await runner.close();
});

test("a delivery that is under way when the configuration breaks is the last one of its lane", async (t) => {
  const site = await openSite(t);
  for (const day of ["2026-11-08", "2026-11-09", "2026-11-10"]) await ingestDay(site, day);
  const gate = Promise.withResolvers<void>();
  let got = 0;
  const server = createServer((_, response) => {
    got += 1;
    void gate.promise.then(() => response.writeHead(204).end());
  }).listen(0, "127.0.0.1");
  t.after(() => server.close());
  await new Promise((listening) => server.once("listening", listening));
  const address = server.address() as AddressInfo; // a server on a port has one
  const hook = `{ kind: webhook, url: "http://127.0.0.1:${address.port}/hook" }`;
  const yaml = partnersYaml.replaceAll("formats: [json] }", `formats: [json], deliveries: [${hook}] }`);
  site.partners = partnersOf(yaml, site.world.feeds);
  const { runner, deliveries } = await openRunner(site, "a");
  await runner.tick();
  for (let waited = 0; waited < 200 && got < 2; waited += 1) await sleep(20);
  site.broken = new SpampotsError("bad-configuration", "Broken.");
  site.digest = "2";
  await assert.rejects(runner.tick(), /Broken/);
  gate.resolve();
  await deliveries.idle();
  assert.equal(got, 2, "of six");
});

test("keys that are rotated while it runs are taken up, and everything verifies", async (t) => {
  const site = await openSite(t);
  const { store, settings } = site.world;
  await ingestDay(site, "2026-11-10");
  const { runner } = await openRunner(site, "a");
  await runner.tick();
  const keyring = await beginRotation({ folder: settings.keys }, { now: site.now });
  await announceRotation(store, { issuer: "CERT.br", keyring, now: site.now });
  await finishRotation(settings.keys, keyring.live);
  await ingestDay(site, "2026-11-11");
  site.now += dayMs;
  const refused = await runner.tick();
  assert.equal(refused.outcome.published.length, 0, "the retired key signs nothing");
  site.digest = "2";
  assert.equal((await runner.tick()).outcome.published.length, 4);
  const place = store.under("partners/twcert/summary");
  const tip = await readTip(place, keyFinder(keyring.keys));
  assert.equal(tip?.kid, keyring.live);
  const report = await verify(store, { trust: { keys: [], anchors: new Set([keyring.live]) }, now: site.now });
  assert.ok(report.ok, JSON.stringify(report.feeds.flatMap(({ problems }) => problems)));
});

test("three weeks of hourly ticks with four days of none: every day once, in order, late captures as revisions", async (t) => {
  const site = await openSite(t);
  const { runner } = await openRunner(site, "a");
  const start = Date.parse("2026-11-02T00:30:00Z");
  const [ingested, all] = [new Set<string>(), new Set<string>()];
  for (let hour = 0; hour < 21 * 24; hour += 1) {
    site.now = start + hour * hourMs;
    const today = new Date(site.now).toISOString().slice(0, 10);
    if (hour % 24 === 20) {
      await ingestDay(site, today);
      ingested.add(today);
    }
    // A sensor's spool that comes two days late.
    if (hour === 9 * 24) await ingestDay(site, "2026-11-08", "pot-2", "05");
    if (hour >= 12 * 24 && hour < 16 * 24) continue;
    const { outcome } = await runner.tick();
    assert.deepEqual(outcome.failures, []);
    for (const { partner, manifest } of outcome.published) {
      const name = `${partner}/${manifest.feed} ${manifest.period.id} ${manifest.revision}`;
      assert.ok(!all.has(name), name);
      all.add(name);
    }
  }
  const days = [...ingested].sort();
  for (const log of ["twcert/spam-sources", "twcert/summary", "ncc/spam-sources", "ncc/summary"]) {
    const own = [...all].filter((name) => name.startsWith(`${log} `)).map((name) => name.slice(log.length + 1));
    const firsts = own.filter((name) => name.endsWith(" 0")).map((name) => name.slice(0, 10));
    assert.deepEqual(firsts, days.slice(0, 20));
    // A summary compares with the day before: the day after is revised, too.
    const revised = log.endsWith("summary") ? ["2026-11-08 1", "2026-11-09 1"] : ["2026-11-08 1"];
    assert.deepEqual(
      own.filter((name) => !name.endsWith(" 0")),
      revised,
    );
  }
  assert.deepEqual((await publications(site)).length, all.size);
  assert.equal(site.swept.length, 21 - 4);
});

test("one of several runners sweeps what they share, and each its own machine, once a day; where that fails, the next tick does", async (t) => {
  const site = await openSite(t);
  const runners = await Promise.all(["a", "b", "c"].map((name) => openRunner(site, name)));
  const tickAll = () => Promise.all(runners.map(({ runner }) => runner.tick()));
  for (let hour = 0; hour < 72; hour += 4) {
    await tickAll();
    site.now += 4 * hourMs;
  }
  const days = site.swept.map((text) => text.slice(2));
  assert.deepEqual(days, [...new Set(days)]);
  assert.equal(days.length, 4);
  const here = ["a", "b", "c"].flatMap((name) => days.map((day) => `${name} ${day}`));
  assert.deepEqual(site.sweptHere.toSorted(), here);
  site.now += dayMs;
  const before = site.swept.length;
  const away = await openRunner(site, "d", {
    store: { ...site.world.store, children: () => assert.fail("away") },
  });
  await away.runner.tick();
  assert.equal(site.swept.length, before + 1);
  await tickAll();
  assert.equal(site.swept.length, before + 2, "the next one sweeps");
  const left: string[] = [];
  for await (const { key } of site.world.store.list("leases/sweep/")) left.push(key);
  assert.deepEqual(left, []);
});

test("it beats by a cron expression, and a tick that finds another at work begins none", async (t) => {
  const site = await openSite(t);
  await ingestDay(site, "2026-11-10");
  const { engine } = site.world;
  const slow = { now: 0, most: 0 };
  const { runner, reads } = await openRunner(site, "a", {
    publish: {
      engine: {
        async *rows(relations, sql) {
          slow.now += 1;
          slow.most = Math.max(slow.most, slow.now);
          await sleep(1700);
          yield* engine.rows(relations, sql);
          slow.now -= 1;
        },
      },
    },
  });
  runner.start("* * * * * *");
  for (let waited = 0; waited < 100 && (await publications(site)).length < 4; waited += 1) await sleep(100);
  assert.equal((await publications(site)).length, 4);
  assert.equal(slow.most, 1);
  assert.equal(reads(), 1);
  await ingestDay(site, "2026-11-11");
  site.now += dayMs;
  for (let waited = 0; waited < 100 && (await publications(site)).length < 8; waited += 1) await sleep(100);
  assert.equal((await publications(site)).length, 8, "the beat goes on by itself");
  await runner.close();
  await ingestDay(site, "2026-11-11", "pot-3");
  site.now += 2 * dayMs;
  await sleep(1500);
  assert.equal((await publications(site)).length, 8, "closed, it beats no more");
});

test("a partner that is suspended while a long run goes on gets nothing more from it", async (t) => {
  const site = await openSite(t);
  for (const day of ["2026-11-08", "2026-11-09", "2026-11-10"]) await ingestDay(site, day);
  const { engine } = site.world;
  const { runner } = await openRunner(site, "a", {
    publish: {
      engine: {
        async *rows(relations, sql) {
          await sleep(1200);
          yield* engine.rows(relations, sql);
        },
      },
    },
  });
  runner.start("* * * * * *");
  await sleep(600);
  site.partners = site.partners.map((partner) => ({ ...partner, mou: { ...partner.mou, suspended: true } }));
  site.digest = "2";
  await sleep(4500);
  const there = await publications(site);
  await runner.close();
  assert.ok(there.length <= 4, `${there.length} of 12`);
});

test("memory is flat over thousands of ticks", async (t) => {
  setFlagsFromString("--expose-gc");
  const collect: () => void = runInNewContext("gc");
  const site = await openSite(t);
  for (let day = 1; day <= 9; day += 1) await ingestDay(site, `2026-11-0${day}`);
  site.partners = withFeed(site.partners, "spam-sources", () => ({ reviseEvery: 0 }));
  const { runner } = await openRunner(site, "a");
  const ticks = async (count: number) => {
    for (let n = 0; n < count; n += 1) {
      site.now += 60_000;
      await runner.tick();
    }
    site.said.length = 0;
    site.rendered.length = 0;
    collect();
    return process.memoryUsage().heapUsed;
  };
  const before = await ticks(300);
  const after = await ticks(1000);
  assert.ok(after - before < 2_000_000, `${Math.round((after - before) / 1000)} kB more`);
});
