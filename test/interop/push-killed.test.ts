/**
 * kill -9 of `spampots run` while it pushes to real servers of three kinds (nginx with WebDAV, a RADOS gateway with the
 * partner's own user, medallion), each behind a proxy that refuses, hangs, answers 500, 429 or 507, and cuts or loses
 * answers: once all are well, each holds exactly what was published, and got it in order.
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { openS3Store } from "../../src/store/s3.ts";
import { siteFolder } from "../cli/site-folder.ts";
import { type Asked, type Fate, startHttpProxy } from "../delivery/push/http-proxy.ts";
import { Random } from "../faults/seeded.ts";
import { type MadeObject, observable, partOf, versioned } from "../http/taxii-world.ts";
import { csvFile, type Issuer, later, newIssuer, publish } from "../publication/issuer.ts";
import { type Gateway, type GatewayUser, startGateway } from "../s3/gateway.ts";
import { temporaryFolder } from "../temporary-folder.ts";
import { auth, env, type Medallion, startMedallion } from "./medallion.ts";
import { type Nginx, nginx } from "./nginx.ts";

let gateway: Gateway;
let partner: GatewayUser;
let medallion: Medallion;
before(async () => {
  gateway = await startGateway();
  partner = await gateway.createUser("partner");
  medallion = await startMedallion();
});
after(async () => {
  await gateway?.stop();
  await medallion?.stop();
});

/** What befalls a request, each in turn by chance. */
const fates: readonly Fate[] = [
  "hang",
  "reset",
  "lost",
  "cut",
  { status: 500 },
  { status: 429, headers: { "retry-after": "1" } },
  { status: 507 },
];

const unruly =
  (random: Random, share: number) =>
  (_: Asked): Fate =>
    random.chance(share) ? random.pick(fates) : "pass";

const objectsOf = (publication: number): MadeObject[] =>
  Array.from({ length: 300 }, (_, n) =>
    n % 3 === 0 ? observable("ipv4-addr", `p${publication}-${n}`) : versioned("indicator", `p${publication}-${n}`),
  );

const publications = [0, 1, 2, 3, 4];

/** Five publications, each of a CSV and two STIX parts. */
async function published(issuer: Issuer): Promise<MadeObject[]> {
  for (const number of publications) {
    const objects = objectsOf(number);
    const parts = [partOf(objects.slice(0, 150), 1), partOf(objects.slice(150), 2)];
    await publish(issuer, { files: [csvFile(2000, `p${number}-`), ...parts], now: later(number) });
  }
  return publications.flatMap(objectsOf);
}

const partnersText = (deliveries: readonly object[]) => `partners:
  - id: twcert
    name: TWCERT/CC
    economies: [TW]
    mou: { reference: M-1, signed: 2026-01-01, expires: 2027-12-31, purposes: [test], onward: constituents, retention_days: 365 }
    tlp_ceiling: AMBER
    contacts: [{ name: Placeholder, email: feeds@twcert.example }]
    subscriptions:
      - { feed: spam-sources, every: week, formats: [csv, stix], deliveries: ${JSON.stringify(deliveries)} }
...
`;

