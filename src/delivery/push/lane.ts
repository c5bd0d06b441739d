/**
 * One lane at work. Publications go in their order, each noted before the next is begun; what a destination doesn't
 * take is tried again after a pause, and nothing behind it goes before it.
 *
 * A lane belongs to one destination as it was configured: where that changes, it ends and another one begins.
 */
import { codeOf } from "../../errors.ts";
import { type Destination, placeOf } from "../../feed/destinations.ts";
import type { Partner } from "../../feed/partners.ts";
import { secondsInstant } from "../../feed/period.ts";
import { inForce } from "../../feed/policy.ts";
import type { Log } from "../../log.ts";
import { tipSequence } from "../../publication/log.ts";
import { type Artifact, feedPrefix } from "../../publication/manifest.ts";
import type { KeyFinder } from "../../publication/sign.ts";
import type { Store } from "../../store/store.ts";
import type { Lease, Leases } from "../leases.ts";
import type { PushReceipt } from "../receipts/receipt.ts";
import { Backlog } from "./backlog.ts";
import { longestPauseMs, pauseAfter } from "./backoff.ts";
import {
  type Outgoing,
  openTarget,
  type RefusedObjects,
  type Target,
  type TargetMemory,
  type TargetWorld,
} from "./destination.ts";
import {
  type ConfiguredLane,
  deliveredTo,
  forgetAttempts,
  isDelivered,
  type Lane,
  laneName,
  noteAttempt,
  noteDelivered,
} from "./progress.ts";

/** What a lane works with. */
export interface LaneWorld extends Pick<TargetWorld, "secret" | "loopback"> {
  readonly store: Store;
  readonly keyOf: KeyFinder;
  /** Milliseconds since 1970 UTC. */
  clock(): number;
  readonly log: Log;
  /** Of several runners one works on a lane at a time. */
  readonly leases?: Leases;
  /** From 0 up to 1. */
  chance(): number;
  readonly onDelivered?: (lane: Lane, outgoing: Outgoing) => void;
  readonly onFailed?: (lane: Lane, sequence: number, error: unknown) => void;
  /** Another runner is at work on it, or was until a moment ago: {@link LaneWork.left}. */
  readonly onLeft?: (lane: Lane) => void;
}

/** Milliseconds of a turn after which others go first, if any wait. */
const turnMs = 2_000;

export class LaneWork {
  readonly lane: Lane;
  readonly name: string;
  /** The partner as it stands now: whether its MoU is in force. */
  partner: Partner;
  /** Failures in a row. */
  failures = 0;
  /** Whether the last turn ended because another runner is at work on it. */
  left = false;
  /** Not tried before, in milliseconds since 1970 UTC. */
  #notBefore = 0;
  readonly #world: LaneWorld;
  readonly #destination: Destination;
  readonly #configured: string;
  /** Kept from turn to turn while there is something to do. */
  #backlog: Backlog | undefined;
  readonly #ended = new AbortController();
  #target: Target | undefined;
  readonly #memory: TargetMemory = {};
  /** The newest one delivered; unknown until the first look. */
  #delivered: number | undefined;
  /** Whether a part of the next one may be there, and failures of it be noted. */
  #again = true;

  constructor({ lane, partner, destination }: ConfiguredLane, world: LaneWorld) {
    this.lane = lane;
    this.name = laneName(lane);
    this.partner = partner;
    this.#world = world;
    this.#destination = destination;
    this.#configured = configured(partner, destination);
  }

  /** Whether this lane is that of a destination as it is configured now. */
  fits({ partner, destination }: ConfiguredLane): boolean {
    return configured(partner, destination) === this.#configured;
  }

  /** Breaks off what is under way. What the destination has taken by then is noted. */
  end(): void {
    this.#ended.abort();
  }

