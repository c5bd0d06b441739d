/** partners.yaml is replaced whole, by who has read what is there. */
import assert from "node:assert/strict";
import { chmod, chown, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { isError } from "../../../src/errors.ts";
import { readRegistryFile, replaceRegistryFile } from "../../../src/partner/registry/file.ts";

async function folderOf(t: TestContext, content?: string | Buffer): Promise<{ folder: string; path: string }> {
  const folder = await mkdtemp(join(tmpdir(), "spampots-registry-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const path = join(folder, "partners.yaml");
  if (content !== undefined) await writeFile(path, content);
  return { folder, path };
}

test("the file keeps its mode, its byte order mark, and the link that leads to it", async (t) => {
  const real = await folderOf(t, "\ufeffpartners: []\r\n...\r\n");
  await chmod(real.path, 0o640);
  const { folder, path } = await folderOf(t);
  await symlink(real.path, path);
  const read = await readRegistryFile(folder);
  assert.equal(read.text, "partners: []\r\n...\r\n");
  await replaceRegistryFile(read, "# new\r\n...\r\n");
  assert.equal(await readFile(real.path, "utf8"), "\ufeff# new\r\n...\r\n");
  assert.equal((await stat(real.path)).mode & 0o777, 0o640);
  assert.deepEqual(await readdir(real.folder), ["partners.yaml"]);
  assert.deepEqual(await readdir(folder), ["partners.yaml"]);
});

test("a file that root edits stays its owner's, who has to read it", {
  skip: process.getuid?.() === 0 ? false : "needs root",
}, async (t) => {
  const { folder, path } = await folderOf(t, "partners: []\n...\n");
  await chmod(path, 0o640);
  await chown(path, 12_345, 23_456);
  await replaceRegistryFile(await readRegistryFile(folder), "# new\n...\n");
  const { uid, gid, mode } = await stat(path);
  assert.deepEqual([uid, gid, mode & 0o777], [12_345, 23_456, 0o640]);
});

test("a file that isn't there, or is empty, is begun; a cut one is refused", async (t) => {
  const { folder, path } = await folderOf(t);
  const read = await readRegistryFile(folder);
  assert.equal(read.text, undefined);
  await replaceRegistryFile(read, "partners: []\n...\n");
  assert.equal(await readFile(path, "utf8"), "partners: []\n...\n");
  await writeFile(path, "\n");
  assert.equal((await readRegistryFile(folder)).text, undefined);
  await writeFile(path, "partners: []\n");
  await assert.rejects(readRegistryFile(folder), (error) => isError(error, "bad-configuration"));
});

test("whoever read an older file writes nothing, whatever changed", async (t) => {
  const { folder, path } = await folderOf(t, "partners: []\n...\n");
  const read = await readRegistryFile(folder);
  const refused = async (there: string | undefined) => {
    await assert.rejects(replaceRegistryFile(read, "# mine\n...\n"), (error) => isError(error, "changed-meanwhile"));
    assert.equal(await readFile(path, "utf8").catch(() => undefined), there);
    assert.deepEqual(await readdir(folder), there === undefined ? [] : ["partners.yaml"]);
  };
  await writeFile(path, "# theirs\n...\n");
  await refused("# theirs\n...\n");
  await rm(path);
  const none = await readRegistryFile(folder);
  await writeFile(path, "# theirs\n...\n");
  await assert.rejects(replaceRegistryFile(none, "# mine\n...\n"), (error) => isError(error, "changed-meanwhile"));
});

test("of many edits at once one is made, and none is lost unsaid", async (t) => {
  const { folder, path } = await folderOf(t, "# 0\n...\n");
  const read = await readRegistryFile(folder);
  const ends = await Promise.allSettled(
    Array.from({ length: 20 }, (_, n) => replaceRegistryFile(read, `# ${n + 1}\n...\n`)),
  );
  const made = ends.flatMap(({ status }, n) => (status === "fulfilled" ? [n + 1] : []));
  assert.equal(made.length, 1);
  assert.equal(await readFile(path, "utf8"), `# ${made[0]}\n...\n`);
});

test("what is no whole file is not written", async (t) => {
  const { folder, path } = await folderOf(t, "# 0\n...\n");
  const read = await readRegistryFile(folder);
  await assert.rejects(replaceRegistryFile(read, "# cut"), (error) => isError(error, "bad-configuration"));
  assert.equal(await readFile(path, "utf8"), "# 0\n...\n");
});
