/** What a partner gets of a store that fails: nothing of its paths and messages, and never an answer of another length. */
import assert from "node:assert/strict";
import { mkdir, readdir, readFile, readlink, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import type { Store } from "../../src/store/store.ts";
import { csvFile, publish } from "../publication/issuer.ts";
import { openServed, type Served } from "./served.ts";

const feed = "/v1/feeds/spam-sources";

/** Everything that comes until the connection ends, or nothing comes for two seconds. */
function everything({ url }: Served, path: string, token: string): Promise<{ text: string; ended: boolean }> {
  return new Promise((done) => {
    let text = "";
    const socket = connect(Number(new URL(url).port), "127.0.0.1");
    socket.setEncoding("latin1").setTimeout(2000);
    socket.on("data", (chunk) => {
      text += String(chunk);
    });
    socket.on("error", () => undefined);
    socket.on("timeout", () => {
      done({ text, ended: false });
      socket.destroy();
    });
    socket.on("close", () => done({ text, ended: true }));
    socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\n\r\n`);
  });
}

test("a store that fails at the first byte or midway tells nothing of itself", async (t) => {
  let good = 0;
  async function* cut(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    let chunks = 0;
    for await (const chunk of body) {
      if (chunks >= good) throw new Error("EIO: read '/srv/secret'");
      chunks += 1;
      yield chunk.subarray(0, 100);
    }
    throw new Error("EIO: read '/srv/secret'");
  }
  const failing = (store: Store): Store => ({
    ...store,
    under: (prefix) => failing(store.under(prefix)),
    async open(key, ...rest) {
      const opened = await store.open(key, ...rest);
      return opened && !key.startsWith("log/") ? { bytes: opened.bytes, body: cut(opened.body) } : opened;
    },
  });
  const served = await openServed(t, { wrap: failing });
  await publish(served, { files: [csvFile(20_000)] });
  const token = await served.token("twcert");
  for (const path of [`${feed}/latest.csv`, `${feed}/latest.csv.gz`]) {
    for (good of [0, 1]) {
      const { text } = await everything(served, path, token);
      assert.doesNotMatch(text, /EIO|secret/, path);
      if (good > 0) continue;
      assert.match(text, /^HTTP\/1.1 503 .*application\/problem\+json/s, path);
    }
  }
});

test("what is stored compressed and isn't as long as was published breaks the connection", async (t) => {
  const served = await openServed(t);
  await publish(served, { files: [csvFile(2000)] });
  const token = await served.token("twcert");
  const name = (await readdir(served.root, { recursive: true })).find((each) => each.endsWith(".csv.gz")) ?? "";
  const { length } = await readFile(join(served.root, name));
  for (const content of ["short", "A".repeat(200_000)]) {
    const other = gzipSync(content);
    await writeFile(join(served.root, name), Buffer.concat([other, Buffer.alloc(length - other.length)]));
    const { text, ended } = await everything(served, `${feed}/latest.csv`, token);
    const stated = Number(/content-length: (\d+)/i.exec(text)?.[1]);
    assert.ok(ended, "it ends");
    assert.ok(text.length - text.indexOf("\r\n\r\n") - 4 < stated, "and never goes beyond what was stated");
  }
});

/** Files that this process has open, below a folder. */
async function openFiles(folder: string): Promise<string[]> {
  const links = (await readdir("/proc/self/fd")).map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => ""));
  return (await Promise.all(links)).filter((path) => path.startsWith(folder));
}

test("a download that may not begin, since its receipt can't be noted, leaves no file open", async (t) => {
  const served = await openServed(t);
  const token = await served.token("twcert");
  const [artifact] = (await publish(served, { files: [csvFile(500)] })).artifacts;
  await rm(join(served.root, "../receipts"), { recursive: true });
  for (let time = 0; time < 5; time += 1) {
    const { status } = await served.get(`${feed}/publications/1/${artifact?.name}`, token);
    assert.equal(status, 503);
  }
  assert.deepEqual(await openFiles(served.root), []);
  await mkdir(join(served.root, "../receipts"));
});
