/** The pull API over real publications: what is there, what was withdrawn, parts, conditions, digests, waiting. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { gunzipSync } from "node:zlib";
import Ajv2020 from "ajv/dist/2020.js";
import { announceRotation } from "../../src/publication/announce.ts";
import { beginRotation, finishRotation } from "../../src/publication/keys.ts";
import { artifactKey, type Manifest } from "../../src/publication/manifest.ts";
import { jwsMediaType, openJws } from "../../src/publication/sign.ts";
import { csvFile, finder, publish, stixFile, testNow, withdrawal } from "../publication/issuer.ts";
import { type Answer, ask, openServed, type Served } from "./served.ts";

const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");
const field = (hex: string) => `sha-256=:${Buffer.from(hex, "hex").toString("base64")}:`;
const base = "/v1/feeds/spam-sources/publications";

/** Lets the second pass for which a look at a log is good. */
const later = (served: Served) => served.setNow(served.now() + 1000);

function first<T>(items: readonly T[]): T {
  const [item] = items;
  assert.ok(item !== undefined);
  return item;
}

test("feeds are those that the partner subscribes, with what is newest", async (t) => {
  const served = await openServed(t);
  const token = await served.token("twcert");
  assert.deepEqual(
    (
      (await served.get("/v1/feeds", token)).json().feeds as { id: string; publications: number; latest: unknown }[]
    ).map(({ id, publications, latest }) => [id, publications, latest]),
    [
      ["spam-sources", 0, null],
      ["summary", 0, null],
    ],
  );
  await publish(served);
  later(served);
  const feed = (await served.get("/v1/feeds/spam-sources", token)).json();
  assert.deepEqual([feed.publications, (feed.latest as { sequence: number }).sequence], [1, 1]);
  assert.equal((await served.get("/v1/feeds/spam-events", token)).status, 404, "a feed that it doesn't subscribe");
  assert.equal((await served.get("/v1/feeds/spam-sources/", token)).status, 404);
});

test("publications come oldest first, page by page, and none is lost", async (t) => {
  const served = await openServed(t);
  const token = await served.token("twcert");
  for (let week = 5; week >= 0; week -= 1) await publish(served, { weeksAgo: week });
  const seen: number[] = [];
  for (let after = 0, more = true; more; ) {
    const page = (await served.get(`${base}?after=${after}&limit=4`, token)).json();
    seen.push(...(page.publications as { sequence: number }[]).map(({ sequence }) => sequence));
    after = Number(page.next);
    more = page.more === true;
  }
  assert.deepEqual(seen, [1, 2, 3, 4, 5, 6]);
  assert.deepEqual((await served.get(`${base}?after=6`, token)).json(), { publications: [], next: 6, more: false });
  assert.deepEqual((await served.get(`${base}?after=99`, token)).json(), { publications: [], next: 99, more: false });
  for (const query of [
    "after=-1",
    "after=x",
    "after=",
    "limit=0",
    "limit=101",
    "limit=1.5",
    "wait=61",
    "after=1&after=2",
    "other=1",
  ]) {
    const answer = await served.get(`${base}?${query}`, token);
    assert.deepEqual([answer.status, answer.headers.get("content-type")], [400, "application/problem+json"], query);
  }
});

