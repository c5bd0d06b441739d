/**
 * One fetch at a time in a folder: a cron job that begins while the one before still downloads leaves it alone. Each
 * process leaves a mark of its own; whoever finds the mark of another that lives steps back. Nothing has to be unlocked
 * after a kill: marks of processes that are gone, or that weren't touched for a while, don't count.
 */
import { mkdir, readdir, rm, stat, writeFile } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { SpampotsError } from "../../errors.ts";
import { sweepTemporary, temporaryPath } from "../../store/temporary.ts";

/** A mark is touched that often; one that wasn't touched for so long is of a process that is gone. Milliseconds. */
const touchMs = 30_000;
const goneMs = 300_000;

/**
 * Does `work` unless another process is at it.
 *
 * @param folder for marks alone.
 * @throws SpampotsError `already-exists` where another is.
 */
export async function alone<T>(folder: string, work: () => Promise<T>): Promise<T> {
  const mark = temporaryPath(folder);
  await mkdir(dirname(mark), { recursive: true });
  await writeFile(mark, "", { flag: "wx" });
  const touching = setInterval(() => {
    // Writing sets the time by the file system's clock, the one that others compare with.
    writeFile(mark, ".", { flag: "r+" }).catch(() => undefined);
  }, touchMs).unref();
  try {
    await sweepTemporary(folder, (await stat(mark)).mtimeMs - goneMs);
    const others = (await readdir(dirname(mark))).filter((name) => name !== basename(mark));
    if (others.length > 0) {
      throw new SpampotsError("already-exists", "Another fetch is at work in this folder.", {
        folder,
        hint: "Let it end. If it was killed in another container, wait five minutes.",
      });
    }
    return await work();
  } finally {
    clearInterval(touching);
    await rm(mark, { force: true });
  }
}
