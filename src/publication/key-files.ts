/**
 * Files of the key folder: read only where no other user can, written whole and once.
 */
import { chmod, mkdir, readFile, stat, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { SpampotsError } from "../errors.ts";
import { hintOf } from "../store/disk-error.ts";
import { nameOnce, withTemporary } from "../store/disk-write.ts";
import { sweepTemporary } from "../store/temporary.ts";

/** Makes the folder, for its owner only, and removes what a killed process left half-written. */
export async function makeFolder(folder: string): Promise<void> {
  try {
    await mkdir(dirname(folder), { recursive: true });
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await chmod(folder, 0o700);
  } catch (error) {
    throw new SpampotsError("disk-failed", "The key folder can't be made.", {
      cause: error,
      folder,
      hint: hintOf(error),
    });
  }
  await sweepTemporary(folder);
}

/** The text of a private file, or `undefined`. @throws SpampotsError `bad-key` where others may read it. */
export async function readPrivate(path: string): Promise<string | undefined> {
  try {
    const { mode } = await stat(path);
    if ((mode & 0o077) === 0) return await readFile(path, "utf8");
    throw new SpampotsError("bad-key", "A private key is open to other users of this machine.", {
      hint: `Run: chmod 600 ${path}`,
      path,
      mode: (mode & 0o777).toString(8),
    });
  } catch (error) {
    if (error instanceof SpampotsError) throw error;
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined; // node:fs rejects with this shape.
    throw new SpampotsError("disk-failed", "A private key can't be read.", { cause: error, path, hint: hintOf(error) });
  }
}

/** Writes a file of mode 600 whole and durably, or finds that it is there: `false`. */
export async function putOnce(path: string, text: string): Promise<boolean> {
  try {
    return await withTemporary(dirname(path), async (draft) => {
      await writeFile(draft, text, { flag: "wx", mode: 0o600, flush: true });
      return nameOnce(draft, path);
    });
  } catch (error) {
    throw new SpampotsError("disk-failed", "The key folder can't be written.", {
      cause: error,
      path,
      hint: hintOf(error),
    });
  }
}
