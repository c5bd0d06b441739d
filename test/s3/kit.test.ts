/**
 * The policy of a kit on a real S3 service: each of two partners reads and lists its own prefix, nothing else, and puts
 * nothing; what takes that away does so at once. And `partner check` of a bucket.
 */
import assert from "node:assert/strict";
import { execFile, spawnSync } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import {
  GetObjectCommand,
  ListObjectsV2Command,
  PutBucketPolicyCommand,
  PutObjectCommand,
  S3Client,
} from "@aws-sdk/client-s3";
import { checkDestinations } from "../../src/partner/check/destinations.ts";
import { isProgram, type KitBucket } from "../../src/partner/kit/facts.ts";
import { kitOf } from "../../src/partner/kit/kit.ts";
import { entry, factsFor } from "../partner/kit/kit-facts.ts";
import { partnersOf, projectFeeds } from "../pipeline.ts";
import { temporaryFolder } from "../temporary-folder.ts";
import { type Gateway, type GatewayUser, startGateway } from "./gateway.ts";

const feeds = await projectFeeds();
const ids = ["tw-cert", "jp-cert"] as const;
let gateway: Gateway;
const users = new Map<string, GatewayUser>();

before(async () => {
  gateway = await startGateway();
  for (const id of ids) users.set(id, await gateway.createUser(id));
});
after(() => gateway?.stop());

function clientOf(user: GatewayUser): S3Client {
  const credentials = { accessKeyId: user.accessKey, secretAccessKey: user.secretKey };
  return new S3Client({ endpoint: gateway.endpoint, region: "us-east-1", forcePathStyle: true, credentials });
}

const userOf = (id: string) => users.get(id) ?? assert.fail(id);

/** What a call came to: `done`, or the HTTP status of its refusal. */
async function outcome(call: Promise<unknown>): Promise<string | number> {
  return call.then(
    () => "done",
    (error) => error.$metadata?.httpStatusCode ?? String(error),
  );
}

const kitFor = (id: string, bucket: KitBucket) =>
  kitOf(
    factsFor(
      id,
      ids.map((one) => entry(one)),
      feeds,
      { bucket, principal: `arn:aws:iam:::user/${id}` },
    ),
  );

const statements = (text: string | undefined): object[] => JSON.parse(text ?? "").Statement;

async function setPolicy(bucket: string, found: readonly object[]): Promise<void> {
  const owner = clientOf(gateway);
  const Policy = JSON.stringify({ Version: "2012-10-17", Statement: found });
  await owner.send(new PutBucketPolicyCommand({ Bucket: bucket, Policy }));
  owner.destroy();
}

test("each partner reads and lists its own prefix, and nothing else; taken away, it does neither", async (t) => {
  const Bucket = "kits";
  await gateway.bucket(Bucket);
  const owner = clientOf(gateway);
  for (const Key of ["tw-cert/spam-sources/log/00000001.jws", "jp-cert/spam-sources/log/00000001.jws"])
    await owner.send(new PutObjectCommand({ Bucket, Key: `site/partners/${Key}`, Body: Key }));
  await owner.send(new PutObjectCommand({ Bucket, Key: "site/keys/00000001.jws", Body: "x" }));
  const bucket = { bucket: Bucket, prefix: "site", region: "us-east-1", endpoint: gateway.endpoint, pathStyle: true };
  const kits = new Map(ids.map((id) => [id, kitFor(id, bucket)]));
  const policies = ids.flatMap((id) => statements(kits.get(id)?.get("s3/policy.json")));
  await setPolicy(Bucket, policies);

  const clients = new Map(ids.map((id) => [id, clientOf(userOf(id))]));
  t.after(() => [owner, ...clients.values()].forEach((client) => void client.destroy()));
  const own = (id: string) => `site/partners/${id}/spam-sources/log/00000001.jws`;
  for (const [id, client] of clients) {
    const other = ids.find((one) => one !== id) ?? "";
    const get = (Key: string) => outcome(client.send(new GetObjectCommand({ Bucket, Key })));
    const list = (Prefix?: string) => outcome(client.send(new ListObjectsV2Command({ Bucket, Prefix })));
    const put = (Key: string) => outcome(client.send(new PutObjectCommand({ Bucket, Key, Body: "x" })));
    assert.equal(await get(own(id)), "done");
    assert.deepEqual([await get(own(other)), await get("site/keys/00000001.jws")], [403, 403]);
    assert.deepEqual([await list(`site/partners/${id}/`), await list(`site/partners/${id}/spam-`)], ["done", "done"]);
    for (const prefix of [undefined, "", "site/", "site/partners/", `site/partners/${other}/`, `site/partners/${id}`])
      assert.equal(await list(prefix), 403, prefix);
    assert.deepEqual([await put(`site/partners/${id}/x`), await put(own(id)), await put("x")], [403, 403, 403]);
  }

  await setPolicy(Bucket, [...policies, ...statements(kits.get("tw-cert")?.get("s3/take-away.json"))]);
  const [first, second] = ids.map((id) => clients.get(id) ?? assert.fail());
  assert.ok(first && second);
  assert.equal(await outcome(first.send(new GetObjectCommand({ Bucket, Key: own("tw-cert") }))), 403);
  assert.equal(await outcome(first.send(new ListObjectsV2Command({ Bucket, Prefix: "site/partners/tw-cert/" }))), 403);
  assert.equal(await outcome(second.send(new GetObjectCommand({ Bucket, Key: own("jp-cert") }))), "done");
});

