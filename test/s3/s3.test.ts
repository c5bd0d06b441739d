/** The S3 store over a real S3 service: the contract, large files, rights, and a service that hangs. */
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { HeadObjectCommand, ListMultipartUploadsCommand, S3Client } from "@aws-sdk/client-s3";
import { type ErrorCode, isError } from "../../src/errors.ts";
import { openStore } from "../../src/store/open.ts";
import { openS3Store } from "../../src/store/s3.ts";
import { storeContract } from "../store/contract.ts";
import { bytesOf, collect } from "../store/model.ts";
import { type Gateway, type GatewayUser, startGateway } from "./gateway.ts";

let gateway: Gateway;
before(async () => {
  gateway = await startGateway();
  await gateway.bucket("feeds");
});
after(() => gateway?.stop());

const x = Buffer.from("x");
const credentials = ({ accessKey, secretKey }: GatewayUser) => ({ accessKeyId: accessKey, secretAccessKey: secretKey });
const settings = (user: GatewayUser = gateway, deadlineMs = 15_000) => ({
  endpoint: gateway.endpoint,
  region: "us-east-1",
  pathStyle: true,
  deadlineMs,
  credentials: credentials(user),
});
const client = () => new S3Client({ ...settings(), forcePathStyle: true });
const fails = (code: ErrorCode, call: Promise<unknown>) => assert.rejects(call, (error) => isError(error, code));

let stores = 0;
storeContract({
  name: "a bucket",
  fresh: async () => openS3Store({ bucket: "feeds", prefix: `contract/${stores++}`, ...settings() }),
  runs: 15,
  bigBytes: 40 * 1024 * 1024,
});

describe("a bucket", () => {
  it("opens by its URL, and is the same store below a prefix", async () => {
    const whole = await openStore("s3://feeds", settings());
    const part = await openStore("s3://feeds/part/a", settings());
    assert.equal(part.url, "s3://feeds/part/a");
    await part.putOnce("b", x);
    assert.deepEqual(await whole.get("part/a/b"), x);
  });

  it("keeps type and encoding for those who read it there", async () => {
    const store = await openStore("s3://feeds/headers", settings());
    const folder = await mkdtemp(join(tmpdir(), "spampots-s3-"));
    const path = join(folder, "f");
    const options = { contentType: "text/csv", contentEncoding: "gzip" };
    await store.putOnce("once", x, options);
    for (const bytes of [5, 17 * 1024 * 1024]) {
      await writeFile(path, Buffer.alloc(bytes));
      await store.putFile(`file-${bytes}`, { path, bytes }, options);
    }
    for (const { key } of await collect(store.list(""))) {
      const head = await client().send(new HeadObjectCommand({ Bucket: "feeds", Key: `headers/${key}` }));
      assert.equal(head.ContentType, "text/csv");
      assert.equal(head.ContentEncoding, "gzip");
    }
    await rm(folder, { recursive: true });
  });

  it("takes a large file in parts, in bounded memory, and leaves no upload open", async () => {
    const store = await openStore("s3://feeds/large", settings());
    const folder = await mkdtemp(join(tmpdir(), "spampots-s3-"));
    const path = join(folder, "large");
    const block = randomBytes(1024 * 1024);
    const blocks = 200;
    const digest = createHash("sha256");
    for (let i = 0; i < blocks; i++) {
      digest.update(block);
      await writeFile(path, block, { flag: "a" });
    }
    const before = process.memoryUsage().rss;
    let peak = before;
    const watch = setInterval(() => {
      peak = Math.max(peak, process.memoryUsage().rss);
    }, 20);
    await store.putFile("f", { path, bytes: blocks * block.length });
    const read = createHash("sha256");
    for await (const chunk of (await store.open("f"))?.body ?? []) read.update(chunk);
    clearInterval(watch);
    assert.equal(read.digest("hex"), digest.digest("hex"));
    assert.ok(peak - before < 150 * 1024 * 1024, `grew by ${Math.round((peak - before) / 1024 / 1024)} MB`);
    const { Uploads } = await client().send(new ListMultipartUploadsCommand({ Bucket: "feeds" }));
    assert.deepEqual(Uploads ?? [], []);
    await rm(folder, { recursive: true });
  });

  it("lets one of many publishers commit, again and again", async () => {
    const publishers = Array.from({ length: 8 }, () => openS3Store({ bucket: "feeds", prefix: "race", ...settings() }));
    for (let sequence = 1; sequence <= 20; sequence++) {
      const answers = await Promise.all(
        publishers.map((store, i) => store.putOnce(`log/${sequence}`, Buffer.from(`${i}`))),
      );
      assert.equal(answers.filter((answer) => answer === "created").length, 1);
      assert.equal(String(await publishers[0]?.get(`log/${sequence}`)), `${answers.indexOf("created")}`);
    }
  });

  it("refuses strangers, wrong keys and buckets that aren't there", async () => {
    const stranger = await gateway.createUser("stranger");
    const wrong = { ...gateway, secretKey: "wrong" };
    const nobody = { accessKey: "nobody", secretKey: "nothing" };
    for (const user of [stranger, wrong, nobody]) {
      const store = await openStore("s3://feeds", settings(user));
      await fails("store-denied", store.putOnce("theirs", x));
      await fails("store-denied", store.get("part/a/b"));
      await fails("store-denied", store.stat("part/a/b"));
      await fails("store-denied", store.delete("part/a/b"));
      await fails("store-denied", collect(store.list("")));
    }
    const nowhere = await openStore("s3://no-such-bucket", settings());
    await fails("store-denied", nowhere.putOnce("a", x));
    await fails("store-denied", nowhere.get("a"));
    await fails("store-denied", nowhere.delete("a"));
    await fails("store-denied", collect(nowhere.list("")));
    assert.deepEqual(await (await openStore("s3://feeds", settings())).get("part/a/b"), x);
  });
});

describe("a service that hangs", () => {
  it("is given up at the deadline, and works again afterwards", async () => {
    const deadlineMs = 2000;
    const store = await openStore("s3://feeds/hang", settings(gateway, deadlineMs));
    await store.putOnce("before", x);
    const inTime = async (call: () => Promise<unknown>) => {
      const start = performance.now();
      await fails("store-unavailable", call());
      assert.ok(performance.now() - start < deadlineMs + 3000);
    };
    gateway.pauseOsd();
    try {
      await inTime(() => store.putOnce("during", Buffer.from("y")));
      await inTime(() => store.get("before"));
      await inTime(() => store.stat("before"));
      await inTime(() => collect(store.list("")));
    } finally {
      gateway.resumeOsd();
    }
    const patient = await openStore("s3://feeds/hang", settings());
    assert.deepEqual(await bytesOf(await patient.open("before")), x);
    // Whether the put that was given up took place is unknown: it did or it didn't, whole.
    const answer = await patient.putOnce("during", Buffer.from("y"));
    assert.ok(answer === "created" || answer === "exists");
    assert.equal(String(await patient.get("during")), "y");
  });
});
