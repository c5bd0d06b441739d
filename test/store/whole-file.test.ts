/** Files beside the store are begun and replaced whole, by one at a time, and no edit is lost unsaid. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { createWhole, readWhole, replaceWhole } from "../../src/store/whole-file.ts";
import { temporaryFolder } from "../temporary-folder.ts";

const successorOf = (path: string, old: string) =>
  `${path}.${createHash("sha256").update(old).digest("hex").slice(0, 16)}.new`;

test("a file is begun once, with its permissions, and leaves nothing beside it", async (t) => {
  const folder = await temporaryFolder(t);
  const path = join(folder, "a.jwk");
  const made = await Promise.all(Array.from({ length: 8 }, (_, n) => createWhole(path, `${n}`, 0o600)));
  assert.equal(made.filter(Boolean).length, 1);
  assert.equal(await readFile(path, "utf8"), `${made.indexOf(true)}`);
  assert.equal((await stat(path)).mode & 0o777, 0o600);
  assert.deepEqual(await readdir(folder), ["a.jwk"]);
});

test("of many who replace the same, one does; what it wrote is there", async (t) => {
  const folder = await temporaryFolder(t);
  const path = join(folder, "a.yaml");
  for (const old of [undefined, Buffer.from("")]) {
    if (old !== undefined) await writeFile(path, old);
    const ends = await Promise.all(Array.from({ length: 12 }, (_, n) => replaceWhole(path, old, Buffer.from(`${n}`))));
    assert.equal(ends.filter(Boolean).length, 1);
    assert.equal(await readFile(path, "utf8"), `${ends.indexOf(true)}`);
    assert.deepEqual(await readdir(folder), ["a.yaml"]);
  }
});

/** Adds a line, as often as it takes. */
async function addLine(path: string, line: string): Promise<void> {
  for (;;) {
    const old = await readWhole(path);
    if (await replaceWhole(path, old, Buffer.from(`${old ?? ""}${line}\n`))) return;
    await sleep(2);
  }
}

test("what a killed command left stops nobody for long, and those who find it at once lose no edit", async (t) => {
  const folder = await temporaryFolder(t);
  const path = join(folder, "lines");
  await writeFile(path, "0\n");
  await writeFile(successorOf(path, "0\n"), "killed\n");
  await writeFile(successorOf(path, "other"), "killed\n");
  await writeFile(join(folder, "lines.txt.new"), "somebody's");
  assert.equal(await replaceWhole(path, Buffer.from("0\n"), Buffer.from("1\n")), false, "it may be under way");
  const lines = Array.from({ length: 16 }, (_, n) => `${n + 1}`);
  await Promise.all(lines.map((line) => addLine(path, line)));
  const there = (await readFile(path, "utf8")).trim().split("\n");
  assert.deepEqual(there.toSorted(), ["0", ...lines].toSorted());
  assert.deepEqual(await readdir(folder), ["lines", "lines.txt.new"]);
});