test("a publication comes exactly as it was signed, or as its payload", async (t) => {
  const served = await openServed(t);
  const token = await served.token("twcert");
  const manifest = await publish(served);
  const jose = await served.get(`${base}/1`, token);
  assert.equal(jose.headers.get("content-type"), jwsMediaType);
  assert.deepEqual(
    jose.bytes,
    Buffer.from((await served.store.get("partners/twcert/spam-sources/log/00000001.jws")) ?? []),
  );
  await openJws(jose.bytes, "spampots-manifest+jws", finder(served.keyring));
  const plain = await served.get(`${base}/1`, token, { Accept: "application/json;q=0.9, text/html;q=0.1" });
  assert.deepEqual(plain.json(), manifest);
  assert.notEqual(plain.headers.get("etag"), jose.headers.get("etag"));
  for (const accept of ["text/html", "application/json;q=0"]) {
    assert.equal((await served.get(`${base}/1`, token, { Accept: accept })).status, 406, accept);
  }
  const etag = jose.headers.get("etag") ?? "";
  assert.equal((await served.get(`${base}/1`, token, { "If-None-Match": `"x", W/${etag}` })).status, 304);
  for (const path of ["0", "2", "00000001", "1e0", "x", "1/", "-1", "99999999"]) {
    assert.equal((await served.get(`${base}/${path}`, token)).status, 404, path);
  }
});

test("an artifact comes whole, in part, or not at all where it is known", async (t) => {
  const served = await openServed(t);
  const token = await served.token("twcert");
  const artifact = first((await publish(served, { files: [csvFile(500)] })).artifacts);
  const path = `${base}/1/${artifact.name}`;
  const whole = await served.get(path, token);
  assert.equal(whole.status, 200);
  assert.equal(sha256(whole.bytes), artifact.sha256);
  assert.equal(whole.headers.get("content-digest"), field(artifact.sha256));
  assert.equal(whole.headers.get("etag"), `"${artifact.sha256}"`);
  assert.equal(whole.headers.get("content-type"), "application/gzip");
  assert.equal(whole.headers.get("content-encoding"), null, "or a client would unpack what it is to compare");
  assert.equal(whole.headers.get("cache-control"), "private, max-age=31536000, immutable");
  const parts: readonly (readonly [string, number, number])[] = [
    ["bytes=0-9", 0, 10],
    ["bytes=10-", 10, artifact.bytes],
    ["bytes=-7", artifact.bytes - 7, artifact.bytes],
    ["bytes=5-999999", 5, artifact.bytes],
    ["bytes=-999999", 0, artifact.bytes],
  ];
  for (const [range, from, to] of parts) {
    const part = await served.get(path, token, { Range: range });
    assert.equal(part.status, 206, range);
    assert.deepEqual(part.bytes, whole.bytes.subarray(from, to), range);
    assert.equal(part.headers.get("content-range"), `bytes ${from}-${to - 1}/${artifact.bytes}`);
    assert.equal(part.headers.get("repr-digest"), field(artifact.sha256));
    assert.equal(part.headers.get("content-digest"), null);
  }
  for (const range of [`bytes=${artifact.bytes}-`, "bytes=-0", "bytes=99999999-"]) {
    const none = await served.get(path, token, { Range: range });
    assert.deepEqual([none.status, none.headers.get("content-range")], [416, `bytes */${artifact.bytes}`], range);
  }
  for (const range of ["bytes=9-2", "bytes=a-b", "items=0-1", "bytes=0-1,3-4", "bytes=-"]) {
    assert.equal((await served.get(path, token, { Range: range })).status, 200, range);
  }
  const tag = `"${artifact.sha256}"`;
  assert.equal((await served.get(path, token, { Range: "bytes=0-9", "If-Range": tag })).status, 206);
  assert.equal((await served.get(path, token, { Range: "bytes=0-9", "If-Range": '"other"' })).status, 200);
  const known = await served.get(path, token, { "If-None-Match": tag });
  assert.deepEqual([known.status, known.bytes.length], [304, 0]);
  const head = await ask(`${served.url}${path}`, { method: "HEAD", headers: { Authorization: `Bearer ${token}` } });
  assert.deepEqual(
    [head.status, head.headers.get("content-length"), head.bytes.length],
    [200, String(artifact.bytes), 0],
  );
});

