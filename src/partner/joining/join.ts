/**
 * The partner's side of an invitation, without a browser: hands in the public half of a key by the link, with a proof that
 * the private half is here. The private half goes nowhere.
 */
import { z } from "zod";
import { SpampotsError } from "../../errors.ts";
import type { Signer } from "../../publication/sign.ts";
import { isLoopback } from "../../settings.ts";
import { readCompactJwt } from "../auth/compact-jwt.ts";
import { makeProof, proofPages } from "../auth/proof.ts";
import { callOnce, Passing, patiently, readAtMost, type Sleep } from "../client/calls.ts";
import { fingerprintOf } from "./fingerprint.ts";
import { readInvitationLink } from "./invitation.ts";

/** An invitation as its link says it; nothing of it is checked, since only the service can. */
export interface OpenInvitation {
  /** Of the service. */
  readonly url: string;
  readonly token: string;
  readonly partner: string;
  readonly nonce: string;
}

/** What became of a key that was handed in: `in-force` once the operator has it among the partner's. */
const joinStates = ["waiting", "approved", "in-force", "rejected"] as const;
export type JoinState = (typeof joinStates)[number];

const answerSchema = z.union([
  z.object({ partner: z.string(), thumbprint: z.string().regex(/^[\w-]{43}$/), state: z.enum(joinStates) }),
  z.object({ refused: z.enum(["invitation", "key"]) }),
]);

/** Longest answer that is read, in bytes. */
const maxAnswer = 10_000;

/** Reads a link. @throws SpampotsError `bad-argument` where it is none that can be joined by. */
export function openInvitation(link: string): OpenInvitation {
  const read = readInvitationLink(link);
  const claims = read && readCompactJwt(read.token)?.claims;
  const { sub, jti } = claims ?? {};
  const host = read === undefined ? undefined : new URL(read.url);
  const isSafe = host?.protocol === "https:" || (host?.protocol === "http:" && isLoopback(host.hostname));
  if (read !== undefined && isSafe && typeof sub === "string" && typeof jti === "string")
    return { ...read, partner: sub, nonce: jti };
  throw new SpampotsError("bad-argument", "This is no link of an invitation.", {
    hint: "Give the whole link as the operator gave it to you, in quotes: 'https://feeds.example/portal/join?link=…'.",
  });
}

/**
 * Hands in the key, or asks what became of it: as often as you like, it is one request.
 *
 * @throws SpampotsError `forbidden` where the invitation doesn't count, `bad-key` where the key isn't taken,
 *   `already-exists` where the invitation was used with another key, `unreachable`, `too-many-requests`, `bad-argument`.
 */
export async function join(
  { url, token, partner, nonce }: OpenInvitation,
  signer: Signer,
  sleep: Sleep,
): Promise<JoinState> {
  const { kty, crv, x, ...rest } = signer.key;
  const key = JSON.stringify({ kty, crv, x, ...("y" in rest ? { y: rest.y } : {}) });
  const aud = `${url}${proofPages.join}`;
  const proof = await makeProof(signer, "spampots-proof+jwt", { iss: partner, aud, nonce });
  const answer = await patiently(sleep, () => sent(new URL(aud), url, { link: token, key, proof }));
  if ("refused" in answer) throw refusal(answer.refused);
  if (answer.thumbprint === signer.kid) return answer.state;
  throw new SpampotsError("already-exists", "The invitation was used before, with another key.", {
    fingerprint: fingerprintOf(answer.thumbprint),
    hint: "If you made that key, go on with its file (--into). If not, tell the operator at once: somebody else has your link.",
  });
}

async function sent(page: URL, origin: string, form: Readonly<Record<string, string>>) {
  const answer = await callOnce(page, { headers: { origin, accept: "application/json" }, form });
  const bytes = await readAtMost(answer, maxAnswer);
  const parsed = answerSchema.safeParse(parsedJson(bytes));
  if (parsed.success) return parsed.data;
  if (answer.status >= 500) throw new Passing(`The service answers with HTTP status ${answer.status}.`);
  throw new SpampotsError("bad-argument", "What answers there takes no invitations.", {
    status: answer.status,
    hint: "See that the link is whole.",
  });
}

function parsedJson(bytes: Uint8Array | undefined): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return undefined;
  }
}

function refusal(what: "invitation" | "key"): SpampotsError {
  if (what === "key")
    return new SpampotsError("bad-key", "The service doesn't take this key.", {
      hint: "Make a new one: give another file in --into.",
    });
  return new SpampotsError("forbidden", "This invitation doesn't count, or not any more.", {
    hint: "One holds for a week. Ask the operator for another, and join by it with the same key file.",
  });
}
