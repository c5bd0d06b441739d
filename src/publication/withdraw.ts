/**
 * The story of withdrawing: a signed publication that names every publication of a period as withdrawn, then the
 * deletion of their artifacts; manifests stay, so that the chain holds. Killed anywhere and run again it gives the same.
 *
 * It asks nothing of partners.yaml: what was given to a partner that is gone can be withdrawn too.
 *
 * @see design §3 point 13
 */
import { mkdir, rm } from "node:fs/promises";
import { SpampotsError } from "../errors.ts";
import { inForce } from "../feed/policy.ts";
import type { Store } from "../store/store.ts";
import { temporaryPath } from "../store/temporary.ts";
import { ensureAnnounced } from "./announce.ts";
import { checkNotBehind, readOwnTip } from "./behind.ts";
import { type LogFacts, withdrawalManifest } from "./compose.ts";
import { append, type Publication } from "./log.ts";
import { encodeManifest, feedPrefix, type Manifest, payloadDigest } from "./manifest.ts";
import { keepMark, putMark } from "./marks.ts";
import { periodHistory, withdrawnArtifacts, withdrawnSequences } from "./period-history.ts";
import { selectedLogs } from "./plan.ts";
import type { PublishWorld } from "./publish.ts";
import { putArtifacts, putMissing } from "./put-artifacts.ts";
import { readSliceRecords } from "./records.ts";
import { type Revocation, renderRevocation } from "./revoke.ts";
import { type KeyFinder, keyFinder } from "./sign.ts";

/** What withdrawing works with. */
export type WithdrawWorld = Omit<PublishWorld, "lake" | "engine" | "benignHosts" | "onProgress">;

/** What is to be withdrawn, and why: partners read the reason. */
export interface WithdrawRequest {
  readonly partner: string;
  readonly feed: string;
  /** Any publication of the period: all of its period are withdrawn with it. */
  readonly sequence: number;
  /** A sentence, at most 1,000 characters. */
  readonly reason: string;
  /** Also publish the indicators as revoked. */
  readonly revoke: boolean;
}

/** What came of it. */
export interface Withdrawn {
  /** "already": an earlier call had done it, and at most deletions were left. */
  readonly outcome: "withdrawn" | "already";
  /** The withdrawal's manifest. */
  readonly manifest: Manifest;
  /** Artifacts that were deleted by this call, and their size. */
  readonly deleted: number;
  readonly bytes: number;
}

/** More than the publications that others can append meanwhile. */
const attempts = 10;

/**
 * Withdraws a period of a feed.
 *
 * @throws SpampotsError `not-found` where there is no such publication, or with `revoke` a part of it is gone;
 *   `already-exists` where it was withdrawn for another reason; `bad-argument` for a reason that can't stand in a
 *   manifest; `log-behind`, `verify-failed`, and the store's own: calling again is then safe.
 */
export async function withdraw(world: WithdrawWorld, request: WithdrawRequest): Promise<Withdrawn> {
  checkReason(request.reason);
  const log = openLog(world, request);
  for (let attempt = 0; attempt < attempts; attempt += 1) {
    const { tip, history } = await readHistory(log, world, request);
    await keepMark(world.marks, request.partner, request.feed, tip);
    const done = history.find((manifest) => manifest.withdraws?.sequences.includes(request.sequence));
    if (done !== undefined)
      return { outcome: "already", manifest: sameAs(done, request), ...(await clear(log, history)) };
    await checkNotBehind(world.store, request.partner, request.feed);
    const manifest = await appendWithdrawal(log, tip, history, world, request);
    if (manifest === undefined) continue;
    const { partner, feed, sequence, reason } = request;
    world.log.warn({ partner, feed, sequence, reason, by: manifest.sequence, period: manifest.period.id }, "withdrawn");
    return { outcome: "withdrawn", manifest, ...(await clear(log, [manifest, ...history])) };
  }
  throw new SpampotsError("store-unavailable", "Other publishers keep writing this log at the same time.", {
    hint: "Run the same command again.",
    store: log.place.url,
  });
}

/** A log: its place in the store, and the keys that may have signed it. */
interface OwnLog {
  readonly place: Store;
  readonly keyOf: KeyFinder;
}

function openLog({ store, keyring }: WithdrawWorld, { partner, feed }: WithdrawRequest): OwnLog {
  return { place: store.under(feedPrefix(partner, feed)), keyOf: keyFinder(keyring.keys) };
}

function checkReason(reason: string): void {
  if (reason.trim() !== "" && reason.length <= 1000 && reason.isWellFormed()) return;
  throw new SpampotsError("bad-argument", "The reason can't stand in a manifest.", {
    hint: "Give partners a sentence of at most 1,000 characters.",
  });
}

