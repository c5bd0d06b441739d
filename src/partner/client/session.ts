/**
 * A partner's session with a service: finds the token endpoint, gets a token against the partner's key and renews it,
 * asks with it. Everything that comes back is bounded, and an opponent's until a signature says otherwise.
 *
 * @see RFC 8414 §3 (metadata), RFC 6749 §4.4 (client credentials), RFC 7523 §2.2 (assertion), RFC 6750 (bearer)
 */
import { z } from "zod";
import { type ErrorCode, SpampotsError } from "../../errors.ts";
import { plain } from "../../log.ts";
import { maxJwsBytes } from "../../publication/log.ts";
import { jwsMediaType } from "../../publication/sign.ts";
import { isLoopback } from "../../settings.ts";
import { assertionType } from "../auth/assertion.ts";
import { type Answer, callOnce, Passing, patiently, readAtMost, type Sleep } from "./calls.ts";
import { type ClientKeyFile, clientAssertion } from "./client-key.ts";

/** How a partner proves who it is: with its key, or by a token that the operator made. */
export type Credential = { readonly key: ClientKeyFile } | { readonly token: string };

/** Largest JSON answer that is read, in bytes. */
const maxJson = 4 * 1024 * 1024;

/** A token is renewed when it has no longer than that, in milliseconds. */
const renewMs = 30_000;

/** Clocks that differ by no more than that are taken for wrong rather than set on purpose, in milliseconds. */
const mostSkewMs = 300_000;

const metadataSchema = z.object({ issuer: z.string(), token_endpoint: z.string() });
const grantedSchema = z.object({
  access_token: z.string().regex(/^[\w\-.~+/=]{1,8192}$/),
  token_type: z.string().regex(/^bearer$/i),
  expires_in: z.number().min(0).max(1e9).default(0),
});
const problemSchema = z.object({ detail: z.string().optional(), error_description: z.string().optional() });

interface Token {
  readonly text: string;
  /** Milliseconds since 1970, by our clock. */
  readonly renewAt: number;
}

export class Session {
  readonly #origin: URL;
  readonly #credential: Credential;
  readonly #clock: () => number;
  readonly #sleep: Sleep;
  #token: Promise<Token> | undefined;

  /**
   * @param url of the service: its issuer, exactly.
   * @throws SpampotsError `bad-argument` unless it is https (or http on this machine), without path, query or user.
   */
  constructor(url: string, credential: Credential, { clock, sleep }: { clock: () => number; sleep: Sleep }) {
    const origin = URL.parse(url);
    const secure = origin?.protocol === "https:" || (origin?.protocol === "http:" && isLoopback(origin.hostname));
    if (origin === null || !secure || origin.href !== `${origin.origin}/`) {
      throw new SpampotsError("bad-argument", "This is no URL of a service.", {
        hint: "Write scheme and host as you were told them, such as https://feeds.example. Plain http is for this machine alone.",
      });
    }
    this.#origin = origin;
    this.#credential = credential;
    this.#clock = clock;
    this.#sleep = sleep;
  }

  /** JSON of the API that is of a schema. @throws SpampotsError as {@link Session.once}, and after several tries `unreachable`. */
  json<T>(path: string, schema: z.ZodType<T>): Promise<T> {
    return this.patiently(async () => parsed(schema, await readAtMost(await this.once(path), maxJson)));
  }

  /**
   * A signed file, not checked yet.
   *
   * @throws SpampotsError `verify-failed` where it is larger than any of ours; as {@link Session.json}.
   */
  signed(path: string): Promise<Uint8Array> {
    return this.patiently(async () => {
      const bytes = await readAtMost(await this.once(path, { headers: { accept: jwsMediaType } }), maxJwsBytes);
      if (bytes !== undefined) return bytes;
      throw new SpampotsError("verify-failed", "A signed file is larger than any of ours.", { path });
    });
  }

