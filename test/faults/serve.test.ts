/**
 * The service as a process, and what can happen to it: killed while partners download, its store gone and back, a thousand
 * clients that read slowly, ten thousand connections that say nothing.
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { createCipheriv, createHash } from "node:crypto";
import { once } from "node:events";
import { cp, mkdir, readdir, readFile, rename, writeFile } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { newTokenKey } from "../../src/partner/auth/token-keys.ts";
import { freePort } from "../free-port.ts";
import { ask, partnersText } from "../http/served.ts";
import { csvFile, type Issuer, newIssuer, publish, testNow } from "../publication/issuer.ts";

const project = join(import.meta.dirname, "../..");
const now = ["--now", new Date(testNow).toISOString()];

interface Site extends Issuer {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly folder: string;
  readonly path: string;
  readonly sha256: string;
}

/** A store with one large file, and everything that `serve` reads. */
async function site(
  t: Parameters<typeof newIssuer>[0],
  bytes: number,
  more: Record<string, string> = {},
): Promise<Site> {
  const issuer = await newIssuer(t);
  const folder = join(issuer.root, "..");
  const config = join(folder, "config");
  await mkdir(config);
  await cp(join(project, "feeds"), join(config, "feeds"), { recursive: true });
  await writeFile(join(config, "partners.yaml"), partnersText({ twcert: { keys: [] } }));
  await newTokenKey(join(folder, "token-keys"), testNow - 1000);
  // Text that gzip can't make small.
  const content = createCipheriv("aes-128-ctr", Buffer.alloc(16), Buffer.alloc(16))
    .update(Buffer.alloc(bytes))
    .toString("base64");
  const { artifacts } = await publish(issuer, { files: [{ ...csvFile(1), content }] });
  const env = {
    ...process.env,
    SPAMPOTS_DATA: folder,
    SPAMPOTS_CONFIG: config,
    // Known beforehand: tokens are for the address.
    SPAMPOTS_LISTEN: `127.0.0.1:${await freePort()}`,
    SPAMPOTS_METRICS_LISTEN: "none",
    SPAMPOTS_LIMIT_REQUESTS: "1000000",
    ...more,
  };
  const { name = "", sha256 = "" } = artifacts[0] ?? {};
  return { ...issuer, env, folder, path: `/v1/feeds/spam-sources/publications/1/${name}`, sha256 };
}

interface Running {
  readonly child: ChildProcess;
  readonly url: string;
}

/** Starts `spampots serve`, and waits until it listens. */
async function serve({ env }: Site): Promise<Running> {
  const child = spawn(process.execPath, [join(project, "bin/spampots.js"), "--json", ...now, "serve"], {
    env,
    stdio: ["ignore", "pipe", "ignore"],
  });
  for await (const line of createInterface({ input: child.stdout })) {
    const { url } = JSON.parse(line);
    assert.ok(typeof url === "string", `it didn't begin to listen: ${line}`);
    return { child, url };
  }
  throw new Error("it didn't begin to listen");
}

async function end({ child }: Running, signal: NodeJS.Signals = "SIGTERM"): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  child.kill(signal);
  await ended;
}

async function token({ env }: Site): Promise<string> {
  const child = spawn(process.execPath, [join(project, "bin/spampots.js"), ...now, "token", "twcert"], {
    env,
    stdio: ["ignore", "pipe", "ignore"],
  });
  let text = "";
  for await (const chunk of child.stdout) text += String(chunk);
  return text.trim();
}

/** Resident memory of a process, megabytes. */
async function memory({ child }: Running): Promise<number> {
  const status = await readFile(`/proc/${child.pid}/status`, "utf8");
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) / 1000;
}

/** Opens connections that send this, and read nothing. */
async function idle(url: string, count: number, text: string): Promise<Socket[]> {
  const sockets: Socket[] = [];
  for (let index = 0; index < count; index += 1) {
    const socket = connect(Number(new URL(url).port), "127.0.0.1");
    socket.on("error", () => undefined).pause();
    if (text !== "") socket.write(text);
    sockets.push(socket);
    if (index % 200 === 199) await new Promise((done) => setTimeout(done, 5));
  }
  return sockets;
}

/** Every receipt of the partner: in the store, and on its way there. */
async function receipts({ store, folder }: Site): Promise<number> {
  let lines = 0;
  for await (const { key } of store.list("receipts/")) {
    lines += new TextDecoder()
      .decode(await store.get(key))
      .trimEnd()
      .split("\n").length;
  }
  for (const name of await readdir(join(folder, "receipts"), { recursive: true })) {
    if (!name.endsWith(".jsonl")) continue;
    lines += (await readFile(join(folder, "receipts", name), "utf8")).split("\n").length - 1;
  }
  return lines;
}

