/**
 * Writes a file that is in memory whole, such as a packed STIX part, and flushes it. `artifact.ts` is for content of any
 * size.
 */
import { closeSync, fsync, openSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { type ArtifactFacts, diskFailed } from "./artifact.ts";
import type { Packed } from "./packed.ts";
import type { RenderedArtifact } from "./render.ts";

const flush = promisify(fsync);

/**
 * A flush waits for the disk and is left to a thread. The rest takes less time than handing it over, and than the turns of
 * the event loop that its answers would wait for.
 */
async function writeNew(path: string, bytes: Uint8Array): Promise<void> {
  try {
    const file = openSync(path, "wx");
    try {
      writeFileSync(file, bytes);
      await flush(file);
    } catch (error) {
      rmSync(path, { force: true });
      throw error;
    } finally {
      closeSync(file);
    }
  } catch (cause) {
    throw diskFailed(path, cause);
  }
}

/**
 * Makes `folder/name` of what was packed. Leaves no file where it fails.
 *
 * @throws SpampotsError `disk-failed`, also where the file exists.
 */
export async function storeWhole(
  folder: string,
  naming: Pick<RenderedArtifact, "name" | "mediaType">,
  { file, sha256, contentBytes, contentSha256 }: Packed,
  facts: ArtifactFacts,
): Promise<RenderedArtifact> {
  const path = join(folder, naming.name);
  await writeNew(path, file);
  const bytes = file.length;
  return { ...naming, path, contentEncoding: "gzip", bytes, sha256, contentBytes, contentSha256, ...facts };
}
