/**
 * Planning a run: what of each log is due. Logs are read with a few requests each, however long they are; of logs that
 * this process knows from before, only those are read of which something seems due.
 */
import { logsAtOnce, mapAtOnce } from "../at-once.ts";
import { isError, SpampotsError } from "../errors.ts";
import { due } from "../feed/due.ts";
import type { LakeState } from "../feed/input-set.ts";
import { inForce } from "../feed/policy.ts";
import { dayMs } from "../model.ts";
import type { Store } from "../store/store.ts";
import { dueAgain } from "./again.ts";
import { announceTips } from "./announce.ts";
import type { Answers } from "./answers.ts";
import { checkNotBehind, readOwnTip } from "./behind.ts";
import { type Chain, readChain } from "./chain.ts";
import { logStateOf } from "./compose.ts";
import type { Keyring } from "./keys.ts";
import type { KnownLog, KnownLogs } from "./known-logs.ts";
import type { Publication } from "./log.ts";
import { feedPrefix, parseMicroseconds } from "./manifest.ts";
import { keepMark } from "./marks.ts";
import { logName, type PartnerLog, type Planned, type Selected } from "./plan.ts";
import { keyFinder } from "./sign.ts";

/** What planning works with. */
export interface PlanningWorld {
  /** The whole store. */
  readonly store: Store;
  readonly keyring: Keyring;
  readonly issuer: { readonly name: string };
  readonly marks: Store;
  readonly known?: KnownLogs;
  readonly clock: () => number;
}

/** What planning tells the run it is for. */
export interface PlanningFor {
  readonly state: LakeState;
  readonly answers: Answers;
  readonly onFailure: (failure: { readonly partner: string; readonly feed: string; readonly error: unknown }) => void;
}

export class Planning {
  /** The newest publication of each log of which something is due. */
  readonly tips = new Map<string, Publication | undefined>();
  readonly #world: PlanningWorld;
  readonly #run: PlanningFor;
  readonly #chains = new Map<string, Chain>();
  readonly #vouched = new Set<string>();

  constructor(world: PlanningWorld, run: PlanningFor) {
    this.#world = world;
    this.#run = run;
  }

  /** What is due, oldest first. Never rejects: what fails stops its own log. */
  async plan(logs: readonly PartnerLog[], selected: Selected): Promise<Planned[]> {
    const { known, keyring } = this.#world;
    const now = this.#world.clock();
    known?.begin(
      new Set(logs.map(({ partner, subscription }) => logName(partner.id, subscription.feed.id))),
      keyring.live,
    );
    const unread = logs.filter((log) => inForce(log.partner, now) && !this.#isQuiet(log, selected, now));
    const byPartner = Map.groupBy(unread, ({ partner }) => partner.id);
    const planned = await mapAtOnce(byPartner, logsAtOnce, async ([partner, own]) => {
      // One after another: they share a chain of keys, which may have to go on.
      const found: Planned[] = [];
      for (const log of own) found.push(...(await this.#planLog(log, selected, now)));
      this.#chains.delete(partner);
      return found;
    });
    return planned
      .flat()
      .sort((a, b) => a.due.period.end - b.due.period.end || a.due.period.start - b.due.period.start);
  }

  /** Is nothing due by what is known of the log? Then it needn't be read: a log only ever goes on. */
  #isQuiet({ partner, subscription }: PartnerLog, selected: Selected, now: number): boolean {
    const known = this.#world.known?.get(logName(partner.id, subscription.feed.id));
    if (known === undefined || selected.again === true || isOfTheFuture(known, now)) return false;
    return due({ partner, subscription, log: known.state, lake: this.#run.state, now }).length === 0;
  }

  async #planLog(log: PartnerLog, selected: Selected, now: number): Promise<readonly Planned[]> {
    const { partner, subscription } = log;
    const { feed } = subscription;
    const name = logName(partner.id, feed.id);
    const { answers, onFailure, state: lake } = this.#run;
    if (answers.over) return [];
    try {
      const tip = await this.#readTip(partner.id, feed.id);
      checkClock(tip, now);
      if (tip !== undefined && selected.dry !== true) await this.#vouch(partner.id, tip);
      this.#world.known?.note(name, tip);
      const context = { partner, subscription, log: logStateOf(tip), lake, now };
      const planned = await this.#dueOf(log, context, selected, tip);
      if (planned.length > 0) {
        await checkNotBehind(this.#world.store, partner.id, feed.id);
        this.tips.set(name, tip);
      }
      answers.heard();
      return planned;
    } catch (error) {
      answers.heard(error);
      this.#world.known?.forget(name);
      onFailure({ partner: partner.id, feed: feed.id, error });
      return [];
    }
  }

  async #dueOf(
    { partner, subscription }: PartnerLog,
    context: Parameters<typeof due>[0],
    selected: Selected,
    tip: Publication | undefined,
  ): Promise<readonly Planned[]> {
    const { store, keyring } = this.#world;
    const place = store.under(feedPrefix(partner.id, subscription.feed.id));
    const found = due(context);
    const again = selected.again
      ? await dueAgain(context, found, { store: place, tip, keyOf: keyFinder(keyring.keys) })
      : [];
    const planned = [
      ...found.map((entry) => ({ partner, subscription, due: entry })),
      ...again.map((entry) => ({ partner, subscription, due: entry.due, again: entry })),
    ];
    return planned.filter((entry) => selected.period === undefined || entry.due.period.id === selected.period);
  }

  async #readTip(partner: string, feed: string): Promise<Publication | undefined> {
    const { store, keyring, marks, known } = this.#world;
    const beforehand = { marks, known: known?.get(logName(partner, feed))?.sequence ?? 0 };
    const chain = this.#chains.get(partner) ?? (await readChain(store.under(`partners/${partner}`)));
    this.#chains.set(partner, chain);
    try {
      return await readOwnTip(store, partner, feed, keyring, { ...beforehand, chain });
    } catch (error) {
      if (!isError(error, "verify-failed")) throw error;
      // The chain may have gone on since it was read.
      this.#chains.delete(partner);
      return readOwnTip(store, partner, feed, keyring, beforehand);
    }
  }

  /** What a run before this one was killed, or overtaken by a rotation, before it could note. */
  async #vouch(partner: string, tip: Publication): Promise<void> {
    const { store, keyring, issuer, clock, marks } = this.#world;
    await keepMark(marks, partner, tip.manifest.feed, tip);
    if (tip.kid === keyring.live || this.#vouched.has(partner)) return;
    await announceTips(store, partner, { issuer: issuer.name, keyring, now: clock(), marks });
    // All of the partner's tips at once.
    this.#vouched.add(partner);
    this.#chains.delete(partner);
  }
}

/** @throws SpampotsError `clock-behind` where the newest publication is of tomorrow or later. */
function checkClock(tip: Publication | undefined, now: number): void {
  if (tip === undefined || !isOfTheFuture({ publishedAt: parseMicroseconds(tip.manifest.published_at) / 1000 }, now))
    return;
  throw new SpampotsError("clock-behind", "The newest publication is of the future.", {
    hint: "Either this clock is wrong, or a publisher's was. Correct it; withdraw what was published too early.",
    published_at: tip.manifest.published_at,
  });
}

const isOfTheFuture = ({ publishedAt }: Pick<KnownLog, "publishedAt">, now: number) => publishedAt > now + dayMs;
