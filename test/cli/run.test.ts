/**
 * `run` and `start` as processes: how they end, what they do with a configuration that breaks, and their exit codes.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { rm, writeFile } from "node:fs/promises";
import { createServer, type Socket } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { readHealth } from "../../src/delivery/watch/health.ts";
import { newTokenKey } from "../../src/partner/auth/token-keys.ts";
import { freePort } from "../free-port.ts";
import { capturesOf, type OperatorWorld, openOperatorWorld, partnersYaml } from "../publication/operator-world.ts";
import { until } from "../until.ts";
import { siteFolder } from "./site-folder.ts";

const clock = ["--json", "--now", "2026-11-11T07:00:00Z"];
const anyPorts = { SPAMPOTS_LISTEN: "127.0.0.1:0", SPAMPOTS_METRICS_LISTEN: "127.0.0.1:0" };
const everySecond = { SPAMPOTS_TICK: "* * * * * *" };

const captured = (world: OperatorWorld, ip = "203.0.113.7") =>
  world.ingest("pot-1", capturesOf(ip, "2026-11-10T01:00:00Z", 3, ip));

async function keysOf({ store }: OperatorWorld, prefix: string, part = ""): Promise<string[]> {
  const found: string[] = [];
  for await (const { key } of store.list(prefix)) if (key.includes(part)) found.push(key);
  return found;
}

/** Has every query of the engine begin with one that takes hours, on the engine's own threads. */
async function endless(folder: string): Promise<{ readonly NODE_OPTIONS: string }> {
  const path = join(folder, "endless.mjs");
  const text = `import { DuckDBConnection } from ${JSON.stringify(import.meta.resolve("@duckdb/node-api"))};
const stream = DuckDBConnection.prototype.stream;
DuckDBConnection.prototype.stream = async function (...query) {
  process.stderr.write("SLICE\\n");
  await this.run("SELECT count(*) FROM range(10000000) a, range(10000000) b WHERE (a.range * b.range) % 7 = 3");
  return stream.apply(this, query);
};
`;
  await writeFile(path, text);
  return { NODE_OPTIONS: `--import ${path}` };
}

test("asked to end in a long slice it ends within ten seconds, leaves no lease, and another makes the slice at once", async (t) => {
  const world = await openOperatorWorld(t);
  await captured(world);
  const folder = await siteFolder(t, world, partnersYaml);
  const going = folder.start([...clock, "run"], await endless(world.root));
  await until(() => going.stderr().includes("SLICE"), "the slice begins");
  assert.ok((await keysOf(world, "leases/slices/")).length > 0);
  const ended = await going.end("SIGTERM");
  assert.equal(ended.code, 0, ended.stderr);
  assert.ok(ended.ms < 10_000, `${ended.ms} ms`);
  assert.match(ended.stderr, /a slice was broken off/);
  assert.deepEqual(await keysOf(world, "leases/slices/"), []);
  const next = await folder.run([...clock, "run", "--once"]);
  assert.deepEqual(JSON.parse(next.stdout), { published: 4, delivered: 0, failed: 0, left: 0 });
});

test("asked to end while the store hangs it ends within ten seconds", async (t) => {
  const world = await openOperatorWorld(t);
  await captured(world);
  const sockets: Socket[] = [];
  const silent = createServer((socket) => {
    sockets.push(socket);
    socket.on("error", () => undefined);
  });
  await once(silent.listen(0, "127.0.0.1"), "listening");
  t.after(() => {
    silent.close();
    for (const socket of sockets) socket.destroy();
  });
  const address = silent.address();
  assert.ok(typeof address === "object" && address !== null);
  const folder = await siteFolder(t, world, partnersYaml);
  const going = folder.start([...clock, "run"], {
    SPAMPOTS_STORE: "s3://bucket/prefix",
    SPAMPOTS_S3_ENDPOINT: `http://127.0.0.1:${address.port}`,
    AWS_ACCESS_KEY_ID: "a",
    AWS_SECRET_ACCESS_KEY: "b",
  });
  await until(() => sockets.length > 0, "the store is asked");
  const ended = await going.end("SIGTERM");
  assert.equal(ended.code, 0, ended.stderr);
  assert.ok(ended.ms < 10_000, `${ended.ms} ms`);
});

