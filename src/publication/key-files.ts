/**
 * Files of the key folder: read only where no other user can, written whole and once.
 */
import { randomBytes } from "node:crypto";
import { chmod, link, mkdir, open, readdir, readFile, stat, unlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { SpampotsError } from "../errors.ts";

/** Makes the folder, for its owner only, and removes what a killed process left half-written. */
export async function makeFolder(folder: string): Promise<void> {
  try {
    await mkdir(dirname(folder), { recursive: true });
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await chmod(folder, 0o700);
  } catch (error) {
    throw new SpampotsError("disk-failed", "The key folder can't be made.", { cause: error, folder });
  }
  await removeTemporary(folder);
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
    throw new SpampotsError("disk-failed", "A private key can't be read.", { cause: error, path });
  }
}

const temporary = ".new-";

/** Writes a file of mode 600 whole and durably, or finds that it is there: `false`. */
export async function putOnce(path: string, text: string): Promise<boolean> {
  const folder = dirname(path);
  const draft = join(folder, `${temporary}${randomBytes(8).toString("hex")}`);
  try {
    const file = await open(draft, "wx", 0o600);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await link(draft, path);
    await syncFolder(folder);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false; // node:fs rejects with this shape.
    throw new SpampotsError("disk-failed", "The key folder can't be written.", { cause: error, path });
  } finally {
    await unlink(draft).catch(() => undefined);
  }
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** What a killed process left half-written. */
export async function removeTemporary(folder: string): Promise<void> {
  for (const name of await readdir(folder).catch(() => [])) {
    if (name.startsWith(temporary)) await unlink(join(folder, name)).catch(() => undefined);
  }
}
