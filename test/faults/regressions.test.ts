/**
 * Faults that campaigns found, each by the moment that showed it: the command is paused there, another runs, and it goes
 * on. `docs/reliability.md` says how each was found and what it taught.
 */
import assert from "node:assert/strict";
import { mkdir, utimes, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { assertSameState, endState, temporaries } from "./end-state.ts";
import { assertClean } from "./race.ts";
import { expectDone, marksOf, openSite, type Ran, type Site } from "./world.ts";

/** Two days after the site was published: more is due. */
const later = ["--now", "2026-11-14T08:00:00Z"];

/** Runs `first` up to the moment, `meanwhile` to its end, then the rest of `first`. */
async function interrupted(site: Site, first: readonly string[], moment: string, meanwhile: readonly string[][]) {
  const running = site.start(first, { at: { how: "pause", event: moment } });
  assert.ok(await running.paused(), `${first.join(" ")} never came to: ${moment}`);
  const others: Ran[] = [];
  for (const args of meanwhile) others.push(await site.run(args));
  running.resume();
  return { first: await running.done, others };
}

for (const [moment, name] of [
  ["open DATA/lake", "before any file is read"],
  ["link DATA/done/", "when its raw file is kept"],
] as const) {
  test(`an ingester whose spool files another one took ends well, ${name}`, async () => {
    const [site, undisturbed] = [await openSite("spooled"), await openSite("ingested")];
    const { first } = await interrupted(site, ["ingest"], moment.replace("DATA", site.data), [["ingest"]]);
    assertClean([first]);
    assertSameState(await endState(site), await endState(undisturbed));
    assert.deepEqual(await temporaries(site), []);
  });
}

/** The keys are in one state, and the next publication builds on what is there. */
async function goesOn(site: Site): Promise<void> {
  const list = JSON.parse(expectDone(await site.run(["keys", "list"])).stdout);
  assert.equal(list.rotatingFrom, undefined, "a rotation isn't finished");
  expectDone(await site.run([...later, "publish"]));
  expectDone(await site.run(["verify", "--deep"]));
  assert.deepEqual(await temporaries(site), []);
}

for (const moment of [
  "link DATA/keys/state-",
  "sync",
  "link DATA/store/partners/ncc/keys/",
  "link DATA/keys/state-00000003",
]) {
  test(`of two rotations at once each ends well or says that the other was first: ${moment}`, async () => {
    const site = await openSite("published");
    const rotate = ["keys", "rotate"];
    const { first, others } = await interrupted(site, rotate, moment.replace("DATA", site.data), [rotate]);
    assertClean([first, ...others], ["already-exists", "bad-key"]);
    expectDone(await site.run(rotate));
    await goesOn(site);
  });
}

for (const moment of [
  "readdir DATA/keys",
  "readdir DATA/store/partners/twcert/keys",
  "link DATA/store/partners/twcert/spam-sources/log/",
  "link DATA/tips/",
]) {
  test(`a publisher whose key is retired meanwhile leaves a log that goes on: ${moment}`, async () => {
    const site = await openSite("published");
    const { first } = await interrupted(site, [...later, "publish"], moment.replace("DATA", site.data), [
      ["keys", "rotate"],
    ]);
    assertClean([first], ["bad-key"]);
    await goesOn(site);
  });
}

test("what another publisher committed between two looks at a log is no sign of an old copy", async () => {
  const site = await openSite("ingested");
  expectDone(await site.run(["publish", "--period", "2026-11-09"]));
  const moment = `readdir ${marksOf(site.data)}/twcert/spam-sources`;
  const { first } = await interrupted(site, ["publish"], moment, [["publish"]]);
  assertClean([first]);
  assertSameState(await endState(site), await endState(await openSite("published")));
});

test("a draft of a key that a killed rotation left is removed by whatever command comes next", async () => {
  const site = await openSite("published");
  const killed = await site.run(["keys", "rotate"], { at: { how: "before", event: `link ${site.data}/keys/` } });
  assert.equal(killed.signal, "SIGKILL");
  assert.equal((await temporaries(site)).filter((path) => path.startsWith("keys/")).length, 1);
  expectDone(await site.run(["lake", "batches"]));
  assert.deepEqual(
    (await temporaries(site)).filter((path) => path.startsWith("keys/")),
    [],
  );
});

test("sweep removes what another host left long ago, in keys and marks too", async () => {
  const site = await openSite("published");
  for (const root of [site.data, join(site.data, "keys"), marksOf(site.data)]) {
    const orphan = join(root, ".tmp", "0123456789abcdef-1-1-00");
    await mkdir(dirname(orphan), { recursive: true });
    await writeFile(orphan, "half");
    await utimes(orphan, 0, 0);
  }
  expectDone(await site.run(["lake", "batches"]));
  assert.equal((await temporaries(site)).length, 3);
  expectDone(await site.run(["sweep"]));
  assert.deepEqual(await temporaries(site), []);
});
