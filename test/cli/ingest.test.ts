/** `ingest` as an operator starts it, where what it is to read isn't as it should be. */
import assert from "node:assert/strict";
import { mkdir, readdir, rename, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { openOperatorWorld, partnersYaml } from "../publication/operator-world.ts";
import { until } from "../until.ts";
import { siteFolder } from "./site-folder.ts";

async function openSite(t: TestContext) {
  const world = await openOperatorWorld(t);
  const spool = join(world.root, "spool");
  await mkdir(spool, { recursive: true });
  return { spool, root: world.root, site: await siteFolder(t, world, partnersYaml) };
}

test("a spool folder that can't be reached isn't an empty one", async (t) => {
  const { spool, root, site } = await openSite(t);
  await rm(spool, { recursive: true });
  assert.equal((await site.run(["ingest"])).code, 0, "there is none so far");
  for (const target of [join(root, "not-mounted"), "spool"]) {
    await symlink(target, spool);
    const { code, stdout, stderr } = await site.run(["ingest"]);
    assert.deepEqual([code, stdout], [4, ""], target);
    assert.match(stderr, /^spampots: A file or folder can't be read or written\.\n {2}path: \S+\/spool\n/);
    await rm(spool);
  }
});

test("an archive of a sensor that isn't known leaves nothing in the spool", async (t) => {
  const { spool, root, site } = await openSite(t);
  const mail = join(root, "one.eml");
  await writeFile(mail, "Received: from a (a [203.0.113.9]) by b; Tue, 10 Nov 2026 10:00:00 +0000\nSubject: x\n\nx\n");
  const wrong = await site.run(["ingest", mail, "--sensor", "pot1", "--service", "smtp"]);
  assert.equal(wrong.code, 1);
  assert.match(wrong.stderr, /^spampots: The sensors file doesn't hold this sensor\.\n/);
  assert.deepEqual(await readdir(spool), []);
  assert.equal((await site.run(["ingest", mail, "--sensor", "pot-1", "--service", "smtp"])).code, 0);
  assert.equal((await site.run(["ingest"])).code, 0);
});

const header = (sensor: string) => `${JSON.stringify({ v: 1, sensor, sealed_at: "2026-11-11T00:00:00Z" })}\n`;

test("ingest --watch takes a refused file once it was replaced, and not before", async (t) => {
  const { spool, root, site } = await openSite(t);
  const path = join(spool, "pot-1-2026-11-10.ndjson");
  await writeFile(path, "cut");
  const going = site.start(["ingest", "--watch"], { SPAMPOTS_LOG: "info" });
  const refusals = () => going.stderr().split("spool file refused").length - 1;
  await until(() => refusals() > 0, "a refusal");
  const whole = join(root, "whole");
  await writeFile(whole, header("pot-1"));
  await rename(whole, path);
  await until(() => going.stderr().includes("batch ingested"), "the file that replaced it");
  const { code, stdout, stderr } = await going.end("SIGTERM");
  assert.equal(refusals(), 1);
  assert.deepEqual([code, await readdir(spool)], [0, []], stderr);
  assert.match(stdout, /^1 of 1 files were new/m);
});

test("what is wrong with a file as a whole is said without an empty path", async (t) => {
  const { spool, site } = await openSite(t);
  await writeFile(join(spool, "pot-1-2026-11-10.ndjson"), "cut");
  const { code, stdout } = await site.run(["ingest"]);
  assert.equal(code, 1);
  assert.match(stdout, /A spool file has no header to read|The first line is not a header/);
  assert.doesNotMatch(stdout, /path: *$/m);
});
