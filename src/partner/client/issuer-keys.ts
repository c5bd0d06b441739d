/**
 * The issuer's keys as a partner has them: the chain of announcements in its folder, lengthened by what the service has
 * since, and what of it is trusted: keys that were pinned, or those that were met first and are remembered in the folder.
 *
 * @see design §3 point 14, `publication/trust.ts`
 */
import { z } from "zod";
import { SpampotsError } from "../../errors.ts";
import { type Announcement, nextAnnouncement, readChain } from "../../publication/chain.ts";
import { readBounded, sequenceName } from "../../publication/log.ts";
import { jwsMediaType } from "../../publication/sign.ts";
import { readTrust, type Standing, standingOf, type Trust } from "../../publication/trust.ts";
import type { Store } from "../../store/store.ts";
import type { Session } from "./session.ts";

/** File in a partner's folder with the thumbprints that were met first, one a line: what `verify --keys` takes. */
export const rememberedKeys = "issuer-keys.txt";

/** Whose keys, of whom, trusted by what. */
export interface KeyRequest {
  readonly session: Session;
  /** The partner's folder. */
  readonly store: Store;
  readonly partner: string;
  /** Keys that were pinned; without them those that are met first count, and are remembered. */
  readonly trust?: Trust;
  /** Told which keys were met first before they are remembered: whoever is to compare them learns of them, whatever comes. */
  readonly onMet?: (met: readonly string[]) => void;
}

/** What counts in the folder as of now. */
export interface IssuerKeys extends Standing {
  /** Name of the issuer; absent where it announced nothing to this partner yet. */
  readonly issuer?: string;
  /** Thumbprints that were met first, just now: for people to compare. */
  readonly met?: readonly string[];
}

const countSchema = z.object({ announcements: z.int().min(0).max(99_999_999) });

/**
 * Brings the folder's chain up to date and says what counts. Nothing of a chain that doesn't hold is kept.
 *
 * @throws SpampotsError `verify-failed`; `bad-key` where the remembered keys can't be read; as the session and store do.
 */
export async function takeKeys(request: KeyRequest): Promise<IssuerKeys> {
  const { session, store, partner } = request;
  const { announcements, broken } = await readChain(store);
  if (broken !== undefined) throw unproven(broken);
  const { announcements: count } = await session.json("/v1/keys", countSchema);
  if (count < announcements.length) throw unproven("The service has fewer announcements of keys than you have.");
  const files: Uint8Array[] = [];
  const chain: Announcement[] = [...announcements];
  while (chain.length < count) {
    const file = await session.signed(`/v1/keys/${chain.length + 1}`);
    const next = await nextAnnouncement(file, chain.at(-1));
    if (typeof next === "string") throw unproven(next);
    chain.push(next);
    files.push(file);
  }
  const last = chain.at(-1);
  if (last !== undefined && last.said.partner !== partner)
    throw unproven("The announcements of keys are another partner's.");
  const { trust, met } = await trustOf(request, last);
  const standing = standingOf(trust, { announcements: chain });
  if (last !== undefined && !standing.anchored) {
    throw unproven("No announcement of keys is signed by a key that you trust.");
  }
  if (met !== undefined) {
    request.onMet?.(met);
    await store.putOnce(rememberedKeys, new TextEncoder().encode(`${met.join("\n")}\n`));
  }
  for (const [index, file] of files.entries()) {
    const key = `keys/${sequenceName(announcements.length + index + 1)}.jws`;
    await store.putOnce(key, file, { contentType: jwsMediaType });
  }
  return {
    ...standing,
    ...(last === undefined ? {} : { issuer: last.said.issuer }),
    ...(met === undefined ? {} : { met }),
  };
}

/** Largest file of remembered thumbprints that is read, in bytes. */
const maxRemembered = 64 * 1024;

async function trustOf(
  { trust, store }: KeyRequest,
  last: Announcement | undefined,
): Promise<{ readonly trust: Trust; readonly met?: readonly string[] }> {
  if (trust !== undefined) return { trust };
  const remembered = await readBounded(store, rememberedKeys, maxRemembered);
  if (remembered !== undefined) return { trust: trustIn(new TextDecoder().decode(remembered), store) };
  if (last === undefined) return { trust: { keys: [], anchors: new Set() } };
  // Who signed last hangs the chain up; the live one signs what comes.
  const met = [...new Set([last.said.live, last.signedBy])];
  return { trust: { keys: [], anchors: new Set(met) }, met };
}

function trustIn(remembered: string, { url }: Store): Trust {
  try {
    return readTrust(remembered);
  } catch (cause) {
    throw new SpampotsError("bad-key", "The file of the issuer's keys that were met first holds none.", {
      cause,
      path: `${url}/${rememberedKeys}`,
      hint: "Write the thumbprint into it that the operator tells you by phone, or delete it to meet the keys anew and compare them.",
    });
  }
}

function unproven(sentence: string): SpampotsError {
  return new SpampotsError("verify-failed", sentence, {
    hint: "Nothing of it was kept. Compare the thumbprint of the issuer's key with the operator, by phone.",
  });
}
