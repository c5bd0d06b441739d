/**
 * The story of publishing: what is due is sliced and rendered once per policy, stored under each partner's prefix,
 * signed and committed, oldest first. Killed anywhere and run again it gives the same logs; what fails stops only its
 * own log.
 */
import { rm } from "node:fs/promises";
import { isError, SpampotsError } from "../errors.ts";
import { type Due, due, type LakeState } from "../feed/due.ts";
import type { Partner } from "../feed/partners.ts";
import { inForce } from "../feed/policy.ts";
import { coverageOf } from "../lake/coverage.ts";
import type { Log } from "../log.ts";
import { dayMs, type Format } from "../model.ts";
import type { Store } from "../store/store.ts";
import { temporaryPath } from "../store/temporary.ts";
import { dueAgain, putAgainRecord } from "./again.ts";
import { announceTips, ensureAnnounced } from "./announce.ts";
import { checkNotBehind, readOwnTip } from "./behind.ts";
import { logStateOf, type PublicationFacts, publicationManifest } from "./compose.ts";
import type { Keyring } from "./keys.ts";
import { inLanes } from "./lanes.ts";
import { append, type Publication, readManifest } from "./log.ts";
import { encodeManifest, feedPrefix, type Manifest, parseMicroseconds, payloadDigest } from "./manifest.ts";
import { keepMark, putMark } from "./marks.ts";
import { grouped, lakeState, type PartnerLog, type Planned, type Selected, selectedLogs } from "./plan.ts";
import { putArtifacts, putMissing } from "./put-artifacts.ts";
import { readSliceRecords } from "./records.ts";
import { renderSlice, type SliceWorld } from "./slices.ts";

/** What publishing works with. */
export interface PublishWorld extends SliceWorld {
  readonly store: Store;
  readonly partners: readonly Partner[];
  /** Sensors that the sensors file holds, former ones too. */
  readonly sensorIds: ReadonlySet<string>;
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
}

/**
 * Publishes everything that is due in the selection; with `dry` only says what that would be. Never rejects for what
 * concerns one log alone.
 */
export async function publish(world: PublishWorld, selected: Selected = {}): Promise<PublishOutcome> {
  const state = await lakeState(world, world.clock());
  const run = new PublishRun(world, state, selected.dry === true);
  await run.plan(selectedLogs(world.partners, selected), selected);
  await run.carryOut();
  return run;
}

/** Logs or slices in a row without an answer after which the store counts as away: one may be one ill disk of it. */
const mostUnanswered = 3;

/** Logs that are read or committed to at once: they are independent, and each mostly waits for the store. */
const logsAtOnce = 8;

class PublishRun implements PublishOutcome {
  readonly published: Published[] = [];
  readonly failures: Failure[] = [];
  readonly planned: Planned[] = [];
  contested = 0;
  readonly #world: PublishWorld;
  readonly #state: LakeState;
  readonly #dry: boolean;
  readonly #tips = new Map<string, Publication | undefined>();
  readonly #announced = new Set<string>();
  /** The store's own chain: looked at once a run. */
  #announcedToAll: Promise<number> | undefined;
  /** Logs that take nothing more in this run. */
  readonly #stopped = new Set<string>();
  /** Logs or slices in a row that the store gave no answer for. */
  #unanswered = 0;

  constructor(world: PublishWorld, state: LakeState, dry: boolean) {
    this.#world = world;
    this.#state = state;
    this.#dry = dry;
  }

