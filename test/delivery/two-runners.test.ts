/**
 * Several runners over one store and one lake: no publication twice, each slice rendered once, each publication pushed
 * once; and a runner that dies in the middle is replaced.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { once } from "node:events";
import { mkdir, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { dayMs, hourMs } from "../../src/model.ts";
import type { PublishWorld } from "../../src/publication/publish.ts";
import { verify } from "../../src/publication/verify.ts";
import type { Store } from "../../src/store/store.ts";
import { confine } from "../../src/store/under.ts";
import { capturesOf, partnersOf, withFeed } from "../publication/operator-world.ts";
import { openRunner, openSite, type Site } from "./runner-world.ts";

const minuteMs = 60_000;
const addresses = { TW: "203.0.113.7", JP: "198.51.100.7", AU: "192.0.2.7" };

/** Nine partners of three policies, each with two feeds that are pushed to a webhook. */
const yaml = (hook: string) =>
  `partners:\n${Object.keys(addresses)
    .flatMap((economy) =>
      [1, 2, 3].map(
        (n) => `  - id: ${economy.toLowerCase()}-${n}
    name: N
    economies: [${economy}]
    mou: { reference: M, signed: 2026-01-01, expires: 2027-12-31, purposes: [test], onward: constituents, retention_days: 365 }
    tlp_ceiling: AMBER+STRICT
    contacts: [{ name: Placeholder, email: feeds@team.example }]
    subscriptions:
      - { feed: spam-sources, every: day, formats: [csv], deliveries: [{ kind: webhook, url: "${hook}" }] }
      - { feed: summary, every: day, formats: [json] }
`,
      ),
    )
    .join("")}...\n`;

