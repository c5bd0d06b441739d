/**
 * `.ci/setup` installs once: in a fresh clone, after a change of the lock file, after an interrupted install, and at no other time.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { type TestContext, test } from "node:test";
import { projectRoot } from "./source-files.ts";

/** Stands in for npm: notes each call, and leaves what `npm ci` leaves last. */
const npm = `#!/bin/sh
echo "$*" >> calls
mkdir -p node_modules && touch node_modules/.package-lock.json
`;

/** A clone without dependencies; `calls` runs its set-up and tells how often npm was called so far. */
function clone(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), "spampots-setup-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  mkdirSync(join(folder, "programs"));
  writeFileSync(join(folder, "programs", "npm"), npm, { mode: 0o755 });
  cpSync(join(projectRoot, ".ci", "setup"), join(folder, ".ci", "setup"));
  writeFileSync(join(folder, "package-lock.json"), "{}");
  writeFileSync(join(folder, "calls"), "");
  const path = [join(folder, "programs"), dirname(process.execPath), process.env.PATH].join(delimiter);
  const calls = () => {
    const { status, stderr } = spawnSync("sh", [".ci/setup"], { cwd: folder, env: { PATH: path }, encoding: "utf8" });
    assert.equal(status, 0, stderr);
    return readFileSync(join(folder, "calls"), "utf8").split("\n").length - 1;
  };
  return { folder, calls };
}

test("a fresh clone is installed once", (t) => {
  const { folder, calls } = clone(t);
  assert.equal(calls(), 1);
  assert.match(readFileSync(join(folder, "calls"), "utf8"), /^ci /);
  assert.equal(calls(), 1);
});

test("a changed lock file is installed again, once", (t) => {
  const { folder, calls } = clone(t);
  calls();
  utimesSync(join(folder, "package-lock.json"), 2000, 2000);
  utimesSync(join(folder, "node_modules", ".package-lock.json"), 1000, 1000);
  assert.equal(calls(), 2);
  assert.equal(calls(), 2);
});

test("what an interrupted install left behind is installed again", (t) => {
  const { folder, calls } = clone(t);
  mkdirSync(join(folder, "node_modules", "hono"), { recursive: true });
  assert.equal(calls(), 1);
});
