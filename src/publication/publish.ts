/**
 * The story of publishing: what is due is sliced and rendered once per policy, stored under each partner's prefix,
 * signed and committed, oldest first. Killed anywhere and run again it gives the same logs; what fails stops only its
 * own log.
 */
import { rm } from "node:fs/promises";
import { logsAtOnce, mapAtOnce } from "../at-once.ts";
import type { Leases } from "../delivery/leases.ts";
import { codeOf, isError, SpampotsError } from "../errors.ts";
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
import { type PublicationFacts, publicationManifest } from "./compose.ts";
import type { Keyring } from "./keys.ts";
import type { KnownLogs } from "./known-logs.ts";
import { append, type Publication, readManifest, readThere } from "./log.ts";
import { type MadeSlice, type MakingWorld, makeSlice } from "./make-slice.ts";
import { encodeManifest, feedPrefix, type Manifest, payloadDigest } from "./manifest.ts";
import { putMark } from "./marks.ts";
import { isAsPlanned, lakeState, logName, type Planned, type Selected, selectedLogs, sliceLease } from "./plan.ts";
import { Planning } from "./planning.ts";
import { putArtifacts, putMissing } from "./put-artifacts.ts";
import type { SliceRecord } from "./records.ts";
import { keyFinder } from "./sign.ts";
import { SliceQueue } from "./slice-queue.ts";

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
  /** Leases of slices that other runners are at; what isn't published of them is the next run's. */
  readonly elsewhere: readonly string[];
}

/**
 * Publishes everything that is due in the selection; with `dry` only says what that would be. Never rejects for what
 * concerns one log alone.
 */
export async function publish(world: PublishWorld, selected: Selected = {}): Promise<PublishOutcome> {
  const planned = async (state: LakeState) => {
    const run = new PublishRun(world, state, selected.dry === true);
    await run.plan(selected);
    return run;
  };
  // What is made is made of all that is there: two runners that know of different batches would revise each other. Who
  // comes again and again, and mostly in vain, asks for that once there is something to make.
  const looksOften = world.known !== undefined;
  const seen = await lakeState(world, world.clock(), { all: !looksOften });
  const look = await planned(seen);
  if (look.isIdle) return look;
  const state = looksOften ? await lakeState(world, world.clock()) : seen;
  const run = state === seen ? look : await planned(state);
  await run.carryOut();
  return run;
}

