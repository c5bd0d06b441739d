/** Requests of partners to be let in, as the operator's page names them: to be looked at here, and decided elsewhere. */
import { mapAtOnce } from "../../../at-once.ts";
import { fingerprintOf } from "../../../partner/joining/fingerprint.ts";
import { checkedInvitation, listRequests } from "../../../partner/joining/request.ts";
import type { HttpWorld } from "../../world.ts";

/** A request that nobody decided yet. */
export interface OpenRequest {
  readonly id: string;
  readonly partner: string;
  /** What is compared by telephone. */
  readonly fingerprint: string;
  /** RFC 3339, seconds. */
  readonly requestedAt: string;
  /** False where what proves it doesn't hold: it can't be approved. */
  readonly proven: boolean;
}

/** Requests that wait, the oldest first, their proofs checked. */
export async function openRequests({ store, realm, registry }: HttpWorld): Promise<readonly OpenRequest[]> {
  const open = (await listRequests(store)).filter(({ decision }) => decision === undefined);
  return mapAtOnce(open, 4, async (request) => ({
    id: request.id,
    partner: request.partner,
    fingerprint: fingerprintOf(request.key.kid),
    requestedAt: request.requestedAt,
    proven: (await checkedInvitation(request, realm, registry.tokens.keys)) !== undefined,
  }));
}
