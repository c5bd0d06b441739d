/** Forms from elsewhere, fronts, headers, cookies and logs of the portal. */
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { pino } from "pino";
import { keysOf } from "../../../src/partner/auth/assertion.ts";
import { checkProof, proofPages } from "../../../src/partner/auth/proof.ts";
import { newClientKey, openServed, readConfig } from "../served.ts";
import { challengeOf, handIn, isIn, isOperator, minted, proof, signInByKey, Visitor } from "../visitor.ts";

const scripts = ["/portal/join.js", "/portal/sign-in.js"];

test("a form that another site sends changes nothing, whatever it claims", async (t) => {
  const operator = await newClientKey("EdDSA");
  const served = await openServed(t, { operators: [operator] });
  const visitor = new Visitor(served);
  await signInByKey(visitor, "twcert", served.keysOf.twcert);
  await signInByKey(visitor, "operator", operator, "operator");
  const link = await minted(served, "spampots-sign-in+jwt", { sub: "ncc" });
  const forms: [string, Record<string, string>][] = [
    ["/portal/sign-out", {}],
    ["/portal/operator/sign-out", {}],
    [proofPages.signIn, { link }],
    [`${proofPages.signIn}/challenge`, {}],
    [`${proofPages.operator}/challenge`, {}],
    [proofPages.join, {}],
  ];
  const cookies = [...visitor.jar];
  const hostile: Record<string, string>[] = [
    {},
    { origin: "https://evil.example" },
    { origin: "null" },
    { origin: `${served.url}.evil.example` },
    { origin: "https://evil.example", "sec-fetch-site": "cross-site" },
    { "sec-fetch-site": "same-site" },
    { "sec-fetch-site": "none" },
    { referer: `${served.url}/portal` },
    { origin: served.url.replace("http:", "https:") },
  ];
  for (const headers of hostile) {
    for (const [path, form] of forms) {
      const { status } = await visitor.post(path, form, headers);
      assert.equal(status, 403, `${path} ${JSON.stringify(headers)}`);
    }
  }
  assert.deepEqual([...visitor.jar], cookies);
  assert.equal((await isIn(visitor)) && (await isOperator(visitor)), true);
  assert.equal((await visitor.post(proofPages.signIn, { link })).status, 303);
});

test("behind a front that ends TLS its URL is the site, and cookies are for it alone", async (t) => {
  const url = "https://feeds.example";
  const env = { SPAMPOTS_URL: url, SPAMPOTS_TRUSTED_FRONT: "127.0.0.1" };
  const operator = await newClientKey("EdDSA");
  const served = await openServed(t, { env, operators: [operator] });
  assert.equal(served.url, url);
  const visitor = new Visitor(served);
  assert.equal((await signInByKey(visitor, "twcert", served.keysOf.twcert)).status, 303);
  assert.equal((await signInByKey(visitor, "operator", operator, "operator")).status, 303);
  assert.equal(await isIn(visitor), true);
  // Each form is refused from where the service itself listens.
  const here = new Visitor(served, served.listens);
  assert.equal((await here.post(`${proofPages.signIn}/challenge`, {})).status, 403);

  const named = new Set(visitor.lines.map((line) => line.split("=")[0]));
  assert.deepEqual([...named].sort(), [
    "__Host-spampots-challenge",
    "__Host-spampots-operator",
    "__Host-spampots-session",
  ]);
  for (const line of visitor.lines) {
    assert.match(line, /; Path=\/(;|$)/);
    assert.match(line, /; HttpOnly(;|$)/);
    assert.match(line, /; Secure(;|$)/);
    assert.match(line, /; SameSite=Strict(;|$)/);
    assert.doesNotMatch(line, /Domain/i);
    assert.match(line, /; Max-Age=(0|300|3600)(;|$)/);
  }
  // A cookie that a neighbour of the host could set, without the prefix, is none.
  const neighbour = new Visitor(served);
  neighbour.jar.set("spampots-session", visitor.jar.get("__Host-spampots-session") ?? "");
  assert.equal(await isIn(neighbour), false);
});

test("no page sends its address on or is kept, and scripts come from here alone", async (t) => {
  const served = await openServed(t, { operators: [await newClientKey("EdDSA")] });
  const visitor = new Visitor(served);
  const link = await minted(served, "spampots-invitation+jwt", { sub: "twcert" });
  const pages = [
    proofPages.signIn,
    proofPages.operator,
    proofPages.join,
    `${proofPages.join}?link=${link}`,
    "/portal/sign-in?link=x",
  ];
  for (const path of pages) {
    const { headers, text } = await visitor.get(path);
    assert.equal(headers.get("referrer-policy"), "no-referrer", path);
    assert.equal(headers.get("cache-control"), "no-store", path);
    assert.equal(headers.get("x-content-type-options"), "nosniff", path);
    const policy = headers.get("content-security-policy") ?? "";
    for (const part of [
      "default-src 'none'",
      "script-src 'self'",
      "connect-src 'self'",
      "form-action 'self'",
      "frame-ancestors 'none'",
      "base-uri 'none'",
    ])
      assert.ok(policy.includes(part), `${path}: ${policy}`);
    assert.doesNotMatch(policy, /unsafe|\*|blob|data:/, path);
    assert.doesNotMatch(text, /<script(?! type="module" src="\/portal\/[a-z-]+\.js")/, path);
    assert.doesNotMatch(text, /\son[a-z]+=/, path);
  }
  for (const path of scripts) {
    const { status, headers, text } = await visitor.get(path);
    assert.deepEqual([status, headers.get("content-type")], [200, "text/javascript; charset=utf-8"]);
    assert.equal((await visitor.get(path, { "if-none-match": headers.get("etag") ?? "" })).status, 304);
    assert.doesNotMatch(
      text,
      /innerHTML|insertAdjacent|document\.write|\beval\b|localStorage|sessionStorage|indexedDB|console/,
    );
  }
});

