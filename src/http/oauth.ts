/**
 * The token endpoint: a partner's machine proves its key by a signed assertion and gets a token for a few minutes. And
 * the documents by which clients find it.
 *
 * @see RFC 6749 §4.4 and §5.2, RFC 7523 §3.2, RFC 8414 (metadata), RFC 9068 (token), RFC 7517 §5 (JWKS)
 */
import { randomUUID } from "node:crypto";
import type { Context } from "hono";
import { z } from "zod";
import { isError, SpampotsError } from "../errors.ts";
import { inForce } from "../feed/policy.ts";
import { assertionType, checkAssertion } from "../partner/auth/assertion.ts";
import { accessTokenSeconds, mintAccessToken } from "../partner/auth/tokens.ts";
import { jwks } from "../publication/jwk.ts";
import { limitBody } from "./body-limit.ts";
import type { HttpEnv, Routes } from "./route.ts";
import { firstUse } from "./used.ts";
import type { HttpWorld } from "./world.ts";

/** Longest body of a request for a token, in bytes. */
const maxBody = 16 * 1024;

const nothing = z.object({});
const noQuery = z.strictObject({});

const form = z.object({
  grant_type: z.literal("client_credentials"),
  client_assertion_type: z.literal(assertionType),
  client_assertion: z
    .string()
    .describe("A JWT signed by your key: `iss` and `sub` are your id, `aud` this service's URL, `jti` new each time."),
  client_id: z.string().optional().describe("The partner's id; may be left out, since the assertion names it."),
  scope: z.string().optional().describe("Feeds, separated by spaces; all that are subscribed by default."),
});

/** Answer of the token endpoint. */
const granted = z.object({
  access_token: z.string(),
  token_type: z.literal("Bearer"),
  expires_in: z.int(),
  scope: z.string(),
});

const refused = z.object({ error: z.string(), error_description: z.string() });

/** Where the token endpoint is, below the service's URL. */
const tokenPath = "/oauth2/token";

export function oauthRoutes(routes: Routes, world: HttpWorld): void {
  const { realm, registry } = world;
  const json = (body: unknown, headers: Record<string, string> = {}) =>
    new Response(JSON.stringify(body), { headers: { "Content-Type": "application/json", ...headers } });
  routes.open(
    {
      method: "GET",
      path: "/.well-known/oauth-authorization-server",
      id: "oauthMetadata",
      summary: "Where and how to get a token (RFC 8414).",
      params: nothing,
      query: noQuery,
      secured: false,
      answers: {
        200: { description: "Metadata.", content: { "application/json": z.looseObject({ issuer: z.string() }) } },
      },
    },
    () =>
      json(
        {
          issuer: realm.url,
          token_endpoint: `${realm.url}${tokenPath}`,
          jwks_uri: `${realm.url}/.well-known/jwks.json`,
          response_types_supported: [],
          grant_types_supported: ["client_credentials"],
          token_endpoint_auth_methods_supported: ["private_key_jwt"],
          token_endpoint_auth_signing_alg_values_supported: ["EdDSA", "ES256"],
        },
        { "Cache-Control": "public, max-age=300" },
      ),
  );
  routes.open(
    {
      method: "GET",
      path: "/.well-known/jwks.json",
      id: "tokenKeys",
      summary: "Public keys that sign access tokens. The keys that sign publications are others: see `GET /v1/keys`.",
      params: nothing,
      query: noQuery,
      secured: false,
      answers: {
        200: {
          description: "A JWK set.",
          content: { "application/jwk-set+json": z.object({ keys: z.array(z.looseObject({})) }) },
        },
      },
    },
    () =>
      new Response(jwks(registry.tokens.keys), {
        headers: { "Content-Type": "application/jwk-set+json", "Cache-Control": "public, max-age=300" },
      }),
  );
  routes.open(
    {
      method: "POST",
      path: tokenPath,
      id: "token",
      summary: "Get an access token against a JWT signed by your own key (`private_key_jwt`).",
      params: nothing,
      query: noQuery,
      secured: false,
      form,
      answers: {
        200: { description: "An access token.", content: { "application/json": granted } },
        400: { description: "The request isn't one for a token.", content: { "application/json": refused } },
        401: { description: "The assertion doesn't count.", content: { "application/json": refused } },
      },
    },
    ({ context, address }) => grant(context, address, world),
  );
}

