/**
 * Bodies of files: whole for slow clients though their memory is used again, over TLS too; and places of those who
 * leave.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createCipheriv } from "node:crypto";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { get } from "node:http";
import { get as getByTls } from "node:https";
import { connect } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import type { Artifact } from "../../src/publication/manifest.ts";
import type { Store } from "../../src/store/store.ts";
import { publish, sha256 } from "../publication/issuer.ts";
import { temporaryFolder } from "../temporary-folder.ts";
import { until } from "../until.ts";
import { openServed, type Served } from "./served.ts";

const noise = (bytes: number) =>
  createCipheriv("aes-128-ctr", Buffer.alloc(16), Buffer.alloc(16)).update(Buffer.alloc(bytes)).toString("base64");

/** Publishes one file that gzip can't make small; its path and entry. */
async function published(served: Served, bytes: number): Promise<{ path: string; artifact: Artifact }> {
  const content = noise(bytes);
  const files = [{ suffix: ".csv.gz", mediaType: "text/csv", content, facts: { rows: 1 } }];
  const [artifact] = (await publish(served, { files })).artifacts;
  assert.ok(artifact);
  return { path: `/v1/feeds/spam-sources/publications/1/${artifact.name}`, artifact };
}

/** Digest of an answer that is read with pauses. */
function slowly(url: string, token: string): Promise<string> {
  const options = { headers: { Authorization: `Bearer ${token}` }, rejectUnauthorized: false };
  return new Promise((done, fail) => {
    const ask = url.startsWith("https:") ? getByTls(url, options) : get(url, options);
    ask.on("error", fail);
    ask.on("response", async (response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of response) {
        chunks.push(chunk);
        if (chunks.length % 40 === 0) await sleep(5);
      }
      done(sha256(Buffer.concat(chunks)));
    });
  });
}

test("slow clients get the same bytes", async (t) => {
  const served = await openServed(t);
  const { path, artifact } = await published(served, 12_000_000);
  const token = await served.token("twcert");
  const digests = await Promise.all(Array.from({ length: 8 }, () => slowly(served.url + path, token)));
  assert.deepEqual(new Set(digests), new Set([artifact.sha256]));
});

test("and by TLS", async (t) => {
  const folder = await temporaryFolder(t);
  const [cert, key] = [join(folder, "cert.pem"), join(folder, "key.pem")];
  const kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=x"];
  await promisify(execFile)("openssl", ["req", "-x509", ...kind, "-keyout", key, "-out", cert]);
  const tls = { cert: await readFile(cert, "utf8"), key: await readFile(key, "utf8") };
  const served = await openServed(t, { parts: { readTls: async () => tls } });
  const { path, artifact } = await published(served, 12_000_000);
  const token = await served.token("twcert");
  const url = served.url.replace("http:", "https:") + path;
  const digests = await Promise.all(Array.from({ length: 4 }, () => slowly(url, token)));
  assert.deepEqual(new Set(digests), new Set([artifact.sha256]));
});

test("answers that wait behind another of their connection leave their places when it goes", async (t) => {
  const served = await openServed(t, { env: { SPAMPOTS_LIMIT_DOWNLOADS: "3" } });
  const { path } = await published(served, 20_000_000);
  const token = await served.token("twcert");
  const socket = connect(Number(new URL(served.url).port), "127.0.0.1");
  await once(socket, "connect");
  socket.pause();
  socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\n\r\n`.repeat(3));
  await sleep(300);
  assert.equal((await served.get(path, token)).status, 429);
  socket.destroy();
  await until(async () => (await served.get(path, token)).status === 200, "its place is free");
});

test("who leaves while the store hangs leaves its place", async (t) => {
  let hangs = true;
  async function* hanging(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const chunk of body) {
      yield chunk;
      if (hangs) await new Promise(() => undefined);
    }
  }
  const wrap = (store: Store): Store => ({
    ...store,
    under: (prefix) => wrap(store.under(prefix)),
    async open(key, ...rest) {
      const opened = await store.open(key, ...rest);
      return opened && !key.startsWith("log/") ? { ...opened, body: hanging(opened.body) } : opened;
    },
  });
  const served = await openServed(t, { wrap, env: { SPAMPOTS_LIMIT_DOWNLOADS: "1" } });
  const { path } = await published(served, 3_000_000);
  const token = await served.token("twcert");
  const socket = connect(Number(new URL(served.url).port), "127.0.0.1");
  socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\n\r\n`);
  await once(socket, "data");
  assert.equal((await served.get(path, token)).status, 429);
  hangs = false;
  socket.destroy();
  await until(async () => (await served.get(path, token)).status === 200, "its place is free");
});

test("a file's answer has the headers of every other", async (t) => {
  const served = await openServed(t);
  const { path } = await published(served, 1000);
  const token = await served.token("twcert");
  const [file, feeds] = [await served.get(path, token), await served.get("/v1/feeds", token)];
  for (const [name, value] of feeds.headers) {
    if (/^(?:x-|content-security|referrer|cross-|strict|origin)/.test(name))
      assert.equal(file.headers.get(name), value);
  }
  assert.ok(file.headers.get("content-security-policy"));
});
