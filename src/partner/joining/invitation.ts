/**
 * Invitations: a link that the operator gives to a partner, by which it hands in the public half of a key that it makes
 * itself. What comes back is a request (see request.ts), which the operator decides. Pure.
 */
import type { Partner } from "../../feed/partners.ts";
import type { PublicKey } from "../../publication/jwk.ts";
import { proofPages } from "../auth/proof.ts";
import { type Claims, readToken, type TokenRealm } from "../auth/tokens.ts";

/** What an invitation says. */
export type Invitation = Claims<"spampots-invitation+jwt">;

/** The service and the token of a link; `undefined` where it is no link of ours. */
export function readInvitationLink(link: string): { readonly url: string; readonly token: string } | undefined {
  const url = URL.parse(link);
  const token = url?.searchParams.get("link") ?? "";
  if (url?.pathname !== proofPages.join || url.username !== "" || token === "") return undefined;
  return { url: url.origin, token };
}

/**
 * What an invitation says, where it counts at `now` (milliseconds): for a partner whose MoU isn't over, and not made before
 * the operator revoked tokens. An MoU that begins later, or is suspended, is no reason: keys are made then, too.
 */
export async function readInvitation(
  realm: TokenRealm,
  keys: readonly PublicKey[],
  token: string,
  { partners, now }: { readonly partners: ReadonlyMap<string, Partner>; readonly now: number },
): Promise<{ readonly invitation: Invitation; readonly partner: Partner } | undefined> {
  const invitation = await readToken(realm, keys, "spampots-invitation+jwt", token, now);
  const partner = invitation && partners.get(invitation.sub);
  return partner && invitation && stillCounts(invitation, partner, now) ? { invitation, partner } : undefined;
}

/** True as long as neither the MoU's end nor a revocation of tokens stands against it. */
export function stillCounts({ iat }: Pick<Invitation, "iat">, { mou, tokensNotBefore }: Partner, now: number): boolean {
  return now < mou.to && (tokensNotBefore === undefined || iat * 1000 >= tokensNotBefore);
}
