/**
 * What counts once: by a put-once under `used/<kind>/`, so that several processes over one store agree. An entry is needed
 * only as long as what it is about could come again.
 */
import { createHash } from "node:crypto";
import { assertionSeconds } from "../partner/auth/assertion.ts";
import { challengeSeconds, portalSessionSeconds, signInLinkSeconds } from "../partner/auth/tokens.ts";
import type { Store } from "../store/store.ts";

/** What counts once, with its longest life in seconds. An ended session counts no more. */
const lives = {
  assertion: assertionSeconds,
  "sign-in": signInLinkSeconds,
  session: portalSessionSeconds,
  operator: portalSessionSeconds,
  challenge: challengeSeconds,
} as const;

export type UsedKind = keyof typeof lives;

const keyOf = (kind: UsedKind, partner: string, jti: string) =>
  `used/${kind}/${createHash("sha256").update(`${partner}\0${jti}`).digest("hex")}`;

/** Notes a first use; false where it was used before. */
export async function firstUse(store: Store, kind: UsedKind, partner: string, jti: string): Promise<boolean> {
  return (await store.putOnce(keyOf(kind, partner, jti), new Uint8Array([10]))) === "created";
}

/** True where it was used before. */
export async function wasUsed(store: Store, kind: UsedKind, partner: string, jti: string): Promise<boolean> {
  return (await store.stat(keyOf(kind, partner, jti))) !== undefined;
}

/** Deletes what nothing living can mean any more: with an hour's leave, since clocks differ. `now` in milliseconds. */
export async function sweepUsed(store: Store, now: number): Promise<void> {
  for (const [kind, seconds] of Object.entries(lives)) {
    const before = now - seconds * 1000 - 3_600_000;
    for await (const { key, modifiedAt } of store.list(`used/${kind}/`)) {
      if (modifiedAt < before) await store.delete(key);
    }
  }
}
