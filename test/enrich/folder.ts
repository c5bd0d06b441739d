/** A folder of its own for a test, removed after it, and the shared test data. */
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { TestContext } from "node:test";
import { openDiskStore } from "../../src/store/disk.ts";

/** A fresh folder, with a writer of files into it and a disk store below it. */
export async function folderFor(t: TestContext) {
  const folder = await mkdtemp(join(tmpdir(), "enrich-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const write = async (name: string, content: string | Uint8Array) => {
    await writeFile(join(folder, name), content);
    return join(folder, name);
  };
  return { folder, write, store: openDiskStore(join(folder, "tables")) };
}

const shared = resolve(import.meta.dirname, "../../../shared/data");

/** Path of a file of the shared test data, with the options of a test that needs it. */
export function sharedFile(name: string) {
  const path = join(shared, name);
  return { path, needed: { skip: existsSync(path) ? false : `../shared/data/${name} isn't here` } };
}