/** A partner's server, which notes the key of each message that it takes. */
async function openHook(t: TestContext) {
  const got: string[] = [];
  const server = createServer((request, response) => {
    got.push(`${request.headers["idempotency-key"]}`);
    // So slow that two who push the same meet.
    request.resume().on("end", () => setTimeout(() => response.writeHead(204).end(), 40));
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo; // a server on a port has one
  return { url: `http://127.0.0.1:${port}/hook`, got };
}

/** Late captures of one sensor, of a day that was published. */
const late = (site: Site, minute: number) =>
  site.world.ingest(
    `pot-${(minute % 3) + 1}`,
    Object.values(addresses).flatMap((ip) => capturesOf(ip, `2026-11-10T0${minute % 10}:00:00Z`, 2, `late-${minute}`)),
  );

async function sequences(store: Store): Promise<string[]> {
  const found: string[] = [];
  for await (const { key } of store.list("partners/")) if (key.includes("/log/")) found.push(key);
  return found;
}

test("two runners for an hour of ticks: no duplicates, each slice rendered once, each publication pushed once", async (t) => {
  const site = await openSite(t);
  const hook = await openHook(t);
  const parsed = partnersOf(yaml(hook.url), site.world.feeds);
  const often = { reviseEvery: 7 * minuteMs };
  site.partners = withFeed(
    withFeed(parsed, "spam-sources", () => often),
    "summary",
    () => often,
  );
  for (const day of ["08", "09", "10"]) {
    for (const ip of Object.values(addresses)) {
      await site.world.ingest("pot-1", capturesOf(ip, `2026-11-${day}T01:00:00Z`, 3, day));
    }
  }
  const runners = await Promise.all(["a", "b"].map((name) => openRunner(site, name)));
  const published: string[] = [];
  for (let minute = 0; minute < 60; minute += 1) {
    if (minute % 10 === 5) await late(site, minute);
    const ticks = await Promise.all(runners.map(({ runner }) => runner.tick()));
    for (const { outcome } of ticks) {
      assert.deepEqual(outcome.failures, []);
      published.push(
        ...outcome.published.map(({ partner, manifest }) => `${partner}/${manifest.feed} ${manifest.sequence}`),
      );
    }
    await Promise.all(runners.map(({ deliveries }) => deliveries.idle()));
    site.now += minuteMs;
  }
  // What one runner left to the other, whose last tick was first, is delivered by the next.
  await Promise.all(runners.map(({ runner }) => runner.tick()));
  await Promise.all(runners.map(({ deliveries }) => deliveries.idle()));
  const { store } = site.world;
  const there = await sequences(store);
  assert.equal(new Set(published).size, published.length, "nothing is published by both");
  assert.equal(published.length, there.length);
  // Three days at first; then revisions of one day, and of the summary after it.
  assert.ok(there.length >= 9 * (3 + 3 + 4), `${there.length}`);
  const slices = site.rendered.map(({ slice }) => slice);
  assert.equal(slices.length, new Set(slices).size, "each slice is rendered once");
  assert.deepEqual([...new Set(site.rendered.map(({ runner }) => runner))].sort(), ["a", "b"], "both have work");
  const pushed = there.filter((key) => key.includes("spam-sources")).length;
  assert.equal(hook.got.length, pushed, "each is pushed once");
  assert.equal(new Set(hook.got).size, pushed);
  const anchors = new Set(site.world.publishWorld(0).keyring.keys.map(({ kid }) => kid));
  const report = await verify(store, { trust: { keys: [], anchors }, now: site.now });
  assert.ok(report.ok, JSON.stringify(report.feeds.flatMap(({ problems }) => problems)));
  const leases: string[] = [];
  for await (const { key } of store.list("leases/")) if (!key.startsWith("leases/swept")) leases.push(key);
  assert.deepEqual(leases, []);
});

test("leases that fail: the same logs, whole and without duplicates", async (t) => {
  const site = await openSite(t);
  site.partners = partnersOf(yaml("http://127.0.0.1:1/"), site.world.feeds).map((partner) => ({
    ...partner,
    subscriptions: partner.subscriptions.map((subscription) => ({ ...subscription, destinations: [] })),
  }));
  await site.world.ingest("pot-1", capturesOf(addresses.TW, "2026-11-10T01:00:00Z", 3));
  // Clocks hours apart: each takes the other's leases for nonsense.
  const names = ["a", "b", "c"];
  const runners = await Promise.all(
    names.map((name, index) => openRunner(site, name, { clock: () => site.now + index * 2 * hourMs })),
  );
  const ticks = await Promise.all(runners.map(({ runner }) => runner.tick()));
  assert.deepEqual(
    ticks.flatMap(({ outcome }) => outcome.failures),
    [],
  );
  const made = ticks.reduce((sum, { outcome }) => sum + outcome.published.length, 0);
  assert.equal(made, 18);
  assert.equal((await sequences(site.world.store)).length, 18);
  assert.ok(site.rendered.length > new Set(site.rendered.map(({ slice }) => slice)).size, "rendered more than once");
});

/** A cron expression for a runner that ticks at its beginning, and then only because of what others hold. */
const yearly = "0 0 1 1 *";

/** Of each of three economies so many days, in one batch a day. */
async function ingestDays(site: Site, days: readonly string[]): Promise<void> {
  for (const day of days) {
    await site.world.ingest(
      "pot-1",
      Object.values(addresses).flatMap((ip) => capturesOf(ip, `2026-11-${day}T01:00:00Z`, 3, day)),
    );
  }
}

/** Without destinations. */
const unpushed = (site: Site) =>
  partnersOf(yaml("http://127.0.0.1:1/").replaceAll(/, deliveries: \[.*\]/g, ""), site.world.feeds);

/** Waits for what runners do by themselves. */
async function until(what: string, isSo: () => boolean | Promise<boolean>): Promise<void> {
  for (let waited = 0; waited < 60_000; waited += 10) {
    if (await isSo()) return;
    await sleep(10);
  }
  assert.fail(`waited in vain: ${what}`);
}

/** A store of a process that dies: from then on nothing of it arrives, and nothing comes back. */
function mortal(store: Store) {
  const life = { dead: false };
  const never = () => new Promise<never>(() => undefined);
  const dying: Store = {
    ...store,
    putOnce: (...put) => (life.dead ? never() : store.putOnce(...put)),
    putFile: (...put) => (life.dead ? never() : store.putFile(...put)),
    delete: (key) => (life.dead ? never() : store.delete(key)),
    under: (prefix) => confine(dying, prefix),
  };
  return { life, dying };
}

/** The engine of a runner that comes no further than into its first slice, until the gate is opened. */
function gated(site: Site) {
  const gate = Promise.withResolvers<void>();
  const inSlice = Promise.withResolvers<void>();
  const engine: PublishWorld["engine"] = {
    async *rows(relations, sql) {
      inSlice.resolve();
      await gate.promise;
      yield* site.world.engine.rows(relations, sql);
    },
  };
  return { inSlice: inSlice.promise, open: gate.resolve, engine };
}

test("two runners with many slices to make: both work all the time, each slice is made once, in one tick of each", async (t) => {
  const site = await openSite(t);
  site.partners = unpushed(site);
  const days = ["05", "06", "07", "08", "09", "10"];
  await ingestDays(site, days);
  const { engine } = site.world;
  const busy = new Set<string>();
  let together = 0;
  const made = new Map([
    ["a", 0],
    ["b", 0],
  ]);
  // The second one has three times the machine.
  const paces = { a: 180, b: 60 };
  const runners = await Promise.all(
    (["a", "b"] as const).map((name) =>
      openRunner(site, name, {
        publish: {
          engine: {
            async *rows(relations, query) {
              made.set(name, (made.get(name) ?? 0) + 1);
              busy.add(name);
              await sleep(paces[name]);
              if (busy.size === 2) together += 1;
              site.rendered.push({
                runner: name,
                slice: JSON.stringify([Object.values(relations).map(({ whole }) => whole), query]),
              });
              yield* engine.rows(relations, query);
              busy.delete(name);
            },
          },
        },
      }),
    ),
  );
  const ticks = await Promise.all(runners.map(({ runner }) => runner.tick()));
  const outcomes = ticks.map(({ outcome }) => outcome);
  assert.deepEqual(
    outcomes.flatMap(({ failures }) => failures),
    [],
  );
  assert.deepEqual(
    outcomes.map(({ contested }) => contested),
    [0, 0],
    "what the other made is gone on from, not begun anew",
  );
  const there = await sequences(site.world.store);
  assert.equal(there.length, 9 * 2 * days.length);
  assert.equal(outcomes.flatMap(({ published }) => published).length, there.length);
  const slices = site.rendered.map(({ slice }) => slice);
  assert.equal(slices.length, new Set(slices).size, "each slice is made once");
  const [slow = 0, fast = 0] = made.values();
  t.diagnostic(`made by the slow one ${slow}, by the fast one ${fast}, while both were at work ${together}`);
  assert.ok(slow >= 5 && fast >= 5, `${slow} and ${fast}`);
  assert.ok(together >= (slow + fast) / 4, `${together} of ${slow + fast}`);
  const anchors = new Set(site.world.publishWorld(0).keyring.keys.map(({ kid }) => kid));
  const report = await verify(site.world.store, { trust: { keys: [], anchors }, now: site.now });
  assert.ok(report.ok, JSON.stringify(report.feeds.flatMap(({ problems }) => problems)));
});

test("what another runner has is looked at by its lease alone, and what it leaves is taken up without a tick", async (t) => {
  const site = await openSite(t);
  site.partners = unpushed(site);
  await ingestDays(site, ["08", "09", "10"]);
  await site.world.store.putOnce("leases/swept/2026-11-11", new Uint8Array());
  const { inSlice, open, engine } = gated(site);
  const first = await openRunner(site, "first", { publish: { engine } });
  first.runner.start(yearly);
  await inSlice;
  const second = await openRunner(site, "second");
  second.runner.start(yearly);
  const count = async () => (await sequences(site.world.store)).length;
  // All but the three days of one feed of one policy, which three partners share.
  await until("the second runner's share", async () => (await count()) === 9 * 2 * 3 - 9);
  // A sweep looks before and after it took its lease, and goes on beside the looks.
  await until(
    "its tick and its sweep end",
    () =>
      second.requests.filter((request) => request.startsWith("stat leases/swept/")).length >= 2 &&
      second.requests.at(-1)?.startsWith("stat leases/slices/") === true,
  );
  second.requests.length = 0;
  await until("twenty looks", () => second.requests.length >= 20);
  assert.deepEqual(
    [...new Set(second.requests.map((request) => request.slice(0, request.lastIndexOf("/"))))].length,
    1,
    second.requests.join("\n"),
  );
  // The first ends with the slice that it is at, and leaves two.
  const closed = first.runner.close();
  open();
  await closed;
  await until("what the first left", async () => (await count()) === 9 * 2 * 3);
  await until("the second gave all back", async () => {
    for await (const { key } of site.world.store.list("leases/slices/")) if (key !== "") return false;
    return true;
  });
  second.requests.length = 0;
  await sleep(300);
  assert.deepEqual(second.requests, [], "where nothing is elsewhere, nothing is asked");
  const slices = site.rendered.map(({ slice }) => slice);
  assert.equal(slices.length, new Set(slices).size);
});

test("a runner that dies in the middle of a slice is replaced within half a minute, without a tick", async (t) => {
  const site = await openSite(t);
  await site.world.ingest("pot-1", capturesOf(addresses.TW, "2026-11-10T01:00:00Z", 3));
  const { store } = site.world;
  const { life, dying } = mortal(store);
  const { inSlice, engine } = gated(site);
  const dead = await openRunner(site, "dead", { store: dying, publish: { engine } });
  void dead.runner.tick();
  await inSlice;
  const heir = await openRunner(site, "heir");
  heir.runner.start(yearly);
  const count = async () => (await sequences(store)).length;
  await until("another slice is made", async () => (await count()) === 2);
  // While it lives, it keeps its slice.
  for (let passed = 0; passed < minuteMs; passed += 10_000) {
    site.now += 10_000;
    const wanted = `/${Math.floor((site.now + 15_000) / 10_000)}`;
    await until("it is renewed", () => dead.requests.some((request) => request.endsWith(wanted)));
    const looks = heir.requests.length;
    await until("the heir looks", () => heir.requests.length > looks + 2);
    assert.equal(await count(), 2);
  }
  life.dead = true;
  site.now += 10_000;
  const looks = heir.requests.length;
  await until("the heir looks", () => heir.requests.length > looks + 5);
  assert.ok(heir.requests.slice(looks + 1).every((request) => request.startsWith("stat leases/slices/")));
  assert.equal(await count(), 2);
  site.now += 15_000;
  await until("the heir makes the slice", async () => (await count()) === 4);
});

test("a runner that dies in the middle of a delivery is replaced as soon, without a tick", async (t) => {
  const site = await openSite(t);
  const held = Promise.withResolvers<void>();
  const got: string[] = [];
  const server = createServer((request, response) => {
    got.push(`${request.headers["idempotency-key"]}`);
    held.resolve();
    // The first one is never answered.
    if (got.length > 1) request.resume().on("end", () => response.writeHead(204).end());
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  const { port } = server.address() as AddressInfo; // a server on a port has one
  site.partners = partnersOf(yaml(`http://127.0.0.1:${port}/hook`), site.world.feeds).slice(0, 1);
  await site.world.store.putOnce("leases/swept/2026-11-11", new Uint8Array());
  await site.world.ingest("pot-1", capturesOf(addresses.TW, "2026-11-10T01:00:00Z", 3));
  const { life, dying } = mortal(site.world.store);
  const dead = await openRunner(site, "dead", { store: dying });
  await dead.runner.tick();
  await held.promise;
  const heir = await openRunner(site, "heir");
  heir.runner.start(yearly);
  await until("it is left to its holder", () =>
    heir.requests.some((request) => request.startsWith("stat leases/lanes/tw-1/spam-sources/")),
  );
  await until("its tick ends", () => heir.requests.some((request) => request.startsWith("stat leases/swept/")));
  heir.requests.length = 0;
  await until("ten looks", () => heir.requests.length >= 10);
  // Beside the leases, whether somebody swept today.
  assert.ok(
    heir.requests.every((request) => request.startsWith("stat leases/")),
    heir.requests.join("\n"),
  );
  assert.equal(got.length, 1);
  life.dead = true;
  await sleep(100);
  site.now += 31_000;
  await until("it is brought", () => got.length === 2);
  assert.equal(got[0], got[1]);
  await heir.deliveries.idle();
});

test("who planned with an older lake leaves the logs that another added to, and plans them anew", async (t) => {
  const site = await openSite(t);
  site.partners = unpushed(site);
  await ingestDays(site, ["09", "10"]);
  const { inSlice, open, engine } = gated(site);
  const old = await openRunner(site, "old", { publish: { engine } });
  const tick = old.runner.tick();
  await inSlice;
  await site.world.ingest("pot-2", capturesOf(addresses.TW, "2026-11-10T02:00:00Z", 2, "late"));
  const newer = await openRunner(site, "newer");
  const made = (await newer.runner.tick()).outcome;
  assert.equal(made.failures.length, 0);
  open();
  const { outcome } = await tick;
  assert.equal(outcome.failures.length, 0);
  // The summary's input is all batches of its period: those of JP and AU are others, too.
  assert.ok(outcome.contested >= 9 && outcome.contested < 18, `${outcome.contested}`);
  await old.runner.tick();
  await newer.runner.tick();
  const there = await sequences(site.world.store);
  assert.equal(there.length, 9 * 2 * 2, "each day once, without a revision back and forth");
});

test("two make one slice, since one slept: one log of it, and the sleeper goes on with what is due next", async (t) => {
  const site = await openSite(t);
  site.partners = unpushed(site);
  await ingestDays(site, ["09", "10"]);
  const { inSlice, open, engine } = gated(site);
  const sleeps = { now: false };
  t.after(() => {
    sleeps.now = false;
  });
  const { store } = site.world;
  const asleep: Store = {
    ...store,
    putOnce: async (...put) => {
      while (sleeps.now) await sleep(10);
      return store.putOnce(...put);
    },
    under: (prefix) => confine(asleep, prefix),
  };
  const sleeper = await openRunner(site, "sleeper", { store: asleep, publish: { engine } });
  sleeper.runner.start(yearly);
  await inSlice;
  sleeps.now = true;
  await sleep(100);
  site.now += 2 * minuteMs;
  const heir = await openRunner(site, "heir");
  const { outcome } = await heir.runner.tick();
  assert.deepEqual([outcome.published.length, outcome.failures.length], [9 * 2 * 2, 0]);
  await ingestDays(site, ["11"]);
  site.now += dayMs;
  sleeps.now = false;
  open();
  // Its slice stands already; it plans anew, and finds the third day.
  await until("the third day", async () => (await sequences(store)).length === 9 * 2 * 3);
  assert.equal(site.said.filter(({ level }) => level >= 50).length, 0);
  const anchors = new Set(site.world.publishWorld(0).keyring.keys.map(({ kid }) => kid));
  const report = await verify(store, { trust: { keys: [], anchors }, now: site.now });
  assert.ok(report.ok, JSON.stringify(report.feeds.flatMap(({ problems }) => problems)));
});

test("two processes at once, tick by tick: one log, everything once", async (t) => {
  const site = await openSite(t);
  const { root, store, settings } = site.world;
  const project = join(import.meta.dirname, "../..");
  for (const ip of Object.values(addresses)) {
    await site.world.ingest("pot-1", capturesOf(ip, "2026-11-10T01:00:00Z", 3));
  }
  const config = join(root, "config");
  await mkdir(join(config, "feeds/maps"), { recursive: true });
  await promisify(execFile)("cp", ["-r", join(project, "feeds"), config]);
  await writeFile(join(config, "partners.yaml"), yaml("http://127.0.0.1:1/").replaceAll(/, deliveries: \[.*\]/g, ""));
  const pots = [1, 2, 3].map((n) => `{ id: pot-${n}, addresses: [{ address: 192.88.99.${n} }], names: [] }`);
  await writeFile(join(root, "sensors.yaml"), `sensors: [${pots.join(", ")}]\n...\n`);
  const tick = async (at: string) => {
    const env = { PATH: process.env.PATH, SPAMPOTS_DATA: root, SPAMPOTS_CONFIG: config, SPAMPOTS_THREADS: "1" };
    const args = ["--disable-warning=ExperimentalWarning", join(project, "src/cli.ts"), "--json", "--now", at];
    const ran = await promisify(execFile)(process.execPath, [...args, "run", "--once"], { env });
    const said: { published: number } = JSON.parse(ran.stdout);
    return said.published;
  };
  let made = 0;
  for (const at of ["2026-11-11T07:00:00Z", "2026-11-11T07:02:00Z", "2026-11-12T07:00:00Z"]) {
    made += (await Promise.all([tick(at), tick(at)])).reduce((a, b) => a + b);
  }
  // What was left to a process that then found it done is due to nobody.
  made += await tick("2026-11-12T07:05:00Z");
  const there = await sequences(store);
  assert.equal(there.length, 9 * 2 * 2);
  assert.equal(made, there.length);
  assert.deepEqual(settings.store, join(root, "store"));
});
