/**
 * Delivering: what was published is brought to its partner's destinations, in order, each publication whole, until the
 * destination took it. Progress is in the store (`progress.ts`), pauses after failures are in memory. One lane, a feed of a
 * partner on its way to one destination, is one task at a time; lanes don't wait for each other.
 */
import { isError, SpampotsError } from "../errors.ts";
import { type Destination, placeOf } from "../feed/destinations.ts";
import type { Partner } from "../feed/partners.ts";
import { secondsInstant } from "../feed/period.ts";
import { inForce } from "../feed/policy.ts";
import type { Log } from "../log.ts";
import { logKey, tipSequence } from "../publication/log.ts";
import { type Artifact, feedPrefix } from "../publication/manifest.ts";
import type { KeyFinder } from "../publication/sign.ts";
import type { Store } from "../store/store.ts";
import { backlog } from "./backlog.ts";
import { pauseAfter } from "./backoff.ts";
import { type Outgoing, openTarget, type Target, type TargetWorld } from "./destination.ts";
import { deliveredTo, type Lane, laneName, noteAttempt, noteDelivered } from "./progress.ts";
import type { PushReceipt } from "./receipt.ts";

/** What delivering works with. */
export interface DeliverWorld extends Pick<TargetWorld, "secret" | "loopback"> {
  readonly store: Store;
  readonly keyOf: KeyFinder;
  /** Milliseconds since 1970 UTC. */
  clock(): number;
  readonly log: Log;
  /** Lanes that are at work at the same time. */
  readonly atOnce: number;
  /** From 0 up to 1. */
  chance(): number;
  readonly onDelivered?: (lane: Lane, outgoing: Outgoing) => void;
  readonly onFailed?: (lane: Lane, sequence: number, error: unknown) => void;
}

/** What is remembered of a lane. */
interface LaneState {
  readonly lane: Lane;
  partner: Partner;
  destination: Destination;
  target: Promise<Target> | undefined;
  /** The log's newest publication and the newest one delivered, as far as known. */
  tip: number;
  delivered: number | undefined;
  failures: number;
  /** Not tried before, in milliseconds. */
  notBefore: number;
  task: Promise<void> | undefined;
}

export class Deliveries {
  readonly #world: DeliverWorld;
  readonly #lanes = new Map<string, LaneState>();
  readonly #waiting: LaneState[] = [];
  readonly #stopping = new AbortController();
  #busy = 0;

  constructor(world: DeliverWorld) {
    this.#world = world;
  }

