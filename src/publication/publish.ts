/**
 * The story of publishing: what is due is sliced and rendered once per policy, stored under each partner's prefix,
 * signed and committed, oldest first. Killed anywhere and run again it gives the same logs; what fails stops only its
 * own log.
 */
import { rm } from "node:fs/promises";
import type { Leases } from "../delivery/leases.ts";
import { codeOf, SpampotsError } from "../errors.ts";
import type { LakeState } from "../feed/input-set.ts";
import type { Partner } from "../feed/partners.ts";
import { inForce } from "../feed/policy.ts";
import type { Log } from "../log.ts";
import type { Format } from "../model.ts";
import type { Store } from "../store/store.ts";
import { temporaryPath } from "../store/temporary.ts";
import { putAgainRecord } from "./again.ts";
import { ensureAnnounced } from "./announce.ts";
import { Answers } from "./answers.ts";
import { logsAtOnce, mapAtOnce } from "./at-once.ts";
import { type PublicationFacts, publicationManifest } from "./compose.ts";
import type { Keyring } from "./keys.ts";
import type { KnownLogs } from "./known-logs.ts";
import { append, logKey, type Publication, readManifest } from "./log.ts";
import { type MadeSlice, type MakingWorld, makeSlice } from "./make-slice.ts";
import { encodeManifest, feedPrefix, type Manifest, payloadDigest } from "./manifest.ts";
import { putMark } from "./marks.ts";
import { grouped, lakeState, logName, type Planned, type Selected, selectedLogs, sliceLease } from "./plan.ts";
import { Planning } from "./planning.ts";
import { putArtifacts, putMissing } from "./put-artifacts.ts";
import { keyFinder } from "./sign.ts";

/** What publishing works with. */
export interface PublishWorld extends MakingWorld {
  readonly partners: readonly Partner[];
  readonly keyring: Keyring;
  /** Folder for half-made files. */
  readonly temporary: string;
  /** Beside the lake, not in the store: how far each log is known to go. See `marks.ts`. */
  readonly marks: Store;
  /** Milliseconds since 1970 UTC, asked again before each commit. */
  readonly clock: () => number;
  /** Days that captures are kept in the lake; for ever where absent. */
  readonly retainLakeDays?: number;
  readonly log: Log;
  /** What is remembered from run to run; without, every log is read. */
  readonly known?: KnownLogs;
  /** Of several runners each slice is made by one; without, whoever comes makes it. */
  readonly leases?: Leases;
  /** Begins nothing more once it is aborted. */
  readonly signal?: AbortSignal;
  readonly onProgress?: (said: PublishProgress) => void;
}

/** One step that people may want to see. */
export interface PublishProgress {
  readonly done: number;
  readonly of: number;
  readonly feed: string;
  readonly period: string;
}

/** Something that stopped one log. */
export interface Failure {
  readonly partner: string;
  readonly feed: string;
  readonly period?: string;
  readonly error: unknown;
}

/** What became of a publication. */
export interface Published {
  readonly partner: string;
  readonly manifest: Manifest;
}

export interface PublishOutcome {
  readonly published: readonly Published[];
  readonly failures: readonly Failure[];
  /** Logs that another publisher was writing; what was due there is its business now. */
  readonly contested: number;
  /** Slices that another runner is at; what isn't published of them is the next run's. */
  readonly elsewhere: number;
}

/**
 * Publishes everything that is due in the selection; with `dry` only says what that would be. Never rejects for what
 * concerns one log alone.
 */
export async function publish(world: PublishWorld, selected: Selected = {}): Promise<PublishOutcome> {
  const state = await lakeState(world, world.clock());
  const run = new PublishRun(world, state, selected.dry === true);
  await run.plan(selected);
  await run.carryOut();
  return run;
}

class PublishRun implements PublishOutcome {
  readonly published: Published[] = [];
  readonly failures: Failure[] = [];
  contested = 0;
  elsewhere = 0;
  readonly #world: PublishWorld;
  readonly #state: LakeState;
  readonly #dry: boolean;
  #planned: readonly Planned[] = [];
  #tips: Map<string, Publication | undefined> = new Map();
  readonly #announced = new Set<string>();
  /** The store's own chain: looked at once a run. */
  #announcedToAll: Promise<number> | undefined;
  /** Logs that take nothing more in this run. */
  readonly #stopped = new Set<string>();
  readonly #answers: Answers;

