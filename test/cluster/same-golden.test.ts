/** Every golden folder, published by Trino from a lake in S3: the bytes that DuckDB made from a folder. */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { compareOutput, golden, outputOf } from "../golden-output.ts";
import { openSite } from "../pipeline.ts";
import { type Ground, openBoth, openGround } from "./same-site.ts";

const ends: (() => unknown)[] = [];
let ground: Ground;
before(async () => {
  ground = await openGround({ after: (end) => ends.push(end) });
});
after(async () => {
  for (const end of ends.reverse()) await end();
});

for (const name of await readdir(golden)) {
  test(`golden: ${name}`, async (t) => {
    const found = await outputOf(t, join(golden, name, "input"), async (ending, workshop) => {
      const { trino } = await openBoth(ending, ground, workshop);
      return openSite(ending, workshop, undefined, trino);
    });
    await compareOutput(found, join(golden, name, "output"));
  });
}
