/** The demonstration, which is what most people run first: whatever stops it, the next one goes on. */
import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { projectRoot } from "../source-files.ts";
import { temporaryFolder } from "../temporary-folder.ts";
import { until } from "../until.ts";

test("a demonstration that was killed while it simulated begins anew", async (t) => {
  const data = join(await temporaryFolder(t), "demo");
  const args = [join(projectRoot, "bin/spampots.js"), "demo", "--data", data, "--messages-per-day", "10"];
  const options = { cwd: projectRoot, env: { PATH: process.env.PATH ?? "" } };
  const child = spawn(process.execPath, args, { ...options, stdio: "ignore" });
  const closed = once(child, "close");
  await until(async () => {
    const names = await readdir(data, { recursive: true }).catch(() => []);
    return names.some((name) => /\.ndjson\.gz$/.test(name));
  }, "a first simulated file");
  child.kill("SIGKILL");
  assert.deepEqual(await closed, [null, "SIGKILL"]);
  const { stdout } = await promisify(execFile)(process.execPath, args, options);
  assert.match(stdout, /^1\. Simulated \d+ captures/m);
  assert.match(stdout, /^4\. Verified: all \d+ publications/m);
});
