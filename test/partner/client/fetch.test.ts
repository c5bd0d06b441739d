/** The partner's client against a service that really serves: what it gets, resumes, deletes and leaves alone. */
import assert from "node:assert/strict";
import { readdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { withdraw } from "../../../src/publication/withdraw.ts";
import { capturesOf, partnersOf, partnersYaml } from "../../publication/operator-world.ts";
import { answer, codeOf, filesIn, openService, type Service, sessionAt } from "./service.ts";

/** An instant of November 2026. */
const day = (number: number, hour = 0) => Date.UTC(2026, 10, number, hour);

/** The tenth is 1, revised as 3; the eleventh is 2; the twelfth is 4. */
async function published(t: TestContext): Promise<Service> {
  const service = await openService(t, day(13, 9));
  const { world } = service;
  await world.ingest("pot-1", [
    ...capturesOf("203.0.113.7", "2026-11-10T01:00:00Z", 5),
    ...capturesOf("203.0.113.9", "2026-11-11T02:00:00Z", 3),
  ]);
  await world.publish(day(12, 7));
  await world.ingest("pot-2", capturesOf("203.0.113.8", "2026-11-10T05:00:00Z", 4));
  await world.publish(day(13, 8));
  return service;
}

/** The partner's prefix in the store, as it should be in the partner's folder. */
const prefixOf = ({ world }: Service) => filesIn(join(world.settings.store, "partners/twcert"));

test("everything that is the partner's comes, byte for byte, and proves; then nothing is new", async (t) => {
  const service = await published(t);
  const report = await service.fetch();
  assert.deepEqual(report.failures, []);
  assert.deepEqual(
    report.feeds.map(({ feed, before, tip }) => [feed, before, tip]),
    [
      ["spam-sources", 0, 4],
      ["summary", 0, 5],
    ],
  );
  assert.equal(report.issuer, "CERT.br");
  assert.deepEqual(await filesIn(service.into), await prefixOf(service));
  assert.deepEqual(await service.verify(), []);
  service.asked.length = 0;
  const again = await service.fetch();
  assert.deepEqual(
    again.feeds.map(({ files, bytes }) => files + bytes),
    [0, 0],
  );
  assert.ok(!service.asked.some((path) => /publications\/\d/.test(path)), "something was fetched twice");
  assert.deepEqual(await readdir(join(service.into, ".tmp/fetch")), [".tmp"]);
});

test("files of a publication that have the same bytes come side by side", async (t) => {
  const service = await openService(t, day(13, 9));
  const { world } = service;
  await world.ingest("pot-1", capturesOf("203.0.113.7", "2026-11-10T01:00:00Z", 5));
  // All of the slice is of one AS: its own file is the whole one again.
  const split = partnersOf(partnersYaml.replaceAll("stix] }", "stix], split_by: source_asn }"), world.feeds);
  const [manifest] = await world.publish(day(12, 7), { partner: "twcert", feed: "spam-sources" }, { partners: split });
  const digests = manifest?.artifacts.map(({ sha256 }) => sha256) ?? [];
  assert.ok(new Set(digests).size < digests.length, "no two files are the same");
  const report = await service.fetch();
  assert.deepEqual(report.failures, []);
  assert.deepEqual(await filesIn(service.into), await prefixOf(service));
});

test("one feed of several, then the others; then what was published meanwhile", async (t) => {
  const service = await published(t);
  const first = await service.fetch({ feeds: ["summary"] });
  assert.deepEqual(
    first.feeds.map(({ feed, tip }) => [feed, tip]),
    [["summary", 5]],
  );
  assert.deepEqual(
    (await service.fetch()).feeds.map(({ before }) => before),
    [0, 5],
  );
  await service.world.publish(day(14, 8));
  service.now = day(14, 9);
  const next = await service.fetch();
  assert.deepEqual(
    next.feeds.map(({ before, tip, gone, deleted }) => [before, tip, gone.length, deleted]),
    [
      [4, 5, 0, 0],
      [5, 6, 0, 0],
    ],
  );
  assert.deepEqual(await filesIn(service.into), await prefixOf(service));
  await assert.rejects(service.fetch({ feeds: ["spam-urls"] }), { code: "bad-argument" });
});

test("a connection that breaks midway is taken up where it broke", async (t) => {
  const service = await published(t);
  const ranges: (string | undefined)[] = [];
  let breaks = 2;
  service.meddle = async (request, response, pass) => {
    if (!/publications\/1\/.*\.csv\.gz$/.test(request.url ?? "")) return false;
    ranges.push(request.headers.range);
    const whole = await pass();
    if (breaks === 0) return answer(response, whole);
    breaks -= 1;
    response.writeHead(whole.status, whole.headers);
    // What was sent has time to arrive: a reset may overtake it.
    response.write(whole.body.subarray(0, 100), () => setTimeout(() => response.destroy(), 300));
    return true;
  };
  const report = await service.fetch({ feeds: ["spam-sources"] });
  assert.deepEqual(report.failures, []);
  assert.deepEqual(ranges, [undefined, "bytes=100-", "bytes=200-"]);
  assert.deepEqual(await service.verify(), []);
});

test("a partial file from an earlier run is taken up; a damaged one costs a download and nothing else", async (t) => {
  const service = await published(t);
  let down = true;
  const ranges: (string | undefined)[] = [];
  service.meddle = async (request, response, pass) => {
    if (!/publications\/1\/.*\.csv\.gz$/.test(request.url ?? "")) return false;
    ranges.push(request.headers.range);
    const whole = await pass();
    if (!down) return answer(response, whole);
    response.writeHead(whole.status, whole.headers);
    response.write(whole.body.subarray(0, 60), () => response.destroy());
    return true;
  };
  const report = await service.fetch();
  assert.deepEqual(
    report.failures.map(({ error }) => codeOf(error)),
    ["unreachable"],
  );
  assert.deepEqual(
    [...(await filesIn(service.into)).keys()].filter((key) => key.includes("/log/")),
    [],
  );
  const parts = join(service.into, ".tmp/fetch/parts");
  const [partial = ""] = await readdir(parts);
  const size = (await stat(join(parts, partial))).size;
  assert.ok(size >= 60, `${size} bytes were kept`);
  down = false;
  ranges.length = 0;
  await writeFile(join(parts, partial), "x".repeat(size));
  assert.deepEqual((await service.fetch()).failures, []);
  assert.deepEqual(ranges, [`bytes=${size}-`, undefined]);
  assert.deepEqual(await filesIn(service.into), await prefixOf(service));
});

test("what is withdrawn later is deleted here; who comes after that gets the manifests alone", async (t) => {
  const service = await published(t);
  await service.fetch();
  const { world, into } = service;
  const reason = "A sensor's clock was wrong.";
  service.now = day(13, 12);
  await withdraw(world.publishWorld(day(13, 10)), {
    partner: "twcert",
    feed: "spam-sources",
    sequence: 1,
    reason,
    revoke: false,
  });
  const [sources] = (await service.fetch()).feeds;
  assert.ok(sources && sources.deleted > 0);
  assert.deepEqual(sources.gone, []);
  assert.deepEqual(await filesIn(into), await prefixOf(service));
  assert.deepEqual(await service.verify(), []);

  const later = join(into, "../later");
  const fresh = await service.fetch({ into: later });
  assert.deepEqual(fresh.failures, []);
  assert.ok((fresh.feeds[0]?.gone.length ?? 0) > 0);
  assert.deepEqual(await filesIn(later), await prefixOf(service));
});

test("a withdrawal that revokes brings its own files", async (t) => {
  const service = await published(t);
  await service.fetch();
  service.now = day(13, 12);
  const reason = "Wrong.";
  await withdraw(service.world.publishWorld(day(13, 10)), {
    partner: "twcert",
    feed: "spam-sources",
    sequence: 1,
    reason,
    revoke: true,
  });
  const [sources] = (await service.fetch()).feeds;
  assert.equal(sources?.files, 1);
  assert.deepEqual(await filesIn(service.into), await prefixOf(service));
});

test("a token is renewed before it expires, and where the service doesn't take it any more", async (t) => {
  const service = await published(t);
  let manifests = 0;
  let promised = 600;
  const refused: string[] = [];
  service.meddle = async (request, response, pass) => {
    const path = request.url ?? "";
    // At the third manifest time has passed: nearly a token's life, or more than that.
    if (/publications\/\d+$/.test(path) && ++manifests === 3) service.now += promised === 600 ? 580_000 : 700_000;
    const passed = await pass();
    if (passed.status === 401) refused.push(path);
    if (path !== "/oauth2/token") return answer(response, passed);
    const token = { ...JSON.parse(passed.body.toString()), expires_in: promised };
    return answer(response, { ...passed, body: Buffer.from(JSON.stringify(token)) });
  };
  assert.deepEqual((await service.fetch()).failures, []);
  const asked = () => service.asked.filter((path) => path === "/oauth2/token").length;
  assert.deepEqual([asked(), refused.length], [2, 0], "it was renewed in time");
  manifests = 0;
  promised = 1e6;
  assert.deepEqual((await service.fetch({ into: `${service.into}-2` })).failures, []);
  assert.ok(refused.length >= 1 && asked() === 4, `${asked()} tokens, ${refused}`);
});

test("a service that is busy is asked again when it says; one that stays away ends in `unreachable`", async (t) => {
  const service = await published(t);
  const slept: number[] = [];
  let busy = 2;
  service.meddle = (_, response) => {
    if (busy === 0) return false;
    busy -= 1;
    response.writeHead(busy === 0 ? 503 : 429, { "retry-after": "7" }).end();
    return true;
  };
  const sleep = async (ms: number) => void slept.push(ms);
  assert.deepEqual((await service.fetch({ session: await sessionAt(service, () => service.now, sleep) })).failures, []);
  assert.deepEqual(slept, [7000, 7000]);
  busy = Number.POSITIVE_INFINITY;
  await assert.rejects(service.fetch(), { code: "too-many-requests" });
  service.meddle = (_, response) => {
    response.destroy();
    return true;
  };
  await assert.rejects(service.fetch(), { code: "unreachable" });
});

test("one that is at work in the folder is left alone", async (t) => {
  const service = await published(t);
  let other: Promise<unknown> | undefined;
  service.meddle = async () => {
    other ??= service.fetch().then(
      () => "both at work",
      (error: unknown) => codeOf(error),
    );
    await other;
    return false;
  };
  assert.deepEqual((await service.fetch()).failures, []);
  assert.equal(await other, "already-exists");
});
