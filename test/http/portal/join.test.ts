/** Invitations, as an attacker tries them: replayed, expired, with somebody else's key, or with a key that anybody has. */
import assert from "node:assert/strict";
import { createPrivateKey } from "node:crypto";
import { test } from "node:test";
import { exportJWK } from "jose/key/export";
import { dayMs } from "../../../src/model.ts";
import { proofPages } from "../../../src/partner/auth/proof.ts";
import { keyFault } from "../../../src/partner/auth/weak-key.ts";
import { objectionTo } from "../../../src/partner/joining/approval.ts";
import { decide, listRequests, sweepRequests } from "../../../src/partner/joining/request.ts";
import { ask, type ClientKey, newClientKey, openServed, type Served } from "../served.ts";
import { handIn, isIn, minted, proof, signInByKey, Visitor } from "../visitor.ts";

const invited = async (served: Served, partner = "twcert", nonce = crypto.randomUUID()) => ({
  token: await minted(served, "spampots-invitation+jwt", { sub: partner, jti: nonce }),
  partner,
  nonce,
});

const contextOf = (served: Served) => ({
  realm: { url: served.url },
  tokenKeys: served.registry.tokens.keys,
  partners: [...served.registry.partners.values()],
  now: served.now(),
});

test("an invitation is one request: what is sent by it again changes nothing, and shows what became of the first", async (t) => {
  const served = await openServed(t);
  const { twcert, ncc } = served.keysOf;
  const [key, thiefs] = [await newClientKey("EdDSA"), await newClientKey("ES256")];
  const invitation = await invited(served);
  const [visitor, thief] = [new Visitor(served), new Visitor(served)];
  const page = `${proofPages.join}?link=${invitation.token}`;
  assert.match((await visitor.get(page)).text, /Make the key/);
  assert.equal((await handIn(visitor, served, { ...invitation, key })).headers.get("location"), page);
  const waiting = await visitor.get(page);
  assert.match(waiting.text, /is with the operator/);
  // Nothing is active before approval.
  assert.equal((await signInByKey(visitor, "twcert", key)).status, 403);

  const first = await listRequests(served.store);
  served.setNow(served.now() + 1000);
  assert.equal((await handIn(thief, served, { ...invitation, key: thiefs })).headers.get("location"), page);
  assert.equal((await thief.get(page)).text, waiting.text);
  assert.deepEqual(await listRequests(served.store), first);
  const [request] = first;
  assert.ok(request);
  assert.equal(await objectionTo(request, contextOf(served)), undefined);

  await decide(served.store, request.id, "approved", served.now());
  assert.match((await visitor.get(page)).text, /counts within minutes/);
  await served.change({ twcert: { keys: [twcert, key] }, ncc: { keys: [ncc] } });
  assert.match((await visitor.get(page)).text, /Your key counts/);
  assert.equal((await signInByKey(visitor, "twcert", key)).status, 303);
  assert.equal(await isIn(visitor), true);
});

test("at once, too, one of two is the request", async (t) => {
  const served = await openServed(t);
  const invitation = await invited(served);
  const keys = await Promise.all(Array.from({ length: 8 }, () => newClientKey("EdDSA")));
  const answers = await Promise.all(keys.map((key) => handIn(new Visitor(served), served, { ...invitation, key })));
  assert.deepEqual(
    answers.map(({ status }) => status),
    keys.map(() => 303),
  );
  assert.equal((await listRequests(served.store)).length, 1);
});

test("an invitation counts for a week, before the MoU begins and while it is suspended, but not after its end or a revocation", async (t) => {
  const served = await openServed(t);
  const { ncc } = served.keysOf;
  const visitor = new Visitor(served);
  const key = await newClientKey("EdDSA");
  const statusWith = async (lines: Parameters<Served["change"]>[0], later = 0) => {
    const invitation = await invited(served);
    await served.change(lines);
    const now = served.now();
    served.setNow(now + later);
    const shown = (await visitor.get(`${proofPages.join}?link=${invitation.token}`)).status;
    const { status } = await handIn(visitor, served, { ...invitation, key });
    served.setNow(now);
    return [shown, status];
  };
  const others = { ncc: { keys: [ncc] } };
  assert.deepEqual(await statusWith({ twcert: { keys: [] }, ...others }, 7 * dayMs - 1000), [200, 303]);
  assert.deepEqual(await statusWith({ twcert: { keys: [] }, ...others }, 7 * dayMs), [403, 403]);
  assert.deepEqual(await statusWith({ twcert: { keys: [], suspended: true }, ...others }), [200, 303]);
  assert.deepEqual(await statusWith({ twcert: { keys: [], expires: "2026-11-15" }, ...others }), [403, 403]);
  const revoked = { keys: [], tokensNotBefore: "2026-11-16T06:00:01Z" };
  assert.deepEqual(await statusWith({ twcert: revoked, ...others }), [403, 403]);
  assert.deepEqual(await statusWith(others), [403, 403]);
  await served.change({ twcert: { keys: [] }, ...others });
  served.setNow(Date.UTC(2025, 11, 1));
  assert.deepEqual(await statusWith({ twcert: { keys: [] }, ...others }), [200, 303], "a month before the MoU begins");
});