async function readHistory(
  { place, keyOf }: OwnLog,
  { store, keyring, marks }: WithdrawWorld,
  { partner, feed, sequence }: WithdrawRequest,
): Promise<{ tip: Publication; history: readonly Manifest[] }> {
  const tip = await readOwnTip(store, partner, feed, keyring, { marks });
  if (tip === undefined) {
    throw new SpampotsError("not-found", "Nothing was published for this partner and feed.", {
      hint: "Write both as they stand in partners.yaml, or as folders below partners/ in the store.",
      partner,
      feed,
      store: store.url,
    });
  }
  const history = await periodHistory(place, tip, sequence, keyOf);
  const kind = history?.find((manifest) => manifest.sequence === sequence)?.kind;
  if (history !== undefined && kind === "publication") return { tip, history };
  throw new SpampotsError("not-found", "There is no such publication to withdraw.", {
    hint: kind === undefined ? `The log ends at ${tip.manifest.sequence}.` : "This number is a withdrawal itself.",
    partner,
    feed,
    sequence,
  });
}

/** An earlier withdrawal, where it says what is asked for now. */
function sameAs(done: Manifest, { reason, revoke }: WithdrawRequest): Manifest {
  if (done.withdraws?.reason === reason && done.withdraws.revoked === revoke) return done;
  throw new SpampotsError("already-exists", "This publication is withdrawn already, with other words.", {
    hint: "What is signed stays. `spampots publish --again` publishes the period anew.",
    by: done.sequence,
    reason: done.withdraws?.reason,
    revoked: done.withdraws?.revoked,
  });
}

/** Signs and commits the withdrawal; `undefined` where another publisher was first. */
async function appendWithdrawal(
  { place }: OwnLog,
  tip: Publication,
  history: readonly Manifest[],
  world: WithdrawWorld,
  request: WithdrawRequest,
): Promise<Manifest | undefined> {
  const { store, keyring, issuer, clock } = world;
  const [newest] = history;
  if (newest === undefined) throw new SpampotsError("internal", "A period without publications was to be withdrawn.");
  const folder = temporaryPath(world.temporary);
  try {
    const revocation = await revocationOf(newest, history, folder, { ...world, place }, request.revoke);
    const now = clock();
    for (const partner of [undefined, request.partner]) {
      await ensureAnnounced(store, partner, { issuer: issuer.name, keyring, now, marks: world.marks });
    }
    const sequences = history.filter(({ kind }) => kind === "publication").map(({ sequence }) => sequence);
    const manifest = withdrawalManifest(
      { ...logFacts(newest, world, now), issuer: issuer.name, tip, now },
      {
        withdrawn: newest,
        sequences: sequences.sort((a, b) => a - b),
        reason: request.reason,
        revoked: request.revoke,
        ...revocation,
      },
    );
    await putArtifacts(place, manifest, revocation);
    if ((await append(place, manifest, keyring.signer)) === "lost") return undefined;
    await putMissing(place, manifest, revocation);
    const committed = { manifest, payloadSha256: payloadDigest(encodeManifest(manifest)), kid: keyring.live };
    await putMark(world.marks, request.partner, request.feed, committed);
    return manifest;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function revocationOf(
  newest: Manifest,
  history: readonly Manifest[],
  folder: string,
  world: WithdrawWorld & { readonly place: Store },
  revoke: boolean,
): Promise<Revocation> {
  if (!revoke) {
    const slice = { feed: newest.feed, policyDigest: newest.policy.digest, period: newest.period.id };
    const { revokes } = await readSliceRecords(world.store, slice, { stated: [newest] });
    return { artifacts: [], revokes };
  }
  await mkdir(folder, { recursive: true });
  const before = withdrawnSequences(history);
  const standing = history.filter(({ kind, sequence }) => kind === "publication" && !before.has(sequence));
  return renderRevocation(newest, standing, folder, world);
}

/**
 * Partner and subscription as they are, or, where the partner gets nothing more, as the withdrawn manifest states them:
 * with an MoU that is over, so that no later publication is promised.
 */
function logFacts(
  newest: Manifest,
  { partners }: Pick<WithdrawWorld, "partners">,
  now: number,
): Pick<LogFacts, "partner" | "subscription"> {
  const known = selectedLogs(partners, { partner: newest.partner, feed: newest.feed })[0];
  if (known !== undefined && inForce(known.partner, now)) return known;
  const { reference, purposes, onward, retention_days: retentionDays } = newest.mou;
  const over = { from: 0, to: 0, suspended: false };
  // Durations stand in the definition as seconds.
  const duration = (name: string) => Number(newest.feed_definition[name]) * 1000;
  return {
    partner: { id: newest.partner, mou: { reference, purposes, onward, retentionDays, ...over } },
    subscription: {
      every: newest.period.every,
      feed: {
        id: newest.feed,
        lag: duration("lag"),
        reviseFor: duration("revise_for"),
        retain: duration("retain"),
      },
    },
  };
}

/** Deletes what withdrawn publications left, so far as it is still there. */
async function clear({ place }: OwnLog, history: readonly Manifest[]): Promise<{ deleted: number; bytes: number }> {
  let [deleted, bytes] = [0, 0];
  for (const key of withdrawnArtifacts(history)) {
    const facts = await place.stat(key);
    if (facts === undefined) continue;
    await place.delete(key);
    deleted += 1;
    bytes += facts.bytes;
  }
  return { deleted, bytes };
}
