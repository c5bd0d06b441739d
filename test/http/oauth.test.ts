/** The token endpoint against everything that an assertion can be and must not be. */
import assert from "node:assert/strict";
import { createHmac, randomUUID } from "node:crypto";
import { test } from "node:test";
import { createLocalJWKSet } from "jose/jwks/local";
import { decodeJwt } from "jose/jwt/decode";
import { jwtVerify } from "jose/jwt/verify";
import { mintAccessToken } from "../../src/partner/auth/tokens.ts";
import {
  ask,
  askToken,
  assertionClaims,
  type ClientKey,
  newClientKey,
  openServed,
  type Served,
  signed,
  tokenForm,
} from "./served.ts";

const part = (value: unknown) =>
  Buffer.from(typeof value === "string" ? value : JSON.stringify(value)).toString("base64url");

/** An assertion from raw texts of header and claims, rightly signed. */
async function fromTexts(header: string, claims: string, key: ClientKey): Promise<string> {
  const { sign } = await import("node:crypto");
  const input = `${part(header)}.${part(claims)}`;
  const signature = sign(key.alg === "EdDSA" ? null : "sha256", Buffer.from(input), {
    key: key.secret,
    dsaEncoding: "ieee-p1363",
  });
  return `${input}.${signature.toString("base64url")}`;
}

test("a partner gets a token for its own key, and it opens its feeds", async (t) => {
  const served = await openServed(t);
  for (const partner of ["twcert", "ncc"] as const) {
    const answer = await askToken(
      served,
      tokenForm(await signed(assertionClaims(served, partner), served.keysOf[partner])),
    );
    assert.equal(answer.status, 200, answer.text);
    assert.equal(answer.headers.get("cache-control"), "no-store");
    const { access_token, token_type, expires_in, scope } = answer.json();
    assert.deepEqual([token_type, expires_in, scope], ["Bearer", 600, "spam-sources summary"]);
    const keys = createLocalJWKSet(JSON.parse((await ask(`${served.url}/.well-known/jwks.json`)).text));
    const { payload, protectedHeader } = await jwtVerify(String(access_token), keys, {
      issuer: served.url,
      audience: served.url,
      typ: "at+jwt",
      algorithms: ["ES256"],
      currentDate: new Date(served.now()),
    });
    assert.equal(payload.sub, partner);
    assert.equal(protectedHeader.typ, "at+jwt");
    assert.equal((await served.get("/v1/feeds", String(access_token))).status, 200);
  }
});

test("the metadata says where, and what is taken", async (t) => {
  const served = await openServed(t);
  const metadata = (await ask(`${served.url}/.well-known/oauth-authorization-server`)).json();
  assert.equal(metadata.issuer, served.url);
  assert.equal(metadata.token_endpoint, `${served.url}/oauth2/token`);
  assert.deepEqual(metadata.token_endpoint_auth_methods_supported, ["private_key_jwt"]);
});

test("an assertion that isn't exactly right gets nothing, and every refusal is the same", async (t) => {
  const served = await openServed(t);
  const { twcert: key, ncc: other } = served.keysOf;
  const stranger = await newClientKey("EdDSA");
  const good = () => assertionClaims(served, "twcert");
  const iat = Math.floor(served.now() / 1000);
  const sign = (more: Record<string, unknown>, header = {}) => signed({ ...good(), ...more }, key, header);
  const without = (name: string) =>
    signed(Object.fromEntries(Object.entries(good()).filter(([member]) => member !== name)), key);
  const hmacInput = `${part({ alg: "HS256" })}.${part(good())}`;
  const right = await signed(good(), key);
  const cases: Record<string, string | Promise<string>> = {
    "alg none": `${part({ alg: "none" })}.${part(good())}.`,
    "alg none, with a signature": `${part({ alg: "none" })}.${right.split(".").slice(1).join(".")}`,
    "HMAC with the public key as its secret": `${hmacInput}.${createHmac("sha256", String(key.jwk.x)).update(hmacInput).digest("base64url")}`,
    "another partner's key": signed(good(), other),
    "a stranger's key": signed(good(), stranger),
    "its own key in the header": signed(good(), stranger, { jwk: stranger.jwk }),
    "an address of keys in the header": sign({}, { jku: `${served.url}/.well-known/jwks.json` }),
    "crit in the header": fromTexts(JSON.stringify({ alg: "EdDSA", crit: ["exp"] }), JSON.stringify(good()), key),
    "zip in the header": sign({}, { zip: "DEF" }),
    "x5u in the header": sign({}, { x5u: "https://keys.example" }),
    "kid of another key": sign({}, { kid: "another" }),
    "typ of an access token": sign({}, { typ: "at+jwt" }),
    "audience of another": sign({ aud: "https://other.example" }),
    "audience of another beside ours": sign({ aud: [served.url, "https://other.example"] }),
    "no audience": without("aud"),
    "no end": without("exp"),
    "no beginning": without("iat"),
    "no jti": without("jti"),
    "no subject": without("sub"),
    "no issuer": without("iss"),
    "a life of an hour": sign({ exp: iat + 3600 }),
    "an end before its beginning": sign({ iat: iat + 60, exp: iat + 30 }),
    over: sign({ iat: iat - 100, exp: iat }),
    "made in the future": sign({ iat: iat + 2 }),
    "not yet": sign({ nbf: iat + 2 }),
    "issuer of another": sign({ iss: "ncc" }),
    "longer than any, and right": sign({ more: "a".repeat(4000) }),
    "subject of another": sign({ sub: "ncc" }),
    "subject and issuer of another": sign({ sub: "ncc", iss: "ncc" }),
    "subject as a list": sign({ sub: ["twcert"] as unknown as string }),
    "an unknown partner": sign({ sub: "nobody", iss: "nobody" }),
    "exp as a text": sign({ exp: String(iat + 60) as unknown as number }),
    "older than the process": sign({ iat: iat - 2, exp: iat + 60 }),
    "a member twice": fromTexts('{"alg":"EdDSA"}', JSON.stringify(good()).replace("{", '{"sub":"ncc",'), key),
    "a member twice, spelt otherwise": fromTexts(
      '{"alg":"EdDSA"}',
      JSON.stringify(good()).replace("{", '{"s\\u0075b":"ncc",'),
      key,
    ),
    "a header's member twice": fromTexts('{"alg":"none","alg":"EdDSA"}', JSON.stringify(good()), key),
    padding: `${right}=`,
    "white space": ` ${right}`,
    "stray bits":
      right.slice(0, -1) + (right.endsWith("A") ? "B" : String.fromCharCode(right.charCodeAt(right.length - 1) + 1)),
    "two parts": right.split(".").slice(0, 2).join("."),
    "four parts": `${right}.`,
    nothing: "",
    "too long": `${right}${"A".repeat(5000)}`,
  };
  const answers = new Set<string>();
  for (const [name, assertion] of Object.entries(cases)) {
    const answer = await askToken(served, tokenForm(await assertion));
    assert.equal(answer.status, 401, `${name}: ${answer.text}`);
    answers.add(answer.text);
  }
  assert.equal(answers.size, 1, "which part was wrong must not show");
  assert.equal((await askToken(served, tokenForm(await sign({})))).status, 200);
});

