/** The harness itself: what it makes is a site that works, and what it compares differs where something differs. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { projectRoot } from "../pipeline.ts";
import { assertSameState, endState, temporaries } from "./end-state.ts";
import { caseNumbers, type Kind, kinds, Random } from "./seeded.ts";
import { days, expectDone, openSite, sensorIds } from "./world.ts";

test("undisturbed runs of a site give the same end, byte for byte", async () => {
  const [one, two] = [await openSite("published"), await openSite("spooled")];
  expectDone(await two.run(["ingest"]));
  expectDone(await two.run(["publish"]));
  const [first, second] = [await endState(one), await endState(two)];
  assertSameState(second, first);
  assert.equal(first.get("rows of captures")?.split(" ")[0], String(days.length * sensorIds.length * 24));
  assert.equal([...first.keys()].filter((name) => /^store\/partners\/[^/]+\/spam-[^/]+\/log\//.test(name)).length, 12);
  assert.deepEqual(await temporaries(two), []);
  expectDone(await two.run(["verify", "--deep"]));
});

test("a difference is seen", async () => {
  const site = await openSite("published");
  const before = await endState(site);
  await writeFile(join(site.data, "store", "one-more"), "");
  await assert.rejects(async () => assertSameState(await endState(site), before));
});

test("a process is killed at the event that was named, and a list of events repeats", async () => {
  const lists = [];
  for (const listed of [true, true]) {
    const site = await openSite("ingested");
    const { events } = await site.run(["publish"], { listed });
    // Two drafts written at once come in any order.
    lists.push(events.map((line) => line.split(" ")[0]).sort());
  }
  assert.ok((lists[0]?.length ?? 0) > 100);
  assert.deepEqual(lists[1], lists[0]);
  const site = await openSite("ingested");
  const killed = await site.run(["publish"], { at: { how: "before", event: 50 }, listed: true });
  assert.equal(killed.signal, "SIGKILL");
  assert.equal(killed.events.length, 50);
});

test("the same seed draws the same, and every kind gets a case", () => {
  const draw = () => {
    const random = new Random("a:1");
    return Array.from({ length: 20 }, () => random.whole(0, 9));
  };
  assert.deepEqual(draw(), draw());
  assert.ok(new Set(draw()).size > 5);
  assert.deepEqual(caseNumbers("kill-ingest", { FAULTS_SEED: "kill-ingest:7" }), [7]);
  assert.deepEqual(caseNumbers("kill-publish", { FAULTS_SEED: "kill-ingest:7" }), []);
  const all = Object.keys(kinds).map((kind) => caseNumbers(kind as Kind, { FAULTS: "1000" }).length);
  assert.ok(Math.abs(all.reduce((sum, count) => sum + count, 0) - 1000) < 20);
});

test("what docs/reliability.md names exists: the command, kinds of cases, files", async () => {
  const text = await readFile(join(projectRoot, "docs/reliability.md"), "utf8");
  const { scripts } = JSON.parse(await readFile(join(projectRoot, "package.json"), "utf8"));
  for (const [, script = ""] of text.matchAll(/npm run ([a-z:]+)/g)) assert.ok(script in scripts, script);
  for (const [, kind = ""] of text.matchAll(/`(?:FAULTS_SEED=)?([a-z-]+):\d+`/g)) assert.ok(kind in kinds, kind);
  for (const [, group = ""] of text.matchAll(/`([a-z-]+)-\*`/g))
    assert.ok(
      Object.keys(kinds).some((kind) => kind.startsWith(`${group}-`)),
      group,
    );
  for (const [, file = ""] of text.matchAll(/`([\w./-]+\.ts)`/g))
    assert.ok(existsSync(join(import.meta.dirname, file)), file);
});