test("a key without a proof of its own private half is no request", async (t) => {
  const served = await openServed(t);
  const [mine, somebodys] = [await newClientKey("EdDSA"), served.keysOf.ncc];
  const invitation = await invited(served);
  const { token: link, partner: iss, nonce } = invitation;
  const aud = `${served.url}${proofPages.join}`;
  const claims = { iss, aud, nonce };
  const visitor = new Visitor(served);
  const other = await invited(served);
  const sent = async (key: unknown, made: Promise<string> | string) =>
    (
      await visitor.post(proofPages.join, {
        link,
        key: typeof key === "string" ? key : JSON.stringify(key),
        proof: await made,
      })
    ).status;
  const right = () => proof("spampots-proof+jwt", claims, mine);
  const secret = mine.secret.export({ format: "jwk" });
  const refused = [
    () => sent(somebodys.jwk, proof("spampots-proof+jwt", claims, mine)),
    () => sent(somebodys.jwk, ""),
    () => sent(mine.jwk, proof("spampots-answer+jwt", claims, mine)),
    () => sent(mine.jwk, proof("JWT", claims, mine)),
    () => sent(mine.jwk, proof("spampots-proof+jwt", { ...claims, iss: "ncc" }, mine)),
    () => sent(mine.jwk, proof("spampots-proof+jwt", { ...claims, aud: served.url }, mine)),
    () => sent(mine.jwk, proof("spampots-proof+jwt", { ...claims, nonce: other.nonce }, mine)),
    () => sent(secret, right()),
    () => sent({ ...mine.jwk, x: `${mine.jwk.x}=` }, right()),
    () => sent({ ...mine.jwk, padding: "x".repeat(2000) }, right()),
    () => sent("[]", right()),
    () => sent("null", right()),
    () => sent("{", right()),
  ];
  for (const [at, wrongly] of refused.entries()) assert.equal(await wrongly(), 403, `case ${at}`);
  assert.deepEqual(await listRequests(served.store), []);
  assert.equal(await sent(mine.jwk, right()), 303);
});

/** Public halves of keys whose private halves RFC 8032 §7.1, RFC 8037 A.1, RFC 7515 A.3 and RFC 7517 A.2 print. */
const printedSecrets = [
  ...[
    "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
    "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
    "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
    "f5e5767cf153319517630f226876b86c8160cc583bc013744c6bf255f5cc0ee5",
    "833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
  ].map((hex) =>
    createPrivateKey({
      key: Buffer.from(`302e020100300506032b657004220420${hex}`, "hex"),
      format: "der",
      type: "pkcs8",
    }),
  ),
];

test("a key that anybody can sign with is no partner's", async (t) => {
  const served = await openServed(t);
  const visitor = new Visitor(served);
  for (const secret of printedSecrets) {
    const { kty = "", crv, x } = await exportJWK(secret);
    const key: ClientKey = { alg: "EdDSA", secret, jwk: { kty, crv, x } };
    const invitation = await invited(served);
    assert.equal((await handIn(visitor, served, { ...invitation, key })).status, 403);
  }
  // Points of order 8 and less, one of them not in its canonical form: signatures are made under them without a private half.
  const points = [
    "00".repeat(32),
    `01${"00".repeat(31)}`,
    `01${"00".repeat(30)}80`,
    `ec${"ff".repeat(30)}7f`,
    `ee${"ff".repeat(30)}7f`,
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
  ];
  for (const point of points) {
    const x = Buffer.from(point, "hex").toString("base64url");
    assert.match(String(keyFault({ kty: "OKP", crv: "Ed25519", x })), /anybody/);
  }
  const { jwk } = await newClientKey("EdDSA");
  assert.equal(keyFault({ kty: "OKP", crv: "Ed25519", x: String(jwk.x) }), undefined);
  assert.deepEqual(await listRequests(served.store), []);
});