  constructor(world: PublishWorld, state: LakeState, dry: boolean) {
    this.#world = world;
    this.#state = state;
    this.#dry = dry;
    this.#answers = new Answers(world.signal);
  }

  async plan(selected: Selected): Promise<void> {
    const planning = new Planning(this.#world, {
      state: this.#state,
      answers: this.#answers,
      onFailure: (failure) => this.#fail(failure),
    });
    this.#planned = await planning.plan(selectedLogs(this.#world.partners, selected), selected);
    this.#tips = planning.tips;
  }

  async carryOut(): Promise<void> {
    const groups = grouped(this.#planned);
    for (const [index, group] of groups.entries()) {
      const [first] = group;
      if (first === undefined) continue;
      if (this.#answers.over) return;
      const { period } = first.due;
      const feed = first.subscription.feed.id;
      this.#world.onProgress?.({ done: index, of: groups.length, feed, period: period.id });
      await this.#publishGroup(group);
    }
  }

  /** Makes one slice, unless another runner is at it, or was since it was planned. Never rejects. */
  async #publishGroup(group: readonly Planned[]): Promise<void> {
    const open = group.filter(
      ({ partner, subscription }) => !this.#stopped.has(logName(partner.id, subscription.feed.id)),
    );
    const [first] = open;
    if (first === undefined) return;
    const leases = this.#dry ? undefined : this.#world.leases;
    try {
      if (leases === undefined) return await this.#makeSlice(first, open);
      const lease = await leases.take(sliceLease(first));
      if (lease === undefined) {
        this.elsewhere += 1;
        // Later periods of these logs come after this one.
        for (const { partner, subscription } of open) this.#stopped.add(logName(partner.id, subscription.feed.id));
        return;
      }
      try {
        const left = await this.#stillDue(open);
        if (left[0] !== undefined) await this.#makeSlice(left[0], left);
      } finally {
        await lease.release();
      }
    } catch (error) {
      if (this.#world.signal?.aborted === true) {
        const period = first.due.period.id;
        this.#world.log.warn(
          { feed: first.subscription.feed.id, period, err: error },
          "a slice was broken off; it is made again",
        );
        return;
      }
      this.#answers.heard(error);
      for (const { partner, subscription, due: entry } of open) {
        this.#fail({ partner: partner.id, feed: subscription.feed.id, period: entry.period.id, error });
      }
    }
  }

  /** Of a slice that is ours now: logs to which nobody added since they were read. */
  async #stillDue(group: readonly Planned[]): Promise<readonly Planned[]> {
    const left = await mapAtOnce(group, logsAtOnce, async (planned) => {
      const { partner, subscription } = planned;
      const name = logName(partner.id, subscription.feed.id);
      const place = this.#world.store.under(feedPrefix(partner.id, subscription.feed.id));
      const next = logKey((this.#tips.get(name)?.manifest.sequence ?? 0) + 1);
      if ((await place.stat(next)) === undefined) return [planned];
      this.contested += 1;
      this.#stopped.add(name);
      return [];
    });
    return left.flat();
  }

  async #makeSlice(first: Planned, group: readonly Planned[]): Promise<void> {
    const folder = temporaryPath(this.#world.temporary);
    try {
      const { feed } = first.subscription;
      const formats = new Set<Format>(group.flatMap(({ subscription }) => subscription.formats));
      const split = group.some(({ subscription }) => subscription.splitBy !== undefined);
      const slice = await makeSlice({ feed, due: first.due, formats, split }, folder, this.#world, this.#state, () =>
        this.#dry ? Promise.resolve([]) : this.#putAgainRecords(group),
      );
      const made = await mapAtOnce(group, logsAtOnce, (planned) => this.#publishOne(planned, slice));
      this.published.push(...made.filter((published) => published !== undefined));
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }

  /** First of all, so that a run that is killed later renders the same once more. Returns their keys. */
  async #putAgainRecords(group: readonly Planned[]): Promise<string[]> {
    const keys: string[] = [];
    for (const { subscription, again } of group) {
      if (again !== undefined) keys.push(await putAgainRecord(this.#world.store, subscription.feed.id, again));
    }
    return keys;
  }

  /** Never rejects: what fails here stops this log alone. */
  async #publishOne(planned: Planned, slice: MadeSlice): Promise<Published | undefined> {
    const { partner, subscription, due: entry } = planned;
    const { rendered } = slice;
    const { keyring, clock, log } = this.#world;
    const name = logName(partner.id, subscription.feed.id);
    try {
      if (this.#answers.over) return undefined;
      const now = clock();
      // An MoU may have lapsed since the plan was made.
      if (!inForce(partner, now)) return undefined;
      if (!this.#dry) await this.#announce(partner.id);
      const store = this.#world.store.under(feedPrefix(partner.id, subscription.feed.id));
      const facts = { issuer: this.#world.issuer.name, partner, subscription, tip: this.#tips.get(name), now };
      const manifest = publicationManifest(facts, { subscription, due: entry, ...slice });
      if (this.#dry) {
        // As if it were committed: the next publication of this log builds on it.
        this.#tips.set(name, { manifest, payloadSha256: payloadDigest(encodeManifest(manifest)), kid: keyring.live });
        return { partner: partner.id, manifest };
      }
      const committed = await this.#commit(store, manifest, rendered);
      if (committed === undefined) {
        this.contested += 1;
        this.#stopped.add(name);
        return undefined;
      }
      await putMark(this.#world.marks, partner.id, manifest.feed, committed);
      this.#tips.set(name, committed);
      this.#world.known?.note(name, committed);
      this.#answers.heard();
      log.info(
        { partner: partner.id, feed: manifest.feed, sequence: manifest.sequence, period: manifest.period.id },
        "published",
      );
      return { partner: partner.id, manifest };
    } catch (error) {
      this.#answers.heard(error);
      this.#fail({ partner: partner.id, feed: subscription.feed.id, period: entry.period.id, error });
      return undefined;
    }
  }

  /** Stores a publication, the manifest last; `undefined` where another publisher was first. */
  async #commit(
    store: Store,
    manifest: Manifest,
    rendered: PublicationFacts["rendered"],
  ): Promise<Publication | undefined> {
    await putArtifacts(store, manifest, rendered);
    if ((await append(store, manifest, this.#world.keyring.signer)) === "lost") return undefined;
    await putMissing(store, manifest, rendered);
    return this.#readBack(store, manifest);
  }

  async #announce(partner: string): Promise<void> {
    if (this.#announced.has(partner)) return;
    const { store, keyring, issuer, clock, marks } = this.#world;
    const announcing = { issuer: issuer.name, keyring, now: clock(), marks };
    this.#announcedToAll ??= ensureAnnounced(store, undefined, announcing);
    await this.#announcedToAll.catch((error: unknown) => {
      this.#announcedToAll = undefined;
      throw error;
    });
    await ensureAnnounced(store, partner, announcing);
    this.#announced.add(partner);
  }

  /** What was just committed, as the store gives it back: signature and bytes are proven before anything builds on it. */
  async #readBack(store: Store, manifest: Manifest): Promise<Publication> {
    const { keys } = this.#world.keyring;
    // This very one, though another publisher may have gone on: the next append then finds its number taken.
    const found = await readManifest(store, manifest.sequence, keyFinder(keys));
    if (found !== undefined) return found;
    throw new SpampotsError("store-unfit", "The store doesn't give back what was just put.", {
      hint: "Run it again: what is there is not published twice. If that stays, use another service, or a folder.",
      store: store.url,
    });
  }

  #fail(failure: Failure): void {
    this.failures.push(failure);
    const { partner, feed, period, error } = failure;
    this.#stopped.add(logName(partner, feed));
    this.#world.known?.forget(logName(partner, feed));
    this.#world.log.error({ partner, feed, period, code: codeOf(error), err: error }, "not published");
  }
}