  /** Begins to deliver what can be: to partners in force whose destinations have no pause. Doesn't wait for it. */
  look(partners: readonly Partner[]): void {
    const now = this.#world.clock();
    const known = new Set<string>();
    for (const partner of partners) {
      for (const { feed, destinations } of partner.subscriptions) {
        for (const destination of destinations) {
          const state = this.#laneOf(partner, feed.id, destination);
          known.add(laneName(state.lane));
          if (!inForce(partner, now) || state.task !== undefined || now < state.notBefore) continue;
          if (!this.#waiting.includes(state)) this.#waiting.push(state);
        }
      }
    }
    for (const [name, state] of this.#lanes) if (!known.has(name)) this.#forget(name, state);
    this.#begin();
  }

  /** Settles once nothing is under way or waiting. */
  async idle(): Promise<void> {
    while (this.#busy > 0) await Promise.all([...this.#lanes.values()].map(({ task }) => task));
  }

  /** Breaks off what is under way; what a destination has taken by then is noted, the rest is tried again another time. */
  async close(): Promise<void> {
    this.#stopping.abort();
    this.#waiting.length = 0;
    await this.idle();
    for (const [name, state] of this.#lanes) this.#forget(name, state);
  }

  #laneOf(partner: Partner, feed: string, destination: Destination): LaneState {
    const lane: Lane = { partner: partner.id, feed, destination: destination.name };
    const name = laneName(lane);
    const found = this.#lanes.get(name);
    const changed = JSON.stringify([found?.destination, found?.partner.privateNetworks]);
    if (found !== undefined && changed === JSON.stringify([destination, partner.privateNetworks])) {
      found.partner = partner;
      return found;
    }
    if (found !== undefined) this.#forget(name, found);
    const state: LaneState = {
      lane,
      partner,
      destination,
      target: undefined,
      tip: 0,
      delivered: undefined,
      failures: 0,
      notBefore: 0,
      task: found?.task,
    };
    this.#lanes.set(name, state);
    return state;
  }

  #forget(name: string, state: LaneState): void {
    this.#lanes.delete(name);
    void state.target?.then(
      (target) => target.close(),
      () => undefined,
    );
  }

  #begin(): void {
    while (this.#busy < this.#world.atOnce && !this.#stopping.signal.aborted) {
      const state = this.#waiting.shift();
      if (state === undefined) return;
      this.#busy += 1;
      state.task = this.#work(state).finally(() => {
        state.task = undefined;
        this.#busy -= 1;
        this.#begin();
      });
    }
  }

  /** Never rejects. */
  async #work(state: LaneState): Promise<void> {
    const { store, keyOf, clock, chance, log } = this.#world;
    const { lane } = state;
    let sequence = state.delivered ?? 0;
    try {
      const place = store.under(feedPrefix(lane.partner, lane.feed));
      // Cheap where nothing is new: one look at the next number.
      if (state.delivered === undefined || (await place.stat(logKey(state.tip + 1))) !== undefined)
        state.tip = await tipSequence(place, state.tip);
      state.delivered ??= await deliveredTo(store, lane, state.tip);
      for await (const whole of backlog(store, lane, { from: state.delivered, tip: state.tip, keyOf })) {
        if (this.#stopping.signal.aborted || !inForce(state.partner, clock())) return;
        sequence = whole.manifest.sequence;
        const artifacts = whole.artifacts.filter((artifact) => takes(state.destination.kind, artifact));
        await this.#deliver(state, { ...whole, artifacts });
        state.delivered = sequence;
        state.failures = 0;
      }
      state.failures = 0;
    } catch (error) {
      if (this.#stopping.signal.aborted) return;
      state.failures += 1;
      state.notBefore = clock() + pauseAfter(error, state.failures, chance());
      this.#world.onFailed?.(lane, sequence, error);
      const code = isError(error) ? error.code : "internal";
      log.error({ ...lane, sequence, failures: state.failures, code, err: error }, "not delivered");
      await noteAttempt(store, lane, sequence, { error, now: clock() }).catch((cause: unknown) =>
        log.error({ ...lane, err: cause }, "a failed delivery can't be noted"),
      );
    }
  }

  async #deliver(state: LaneState, outgoing: Outgoing): Promise<void> {
    const { store, clock, secret, loopback, log } = this.#world;
    const { lane, destination, partner } = state;
    const { privateNetworks } = partner;
    state.target ??= openTarget(destination, { secret, loopback, privateNetworks });
    const target = await state.target.catch((error: unknown) => {
      // A secret may be set by the next attempt.
      state.target = undefined;
      throw error;
    });
    await target.deliver(outgoing, this.#stopping.signal);
    const { manifest } = outgoing;
    await noteDelivered(store, lane, manifest.sequence, receiptsFor(destination, outgoing, clock()));
    this.#world.onDelivered?.(lane, outgoing);
    log.info({ ...lane, sequence: manifest.sequence, period: manifest.period.id }, "delivered");
  }
}

/** Which files a kind of destination is handed: a webhook only learns of them, TAXII knows nothing but STIX. */
function takes(kind: Destination["kind"], { objects }: Artifact): boolean {
  return kind === "taxii" ? objects !== undefined : kind !== "webhook";
}

/** A receipt for each file that was handed over, the manifest's last. */
function receiptsFor(destination: Destination, outgoing: Outgoing, now: number): PushReceipt[] {
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
    { ...common, sha256: payloadSha256 },
  ];
}

/** @throws SpampotsError `bad-argument` where no destination fits. */
export function lanesOf(
  partners: readonly Partner[],
  selected: { readonly partner?: string; readonly feed?: string; readonly destination?: string } = {},
): { readonly lane: Lane; readonly partner: Partner; readonly destination: Destination }[] {
  const lanes = partners
    .filter(({ id }) => selected.partner === undefined || id === selected.partner)
    .flatMap((partner) =>
      partner.subscriptions.flatMap(({ feed, destinations }) =>
        destinations.map((destination) => ({
          lane: { partner: partner.id, feed: feed.id, destination: destination.name },
          partner,
          destination,
        })),
      ),
    )
    .filter(({ lane }) => selected.feed === undefined || lane.feed === selected.feed)
    .filter(({ lane }) => selected.destination === undefined || lane.destination === selected.destination);
  if (lanes.length > 0 || Object.keys(selected).length === 0) return lanes;
  throw new SpampotsError("bad-argument", "No destination fits.", {
    ...selected,
    hint: "`deliveries` in partners.yaml names the destinations of each subscription.",
  });
}
