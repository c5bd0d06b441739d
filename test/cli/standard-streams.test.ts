/** Where what a command says goes may end or fill up: the command ends all the same, as what it did says. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { projectRoot } from "../source-files.ts";
import { temporaryFolder } from "../temporary-folder.ts";

/** Every write to it fails as on a full disk: full(4). */
const fullDisk = "/dev/full";

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Where the streams go that aren't read: to a disk that is full, or to a reader who is gone. */
type Elsewhere = Partial<Record<"stdout" | "stderr", "full" | "gone">>;

/** Runs Node until it ends; after a minute it is killed, and has no code. */
async function ended(t: TestContext, args: readonly string[], elsewhere: Elsewhere): Promise<Ended> {
  const full = openSync(fullDisk, "w");
  const streamOf = (name: "stdout" | "stderr") => (elsewhere[name] === "full" ? full : "pipe");
  const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", ...args], {
    cwd: projectRoot,
    env: { PATH: process.env.PATH ?? "", SPAMPOTS_DATA: await temporaryFolder(t) },
    stdio: ["ignore", streamOf("stdout"), streamOf("stderr")],
    timeout: 60_000,
    killSignal: "SIGKILL",
  });
  closeSync(full);
  const said = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const) {
    if (elsewhere[name] === "gone") child[name]?.destroy();
    else child[name]?.on("data", (chunk) => (said[name] += String(chunk)));
  }
  const [code] = await once(child, "close");
  return { code, ...said };
}

const command = (...args: readonly string[]) => [join(projectRoot, "bin/spampots.js"), ...args];

/** Logs two lines, and says how it went on. */
const logging = [
  "--input-type=module",
  "--eval",
  `import { openLog } from ${JSON.stringify(join(projectRoot, "src/log.ts"))};
   const log = openLog("info");
   log.error("one");
   setTimeout(() => { log.error("two"); process.stdout.write("went on"); }, 50);`,
];

test("nobody reads to the end what is said", async (t) => {
  assert.deepEqual(await ended(t, command("schema", "fields"), { stdout: "gone" }), {
    code: 0,
    stdout: "",
    stderr: "",
  });
});

test("what is said doesn't fit on the disk", async (t) => {
  const { code, stderr } = await ended(t, command("schema", "fields"), { stdout: "full" });
  assert.equal(code, 4);
  assert.match(stderr, /^spampots: What was to be said can't be written\.\n {2}system: ENOSPC\nFree space [^\n]+\n$/);
});

test("nobody reads why a command failed", async (t) => {
  for (const stderr of ["gone", "full"] as const) {
    assert.deepEqual((await ended(t, command("verify", "--tlp", "MAUVE"), { stderr })).code, 2, stderr);
  }
});

test("the log doesn't fit on the disk, or nobody reads it", async (t) => {
  for (const stderr of ["full", "gone"] as const) {
    const { code, stdout } = await ended(t, logging, { stderr });
    assert.deepEqual([code, stdout], [0, "went on"], stderr);
  }
});
