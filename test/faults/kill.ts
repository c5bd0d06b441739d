/** Kills a command at random moments, again and again until it is let through, and says where. */
import assert from "node:assert/strict";
import { temporaries } from "./end-state.ts";
import type { Case, Random } from "./seeded.ts";
import { expectDone, type Ran, type Site, type Stop } from "./world.ts";

/** What an undisturbed run of a command takes: its time and its requests to the file system. */
export interface Measure {
  readonly ms: number;
  readonly events: number;
}

/** Measures a command on a copy of a site, which it leaves as an undisturbed run does. */
export async function measured(site: Site, args: readonly string[]): Promise<Measure & { readonly end: Site }> {
  const end = await site.copy();
  const { ms, events } = expectDone(await end.run(args, { listed: true }));
  return { ms, events: events.length, end };
}

/** Mostly at an event, since half of a run's time is its start; a quarter from outside, at any moment. */
export function randomStop(random: Random, { ms, events }: Measure): Stop {
  if (random.chance(0.25)) return { afterMs: random.whole(1, Math.ceil(ms)) };
  return {
    at: { how: random.pick(["before", "after", "torn"] as const), event: random.whole(1, events) },
    listed: true,
  };
}

/** Notes where a run was stopped, for whoever reads a failure. */
export function noteStop(one: Case, { at, afterMs }: Stop, ran: Ran): void {
  const where =
    at === undefined ? `after ${afterMs} ms` : `${at.how} event ${at.event}: ${ran.events.at(-1) ?? "none"}`;
  one.note(`${ran.args.join(" ")}: ${ran.signal ?? `exit ${ran.code}`} ${where}`);
}

/** Kills the command one to three times, then lets it through: it must end well and leave nothing half-made. */
export async function killUntilDone(one: Case, site: Site, args: readonly string[], measure: Measure): Promise<Ran> {
  for (let left = one.random.whole(1, 3); left > 0; left -= 1) {
    const stop = randomStop(one.random, measure);
    const ran = await site.run(args, stop);
    noteStop(one, stop, ran);
    if (ran.signal === null) expectDone(ran);
  }
  const last = expectDone(await site.run(args));
  assert.deepEqual(await temporaries(site), [], "half-made files stay behind");
  return last;
}
