/**
 * `kill -9` at random moments of every command that changes something, again and again until it is done: the end is an
 * undisturbed run's, byte for byte, and nothing half-made stays behind.
 */
import assert from "node:assert/strict";
import { readdir, readFile, rm, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { assertSameState, type EndState, endState, temporaries, unnamedLakeFiles } from "./end-state.ts";
import { killUntilDone, type Measure, measured, noteStop, randomStop } from "./kill.ts";
import { assertClean } from "./race.ts";
import { type Case, campaign, type Kind } from "./seeded.ts";
import { batchOf, expectDone, now, openSite, type Site, type Stage } from "./world.ts";

/** What is killed, on which site, and what more must hold at the end. */
interface Target {
  readonly stage: Stage;
  /** Made once: what the command needs beside the stage. */
  readonly prepare?: (site: Site) => Promise<void>;
  readonly args: (one: Case) => readonly string[];
  readonly check?: (site: Site) => Promise<void>;
}

interface Prepared extends Measure {
  readonly site: Site;
  readonly expected: EndState;
}

/** One campaign: each set of arguments is measured once, on a copy of the same site. */
function killCampaign(kind: Kind, { stage, prepare, args: argsOf, check }: Target): void {
  let start: Promise<Site> | undefined;
  const prepared = new Map<string, Promise<Prepared>>();
  const prepareSite = async () => {
    const site = await openSite(stage);
    await prepare?.(site);
    return site;
  };
  const measure = async (args: readonly string[]): Promise<Prepared> => {
    start ??= prepareSite();
    const site = await start;
    const { end, ...rest } = await measured(site, args);
    const expected = await endState(end);
    await end.remove();
    return { site, expected, ...rest };
  };
  campaign(kind, async (one) => {
    const args = argsOf(one);
    const known = prepared.get(args.join(" ")) ?? measure(args);
    prepared.set(args.join(" "), known);
    const { site: from, expected, ...rest } = await known;
    const site = await from.copy();
    await killUntilDone(one, site, args, rest);
    assertSameState(await endState(site), expected);
    await check?.(site);
    await site.remove();
  });
}

killCampaign("kill-ingest", {
  stage: "spooled",
  args: () => ["ingest"],
  // What a killed ingest put and no record names must be gone or named: the same batch has the same files.
  check: async (site) => assert.deepEqual(await unnamedLakeFiles(site), []),
});

test("ingest that was killed around its last commit leaves nothing half-made to the next, which has nothing to write", async () => {
  const from = await openSite("spooled");
  const undisturbed = await from.copy();
  const { events } = expectDone(await undisturbed.run(["ingest"], { listed: true }));
  await undisturbed.remove();
  const commit = events.findLastIndex((event) => event.startsWith("link "));
  for (let event = commit + 1; event <= events.length; event += 1) {
    const site = await from.copy();
    const killed = await site.run(["ingest"], { at: { how: "after", event }, listed: true });
    assert.equal(killed.signal, "SIGKILL");
    expectDone(await site.run(["ingest"]));
    assert.deepEqual(await temporaries(site), [], `killed after ${events[event - 1]}`);
    await site.remove();
  }
  await from.remove();
});

killCampaign("kill-compact", { stage: "ingested", args: () => ["lake", "compact"] });

killCampaign("kill-publish", { stage: "ingested", args: () => ["publish"] });

killCampaign("kill-again", {
  stage: "published",
  prepare: async ({ config }) => {
    const file = join(config, "feeds", "spam-sources.yaml");
    await writeFile(file, (await readFile(file, "utf8")).replace("  - source_as_name\n", ""));
  },
  args: () => ["publish", "--again"],
});

killCampaign("kill-withdraw", {
  stage: "published",
  args: ({ random }) => [
    ...["withdraw", random.pick(["twcert", "jpcert"]), "spam-sources", String(random.whole(1, 3))],
    ...["--reason", "It was wrong.", ...(random.chance(0.5) ? ["--revoke"] : [])],
  ],
});

killCampaign("kill-exclude", {
  stage: "published",
  args: () => ["lake", "exclude", batchOf("pot-1", "2026-11-10"), "--reason", "It was poisoned."],
});

const dayMs = 86_400_000;

/** Makes a file look so many days old, by the fixed clock. */
async function age(path: string, days: number): Promise<void> {
  const at = new Date(Date.parse(now) - days * dayMs);
  await utimes(path, at, at);
}

killCampaign("kill-sweep", {
  stage: "published",
  // Something of each kind: a withdrawn period, replaced files of the lake, orphans, raw files past their time.
  prepare: async (site) => {
    expectDone(await site.run(["lake", "compact"]));
    expectDone(await site.run(["withdraw", "ncc", "spam-sources", "2", "--reason", "It was wrong."]));
    const artifacts = join(site.data, "store/partners/twcert/spam-sources/artifacts");
    for (let orphan = 0; orphan < 4; orphan += 1) {
      const path = join(artifacts, `${String(orphan).repeat(16)}-orphan.csv.gz`);
      await writeFile(path, "nobody names this");
    }
    for (const folder of ["lake", "store", "done"]) {
      const entries = await readdir(join(site.data, folder), { recursive: true, withFileTypes: true });
      for (const entry of entries.filter((one) => one.isFile())) await age(join(entry.parentPath, entry.name), 100);
    }
  },
  args: () => ["sweep"],
});

/** What keys are there: which is live isn't the same in two runs, but there is one, and no rotation stays open. */
async function keysStand(site: Site, count: number): Promise<void> {
  const list = JSON.parse(expectDone(await site.run(["keys", "list"])).stdout);
  assert.equal(list.rotatingFrom, undefined, "a rotation isn't finished");
  assert.equal(list.keys.length, count, "keys that were made");
  const files = await readdir(join(site.data, "keys"));
  assert.equal(files.filter((name) => name.endsWith(".jwk")).length, count, "a private key that no state names");
  assert.deepEqual(await temporaries(site), []);
}

campaign("kill-keys-new", async (one) => {
  const site = await openSite("ingested");
  const keys = join(site.data, "keys");
  for (const name of await readdir(keys)) await rm(join(keys, name), { recursive: true });
  const keysNew = ["keys", "new"];
  for (let left = one.random.whole(1, 3); left > 0; left -= 1) {
    const stop = randomStop(one.random, { ms: 300, events: 36 });
    noteStop(one, stop, await site.run(keysNew, stop));
  }
  const last = await site.run(keysNew);
  // A run that was killed when all was done made the keys.
  if (last.code !== 0) assertClean([last], ["already-exists"]);
  await keysStand(site, 1);
  expectDone(await site.run(["publish"]));
  expectDone(await site.run(["verify", "--deep"]));
  await site.remove();
});

let rotation: Promise<Measure> | undefined;

campaign("kill-keys-rotate", async (one) => {
  const site = await openSite("published");
  rotation ??= measured(site, ["keys", "rotate"]);
  const measure = await rotation;
  let rotations = 1;
  for (let left = one.random.whole(1, 3); left > 0; left -= 1) {
    const stop = randomStop(one.random, measure);
    const ran = await site.run(["keys", "rotate"], stop);
    noteStop(one, stop, ran);
    // Done, or killed when it was: the next run is a rotation of its own.
    const list = JSON.parse(expectDone(await site.run(["keys", "list"])).stdout);
    rotations = list.keys.length + (list.rotatingFrom === undefined ? 1 : 0);
    // Nothing stands still meanwhile: a publisher signs with whichever key is live.
    if (one.random.chance(0.3)) expectDone(await site.run(["publish"]));
  }
  expectDone(await site.run(["keys", "rotate"]));
  await keysStand(site, rotations);
  if (one.random.chance(0.3)) expectDone(await site.run(["verify"]));
  expectDone(await site.run(["--now", "2026-11-14T08:00:00Z", "publish"]));
  expectDone(await site.run(["verify", "--deep"]));
  assert.deepEqual(await temporaries(site), []);
  await site.remove();
});