test("asked to end with nothing to do it ends at once; a configuration that breaks and is mended is told once each", async (t) => {
  const world = await openOperatorWorld(t);
  await captured(world);
  const folder = await siteFolder(t, world, partnersYaml);
  const going = folder.start([...clock, "run"], everySecond);
  await until(async () => (await keysOf(world, "partners/", "/log/")).length === 4, "four publications");
  await folder.writePartners("partners: [");
  const told = () => going.stderr().split("NOTHING is published").length - 1;
  await until(() => told() > 0, "it is told");
  await captured(world, "203.0.113.8");
  await sleep(2500);
  assert.equal(told(), 1);
  await folder.writePartners("partners: [{ id: x }]\n...\n");
  await until(() => told() > 1, "another fault is told");
  const third = partnersYaml.replace(
    "partners:\n",
    `partners:\n${partnersYaml.split("\n").slice(1, 10).join("\n").replaceAll("twcert", "third")}\n`,
  );
  await folder.writePartners(third);
  await until(async () => (await keysOf(world, "partners/third/", "/log/")).length === 2, "a third partner's feeds");
  assert.equal(told(), 2);
  assert.match(going.stderr(), /the configuration is mended/);
  const ended = await going.end("SIGINT");
  assert.equal(ended.code, 0, ended.stderr);
  assert.ok(ended.ms < 5_000, `${ended.ms} ms`);
  assert.deepEqual(JSON.parse(ended.stdout), { tick: "* * * * * *" });
});

test("ticks that no calendar has are refused before anything begins, and the process ends", {
  timeout: 60_000,
}, async (t) => {
  const world = await openOperatorWorld(t);
  const folder = await siteFolder(t, world, partnersYaml);
  const calls = [
    ["99 * * * *", "run"],
    ["*/0 * * * *", "start"],
    ["0 0 30 2 *", "run", "--once"],
  ] as const;
  for (const [tick, ...command] of calls) {
    const ended = await folder.run([...clock, ...command], { SPAMPOTS_TICK: tick, ...anyPorts });
    assert.equal(ended.code, 2, `${command} ${tick}: ${ended.stderr}`);
    assert.match(ended.stdout, /"bad-argument".*SPAMPOTS_TICK/s);
  }
});

test("run --once ends with 0 when all is done, 2 for the configuration, 1 where a log was stopped", async (t) => {
  const world = await openOperatorWorld(t);
  await captured(world);
  const folder = await siteFolder(t, world, partnersYaml);
  const once = () => folder.run([...clock, "run", "--once"]);
  await folder.writeSensors(["pot-2", "pot-3"]);
  const stopped = await once();
  assert.equal(stopped.code, 1, stopped.stderr);
  assert.match(stopped.stdout, /"some-failed".*"unknown-sensor"/s);
  await folder.writeSensors(["pot-1", "pot-2", "pot-3"]);
  await folder.writePartners("partners: 7\n...\n");
  const refused = await once();
  assert.equal(refused.code, 2, refused.stderr);
  await folder.writePartners(partnersYaml);
  const done = await once();
  assert.equal(done.code, 0, done.stderr);
  assert.equal(JSON.parse(done.stdout).published, 4);
  const again = await once();
  assert.deepEqual([again.code, JSON.parse(again.stdout).published], [0, 0]);
});

test("run --once ends with 1 where a delivery failed, whatever was published", async (t) => {
  const world = await openOperatorWorld(t);
  await captured(world);
  const closed = `http://127.0.0.1:${await freePort()}/in`;
  const feed = "spam-sources, every: day, formats: [csv, stix]";
  const pushed = partnersYaml.replace(feed, `${feed}, deliveries: [{ kind: webhook, url: "${closed}" }]`);
  const folder = await siteFolder(t, world, pushed, { SPAMPOTS_PUSH_LOOPBACK: "true" });
  const failed = await folder.run([...clock, "run", "--once"]);
  assert.equal(failed.code, 1, failed.stderr);
  assert.deepEqual(JSON.parse(failed.stdout), { published: 4, delivered: 0, failed: 1, left: 0 });
  const again = await folder.run([...clock.slice(1), "run", "--once"]);
  assert.equal(again.code, 1, again.stderr);
  assert.match(again.stdout, /0 publications, 0 deliveries made, 1 failed/);
  assert.match(again.stdout, /spampots deliver/);
});

