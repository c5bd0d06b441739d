/**
 * `partners.yaml` on disk: read whole, and replaced in one step by who has read what is there. Whoever reads it meanwhile
 * meets the old text or the new one.
 */
import type { Stats } from "node:fs";
import { open, readFile, realpath, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { documentText, refusal } from "../../document.ts";
import { SpampotsError } from "../../errors.ts";
import { fileError, systemCode } from "../../store/disk-error.ts";

const fileName = "partners.yaml";

/** The file as it was read. */
export interface RegistryFile {
  /** Where it is, links followed: what is edited is the file that a link names. */
  readonly path: string;
  /** `undefined` where there is none, or nothing in it. */
  readonly text: string | undefined;
  /** What was read, byte for byte; `undefined` where there is no file. */
  readonly bytes: Buffer | undefined;
}

/** An edit takes milliseconds: what another left for so long is a killed one's. */
const abandonedMs = 60_000;

const byteOrderMark = Buffer.from([0xef, 0xbb, 0xbf]);

/** Reads the file of a configuration's folder. @throws SpampotsError `bad-configuration` where it isn't text, or is cut; `disk-failed` */
export async function readRegistryFile(folder: string): Promise<RegistryFile> {
  const named = join(folder, fileName);
  try {
    const path = await realpath(named);
    const bytes = await readFile(path);
    // Nothing in it is no file that was cut.
    if (bytes.toString().trim() === "") return { path, text: undefined, bytes };
    return { path, text: checkedText(bytes), bytes };
  } catch (error) {
    if (systemCode(error) === "ENOENT") return { path: named, text: undefined, bytes: undefined };
    if (error instanceof SpampotsError) throw error;
    throw fileError(error);
  }
}

function checkedText(bytes: Uint8Array): string {
  const read = documentText(fileName, bytes);
  if ("problem" in read) throw refusal([read.problem]);
  return read.text;
}

/**
 * Puts a text in the place of what was read; `now` is what the clock of the disk says. Two edits at once exclude each other, and one of a file that was changed since
 * it was read is refused; an editor that writes in the same millisecond is not noticed.
 *
 * @throws SpampotsError `changed-meanwhile` where another edit came first or is under way, `bad-configuration` where the text
 *   is no whole file, `disk-failed`.
 */
export async function replaceRegistryFile({ path, bytes }: RegistryFile, text: string, now: number): Promise<void> {
  const mark = bytes?.subarray(0, 3).equals(byteOrderMark) ? byteOrderMark : Buffer.alloc(0);
  const content = Buffer.concat([mark, Buffer.from(text)]);
  checkedText(content);
  const made = `${path}.new`;
  const file = await claimed(made, bytes === undefined ? undefined : await stat(path), now);
  try {
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    const there = await readFile(path).catch((error: unknown) => {
      if (systemCode(error) === "ENOENT") return undefined;
      throw error;
    });
    if (!(bytes === undefined ? there === undefined : there !== undefined && bytes.equals(there)))
      throw changedSince(path);
    await rename(made, path);
  } catch (error) {
    await rm(made, { force: true });
    throw error instanceof SpampotsError ? error : fileError(error);
  }
}

/** Opens the file that becomes the new one, whose owner and mode it has; its name is a lock. */
async function claimed(made: string, old: Stats | undefined, now: number) {
  const mode = old === undefined ? 0o644 : old.mode & 0o7777;
  for (let tries = 0; ; tries += 1) {
    try {
      const file = await open(made, "wx", mode);
      // Root edits what `serve`, who is somebody else, has to read. Who else edits may not give it away, and needn't.
      if (old !== undefined) await file.chown(old.uid, old.gid).catch(() => undefined);
      // Whatever the process's mask is; last, since another owner takes some bits away.
      await file.chmod(mode);
      return file;
    } catch (error) {
      if (systemCode(error) !== "EEXIST") throw fileError(error);
      const left = await stat(made).catch(() => undefined);
      if (tries > 0 || now - (left?.mtimeMs ?? now) < abandonedMs) {
        throw new SpampotsError("changed-meanwhile", "partners.yaml is being edited by another command.", {
          path: made,
          hint: "Run it again. A file that a killed command left counts as such for a minute.",
        });
      }
      await rm(made, { force: true });
    }
  }
}

function changedSince(path: string): SpampotsError {
  return new SpampotsError("changed-meanwhile", "partners.yaml was changed since it was read; nothing was written.", {
    path,
    hint: "Look at the file, and run the command again.",
  });
}
