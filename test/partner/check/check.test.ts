/** What `partner check` finds: in an entry by itself, and at destinations on loopback that behave well, badly and treacherously. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import type { Partner } from "../../../src/feed/partners.ts";
import { dayMs } from "../../../src/model.ts";
import { checkEntry, type Finding } from "../../../src/partner/check/check.ts";
import { checkDestinations } from "../../../src/partner/check/destinations.ts";
import { siteFolder } from "../../cli/site-folder.ts";
import { authority, pem, signedBy } from "../../delivery/push/certificates.ts";
import { answering, type Misbehave, receiver } from "../../delivery/push/receiving.ts";
import { freePort } from "../../free-port.ts";
import { partnersOf, projectFeeds, projectRoot } from "../../pipeline.ts";
import { temporaryFolder } from "../../temporary-folder.ts";
import { until } from "../../until.ts";
import { entry } from "../kit/kit-facts.ts";

const feeds = await projectFeeds();
const now = Date.UTC(2026, 10, 16, 6);

/** One partner by members of its entry. */
function partnerWith(more: object = {}, id = "twcert"): Partner {
  const subscriptions = [{ feed: "spam-sources", every: "week", formats: ["csv"] }];
  const [partner] = partnersOf(feeds, [{ id, economies: ["TW"], subscriptions, ...more }]);
  assert.ok(partner);
  return partner;
}

const found = (findings: readonly Finding[], about: Finding["about"]) =>
  findings.filter((finding) => finding.about === about).map(({ level, says }) => `${level}: ${says}`);

test("an MoU is in force, ends soon, ended, begins later or is suspended", () => {
  const mou = (more: object) => found(checkEntry(partnerWith({ mou: more }), [], now), "MoU").join();
  assert.match(mou({}), /^fine: In force from 2026-01-01 to 2027-12-31; 410 days left\.$/);
  assert.match(mou({ expires: "2026-11-16" }), /^warning: .* today is its last day/);
  assert.match(mou({ expires: "2026-11-17" }), /^warning: .* 1 day left/);
  assert.match(mou({ expires: "2027-01-15" }), /^warning: .* 60 days left/);
  assert.match(mou({ expires: "2027-01-16" }), /^fine: .* 61 days left/);
  assert.match(mou({ expires: "2026-11-15" }), /^problem: It ended on 2026-11-15/);
  assert.match(mou({ signed: "2026-11-20" }), /^warning: It begins on 2026-11-20, in 4 days/);
  assert.match(mou({ suspended: true }), /^warning: It is suspended/);
});

/** X of an Ed25519 key of somebody. */
const someKey = { kty: "OKP", crv: "Ed25519", x: "GDA2J-aIkYDyqO0I2E4RWqGBZIc-7W_2nTHGBs_b4bY" };
const small = (hex: string) => ({ kty: "OKP", crv: "Ed25519", x: Buffer.from(hex, "hex").toString("base64url") });

