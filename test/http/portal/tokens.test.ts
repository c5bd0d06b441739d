/** Every kind of token and proof in every place where one is taken: each opens its own door, whole, and no other. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { proofPages } from "../../../src/partner/auth/proof.ts";
import {
  askToken,
  assertionClaims,
  type ClientKey,
  newClientKey,
  openServed,
  type Served,
  signed,
  tokenForm,
} from "../served.ts";
import { challengeOf, isIn, isOperator, minted, proof, Visitor } from "../visitor.ts";

interface Place {
  /** A token of the kind that this place takes, and what makes it count there. */
  make(): Promise<{ readonly token: string; readonly visitor: Visitor; readonly nonce: string }>;
  /** True where the token opens what is behind the place. */
  opens(token: string, visitor: Visitor, nonce: string): Promise<boolean>;
}

function placesOf(served: Served, operator: ClientKey): Record<string, Place> {
  const { twcert } = served.keysOf;
  const thumbprint = served.registry.operators[0]?.kid ?? "";
  const simple = (make: () => Promise<string>) => async () => ({
    token: await make(),
    visitor: new Visitor(served),
    nonce: "",
  });
  const bearer = async (token: string) => (await served.get("/v1/feeds", token)).status === 200;
  const joined = async (form: Record<string, string>, visitor: Visitor) =>
    (await visitor.post(proofPages.join, form)).status === 303;
  const entered = async (door: "signIn" | "operator", challenge: string, answer: string, visitor: Visitor) =>
    (await visitor.post(proofPages[door], { challenge, answer })).status === 303;
  const answerOf = (door: "signIn" | "operator") => async () => {
    const visitor = new Visitor(served);
    const { aud, nonce, challenge } = await challengeOf(visitor, door);
    const [iss, by] = door === "signIn" ? ["twcert", twcert] : ["operator", operator];
    const token = await proof("spampots-answer+jwt", { iss, aud, nonce }, by as ClientKey); // the second of each pair
    return { token, visitor, nonce: challenge };
  };
  return {
    "partner token": { make: simple(() => served.token("twcert")), opens: bearer },
    "client assertion": {
      make: simple(() => signed(assertionClaims(served, "twcert"), twcert)),
      opens: async (token) => (await askToken(served, tokenForm(token))).status === 200,
    },
    "sign-in link": {
      make: simple(() => minted(served, "spampots-sign-in+jwt", { sub: "twcert" })),
      opens: async (link, visitor) => (await visitor.post(proofPages.signIn, { link })).status === 303,
    },
    "partner's session": {
      make: simple(() => minted(served, "spampots-session+jwt", { sub: "twcert" })),
      opens: async (token, visitor) => {
        visitor.jar.set("spampots-session", token);
        return isIn(visitor);
      },
    },
    "operator's session": {
      make: simple(() => minted(served, "spampots-operator+jwt", { sub: thumbprint })),
      opens: async (token, visitor) => {
        visitor.jar.set("spampots-operator", token);
        return isOperator(visitor);
      },
    },
    invitation: {
      async make() {
        const nonce = crypto.randomUUID();
        return {
          token: await minted(served, "spampots-invitation+jwt", { sub: "twcert", jti: nonce }),
          visitor: new Visitor(served),
          nonce,
        };
      },
      async opens(link, visitor, nonce) {
        const fresh = await newClientKey("EdDSA");
        const made = await proof(
          "spampots-proof+jwt",
          { iss: "twcert", aud: `${served.url}${proofPages.join}`, nonce },
          fresh,
        );
        return joined({ link, key: JSON.stringify(fresh.jwk), proof: made }, visitor);
      },
    },
    "proof of a key": {
      async make() {
        const nonce = crypto.randomUUID();
        const token = await proof(
          "spampots-proof+jwt",
          { iss: "twcert", aud: `${served.url}${proofPages.join}`, nonce },
          twcert,
        );
        return { token, visitor: new Visitor(served), nonce };
      },
      async opens(token, visitor, nonce) {
        const link = await minted(served, "spampots-invitation+jwt", {
          sub: "twcert",
          jti: nonce === "" ? crypto.randomUUID() : nonce,
        });
        return joined({ link, key: JSON.stringify(twcert.jwk), proof: token }, visitor);
      },
    },
    "partner's challenge": {
      async make() {
        const visitor = new Visitor(served);
        const { challenge, nonce } = await challengeOf(visitor);
        return { token: challenge, visitor, nonce };
      },
      async opens(token, visitor, nonce) {
        const answer = await proof(
          "spampots-answer+jwt",
          { iss: "twcert", aud: `${served.url}${proofPages.signIn}`, nonce: nonce || "none" },
          twcert,
        );
        return entered("signIn", token, answer, visitor);
      },
    },
    "operator's challenge": {
      async make() {
        const visitor = new Visitor(served);
        const { challenge, nonce } = await challengeOf(visitor, "operator");
        return { token: challenge, visitor, nonce };
      },
      async opens(token, visitor, nonce) {
        const claims = { iss: "operator", aud: `${served.url}${proofPages.operator}`, nonce: nonce || "none" };
        return entered("operator", token, await proof("spampots-answer+jwt", claims, operator), visitor);
      },
    },
    "partner's answer": {
      make: answerOf("signIn"),
      opens: (token, visitor, challenge) => entered("signIn", challenge, token, visitor),
    },
    "operator's answer": {
      make: answerOf("operator"),
      opens: (token, visitor, challenge) => entered("operator", challenge, token, visitor),
    },
  };
}

test("a token of one kind opens nothing in the place of another", async (t) => {
  const operator = await newClientKey("ES256");
  const served = await openServed(t, { operators: [operator] });
  const places = placesOf(served, operator);
  for (const [kind, { make }] of Object.entries(places)) {
    for (const [place, { opens }] of Object.entries(places)) {
      const { token, visitor, nonce } = await make();
      assert.equal(await opens(token, visitor, nonce), kind === place, `${kind} as ${place}`);
    }
  }
  // What a token endpoint gave is the one that is taken where partner tokens are, and nowhere else.
  const assertion = await signed(assertionClaims(served, "twcert"), served.keysOf.twcert);
  const access = String((await askToken(served, tokenForm(assertion))).json().access_token);
  for (const [place, { opens }] of Object.entries(places))
    assert.equal(await opens(access, new Visitor(served), ""), place === "partner token", `access token as ${place}`);
});

test("a token of whatever kind that was changed anywhere opens nothing", async (t) => {
  const operator = await newClientKey("EdDSA");
  const served = await openServed(t, { operators: [operator] });
  const places = Object.entries(placesOf(served, operator));
  const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.";
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...places),
      fc.nat(),
      fc.nat(letters.length - 1),
      async ([place, { make, opens }], at, by) => {
        const { token, visitor, nonce } = await make();
        const index = at % token.length;
        const letter = letters[by] ?? "A";
        fc.pre(token[index] !== letter);
        const changed = `${token.slice(0, index)}${letter}${token.slice(index + 1)}`;
        assert.equal(await opens(changed, visitor, nonce), false, `${place}: ${token} at ${index}`);
      },
    ),
    { numRuns: 150 },
  );
});
