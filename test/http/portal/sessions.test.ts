/** Sessions of the portal, as an attacker tries them: fixed, forged, replayed, shared by browsers, and outlived. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { dayMs } from "../../../src/model.ts";
import { proofPages } from "../../../src/partner/auth/proof.ts";
import { newClientKey, openServed } from "../served.ts";
import { challengeOf, isIn, minted, proof, signInByKey, Visitor } from "../visitor.ts";

test("a key signs in, and no session is the one before: a cookie that was planted or copied opens nothing", async (t) => {
  const served = await openServed(t);
  const visitor = new Visitor(served);
  visitor.jar.set("spampots-session", "planted");
  assert.equal(await isIn(visitor), false);
  assert.equal((await signInByKey(visitor, "twcert", served.keysOf.twcert)).status, 303);
  const first = visitor.jar.get("spampots-session") ?? "";
  assert.notEqual(first, "planted");
  assert.equal(await isIn(visitor), true);

  const copy = new Visitor(served);
  copy.jar.set("spampots-session", first);
  assert.equal(await isIn(copy), true);
  // Who signs in again has another session, and the one before is over wherever it was copied to.
  await signInByKey(visitor, "twcert", served.keysOf.twcert);
  assert.notEqual(visitor.jar.get("spampots-session"), first);
  assert.equal(await isIn(copy), false);
  assert.equal(await isIn(visitor), true);
});

test("an answered challenge counts once, in the browser that it was given to, for five minutes", async (t) => {
  const served = await openServed(t);
  const { twcert } = served.keysOf;
  const answered = async (visitor: Visitor) => {
    const { challenge, aud, nonce } = await challengeOf(visitor);
    return { challenge, answer: await proof("spampots-answer+jwt", { iss: "twcert", aud, nonce }, twcert) };
  };
  const visitor = new Visitor(served);
  const form = await answered(visitor);
  const secret = visitor.jar.get("spampots-challenge") ?? "";
  assert.equal((await visitor.post(proofPages.signIn, form)).status, 303);
  // Replayed, with the cookie that it was given with.
  const again = new Visitor(served);
  again.jar.set("spampots-challenge", secret);
  assert.equal((await again.post(proofPages.signIn, form)).status, 403);
  assert.equal(await isIn(again), false);

  // Two browsers: what was answered in one isn't taken from the other, whatever cookie that has.
  const [attacker, victim] = [new Visitor(served), new Visitor(served)];
  const stolen = await answered(victim);
  await challengeOf(attacker);
  assert.equal((await attacker.post(proofPages.signIn, stolen)).status, 403);
  const planted = await answered(attacker);
  assert.equal((await victim.post(proofPages.signIn, planted)).status, 403);
  assert.equal((await new Visitor(served).post(proofPages.signIn, planted)).status, 403);
  assert.equal(await isIn(victim), false);

  const late = new Visitor(served);
  const old = await answered(late);
  served.setNow(served.now() + 301_000);
  assert.equal((await late.post(proofPages.signIn, old)).status, 403);
});

test("an answer that isn't exactly right signs nobody in", async (t) => {
  const served = await openServed(t, { operators: [] });
  const { twcert, ncc } = served.keysOf;
  const stranger = await newClientKey("EdDSA");
  const visitor = new Visitor(served);
  const attempt = async (
    change: (claims: { iss: string; aud: string; nonce: string }) => Record<string, unknown>,
    key = twcert,
    { typ = "spampots-answer+jwt", header = {} }: { typ?: string; header?: Record<string, unknown> } = {},
  ) => {
    const { challenge, aud, nonce } = await challengeOf(visitor);
    const answer = await proof(typ, change({ iss: "twcert", aud, nonce }), key, header);
    return (await visitor.post(proofPages.signIn, { challenge, answer })).status;
  };
  const other = await challengeOf(new Visitor(served));
  const wrong = [
    () => attempt((claims) => claims, stranger),
    () => attempt((claims) => claims, ncc),
    () => attempt((claims) => ({ ...claims, iss: "ncc" })),
    () => attempt((claims) => ({ ...claims, iss: "nobody" })),
    () => attempt((claims) => ({ ...claims, aud: served.url })),
    () => attempt((claims) => ({ ...claims, aud: `${served.url}${proofPages.operator}` })),
    () => attempt((claims) => ({ ...claims, aud: `${served.url}${proofPages.join}` })),
    () => attempt((claims) => ({ ...claims, nonce: other.nonce })),
    () => attempt((claims) => ({ ...claims, nonce: "" })),
    () => attempt((claims) => ({ ...claims, more: true })),
    () => attempt(({ aud, nonce }) => ({ aud, nonce })),
    () => attempt((claims) => claims, twcert, { typ: "spampots-proof+jwt" }),
    () => attempt((claims) => claims, twcert, { typ: "JWT" }),
    () => attempt((claims) => claims, twcert, { header: { kid: undefined } }),
    () => attempt((claims) => claims, twcert, { header: { jwk: stranger.jwk } }),
  ];
  // One after another: each has the cookie of its own challenge.
  for (const [at, wrongly] of wrong.entries()) assert.equal(await wrongly(), 403, `case ${at}`);
  assert.equal(await isIn(visitor), false);
  assert.equal(await attempt((claims) => claims), 303);
});

test("a session ends when its key goes, the MoU ends or is suspended, tokens are revoked, and after an hour", async (t) => {
  const served = await openServed(t);
  const { twcert, ncc } = served.keysOf;
  const others = { ncc: { keys: [ncc] } };
  const restored = () => served.change({ twcert: { keys: [twcert] }, ...others });
  const entered = async () => {
    const visitor = new Visitor(served);
    assert.equal((await signInByKey(visitor, "twcert", twcert)).status, 303);
    assert.equal(await isIn(visitor), true);
    return visitor;
  };
  const byKey = await entered();
  await served.change({ twcert: { keys: [] }, ...others });
  const gone = await byKey.get("/portal");
  assert.deepEqual([gone.status, gone.headers.get("location")], [303, "/portal/sign-in"]);

  await restored();
  const suspended = await entered();
  await served.change({ twcert: { keys: [twcert], suspended: true }, ...others });
  assert.equal((await suspended.get("/portal")).status, 403);
  assert.equal((await signInByKey(new Visitor(served), "twcert", twcert)).status, 403);

  await restored();
  const expiring = await entered();
  await served.change({ twcert: { keys: [twcert], expires: "2026-11-16" }, ...others });
  assert.equal(await isIn(expiring), true);
  const monday = served.now();
  served.setNow(Date.parse("2026-11-16T23:30:00Z"));
  const late = await entered();
  served.setNow(Date.parse("2026-11-17T00:00:00Z"));
  assert.equal((await late.get("/portal")).status, 403);
  served.setNow(monday);

  await restored();
  const revoked = await entered();
  await served.change({ twcert: { keys: [twcert], tokensNotBefore: "2026-11-16T06:00:01Z" }, ...others });
  assert.equal((await revoked.get("/portal")).status, 303);

  await restored();
  const hour = await entered();
  served.setNow(monday + 3_599_000);
  assert.equal(await isIn(hour), true);
  served.setNow(monday + 3_600_000);
  assert.equal(await isIn(hour), false);
});

test("a link holds for a day and once, and not for whom the MoU is not in force", async (t) => {
  const served = await openServed(t);
  const { twcert, ncc } = served.keysOf;
  const link = await minted(served, "spampots-sign-in+jwt", { sub: "twcert" });
  const visitor = new Visitor(served);
  const page = await visitor.get(`/portal/sign-in?link=${link}`);
  assert.match(page.text, /made for twcert/);
  assert.equal((await visitor.post("/portal/sign-in", { link })).status, 303);
  assert.equal((await new Visitor(served).post("/portal/sign-in", { link })).status, 403);

  // Not used up by who may not come in.
  const kept = await minted(served, "spampots-sign-in+jwt", { sub: "twcert" });
  await served.change({ twcert: { keys: [twcert], suspended: true }, ncc: { keys: [ncc] } });
  assert.equal((await visitor.post("/portal/sign-in", { link: kept })).status, 403);
  await served.change({ twcert: { keys: [twcert], tokensNotBefore: "2026-11-16T07:00:00Z" }, ncc: { keys: [ncc] } });
  assert.equal((await visitor.post("/portal/sign-in", { link: kept })).status, 403);
  await served.change({ twcert: { keys: [twcert] }, ncc: { keys: [ncc] } });
  assert.equal((await visitor.post("/portal/sign-in", { link: kept })).status, 303);

  const expired = await minted(served, "spampots-sign-in+jwt", { sub: "twcert" });
  served.setNow(served.now() + dayMs);
  assert.equal((await visitor.get(`/portal/sign-in?link=${expired}`)).status, 403);
  assert.equal((await visitor.post("/portal/sign-in", { link: expired })).status, 403);
});
