/**
 * Two of a command at once, or two that meet: one log without gaps or forks, no batch lost, and whoever comes second
 * ends cleanly. Hundreds of times, started together, staggered, and paused at every request to the file system.
 */
import assert from "node:assert/strict";
import { cp, readdir, rename, rm, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { assertSameState, type EndState, endState, temporaries, unnamedLakeFiles } from "./end-state.ts";
import { type Measure, measured } from "./kill.ts";
import { assertClean, race } from "./race.ts";
import { campaign } from "./seeded.ts";
import { expectDone, now, openSite, type Site, spoolText } from "./world.ts";

interface Prepared {
  readonly site: Site;
  readonly measure: Measure;
  readonly expected: EndState;
}

/** Makes a thing once, when it is first asked for. */
function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => {
    made ??= make();
    return made;
  };
}

async function prepared(site: Site, args: readonly string[]): Promise<Prepared> {
  const { end, ms, events } = await measured(site, args);
  return { site, measure: { ms, events }, expected: await endState(end) };
}

/** The log holds: numbers, chain, signatures, digests of every artifact. */
async function verifies(site: Site): Promise<void> {
  expectDone(await site.run(["verify", "--deep"]));
  assert.deepEqual(await temporaries(site), [], "half-made files stay behind");
}

const ingesting = once(async () => prepared(await openSite("spooled"), ["ingest"]));

campaign("race-ingest", async (one) => {
  const { site: from, measure, expected } = await ingesting();
  const site = await from.copy();
  assertClean(await race(one, site, ["ingest"], ["ingest"], measure));
  assertSameState(await endState(site), expected);
  assert.deepEqual(await unnamedLakeFiles(site), []);
  await site.remove();
});

const publishing = once(async () => prepared(await openSite("ingested"), ["publish"]));

campaign("race-publish", async (one) => {
  const { site: from, measure, expected } = await publishing();
  const site = await from.copy();
  assertClean(await race(one, site, ["publish"], ["publish"], measure));
  assertSameState(await endState(site), expected);
  assert.deepEqual(await temporaries(site), []);
  await site.remove();
});

/** Two days later: late captures make revisions, and two more days are due. */
const later = ["--now", "2026-11-14T08:00:00Z"];

const revising = once(async () => {
  const site = await openSite("published");
  await writeFile(
    join(site.data, "spool", "late.ndjson"),
    spoolText("pot-1", "2026-11-10", 3, 30).replaceAll('"2026-11-10-', '"late-'),
  );
  expectDone(await site.run(["ingest"]));
  return prepared(site, [...later, "publish"]);
});

campaign("race-withdraw", async (one) => {
  const { site: from, measure } = await revising();
  const site = await from.copy();
  const revoke = one.random.chance(0.5) ? ["--revoke"] : [];
  const withdraw = [...later, "withdraw", "twcert", "spam-sources", "2", "--reason", "It was wrong.", ...revoke];
  const both = one.random.chance(0.5) ? [withdraw, [...later, "publish"]] : [[...later, "publish"], withdraw];
  const [first = [], second = []] = one.random.chance(0.2) ? [withdraw, withdraw] : both;
  assertClean(await race(one, site, first, second, measure));
  expectDone(await site.run([...later, "publish"]));
  const again = expectDone(await site.run([...later, ...withdraw.slice(later.length)]));
  assert.equal(JSON.parse(again.stdout).outcome, "already", "withdrawn once, and not taken back");
  assert.deepEqual(JSON.parse(expectDone(await site.run([...later, "publish"])).stdout).published, []);
  await verifies(site);
  await site.remove();
});

/** Every artifact is there already, left by publishers that were killed long ago; no manifest names one. */
const sweeping = once(async () => {
  const [site, done] = [await openSite("ingested"), await openSite("published")];
  await cp(join(done.data, "store/partners"), join(site.data, "store/partners"), { recursive: true });
  const old = new Date(Date.parse(now) - 3 * 86_400_000);
  for (const entry of await readdir(join(site.data, "store/partners"), { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isFile() && /\/(log|keys)$/.test(entry.parentPath)) await rm(path);
    else if (entry.isFile()) await utimes(path, old, old);
  }
  return { ...(await prepared(site, ["publish"])), expected: await endState(done) };
});

campaign("race-sweep", async (one) => {
  const { site: from, measure, expected } = await sweeping();
  const site = await from.copy();
  // One publication of each log first, so that sweep knows whose the orphans are.
  expectDone(await site.run(["publish", "--period", "2026-11-09"]));
  const [first, second] = one.random.chance(0.5) ? [["publish"], ["sweep"]] : [["sweep"], ["publish"]];
  assertClean(await race(one, site, first ?? [], second ?? [], measure));
  expectDone(await site.run(["publish"]));
  assertSameState(await endState(site), expected);
  assert.deepEqual(await temporaries(site), []);
  await site.remove();
});

/** Half of the spool is ingested, so that compaction has work while the other half comes in. */
const compacting = once(async () => {
  const site = await openSite("spooled");
  const spool = join(site.data, "spool");
  const late = [];
  for (const name of (await readdir(spool)).sort().slice(-2)) late.push(name);
  for (const name of late) await rename(join(spool, name), join(site.root, name));
  expectDone(await site.run(["ingest"]));
  for (const name of late) await rename(join(site.root, name), join(spool, name));
  return prepared(site, ["ingest"]);
});

campaign("race-compact", async (one) => {
  const { site: from, measure, expected } = await compacting();
  const site = await from.copy();
  const compact = ["lake", "compact"];
  const pairs = [
    [["ingest"], compact],
    [compact, ["ingest"]],
    [compact, compact],
  ];
  const [first = [], second = []] = one.random.pick(pairs);
  assertClean(await race(one, site, first, second, measure));
  expectDone(await site.run(["ingest"]));
  assertSameState(await endState(site), expected);
  expectDone(await site.run(["lake", "verify"]));
  await site.remove();
});

const rotating = once(async () => prepared(await openSite("published"), ["keys", "rotate"]));

/** Every key that was ever live is announced, and what is published next builds on the chain. */
async function keysHold(site: Site): Promise<void> {
  const list = JSON.parse(expectDone(await site.run(["keys", "list"])).stdout);
  assert.equal(list.rotatingFrom, undefined, "a rotation isn't finished");
  expectDone(await site.run([...later, "publish"]));
  await verifies(site);
}

campaign("race-keys", async (one) => {
  const { site: from, measure } = await rotating();
  const site = await from.copy();
  const rotate = ["keys", "rotate"];
  assertClean(await race(one, site, rotate, rotate, measure), ["already-exists", "bad-key"]);
  expectDone(await site.run(rotate));
  await keysHold(site);
  await site.remove();
});

campaign("race-keys-publish", async (one) => {
  const { site: from, measure } = await revising();
  const site = await from.copy();
  const rotate = [...later, "keys", "rotate"];
  const publish = [...later, "publish"];
  const [first = [], second = []] = one.random.chance(0.7) ? [publish, rotate] : [rotate, publish];
  // A publisher whose key was retired meanwhile stops, and says that it is to be run again.
  assertClean(await race(one, site, first, second, measure), ["bad-key"]);
  await keysHold(site);
  await site.remove();
});
