/**
 * Who comes in: a token becomes a caller, or nothing. What a token says is remembered until it expires, by its digest;
 * whether its partner may come in is decided anew at each request, from what is in force.
 *
 * @see RFC 6750 §2.1 (bearer tokens in the header, never in the query), RFC 7617 (Basic, for TAXII clients)
 */
import { createHash } from "node:crypto";
import type { Context } from "hono";
import { SpampotsError } from "../errors.ts";
import type { Partner, Subscription } from "../feed/partners.ts";
import { inForce } from "../feed/policy.ts";
import { keysOf } from "../partner/auth/assertion.ts";
import { checkToken, type TokenFacts, type TokenRealm } from "../partner/auth/tokens.ts";
import type { Published, PublishedFeed } from "./published.ts";
import type { Registry } from "./registry.ts";
import type { HttpEnv } from "./route.ts";
import type { HttpWorld } from "./world.ts";

/** A partner's machine that may come in now: what it can reach is its own, and it has no way to name anything else. */
export interface Caller {
  readonly partner: Partner;
  readonly token: TokenFacts;
  readonly subscriptions: readonly Subscription[];
  /** One of its feeds; `undefined` where it has none of that name, whether or not others have. */
  feed(id: string): { readonly subscription: Subscription; readonly published: PublishedFeed } | undefined;
}

/** Verified tokens that are remembered. */
const mostTokens = 10_000;

export class Access {
  readonly #realm: TokenRealm;
  readonly #registry: Registry;
  readonly #published: Published;
  readonly #known = new Map<string, TokenFacts>();
  /** Keys that the remembered tokens were checked with. */
  #keys: Registry["tokens"]["keys"] = [];

  constructor(realm: TokenRealm, registry: Registry, published: Published) {
    this.#realm = realm;
    this.#registry = registry;
    this.#published = published;
  }

  /** True where the token was checked before: nothing has to be computed to know what it says. */
  knows(token: string): boolean {
    return this.#known.has(digestOf(token));
  }

  /**
   * The caller that a token stands for. `now` in milliseconds.
   *
   * @throws SpampotsError `unauthenticated` for whatever is wrong with the token, `forbidden` where its partner may not
   *   come in today.
   */
  async admit(token: string | undefined, now: number): Promise<Caller> {
    const facts = token === undefined ? undefined : await this.#facts(token, now);
    if (facts === undefined) throw unauthenticated();
    return this.callerOf(facts, now);
  }

  /**
   * The same caller as of now: what was admitted before a long wait may have been revoked meanwhile.
   *
   * @throws SpampotsError as {@link Access.admit}.
   */
  again({ token }: Caller, now: number): Caller {
    if (now >= token.expiresAt * 1000) throw unauthenticated();
    return this.callerOf(token, now);
  }

  /**
   * The caller of whom a checked token speaks.
   *
   * @throws SpampotsError as {@link Access.admit}.
   */
  callerOf(facts: TokenFacts, now: number): Caller {
    const partner = this.#registry.partners.get(facts.partner);
    if (partner === undefined || isRevoked(facts, partner)) throw unauthenticated();
    if (!inForce(partner, now)) {
      throw new SpampotsError("forbidden", "The agreement under which you receive feeds is not in force.", {
        hint: "Ask the operator, who can renew or resume it.",
      });
    }
    const subscriptions = partner.subscriptions.filter(({ feed }) => facts.feeds?.includes(feed.id) ?? true);
    return {
      partner,
      token: facts,
      subscriptions,
      feed: (id) => {
        const subscription = subscriptions.find(({ feed }) => feed.id === id);
        return subscription && { subscription, published: this.#published.feed({ partner: partner.id, feed: id }) };
      },
    };
  }

  async #facts(token: string, now: number): Promise<TokenFacts | undefined> {
    const { keys } = this.#registry.tokens;
    if (this.#keys !== keys) {
      this.#keys = keys;
      this.#known.clear();
    }
    const digest = digestOf(token);
    const known = this.#known.get(digest);
    if (known) return now < known.expiresAt * 1000 && known.issuedAt * 1000 <= now ? known : undefined;
    const facts = await checkToken(this.#realm, keys, token, now);
    // A key that went while the token was checked: others may have been remembered meanwhile.
    if (facts === undefined || this.#registry.tokens.keys !== keys) return undefined;
    this.#known.set(digest, facts);
    const oldest = this.#known.keys().next().value;
    if (this.#known.size > mostTokens && oldest !== undefined) this.#known.delete(oldest);
    return facts;
  }
}

const digestOf = (token: string) => createHash("sha256").update(token).digest("base64url");

/** True where the operator said that older tokens count no more, or the key that a token was given for is gone. */
function isRevoked({ issuedAt, clientKey }: TokenFacts, partner: Partner): boolean {
  if (partner.tokensNotBefore !== undefined && issuedAt * 1000 < partner.tokensNotBefore) return true;
  return clientKey !== undefined && !keysOf(partner).some(({ kid }) => kid === clientKey);
}

/** One answer for every token that doesn't count: which part is wrong is nobody's business. */
export function unauthenticated(): SpampotsError {
  return new SpampotsError("unauthenticated", "A valid token is needed.", {
    hint: "Get one from the token endpoint with your key, or use the one that the operator gave you, in the header `Authorization: Bearer`.",
  });
}

/** The token in an `Authorization` header: `Bearer`, or with `basic` also the password of `Basic`. */
export function tokenOf(header: string | undefined, { basic = false } = {}): string | undefined {
  const [, scheme, credentials] = /^([A-Za-z]+) +([\w\-.~+/=]+)$/.exec(header ?? "") ?? [];
  if (scheme?.toLowerCase() === "bearer") return credentials;
  if (!basic || scheme?.toLowerCase() !== "basic" || credentials === undefined) return undefined;
  const pair = Buffer.from(credentials, "base64").toString("utf8");
  const colon = pair.indexOf(":");
  return colon < 0 ? undefined : pair.slice(colon + 1);
}

/**
 * Lets a request's caller in, its limits counted: what middleware of each door does. An address is limited before a token
 * that isn't known is looked at.
 *
 * @throws SpampotsError `unauthenticated`, `forbidden`, `too-many-requests`
 */
export async function admit(
  context: Context<HttpEnv>,
  { access, limits, clock }: HttpWorld,
  options: { readonly basic?: boolean } = {},
): Promise<void> {
  const token = tokenOf(context.req.header("authorization"), options);
  if (token === undefined || !access.knows(token)) await limits.stranger(context.get("address"));
  const caller = await access.admit(token, clock());
  await limits.request(caller.partner.id);
  context.set("caller", caller);
}