  async plan(logs: readonly PartnerLog[], selected: Selected): Promise<void> {
    const now = this.#world.clock();
    const found = new Map<PartnerLog, readonly Planned[]>();
    await inLanes(logsAtOnce, async (lanes) => {
      // A partner's logs one after another: they share a chain of keys, which may have to go on.
      for (const own of Map.groupBy(logs, ({ partner }) => partner.id).values()) {
        await lanes(async () => {
          for (const log of own) found.set(log, await this.#planLog(log, selected, now));
        });
      }
    });
    this.planned.push(...logs.flatMap((log) => found.get(log) ?? []));
    this.planned.sort((a, b) => a.due.period.end - b.due.period.end || a.due.period.start - b.due.period.start);
  }

  /** What of one log is due. Never rejects: what fails here stops this log alone. */
  async #planLog({ partner, subscription }: PartnerLog, selected: Selected, now: number): Promise<readonly Planned[]> {
    const { store, keyring, marks } = this.#world;
    const { feed } = subscription;
    if (this.#isAway() || !inForce(partner, now)) return [];
    try {
      const place = store.under(feedPrefix(partner.id, feed.id));
      const tip = await readOwnTip(store, partner.id, feed.id, keyring, marks);
      checkClock(tip, now);
      if (tip !== undefined && !this.#dry) await this.#vouch(partner.id, tip);
      this.#tips.set(logName(partner.id, feed.id), tip);
      const context = { partner, subscription, log: logStateOf(tip), lake: this.#state, now };
      const found = due(context);
      const keyOf = (kid: string) => keyring.keys.find((key) => key.kid === kid);
      const again = selected.again ? await dueAgain(context, found, { store: place, tip, keyOf }) : [];
      const planned = [
        ...found.map((entry) => ({ partner, subscription, due: entry })),
        ...again.map((entry) => ({ partner, subscription, due: entry.due, again: entry })),
      ];
      const wanted = planned.filter(
        (entry) => selected.period === undefined || entry.due.period.id === selected.period,
      );
      if (wanted.length > 0) await checkNotBehind(store, partner.id, feed.id);
      this.#heard();
      return wanted;
    } catch (error) {
      this.#heard(error);
      this.#fail({ partner: partner.id, feed: feed.id, error });
      return [];
    }
  }

  async carryOut(): Promise<void> {
    const groups = grouped(this.planned);
    for (const [index, group] of groups.entries()) {
      const [first] = group;
      if (first === undefined) continue;
      if (this.#isAway()) return;
      const { period } = first.due;
      const feed = first.subscription.feed.id;
      this.#world.onProgress?.({ done: index, of: groups.length, feed, period: period.id });
      await this.#publishGroup(group);
    }
  }

  /** What the sensors file doesn't know can't be looked for in what leaves. @throws SpampotsError `unknown-sensor` */
  #checkSensors({ input }: Due): void {
    const unknown = input.batches.find((record) => !this.#world.sensorIds.has(record.sensor));
    if (unknown === undefined) return;
    throw new SpampotsError("unknown-sensor", "Captures are of a sensor that the sensors file doesn't hold.", {
      sensor: unknown.sensor,
      hint: "Put it back with all addresses it ever had: a sensor that is gone stays in the file, or its address could leave.",
    });
  }

  async #publishGroup(group: readonly Planned[]): Promise<void> {
    const open = group.filter(
      ({ partner, subscription }) => !this.#stopped.has(logName(partner.id, subscription.feed.id)),
    );
    const [first] = open;
    if (first === undefined) return;
    const folder = temporaryPath(this.#world.temporary);
    try {
      const { feed } = first.subscription;
      this.#checkSensors(first.due);
      const own = this.#dry ? [] : await this.#putAgainRecords(open);
      const { policy, period } = first.due;
      const records = await readSliceRecords(this.#world.store, feed.id, policy.digest, period.id, own);
      const formats = new Set<Format>(open.flatMap(({ subscription }) => subscription.formats));
      const split = open.some(({ subscription }) => subscription.splitBy !== undefined);
      const rendered = await renderSlice({ feed, due: first.due, records, formats, split }, folder, this.#world);
      const coverage = this.#coverage(first.due);
      const made = new Map<Planned, Published>();
      await inLanes(logsAtOnce, async (lanes) => {
        for (const planned of open) {
          await lanes(async () => {
            const published = await this.#publishOne(planned, { rendered, records, coverage });
            if (published) made.set(planned, published);
          });
        }
      });
      // In the order of the plan, whoever was done first.
      this.published.push(...open.flatMap((planned) => made.get(planned) ?? []));
    } catch (error) {
      this.#heard(error);
      for (const { partner, subscription, due: entry } of open) {
        this.#fail({ partner: partner.id, feed: subscription.feed.id, period: entry.period.id, error });
      }
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

  /** Of the slice's period, by every batch that isn't excluded: the same for all partners. */
  #coverage({ period }: Due): PublicationFacts["coverage"] {
    const standing = this.#state.batches.filter((record) => !this.#state.excluded.has(record.batch));
    return coverageOf(standing, period.start, period.end);
  }

  /** Never rejects: what fails here stops this log alone. */
  async #publishOne(
    planned: Planned,
    slice: Omit<PublicationFacts, "subscription" | "due">,
  ): Promise<Published | undefined> {
    const { partner, subscription, due: entry } = planned;
    const { rendered } = slice;
    const { keyring, clock, log } = this.#world;
    const name = logName(partner.id, subscription.feed.id);
    try {
      if (this.#isAway()) return undefined;
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
      await putArtifacts(store, manifest, rendered);
      const outcome = await append(store, manifest, keyring.signer);
      if (outcome === "lost") {
        this.contested += 1;
        this.#stopped.add(name);
        return undefined;
      }
      await putMissing(store, manifest, rendered);
      const committed = await this.#readBack(store, manifest);
      await putMark(this.#world.marks, partner.id, manifest.feed, committed);
      this.#tips.set(name, committed);
      this.#heard();
      log.info(
        { partner: partner.id, feed: manifest.feed, sequence: manifest.sequence, period: manifest.period.id },
        "published",
      );
      return { partner: partner.id, manifest };
    } catch (error) {
      this.#heard(error);
      this.#fail({ partner: partner.id, feed: subscription.feed.id, period: entry.period.id, error });
      return undefined;
    }
  }

  /** What a run before this one was killed, or overtaken by a rotation, before it could note. */
  async #vouch(partner: string, tip: Publication): Promise<void> {
    const { store, keyring, issuer, clock, marks } = this.#world;
    await keepMark(marks, partner, tip.manifest.feed, tip);
    if (tip.kid === keyring.live) return;
    await announceTips(store, partner, { issuer: issuer.name, keyring, now: clock(), marks });
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
    const found = await readManifest(store, manifest.sequence, (kid) => keys.find((key) => key.kid === kid));
    if (found !== undefined) return found;
    throw new SpampotsError("store-unfit", "The store doesn't give back what was just put.", {
      hint: "Run it again: what is there is not published twice. If that stays, use another service, or a folder.",
      store: store.url,
    });
  }

  /** A store that is away keeps each log waiting for its whole deadline: what is left is the next run's, as ever. */
  #isAway(): boolean {
    return this.#unanswered >= mostUnanswered;
  }

  /** How one log's, or one slice's, turn with the store ended. */
  #heard(error?: unknown): void {
    this.#unanswered = isError(error, "store-unavailable") ? this.#unanswered + 1 : 0;
  }

  #fail(failure: Failure): void {
    this.failures.push(failure);
    this.#stopped.add(logName(failure.partner, failure.feed));
    const { partner, feed, period, error } = failure;
    const code = isError(error) ? error.code : "internal";
    this.#world.log.error({ partner, feed, period, code, err: error }, "not published");
  }
}

/** @throws SpampotsError `clock-behind` where the newest publication is of tomorrow or later. */
function checkClock(tip: Publication | undefined, now: number): void {
  if (tip === undefined || parseMicroseconds(tip.manifest.published_at) / 1000 <= now + dayMs) return;
  throw new SpampotsError("clock-behind", "The newest publication is of the future.", {
    hint: "Either this clock is wrong, or a publisher's was. Correct it; withdraw what was published too early.",
    published_at: tip.manifest.published_at,
  });
}

const logName = (partner: string, feed: string) => `${partner}/${feed}`;