test("tokens, links and keys stand in no log", async (t) => {
  const kept: string[] = [];
  const log = pino({ level: "trace" }, { write: (line) => void kept.push(line) });
  const operator = await newClientKey("EdDSA");
  const served = await openServed(t, { parts: { log }, operators: [operator] });
  const visitor = new Visitor(served);
  const nonce = crypto.randomUUID();
  const invitation = await minted(served, "spampots-invitation+jwt", { sub: "twcert", jti: nonce });
  const link = await minted(served, "spampots-sign-in+jwt", { sub: "twcert" });
  await visitor.get(`${proofPages.join}?link=${invitation}`);
  await handIn(visitor, served, { token: invitation, partner: "twcert", nonce, key: await newClientKey("EdDSA") });
  await visitor.get(`/portal/sign-in?link=${link}`);
  await visitor.post(proofPages.signIn, { link });
  await signInByKey(visitor, "twcert", served.keysOf.twcert);
  await signInByKey(visitor, "operator", operator, "operator");
  await visitor.get("/portal");
  const lines = kept.join("\n");
  assert.match(lines, /a partner handed in a key/);
  assert.match(lines, /an operator signed in/);
  for (const secret of [invitation, link, ...visitor.jar.values()]) {
    assert.equal(lines.includes(secret), false);
    assert.equal(lines.includes(secret.split(".").at(-1) ?? secret), false);
  }
  assert.doesNotMatch(lines, /eyJ[\w-]+\.|link=/);
});

test("a partner's name is text, in pages and headers", async (t) => {
  const served = await openServed(t);
  const name = '"><script>alert(1)</script>\\r\\nSet-Cookie: a=b\\u202E{{';
  const text = (await readConfig(served, "partners.yaml")).replace(
    "name: twcert",
    `name: "${name.replaceAll('"><', '\\"><')}"`,
  );
  await writeFile(join(served.config, "partners.yaml"), text);
  await served.registry.refresh();
  assert.match(served.registry.partners.get("twcert")?.name ?? "", /<script>[\s\S]*\r\n/);
  const visitor = new Visitor(served);
  for (const [kind, page] of [
    ["spampots-invitation+jwt", proofPages.join],
    ["spampots-sign-in+jwt", proofPages.signIn],
  ] as const) {
    const answer = await visitor.get(`${page}?link=${await minted(served, kind, { sub: "twcert" })}`);
    assert.equal(answer.status, 200);
    assert.equal(answer.headers.get("set-cookie"), null);
    assert.doesNotMatch(answer.text, /<script>|\u202e|Set-Cookie: a=b\n/i);
    assert.match(answer.text, /&lt;script&gt;/);
  }
});

test("an address that asks too often is told to wait", async (t) => {
  const served = await openServed(t, { env: { SPAMPOTS_LIMIT_STRANGERS: "3" } });
  const visitor = new Visitor(served);
  const statuses = [];
  for (let round = 0; round < 5; round += 1)
    statuses.push((await visitor.post(`${proofPages.signIn}/challenge`, {})).status);
  assert.deepEqual(statuses, [200, 200, 200, 429, 429]);
  assert.equal((await visitor.post(proofPages.signIn, {})).status, 429);
  assert.equal((await visitor.post(proofPages.join, {})).status, 429);
  assert.equal((await visitor.get(`${proofPages.join}?link=x`)).status, 429);
});