test("an assertion counts once, for every process over the same store", async (t) => {
  const served = await openServed(t);
  const assertion = await signed(assertionClaims(served, "twcert"), served.keysOf.twcert);
  const answers = await Promise.all([1, 2, 3].map(() => askToken(served, tokenForm(assertion))));
  assert.deepEqual(answers.map(({ status }) => status).sort(), [200, 401, 401]);
  // The same jti in another assertion is used, too; another partner's isn't.
  const { jti } = decodeJwt(assertion);
  const again = await signed({ ...assertionClaims(served, "twcert"), jti }, served.keysOf.twcert);
  assert.equal((await askToken(served, tokenForm(again))).status, 401);
  const others = await signed({ ...assertionClaims(served, "ncc"), jti }, served.keysOf.ncc);
  assert.equal((await askToken(served, tokenForm(others))).status, 200);
});

test("a form that isn't one for a token is refused in the words of RFC 6749", async (t) => {
  const served = await openServed(t);
  const form = async (more: Record<string, string> = {}) =>
    tokenForm(await signed(assertionClaims(served, "twcert"), served.keysOf.twcert), more);
  const error = async (members: Record<string, string>) => (await askToken(served, members)).json().error;
  assert.equal(await error(await form({ grant_type: "password" })), "unsupported_grant_type");
  assert.equal(await error({}), "invalid_request");
  assert.equal(await error(await form({ client_assertion_type: "urn:example" })), "invalid_request");
  assert.equal(await error(await form({ scope: "spam-events" })), "invalid_scope");
  assert.equal(await error(await form({ scope: "no-such-feed" })), "invalid_scope");
  assert.equal(await error(await form({ client_id: "ncc" })), "invalid_client");
  assert.equal((await askToken(served, await form({ scope: "summary" }))).json().scope, "summary");
  const url = `${served.url}/oauth2/token`;
  const body = new URLSearchParams(await form()).toString();
  const type = { "Content-Type": "application/x-www-form-urlencoded" };
  const twice = await ask(url, { method: "POST", headers: type, body: `${body}&scope=summary&scope=summary` });
  assert.equal(twice.json().error, "invalid_request");
  const asJson = await ask(url, { method: "POST", headers: { "Content-Type": "application/json" }, body: "{}" });
  assert.equal(asJson.json().error, "invalid_request");
  const long = await ask(url, { method: "POST", headers: type, body: `${body}&x=${"a".repeat(20_000)}` });
  assert.equal(long.status, 413);
  assert.equal((await ask(url)).status, 405);
});

test("who has no agreement in force gets no token", async (t) => {
  const served = await openServed(t);
  const { twcert, ncc } = served.keysOf;
  await served.change({ twcert: { keys: [twcert], suspended: true }, ncc: { keys: [ncc], expires: "2026-11-15" } });
  for (const partner of ["twcert", "ncc"] as const) {
    const answer = await askToken(
      served,
      tokenForm(await signed(assertionClaims(served, partner), served.keysOf[partner])),
    );
    assert.deepEqual([answer.status, answer.json().error], [400, "unauthorized_client"]);
  }
});

