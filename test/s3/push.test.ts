/**
 * Publications brought into a bucket of the partner's on a real S3 service: whole, once, in order, through its bad
 * days.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { PutBucketPolicyCommand, S3Client } from "@aws-sdk/client-s3";
import { jwks } from "../../src/publication/jwk.ts";
import { readTrust } from "../../src/publication/trust.ts";
import { verify } from "../../src/publication/verify.ts";
import { openS3Store } from "../../src/store/s3.ts";
import type { Store } from "../../src/store/store.ts";
import { openPartnerDestination } from "../delivery/push/partner-destination.ts";
import { type S3Proxy, startS3Proxy } from "../faults/s3-proxy.ts";
import {
  csvFile,
  type Issuer,
  later,
  newIssuer,
  publish,
  stixFile,
  testNow,
  withdrawal,
} from "../publication/issuer.ts";
import { projectRoot } from "../source-files.ts";
import { type Gateway, type GatewayUser, startGateway } from "./gateway.ts";

let gateway: Gateway;
let partner: GatewayUser;
let stranger: GatewayUser;
let proxy: S3Proxy;
let buckets = 0;

before(async () => {
  gateway = await startGateway();
  partner = await gateway.createUser("partner");
  stranger = await gateway.createUser("stranger");
  proxy = await startS3Proxy(gateway.endpoint);
});
after(async () => {
  await proxy?.stop();
  await gateway?.stop();
});

/** Credentials as the runner's environment has them. */
const environment = (user: GatewayUser) => ({ PARTNER_KEY: user.accessKey, PARTNER_SECRET: user.secretKey });
const credentials = { access_key: "PARTNER_KEY", secret_key: "PARTNER_SECRET" };

/** A new bucket of the partner's. */
async function newBucket(): Promise<string> {
  buckets += 1;
  const bucket = `partners-own-${buckets}`;
  await gateway.bucket(bucket, partner);
  return bucket;
}

/** What the partner sees of its bucket. */
const seen = (bucket: string, prefix = "spam"): Store =>
  openS3Store({
    ...{ bucket, prefix, endpoint: gateway.endpoint, region: "us-east-1", pathStyle: true, deadlineMs: 20_000 },
    credentials: { accessKeyId: partner.accessKey, secretAccessKey: partner.secretKey },
  });

async function objects(store: Store): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for await (const { key } of store.list(""))
    found.set(key, Buffer.from((await store.get(key)) ?? []).toString("base64"));
  return found;
}

/** The partner's prefix of our own store. */
const own = (issuer: Issuer): Store => issuer.store.under("partners/twcert");

async function proves(issuer: Issuer, store: Store): Promise<void> {
  const trust = readTrust(jwks(issuer.keyring.keys));
  const report = await verify(store, { trust, now: testNow, deep: true });
  const problems = [...report.problems, ...report.feeds.flatMap((feed) => feed.problems)];
  assert.deepEqual([report.ok, problems], [true, []]);
}

async function letIn(bucket: string, user: string): Promise<void> {
  const client = new S3Client({
    ...{ endpoint: gateway.endpoint, region: "us-east-1", forcePathStyle: true },
    credentials: { accessKeyId: partner.accessKey, secretAccessKey: partner.secretKey },
  });
  const Principal = { AWS: [`arn:aws:iam:::user/${user}`] };
  const common = { Effect: "Allow", Principal };
  const Statement = [
    { ...common, Action: "s3:ListBucket", Resource: `arn:aws:s3:::${bucket}` },
    {
      ...common,
      Action: ["s3:PutObject", "s3:PutObjectAcl", "s3:GetObject", "s3:AbortMultipartUpload"],
      Resource: `arn:aws:s3:::${bucket}/spam/*`,
    },
  ];
  const Policy = JSON.stringify({ Version: "2012-10-17", Statement });
  await client.send(new PutBucketPolicyCommand({ Bucket: bucket, Policy }));
  client.destroy();
}

/** A file that goes in parts. */
const bigFile = (megabytes: number) => ({ ...csvFile(megabytes * 36_000, "big"), suffix: "_big.csv" });

const writes = () => proxy.log.filter(({ seen: { operation } }) => !/^(Head|Get|List)/.test(operation));