class PublishRun implements PublishOutcome {
  readonly published: Published[] = [];
  readonly failures: Failure[] = [];
  contested = 0;
  elsewhere: readonly string[] = [];
  readonly #world: PublishWorld;
  readonly #state: LakeState;
  readonly #dry: boolean;
  #queue = new SliceQueue([]);
  #tips: Map<string, Publication | undefined> = new Map();
  readonly #announced = new Set<string>();
  /** The store's own chain: looked at once a run. */
  #announcedToAll: Promise<number> | undefined;
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
    this.#queue = new SliceQueue(await planning.plan(selectedLogs(this.#world.partners, selected), selected));
    this.#tips = planning.tips;
  }

  /** True where nothing is to be made. */
  get isIdle(): boolean {
    return this.#queue.size === 0;
  }

  async carryOut(): Promise<void> {
    const queue = this.#queue;
    const passed = new Set<string>();
    for (let open = queue.next(); open !== undefined && !this.#answers.over; open = queue.next()) {
      const [first] = open;
      if (first === undefined) return;
      const feed = first.subscription.feed.id;
      this.#world.onProgress?.({ done: queue.size - queue.left, of: queue.size, feed, period: first.due.period.id });
      if (await this.#publishSlice(first, open)) {
        queue.done(open);
        passed.clear();
      } else {
        queue.pass(open);
        passed.add(sliceLease(first));
      }
    }
    this.elsewhere = [...passed];
  }

  /** Makes one slice, unless others made it since it was planned. False where another runner is at it. Never rejects. */
  async #publishSlice(first: Planned, open: readonly Planned[]): Promise<boolean> {
    const leases = this.#dry ? undefined : this.#world.leases;
    try {
      if (leases === undefined) {
        await this.#makeSlice(open);
        return true;
      }
      const lease = await leases.take(sliceLease(first));
      if (lease === undefined) return false;
      try {
        await this.#makeSlice(await this.#stillDue(open));
      } finally {
        await lease.release();
      }
    } catch (error) {
      this.#sliceFailed(first, open, error);
    }
    return true;
  }

  #sliceFailed(first: Planned, open: readonly Planned[], error: unknown): void {
    if (this.#world.signal?.aborted === true) {
      const period = first.due.period.id;
      const feed = first.subscription.feed.id;
      this.#world.log.warn({ feed, period, err: error }, "a slice was broken off; it is made again");
      return;
    }
    this.#answers.heard(error);
    for (const { partner, subscription, due: entry } of open) {
      this.#fail({ partner: partner.id, feed: subscription.feed.id, period: entry.period.id, error });
    }
  }

  /** Of a slice that is ours now: logs that nobody added it to since they were read. */
  async #stillDue(group: readonly Planned[]): Promise<readonly Planned[]> {
    const left = await mapAtOnce(group, logsAtOnce, async (planned) =>
      (await this.#isOvertaken(planned)) ? [] : [planned],
    );
    return left.flat();
  }

  /**
   * Did another publisher add to the log? Where it added this very publication, the log's later ones are made after it as
   * if it were our own; after anything else it has to be planned anew. Never rejects for what concerns the log alone.
   */
  async #isOvertaken(planned: Planned): Promise<boolean> {
    const { store, keyring } = this.#world;
    const { partner, subscription, due: entry } = planned;
    const [feed, name] = [subscription.feed.id, logName(partner.id, subscription.feed.id)];
    const tip = this.#tips.get(name);
    const place = store.under(feedPrefix(partner.id, feed));
    try {
      const next = await readManifest(place, (tip?.manifest.sequence ?? 0) + 1, keyFinder(keyring.keys));
      if (next === undefined) return false;
      if (next.kid === keyring.live && isAsPlanned(next, planned, tip)) await this.#goOnFrom(name, next);
      else this.#contest(name);
    } catch (error) {
      if (isError(error, "store-unavailable")) throw error;
      this.#fail({ partner: partner.id, feed, period: entry.period.id, error });
    }
    return true;
  }

  /** A log's newest publication is this one, of ours or of another runner. */
  async #goOnFrom(name: string, publication: Publication): Promise<void> {
    const { partner, feed } = publication.manifest;
    await putMark(this.#world.marks, partner, feed, publication);
    this.#tips.set(name, publication);
    this.#world.known?.note(name, publication);
  }

  #contest(name: string): void {
    this.contested += 1;
    this.#queue.stop(name);
  }

  async #makeSlice(planned: readonly Planned[]): Promise<void> {
    const found = (await mapAtOnce(planned, logsAtOnce, (entry) => this.#withReplaced(entry))).flat();
    const [group, stated] = [found.map(([entry]) => entry), found.flatMap(([, replaced]) => replaced)];
    const [first] = group;
    if (first === undefined) return;
    const folder = temporaryPath(this.#world.temporary);
    try {
      const { feed } = first.subscription;
      const formats = new Set<Format>(group.flatMap(({ subscription }) => subscription.formats));
      const split = group.some(({ subscription }) => subscription.splitBy !== undefined);
      const slice = await makeSlice(
        { feed, due: first.due, formats, split },
        folder,
        this.#world,
        this.#state,
        async () => ({
          own: this.#dry ? [] : await this.#putAgainRecords(group),
          stated,
        }),
      );
      const made = await mapAtOnce(group, logsAtOnce, (planned) => this.#publishOne(planned, slice));
      this.published.push(...made.filter((published) => published !== undefined));
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }

  /**
   * With the publication that it replaces, if there is one: no record that it counted may be missing. None where that
   * can't be read, which stops this log alone. Never rejects for what concerns the log alone.
   */
  async #withReplaced(planned: Planned): Promise<readonly (readonly [Planned, readonly Manifest[]])[]> {
    const { store, keyring } = this.#world;
    const { partner, subscription, due: entry } = planned;
    const feed = subscription.feed.id;
    if (entry.previous === undefined) return [[planned, []]];
    try {
      const place = store.under(feedPrefix(partner.id, feed));
      const { manifest } = await readThere(place, entry.previous.sequence, keyFinder(keyring.keys));
      return [[planned, [manifest]]];
    } catch (error) {
      if (isError(error, "store-unavailable")) throw error;
      this.#fail({ partner: partner.id, feed, period: entry.period.id, error });
      return [];
    }
  }

  /** First of all, so that a run that is killed later renders the same once more. */
  async #putAgainRecords(group: readonly Planned[]): Promise<SliceRecord[]> {
    const records: SliceRecord[] = [];
    for (const { subscription, again } of group) {
      if (again !== undefined) records.push(await putAgainRecord(this.#world.store, subscription.feed.id, again));
    }
    return records;
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
        this.#contest(name);
        return undefined;
      }
      await this.#goOnFrom(name, committed);
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
    this.#queue.stop(logName(partner, feed));
    this.#world.known?.forget(logName(partner, feed));
    this.#world.log.error({ partner, feed, period, code: codeOf(error), err: error }, "not published");
  }
}
