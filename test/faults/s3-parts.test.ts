/** Large files over a real S3 service that fails: there whole or not at all, and what was uploaded in part is let go. */
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { ListMultipartUploadsCommand, S3Client } from "@aws-sdk/client-s3";
import { openS3Store } from "../../src/store/s3.ts";
import { type Gateway, startGateway } from "../s3/gateway.ts";
import { type Fault, fitting } from "./s3-faults.ts";
import { type S3Proxy, startS3Proxy } from "./s3-proxy.ts";
import { ours } from "./s3-world.ts";

/** Three parts. */
const bytes = 33 * 1024 * 1024;
const deadlineMs = 4000;
let gateway: Gateway;
let proxy: S3Proxy;
let folder = "";
let path = "";

before(async () => {
  gateway = await startGateway();
  await gateway.bucket("feeds");
  proxy = await startS3Proxy(gateway.endpoint);
  folder = await mkdtemp(join(tmpdir(), "spampots-parts-"));
  path = join(folder, "large");
  await writeFile(path, Buffer.alloc(bytes, "spam pots "));
});
after(async () => {
  await proxy?.stop();
  await gateway?.stop();
  if (folder !== "") await rm(folder, { recursive: true, force: true });
});

const credentials = () => ({ accessKeyId: gateway.accessKey, secretAccessKey: gateway.secretKey });
const open = (endpoint: string, ms: number) =>
  openS3Store({
    bucket: "feeds",
    endpoint,
    region: "us-east-1",
    pathStyle: true,
    deadlineMs: ms,
    credentials: credentials(),
  });

async function openUploads(): Promise<number> {
  const place = { endpoint: gateway.endpoint, region: "us-east-1", forcePathStyle: true };
  const client = new S3Client({ ...place, credentials: credentials() });
  const { Uploads = [] } = await client.send(new ListMultipartUploadsCommand({ Bucket: "feeds" }));
  client.destroy();
  return Uploads.length;
}

/** Puts the file with a fault at requests of one operation; true where that was done in the end. */
async function put(key: string, operation: string, fault: Fault, times: number): Promise<boolean> {
  let left = times;
  proxy.plan((seen) => {
    if (seen.operation !== operation || left === 0 || fitting(seen, [fault]).length === 0) return undefined;
    left -= 1;
    return fault;
  });
  const done = await open(proxy.endpoint, deadlineMs)
    .putFile(key, { path, bytes })
    .then(
      () => true,
      (error: unknown) => ours(error) === undefined,
    );
  await proxy.settled();
  proxy.plan();
  assert.ok(left < times, `${fault} fits no ${operation}`);
  return done;
}

const passing: readonly (readonly [string, Fault])[] = [
  ["CreateMultipartUpload", "reset"],
  ["CreateMultipartUpload", "503"],
  ["UploadPart", "reset"],
  ["UploadPart", "cut-upload"],
  ["UploadPart", "lost"],
  ["UploadPart", "flip-upload"],
  ["UploadPart", "500"],
  ["CompleteMultipartUpload", "lost"],
  ["CompleteMultipartUpload", "reset"],
  ["CompleteMultipartUpload", "page"],
];

test("what passes is got over: the file is there, and no upload stays open", async () => {
  const direct = open(gateway.endpoint, 30_000);
  for (const [operation, fault] of passing) {
    const key = `passing/${operation}-${fault}`;
    assert.equal(await put(key, operation, fault, 1), true, key);
    assert.equal((await direct.stat(key))?.bytes, bytes, key);
    await direct.delete(key);
    assert.equal(await openUploads(), 0, key);
  }
});

test("what doesn't pass shows nothing, and the upload is aborted", async () => {
  const direct = open(gateway.endpoint, 30_000);
  for (const fault of ["denied", "reset", "moved"] as const) {
    const key = `failing/${fault}`;
    assert.equal(await put(key, "UploadPart", fault, 1000), false, key);
    assert.equal(await direct.stat(key), undefined, key);
    assert.equal(await openUploads(), 0, key);
  }
});

test("an upload whose beginning was never told holds no name; the bucket's rule frees it", async () => {
  assert.equal(await put("lost", "CreateMultipartUpload", "lost", 1), true);
  const direct = open(gateway.endpoint, 30_000);
  assert.equal((await direct.stat("lost"))?.bytes, bytes);
  assert.equal(await openUploads(), 1);
});
