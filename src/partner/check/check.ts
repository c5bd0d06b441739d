/**
 * What can be told of a partner's entry without asking anybody: its MoU on this day, its keys, its feeds and labels. Pure.
 */
import { mouDaysLeft, mouWarningDays } from "../../delivery/watch/status.ts";
import type { Partner } from "../../feed/partners.ts";
import { dayMs } from "../../model.ts";
import type { PublicKey } from "../../publication/jwk.ts";
import { keysOf } from "../auth/assertion.ts";
import { keyFault } from "../auth/weak-key.ts";

/** One thing that was looked at. */
export interface Finding {
  readonly level: "fine" | "warning" | "problem";
  readonly about: "MoU" | "key" | "feeds" | "destination" | "clock";
  readonly says: string;
  /** The next step, where there is one. */
  readonly next?: string;
}

/** Everything that the entry itself shows. `others` are partners whose keys must not be this one's. */
export function checkEntry(partner: Partner, others: readonly Partner[], now: number): readonly Finding[] {
  return [checkMou(partner, now), ...checkKeys(partner, others, now), ...checkFeeds(partner, now)];
}

const day = (instant: number) => new Date(instant).toISOString().slice(0, 10);
const days = (count: number) => (count === 1 ? "1 day" : `${count} days`);

function checkMou(partner: Partner, now: number): Finding {
  const about = "MoU";
  const { id, mou } = partner;
  const [first, last] = [day(mou.from), day(mou.to - dayMs)];
  const renew = `When it is renewed, \`spampots partner renew ${id}\`; until then nothing is published.`;
  if (now >= mou.to) return { level: "problem", about, says: `It ended on ${last}.`, next: renew };
  if (now < mou.from) {
    const says = `It begins on ${first}, in ${days(Math.ceil((mou.from - now) / dayMs))}; until then nothing is published.`;
    return { level: "warning", about, says, next: "Wait, or correct `signed` in partners.yaml." };
  }
  if (mou.suspended) {
    const next = `\`spampots partner resume ${id}\` takes it back.`;
    return { level: "warning", about, says: "It is suspended: nothing is published or handed out.", next };
  }
  const left = mouDaysLeft(partner, now);
  const says = `In force from ${first} to ${last}; ${left === 0 ? "today is its last day" : `${days(left)} left`}.`;
  if (left <= mouWarningDays) return { level: "warning", about, says, next: "Begin to renew it." };
  return { level: "fine", about, says };
}

function checkKeys(partner: Partner, others: readonly Partner[], now: number): readonly Finding[] {
  const about = "key";
  const keys = keysOf(partner);
  const next =
    "Let it make one by an invitation (`spampots partner invite`), by `spampots fetch --new-key`, or by the kit's new-key.sh.";
  const unusable = partner.keys.length - keys.length;
  const findings: Finding[] = keys.map((key) => checkKey(key, keys, others));
  if (unusable > 0) {
    const says = `${unusable} of its keys can't be used: they aren't Ed25519 or P-256 keys of full length.`;
    findings.push({ level: "problem", about, says, next });
  }
  if (partner.keys.length === 0) {
    const says = "It has no key: it comes in by tokens that you make, or not at all.";
    findings.push({ level: "warning", about, says, next });
  }
  if (partner.tokensNotBefore !== undefined && partner.tokensNotBefore > now) {
    const says = `tokens_not_before is ahead, on ${day(partner.tokensNotBefore)}: until then no token of theirs holds.`;
    findings.push({ level: "problem", about, says, next: "Set it to an instant that has passed." });
  }
  return findings;
}

function checkKey(
  key: ReturnType<typeof keysOf>[number],
  own: readonly PublicKey[],
  others: readonly Partner[],
): Finding {
  const about = "key";
  const name = `${key.alg === "EdDSA" ? "Ed25519" : "P-256"} ${key.kid}`;
  const replace = "Ask the partner for a new key, and compare its thumbprint by telephone.";
  const wrong = (says: string): Finding => ({ level: "problem", about, says: `${name} ${says}`, next: replace });
  const fault = keyFault(key);
  if (fault !== undefined) return wrong(`is weak: ${fault}.`);
  if (key.stated.startsWith("placeholder")) return wrong("is a placeholder: nobody has its private half.");
  const sharing = others.filter((other) => keysOf(other).some(({ kid }) => kid === key.kid)).map(({ id }) => id);
  if (sharing.length > 0) return wrong(`is that of ${sharing.join(", ")}, too: a key has one owner.`);
  if (own.filter(({ kid }) => kid === key.kid).length > 1)
    return { level: "warning", about, says: `${name} is there twice.`, next: "Remove one." };
  return { level: "fine", about, says: `${name}. Compare it by telephone.` };
}

function checkFeeds(partner: Partner, now: number): readonly Finding[] {
  const about = "feeds";
  const { subscriptions, tlpCeiling, economies } = partner;
  if (subscriptions.length === 0) {
    const next = "Name some in `subscriptions` of partners.yaml.";
    return [{ level: "problem", about, says: "It is subscribed to no feed.", next }];
  }
  const feeds = subscriptions.map(({ feed, every, tlp }) => `${feed.id} each ${every} at TLP:${tlp}`);
  const findings: Finding[] = [
    { level: "fine", about, says: `${feeds.join(", ")}; the ceiling is TLP:${tlpCeiling}.` },
  ];
  const later = economies === "all" ? [] : economies.filter(({ since = 0 }) => since > now);
  for (const { code, since = 0 } of later) {
    findings.push({ level: "warning", about, says: `${code} counts from ${day(since)} on, which is ahead.` });
  }
  return findings;
}
