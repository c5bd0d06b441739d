/**
 * What an operator must know before a request is approved: everything is checked here again, by the operator's own keys and
 * files, since the store and whoever serves the portal may be an opponent's.
 */
import type { Partner } from "../../feed/partners.ts";
import type { PublicKey } from "../../publication/jwk.ts";
import { keysOf } from "../auth/assertion.ts";
import type { TokenRealm } from "../auth/tokens.ts";
import { keyFault } from "../auth/weak-key.ts";
import { stillCounts } from "./invitation.ts";
import { checkedInvitation, type JoinRequest } from "./request.ts";

/** What a request is held against. */
export interface ApprovalContext {
  readonly realm: TokenRealm;
  /** Keys that sign tokens. */
  readonly tokenKeys: readonly PublicKey[];
  readonly partners: readonly Partner[];
  /** Milliseconds since 1970. */
  readonly now: number;
}

/** Why a request can't be approved, a sentence; `undefined` where nothing speaks against it but the call by phone. */
export async function objectionTo(request: JoinRequest, context: ApprovalContext): Promise<string | undefined> {
  const { realm, tokenKeys, partners, now } = context;
  const { key } = request;
  const fault = keyFault(key);
  if (fault !== undefined) return `The key can't be a partner's: ${fault}.`;
  const invitation = await checkedInvitation(request, realm, tokenKeys);
  if (invitation === undefined)
    return "The request doesn't prove that it came by an invitation of ours, from whoever has the key.";
  const partner = partners.find(({ id }) => id === request.partner);
  if (partner === undefined) return "partners.yaml has no such partner any more.";
  if (!stillCounts(invitation, partner, now))
    return "The invitation counts no more: the partner's MoU is over, or tokens_not_before revoked it.";
  if (partners.some((other) => other.id !== partner.id && keysOf(other).some(({ kid }) => kid === key.kid)))
    return "Another partner has this key.";
  return undefined;
}
