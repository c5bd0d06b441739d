/**
 * CSV files and STIX parts of made-up slices, read by other people's programs: OASIS validator, python-stix2, MISP's
 * converter, Python's csv, DuckDB. Needs the packages of `requirements.txt` on the `python3` of the path.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import type { Tlp } from "../../src/model.ts";
import type { RenderedArtifact } from "../../src/publication/render.ts";
import { stixRenderer } from "../../src/publication/stix.ts";
import { stixRevocation } from "../../src/publication/stix-revocation.ts";
import { contentOf, contextOf, madeRows, render, renderCsv, type TableGrain } from "../publication/slice-rows.ts";
import { temporaryFolder } from "../temporary-folder.ts";

const run = promisify(execFile);

/** Runs one of the Python programs beside this file over artifacts; its output is the message where it fails. */
async function judge(program: string, artifacts: readonly RenderedArtifact[]): Promise<void> {
  const script = join(import.meta.dirname, program);
  const said = await run("python3", [script, ...artifacts.map(({ path }) => path)]).then(
    ({ stdout }) => stdout,
    (error) => assert.fail(`${error.stdout ?? ""}${error.stderr ?? error}`),
  );
  assert.equal(said.split("\n").filter((line) => line.startsWith("ok ")).length, artifacts.length);
}

const grains: readonly TableGrain[] = ["source-day", "target-day", "url-day", "capture"];

async function* contents(parts: readonly RenderedArtifact[]): AsyncGenerator<Uint8Array> {
  for (const part of parts) yield Buffer.from(await contentOf(part));
}

for (const tlp of ["AMBER", "AMBER+STRICT", "GREEN"] satisfies Tlp[]) {
  test(`STIX parts of every feed at ${tlp} and their revocations pass other readers`, async (t) => {
    const parent = await temporaryFolder(t);
    const parts: RenderedArtifact[] = [];
    for (const grain of grains) {
      const folder = join(parent, grain);
      await mkdir(folder);
      const context = contextOf(grain, folder, { tlp });
      const made = await render(stixRenderer(context), context.columns, madeRows[grain](84));
      const withdrawn = { ...context, modifiedSteps: 2, revokes: 1 };
      parts.push(...made, ...(await stixRevocation(contents(made), withdrawn)));
    }
    // Each of four feeds has a part, and the two with indicators have a revocation.
    assert.equal(parts.length, 6);
    await judge("check_stix.py", parts);
  });
}

test("CSV files of every feed, whole and by AS, are one table to Python and DuckDB", async (t) => {
  const parent = await temporaryFolder(t);
  const files: RenderedArtifact[] = [];
  for (const grain of grains) {
    const folder = join(parent, grain);
    await mkdir(folder);
    const split = grain === "source-day" ? { splitBy: "source_asn" as const } : {};
    const context = contextOf(grain, folder, split);
    files.push(...(await renderCsv(context, madeRows[grain](500))));
  }
  assert.equal(files.length, 8);
  await judge("check_csv.py", files);
});
