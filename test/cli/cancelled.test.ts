/** A command that is told to end in the middle of a cluster's query cancels it, and still ends by the signal. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { numbers, startCoordinator } from "../lake/trino/coordinator.ts";

const script = `
  const [url, listens] = process.argv.slice(1);
  const { openTrino } = await import(${JSON.stringify(import.meta.resolve("../../src/lake/trino/trino.ts"))});
  const { cancelledBySignal } = await import(${JSON.stringify(import.meta.resolve("../../src/cli/cancelled.ts"))});
  const engine = await openTrino({ url, catalog: "lake", schema: "spampots", user: "feeds" }, "s3://lake/here");
  if (listens === "listens") process.once("SIGTERM", () => setTimeout(() => process.exit(7), 200));
  for await (const _ of cancelledBySignal(engine.rows({}, "t AS (SELECT 1) SELECT 1"), () => engine.interrupt()));
`;

for (const [signal, listens] of [
  ["SIGTERM", "no"],
  ["SIGINT", "no"],
  ["SIGTERM", "listens"],
] as const) {
  test(`${signal}, where the command itself listens: ${listens}`, async (t) => {
    const coordinator = await startCoordinator(t, [numbers([1], 1), "silence"]);
    const child = spawn(process.execPath, ["--input-type=module", "-e", script, coordinator.url, listens]);
    t.after(() => child.kill("SIGKILL"));
    while (!coordinator.asked.some(({ method }) => method === "GET")) await sleep(20);
    child.kill(signal);
    const [code, by] = await once(child, "exit");
    assert.deepEqual([code, by], listens === "listens" ? [7, null] : [null, signal]);
    const cancelled = coordinator.asked.filter(({ method }) => method === "DELETE").length;
    assert.equal(cancelled, listens === "listens" ? 0 : 1, "who listens itself says when queries end");
  });
}
