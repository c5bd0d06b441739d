/** Folders for tests. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Takes what is to be done when the test is over: a test's context, or a list of one's own. */
export interface Ending {
  after(end: () => unknown): void;
}

/**
 * A folder that is removed after the test. What still writes there for a moment doesn't fail the removal: hooks after
 * one that fails aren't run.
 */
export async function temporaryFolder(t: Ending): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "spampots-"));
  t.after(() => rm(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 25 }));
  return folder;
}