test("a bucket holds the partner's prefix byte for byte, and proves itself; a second time writes nothing", async (t) => {
  const issuer = await newIssuer(t);
  const bucket = await newBucket();
  await publish(issuer, { files: [csvFile(3), stixFile(5)], weeksAgo: 1 });
  await publish(issuer, { files: [csvFile(30, "b"), { ...csvFile(2, "c"), suffix: "_2.csv" }, bigFile(30)] });
  const delivery = { kind: "s3", bucket, prefix: "spam", endpoint: proxy.endpoint, credentials };
  proxy.plan();
  const destination = openPartnerDestination(t, issuer, { delivery, env: environment(partner) });
  await destination.pushed();
  const expected = await objects(own(issuer));
  assert.ok(
    [...expected.values()].some((text) => text.length > 24 * 1024 * 1024),
    "one goes in parts",
  );
  const parts = writes().filter(({ seen: { operation } }) => operation === "UploadPart");
  assert.ok(parts.length > 2 && parts.every(({ seen: { bytes } }) => bytes <= 8 * 1024 * 1024), "what is in memory");
  assert.deepEqual(await objects(seen(bucket)), expected);
  await proves(issuer, seen(bucket));
  const order = writes().map(({ seen: { key } }) => key.replace(/^spam\//, ""));
  const manifests = order.filter((key) => key.includes("/log/"));
  assert.deepEqual(manifests, ["spam-sources/log/00000001.jws", "spam-sources/log/00000002.jws"]);
  assert.match(order[0] ?? "", /^keys\//);
  assert.equal(order.at(-1), manifests[1]);

  // As after a crash between delivery and receipt: another runner, without memory of it.
  for await (const { key } of issuer.store.list("receipts/")) await issuer.store.delete(key);
  proxy.plan();
  await openPartnerDestination(t, issuer, { delivery, env: environment(partner) }).pushed();
  // Conditional puts that found their names taken.
  assert.ok(writes().every(({ seen: { conditional, bytes } }) => conditional && bytes < 100_000));
  assert.deepEqual(await objects(seen(bucket)), expected);

  await publish(issuer, { files: [], more: withdrawal([2]), now: later(1) });
  await openPartnerDestination(t, issuer, { delivery, env: environment(partner) }).pushed();
  assert.equal((await objects(seen(bucket))).size, expected.size + 1);
});

test("`spampots verify` proves the partner's bucket", async (t) => {
  const issuer = await newIssuer(t);
  const bucket = await newBucket();
  await publish(issuer);
  const delivery = { kind: "s3", bucket, endpoint: gateway.endpoint, credentials };
  await openPartnerDestination(t, issuer, { delivery, env: environment(partner) }).pushed();
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [
      ...[join(projectRoot, "src", "cli.ts"), "--json", "--now", "2026-11-16T07:00:00Z"],
      ...["verify", `s3://${bucket}`, "--keys", issuer.keyring.signer.kid],
    ],
    {
      env: {
        ...{ PATH: process.env.PATH, SPAMPOTS_S3_ENDPOINT: gateway.endpoint, SPAMPOTS_LOG: "error" },
        ...{ AWS_ACCESS_KEY_ID: partner.accessKey, AWS_SECRET_ACCESS_KEY: partner.secretKey },
      },
    },
  );
  assert.equal(JSON.parse(stdout).ok, true);
});

test("from a bucket into a bucket", async (t) => {
  const issuer = await newIssuer(t);
  const bucket = await newBucket();
  await publish(issuer, { files: [bigFile(30), stixFile(3)] });
  await gateway.bucket("ours");
  const store = openS3Store({
    ...{ bucket: "ours", endpoint: gateway.endpoint, region: "us-east-1", pathStyle: true, deadlineMs: 20_000 },
    credentials: { accessKeyId: gateway.accessKey, secretAccessKey: gateway.secretKey },
  });
  for await (const { key } of issuer.store.list("")) {
    await store.putOnce(key, (await issuer.store.get(key)) ?? new Uint8Array());
  }
  const delivery = { kind: "s3", bucket, prefix: "spam", endpoint: gateway.endpoint, credentials };
  await openPartnerDestination(t, issuer, { delivery, env: environment(partner), store }).pushed();
  assert.deepEqual(await objects(seen(bucket)), await objects(own(issuer)));
});

test("another's user gets in by a bucket policy, and by nothing else", async (t) => {
  const issuer = await newIssuer(t);
  const bucket = await newBucket();
  await publish(issuer, { files: [csvFile(3), bigFile(20)] });
  const acl = "bucket-owner-full-control";
  const delivery = { kind: "s3", bucket, prefix: "spam", endpoint: gateway.endpoint, credentials, acl };
  const destination = openPartnerDestination(t, issuer, { delivery, env: environment(stranger) });
  await destination.fails("delivery-refused", /AccessDenied|403/);
  assert.equal((await objects(seen(bucket))).size, 0);
  const [attempt] = await destination.attempts();
  assert.deepEqual([attempt?.code, attempt?.sequence], ["delivery-refused", 1]);
  await letIn(bucket, "stranger");
  await destination.pushed();
  assert.equal((await destination.attempts()).length, 0);
  await proves(issuer, seen(bucket));
  const elsewhere = openPartnerDestination(t, issuer, {
    delivery: { ...delivery, name: "elsewhere", prefix: "not-for-us" },
    env: environment(stranger),
  });
  await elsewhere.fails("delivery-refused", /AccessDenied|403/);
});

test("an assumed role brings files where the user alone may not", async (t) => {
  const issuer = await newIssuer(t);
  const bucket = await newBucket();
  await publish(issuer, { files: [csvFile(3), bigFile(20)] });
  const Action = ["s3:PutObject", "s3:PutObjectAcl", "s3:GetObject", "s3:ListBucket", "s3:AbortMultipartUpload"];
  const Resource = [`arn:aws:s3:::${bucket}`, `arn:aws:s3:::${bucket}/*`];
  const policy = { Version: "2012-10-17", Statement: [{ Effect: "Allow", Action, Resource }] };
  const arn = await gateway.role("feeds-in", "stranger", policy);
  const acl = "bucket-owner-full-control";
  const place = { kind: "s3", bucket, prefix: "spam", endpoint: proxy.endpoint, credentials, acl };
  const env = { ...environment(stranger), EXTERNAL: "cert-br-7f3a" };
  await openPartnerDestination(t, issuer, { delivery: { ...place, name: "user" }, env }).fails(
    "delivery-refused",
    /AccessDenied|403/,
  );
  proxy.plan();
  const delivery = { ...place, name: "role", role: { arn, external_id: "EXTERNAL" } };
  const destination = openPartnerDestination(t, issuer, { delivery, env });
  await destination.pushed();
  await proves(issuer, seen(bucket));
  const other = openPartnerDestination(t, issuer, {
    delivery: { ...delivery, name: "not-mine" },
    env: { ...environment(gateway), EXTERNAL: "cert-br-7f3a" },
  });
  await other.fails("delivery-refused", /AccessDenied|403/);
});

test("something else under a manifest's name is refused, and left as it is", async (t) => {
  const issuer = await newIssuer(t);
  const bucket = await newBucket();
  await publish(issuer);
  const there = seen(bucket);
  await there.putOnce("spam-sources/log/00000001.jws", Buffer.from("theirs"));
  const delivery = { kind: "s3", bucket, prefix: "spam", endpoint: gateway.endpoint, credentials };
  const destination = openPartnerDestination(t, issuer, { delivery, env: environment(partner) });
  const error = await destination.fails("delivery-refused", /somebody else writes there/);
  assert.equal(error.facts.key, "spam-sources/log/00000001.jws");
  assert.equal(Buffer.from((await there.get("spam-sources/log/00000001.jws")) ?? []).toString(), "theirs");
  assert.equal(await destination.delivered(), 0);
});

test("half of a file is put again, whole", async (t) => {
  const issuer = await newIssuer(t);
  const bucket = await newBucket();
  await publish(issuer);
  for await (const { key } of own(issuer).list("spam-sources/artifacts/"))
    await seen(bucket).putOnce(key, Buffer.from("half"));
  const delivery = { kind: "s3", bucket, prefix: "spam", endpoint: gateway.endpoint, credentials };
  await openPartnerDestination(t, issuer, { delivery, env: environment(partner) }).pushed();
  assert.deepEqual(await objects(seen(bucket)), await objects(own(issuer)));
});

test("a damaged file of ours never shows there", async (t) => {
  const issuer = await newIssuer(t);
  const bucket = await newBucket();
  const { artifacts } = await publish(issuer, { files: [bigFile(20)] });
  const delivery = { kind: "s3", bucket, prefix: "spam", endpoint: gateway.endpoint, credentials };
  for await (const { key, bytes } of own(issuer).list("spam-sources/artifacts/")) {
    const content = Buffer.from((await own(issuer).get(key)) ?? []);
    content[bytes - 1] = (content[bytes - 1] ?? 0) ^ 1;
    await own(issuer).delete(key);
    await own(issuer).putOnce(key, content);
  }
  const destination = openPartnerDestination(t, issuer, { delivery, env: environment(partner) });
  const error = await destination.push();
  assert.equal(error?.code, "verify-failed", `${artifacts.length} files`);
  for await (const { key } of seen(bucket).list("")) assert.match(key, /^keys\//);
});

for (const fault of ["lost", "cut-upload", "500", "503", "reset"] as const) {
  test(`a bucket whose every third write is met by "${fault}" ends up whole`, async (t) => {
    const issuer = await newIssuer(t);
    const bucket = await newBucket();
    await publish(issuer, { files: [csvFile(3), bigFile(20)], weeksAgo: 1 });
    await publish(issuer, { files: [stixFile(3)] });
    let number = 0;
    proxy.plan(({ operation, bytes }) => {
      if (!/^(Put|Upload|Complete)/.test(operation) || (fault === "cut-upload" && bytes < 2)) return undefined;
      number += 1;
      return number % 3 === 1 ? fault : undefined;
    });
    const delivery = { kind: "s3", bucket, prefix: "spam", endpoint: proxy.endpoint, credentials };
    await openPartnerDestination(t, issuer, { delivery, env: environment(partner) }).pushed();
    assert.ok(proxy.log.some((entry) => entry.fault === fault));
    proxy.plan();
    assert.deepEqual(await objects(seen(bucket)), await objects(own(issuer)));
  });
}

test("what is refused says why, without what was sent; what is busy says until when", async (t) => {
  const issuer = await newIssuer(t);
  const bucket = await newBucket();
  await publish(issuer);
  const delivery = { kind: "s3", bucket, prefix: "spam", endpoint: proxy.endpoint, credentials };
  const open = (env: Readonly<Record<string, string>>, more: object = {}) =>
    openPartnerDestination(t, issuer, { delivery: { ...delivery, ...more }, env });
  const destination = open(environment(partner));
  proxy.plan(() => "denied");
  await destination.fails("delivery-refused", /403/);
  proxy.plan(() => "no-bucket");
  await destination.fails("delivery-refused", /NoSuchBucket, HTTP 404/);
  proxy.plan(() => "moved");
  await destination.fails("delivery-refused", /TemporaryRedirect|307/);
  assert.deepEqual(proxy.strays, []);
  proxy.plan(() => "busy");
  const busy = await destination.fails("delivery-failed", /SlowDown, HTTP 503/);
  assert.equal(busy.facts.retryAfterMs, 7_200_000);
  assert.equal(proxy.log.length, 1);
  proxy.plan();
  await open(environment(partner), { name: "none", bucket: "no-such-bucket" }).fails("delivery-refused", /404/);
  const wrong = { PARTNER_KEY: partner.accessKey, PARTNER_SECRET: "not-the-secret-at-all" };
  const refused = open(wrong, { name: "wrong" });
  await refused.fails("delivery-refused", /SignatureDoesNotMatch|403/);
  for (const secret of [partner.secretKey, "not-the-secret-at-all", partner.accessKey]) {
    assert.ok(!(destination.logged() + refused.logged()).includes(secret));
  }
  const missing = await open({ PARTNER_KEY: "k" }, { name: "missing" }).push();
  assert.deepEqual([missing?.code, missing?.facts.variable], ["delivery-refused", "PARTNER_SECRET"]);
});

test("outside the fence nothing is asked, neither the bucket nor whoever hands out roles", async (t) => {
  const issuer = await newIssuer(t);
  await publish(issuer);
  proxy.plan();
  const role = { arn: "arn:aws:iam:::role/feeds-in" };
  const port = new URL(proxy.endpoint).port;
  for (const [endpoint, more, loopback] of [
    [proxy.endpoint, {}, false],
    [`https://localhost:${port}`, {}, false],
    [`https://localhost:${port}`, { role }, false],
    ["https://169.254.169.254", {}, true],
    ["http://s3.partner.example", {}, true],
    ["https://[::ffff:10.0.0.1]", { role }, true],
  ] as const) {
    const delivery = { kind: "s3", bucket: "any-bucket", endpoint, credentials, ...more };
    const destination = openPartnerDestination(t, issuer, { delivery, env: environment(partner), loopback });
    const error = await destination.push();
    assert.equal(error?.code, "delivery-refused", `${endpoint} ${error?.message}`);
    assert.match(error.message, /public Internet|https alone/);
  }
  assert.equal(proxy.log.length, 0);
});

test("a gateway that is away comes back; one that hangs doesn't hold up the end", async (t) => {
  const issuer = await newIssuer(t);
  const bucket = await newBucket();
  await publish(issuer);
  const delivery = { kind: "s3", bucket, prefix: "spam", endpoint: proxy.endpoint, credentials };
  const destination = openPartnerDestination(t, issuer, { delivery, env: environment(partner) });
  proxy.plan();
  const away = proxy.refuse(2000);
  await destination.pushed();
  await away;
  await publish(issuer, { files: [csvFile(9, "z")], now: later(1) });
  gateway.pauseOsd();
  const begun = performance.now();
  const pushing = destination.push();
  await new Promise((done) => setTimeout(done, 500));
  await destination.close();
  await pushing;
  gateway.resumeOsd();
  assert.ok(performance.now() - begun < 3000, `${performance.now() - begun} ms`);
  await openPartnerDestination(t, issuer, { delivery, env: environment(partner) }).pushed();
  assert.deepEqual(await objects(seen(bucket)), await objects(own(issuer)));
});
