/**
 * Bytes that changed by themselves: a bit flipped, a file cut, emptied, gone or exchanged for another, anywhere in lake,
 * store, spool, keys, tables. What is damaged is named, nothing made from it is published, everything else goes on; and
 * once the file is restored the next run ends as an undisturbed one does.
 */
import assert from "node:assert/strict";
import { cp, mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join, relative } from "node:path";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { assertSameState, type EndState, endState, temporaries } from "./end-state.ts";
import { type Case, campaign, type Random } from "./seeded.ts";
import { batchOf, expectDone, openSite, type Ran, type Site, type Stage } from "./world.ts";

const quiet = { SPAMPOTS_LOG: "silent" };

/** Ways to damage a file. Each gives other bytes than it got, or none where the file goes. */
const damages: Readonly<Record<string, (bytes: Buffer, random: Random) => Buffer | undefined>> = {
  "a bit flipped": (bytes, random) => {
    const at = random.whole(0, bytes.length - 1);
    return Buffer.from(bytes).fill((bytes[at] ?? 0) ^ (1 << random.whole(0, 7)), at, at + 1);
  },
  cut: (bytes, random) => bytes.subarray(0, random.whole(0, bytes.length - 1)),
  "a block of zeros": (bytes, random) => {
    const at = random.whole(0, bytes.length - 1);
    const other = Buffer.from(bytes).fill(0, at, Math.min(bytes.length, at + 512));
    return other.equals(bytes) ? bytes.subarray(0, at) : other;
  },
  emptied: () => Buffer.alloc(0),
  gone: () => undefined,
};

/** Files below a folder of the site's, by a pattern of their path from there. */
async function filesOf(site: Site, folder: string, pattern: RegExp): Promise<string[]> {
  const entries = await readdir(join(site.data, folder), { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => pattern.test(relative(site.data, path)))
    .sort();
}

/** Damages one of the files at random, or puts another of them in its place; gives it back whole. */
async function damage(one: Case, site: Site, paths: readonly string[], ways: readonly string[]) {
  const { random } = one;
  const path = random.pick(paths);
  const way = random.pick(ways);
  const whole = await readFile(path);
  const others = paths.filter((other) => other !== path);
  const bytes = way === "exchanged" ? await readFile(random.pick(others)) : damages[way]?.(whole, random);
  one.note(`${way}: ${relative(site.data, path)}`);
  // Another inode: copies of a site may share what a test damages.
  await rm(path);
  if (bytes !== undefined) await writeFile(path, bytes, { mode: 0o600 });
  const restore = async () => {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, whole, { mode: 0o600 });
  };
  return { path, key: relative(site.data, path), way, bytes, restore };
}

/** A refusal that people can act on: a documented exit code, a code, a sentence and the next step; no stack. */
function assertRefused(ran: Ran, codes: readonly string[], exits: readonly number[]): void {
  assert.ok(exits.includes(ran.code ?? -1), `exit ${ran.code ?? ran.signal}: ${ran.stdout}${ran.stderr}`);
  const { error } = lastJson(ran);
  assert.ok(codes.includes(error.code), `${error.code} isn't one of ${codes.join(", ")}: ${ran.stdout}`);
  assert.match(error.message, /^[A-Z0-9].+\.$/);
  assert.ok(typeof error.hint === "string", `no hint: ${ran.stdout}`);
  assert.doesNotMatch(ran.stdout + ran.stderr, /\n\s+at |node:internal/);
}

