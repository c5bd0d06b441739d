/**
 * What counts once: assertions, by a put-once under `used/`, so that several processes over one store agree. An entry is
 * needed only while the assertion lives.
 */
import { createHash } from "node:crypto";
import { assertionSeconds } from "../partner/assertion.ts";
import type { Store } from "../store/store.ts";

/** Notes a first use; false where it was used before. */
export async function firstUse(store: Store, partner: string, jti: string): Promise<boolean> {
  const digest = createHash("sha256").update(`${partner}\0${jti}`).digest("hex");
  return (await store.putOnce(`used/${digest}`, new Uint8Array([10]))) === "created";
}

/** Deletes what no living assertion can mean any more: with an hour's leave, since clocks differ. `now` in milliseconds. */
export async function sweepUsed(store: Store, now: number): Promise<void> {
  const before = now - assertionSeconds * 1000 - 3_600_000;
  for await (const { key, modifiedAt } of store.list("used/")) {
    if (modifiedAt < before) await store.delete(key);
  }
}
