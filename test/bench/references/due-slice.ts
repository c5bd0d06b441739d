/** What a reference works on: one slice of a site that the environment names, as a publication would make it now. */
import { type CliWorld, openWorld } from "../../../src/cli/world.ts";
import { type Due, due } from "../../../src/feed/due.ts";
import type { Subscription } from "../../../src/feed/partners.ts";
import type { Engine } from "../../../src/lake/engine.ts";
import type { Lake } from "../../../src/lake/lake.ts";
import { logStateOf } from "../../../src/publication/compose.ts";
import { lakeState, selectedLogs } from "../../../src/publication/plan.ts";

/** Names of a slice, and the instant (RFC 3339) at which it is due. */
export interface SliceNames {
  readonly partner: string;
  readonly feed: string;
  readonly period: string;
  readonly now: string;
}

export interface DueSlice {
  /** To be closed. */
  readonly world: CliWorld;
  readonly lake: Lake;
  readonly engine: Engine;
  /** Sorted. */
  readonly benignHosts: readonly string[];
  readonly subscription: Subscription;
  readonly entry: Due;
}

/** Opens the site, and finds the slice. @throws Error where it isn't due. */
export async function dueSlice({ partner, feed, period, now }: SliceNames): Promise<DueSlice> {
  const world = await openWorld({ now }, process.env);
  const { partners, maps } = await world.configuration();
  const [lake, engine] = [await world.lake(), await world.engine()];
  const state = await lakeState({ lake, partners }, world.clock());
  for (const log of selectedLogs(partners, { partner, feed })) {
    const entries = due({ ...log, lake: state, log: logStateOf(undefined), now: world.clock() });
    const entry = entries.find((candidate) => candidate.period.id === period);
    if (entry === undefined) continue;
    return { world, lake, engine, benignHosts: [...maps.benignHosts].sort(), subscription: log.subscription, entry };
  }
  throw new Error(`${partner} ${feed} ${period} isn't due`);
}