test("an answer for a partner that doesn't exist is refused as slowly as one for a partner that does", async (t) => {
  const served = await openServed(t);
  const aud = `${served.url}${proofPages.signIn}`;
  for (const [alg, known, other] of [
    ["EdDSA", "twcert", "ncc"],
    ["ES256", "ncc", "twcert"],
  ] as const) {
    const stranger = await newClientKey(alg);
    const own = served.keysOf[known];
    // Of a partner with the stranger's signature under the partner's own key id; of nobody; of one with another kind of key.
    const kid = keysOf({ keys: [own.jwk] })[0]?.kid;
    const ids = [known, "nobody", other];
    const answers = await Promise.all(
      ids.map((iss) => proof("spampots-answer+jwt", { iss, aud, nonce: "n" }, stranger, { kid })),
    );
    const times = ids.map((): number[] => []);
    const find = (iss: string) => {
      const partner = served.registry.partners.get(iss);
      return partner === undefined ? [] : keysOf(partner);
    };
    for (let round = 0; round < 200; round += 1) {
      for (const [at, answer] of answers.entries()) {
        const begun = performance.now();
        assert.equal(
          await checkProof(answer, { typ: "spampots-answer+jwt", aud, nonce: "n", keysOf: find }),
          undefined,
        );
        times[at]?.push(performance.now() - begun);
      }
    }
    const medians = times.map((each) => each.sort((a, b) => a - b)[100] ?? 0);
    assert.ok(Math.max(...medians) < 2 * Math.min(...medians), `${alg}: ${medians.map((ms) => ms.toFixed(3))} ms`);
  }
});

test("operators and partners: neither's session, key nor challenge opens what is the other's", async (t) => {
  const operator = await newClientKey("ES256");
  const served = await openServed(t, { operators: [operator] });
  const { twcert } = served.keysOf;
  const visitor = new Visitor(served);
  assert.equal(
    (await signInByKey(visitor, "operator", operator, "operator")).headers.get("location"),
    "/portal/operator",
  );
  assert.deepEqual([await isOperator(visitor), await isIn(visitor)], [true, false]);
  const partner = new Visitor(served);
  await signInByKey(partner, "twcert", twcert);
  assert.deepEqual([await isOperator(partner), await isIn(partner)], [false, true]);
  // Cookies by each other's names.
  const swapped = new Visitor(served);
  swapped.jar.set("spampots-operator", partner.jar.get("spampots-session") ?? "");
  swapped.jar.set("spampots-session", visitor.jar.get("spampots-operator") ?? "");
  assert.deepEqual([await isOperator(swapped), await isIn(swapped)], [false, false]);
  for (const [iss, key, door] of [
    ["operator", twcert, "operator"],
    ["twcert", twcert, "operator"],
    ["twcert", operator, "operator"],
    ["operator", operator, "signIn"],
    ["twcert", operator, "signIn"],
  ] as const)
    assert.equal((await signInByKey(new Visitor(served), iss, key, door)).status, 403, `${iss} at ${door}`);

  // The key goes: so does the session; signing out ends its copies.
  const copy = new Visitor(served);
  copy.jar.set("spampots-operator", visitor.jar.get("spampots-operator") ?? "");
  await served.changeOperators([await newClientKey("EdDSA")]);
  assert.equal(await isOperator(visitor), false);
  await served.changeOperators([operator]);
  assert.equal(await isOperator(visitor), true);
  await served.changeOperators([]);
  assert.equal((await visitor.get("/portal/operator")).headers.get("location"), proofPages.signIn, "nothing is there");
  await served.changeOperators([operator]);
  await visitor.post("/portal/operator/sign-out", {});
  assert.equal(await isOperator(copy), false);
});

test("without keys of operators there is nothing at their door", async (t) => {
  const served = await openServed(t);
  const visitor = new Visitor(served);
  for (const path of ["/portal/operator", proofPages.operator, "/portal/operator/nothing"]) {
    const nowhere = await visitor.get("/portal/nothing");
    const there = await visitor.get(path);
    assert.deepEqual(
      [there.status, there.headers.get("location"), there.text],
      [nowhere.status, nowhere.headers.get("location"), nowhere.text],
    );
  }
  assert.equal((await visitor.post(`${proofPages.operator}/challenge`, {})).status, 303);
  assert.equal((await challengeOf(visitor)).aud, `${served.url}${proofPages.signIn}`);
});

test("forms whose length isn't stated are read within the same bound, and other methods have none", async (t) => {
  const served = await openServed(t);
  const link = await minted(served, "spampots-sign-in+jwt", { sub: "twcert" });
  const chunked = async (path: string, text: string) => {
    const { status } = await fetch(`${served.listens}${path}`, {
      method: "POST",
      redirect: "manual",
      headers: { origin: served.url, "content-type": "application/x-www-form-urlencoded" },
      body: new Blob([text]).stream(),
      duplex: "half",
    });
    return status;
  };
  const before = Buffer.alloc(20_000, "x").toString();
  for (const path of [proofPages.signIn, "/oauth2/token"]) assert.equal(await chunked(path, `a=${before}`), 413, path);
  assert.equal(await chunked("/oauth2/token", "grant_type=other"), 400);
  assert.equal(await chunked(proofPages.signIn, `link=${link}`), 303);
  for (const method of ["OPTIONS", "PUT", "DELETE"]) {
    const { status, headers } = await visit(served, method);
    assert.deepEqual([status, headers.get("location")], [303, "/portal/sign-in"], method);
  }
});

const visit = ({ listens, url }: { readonly listens: string; readonly url: string }, method: string) =>
  fetch(`${listens}/portal`, { method, redirect: "manual", headers: { origin: url } });
