/** Requests of partners to be let in, as the operator's page names them: to be looked at here, and approved elsewhere. */
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

/** Requests that wait, the oldest first. */
export async function openRequests(_world: HttpWorld): Promise<readonly OpenRequest[]> {
  return [];
}
