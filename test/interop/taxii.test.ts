/**
 * OASIS's own TAXII client reads what the publisher's renderer made, from discovery to the last page. Needs the packages
 * of `requirements.txt` on the `python3` of the path.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { z } from "zod";
import { stixRenderer } from "../../src/publication/stix.ts";
import { type MadeObject, openTaxiiWorld } from "../http/taxii-world.ts";
import { contentOf, contextOf, madeRows, render } from "../publication/slice-rows.ts";
import { temporaryFolder } from "../temporary-folder.ts";

const run = promisify(execFile);

const walked = z.array(
  z.strictObject({
    alias: z.string(),
    pages: z.int(),
    objects: z.array(z.string()),
    indicators: z.int(),
    looked_up: z.int(),
  }),
);

/** The objects that the renderer makes of some rows of a feed, by part. */
async function rendered(folder: string, grain: "source-day" | "target-day"): Promise<MadeObject[][]> {
  await mkdir(folder);
  const context = contextOf(grain, folder);
  const parts = await render(stixRenderer(context), context.columns, madeRows[grain](120));
  return Promise.all(parts.map(async (part) => JSON.parse(await contentOf(part)).objects));
}

test("taxii2-client walks from discovery to the last page with a token as password", async (t) => {
  const world = await openTaxiiWorld(t);
  const folder = await temporaryFolder(t);
  const sources = await rendered(join(folder, "sources"), "source-day");
  const targets = await rendered(join(folder, "targets"), "target-day");
  await world.publish(sources);
  await world.publish(targets, {}, { feed: "spam-targets" });
  const walking = run("python3", [join(import.meta.dirname, "walk_taxii.py"), `${world.url}/taxii2/`, "97"]);
  walking.child.stdin?.end(await world.token("twcert"));
  const found = walked.parse(JSON.parse((await walking).stdout));
  for (const [place, [alias, parts]] of Object.entries({
    "spam-sources": sources,
    "spam-targets": targets,
  }).entries()) {
    const ids = [...new Set(parts.flat().map(({ id }) => id))];
    const { pages, objects, indicators, looked_up } = found[place] ?? assert.fail(alias);
    assert.deepEqual(objects, ids);
    assert.equal(pages, Math.ceil(ids.length / 97));
    assert.equal(indicators, new Set(ids.filter((id) => id.startsWith("indicator--"))).size);
    assert.ok(looked_up >= 10);
  }
});
