/** An independent OAuth client, oauth4webapi, finds the service by its metadata and gets a token with its own key. */
import assert from "node:assert/strict";
import { test } from "node:test";
import * as oauth from "oauth4webapi";
import { openServed } from "./served.ts";

test("oauth4webapi discovers the issuer and gets a token by private_key_jwt", async (t) => {
  const served = await openServed(t, { parts: { clock: Date.now } });
  const issuer = new URL(served.url);
  const insecure = { [oauth.allowInsecureRequests]: true };
  const found = await oauth.discoveryRequest(issuer, { algorithm: "oauth2", ...insecure });
  const server = await oauth.processDiscoveryResponse(issuer, found);
  for (const partner of ["twcert", "ncc"] as const) {
    const { alg, secret } = served.keysOf[partner];
    const algorithm = alg === "EdDSA" ? { name: "Ed25519" } : { name: "ECDSA", namedCurve: "P-256" };
    const key = await crypto.subtle.importKey("jwk", secret.export({ format: "jwk" }), algorithm, false, ["sign"]);
    const client = { client_id: partner };
    const authenticate = oauth.PrivateKeyJwt(key);
    const answer = await oauth.clientCredentialsGrantRequest(
      server,
      client,
      authenticate,
      { scope: "summary" },
      insecure,
    );
    const { access_token, scope, expires_in } = await oauth.processClientCredentialsResponse(server, client, answer);
    assert.deepEqual([scope, expires_in], ["summary", 600]);
    const url = new URL("/v1/feeds", issuer);
    const feeds = await oauth.protectedResourceRequest(access_token, "GET", url, undefined, undefined, insecure);
    assert.equal(feeds.status, 200);
  }
});

test("oauth4webapi is told what is wrong in the words of the standard", async (t) => {
  const served = await openServed(t, { parts: { clock: Date.now } });
  const issuer = new URL(served.url);
  const insecure = { [oauth.allowInsecureRequests]: true };
  const server = await oauth.processDiscoveryResponse(
    issuer,
    await oauth.discoveryRequest(issuer, { algorithm: "oauth2", ...insecure }),
  );
  const { privateKey } = await oauth.generateKeyPair("ES256");
  const client = { client_id: "ncc" };
  const answer = await oauth.clientCredentialsGrantRequest(
    server,
    client,
    oauth.PrivateKeyJwt(privateKey),
    {},
    insecure,
  );
  await assert.rejects(
    oauth.processClientCredentialsResponse(server, client, answer),
    (error) =>
      error instanceof oauth.WWWAuthenticateChallengeError ||
      (error instanceof oauth.ResponseBodyError && error.error === "invalid_client"),
  );
});
