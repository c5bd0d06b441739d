/**
 * The story of publishing: what is due is sliced and rendered once per policy, stored under each partner's prefix,
 * signed and committed, oldest first. Killed anywhere and run again it gives the same logs; what fails stops only its
 * own log.
 */
import { rm } from "node:fs/promises";
import { isError, SpampotsError } from "../errors.ts";
import { type Due, due, type LakeState } from "../feed/due.ts";
import type { Partner, Subscription } from "../feed/partners.ts";
import { inForce } from "../feed/policy.ts";
import { coverageOf } from "../lake/coverage.ts";
import { retainedFrom } from "../lake/records.ts";
import type { Log } from "../log.ts";
import { dayMs, type Format } from "../model.ts";
import type { Store } from "../store/store.ts";
import { temporaryPath } from "../store/temporary.ts";
import { type DueAgain, dueAgain, putAgainRecord } from "./again.ts";
import { ensureAnnounced } from "./announce.ts";
import { checkNotBehind, readOwnTip } from "./behind.ts";
import { logStateOf, type PublicationFacts, publicationManifest, type Rendered } from "./compose.ts";
import type { Keyring } from "./keys.ts";
import { append, type Publication, readManifest } from "./log.ts";
import {
  artifactKey,
  encodeManifest,
  feedPrefix,
  type Manifest,
  parseMicroseconds,
  payloadDigest,
} from "./manifest.ts";
import { checkMark, putMark } from "./marks.ts";
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

/** Narrows what is published. */
export interface Selected {
  readonly partner?: string;
  readonly feed?: string;
  readonly period?: string;
  /** Also what is published under another feed definition, policy or renderer, or was withdrawn. */
  readonly again?: boolean;
  /** Render and compose everything, store nothing. */
  readonly dry?: boolean;
}

/** A log: one feed of one partner. */
export interface PartnerLog {
  readonly partner: Partner;
  readonly subscription: Subscription;
}