for (const seed of [1, 2]) {
  test(`killed again and again, to three kinds of servers on bad days (${seed})`, async (t) => {
    const random = new Random(`push-killed:${seed}`);
    const issuer = await newIssuer(t);
    const objects = await published(issuer);
    const web = await nginx(t, { folder: await temporaryFolder(t), location: ["create_full_put_path on;"] });
    const bucket = `killed-${seed}`;
    await gateway.bucket(bucket, partner);
    const collection = medallion.freshCollection();
    const proxies = {
      web: await startHttpProxy(t, new URL(web.url).origin),
      bucket: await startHttpProxy(t, gateway.endpoint),
      collection: await startHttpProxy(t, medallion.origin),
    };
    const credentials = { access_key: "PARTNER_KEY", secret_key: "PARTNER_SECRET" };
    const folder = await siteFolder(
      t,
      { root: join(issuer.root, "..") },
      partnersText([
        { kind: "https", url: `${proxies.web.origin}/in` },
        { kind: "s3", bucket, prefix: "in", endpoint: proxies.bucket.origin, credentials },
        { kind: "taxii", url: proxies.collection.origin + collection, auth },
      ]),
      { ...env, PARTNER_KEY: partner.accessKey, PARTNER_SECRET: partner.secretKey, SPAMPOTS_PUSH_LOOPBACK: "true" },
    );
    const clock = ["--json", "--now", "2026-11-17T06:00:00Z"];
    for (let round = 0; round < 6; round += 1) {
      for (const proxy of Object.values(proxies)) proxy.plan(unruly(random, random.pick([0.02, 0.1, 0.3])));
      const going = folder.start([...clock, "run"]);
      await sleep(random.whole(900, 2600));
      await going.end("SIGKILL");
      await lapse(issuer);
    }
    for (const proxy of Object.values(proxies)) proxy.plan();
    const said = await folder.run([...clock, "run", "--once"]);
    assert.equal(said.code, 0, said.stderr);
    assert.equal(JSON.parse(said.stdout).failed, 0, said.stderr);
    const again = await folder.run([...clock, "run", "--once"]);
    assert.deepEqual(JSON.parse(again.stdout), { published: 0, delivered: 0, failed: 0, left: 0 });

    const expected = await digestsBelow(join(issuer.root, "partners/twcert"));
    assert.deepEqual(await digestsBelow(web.held), expected);
    await assertOrder(web);
    assert.deepEqual(await digestsIn(bucket), expected);
    const keyOf = ({ id, modified }: MadeObject) => `${id} ${modified}`;
    const held = await medallion.readBack(collection);
    assert.deepEqual(held.map(keyOf).sort(), objects.map(keyOf).sort());
  });
}

/** As if half a minute had gone by: what a killed runner held has lapsed. */
async function lapse({ root }: Issuer): Promise<void> {
  await rm(join(root, "leases"), { recursive: true, force: true });
}

const digest = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

async function digestsBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const all = await Promise.all(
    paths.map(async (path) => `${path.slice(folder.length + 1)} ${digest(await readFile(path))}`),
  );
  return all.sort();
}

async function digestsIn(bucket: string): Promise<string[]> {
  const credentials = { accessKeyId: partner.accessKey, secretAccessKey: partner.secretKey };
  const options = { endpoint: gateway.endpoint, region: "us-east-1", pathStyle: true, deadlineMs: 20_000 };
  const store = openS3Store({ bucket, prefix: "in", ...options, credentials });
  const found: string[] = [];
  for await (const { key } of store.list("")) found.push(`${key} ${digest((await store.get(key)) ?? Buffer.of())}`);
  return found.sort();
}

/** Manifests in the order of their numbers, each when its files were there. */
async function assertOrder(web: Nginx): Promise<void> {
  const put = (await web.requests()).filter(({ method, status }) => method === "PUT" && status < 300);
  const first = new Map<string, number>();
  for (const [index, { path }] of put.entries()) if (!first.has(path)) first.set(path, index);
  let before = -1;
  for (const number of publications) {
    const name = `/in/spam-sources/log/${String(number + 1).padStart(8, "0")}.jws`;
    const at = first.get(name) ?? assert.fail(name);
    assert.ok(at > before, `${name} comes after the one before it`);
    before = at;
    const { payload } = JSON.parse(await readFile(join(web.held, name.slice(4)), "utf8"));
    const { artifacts } = JSON.parse(Buffer.from(payload, "base64url").toString());
    for (const artifact of artifacts) {
      const file = `/in/spam-sources/artifacts/${artifact.sha256.slice(0, 16)}-${artifact.name}`;
      assert.ok((first.get(file) ?? Number.POSITIVE_INFINITY) < at, `${file} comes before ${name}`);
    }
  }
}
