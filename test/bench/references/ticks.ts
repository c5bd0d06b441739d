/**
 * Ticks of a runner as `spampots run` opens it, at a site where nothing is due: the time of one when it is warm, and of
 * the first.
 *
 * `node ticks.ts <now>`, with the environment of the command line
 */
import { openRunner } from "../../../src/cli/open-runner.ts";
import { openWorld } from "../../../src/cli/world.ts";

const [now = ""] = process.argv.slice(2);
const world = await openWorld({ now }, process.env);
const { runner } = await openRunner(world);

async function tick(): Promise<{ seconds: number; logs: number }> {
  const began = performance.now();
  const { partners, outcome } = await runner.tick();
  const seconds = (performance.now() - began) / 1000;
  if (outcome.published.length + outcome.failures.length > 0) throw new Error("something was due");
  return { seconds, logs: partners.reduce((sum, { subscriptions }) => sum + subscriptions.length, 0) };
}

const cold = await tick();
// Whatever the engine compiles, it compiles before.
await tick();
const warm = [await tick(), await tick(), await tick()].map(({ seconds }) => seconds).toSorted((a, b) => a - b);
await runner.close();
await world.close();
process.stdout.write(`${JSON.stringify({ seconds: warm[1], units: cold.logs, cold: cold.seconds })}\n`);
