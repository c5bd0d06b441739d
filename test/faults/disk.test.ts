/**
 * A disk that fails: full at a random byte, mounted read-only, files larger than the process may write, permission lost.
 * The command says so, with the next step and the documented exit code; what is published is whole and right; and once
 * the disk is mended the next run ends as an undisturbed one, with nothing half-made left behind.
 *
 * A small disk is a tmpfs, which root may mount; where that isn't so, `ulimit -f` stands in for it.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { chmod, chown, cp, mkdir, mkdtemp, readdir, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { test } from "node:test";
import { assertSameState, type EndState, endState, temporaries } from "./end-state.ts";
import { type Case, campaign } from "./seeded.ts";
import { batchOf, expectDone, openSite, type Ran, type Site, type Stage } from "./world.ts";

const quiet = { SPAMPOTS_LOG: "silent" };

/** What is run on a disk that fails, and on which site. */
const targets: readonly { readonly stage: Stage; readonly args: readonly string[] }[] = [
  { stage: "spooled", args: ["ingest"] },
  { stage: "spooled", args: ["ingest"] },
  { stage: "ingested", args: ["publish"] },
  { stage: "ingested", args: ["publish"] },
  { stage: "ingested", args: ["lake", "compact"] },
  { stage: "published", args: ["withdraw", "twcert", "spam-sources", "2", "--reason", "It was wrong.", "--revoke"] },
  { stage: "published", args: ["lake", "exclude", batchOf("pot-1", "2026-11-10"), "--reason", "It was poisoned."] },
];

const ends = new Map<string, Promise<EndState>>();

/** The end of an undisturbed run. */
function expectedEnd({ stage, args }: (typeof targets)[number]): Promise<EndState> {
  const name = [stage, ...args].join(" ");
  const made = async () => {
    const site = await openSite(stage);
    expectDone(await site.run(args));
    const end = await endState(site);
    await site.remove();
    return end;
  };
  const known = ends.get(name) ?? made();
  ends.set(name, known);
  return known;
}

