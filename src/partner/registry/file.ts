/**
 * `partners.yaml` on disk: read whole, and replaced in one step by who has read what is there. Whoever reads it meanwhile
 * meets the old text or the new one.
 */
import { readFile, realpath } from "node:fs/promises";
import { join } from "node:path";
import { documentText, refusal } from "../../document.ts";
import { SpampotsError } from "../../errors.ts";
import { fileError, systemCode } from "../../store/disk-error.ts";
import { replaceWhole } from "../../store/whole-file.ts";

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
 * Puts a text in the place of what was read. Two edits at once exclude each other, and one of a file that was changed
 * since it was read is refused; an editor that writes in the same millisecond is not noticed.
 *
 * @throws SpampotsError `changed-meanwhile` where another edit came first or is under way, `bad-configuration` where the text
 *   is no whole file, `disk-failed`.
 */
export async function replaceRegistryFile({ path, bytes }: RegistryFile, text: string): Promise<void> {
  const mark = bytes?.subarray(0, 3).equals(byteOrderMark) ? byteOrderMark : Buffer.alloc(0);
  const content = Buffer.concat([mark, Buffer.from(text)]);
  checkedText(content);
  const replaced = await replaceWhole(path, bytes, content).catch((error: unknown) => {
    throw fileError(error);
  });
  if (replaced) return;
  throw new SpampotsError("changed-meanwhile", "partners.yaml was changed since it was read, or is being edited.", {
    path,
    hint: "Look at the file, and run the command again.",
  });
}
