/** Whoever reads what a command says may stop reading: the command ends as if they hadn't. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { test } from "node:test";
import { projectRoot } from "../source-files.ts";

test("spampots schema fields | true", async () => {
  const child = spawn(process.execPath, [join(projectRoot, "bin/spampots.js"), "schema", "fields"], {
    cwd: projectRoot,
    env: { PATH: process.env.PATH ?? "" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  child.stdout.destroy();
  const said: Buffer[] = [];
  child.stderr.on("data", (chunk) => said.push(chunk));
  const [code] = await once(child, "close");
  assert.equal(Buffer.concat(said).toString(), "");
  assert.equal(code, 0);
});
