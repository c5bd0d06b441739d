/**
 * What a verifier trusts: a JWK set, or thumbprints pinned by hand; and what follows from it together with the chain of
 * announcements that a store holds. Pure.
 *
 * An announcement that a trusted key signed vouches for all before it, by their hashes, and for those after it, since
 * each is signed by the key that was live before. So one pinned key is enough, whether it is the first or the latest.
 *
 * @see design §3 point 14, RFC 7638
 */
import { SpampotsError } from "../errors.ts";
import type { Chain, Tip } from "./chain.ts";
import { type PublicKey, parseJwks } from "./jwk.ts";
import type { KeyFinder } from "./sign.ts";

/** What the verifier brings along. */
export interface Trust {
  /** Keys in full, where a JWK set was given. */
  readonly keys: readonly PublicKey[];
  /** Thumbprints of keys whose signatures count by themselves. */
  readonly anchors: ReadonlySet<string>;
}

/** `sha256:` and the URN of RFC 9278 may stand before a thumbprint. */
const thumbprintForm = /^(?:sha256:|urn:ietf:params:oauth:jwk-thumbprint:sha-256:)?([A-Za-z0-9_-]{43})$/;

/**
 * Reads one or several thumbprints (separated by commas or white space), or the text of a JWK set. Of a set, keys with
 * `retired_at` are known and don't count by themselves.
 *
 * @throws SpampotsError `bad-key`
 */
export function readTrust(text: string): Trust {
  const words = text.trim().split(/[\s,]+/);
  const pins = words.map((word) => thumbprintForm.exec(word)?.[1]);
  if (pins.every((pin) => pin !== undefined)) return { keys: [], anchors: new Set(pins) };
  if (!/^\s*\{/.test(text)) {
    throw new SpampotsError("bad-key", "This is neither a JWK set nor a thumbprint of a key.", {
      hint: "Give the file of the issuer's JWK set, or a thumbprint: 43 characters of base64url.",
    });
  }
  const keys = parseJwks(text);
  return { keys, anchors: new Set(keys.filter((key) => key.retired_at === undefined).map((key) => key.kid)) };
}

/** What counts in one partner's prefix. */
export interface Standing {
  readonly keyOf: KeyFinder;
  /** Keys whose signature under a manifest counts by itself. */
  readonly live: ReadonlySet<string>;
  /** Tips that a trusted announcement states. */
  readonly tips: readonly Tip[];
  /** True where an announcement is signed by a trusted key. */
  readonly anchored: boolean;
}

/** Brings trust and chain together. Without an anchor the chain counts for nothing, though its keys are known. */
export function standingOf(trust: Trust, { announcements }: Chain): Standing {
  const last = announcements.at(-1);
  const known = new Map([...(last?.said.keys ?? []), ...trust.keys].map((key) => [key.kid, key]));
  const keyOf: KeyFinder = (kid) => known.get(kid);
  if (last === undefined || !announcements.some(({ signedBy }) => trust.anchors.has(signedBy))) {
    return { keyOf, live: trust.anchors, tips: [], anchored: false };
  }
  const retired = new Set(last.said.keys.filter((key) => key.retired_at !== undefined).map((key) => key.kid));
  const live = new Set([...trust.anchors, last.said.live].filter((kid) => !retired.has(kid)));
  // Each announcement states all tips of its time, so that most are there several times.
  const tips = new Map(
    announcements.flatMap(({ said }) => said.tips ?? []).map((tip) => [Object.values(tip).join(), tip]),
  );
  return { keyOf, live, tips: [...tips.values()], anchored: true };
}
