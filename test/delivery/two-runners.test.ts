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
import { hourMs } from "../../src/model.ts";
import { logKey } from "../../src/publication/log.ts";
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
  for await (const { key } of store.list("leases/")) if (!key.startsWith("leases/swept/")) leases.push(key);
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

test("a runner that dies in the middle of a slice is replaced within a minute and a half", async (t) => {
  const site = await openSite(t);
  await site.world.ingest("pot-1", capturesOf(addresses.TW, "2026-11-10T01:00:00Z", 3));
  const { store, engine } = site.world;
  const life = { dead: false };
  const dying: Store = {
    ...store,
    putOnce: (...put) => (life.dead ? new Promise(() => undefined) : store.putOnce(...put)),
    delete: (key) => (life.dead ? new Promise(() => undefined) : store.delete(key)),
    under: (prefix) => confine(dying, prefix),
  };
  const inSlice = Promise.withResolvers<void>();
  const never = new Promise<void>(() => undefined);
  const dead = await openRunner(site, "dead", {
    store: dying,
    publish: {
      engine: {
        async *rows(relations, sql) {
          inSlice.resolve();
          await never;
          yield* engine.rows(relations, sql);
        },
      },
    },
  });
  void dead.runner.tick();
  await inSlice.promise;
  const heir = await openRunner(site, "heir");
  const first = await heir.runner.tick();
  assert.ok(first.outcome.elsewhere >= 1, "the slice is left to who has it");
  const early = new Set(first.outcome.published.map(({ manifest }) => manifest.feed));
  assert.equal(early.size, 1, "another slice isn't");
  // While it lives, it keeps its slice.
  for (let passed = 0; passed < 3 * minuteMs; passed += 20_000) {
    site.now += 20_000;
    await sleep(150);
    assert.equal((await heir.runner.tick()).outcome.published.length, 0);
  }
  life.dead = true;
  let waited = 0;
  for (; waited <= 5 * minuteMs && (await heir.runner.tick()).outcome.published.length === 0; waited += 10_000) {
    site.now += 10_000;
  }
  assert.ok(waited > 0 && waited <= 90_000, `${waited} ms`);
  assert.notEqual(await store.stat(`partners/twcert/spam-sources/${logKey(1)}`), undefined);
  assert.notEqual(await store.stat(`partners/twcert/summary/${logKey(1)}`), undefined);
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