test("keys are told by kind and thumbprint; weak, printed, placeholder, shared and broken ones are problems", () => {
  const keys = (list: readonly object[], others: readonly Partner[] = []) =>
    found(checkEntry(partnerWith({ keys: list }), others, now), "key").join("\n");
  assert.match(keys([someKey]), /^fine: Ed25519 [\w-]{43}\. Compare it by telephone\.$/);
  assert.match(keys([]), /^warning: It has no key/);
  assert.match(keys([{ ...someKey, kid: "placeholder-twcert" }]), /^problem: Ed25519 .* is a placeholder/);
  assert.match(keys([someKey, someKey]), /^warning: .* there twice/);
  assert.match(keys([{ ...someKey, x: "short" }]), /^problem: 1 of its keys can't be used/);
  assert.match(keys([someKey], [partnerWith({ keys: [someKey] }, "ncc")]), /^problem: .* that of ncc, too/);
  for (const weak of [
    small("01".padEnd(64, "0")),
    small("00".repeat(32)),
    small(`${"00".repeat(31)}80`),
    small("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa"),
    { kty: "OKP", crv: "Ed25519", x: "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" },
    { kty: "EC", crv: "P-256", x: someKey.x, y: someKey.x },
  ])
    assert.match(keys([weak]), /^problem: .* is weak/, JSON.stringify(weak));
  const printed = {
    x: "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
    y: "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM",
  };
  assert.match(
    keys([{ kty: "EC", crv: "P-256", ...printed }]),
    /^problem: .* is weak/,
    "RFC 7517 A.2 prints its private half",
  );
  const { publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  assert.match(keys([publicKey.export({ format: "jwk" })]), /^fine: P-256/);
  const revoked = partnerWith({ keys: [someKey], tokens_not_before: "2026-12-01T00:00:00Z" });
  assert.match(found(checkEntry(revoked, [], now), "key").join("\n"), /problem: tokens_not_before is ahead/);
});

test("feeds are told with their labels; none, and economies that count later, are said", () => {
  const said = (more: object) => found(checkEntry(partnerWith(more), [], now), "feeds");
  assert.deepEqual(said({}), ["fine: spam-sources each week at TLP:AMBER; the ceiling is TLP:AMBER+STRICT."]);
  assert.match(said({ subscriptions: [] }).join(), /^problem: It is subscribed to no feed/);
  const later = said({ economies: ["TW", { code: "HK", since: "2027-01-01" }] });
  assert.match(later.join("\n"), /warning: HK counts from 2027-01-01/);
});

const secrets = { HOOK_TOKEN: "token-of-the-hook", HOOK_USER: "user-of-ours", HOOK_PASSWORD: "password-of-ours" };

/** What checking destinations finds. Whatever it is, no secret stands in it. */
async function checked(
  deliveries: readonly object[],
  more: { env?: Record<string, string>; loopback?: boolean; entry?: object } = {},
): Promise<readonly Finding[]> {
  const { env = secrets, loopback = true } = more;
  const subscriptions = ["spam-sources", "spam-urls"].map((feed) => ({
    ...{ feed, every: "week", formats: ["csv", "stix"], deliveries },
  }));
  const findings = await checkDestinations(partnerWith({ subscriptions, ...more.entry }), {
    secret: (name) => new Map(Object.entries(env)).get(name),
    ...{ loopback, issuer: "CERT.br", clock: Date.now, patienceMs: 5000 },
  });
  const text = JSON.stringify(findings);
  const basic = Buffer.from(`${secrets.HOOK_USER}:${secrets.HOOK_PASSWORD}`).toString("base64");
  for (const secret of [...Object.values(env), basic]) assert.ok(!text.includes(secret), text);
  return findings;
}

test("files: a marked one is put and, where that is let, taken away; two feeds to one place are tried once", async (t) => {
  const place = await receiver(t);
  const auth = { user: "HOOK_USER", password: "HOOK_PASSWORD" };
  const findings = await checked([{ kind: "https", url: `${place.url}/in`, auth }]);
  assert.deepEqual(
    findings.map(({ level, about }) => `${level} ${about}`),
    ["fine destination", "fine clock"],
  );
  assert.match(findings[0]?.says ?? "", /^spam-sources, spam-urls by https to http:.*removed again\.$/);
  assert.deepEqual(
    place.taken.map(({ method }) => method),
    ["PUT", "DELETE"],
  );
  const [put] = place.taken;
  assert.match(put?.path ?? "", /^\/in\/spampots-check-[\dTZ-]+\.txt$/);
  assert.match(put?.body.toString() ?? "", /^CERT\.br tried .* This is no publication/);
  place.misbehave = (request, response) => request.method === "DELETE" && answering(405)(request, response);
  const [stays] = await checked([{ kind: "https", url: `${place.url}/in` }]);
  assert.equal(stays?.level, "fine");
  assert.match(stays?.says ?? "", /which stays: we may not delete there/);
});

test("two ways to one place are tried with files of their own", async (t) => {
  const place = await receiver(t);
  const url = `${place.url}/in`;
  const found = await checked([
    { kind: "https", url },
    { kind: "https", name: "other", url, auth: { bearer: "HOOK_TOKEN" } },
  ]);
  assert.deepEqual(
    found.map(({ level }) => level),
    ["fine", "fine", "fine", "fine"],
  );
  assert.equal(new Set(place.taken.map(({ path }) => path)).size, 2);
});

test("a webhook gets an event that says what it is; one that takes signed manifests alone is no problem", async (t) => {
  const place = await receiver(t);
  const delivery = { kind: "webhook", url: `${place.url}/hook`, auth: { bearer: "HOOK_TOKEN" } };
  assert.equal((await checked([delivery]))[0]?.level, "fine");
  const event = JSON.parse(place.taken[0]?.body.toString() ?? "");
  assert.equal(event.type, "spampots-check");
  assert.match(event.text, /This is no publication/);
  place.misbehave = answering(400);
  const [careful] = await checked([delivery]);
  assert.deepEqual([careful?.level, /signed manifests alone/.test(careful?.next ?? "")], ["warning", true]);
  for (const status of [401, 403, 404, 302, 500]) {
    place.misbehave = answering(status);
    const [refused] = await checked([delivery]);
    assert.equal(refused?.level, "problem");
    assert.match(refused?.says ?? "", new RegExp(`HTTP ${status}`));
  }
});

test("the guide's receiver of webhooks refuses the event, which is a warning and no problem", async (t) => {
  const folder = await temporaryFolder(t);
  await writeFile(join(folder, "jwks.json"), JSON.stringify({ keys: [] }));
  const port = await freePort();
  const receiving = [
    join(projectRoot, "docs/examples/receive-webhook.mjs"),
    join(folder, "jwks.json"),
    folder,
    `${port}`,
  ];
  const child = spawn(process.execPath, receiving, { stdio: "ignore" });
  t.after(() => child.kill());
  const found = await until(async () => {
    const [one] = await checked([{ kind: "webhook", url: `http://127.0.0.1:${port}/` }]);
    return one?.says.includes("HTTP 400") ? one : undefined;
  }, "the receiver");
  assert.equal(found.level, "warning");
});

/** Repeats what it was told, in every place that we might pass on. */
const parrot: Misbehave = (request, response) => {
  const said = String(request.headers.authorization);
  response.writeHead(403, said.slice(0, 80), { "x-said": said });
  const words = { title: said, description: said };
  // S3's own form, where it is asked as S3.
  response.end("x-amz-date" in request.headers ? `<Error><Code>${said}</Code></Error>` : JSON.stringify(words));
  return true;
};

test("what a destination says of us is never passed on", async (t) => {
  const place = await receiver(t, parrot);
  const auth = { bearer: "HOOK_TOKEN" };
  const collection = `${place.url}/api/collections/91a7b528-80eb-42ed-a74d-c6fbd5a26116/`;
  for (const delivery of [
    { kind: "webhook", url: place.url, auth },
    { kind: "https", url: place.url, auth: { user: "HOOK_USER", password: "HOOK_PASSWORD" } },
    { kind: "taxii", url: collection, auth },
    {
      ...{ kind: "s3", bucket: "inbox", endpoint: place.url },
      credentials: { access_key: "HOOK_USER", secret_key: "HOOK_PASSWORD" },
    },
  ])
    assert.equal((await checked([delivery]))[0]?.level, "problem", delivery.kind);
});

test("clocks that differ are told, whichever is wrong", async (t) => {
  const place = await receiver(t);
  for (const [aheadMs, words] of [
    [300_000, /(299|300|301) s ahead/],
    [-90_000, /(89|90|91) s behind/],
  ] as const) {
    place.misbehave = (_, response) => {
      response.setHeader("date", new Date(Date.now() + aheadMs).toUTCString());
      return false;
    };
    const [, clock] = await checked([{ kind: "https", url: place.url }]);
    assert.equal(clock?.level, "warning");
    assert.match(clock?.says ?? "", words);
  }
  place.misbehave = (_, response) => {
    response.setHeader("date", "yesterday");
    return false;
  };
  assert.equal((await checked([{ kind: "https", url: place.url }])).length, 1);
});

test("what would hinder a delivery hinders the check: variables, the fence, certificates, silence", async (t) => {
  const place = await receiver(t);
  const url = `${place.url}/in`;
  const [unset] = await checked([{ kind: "webhook", url, auth: { bearer: "HOOK_TOKEN" } }], { env: {} });
  assert.match(unset?.says ?? "", /HOOK_TOKEN of the environment isn't set; nothing was tried/);
  const [broken] = await checked([{ kind: "webhook", url, auth: { bearer: "HOOK_TOKEN" } }], {
    env: { HOOK_TOKEN: "secret-with-a-line\n" },
  });
  assert.match(broken?.says ?? "", /white space at an end/);
  const [fenced] = await checked([{ kind: "https", url }], { loopback: false });
  assert.match(`${fenced?.level} ${fenced?.says}`, /^problem .*not on the public Internet/);
  assert.deepEqual(place.taken, []);
  const folder = await temporaryFolder(t);
  const ca = await authority(folder, "ca");
  const server = await signedBy(ca, folder, "server", { host: "IP:127.0.0.1" });
  const secure = createServer(await pem(server), (_, response) => void response.writeHead(201).end());
  await once(secure.listen(0, "127.0.0.1"), "listening");
  t.after(() => secure.close());
  const { port } = secure.address() as AddressInfo; // it listens on a port
  const [distrusted] = await checked([{ kind: "https", url: `https://127.0.0.1:${port}/in` }]);
  assert.match(`${distrusted?.level} ${distrusted?.says}`, /^problem .*certificate doesn't hold/);
  place.misbehave = () => true;
  const [silent] = await checked([{ kind: "https", url }]);
  assert.equal(silent?.level, "problem");
  assert.deepEqual(place.taken, []);
  const [pulled] = await checked([{ kind: "pull" }]);
  assert.deepEqual([pulled?.level, pulled?.says], ["fine", "Nothing is pushed: the partner comes for it."]);
});

async function openSite(t: TestContext, more: object) {
  const root = await temporaryFolder(t);
  const yaml = `${JSON.stringify({ partners: [entry("twcert", more), entry("ncc")] })}\n...\n`;
  return siteFolder(t, { root }, yaml, { SPAMPOTS_PUSH_LOOPBACK: "true", HOOK_TOKEN: secrets.HOOK_TOKEN });
}

test("the command says a line for each thing, exits with 1 where there is a problem, and leaks nothing", async (t) => {
  const place = await receiver(t);
  const deliveries = [{ kind: "webhook", url: `${place.url}/hook`, auth: { bearer: "HOOK_TOKEN" } }];
  const subscriptions = [{ feed: "spam-sources", every: "week", formats: ["csv"], deliveries }];
  const site = await openSite(t, { subscriptions, keys: [someKey] });
  const args = ["partner", "check", "twcert", "--now", new Date(now).toISOString()];
  const well = await site.run(args);
  assert.equal(well.code, 0, well.stdout + well.stderr);
  assert.deepEqual(
    well.stdout
      .trim()
      .split("\n")
      .map((line) => line.split(/\s+/).slice(0, 2).join(" ")),
    ["fine MoU", "fine key", "fine feeds", "fine destination", "fine clock"],
  );
  place.misbehave = parrot;
  const badly = await site.run([...args, "--json"]);
  assert.equal(badly.code, 1);
  assert.deepEqual(Object.keys(JSON.parse(badly.stdout)), ["partner", "problems", "findings"]);
  assert.equal(JSON.parse(badly.stdout).problems, 1);
  assert.ok(!`${badly.stdout}${badly.stderr}${well.stdout}${well.stderr}`.includes(secrets.HOOK_TOKEN));
  const ended = await site.run(["partner", "check", "twcert", "--now", new Date(now + 400 * dayMs).toISOString()]);
  assert.equal(ended.code, 1);
  assert.match(ended.stdout, /problem {2}MoU {10}It ended/);
  assert.equal((await site.run(["partner", "check", "nobody"])).code, 2);
});
