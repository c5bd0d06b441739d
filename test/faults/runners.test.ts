/**
 * Runners as processes, with leases as they are: one that is killed in the middle of a slice is replaced within a minute,
 * and one that is stopped there for longer than its lease lasts, and then goes on, does no harm. The other runner ticks
 * once a year, so that nothing but what the first one held makes it go on.
 */
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { verify } from "../../src/publication/verify.ts";
import { siteFolder } from "../cli/site-folder.ts";
import { capturesOf, type OperatorWorld, openOperatorWorld, partnersYaml } from "../publication/operator-world.ts";
import { until } from "../until.ts";

const instant = "2026-11-11T07:00:00Z";
const yearly = { SPAMPOTS_TICK: "0 0 1 1 *", SPAMPOTS_LOG: "info" };

/** Says when a slice's query begins, and has it begin with some other work of the engine. */
async function inSlice(folder: string, name: string, work: string) {
  const path = join(folder, `${name}.mjs`);
  const text = `import { setTimeout as sleep } from "node:timers/promises";
import { DuckDBConnection } from ${JSON.stringify(import.meta.resolve("@duckdb/node-api"))};
const stream = DuckDBConnection.prototype.stream;
DuckDBConnection.prototype.stream = async function (...query) {
  process.stderr.write("SLICE\\n");
  await ${work};
  return stream.apply(this, query);
};
`;
  await writeFile(path, text);
  return { ...yearly, NODE_OPTIONS: `--import ${path}` };
}

const endless = `this.run("SELECT count(*) FROM range(10000000) a, range(10000000) b WHERE (a.range * b.range) % 7 = 3")`;

async function logs({ store }: OperatorWorld): Promise<string[]> {
  const found: string[] = [];
  for await (const { key } of store.list("partners/")) if (key.includes("/log/")) found.push(key);
  return found;
}

/** Four logs are due, in two slices; one runner is in the first of them, and another has made the second. */
async function openTwo(t: Parameters<typeof siteFolder>[0] & Parameters<typeof openOperatorWorld>[0], work: string) {
  const world = await openOperatorWorld(t);
  await world.ingest("pot-1", capturesOf("203.0.113.7", "2026-11-10T01:00:00Z", 3));
  const folder = await siteFolder(t, world, partnersYaml);
  const run = ["--json", "--now", instant, "run"];
  const first = folder.start(run, await inSlice(world.root, "work", work));
  await until(() => first.stderr().includes("SLICE"), "the first is in a slice");
  return { world, folder, first, startSecond: () => folder.start(run, yearly) };
}

/** Each log has one publication, and everything verifies. */
async function assertWhole(world: OperatorWorld): Promise<void> {
  const feeds = ["spam-sources", "summary"];
  assert.deepEqual(
    await logs(world),
    ["ncc", "twcert"].flatMap((partner) => feeds.map((feed) => `partners/${partner}/${feed}/log/00000001.jws`)),
  );
  const anchors = new Set(world.publishWorld(0).keyring.keys.map(({ kid }) => kid));
  const report = await verify(world.store, { trust: { keys: [], anchors }, now: Date.parse(instant) });
  assert.ok(report.ok, JSON.stringify(report.feeds.flatMap(({ problems }) => problems)));
}

const published = (stderr: string) => stderr.split('"msg":"published"').length - 1;

test("real processes, real leases", { concurrency: true, timeout: 150_000 }, async (t) => {
  const killed = t.test("killed in the middle of a slice, a runner is replaced within a minute", async (own) => {
    const { world, first, startSecond } = await openTwo(own, endless);
    const second = startSecond();
    await until(async () => (await logs(world)).length === 2, "the second makes the other slice");
    first.send("SIGKILL");
    const died = performance.now();
    await until(async () => (await logs(world)).length === 4, "the second makes the first one's slice", 90_000);
    const ms = performance.now() - died;
    own.diagnostic(`${Math.round(ms)} ms from kill -9 to the last publication of its slice`);
    assert.ok(ms < 60_000, `${ms} ms`);
    assert.ok(ms > 12_000, `${ms} ms: it had a lease`);
    await assertWhole(world);
    assert.equal((await second.end("SIGTERM")).code, 0);
  });
  const stopped = t.test("stopped for longer than its lease lasts, it goes on and does no harm", async (own) => {
    const { world, folder, first, startSecond } = await openTwo(own, "sleep(2000)");
    first.send("SIGSTOP");
    const second = startSecond();
    await until(async () => (await logs(world)).length === 4, "the second makes both slices", 90_000);
    first.send("SIGCONT");
    // It makes the slice to its end, finds it published, and has nothing more to do.
    await until(async () => {
      const leases: string[] = [];
      for await (const { key } of world.store.list("leases/slices/")) leases.push(key);
      return first.stderr().includes("SLICE") && leases.length === 0;
    }, "it gives its lease back");
    const ended = await first.end("SIGTERM");
    assert.equal(ended.code, 0, ended.stderr);
    await assertWhole(world);
    const other = await second.end("SIGTERM");
    assert.equal(other.code, 0);
    // By a clock that stands still, what the first one came to is the other's publication, byte for byte: no error, no fork.
    assert.deepEqual([published(ended.stderr), published(other.stderr)], [2, 4]);
    const after = await folder.run(["--json", "--now", instant, "run", "--once"]);
    assert.deepEqual(JSON.parse(after.stdout), { published: 0, delivered: 0, failed: 0, left: 0 });
  });
  await Promise.all([killed, stopped]);
});
