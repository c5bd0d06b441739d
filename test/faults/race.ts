/**
 * Two commands at once on one site: started together or staggered, or the first one paused at one of its requests to the
 * file system while the second runs to its end, which opens every window between a look and a deed as wide as can be.
 */
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { errorTable } from "../../src/errors.ts";
import type { Measure } from "./kill.ts";
import type { Case } from "./seeded.ts";
import type { Ran, Site } from "./world.ts";

/** Runs two commands at once and waits for both. */
export async function race(
  one: Case,
  site: Site,
  first: readonly string[],
  second: readonly string[],
  { ms, events }: Measure,
): Promise<readonly [Ran, Ran]> {
  if (one.random.chance(0.6)) return racePaused(one, site, first, second, events);
  const delay = one.random.chance(0.3) ? 0 : one.random.whole(0, Math.ceil(ms));
  one.note(`${first.join(" ")}, and ${delay} ms later ${second.join(" ")}`);
  const running = site.start(first);
  await sleep(delay);
  const ran = await Promise.all([running.done, site.run(second)]);
  for (const entry of ran) noteEnd(one, entry);
  return ran;
}

/** The first is paused, the second runs, the first goes on. */
async function racePaused(
  one: Case,
  site: Site,
  first: readonly string[],
  second: readonly string[],
  events: number,
): Promise<readonly [Ran, Ran]> {
  const event = one.random.whole(1, events);
  const running = site.start(first, { at: { how: "pause", event }, listed: true });
  const paused = await running.paused();
  const other = await site.run(second);
  running.resume();
  const ran = await running.done;
  one.note(
    `${first.join(" ")} ${paused ? "paused" : "ended"} before event ${event}: ${ran.events[event - 1] ?? "none"}`,
  );
  for (const entry of [ran, other]) noteEnd(one, entry);
  return [ran, other];
}

function noteEnd(one: Case, { args, code, signal, stdout, stderr }: Ran): void {
  one.note(`${args.join(" ")} ended with ${code ?? signal}`);
  if (code !== 0) one.note(`${stdout}\n${stderr}`);
}

/** Error codes that a run ended with, those of single logs and files among them. */
export function codesOf(stdout: string): string[] {
  return [...stdout.matchAll(/"code": ?"([a-z0-9-]+)"/g)].flatMap(([, code]) => code ?? []);
}

/** Both ended well, or one of them with a code that is documented for it and the exit code of that. */
export function assertClean(ran: readonly Ran[], allowed: readonly (keyof typeof errorTable)[] = []): void {
  for (const { args, code, signal, stdout, stderr } of ran) {
    const codes = codesOf(stdout);
    const text = `${args.join(" ")} ended with ${code ?? signal}\n${stdout}\n${stderr}`;
    assert.equal(signal, null, text);
    // Another process at work is no sign of an attack, or of a copy that was restored.
    assert.doesNotMatch(stdout, /old copy|restored|Somebody/, text);
    if (code === 0) continue;
    const fine = codes
      .filter((entry) => entry !== "some-failed")
      .every((entry) => allowed.some((known) => known === entry));
    assert.ok(codes.length > 0 && fine, text);
    assert.ok(
      codes.some((entry) => entry in errorTable && errorTable[entry as keyof typeof errorTable].exit === code),
      text,
    ); // looked up before
  }
}
