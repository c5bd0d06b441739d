/** The pull API over a real S3 service: the same answers as over a folder, and links that open one file for a minute. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { after, before, test } from "node:test";
import { openS3Store } from "../../src/store/s3.ts";
import type { Store } from "../../src/store/store.ts";
import { ask, openServed } from "../http/served.ts";
import { csvFile, publish } from "../publication/issuer.ts";
import { type Gateway, startGateway } from "./gateway.ts";

let gateway: Gateway;

before(async () => {
  gateway = await startGateway();
});
after(() => gateway?.stop());

async function bucketStore(name: string): Promise<Store> {
  await gateway.bucket(name);
  const { endpoint, accessKey, secretKey } = gateway;
  const credentials = { accessKeyId: accessKey, secretAccessKey: secretKey };
  return openS3Store({ bucket: name, endpoint, region: "us-east-1", pathStyle: true, deadlineMs: 30_000, credentials });
}

/** Puts into the bucket what was published into a folder. */
async function copy(from: Store, to: Store): Promise<void> {
  for await (const { key } of from.list("")) await to.putOnce(key, (await from.get(key)) ?? new Uint8Array());
}

const base = "/v1/feeds/spam-sources/publications";

test("publications, parts and receipts are the same over a bucket", async (t) => {
  const bucket = await bucketStore("serve");
  const served = await openServed(t, { wrap: () => bucket });
  const { artifacts } = await publish(served, { files: [csvFile(2000)] });
  await copy(served.store, bucket);
  const token = await served.token("twcert");
  const [artifact] = artifacts;
  assert.ok(artifact);
  const path = `${base}/1/${artifact.name}`;
  const whole = await served.get(path, token);
  assert.equal(createHash("sha256").update(whole.bytes).digest("hex"), artifact.sha256);
  const part = await served.get(path, token, { Range: "bytes=100-199" });
  assert.deepEqual(part.bytes, whole.bytes.subarray(100, 200));
  assert.equal((await served.get("/v1/receipts", token)).json().next, undefined);
  const kept: string[] = [];
  for await (const { key } of bucket.list("receipts/")) kept.push(key);
  assert.equal(kept.length, 1);
});

test("a link opens that one file, as it is, and the token doesn't go along", async (t) => {
  const bucket = await bucketStore("links");
  const served = await openServed(t, { wrap: () => bucket, env: { SPAMPOTS_DOWNLOADS: "redirect" } });
  const { artifacts } = await publish(served, { files: [csvFile(2000)] });
  await copy(served.store, bucket);
  const token = await served.token("twcert");
  const [artifact] = artifacts;
  assert.ok(artifact);
  const path = `${base}/1/${artifact.name}`;
  const answer = await served.get(path, token);
  assert.deepEqual([answer.status, answer.headers.get("cache-control")], [302, "no-store"]);
  const link = new URL(answer.headers.get("location") ?? "");
  assert.equal(link.searchParams.get("X-Amz-Expires"), "60");
  const file = await ask(link.href, { headers: { "Accept-Encoding": "gzip" } });
  assert.equal(createHash("sha256").update(file.bytes).digest("hex"), artifact.sha256);
  assert.equal(file.headers.get("content-type"), "application/gzip");
  assert.equal((await ask(link.href, { headers: { Range: "bytes=0-3" } })).bytes.length, 4);
  link.pathname = link.pathname.replace("twcert", "ncc");
  assert.equal((await ask(link.href)).status, 403);
  assert.equal((await served.get(path, await served.token("ncc"))).status, 404);
  const content = await served.get("/v1/feeds/spam-sources/latest.csv", token, { "Accept-Encoding": "identity" });
  assert.equal(createHash("sha256").update(content.bytes).digest("hex"), artifact.content_sha256);
});