test("run --once whose tick fails ends soon, whatever a destination does", async (t) => {
  const world = await openOperatorWorld(t);
  await captured(world);
  const sockets: Socket[] = [];
  const silent = createServer((socket) => {
    sockets.push(socket);
    socket.on("error", () => undefined);
  });
  await once(silent.listen(0, "127.0.0.1"), "listening");
  t.after(() => {
    silent.close();
    for (const socket of sockets) socket.destroy();
  });
  const address = silent.address();
  assert.ok(typeof address === "object" && address !== null);
  const folder = await siteFolder(t, world, partnersYaml, { SPAMPOTS_PUSH_LOOPBACK: "true" });
  assert.equal((await folder.run([...clock, "run", "--once"])).code, 0);
  const feed = "spam-sources, every: day, formats: [csv, stix]";
  const url = `http://127.0.0.1:${address.port}/in`;
  await folder.writePartners(partnersYaml.replace(feed, `${feed}, deliveries: [{ kind: webhook, url: "${url}" }]`));
  const batches = join(world.root, "lake/batches");
  await rm(batches, { recursive: true });
  await writeFile(batches, "");
  const began = performance.now();
  const failed = await folder.run([...clock, "run", "--once"]);
  assert.notEqual(failed.code, 0, failed.stdout);
  assert.match(failed.stdout, /"error"/);
  assert.equal(sockets.length, 1, "the destination was asked");
  assert.ok(performance.now() - began < 12_000, `${performance.now() - began} ms`);
});

test("after a tick the store says how the site stands, for the operator's page", async (t) => {
  const world = await openOperatorWorld(t);
  await captured(world);
  const folder = await siteFolder(t, world, partnersYaml);
  assert.equal((await folder.run([...clock, "run", "--once"])).code, 0);
  const found = await readHealth(world.store, Date.parse("2026-11-11T07:00:00Z"));
  const told = found.state === "found" ? found.health : assert.fail(found.state);
  assert.ok(told.logs.length > 0 && told.logs.some(({ sequence }) => sequence > 0));
  assert.ok((told.ingest?.days.find(({ day }) => day === "2026-11-10")?.captures ?? 0) >= 3);
  assert.equal(told.ingest?.sensors.known, 3);
});

test("start: what arrives is published by itself, and a partner fetches it, from one process", async (t) => {
  const world = await openOperatorWorld(t);
  const day = (days: number) => new Date(Date.now() + days * 86_400_000).toISOString().slice(0, 10);
  await newTokenKey(world.settings.tokenKeys, Date.now() - 86_400_000);
  const partners = partnersYaml.replaceAll(
    "signed: 2026-01-01, expires: 2027-12-31",
    `signed: ${day(-9)}, expires: ${day(9)}`,
  );
  const folder = await siteFolder(t, world, partners);
  const going = folder.start(["--json", "start"], everySecond);
  await until(() => going.stdout().includes("\n"), "it serves");
  const said: { port: number; tick: string } = JSON.parse(going.stdout());
  assert.equal(said.tick, "* * * * * *");
  const { token }: { token: string } = JSON.parse((await folder.run(["--json", "token", "twcert"])).stdout);
  const get = (path: string) =>
    fetch(`http://127.0.0.1:${said.port}${path}`, { headers: { Authorization: `Bearer ${token}` } });
  const publications = async () => {
    const answer = await get("/v1/feeds/spam-sources/publications");
    assert.equal(answer.status, 200, `${await answer.clone().text()} ${going.stderr()}`);
    const page: { publications?: readonly { sequence: number }[] } = JSON.parse(await answer.text());
    return page.publications ?? [];
  };
  assert.deepEqual(await publications(), []);
  await world.ingest("pot-1", capturesOf("203.0.113.7", `${day(-2)}T01:00:00Z`, 3));
  await until(async () => (await publications()).length > 0, "the partner sees it");
  const ended = await going.end("SIGTERM");
  assert.equal(ended.code, 0, ended.stderr);
  assert.ok(ended.ms < 10_000, `${ended.ms} ms`);
});
