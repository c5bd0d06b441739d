/**
 * What ticks of a runner ask of S3 where nothing is due: of one that just began, and of one that ticked before.
 *
 * `node tick-requests.ts <now>`, with the environment of the command line: its S3 endpoint is asked through a proxy that
 * counts. The last line is JSON: operations by name, for each tick.
 */
import { openRunner } from "../../../src/cli/open-runner.ts";
import { openWorld } from "../../../src/cli/world.ts";
import { startS3Proxy } from "../../faults/s3-proxy.ts";

const [now = ""] = process.argv.slice(2);
const proxy = await startS3Proxy(process.env.SPAMPOTS_S3_ENDPOINT ?? "");
const world = await openWorld({ now }, { ...process.env, SPAMPOTS_S3_ENDPOINT: proxy.endpoint });
const { runner } = await openRunner(world);

async function tick(): Promise<Record<string, number>> {
  proxy.plan();
  const { outcome } = await runner.tick();
  if (outcome.published.length + outcome.failures.length > 0) throw new Error("something was due");
  const operations: Record<string, number> = {};
  for (const { seen } of proxy.log) operations[seen.operation] = (operations[seen.operation] ?? 0) + 1;
  return operations;
}

// The first one may sweep what the day left; that isn't part of a look at what is due.
await tick();
await runner.close();
const next = (await openRunner(world)).runner;
proxy.plan();
await next.tick();
const cold: Record<string, number> = {};
for (const { seen } of proxy.log) cold[seen.operation] = (cold[seen.operation] ?? 0) + 1;
proxy.plan();
await next.tick();
const warm: Record<string, number> = {};
for (const { seen } of proxy.log) warm[seen.operation] = (warm[seen.operation] ?? 0) + 1;
await next.close();
await world.close();
await proxy.stop();
process.stdout.write(`${JSON.stringify({ cold, warm })}\n`);