test("a token that isn't exactly right opens nothing", async (t) => {
  const served = await openServed(t);
  const { signer } = served.registry.tokens;
  const clientKey = "unknown-key";
  const iat = Math.floor(served.now() / 1000);
  const base = { iss: served.url, aud: served.url, sub: "twcert", iat, exp: iat + 60, jti: randomUUID() };
  const mint = (claims: Record<string, unknown>, typ = "spampots-token+jwt") =>
    signer.signCompact(new TextEncoder().encode(JSON.stringify({ ...base, ...claims })), typ);
  const good = await mint({});
  assert.equal((await served.get("/v1/feeds", good)).status, 200);
  const cases: Record<string, string> = {
    "an assertion": await signed(assertionClaims(served, "twcert"), served.keysOf.twcert),
    "another typ": await mint({}, "JWT"),
    "a manifest's typ": await mint({}, "spampots-manifest+jws"),
    "an access token without its claims": await mint({}, "at+jwt"),
    "a partner token with an access token's": await mint({ scope: "summary", client_id: "twcert", client_key: "x" }),
    "another issuer": await mint({ iss: "https://other.example" }),
    "another audience": await mint({ aud: "https://other.example" }),
    "a list of audiences": await mint({ aud: [served.url] }),
    over: await mint({ iat: iat - 60, exp: iat }),
    "of the future": await mint({ iat: iat + 5, exp: iat + 60 }),
    "too long a life": await mint({ exp: iat + 401 * 86_400 }),
    "an unknown partner": await mint({ sub: "nobody" }),
    "a partner's prefix": await mint({ sub: "twcert/../ncc" }),
    "a key that its partner hasn't": await mintAccessToken({ url: served.url }, signer, {
      partner: "twcert",
      clientKey,
      feeds: ["summary"],
      id: randomUUID(),
      now: served.now(),
    }),
    cut: good.slice(0, -4),
    nothing: "",
  };
  const answers = new Set<string>();
  for (const [name, token] of Object.entries(cases)) {
    const answer = await served.get("/v1/feeds", token);
    assert.equal(answer.status, 401, `${name}: ${answer.text}`);
    assert.match(answer.headers.get("www-authenticate") ?? "", /^Bearer/);
    answers.add(answer.text);
  }
  assert.equal(answers.size, 1);
  assert.equal((await ask(`${served.url}/v1/feeds?access_token=${good}`)).status, 401, "in a query string");
  assert.equal((await ask(`${served.url}/v1/feeds`, { headers: { Cookie: `token=${good}` } })).status, 401);
  const basic = Buffer.from(`x:${good}`).toString("base64");
  assert.equal((await ask(`${served.url}/v1/feeds`, { headers: { Authorization: `Basic ${basic}` } })).status, 401);
});

test("a change of partners.yaml is in force at once, also for tokens that are remembered", async (t) => {
  const served: Served = await openServed(t);
  const { twcert, ncc } = served.keysOf;
  const own = await askToken(served, tokenForm(await signed(assertionClaims(served, "twcert"), twcert)));
  const access = String(own.json().access_token);
  const minted = await served.token("twcert");
  const statuses = async (path = "/v1/feeds/summary") => [
    (await served.get(path, access)).status,
    (await served.get(path, minted)).status,
  ];
  const all = { twcert: { keys: [twcert] }, ncc: { keys: [ncc] } };
  assert.deepEqual(await statuses(), [200, 200]);
  await served.change({ ...all, twcert: { keys: [twcert], suspended: true } });
  assert.deepEqual(await statuses(), [403, 403]);
  await served.change({ ...all, twcert: { keys: [twcert], expires: "2026-11-15" } });
  assert.deepEqual(await statuses(), [403, 403]);
  await served.change({ ...all, twcert: { keys: [await newClientKey("EdDSA")] } });
  assert.deepEqual(await statuses(), [401, 200], "the key is gone, and with it what it got");
  await served.change({ ...all, twcert: { keys: [twcert], feeds: ["spam-sources"] } });
  assert.deepEqual(await statuses(), [404, 404]);
  assert.deepEqual(await statuses("/v1/feeds/spam-sources"), [200, 200]);
  await served.change({ ...all, twcert: { keys: [twcert], tokensNotBefore: "2026-11-16T06:00:01Z" } });
  assert.deepEqual(await statuses(), [401, 401]);
  await served.change({ ncc: { keys: [ncc] } });
  assert.deepEqual(await statuses(), [401, 401]);
  await served.change(all);
  assert.deepEqual(await statuses(), [200, 200]);
  // A file with a fault, or half a file, changes nothing.
  const { writeFile } = await import("node:fs/promises");
  for (const text of ["partners: [", "partners: []\n", "", "partners:\n  - id: twcert\n..."]) {
    await writeFile(`${served.config}/partners.yaml`, text);
    await served.registry.refresh();
    assert.deepEqual(await statuses(), [200, 200], text);
  }
  served.setNow(served.now() + 601_000);
  assert.deepEqual(await statuses(), [401, 200], "ten minutes later");
});