/** The last of the JSON objects that a command said. */
function lastJson({ stdout }: Ran) {
  const texts = stdout.trim().split(/\n(?=\{)/);
  return JSON.parse(texts.at(-1) ?? "");
}

const undisturbed = new Map<string, Promise<EndState>>();

/** What publishing a site gives in the end, once for each stage. */
function expectedState(stage: Stage): Promise<EndState> {
  const known = undisturbed.get(stage) ?? openSite(stage).then(endState);
  undisturbed.set(stage, known);
  return known;
}

/** Everything in the store is what an undisturbed run would have put there: nothing made from damaged bytes. */
async function assertNothingWrong(site: Site, expected: EndState): Promise<number> {
  const found = await filesOf(site, "store", /\.(jws|gz|json|md|csv)$/).catch(() => []);
  const { createHash } = await import("node:crypto");
  for (const path of found) {
    const digest = createHash("sha256")
      .update(await readFile(path))
      .digest("hex")
      .slice(0, 24);
    assert.equal(digest, expected.get(relative(site.data, path)), `${relative(site.data, path)} isn't as it should be`);
  }
  return found.filter((path) => /\/log\/\d+\.jws$/.test(path)).length;
}

/** The damage is mended: what is run now ends like an undisturbed run, and nothing half-made is left. */
async function assertRecovers(site: Site, args: readonly string[], expected: EndState): Promise<void> {
  expectDone(await site.run(args, {}, quiet));
  assertSameState(await endState(site), expected);
  assert.deepEqual(await temporaries(site), []);
}

const all = [...Object.keys(damages), "exchanged"];

campaign("damage-lake-files", async (one) => {
  const site = await openSite("ingested");
  const compacted = one.random.chance(0.3);
  if (compacted) expectDone(await site.run(["lake", "compact"]));
  const pattern = compacted ? /\/c0001-[0-9a-f]{16}\.parquet$/ : /\.parquet$/;
  const { key, restore } = await damage(one, site, await filesOf(site, "lake/captures", pattern), all);
  const lakeKey = key.replace(/^lake\//, "");
  const found = await site.run(["lake", "verify"], {}, quiet);
  assertRefused(found, ["lake-damaged"], [3]);
  assert.ok(found.stdout.includes(lakeKey), "verify names it");
  const ran = await site.run(["publish"], {}, quiet);
  assert.equal(ran.code, 1, ran.stdout);
  assert.ok(ran.stdout.includes('"lake-damaged"') && ran.stdout.includes(lakeKey), `it isn't named: ${ran.stdout}`);
  const expected = await expectedState("published");
  const logs = await assertNothingWrong(site, expected);
  // What is of the days before the damage, or of none of its rows, is published all the same.
  if (!key.includes("2026-11-09")) assert.ok(logs > 0, "the others go on");
  await restore();
  await assertRecovers(site, ["publish"], expected);
  await site.remove();
});

campaign("damage-lake-records", async (one) => {
  const { random } = one;
  const site = await openSite("ingested");
  const kind = random.pick(["batches", "batches", "compactions", "exclusions"] as const);
  if (kind === "compactions") expectDone(await site.run(["lake", "compact"]));
  if (kind === "exclusions") {
    for (const sensor of ["pot-1", "pot-2"]) {
      const batch = batchOf(sensor, "2026-11-10");
      expectDone(await site.run(["lake", "exclude", batch, "--reason", "It was poisoned."]));
    }
  }
  const whole = await site.copy();
  expectDone(await whole.run(["publish"]));
  const expected = await endState(whole);
  await whole.remove();
  const ways = all.filter((way) => way !== "gone");
  const { key, bytes, restore } = await damage(one, site, await filesOf(site, `lake/${kind}`, /\.json$/), ways);
  one.note(String(bytes?.toString("latin1").slice(-200)));
  const lakeKey = key.replace(/^lake\//, "");
  const found = await site.run(["lake", "verify"], {}, quiet);
  assertRefused(found, ["lake-damaged"], [3]);
  assert.ok(found.stdout.includes(lakeKey), "verify names it");
  const ran = await site.run(["publish"], {}, quiet);
  assert.ok(ran.code === 3 || ran.code === 1, `exit ${ran.code}: ${ran.stdout}`);
  assert.ok(ran.stdout.includes('"lake-damaged"') && ran.stdout.includes(lakeKey), `it isn't named: ${ran.stdout}`);
  await assertNothingWrong(site, expected);
  await restore();
  await assertRecovers(site, ["publish"], expected);
  await site.remove();
});

/** Of what is compressed, and so has a checksum; a plain file's changed bytes can't be told from others. */
campaign("damage-spool", async (one) => {
  const { random } = one;
  const [ending, pack] = random.pick([
    [".gz", gzipSync],
    [".zst", zstdCompressSync],
  ] as const);
  const site = await openSite("spooled");
  for (const path of await filesOf(site, "spool", /\.ndjson$/)) {
    await writeFile(`${path}${ending}`, pack(await readFile(path)));
    await rm(path);
  }
  const whole = await site.copy();
  expectDone(await whole.run(["ingest"]));
  const expected = await endState(whole);
  await whole.remove();
  const paths = await filesOf(site, "spool", /\.ndjson\./);
  const { path, restore } = await damage(one, site, paths, ["a bit flipped", "cut", "emptied", "a block of zeros"]);
  const ran = await site.run(["ingest"], {}, quiet);
  const name = basename(path);
  if (ran.code !== 0) {
    assertRefused(ran, ["some-failed"], [1]);
    assert.ok(ran.stdout.includes(name), "the file is named");
    // What was taken beside it is right, and the file waits where it was.
    assert.deepEqual(
      (await filesOf(site, "spool", /./)).map((left) => basename(left)),
      [name],
    );
    await restore();
    await assertRecovers(site, ["ingest"], expected);
  } else {
    // Its end was cut off, and what came is whole lines; or bytes that mean nothing changed (a header's time).
    const state = await endState(site);
    const [rows, most] = [state, expected].map((facts) => Number(facts.get("rows of captures")?.split(" ")[0]));
    assert.ok((rows ?? 0) <= (most ?? 0), "no row comes of damage");
    one.note(`taken with ${rows} of ${most} rows`);
    const sameRows = rows === most;
    assert.ok(sameRows || (await filesOf(site, "quarantine", /./)).length > 0, "what is missing stands in quarantine");
  }
  assert.deepEqual(await temporaries(site), []);
  await site.remove();
});

campaign("damage-store", async (one) => {
  const { random } = one;
  const site = await openSite("published");
  const pattern = random.pick([/partners\/[^/]+\/[^/]+\/artifacts\//, /\/log\/\d+\.jws$/, /\/keys\/\d+\.jws$/]);
  const { key, way, bytes, restore } = await damage(one, site, await filesOf(site, "store", pattern), all);
  const storeKey = key.replace(/^store\//, "");
  one.note(String(bytes?.toString("latin1").slice(0, 300)));
  // Announcements of keys are only read where there are any: a folder without them proves as much by the keys given.
  const silent = way === "gone" && /keys\/0+1\.jws$/.test(key);
  // A tail that was cut off shows to who remembers it: partners by --after, this site by its marks.
  const cutOff = way === "gone" && /log\/0+3\.jws$/.test(key);
  const ran = await site.run(["verify"], {}, quiet);
  if (!silent && !cutOff) {
    assert.equal(ran.code, 3, `${ran.code}: ${ran.stdout.slice(0, 3000)}`);
    const named = ran.stdout.includes(storeKey) || ran.stdout.includes(dirname(storeKey));
    assert.ok(named, `it isn't named: ${ran.stdout.slice(0, 3000)}`);
  }
  // Nothing is due, so nothing may change; a log that can't be trusted is refused.
  const again = await site.run(["publish"], {}, quiet);
  assert.ok([0, 1, 3].includes(again.code ?? -1), `exit ${again.code}: ${again.stdout}`);
  assert.doesNotMatch(again.stdout + again.stderr, /\n\s+at |"internal"/);
  if (cutOff) assert.ok(again.code === 1 && again.stdout.includes('"log-behind"'), again.stdout);
  await restore();
  const expected = await expectedState("published");
  await assertRecovers(site, ["publish"], expected);
  expectDone(await site.run(["verify", "--deep"]));
  await site.remove();
});

campaign("damage-keys", async (one) => {
  const { random } = one;
  const site = await openSite("ingested");
  const folder = random.pick(["keys", "keys", "tables"] as const);
  if (folder === "tables") {
    // Ingest reads them, publish doesn't: a batch that isn't known yet is put beside.
    await rm(join(site.data, "lake"), { recursive: true });
    await rm(join(site.data, "spool"), { recursive: true, force: true });
    await rename(join(site.data, "done"), join(site.data, "spool"));
  }
  const command = folder === "keys" ? "publish" : "ingest";
  const whole = await site.copy();
  expectDone(await whole.run([command]));
  const expected = await endState(whole);
  await whole.remove();
  const ways = folder === "tables" ? ["a bit flipped", "cut", "emptied"] : Object.keys(damages);
  const { restore, path, bytes } = await damage(
    one,
    site,
    await filesOf(site, folder, /(\.key|\.jwk|\.json|\.table)$/),
    ways,
  );
  one.note(basename(path).endsWith("key") ? "site key" : String(bytes?.toString("latin1").slice(0, 300)));
  const ran = await site.run([command], {}, quiet);
  if (ran.code === 0) assertSameState(await endState(site), expected);
  else assertRefused(ran, ["bad-key", "bad-table", "no-table"], [2]);
  await restore();
  await assertRecovers(site, [command], expected);
  await site.remove();
});

campaign("damage-tips", async (one) => {
  const site = await openSite("published");
  const { random } = one;
  const paths = await filesOf(site, "tips", /\/\d{8}-[0-9a-f]{32}$/);
  const path = random.pick(paths);
  const name = basename(path);
  // A bit of the name: of its number or of its digest.
  const at = random.whole(0, name.length - 1);
  const flipped = String.fromCharCode(name.charCodeAt(at) ^ (1 << random.whole(0, 3)));
  const other = join(dirname(path), name.slice(0, at) + flipped + name.slice(at + 1));
  if (flipped === "/" || flipped === "\u007f") return site.remove();
  one.note(`${name} became ${basename(other)}`);
  await cp(path, other);
  await rm(path);
  const expected = await expectedState("published");
  const ran = await site.run(["publish"], {}, quiet);
  assert.ok(ran.code === 0 || ran.code === 1, ran.stdout);
  if (ran.code === 1) assert.ok(ran.stdout.includes('"log-behind"'), ran.stdout);
  await rm(other, { force: true });
  await writeFile(path, "");
  await assertRecovers(site, ["publish"], expected);
  await site.remove();
});
