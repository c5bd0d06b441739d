/** The lake's contract over a folder. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openLake } from "../../src/lake/lake.ts";
import { lakeContract } from "./contract.ts";

lakeContract({
  name: "a folder",
  async place(t) {
    const root = await mkdtemp(join(tmpdir(), "spampots-lake-"));
    t.after(() => rm(root, { recursive: true, force: true }));
    return { open: () => openLake(root) };
  },
});