test("one address has the newest period, compressed as the client allows", async (t) => {
  const served = await openServed(t);
  const token = await served.token("twcert");
  const get = (path: string, headers: Record<string, string> = {}) =>
    served.get(`/v1/feeds/spam-sources/${path}`, token, { "Accept-Encoding": "identity", ...headers });
  assert.equal((await get("latest.csv")).status, 404);
  const older = first((await publish(served, { weeksAgo: 1, files: [csvFile(3, "old")] })).artifacts);
  const newest = first((await publish(served, { files: [csvFile(4, "new"), stixFile(2)] })).artifacts);
  // A revision of the older period is published later, and isn't the newest period.
  await publish(served, { weeksAgo: 1, files: [csvFile(5, "revised")] });
  later(served);
  const plain = await get("latest.csv");
  assert.equal(plain.headers.get("content-type"), newest.media_type);
  assert.equal(plain.headers.get("content-length"), String(newest.content_bytes));
  assert.equal(sha256(plain.bytes), newest.content_sha256);
  assert.equal(plain.headers.get("content-digest"), field(newest.content_sha256));
  const packed = await ask(`${served.url}/v1/feeds/spam-sources/latest.csv`, {
    headers: { Authorization: `Bearer ${token}`, "Accept-Encoding": "gzip" },
  });
  assert.equal(packed.headers.get("content-encoding"), "gzip");
  assert.equal(packed.headers.get("content-digest"), field(newest.sha256));
  assert.equal(sha256(packed.bytes), newest.content_sha256, "fetch unpacks it");
  assert.notEqual(packed.headers.get("etag"), plain.headers.get("etag"));
  assert.equal(plain.headers.get("vary"), "Accept-Encoding");
  const file = await get("latest.csv.gz");
  assert.equal(sha256(file.bytes), newest.sha256);
  const previous = await get(`latest.csv?period=${older.name.split("_")[1]}`);
  assert.match(previous.text, /revised/);
  assert.equal((await get("latest.csv?period=2020-W01")).status, 404);
  assert.equal((await get("latest.json")).status, 404, "this feed has no JSON");
  assert.equal((await get("latest.csv", { "If-None-Match": plain.headers.get("etag") ?? "" })).status, 304);
  assert.deepEqual(gunzipSync(file.bytes), plain.bytes);
  assert.equal((await served.get(`${base}/latest`, token)).headers.get("content-location"), `${base}/2`);
});

