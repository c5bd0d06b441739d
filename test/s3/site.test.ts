/** The operator's and the partner's commands against a real S3 service: the same objects as in a folder, byte for byte. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { openDiskStore } from "../../src/store/disk.ts";
import { openS3Store } from "../../src/store/s3.ts";
import type { Store } from "../../src/store/store.ts";
import { type Gateway, startGateway } from "./gateway.ts";

const root = join(import.meta.dirname, "..", "..");
const run = promisify(execFile);
let gateway: Gateway;
let folder: string;

before(async () => {
  gateway = await startGateway();
  await gateway.bucket("site");
  folder = await mkdtemp(join(tmpdir(), "spampots-site-"));
});
after(async () => {
  await gateway?.stop();
  await rm(folder, { recursive: true, force: true });
});

async function spampots(store: string, ...args: string[]): Promise<Record<string, unknown>> {
  const env = {
    PATH: process.env.PATH,
    SPAMPOTS_DATA: folder,
    SPAMPOTS_STORE: store,
    SPAMPOTS_CONFIG: root,
    SPAMPOTS_SENSORS: join(folder, "spool", "sensors.yaml"),
    SPAMPOTS_S3_ENDPOINT: gateway.endpoint,
    SPAMPOTS_LOG: "error",
    AWS_ACCESS_KEY_ID: gateway.accessKey,
    AWS_SECRET_ACCESS_KEY: gateway.secretKey,
  };
  const call = run(
    process.execPath,
    [join(root, "src", "cli.ts"), "--json", "--now", "2026-11-16T07:00:00Z", ...args],
    { env, maxBuffer: 1 << 28 },
  );
  const { stdout } = await call.catch((error) =>
    assert.fail(`spampots ${args.join(" ")}: ${error.stdout}${error.stderr}`),
  );
  return JSON.parse(stdout);
}

async function objects(store: Store): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for await (const { key } of store.list(""))
    found.set(key, Buffer.from((await store.get(key)) ?? []).toString("base64"));
  return found;
}

test("what is published in a bucket is what is published in a folder, and is proven there", async () => {
  const place = join(folder, "store");
  await spampots(
    place,
    "simulate",
    "--from",
    "2026-11-09",
    "--days",
    "7",
    "--messages-per-day",
    "300",
    "--bodies",
    "none",
  );
  await spampots(place, "ingest");
  await spampots(place, "keys", "new");
  const here = await spampots(place, "publish");
  await spampots("s3://site/feeds", "check");
  const there = await spampots("s3://site/feeds", "publish");
  assert.deepEqual(there, here);
  const credentials = { accessKeyId: gateway.accessKey, secretAccessKey: gateway.secretKey };
  const bucket = openS3Store({
    bucket: "site",
    prefix: "feeds",
    endpoint: gateway.endpoint,
    region: "us-east-1",
    pathStyle: true,
    deadlineMs: 20_000,
    credentials,
  });
  const stored = await objects(bucket);
  assert.ok(stored.size > 50, `${stored.size} objects`);
  assert.deepEqual(stored, await objects(openDiskStore(place)));
  const again = await spampots("s3://site/feeds", "publish");
  assert.deepEqual(again.published, []);
  const report = await spampots("s3://site/feeds", "verify", "--deep", "s3://site/feeds/partners/twcert-cc");
  assert.equal(report.ok, true);
});
