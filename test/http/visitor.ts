/** A browser without a window, for tests of what the portal does with cookies, forms and proofs: as hostile as it likes. */
import { randomUUID } from "node:crypto";
import { calculateJwkThumbprint } from "jose/jwk/thumbprint";
import { type ProofType, proofPages } from "../../src/partner/auth/proof.ts";
import { openTokenKeys } from "../../src/partner/auth/token-keys.ts";
import { type Claims, mint, type TokenType } from "../../src/partner/auth/tokens.ts";
import { type Answer, ask, type ClientKey, type Served, signed } from "./served.ts";

export class Visitor {
  readonly #served: Served;
  readonly #origin: string;
  /** Cookies by their names. */
  readonly jar = new Map<string, string>();
  /** The header lines by which they came. */
  readonly lines: string[] = [];

  constructor(served: Served, origin: string = served.url) {
    this.#served = served;
    this.#origin = origin;
  }

  get(path: string, headers: Record<string, string> = {}): Promise<Answer> {
    return this.#ask(path, { headers });
  }

  /** Sends a form, as a page of this site does. */
  post(path: string, form: Record<string, string>, headers: Record<string, string> = { origin: this.#origin }) {
    return this.#ask(path, { method: "POST", body: new URLSearchParams(form), headers });
  }

  async #ask(path: string, init: RequestInit & { headers: Record<string, string> }): Promise<Answer> {
    const cookie = [...this.jar].map(([name, value]) => `${name}=${value}`).join("; ");
    const headers = cookie === "" ? init.headers : { ...init.headers, cookie };
    const answer = await ask(`${this.#served.listens}${path}`, { ...init, headers });
    for (const line of answer.headers.getSetCookie()) {
      this.lines.push(line);
      const [, name = "", value = ""] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      if (value === "") this.jar.delete(name);
      else this.jar.set(name, value);
    }
    return answer;
  }
}

/** The text that a reader of a page sees, without markup. */
export function textOf(page: string): string {
  return page
    .replaceAll(/<[^>]*>/g, " ")
    .replaceAll("&#39;", "'")
    .replaceAll(/\s+/g, " ");
}

/** A service that tokens, links and sessions are made for. */
export type Site = Pick<Served, "url" | "tokenKeys" | "now">;

/** A token of a kind, made now by the service's own key. */
export async function minted<Type extends TokenType>(
  served: Site,
  typ: Type,
  claims: Omit<Claims<Type>, "iss" | "aud" | "iat" | "exp" | "jti"> & { readonly jti?: string },
): Promise<string> {
  const { signer } = await openTokenKeys(served.tokenKeys);
  // Of a kind that the compiler doesn't know here, with its `jti`.
  const whole = { jti: randomUUID(), ...claims } as unknown as Omit<Claims<Type>, "iss" | "aud" | "iat" | "exp">;
  return mint({ url: served.url }, signer, typ, whole, { now: served.now() });
}

/** A proof by a key, which says which key it is unless told otherwise. */
export async function proof(
  typ: ProofType | string,
  claims: Record<string, unknown>,
  key: ClientKey,
  header: Record<string, unknown> = {},
): Promise<string> {
  return signed(claims, key, { kid: await calculateJwkThumbprint({ ...key.jwk }), typ, ...header });
}

export type Door = "signIn" | "operator";

/** Asks for a challenge. */
export async function challengeOf(visitor: Visitor, door: Door = "signIn") {
  const { challenge, aud, nonce } = (await visitor.post(`${proofPages[door]}/challenge`, {})).json();
  return { challenge: String(challenge), aud: String(aud), nonce: String(nonce) };
}

/** Signs in with a key; the answer is what the form's page says. */
export async function signInByKey(
  visitor: Visitor,
  iss: string,
  key: ClientKey,
  door: Door = "signIn",
): Promise<Answer> {
  const { challenge, aud, nonce } = await challengeOf(visitor, door);
  return visitor.post(proofPages[door], {
    challenge,
    answer: await proof("spampots-answer+jwt", { iss, aud, nonce }, key),
  });
}

/** True where a partner's pages open. */
export async function isIn(visitor: Visitor): Promise<boolean> {
  return (await visitor.get("/portal")).status === 200;
}

/** True where pages of operators open: what isn't there is told to operators alone. */
export async function isOperator(visitor: Visitor): Promise<boolean> {
  return (await visitor.get("/portal/operator")).headers.get("location") !== proofPages.operator;
}

/** Hands in a key by an invitation. */
export async function handIn(
  visitor: Visitor,
  served: Served,
  { token, partner, nonce, key }: { token: string; partner: string; nonce: string; key: ClientKey },
): Promise<Answer> {
  const claims = { iss: partner, aud: `${served.url}${proofPages.join}`, nonce };
  const form = { link: token, key: JSON.stringify(key.jwk), proof: await proof("spampots-proof+jwt", claims, key) };
  return visitor.post(proofPages.join, form);
}