/** It ended well, or says what the disk did, in one of the ways that are documented. */
function assertSaid(ran: Ran, codes: readonly string[]): boolean {
  assert.equal(ran.signal, null, `it was killed: ${ran.stderr}`);
  if (ran.code === 0) return true;
  assert.ok([1, 2, 4].includes(ran.code ?? -1), `exit ${ran.code}: ${ran.stdout}${ran.stderr}`);
  const { error } = JSON.parse(
    ran.stdout
      .trim()
      .split(/\n(?=\{)/)
      .at(-1) ?? "",
  );
  assert.match(error.message, /^[A-Z0-9].+\.$/);
  assert.ok(typeof error.hint === "string" && error.hint.length > 10, `no next step: ${ran.stdout}${ran.stderr}`);
  const all = [...ran.stdout.matchAll(/"code":"([a-z-]+)"/g)].map(([, code]) => code ?? "");
  for (const code of all) assert.ok(["some-failed", ...codes].includes(code), `${code}: ${ran.stdout}`);
  assert.ok(
    all.some((code) => codes.includes(code)),
    ran.stdout,
  );
  assert.doesNotMatch(ran.stdout + ran.stderr, /\n\s+at |node:internal/, "a stack");
  return false;
}

/** Whatever is in the store is what an undisturbed run puts there. */
async function assertNothingWrong(site: Site, expected: EndState): Promise<void> {
  const entries = await readdir(join(site.data, "store"), { recursive: true, withFileTypes: true }).catch(() => []);
  for (const entry of entries) {
    const path = join(entry.parentPath, entry.name);
    if (!entry.isFile() || path.includes("/.tmp/") || !path.endsWith(".jws")) continue;
    const name = relative(site.data, path);
    const digest = createHash("sha256")
      .update(await readFile(path))
      .digest("hex")
      .slice(0, 24);
    assert.equal(digest, expected.get(name), `${name} isn't as it should be`);
  }
}

const mount = (...args: string[]) => execFileSync("mount", args, { stdio: "pipe" });
const umount = (path: string) => execFileSync("umount", ["--lazy", path], { stdio: "pipe" });

function tryMount(): boolean {
  if (process.getuid?.() !== 0) return false;
  const folder = execFileSync("mktemp", ["-d"], { encoding: "utf8" }).trim();
  try {
    mount("-t", "tmpfs", "-o", "size=64k", "tmpfs", folder);
    umount(folder);
    return true;
  } catch {
    return false;
  } finally {
    execFileSync("rmdir", [folder]);
  }
}

const mayMount = tryMount();

/** Moves a site's data onto a disk of its own, with so much room in all. Gives it back to no one: unmount it. */
async function ontoDisk(
  site: Site,
): Promise<{ used: number; resize(bytes: number): void; readOnly(yes: boolean): void }> {
  const aside = await mkdtemp(join(tmpdir(), "spampots-aside-"));
  await cp(site.data, aside, { recursive: true, preserveTimestamps: true });
  mount("-t", "tmpfs", "-o", "size=512m,mode=0755", "tmpfs", site.data);
  await cp(aside, site.data, { recursive: true, preserveTimestamps: true });
  await rm(aside, { recursive: true });
  const [, blocks = "0"] =
    /(\d+)\s*$/.exec(execFileSync("df", ["--output=used", "-B1", site.data], { encoding: "utf8" })) ?? [];
  return {
    used: Number(blocks),
    resize: (bytes) => void mount("-o", `remount,size=${Math.ceil(bytes)}`, site.data),
    readOnly: (yes) => void mount("-o", `remount,${yes ? "ro" : "rw"}`, site.data),
  };
}

/** Runs once on a failing disk, and once on a mended one. */
async function breakAndMend(
  one: Case,
  site: Site,
  target: (typeof targets)[number],
  {
    codes,
    env = {},
    mend,
  }: { codes: readonly string[]; env?: Record<string, string>; mend: () => Promise<void> | void },
): Promise<void> {
  const expected = await expectedEnd(target);
  const ran = await site.run(target.args, {}, { ...quiet, ...env });
  one.note(`${target.args.join(" ")}: exit ${ran.code} ${ran.stdout.slice(-600)} ${ran.stderr.slice(0, 1000)}`);
  const done = assertSaid(ran, codes);
  await assertNothingWrong(site, expected);
  await mend();
  if (done) assertSameState(await endState(site), expected);
  const again = await site.run(target.args, {}, quiet);
  expectDone(again);
  assertSameState(await endState(site), expected);
  assert.deepEqual(await temporaries(site), []);
}

campaign("disk-full", async (one) => {
  const { random } = one;
  const target = random.pick(targets);
  const site = await openSite(target.stage);
  if (!mayMount) return fileLimit(one, site, target);
  const disk = await ontoDisk(site);
  try {
    const room = Math.floor(600_000 * random.fraction() ** 2);
    one.note(`${room} bytes of room`);
    disk.resize(disk.used + room);
    // The engine says in its own words that it can't spill or write.
    await breakAndMend(one, site, target, { codes: ["disk-failed"], mend: () => disk.resize(512 * 1024 * 1024) });
  } finally {
    umount(site.data);
    await site.remove();
  }
});

/** Environment in which files grow to so many bytes and no further: the write that goes over it fails, as on a full disk. */
const limited = (bytes: number) => ({
  NODE_OPTIONS: `--import ${join(import.meta.dirname, "limit-files.ts")}`,
  FAULTS_FILE_BYTES: String(bytes),
  // Node writes its cache of compiled sources as the process ends, when the signal has no listener any more.
  NODE_DISABLE_COMPILE_CACHE: "1",
});

async function fileLimit(one: Case, site: Site, target: (typeof targets)[number]): Promise<void> {
  one.note("nothing but a limit on files");
  const env = limited(one.random.whole(1, 60_000));
  await breakAndMend(one, site, target, { codes: ["disk-failed"], env, mend: () => undefined });
  await site.remove();
}

test("a compaction that the disk doesn't take is the disk's fault, not the lake's", async () => {
  const site = await openSite("ingested");
  const ran = await site.run(["lake", "compact"], {}, { ...quiet, ...limited(2_000) });
  assert.match(ran.stdout, /"code":"disk-failed"/);
  expectDone(await site.run(["lake", "verify"]));
  await site.remove();
});

test("ingest ends wherever the disk gets full, also while the engine writes the file before", {
  skip: !mayMount,
}, async () => {
  for (let pages = 0; pages < 10; pages += 1) {
    const site = await openSite("spooled");
    const disk = await ontoDisk(site);
    disk.resize(disk.used + pages * 4096);
    try {
      assertSaid(await site.run(["ingest"], {}, quiet), ["disk-failed"]);
    } finally {
      umount(site.data);
      await site.remove();
    }
  }
});

campaign("disk-file-limit", async (one) => {
  const target = one.random.pick(targets);
  await fileLimit(one, await openSite(target.stage), target);
});

campaign("disk-read-only", async (one) => {
  const target = one.random.pick(targets);
  const site = await openSite(target.stage);
  if (!mayMount) return site.remove();
  const disk = await ontoDisk(site);
  try {
    disk.readOnly(true);
    await breakAndMend(one, site, target, { codes: ["disk-failed"], mend: () => disk.readOnly(false) });
  } finally {
    umount(site.data);
    await site.remove();
  }
});

/** Gives everything to an ordinary user, and lets that user pass on the way there. */
async function giveAway(site: Site): Promise<void> {
  await chmod(dirname(site.root), 0o755);
  if (process.getuid?.() !== 0) return;
  for (const entry of await readdir(site.root, { recursive: true })) await chown(join(site.root, entry), 65534, 65534);
  await chown(site.root, 65534, 65534);
}

/** Without root's rights, which no permission holds up. */
const ordinaryUser = {
  NODE_OPTIONS: `--import ${join(import.meta.dirname, "drop-rights.ts")}`,
  NODE_DISABLE_COMPILE_CACHE: "1",
};

test("a folder for temporary files that can't be entered is said once, and is no fault of the program's", async () => {
  const site = await openSite("spooled");
  await giveAway(site);
  const folder = join(site.data, ".tmp");
  await mkdir(folder, { recursive: true, mode: 0o000 });
  if (process.getuid?.() === 0) await chown(folder, 65534, 65534);
  assertSaid(await site.run(["ingest"], {}, { ...quiet, ...ordinaryUser }), ["disk-failed"]);
  await chmod(folder, 0o755);
  await site.remove();
});

campaign("disk-permission", async (one) => {
  const { random } = one;
  const target = random.pick(targets);
  const site = await openSite(target.stage);
  await giveAway(site);
  const folders = [
    "lake",
    "lake/batches",
    "lake/captures",
    "store",
    "spool",
    "done",
    "tips",
    "keys",
    "tables",
    "quarantine",
    ".",
    ".tmp",
  ];
  const folder = join(site.data, random.pick(folders));
  await mkdir(folder, { recursive: true });
  if (process.getuid?.() === 0) await chown(folder, 65534, 65534);
  const { mode } = await stat(folder);
  const lost = random.pick([0o000, 0o555, 0o300]);
  one.note(`${relative(site.data, folder)} has ${lost.toString(8)}`);
  await chmod(folder, lost);
  await breakAndMend(one, site, target, {
    codes: ["disk-failed", "bad-key", "bad-table", "no-table", "bad-configuration", "bad-argument"],
    env: ordinaryUser,
    mend: () => chmod(folder, mode),
  });
  await site.remove();
});