test("what was withdrawn or is expired is gone, with the reason; manifests stay", async (t) => {
  const served = await openServed(t);
  const token = await served.token("twcert", 30 * 86_400);
  await publish(served, { weeksAgo: 1, files: [csvFile(1, "kept")] });
  const wrong = first((await publish(served, { files: [csvFile(2, "wrong")] })).artifacts);
  await publish(served, { files: [], more: withdrawal([2]) });
  later(served);
  const gone = await served.get(`${base}/2/${wrong.name}`, token);
  assert.deepEqual([gone.status, gone.json().code], [410, "gone"]);
  assert.match(String(gone.json().detail), /Publication 3 .* A sensor's clock was wrong\./);
  assert.equal((await served.get(`${base}/2`, token)).status, 200);
  const listed = (await served.get(base, token)).json().publications as { withdrawn_by?: number }[];
  assert.deepEqual(
    listed.map((item) => item.withdrawn_by),
    [undefined, 2 + 1, undefined],
  );
  assert.match((await served.get("/v1/feeds/spam-sources/latest.csv", token)).text, /kept/);
  const expiring: Manifest = await publish(served, {
    weeksAgo: 2,
    files: [csvFile(3, "brief")],
    more: { retain_until: "2026-11-20T00:00:00Z" },
  });
  const file = first(expiring.artifacts);
  served.setNow(Date.UTC(2026, 10, 20));
  assert.equal((await served.get(`${base}/4/${file.name}`, token)).status, 200, "not deleted yet");
  await rm(join(served.root, "partners/twcert/spam-sources", artifactKey(file)));
  const expired = await served.get(`${base}/4/${file.name}`, token);
  assert.deepEqual([expired.status, String(expired.json().detail).includes("2026-11-20")], [410, true]);
  served.setNow(testNow + 2000);
  assert.equal(
    (await served.get(`${base}/4/${file.name}`, token)).status,
    503,
    "missing is another thing than expired",
  );
});

test("a client that waits is told as soon as something is published", async (t) => {
  let now = testNow;
  const served = await openServed(t, { parts: { clock: () => now } });
  const ticking = setInterval(() => {
    now += 100;
  }, 100);
  t.after(() => clearInterval(ticking));
  const token = await served.token("twcert");
  const begun = performance.now();
  const waiting = served.get(`${base}?wait=30`, token);
  setTimeout(() => void publish(served), 1200);
  const answer = (await waiting).json();
  assert.equal((answer.publications as unknown[]).length, 1);
  assert.ok(performance.now() - begun < 15_000);
  const none = (await served.get(`${base}?after=1&wait=1`, token)).json();
  assert.deepEqual(none, { publications: [], next: 1, more: false });
  // Whoever was suspended meanwhile is told so, and nothing else.
  const suspended = served.get(`${base}?after=1&wait=2`, token);
  await new Promise((done) => setTimeout(done, 300));
  await served.change({ twcert: { keys: [], suspended: true } });
  assert.equal((await suspended).status, 403);
});

test("a log with a forged publication tells nothing of it", async (t) => {
  const served = await openServed(t);
  const token = await served.token("twcert");
  await publish(served);
  const foreign = await openServed(t);
  await publish(foreign);
  await publish(foreign, { weeksAgo: 1 });
  const forged = await foreign.store.get("partners/twcert/spam-sources/log/00000002.jws");
  assert.ok(forged);
  await served.store.putOnce("partners/twcert/spam-sources/log/00000002.jws", forged);
  const answer = await served.get(base, token);
  assert.deepEqual([answer.status, answer.json().code], [500, "internal"]);
});

test("a publication of another partner or feed, copied into a log, is not handed out", async (t) => {
  const served = await openServed(t);
  const token = await served.token("twcert");
  await publish(served);
  for (const [partner, feed] of [
    ["ncc", "spam-sources"],
    ["twcert", "spam-events"],
  ] as const) {
    const copied = await publish(served, { partner, feed });
    const bytes = await served.store.get(`partners/${partner}/${feed}/log/00000001.jws`);
    await served.store.putOnce("partners/twcert/summary/log/00000001.jws", bytes ?? new Uint8Array());
    later(served);
    const artifact = first(copied.artifacts);
    for (const path of ["", "/publications", "/publications/1", `/publications/1/${artifact.name}`, "/latest.json"]) {
      const answer = await served.get(`/v1/feeds/summary${path}`, token);
      assert.ok(answer.status >= 500, `${path}: ${answer.status}`);
      assert.doesNotMatch(answer.text, /ncc|spam-events/);
    }
    await rm(join(served.root, "partners/twcert/summary"), { recursive: true });
  }
});

test("a publication under a key made a moment ago is told at once", async (t) => {
  const served = await openServed(t);
  const token = await served.token("twcert");
  await publish(served);
  const source = { folder: served.keys };
  const keyring = await beginRotation(source, { now: testNow });
  await announceRotation(served.store, { issuer: "CERT.br", keyring, now: testNow });
  await finishRotation(served.keys, keyring.live);
  await publish({ ...served, keyring }, { weeksAgo: 1 });
  const listed = (await served.get(base, token)).json().publications as unknown[];
  assert.equal(listed.length, 2);
});

test("receipts say what was handed out, and are there for good", async (t) => {
  const served = await openServed(t);
  const token = await served.token("twcert");
  const artifact = first((await publish(served)).artifacts);
  const path = `${base}/1/${artifact.name}`;
  await served.get(`${base}/1`, token);
  await served.get(path, token);
  await served.get(path, token, { Range: "bytes=3-5" });
  // None of these hands anything out.
  await ask(`${served.url}${path}`, { method: "HEAD", headers: { Authorization: `Bearer ${token}` } });
  await served.get(path, token, { "If-None-Match": `"${artifact.sha256}"` });
  await served.get(path, token, { Range: "bytes=99999999-" });
  await served.get(`${base}/1/other.csv.gz`, token);
  const receipts = (await served.get("/v1/receipts", token)).json().receipts as Record<string, unknown>[];
  assert.deepEqual(
    receipts.map(({ sequence, artifact: name, range, how, address }) => [sequence, name, range, how, address]),
    [
      [1, undefined, undefined, "pull", "127.0.0.1"],
      [1, artifact.name, undefined, "pull", "127.0.0.1"],
      [1, artifact.name, [3, 6], "pull", "127.0.0.1"],
    ],
  );
  const others = (await served.get("/v1/receipts", await served.token("ncc"))).json();
  assert.deepEqual(others.receipts, []);
  assert.match(String(others.note), /leaves no receipt/);
  later(served);
  await served.get(`${base}/1`, token);
  const page = (await served.get("/v1/receipts?limit=1", token)).json();
  assert.equal((page.receipts as unknown[]).length, 3, "whole objects");
  const next = (await served.get(`/v1/receipts?after=${page.next}`, token)).json();
  assert.equal((next.receipts as unknown[]).length, 1);
  assert.equal((await served.get("/v1/receipts?after=../../ncc", token)).json().next, undefined);
});

test("keys and their announcements are there, so that a copy can be verified", async (t) => {
  const served = await openServed(t);
  const token = await served.token("twcert");
  await publish(served);
  const keys = (await served.get("/v1/keys", token)).json();
  assert.deepEqual([keys.live, keys.announcements], [served.keyring.live, 1]);
  const announcement = await served.get("/v1/keys/1", token);
  assert.deepEqual(
    announcement.bytes,
    Buffer.from((await served.store.get("partners/twcert/keys/00000001.jws")) ?? []),
  );
  assert.equal((await served.get("/v1/keys/2", token)).status, 404);
});

test("the schema of a feed describes the rows of its CSV", async (t) => {
  const served = await openServed(t);
  const token = await served.token("twcert");
  const { columns, row } = (await served.get("/v1/feeds/spam-sources/schema", token)).json();
  const check = new Ajv2020.default({ strict: true }).compile(row as object);
  const names = (columns as { name: string }[]).map(({ name }) => name);
  assert.equal(names[0], "row_id");
  const empty = Object.fromEntries(names.map((name) => [name, ""]));
  assert.equal(check(empty), true);
  assert.equal(check({ ...empty, captures: "many" }), false);
  assert.equal(check({ ...empty, sensor_id: "pot-1" }), false);
});

test("the OpenAPI document has every route, and the page loads nothing", async (t) => {
  const served = await openServed(t);
  const document = (await ask(`${served.url}/openapi.json`)).json();
  assert.equal(document.openapi, "3.1.1");
  const paths = Object.keys(document.paths as object);
  assert.ok(paths.includes("/v1/feeds/{feed}/publications/{sequence}/{artifact}"));
  const page: Answer = await ask(`${served.url}/reference`);
  for (const path of paths) assert.ok(page.text.includes(path), path);
  assert.doesNotMatch(page.text, /<script|src=|@import|url\(|https?:\/\//);
  assert.doesNotMatch(page.text, /`/, "code is shown as code");
  assert.doesNotMatch(page.text, /<td><\/td>/, "each parameter has a meaning");
  assert.match(page.text, /<code>client_assertion<\/code><\/th><td>form<\/td>/);
  assert.match(page.text, /<code>wait<\/code>.*?0 to 60\. By default <code>0<\/code>/);
  for (const status of [401, 429, 503]) assert.ok(page.text.includes(`<code>${status}</code>`), String(status));
});
