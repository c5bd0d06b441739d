/** Files of partners' and operators' keys: what stops their making leaves no half of one, and loses none. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { readOperatorKeys } from "../../../src/partner/auth/operator-keys.ts";
import { projectRoot } from "../../source-files.ts";
import { temporaryFolder } from "../../temporary-folder.ts";

interface Ended {
  readonly code: number;
  readonly stderr: string;
}

/** Runs commands of one installation. */
async function openSite(t: TestContext) {
  const root = await temporaryFolder(t);
  const set = join(root, "set", "operators.json");
  const run = (args: readonly string[], more: Readonly<Record<string, string>> = {}) =>
    new Promise<Ended>((done) => {
      const env = { PATH: process.env.PATH ?? "", SPAMPOTS_DATA: root, SPAMPOTS_OPERATOR_KEYS: set, ...more };
      execFile(process.execPath, [join(projectRoot, "bin/spampots.js"), ...args], { env }, (error, _stdout, stderr) =>
        done({ code: error === null ? 0 : Number(error.code), stderr }),
      );
    });
  return { root, set, run };
}

test("a disk that gets full leaves no half of a key, and the same command works afterwards", async (t) => {
  const { root, run } = await openSite(t);
  const command = ["fetch", "--new-key", join(root, "my.jwk"), "--partner", "twcert"];
  const limited = {
    NODE_OPTIONS: `--import ${join(projectRoot, "test/faults/limit-files.ts")} --disable-warning=ExperimentalWarning`,
    FAULTS_FILE_BYTES: "64",
    NODE_DISABLE_COMPILE_CACHE: "1",
  };
  const { code, stderr } = await run(command, limited);
  assert.equal(code, 4, stderr);
  assert.deepEqual(
    (await readdir(root)).filter((name) => name.includes("jwk")),
    [],
  );
  assert.equal((await run(command)).code, 0);
  assert.equal((await run(command)).code, 1, "a key is never overwritten");
});

test("operators who make their keys at once all have them in the set", async (t) => {
  const { root, set, run } = await openSite(t);
  await mkdir(join(set, ".."));
  const ended = await Promise.all(
    Array.from({ length: 5 }, (_, number) => run(["keys", "operator", join(root, `${number}.jwk`)])),
  );
  for (const { code, stderr } of ended) assert.equal(code, 0, stderr);
  assert.equal((await readOperatorKeys(set)).length, 5);
  assert.deepEqual(await readdir(join(set, "..")), ["operators.json"]);
});

test("a set that can't be written leaves no key that stands in none", async (t) => {
  const { root, set, run } = await openSite(t);
  const command = ["keys", "operator", join(root, "op.jwk")];
  assert.equal((await run(command)).code, 4);
  await mkdir(join(set, ".."));
  const { code, stderr } = await run(command);
  assert.equal(code, 0, stderr);
  const [key] = await readOperatorKeys(set);
  assert.equal(JSON.parse(await readFile(join(root, "op.jwk"), "utf8")).x, key?.x);
});

test("an empty file where a key was to be is what a killed command left", async (t) => {
  const { root, run } = await openSite(t);
  const path = join(root, "my.jwk");
  await writeFile(path, "");
  assert.equal((await run(["fetch", "--new-key", path, "--partner", "twcert"])).code, 0);
  assert.equal(JSON.parse(await readFile(path, "utf8")).partner, "twcert");
});

test("what a killed command left beside the set stops nobody for long", async (t) => {
  const { root, set, run } = await openSite(t);
  await mkdir(join(set, ".."));
  await writeFile(`${set}.${"0".repeat(16)}.new`, "half");
  const { code, stderr } = await run(["keys", "operator", join(root, "op.jwk")]);
  assert.equal(code, 0, stderr);
  assert.equal((await readOperatorKeys(set)).length, 1);
});
