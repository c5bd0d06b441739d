/** Limits, fronts, broken stores, clients that are slow or many, and an end that is clean. */
import assert from "node:assert/strict";
import { createCipheriv } from "node:crypto";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { test } from "node:test";
import { isError } from "../../src/errors.ts";
import { Limits, network } from "../../src/http/limits.ts";
import type { Store } from "../../src/store/store.ts";
import { csvFile, publish } from "../publication/issuer.ts";
import { until } from "../until.ts";
import { ask, openServed, type Served } from "./served.ts";

const base = "/v1/feeds/spam-sources/publications";

/** Text that gzip can't make small. */
const noise = (bytes: number) =>
  createCipheriv("aes-128-ctr", Buffer.alloc(16), Buffer.alloc(16)).update(Buffer.alloc(bytes)).toString("base64");

const noiseFile = (bytes: number) => ({ ...csvFile(1), content: noise(bytes), facts: { rows: 1 } });

async function published(served: Served, bytes: number): Promise<string> {
  const manifest = await publish(served, { files: [noiseFile(bytes)] });
  return `${base}/1/${manifest.artifacts[0]?.name}`;
}

/** A client that asks, and reads nothing. */
async function slow(served: Served, path: string, token: string): Promise<Socket> {
  const socket = connect(Number(new URL(served.url).port), "127.0.0.1");
  socket.on("error", () => undefined);
  await once(socket, "connect");
  socket.pause();
  socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\n\r\n`);
  return socket;
}

test("a partner that asks too much is told when to come again; others aren't concerned", async (t) => {
  const served = await openServed(t, { env: { SPAMPOTS_LIMIT_REQUESTS: "5" } });
  const [token, other] = [await served.token("twcert"), await served.token("ncc")];
  const answers = await Promise.all(Array.from({ length: 8 }, () => served.get("/v1/feeds", token)));
  const refused = answers.filter(({ status }) => status === 429);
  assert.equal(refused.length, 3);
  for (const { headers } of refused) assert.match(headers.get("retry-after") ?? "", /^[1-9]\d?$/);
  assert.equal((await served.get("/v1/feeds", other)).status, 200);
});

test("an address that nobody knows is limited before its tokens are looked at; known tokens go on", async (t) => {
  const served = await openServed(t, { env: { SPAMPOTS_LIMIT_STRANGERS: "5" } });
  const token = await served.token("twcert");
  assert.equal((await served.get("/v1/feeds", token)).status, 200);
  const guesses = await Promise.all(Array.from({ length: 8 }, (_, guess) => served.get("/v1/feeds", `a.b.${guess}`)));
  assert.deepEqual([...new Set(guesses.map(({ status }) => status))].sort(), [401, 429]);
  assert.equal((await ask(`${served.url}/oauth2/token`, { method: "POST" })).status, 429);
  assert.equal((await served.get("/v1/feeds", token)).status, 200);
});

test("an IPv6 customer has one address, whatever it makes up", () => {
  assert.equal(network("2001:db8:1:2:3:4:5:6"), network("2001:db8:1:2::9"));
  assert.notEqual(network("2001:db8:1:2::9"), network("2001:db8:1:3::9"));
  assert.equal(network("::1"), network("0:0:0:0:5::"));
  assert.equal(network("192.0.2.1"), "192.0.2.1");
});

test("a client's address is what a trusted front states, and from nobody else", async (t) => {
  const address = async (served: Served, forwarded: string) => {
    await publish(served);
    const token = await served.token("twcert");
    await served.get(`${base}/1`, token, { "X-Forwarded-For": forwarded });
    const receipts = (await served.get("/v1/receipts", token)).json().receipts as { address: string }[];
    return receipts[0]?.address;
  };
  assert.equal(await address(await openServed(t), "192.0.2.9"), "127.0.0.1");
  const front = { env: { SPAMPOTS_TRUSTED_FRONT: "127.0.0.0/8, 198.51.100.7" } };
  assert.equal(await address(await openServed(t, front), "203.0.113.5, 192.0.2.9, 198.51.100.7"), "192.0.2.9");
  assert.equal(await address(await openServed(t, front), "192.0.2.9, not an address"), "127.0.0.1");
});

test("downloads at once are bounded, and a place is free again when its client goes", async (t) => {
  const served = await openServed(t, { env: { SPAMPOTS_LIMIT_DOWNLOADS: "3" } });
  const path = await published(served, 20_000_000);
  const token = await served.token("twcert");
  const sockets = await Promise.all([1, 2, 3].map(() => slow(served, path, token)));
  await new Promise((done) => setTimeout(done, 300));
  const refused = await served.get(path, token);
  assert.deepEqual([refused.status, refused.headers.get("retry-after")], [429, "2"]);
  assert.equal((await served.get("/v1/feeds", token)).status, 200, "what is short goes on");
  for (const socket of sockets) socket.destroy();
  await until(async () => (await served.get(path, token)).status === 200, "a place is free");
});

test("a place that is freed twice is one place", () => {
  const limits = new Limits({ requests: 1, downloads: 2, strangers: 1 });
  const [free] = [limits.take("a"), limits.take("a")];
  free();
  free();
  limits.take("a");
  assert.throws(
    () => limits.take("a"),
    (error) => isError(error, "too-many-requests"),
  );
});

test("a store that fails midway breaks the connection, and the answer never looks whole", async (t) => {
  let after = Number.POSITIVE_INFINITY;
  const failing = (store: Store): Store => ({
    ...store,
    under: (prefix) => failing(store.under(prefix)),
    async open(key, range) {
      const opened = await store.open(key, range);
      if (opened === undefined || key.startsWith("log/")) return opened;
      return { bytes: opened.bytes, body: cut(opened.body, () => after) };
    },
  });
  async function* cut(body: AsyncIterable<Uint8Array>, most: () => number): AsyncGenerator<Uint8Array> {
    let sent = 0;
    for await (const chunk of body) {
      if (sent + chunk.length > most()) throw new Error("the store went away");
      sent += chunk.length;
      yield chunk;
    }
  }
  const served = await openServed(t, { wrap: failing });
  const path = await published(served, 3_000_000);
  const token = await served.token("twcert");
  assert.equal((await served.get(path, token)).status, 200);
  after = 0;
  assert.equal((await served.get(path, token)).status, 503, "before the first byte it is an answer like any other");
  for (const bytes of [1_100_000, 1_500_000]) {
    after = bytes;
    await assert.rejects(served.get(path, token), `after ${bytes} bytes`);
    await assert.rejects(served.get("/v1/feeds/spam-sources/latest.csv", token, { "Accept-Encoding": "identity" }));
  }
  after = Number.POSITIVE_INFINITY;
  assert.equal((await served.get(path, token)).status, 200, "and it goes on");
});

test("thousands of connections that say nothing keep nobody waiting", async (t) => {
  const served = await openServed(t);
  const token = await served.token("twcert");
  const port = Number(new URL(served.url).port);
  const sockets: Socket[] = [];
  for (let index = 0; index < 2000; index += 1) {
    const socket = connect(port, "127.0.0.1");
    socket.on("error", () => undefined);
    sockets.push(socket);
    if (index % 2 === 0) socket.write("GET /v1/feeds HTTP/1.1\r\nX-Slow: ");
  }
  const last = sockets.at(-1);
  if (last?.connecting) await once(last, "connect");
  for (let index = 0; index < 20; index += 1) assert.equal((await served.get("/v1/feeds", token)).status, 200);
  for (const socket of sockets) socket.destroy();
});

test("an end lets answers end, cuts what doesn't, and moves receipts", async (t) => {
  const served = await openServed(t);
  const path = await published(served, 5_000_000);
  const token = await served.token("twcert");
  const waiting = served.get(`${base}?after=1&wait=60`, token);
  const stuck = await slow(served, path, token);
  await new Promise((done) => setTimeout(done, 300));
  const begun = performance.now();
  await served.close();
  assert.ok(performance.now() - begun < 10_000);
  assert.equal((await waiting).status, 200);
  stuck.destroy();
  const receipts: string[] = [];
  for await (const { key } of served.store.list("receipts/twcert/")) receipts.push(key);
  assert.equal(receipts.length, 1);
});