  /** Whether another runner is still at work on it. Never rejects: what can't be told is asked again. */
  async isHeld(): Promise<boolean> {
    return (await this.#world.leases?.isHeld(this.#lease).catch(() => true)) ?? false;
  }

  /**
   * Delivers what is there; where others wait, for a few seconds or one publication. Never rejects.
   *
   * @param crowded whether others wait.
   * @returns true where it stopped for others, and has more to do.
   */
  async turn(crowded: () => boolean): Promise<boolean> {
    try {
      const more = await this.#deliverAll(crowded);
      if (!more && this.failures === 0) this.#backlog = undefined;
      return more;
    } finally {
      // Connections and certificates are held during a turn alone: lanes are many, and mostly rest.
      this.#target?.close();
      this.#target = undefined;
    }
  }

  async #deliverAll(crowded: () => boolean): Promise<boolean> {
    const { leases } = this.#world;
    const begun = performance.now();
    this.left = false;
    let sequence = 0;
    let lease: Lease | undefined;
    try {
      if (this.#pauses() && !(await this.#isOvertaken())) return false;
      this.#delivered ??= await this.#find();
      for (;;) {
        sequence = this.#delivered + 1;
        if (this.#ended.signal.aborted || !inForce(this.partner, this.#world.clock())) return false;
        this.#backlog ??= this.#openBacklog();
        const outgoing = await this.#backlog.read(sequence);
        if (outgoing === undefined) return false;
        lease ??= await leases?.take(this.#lease);
        if (lease === undefined && leases !== undefined) {
          this.left = true;
          this.#world.onLeft?.(this.lane);
          return false;
        }
        await this.#deliver({ ...outgoing, again: this.#again });
        this.#delivered = sequence;
        this.failures = 0;
        this.#notBefore = 0;
        if (crowded() && performance.now() - begun >= turnMs) return true;
      }
    } catch (error) {
      if (!this.#ended.signal.aborted) await this.#failed(sequence, error);
      return false;
    } finally {
      await lease?.release();
    }
  }

  get #lease(): string {
    return `lanes/${this.name}`;
  }

  /** Of a pause that is longer than any the beginning was told by a clock that was ahead. */
  #pauses(): boolean {
    const left = this.#notBefore - this.#world.clock();
    return left > 0 && left <= longestPauseMs;
  }

  /** In a pause: has another process (`deliver --retry`, another runner) brought what it pauses before? */
  async #isOvertaken(): Promise<boolean> {
    if (this.#delivered === undefined) return false;
    return isDelivered(this.#world.store, this.lane, this.#delivered + 1).catch(() => false);
  }

  #openBacklog(): Backlog {
    const { store, keyOf, clock } = this.#world;
    const wants = (artifact: Artifact) => takes(this.#destination.kind, artifact);
    return new Backlog(store, { ...this.lane, keyOf, clock, wants });
  }

  async #find(): Promise<number> {
    const { store } = this.#world;
    const { partner, feed } = this.lane;
    return deliveredTo(store, this.lane, await tipSequence(store.under(feedPrefix(partner, feed))));
  }

  async #deliver(outgoing: Outgoing): Promise<void> {
    const { store, clock, log } = this.#world;
    const { sequence, period } = outgoing.manifest;
    // Another runner may have been here.
    if (!(await isDelivered(store, this.lane, sequence))) {
      const refused = await (await this.#open()).deliver(outgoing, this.#ended.signal);
      if (refused !== undefined) log.warn({ ...this.lane, sequence, refused }, "some objects were refused");
      await noteDelivered(store, this.lane, sequence, receiptsFor(this.#destination, outgoing, clock(), refused));
      this.#world.onDelivered?.(this.lane, outgoing);
      log.info({ ...this.lane, sequence, period: period.id }, "delivered");
    }
    if (this.#again) await forgetAttempts(store, this.lane, sequence);
    this.#again = false;
  }

  async #open(): Promise<Target> {
    const { secret, loopback } = this.#world;
    const { privateNetworks } = this.partner;
    const world = { secret, loopback, privateNetworks, memory: this.#memory };
    this.#target ??= await openTarget(this.#destination, world);
    return this.#target;
  }

  async #failed(sequence: number, error: unknown): Promise<void> {
    const { store, clock, chance, log } = this.#world;
    this.failures += 1;
    this.#again = true;
    this.#notBefore = clock() + pauseAfter(error, this.failures, chance());
    this.#world.onFailed?.(this.lane, sequence, error);
    const next = secondsInstant(this.#notBefore);
    log.error(
      { ...this.lane, sequence, failures: this.failures, next, code: codeOf(error), err: error },
      "not delivered",
    );
    if (sequence === 0) return;
    await noteAttempt(store, this.lane, sequence, { error, now: clock() }).catch((cause: unknown) =>
      log.error({ ...this.lane, err: cause }, "a failed delivery can't be noted"),
    );
  }
}

/** Everything that decides where bytes go, and how. */
const configured = ({ privateNetworks }: Partner, destination: Destination) =>
  JSON.stringify([destination, privateNetworks]);

/** Which files a kind of destination is handed: a webhook only learns of them, TAXII knows nothing but STIX. */
function takes(kind: Destination["kind"], { objects }: Artifact): boolean {
  return kind === "taxii" ? objects !== undefined : kind !== "webhook";
}

/** A receipt for each file that was handed over, the manifest's last. */
function receiptsFor(
  destination: Destination,
  outgoing: Outgoing,
  now: number,
  refused: RefusedObjects | undefined,
): PushReceipt[] {
  const { manifest, artifacts, payloadSha256 } = outgoing;
  const common = {
    at: secondsInstant(now),
    feed: manifest.feed,
    sequence: manifest.sequence,
    how: `push-${destination.kind}` as const,
    destination: destination.name,
    to: placeOf(destination),
  };
  return [
    ...artifacts.map(({ name: artifact, sha256 }) => ({ ...common, artifact, sha256 })),
    { ...common, sha256: payloadSha256, ...(refused === undefined ? {} : { refused: refused.count }) },
  ];
}