test("killed while a partner downloads: what arrived whole is right, and has a receipt", async (t) => {
  const place = await site(t, 3_000_000);
  const bearer = { headers: { Authorization: `Bearer ${await token(place)}` } };
  let whole = 0;
  for (let round = 0; round < 6; round += 1) {
    const running = await serve(place);
    const kill = setTimeout(() => running.child.kill("SIGKILL"), 150 + round * 70);
    for (;;) {
      const answer = await ask(`${running.url}${place.path}`, bearer).catch(() => undefined);
      if (answer === undefined) break;
      assert.equal(createHash("sha256").update(answer.bytes).digest("hex"), place.sha256);
      whole += 1;
    }
    clearTimeout(kill);
    if (running.child.exitCode === null && running.child.signalCode === null) await once(running.child, "exit");
  }
  assert.ok(whole > 0);
  assert.ok((await receipts(place)) >= whole);
  let kept = 0;
  const journals = async () =>
    (await readdir(join(place.folder, "receipts"), { recursive: true })).filter((name) => name.endsWith(".jsonl"));
  // An end takes a second and a half at most: what a slow disk leaves, the next one moves.
  for (let tries = 0; tries === 0 || (tries < 5 && (await journals()).length > 0); tries += 1) {
    const last = await serve(place);
    kept = await receipts(place);
    await end(last);
  }
  assert.equal(await receipts(place), kept, "the journal is in the store, each receipt once");
  assert.deepEqual(await journals(), []);
});

test("the store goes away and comes back", async (t) => {
  const place = await site(t, 100_000);
  const bearer = { headers: { Authorization: `Bearer ${await token(place)}` } };
  const running = await serve(place);
  t.after(() => end(running));
  const fetched = async () => (await ask(`${running.url}${place.path}`, bearer)).status;
  assert.equal(await fetched(), 200);
  await rename(place.root, `${place.root}-away`);
  assert.ok((await fetched()) >= 500);
  assert.equal((await ask(`${running.url}/healthz`)).status, 200);
  await rename(`${place.root}-away`, place.root);
  assert.equal(await fetched(), 200);
});

test("a thousand clients that read slowly: others are answered, memory is bounded, and it recovers", async (t) => {
  const place = await site(t, 20_000_000, { SPAMPOTS_LIMIT_DOWNLOADS: "2000" });
  const secret = await token(place);
  const bearer = { headers: { Authorization: `Bearer ${secret}` } };
  const running = await serve(place);
  t.after(() => end(running));
  await ask(`${running.url}${place.path}`, bearer);
  const before = await memory(running);
  const request = `GET ${place.path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${secret}\r\n\r\n`;
  const sockets = await idle(running.url, 1000, request);
  await new Promise((done) => setTimeout(done, 3000));
  for (let count = 0; count < 5; count += 1) assert.equal((await ask(`${running.url}/v1/feeds`, bearer)).status, 200);
  const grown = (await memory(running)) - before;
  assert.ok(grown < 600, `${grown} MB for 1,000 clients`);
  for (const socket of sockets) socket.destroy();
  assert.equal((await ask(`${running.url}${place.path}`, bearer)).status, 200);
});

test("ten thousand connections without credentials: others are answered, and it recovers", async (t) => {
  const place = await site(t, 100_000);
  const bearer = { headers: { Authorization: `Bearer ${await token(place)}` } };
  const running = await serve(place);
  t.after(() => end(running));
  await ask(`${running.url}/v1/feeds`, bearer);
  const sockets = await idle(running.url, 10_000, "GET /v1/feeds HTTP/1.1\r\nX-Slow: ");
  for (let count = 0; count < 5; count += 1) {
    assert.equal(
      (await ask(`${running.url}/v1/feeds`, { headers: { ...bearer.headers, Connection: "close" } })).status,
      200,
    );
  }
  // Who hasn't sent a header in ten seconds, since it was let in, is cut off.
  const since = performance.now();
  const open = async () => (await readdir(`/proc/${running.child.pid}/fd`)).length;
  while ((await open()) >= 1000 && performance.now() - since < 60_000)
    await new Promise((done) => setTimeout(done, 500));
  const left = await open();
  for (const socket of sockets) socket.destroy();
  assert.ok(left < 1000, `${left} are still open`);
  assert.equal((await ask(`${running.url}${place.path}`, bearer)).status, 200);
});
