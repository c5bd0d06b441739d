/**
 * `partner check` by the real command against real servers: nginx with WebDAV over TLS (Debian: nginx-light) and medallion,
 * OASIS's TAXII server. Needs openssl, and the packages of `requirements.txt` on the `python3` of the path.
 */
import assert from "node:assert/strict";
import { readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, type TestContext, test } from "node:test";
import { type Ended, siteFolder } from "../cli/site-folder.ts";
import { authority, signedBy } from "../delivery/push/certificates.ts";
import { entry } from "../partner/kit/kit-facts.ts";
import { temporaryFolder } from "../temporary-folder.ts";
import { auth, type Medallion, readOnly, startMedallion, env as taxiiEnv, writeOnly } from "./medallion.ts";
import { nginx } from "./nginx.ts";

let taxii: Medallion;
before(async () => {
  taxii = await startMedallion();
});
after(() => taxii?.stop());

interface Said {
  readonly level: string;
  readonly about: string;
  readonly says: string;
  readonly next?: string;
}

/** A site whose partner has one delivery, and what checking it says of that. */
async function openSite(t: TestContext, delivery: object) {
  const root = await temporaryFolder(t);
  const keys = [{ kty: "OKP", crv: "Ed25519", x: "GDA2J-aIkYDyqO0I2E4RWqGBZIc-7W_2nTHGBs_b4bY" }];
  const subscriptions = [{ feed: "spam-sources", every: "week", formats: ["csv", "stix"], deliveries: [delivery] }];
  const mou = { signed: "2000-01-01", expires: "2099-12-31" };
  const own = entry("twcert", { keys, subscriptions });
  const yaml = `${JSON.stringify({ partners: [{ ...own, mou: { ...Object(own.mou), ...mou } }] })}\n...\n`;
  const site = await siteFolder(t, { root }, yaml, { SPAMPOTS_PUSH_LOOPBACK: "true" });
  return async (env: Record<string, string>) => {
    const ran: Ended = await site.run(["partner", "check", "twcert", "--json"], env);
    for (const [name, secret] of Object.entries(env))
      if (/PASSWORD|TOKEN/.test(name)) assert.ok(!`${ran.stdout}${ran.stderr}`.includes(secret));
    const findings: Said[] = JSON.parse(ran.stdout).findings;
    const [tried] = findings.filter(({ about }) => about === "destination");
    assert.ok(tried, ran.stdout);
    return { code: ran.code, tried, clock: findings.find(({ about }) => about === "clock") };
  };
}

test("nginx over TLS with a password: the file is put and stays, since nginx deletes nothing here", async (t) => {
  const folder = await temporaryFolder(t);
  const trusted = await authority(folder, "authority");
  const server = await signedBy(trusted, folder, "server", { host: "IP:127.0.0.1" });
  await writeFile(join(folder, "users"), "cert-br:{PLAIN}pass-of-ours\n");
  const location = ["auth_basic feeds;", `auth_basic_user_file ${folder}/users;`];
  const target = await nginx(t, { folder, server, location });
  const check = await openSite(t, {
    kind: "https",
    url: target.url,
    auth: { user: "NGINX_USER", password: "NGINX_PASSWORD" },
  });
  const env = { NODE_EXTRA_CA_CERTS: trusted.cert, NGINX_USER: "cert-br", NGINX_PASSWORD: "pass-of-ours" };
  const fine = await check(env);
  assert.deepEqual([fine.code, fine.tried.level, fine.clock?.level], [0, "fine", "fine"], fine.tried.says);
  assert.match(fine.tried.says, /which stays: we may not delete there/);
  const held = (await readdir(target.held)).filter((name) => !name.startsWith("."));
  assert.equal(held.length, 1);
  assert.match(held.join(), /^spampots-check-[\dTZ-]+\.txt$/);

  const wrong = await check({ ...env, NGINX_PASSWORD: "wrong-one" });
  assert.deepEqual([wrong.code, wrong.tried.level], [1, "problem"]);
  assert.match(wrong.tried.says, /HTTP 401/);
  const { NODE_EXTRA_CA_CERTS: _, ...distrusting } = env;
  assert.match((await check(distrusting)).tried.says, /certificate doesn't hold/);
  assert.match(
    (await check({ NODE_EXTRA_CA_CERTS: trusted.cert })).tried.says,
    /NGINX_USER, NGINX_PASSWORD of the environment/,
  );
  await rm(target.held, { recursive: true });
  assert.equal((await check(env)).tried.level, "problem");
});

test("nginx with mutual TLS: our certificate counts, and no other", async (t) => {
  const folder = await temporaryFolder(t);
  const trusted = await authority(folder, "authority");
  const server = await signedBy(trusted, folder, "server", { host: "IP:127.0.0.1" });
  const client = await signedBy(trusted, folder, "client");
  const more = [`ssl_client_certificate ${trusted.cert};`, "ssl_verify_client on;"];
  const target = await nginx(t, { folder, server, more, location: [] });
  const check = await openSite(t, { kind: "https", url: target.url, tls: { certificate: "OUR_CERT", key: "OUR_KEY" } });
  const found = await check({ NODE_EXTRA_CA_CERTS: trusted.cert, OUR_CERT: client.cert, OUR_KEY: client.key });
  assert.deepEqual([found.code, found.tried.level], [0, "fine"], found.tried.says);
  const other = await authority(folder, "other");
  const stranger = await signedBy(other, folder, "stranger");
  const refused = await check({ NODE_EXTRA_CA_CERTS: trusted.cert, OUR_CERT: stranger.cert, OUR_KEY: stranger.key });
  assert.deepEqual([refused.code, refused.tried.level], [1, "problem"]);
});

test("a TAXII collection is looked at, and nothing is added to it", async (t) => {
  const path = taxii.freshCollection();
  const at = async (place: string) =>
    (await openSite(t, { kind: "taxii", url: `${taxii.origin}${place}`, auth }))(taxiiEnv);
  const fine = await at(path);
  assert.deepEqual([fine.code, fine.tried.level], [0, "fine"], fine.tried.says);
  assert.deepEqual(await taxii.readBack(path), []);
  const deaf = await at(readOnly);
  assert.deepEqual([deaf.code, deaf.tried.level], [1, "problem"]);
  assert.match(deaf.tried.says, /can_write is false/);
  const mute = await at(writeOnly);
  assert.deepEqual([mute.code, mute.tried.level], [0, "warning"]);
  assert.match(mute.tried.next ?? "", /can_read/);
  const none = await at(path.replace(/[0-9a-f]{8}-/, "00000001-"));
  assert.match(none.tried.says, /HTTP 404/);
});
