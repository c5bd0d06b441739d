/** A command is loaded when a call may mean it, and under its own name. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { spampots } from "../../src/cli.ts";

const loaded = async (...args: string[]) => (await spampots({}, args)).commands.map((command) => command.name());

test("a call loads what it names, help and misspelt calls load everything", async () => {
  const all = await loaded();
  assert.ok(all.length > 10);
  for (const name of all) assert.deepEqual(await loaded("--json", name, "--help"), [name]);
  assert.deepEqual(await loaded("--now", "publish", "verify"), ["publish", "verify"]);
  assert.deepEqual(await loaded("verfy"), all);
  assert.deepEqual(await loaded("--help", "verify"), all);
  assert.deepEqual(await loaded("--version"), []);
});