const tools = ["curl", "jq"].filter((tool) => spawnSync("which", [tool]).status !== 0);

test("the kit's script for curl fetches from the bucket by these rights alone", {
  skip: tools.length > 0 && `not installed: ${tools}`,
}, async (t) => {
  const Bucket = "curl";
  await gateway.bucket(Bucket);
  const owner = clientOf(gateway);
  t.after(() => owner.destroy());
  const name = "a.csv.gz";
  const payload = Buffer.from(JSON.stringify({ artifacts: [{ name, sha256: "0123456789abcdef".repeat(4) }] }));
  const jws = JSON.stringify({ payload: payload.toString("base64url"), protected: "", signature: "" });
  for (const feed of ["spam-sources", "spam-targets", "spam-urls", "spam-events"]) {
    const Key = (path: string) => `partners/tw-cert/${feed}/${path}`;
    await owner.send(new PutObjectCommand({ Bucket, Key: Key("log/00000001.jws"), Body: jws }));
    await owner.send(new PutObjectCommand({ Bucket, Key: Key(`artifacts/0123456789abcdef-${name}`), Body: name }));
  }
  const bucket = { bucket: Bucket, prefix: "", region: "us-east-1", endpoint: gateway.endpoint, pathStyle: true };
  const kit = kitFor("tw-cert", bucket);
  await setPolicy(Bucket, statements(kit.get("s3/policy.json")));
  const folder = await temporaryFolder(t);
  await mkdir(join(folder, "s3"));
  for (const [path, text] of kit)
    if (path.startsWith("s3/") && isProgram(path)) await writeFile(join(folder, path), text);
  const user = userOf("tw-cert");
  const env = { ...process.env, AWS_ACCESS_KEY_ID: user.accessKey, AWS_SECRET_ACCESS_KEY: user.secretKey };
  const { stdout } = await promisify(execFile)("sh", [join(folder, "s3/fetch.sh")], { env });
  assert.equal(stdout.match(/^log\/00000001\.jws$/gm)?.length, 4, stdout);
  assert.equal(stdout.match(/^artifacts\/0123456789abcdef-a\.csv\.gz$/gm)?.length, 4);
});

/** A partner whose publications go into a bucket, and what checking it finds. */
async function checked(bucket: string, user: GatewayUser, more: object = {}) {
  const credentials = { access_key: "PARTNER_KEY", secret_key: "PARTNER_SECRET" };
  const delivery = { kind: "s3", bucket, prefix: "spam", endpoint: gateway.endpoint, credentials, ...more };
  const subscription = { feed: "spam-sources", every: "week", formats: ["csv"], deliveries: [delivery] };
  const [partner] = partnersOf(feeds, [{ id: "twcert", economies: ["TW"], subscriptions: [subscription] }]);
  assert.ok(partner);
  const env: Record<string, string> = { PARTNER_KEY: user.accessKey, PARTNER_SECRET: user.secretKey };
  const findings = await checkDestinations(partner, {
    ...{ secret: (name: string) => env[name], loopback: true, issuer: "CERT.br", clock: Date.now, patienceMs: 30_000 },
  });
  for (const secret of Object.values(env)) assert.ok(!JSON.stringify(findings).includes(secret));
  return findings;
}

test("partner check puts an object into the bucket and takes it away; a stranger is told what to do", async (t) => {
  await gateway.bucket("inbox", userOf("jp-cert"));
  const fine = await checked("inbox", userOf("jp-cert"));
  assert.deepEqual(
    fine.map(({ level }) => level),
    ["fine", "fine"],
  );
  assert.match(fine[0]?.says ?? "", /gives it back; it was removed again/);
  const partner = clientOf(userOf("jp-cert"));
  t.after(() => partner.destroy());
  assert.equal((await partner.send(new ListObjectsV2Command({ Bucket: "inbox" }))).KeyCount, 0);

  // Who may put and get and nothing else, as the guide has it: the object stays, and that is said.
  const Principal = { AWS: ["arn:aws:iam:::user/tw-cert"] };
  const rights = { Effect: "Allow", Principal };
  const Statement = [
    { ...rights, Action: "s3:ListBucket", Resource: "arn:aws:s3:::inbox" },
    { ...rights, Action: ["s3:PutObject", "s3:GetObject"], Resource: "arn:aws:s3:::inbox/spam/*" },
  ];
  await partner.send(
    new PutBucketPolicyCommand({ Bucket: "inbox", Policy: JSON.stringify({ Version: "2012-10-17", Statement }) }),
  );
  const [stays] = await checked("inbox", userOf("tw-cert"));
  assert.equal(stays?.level, "fine");
  assert.match(stays?.says ?? "", /it stays: we may not delete there/);
  const { Contents = [] } = await partner.send(new ListObjectsV2Command({ Bucket: "inbox" }));
  assert.match(Contents[0]?.Key ?? "", /^spam\/spampots-check-[\dTZ-]+\.txt$/);

  const [refused] = await checked("inbox", userOf("tw-cert"), { prefix: "elsewhere" });
  assert.equal(refused?.level, "problem");
  assert.match(`${refused?.says} ${refused?.next}`, /AccessDenied, HTTP 403.*s3:PutObject/);
  const [none] = await checked("no-such-bucket", userOf("tw-cert"));
  assert.equal(none?.level, "problem");
});