/** An answer of RFC 6749 §5.2. The description says what to do, never what of a proof was wrong. */
function refusal(status: 400 | 401, error: string, description: string): Response {
  return new Response(JSON.stringify({ error, error_description: description }), {
    status,
    headers: {
      "Content-Type": "application/json",
      "Cache-Control": "no-store",
      ...(status === 401 ? { "WWW-Authenticate": 'Bearer realm="spampots"' } : {}),
    },
  });
}

const withinLimit = limitBody(
  maxBody,
  () =>
    new SpampotsError("too-large", "The body is longer than any request for a token.", {
      hint: `Send at most ${maxBody} bytes.`,
    }),
);

async function grant(context: Context<HttpEnv>, address: string, world: HttpWorld): Promise<Response> {
  await world.limits.stranger(address);
  let answer: Response | undefined;
  await withinLimit(context, async () => {
    answer = await grantForm(await readForm(context), world);
  });
  return answer ?? refusal(400, "invalid_request", formHint);
}

const formHint =
  "Send a form (application/x-www-form-urlencoded) with grant_type=client_credentials, client_assertion_type and client_assertion, each once.";

/** The members of a form; `undefined` where it isn't one, or has a member twice (RFC 6749 §3.2). */
async function readForm(context: Context<HttpEnv>): Promise<Record<string, string> | undefined> {
  if (!/^application\/x-www-form-urlencoded\s*(;|$)/i.test(context.req.header("content-type") ?? "")) return undefined;
  // A body that breaks off is no form; one that is too long is told by the limit.
  const text = await context.req.text().catch((error: unknown) => {
    if (isError(error)) throw error;
    return "";
  });
  const entries = [...new URLSearchParams(text)];
  const members = Object.fromEntries(entries);
  return Object.keys(members).length === entries.length ? members : undefined;
}

async function grantForm(given: Record<string, string> | undefined, world: HttpWorld): Promise<Response> {
  if (given?.grant_type !== undefined && given.grant_type !== "client_credentials")
    return refusal(400, "unsupported_grant_type", "Send grant_type=client_credentials.");
  const parsed = form.safeParse(given);
  if (!parsed.success) return refusal(400, "invalid_request", formHint);
  const { realm, registry, clock, since } = world;
  const now = clock();
  const asserted = await checkAssertion(parsed.data.client_assertion, parsed.data.client_id, {
    partners: [...registry.partners.values()],
    audiences: [realm.url, `${realm.url}${tokenPath}`],
    now,
    since,
  });
  if (asserted === undefined || !(await firstUse(world.store, "assertion", asserted.partner.id, asserted.jti))) {
    return refusal(
      401,
      "invalid_client",
      "Send an assertion made just now, for this issuer, with a jti never used before, signed by a key that the operator has of you; see that your clock is right.",
    );
  }
  const { partner, clientKey } = asserted;
  if (!inForce(partner, now))
    return refusal(
      400,
      "unauthorized_client",
      "The agreement under which you receive feeds is not in force. Ask the operator.",
    );
  const subscribed = partner.subscriptions.map(({ feed }) => feed.id);
  const wanted = (parsed.data.scope ?? "").split(" ").filter((word) => word !== "");
  if (wanted.some((feed) => !subscribed.includes(feed)))
    return refusal(400, "invalid_scope", "Scopes are the ids of feeds that you receive; leave scope out for all.");
  const feeds = wanted.length > 0 ? subscribed.filter((feed) => wanted.includes(feed)) : subscribed;
  const { signer } = registry.tokens;
  const token = await mintAccessToken(realm, signer, { partner: partner.id, clientKey, feeds, id: randomUUID(), now });
  world.metrics.granted(partner.id);
  const body = { access_token: token, token_type: "Bearer", expires_in: accessTokenSeconds, scope: feeds.join(" ") };
  return new Response(JSON.stringify(body), {
    headers: { "Content-Type": "application/json", "Cache-Control": "no-store" },
  });
}
