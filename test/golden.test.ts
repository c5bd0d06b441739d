/**
 * Golden folders: captures in, every byte of every publication out. `test/golden/<case>/input` holds spool files, the
 * sensors, partners, feeds and the steps; `output` holds one folder for each publication:
 *
 *     <partner>/<feed>/<sequence>.json    the manifest's payload, indented
 *     <partner>/<feed>/<sequence>.jws     the signed file as it is
 *     <partner>/<feed>/<sequence>/<name>  artifacts, uncompressed
 *     steps.json                          what each step said
 *
 * A missing or superfluous file fails. `UPDATE_GOLDEN=1` writes the output anew: read the difference before it's kept.
 *
 * What zlib makes differs between its versions and processors. Where it isn't the one that the output was made with
 * (`output/made-with.json`), sizes and digests of compressed files, and what follows from them, aren't compared.
 */
import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { compareOutput, type Files, golden, madeWith, outputOf } from "./golden-output.ts";

const isUpdate = process.env.UPDATE_GOLDEN === "1";

async function rewrite(folder: string, files: Files): Promise<void> {
  await rm(folder, { recursive: true, force: true });
  for (const [name, bytes] of [...files, ["made-with.json", madeWith] as const]) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), bytes);
  }
}

for (const name of await readdir(golden)) {
  test(`golden: ${name}`, async (t) => {
    const found = await outputOf(t, join(golden, name, "input"));
    const folder = join(golden, name, "output");
    if (isUpdate) await rewrite(folder, found);
    await compareOutput(found, folder);
  });
}