test("what stands in the store is checked again before it is approved", async (t) => {
  const served = await openServed(t);
  const { twcert, ncc } = served.keysOf;
  const visitor = new Visitor(served);
  await handIn(visitor, served, { ...(await invited(served, "ncc")), key: await newClientKey("ES256") });
  // A key that another partner has is handed in like any other: nobody learns that it is another's.
  await handIn(visitor, served, { ...(await invited(served)), key: ncc });
  const requests = await listRequests(served.store);
  const ofNcc = requests.find(({ partner }) => partner === "ncc");
  const ofTwcert = requests.find(({ partner }) => partner === "twcert");
  assert.ok(ofNcc && ofTwcert);
  const context = contextOf(served);
  assert.equal(await objectionTo(ofNcc, context), undefined);
  assert.match(String(await objectionTo(ofTwcert, context)), /Another partner/);
  const forged = [
    { ...ofNcc, partner: "twcert" },
    { ...ofNcc, key: ofTwcert.key },
    { ...ofNcc, invitation: ofTwcert.invitation },
    { ...ofNcc, proof: ofTwcert.proof },
    { ...ofNcc, id: ofTwcert.id },
    { ...ofNcc, requestedAt: "2027-01-01T00:00:00Z" },
  ];
  for (const request of forged) assert.match(String(await objectionTo(request, context)), /doesn't prove/);
  await served.change({ twcert: { keys: [twcert] } });
  assert.match(String(await objectionTo(ofNcc, contextOf(served))), /no such partner/);
  await served.change({ twcert: { keys: [twcert] }, ncc: { keys: [], tokensNotBefore: "2026-11-16T06:00:01Z" } });
  assert.match(String(await objectionTo(ofNcc, contextOf(served))), /counts no more/);
});

test("of what is put below requests/ no more is read than a request can have", async (t) => {
  const served = await openServed(t);
  await handIn(new Visitor(served), served, { ...(await invited(served)), key: await newClientKey("EdDSA") });
  const [request] = await listRequests(served.store);
  assert.ok(request);
  const huge = Buffer.alloc(64 * 1024 * 1024, " ");
  await served.store.putOnce("requests/0123456789abcdef/request.json", huge);
  await served.store.putOnce(`requests/${request.id}/decided.json`, huge);
  const before = process.memoryUsage().arrayBuffers;
  const read = await listRequests(served.store);
  assert.ok(process.memoryUsage().arrayBuffers - before < huge.length / 2);
  assert.deepEqual(read, [request]);
});

test("requests are kept for thirty days, longer than their invitations", async (t) => {
  const served = await openServed(t);
  await handIn(new Visitor(served), served, { ...(await invited(served)), key: await newClientKey("EdDSA") });
  const [request] = await listRequests(served.store);
  assert.ok(request);
  await decide(served.store, request.id, "rejected", served.now());
  await sweepRequests(served.store, Date.now() + 29 * dayMs);
  assert.equal((await listRequests(served.store))[0]?.decision?.decision, "rejected");
  await sweepRequests(served.store, Date.now() + 31 * dayMs);
  for await (const { key } of served.store.list("requests/")) assert.fail(key);
});

test("a machine is told as JSON, and a form that isn't one of ours is refused without a fault of ours", async (t) => {
  const served = await openServed(t);
  const invitation = await invited(served);
  const key = await newClientKey("EdDSA");
  const accept = { origin: served.url, accept: "application/json" };
  const page = `${served.url}${proofPages.join}`;
  const claims = { iss: "twcert", aud: page, nonce: invitation.nonce };
  const form = {
    link: invitation.token,
    key: JSON.stringify(key.jwk),
    proof: await proof("spampots-proof+jwt", claims, key),
  };
  const visitor = new Visitor(served);
  assert.deepEqual((await visitor.post(proofPages.join, { ...form, link: "no" }, accept)).json(), {
    refused: "invitation",
  });
  assert.deepEqual((await visitor.post(proofPages.join, { ...form, key: "{}" }, accept)).json(), { refused: "key" });
  assert.equal((await visitor.post(proofPages.join, form, accept)).json().state, "waiting");

  const odd: [string, string, number][] = [
    ["application/x-www-form-urlencoded", `link=${"x".repeat(17_000)}`, 413],
    ["application/x-www-form-urlencoded", "link=a&link=b&key=%ff", 403],
    ["multipart/form-data; boundary=b", "--b\r\nnot a part", 403],
    ["multipart/form-data", "nothing", 403],
    ["application/json", "{}", 403],
    ["text/plain", "link=a", 403],
  ];
  for (const path of [proofPages.join, proofPages.signIn]) {
    for (const [type, body, status] of odd) {
      const answer = await ask(`${served.url}${path}`, {
        method: "POST",
        body,
        headers: { origin: served.url, "content-type": type },
      });
      assert.equal(answer.status, status, `${path} ${type}`);
    }
    // Too long, and its length isn't said before.
    const pieces = new ReadableStream({
      start(controller) {
        for (let piece = 0; piece < 20; piece += 1)
          controller.enqueue(new TextEncoder().encode(`link=${"x".repeat(1000)}&`));
        controller.close();
      },
    });
    const type = "application/x-www-form-urlencoded";
    const init = {
      method: "POST",
      body: pieces,
      duplex: "half",
      headers: { origin: served.url, "content-type": type },
    };
    assert.equal((await ask(`${served.url}${path}`, init as RequestInit)).status, 413); // `duplex` is missing in the type
  }
});