  /** Does `work` again as long as that may help; see {@link patiently}. */
  patiently<T>(work: () => Promise<T>, progress?: () => number): Promise<T> {
    return patiently(this.#sleep, work, progress);
  }

  /**
   * Asks once, with a token, which is renewed where the service doesn't take it any more. Answers by 200, 206, 410 and 416
   * are given back.
   *
   * @throws Passing, and SpampotsError `unauthenticated`, `forbidden`, `not-found`, `bad-argument`
   */
  async once(
    path: string,
    { headers = {}, handedOn = false }: { headers?: Readonly<Record<string, string>>; handedOn?: boolean } = {},
  ): Promise<Answer> {
    const ask = async () => {
      const token = await this.#currentToken();
      const url = new URL(path, this.#origin);
      return {
        token,
        answer: await callOnce(url, { headers: { ...headers, authorization: `Bearer ${token.text}` }, handedOn }),
      };
    };
    let { token, answer } = await ask();
    if (answer.status === 401 && "key" in this.#credential) {
      answer.discard();
      // Others that ask at the same time were refused as well: one of us gets the next token.
      if ((await this.#token?.catch(() => undefined)) === token) this.#token = undefined;
      ({ token, answer } = await ask());
    }
    if ([200, 206, 410, 416].includes(answer.status)) return answer;
    throw await refusal(answer);
  }

  async #currentToken(): Promise<Token> {
    const current = await this.#token;
    if (current !== undefined && this.#clock() < current.renewAt) return current;
    this.#token = this.#newToken();
    // Kept only where it succeeds.
    this.#token.catch(() => {
      this.#token = undefined;
    });
    return this.#token;
  }

  async #newToken(): Promise<Token> {
    const credential = this.#credential;
    if ("token" in credential) return { text: credential.token, renewAt: Number.POSITIVE_INFINITY };
    const { endpoint, theirClock } = await this.#discover();
    const issuer = this.#origin.origin;
    return this.patiently(async () => {
      const asked = this.#clock();
      const answer = await callOnce(endpoint, {
        headers: { accept: "application/json" },
        form: {
          grant_type: "client_credentials",
          client_assertion_type: assertionType,
          client_assertion: await clientAssertion(credential.key, issuer, theirClock()),
        },
      });
      if (answer.status !== 200) throw await refusal(answer, theirClock() - asked);
      const { access_token, expires_in } = parsed(grantedSchema, await readAtMost(answer, maxJson));
      return { text: access_token, renewAt: asked + Math.max(expires_in * 1000 - renewMs, 1000) };
    });
  }

  /**
   * Where tokens are, and the service's clock: an assertion of its future is refused, were it by a tenth of a second.
   */
  async #discover(): Promise<{ readonly endpoint: URL; readonly theirClock: () => number }> {
    const url = new URL("/.well-known/oauth-authorization-server", this.#origin);
    const { metadata, date } = await this.patiently(async () => {
      const answer = await callOnce(url, { headers: { accept: "application/json" } });
      if (answer.status !== 200) throw notAService(answer);
      return {
        metadata: parsed(metadataSchema, await readAtMost(answer, maxJson)),
        date: Date.parse(answer.headers.date ?? ""),
      };
    });
    const begun = performance.now();
    const endpoint = URL.parse(metadata.token_endpoint);
    if (metadata.issuer !== this.#origin.origin || endpoint?.origin !== this.#origin.origin) {
      // An assertion that another got hold of could be used at this service.
      throw new SpampotsError("bad-argument", "The service says that it is another one than the URL names.", {
        issuer: plain(metadata.issuer.slice(0, 300)),
        hint: "Give the URL exactly as the operator told you.",
      });
    }
    const near = Math.abs(date - this.#clock()) <= mostSkewMs;
    return { endpoint, theirClock: near ? () => date + (performance.now() - begun) : this.#clock };
  }
}

function parsed<T>(schema: z.ZodType<T>, bytes: Uint8Array | undefined): T {
  try {
    return schema.parse(JSON.parse(new TextDecoder().decode(bytes)));
  } catch {
    throw new Passing("The service answers with what isn't of its API.");
  }
}

function notAService(answer: Answer): SpampotsError {
  answer.discard();
  return new SpampotsError("bad-argument", "There is no service that hands out feeds at this URL.", {
    status: answer.status,
    hint: "Give the URL exactly as the operator told you.",
  });
}

const refusals: Readonly<Record<number, readonly [ErrorCode, string]>> = {
  401: ["unauthenticated", "The service doesn't take your key or token."],
  403: ["forbidden", "The service knows you and doesn't let you in."],
  404: ["not-found", "The service has no such thing for you."],
};

/** What an answer that isn't one of success means, with what the service says to do. */
async function refusal(answer: Answer, skew = 0): Promise<SpampotsError> {
  const { status } = answer;
  const said = problemSchema.safeParse(jsonOrNothing(await readAtMost(answer, maxJson).catch(() => undefined)));
  const detail = said.data?.detail ?? said.data?.error_description;
  const [code, message] = refusals[status] ?? ["bad-argument", "The service refuses what was asked."];
  return new SpampotsError(code, message, {
    status,
    ...(Math.abs(skew) >= 2000 ? { clock: `ours differs from the service's by ${skew / 1000} s` } : {}),
    hint: detail === undefined ? "Ask the operator." : plain(detail.slice(0, 500)),
  });
}

function jsonOrNothing(bytes: Uint8Array | undefined): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return undefined;
  }
}
