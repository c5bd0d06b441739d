/** An end within ten seconds, whatever is open: handshakes that were begun, a store that hangs, somebody at the metrics. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { readdir, readFile } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import type { Store } from "../../src/store/store.ts";
import { freePort } from "../free-port.ts";
import { csvFile, publish } from "../publication/issuer.ts";
import { temporaryFolder } from "../temporary-folder.ts";
import { openServed } from "./served.ts";

const run = promisify(execFile);

async function opened(port: number, text = ""): Promise<Socket> {
  const socket = connect(port, "127.0.0.1");
  socket.on("error", () => undefined);
  await once(socket, "connect");
  if (text !== "") socket.write(text);
  await sleep(200);
  return socket;
}

/** True where it ends within ten seconds. */
const inTime = (close: () => Promise<void>) =>
  Promise.race([close().then(() => true), sleep(10_000, false, { ref: false })]);

test("a client that began no TLS handshake doesn't hold up the end", async (t) => {
  const folder = await temporaryFolder(t);
  const [cert, key] = [join(folder, "cert.pem"), join(folder, "key.pem")];
  const kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=x"];
  await run("openssl", ["req", "-x509", ...kind, "-keyout", key, "-out", cert]);
  const tls = { cert: await readFile(cert, "utf8"), key: await readFile(key, "utf8") };
  const served = await openServed(t, { parts: { readTls: async () => tls } });
  const socket = await opened(Number(new URL(served.url).port));
  t.after(() => socket.destroy());
  assert.ok(await inTime(served.close));
});

test("a store that keeps receipts waiting doesn't hold up the end; they stay on the disk", async (t) => {
  const hanging = (store: Store, prefix = ""): Store => ({
    ...store,
    under: (below) => hanging(store.under(below), `${prefix}${below}/`),
    putOnce: (key, ...rest) =>
      `${prefix}${key}`.startsWith("receipts/") ? new Promise(() => undefined) : store.putOnce(key, ...rest),
  });
  const served = await openServed(t, { wrap: hanging });
  await publish(served);
  const token = await served.token("twcert");
  assert.equal((await served.get("/v1/feeds/spam-sources/publications/1", token)).status, 200);
  assert.ok(await inTime(served.close));
  assert.equal((await readdir(join(served.root, "../receipts"))).length, 1);
});

test("a half request at the metrics ends with the service", async (t) => {
  const port = await freePort();
  const served = await openServed(t, { env: { SPAMPOTS_METRICS_LISTEN: `127.0.0.1:${port}` } });
  const socket = await opened(port, "GET /metrics HTTP/1.1\r\nHost: x\r\nX: ");
  t.after(() => socket.destroy());
  const ended = once(socket, "close").then(() => true);
  await served.close();
  assert.ok(await Promise.race([ended, sleep(2000, false, { ref: false })]));
});

test("an answer that ends after the end began doesn't hold it up", async (t) => {
  const served = await openServed(t);
  const content = randomBytes(10_000_000).toString("hex");
  const [file] = (await publish(served, { files: [{ ...csvFile(1), content, facts: { rows: 1 } }] })).artifacts;
  const token = await served.token("twcert");
  const path = `/v1/feeds/spam-sources/publications/1/${file?.name}`;
  const socket = await opened(
    Number(new URL(served.url).port),
    `GET ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\n\r\n`,
  );
  t.after(() => socket.destroy());
  const begun = performance.now();
  const closed = served.close();
  socket.resume();
  await closed;
  assert.ok(performance.now() - begun < 5000);
});