/** One publication that is due. */
export interface Planned extends PartnerLog {
  readonly due: Due;
  /** Where it is due again only because it was asked for. */
  readonly again?: DueAgain;
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

/** The logs of a selection, in the order of partners.yaml. */
export function selectedLogs(partners: readonly Partner[], { partner, feed }: Selected): PartnerLog[] {
  return partners
    .filter((entry) => partner === undefined || entry.id === partner)
    .flatMap((entry) => entry.subscriptions.map((subscription) => ({ partner: entry, subscription })))
    .filter(({ subscription }) => feed === undefined || subscription.feed.id === feed);
}

/** The lake as `due` sees it, back to the oldest instant that any subscription retains. */
export async function lakeState(
  world: Pick<PublishWorld, "lake" | "partners" | "retainLakeDays">,
  now: number,
): Promise<LakeState> {
  const retains = world.partners.flatMap((partner) => partner.subscriptions.map(({ feed }) => feed.retain));
  const names = await world.lake.names();
  const days = names.map((name) => name.firstDay).sort();
  const batches = await world.lake.batches(now - Math.max(0, ...retains) - 14 * dayMs, now + dayMs);
  const excluded = await world.lake.exclusions();
  return {
    batches,
    excluded: new Set(excluded.keys()),
    earliest: days[0] === undefined ? undefined : Date.parse(days[0]),
    ...(world.retainLakeDays === undefined ? {} : { retainedFrom: retainedFrom(now, world.retainLakeDays) }),
  };
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
  /** Logs that take nothing more in this run. */
  readonly #stopped = new Set<string>();

  constructor(world: PublishWorld, state: LakeState, dry: boolean) {
    this.#world = world;
    this.#state = state;
    this.#dry = dry;
  }

  async plan(logs: readonly PartnerLog[], selected: Selected): Promise<void> {
    const { store, keyring, clock, marks } = this.#world;
    const now = clock();
    const keyOf = (kid: string) => keyring.keys.find((key) => key.kid === kid);
    for (const { partner, subscription } of logs) {
      const { feed } = subscription;
      if (!inForce(partner, now)) continue;
      try {
        const place = store.under(feedPrefix(partner.id, feed.id));
        const tip = await readOwnTip(store, partner.id, feed.id, keyring);
        checkClock(tip, now);
        await checkMark(marks, partner.id, feed.id, tip);
        this.#tips.set(logName(partner.id, feed.id), tip);
        const context = { partner, subscription, log: logStateOf(tip), lake: this.#state, now };
        const found = due(context);
        const again = selected.again ? await dueAgain(context, found, { store: place, tip, keyOf }) : [];
        const planned = [
          ...found.map((entry) => ({ partner, subscription, due: entry })),
          ...again.map((entry) => ({ partner, subscription, due: entry.due, again: entry })),
        ];
        const wanted = planned.filter(
          (entry) => selected.period === undefined || entry.due.period.id === selected.period,
        );
        if (wanted.length > 0) await checkNotBehind(store, partner.id, feed.id);
        this.planned.push(...wanted);
      } catch (error) {
        this.#fail({ partner: partner.id, feed: feed.id, error });
      }
    }
    this.planned.sort((a, b) => a.due.period.end - b.due.period.end || a.due.period.start - b.due.period.start);
  }

  async carryOut(): Promise<void> {
    const groups = grouped(this.planned);
    for (const [index, group] of groups.entries()) {
      const [first] = group;
      if (first === undefined) continue;
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
      if (!this.#dry) await this.#putAgainRecords(open);
      const records = await readSliceRecords(this.#world.store, feed.id, first.due.policy.digest, first.due.period.id);
      const formats = new Set<Format>(open.flatMap(({ subscription }) => subscription.formats));
      const split = open.some(({ subscription }) => subscription.splitBy !== undefined);
      const rendered = await renderSlice({ feed, due: first.due, records, formats, split }, folder, this.#world);
      const coverage = this.#coverage(first.due);
      for (const planned of open) await this.#publishOne(planned, { rendered, records, coverage });
    } catch (error) {
      for (const { partner, subscription, due: entry } of open) {
        this.#fail({ partner: partner.id, feed: subscription.feed.id, period: entry.period.id, error });
      }
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }

  /** First of all, so that a run that is killed later renders the same once more. */
  async #putAgainRecords(group: readonly Planned[]): Promise<void> {
    for (const { subscription, again } of group) {
      if (again !== undefined) await putAgainRecord(this.#world.store, subscription.feed.id, again);
    }
  }

  /** Of the slice's period, by every batch that isn't excluded: the same for all partners. */
  #coverage({ period }: Due): PublicationFacts["coverage"] {
    const standing = this.#state.batches.filter((record) => !this.#state.excluded.has(record.batch));
    return coverageOf(standing, period.start, period.end);
  }

  async #publishOne(planned: Planned, slice: Omit<PublicationFacts, "subscription" | "due">): Promise<void> {
    const { partner, subscription, due: entry } = planned;
    const { rendered } = slice;
    const { keyring, clock, log } = this.#world;
    const name = logName(partner.id, subscription.feed.id);
    try {
      const now = clock();
      // An MoU may have lapsed since the plan was made.
      if (!inForce(partner, now)) return;
      if (!this.#dry) await this.#announce(partner.id);
      const store = this.#world.store.under(feedPrefix(partner.id, subscription.feed.id));
      const facts = { issuer: this.#world.issuer.name, partner, subscription, tip: this.#tips.get(name), now };
      const manifest = publicationManifest(facts, { subscription, due: entry, ...slice });
      if (this.#dry) {
        // As if it were committed: the next publication of this log builds on it.
        this.#tips.set(name, { manifest, payloadSha256: payloadDigest(encodeManifest(manifest)), kid: keyring.live });
        this.published.push({ partner: partner.id, manifest });
        return;
      }
      await putArtifacts(store, manifest, rendered);
      const outcome = await append(store, manifest, keyring.signer);
      if (outcome === "lost") {
        this.contested += 1;
        this.#stopped.add(name);
        return;
      }
      await putMissing(store, manifest, rendered);
      const committed = await this.#readBack(store, manifest);
      await putMark(this.#world.marks, partner.id, manifest.feed, committed);
      this.#tips.set(name, committed);
      this.published.push({ partner: partner.id, manifest });
      log.info(
        { partner: partner.id, feed: manifest.feed, sequence: manifest.sequence, period: manifest.period.id },
        "published",
      );
    } catch (error) {
      this.#fail({ partner: partner.id, feed: subscription.feed.id, period: entry.period.id, error });
    }
  }

  async #announce(partner: string): Promise<void> {
    if (this.#announced.has(partner)) return;
    const { store, keyring, issuer, clock } = this.#world;
    const announcing = { issuer: issuer.name, keyring, now: clock() };
    await ensureAnnounced(store, undefined, announcing);
    await ensureAnnounced(store, partner, announcing);
    this.#announced.add(partner);
  }

  /** What was just committed, as the store gives it back: signature and bytes are proven before anything builds on it. */
  async #readBack(store: Store, manifest: Manifest): Promise<Publication> {
    const { keys } = this.#world.keyring;
    // This very one, though another publisher may have gone on: the next append then finds its number taken.
    const found = await readManifest(store, manifest.sequence, (kid) => keys.find((key) => key.kid === kid));
    if (found !== undefined) return found;
    throw new SpampotsError("store-unfit", "The store doesn't give back what was just put.", { store: store.url });
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

/** Planned publications that are one slice: same feed, policy, period and input. In the order of the plan. */
function grouped(planned: readonly Planned[]): Planned[][] {
  const groups = new Map<string, Planned[]>();
  for (const entry of planned) {
    const { policy, period, input } = entry.due;
    const key = [entry.subscription.feed.id, policy.digest, period.id, input.digest].join(" ");
    const group = groups.get(key);
    if (group) group.push(entry);
    else groups.set(key, [entry]);
  }
  return [...groups.values()];
}

/** Puts what a manifest names. What is there already is put again, so that no sweep takes it meanwhile. */
export async function putArtifacts(
  store: Store,
  manifest: Manifest,
  rendered: Pick<Rendered, "artifacts">,
): Promise<void> {
  for (const artifact of manifest.artifacts) {
    const file = rendered.artifacts.find((entry) => entry.name === artifact.name);
    if (file === undefined)
      throw new SpampotsError("internal", "A manifest names a file that was not rendered.", { name: artifact.name });
    await store.putFile(artifactKey(artifact), file, {
      contentType: artifact.media_type,
      ...(artifact.content_encoding === undefined ? {} : { contentEncoding: artifact.content_encoding }),
    });
  }
}

/** A sweep that began before the commit may have taken an artifact: it is looked for once more. */
export async function putMissing(
  store: Store,
  manifest: Manifest,
  rendered: Pick<Rendered, "artifacts">,
): Promise<void> {
  for (const artifact of manifest.artifacts) {
    if ((await store.stat(artifactKey(artifact))) === undefined) return putArtifacts(store, manifest, rendered);
  }
}
