/** The beginning of a file for people, read from what was rendered. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { openArtifact } from "../../src/publication/artifact.ts";
import { csvMediaType } from "../../src/publication/csv.ts";
import { readSample } from "../../src/publication/sample.ts";

async function artifactOf(t: TestContext, text: string, mediaType: string) {
  const folder = await mkdtemp(join(tmpdir(), "spampots-sample-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const file = await openArtifact(folder, "a.gz", mediaType);
  await file.write(text);
  return file.finish({});
}

test("the first rows of a CSV, cells as they stand there", async (t) => {
  const rows = ['"a, ""b""",,c', ',"","d"', "'=1,é,", "4,5,6", "7,8,9"];
  const csv = await artifactOf(t, `one,two,three\r\n${rows.join("\r\n")}\r\n`, csvMediaType);
  assert.deepEqual(await readSample([csv], "csv"), {
    columns: ["one", "two", "three"],
    rows: [
      ['a, "b"', "", "c"],
      ["", "", "d"],
      ["'=1", "é", ""],
    ],
  });
  const empty = await artifactOf(t, "one,two\r\n", csvMediaType);
  assert.deepEqual(await readSample([empty], "csv"), { columns: ["one", "two"], rows: [] });
});

test("of a huge file only the beginning is read, and no half of a row is shown", async (t) => {
  const csv = await artifactOf(t, `one\r\n1\r\n${"x".repeat(5_000_000)}\r\n2\r\n`, csvMediaType);
  assert.deepEqual(await readSample([csv], "csv"), { columns: ["one"], rows: [["1"]] });
});

test("the first lines of a text; nothing where there is no such file", async (t) => {
  const lines = Array.from({ length: 30 }, (_, n) => `line ${n}`);
  const text = await artifactOf(t, lines.join("\n"), "text/markdown; charset=utf-8");
  assert.deepEqual(await readSample([text], "markdown"), { lines: lines.slice(0, 12) });
  assert.deepEqual(await readSample([text], "csv"), { lines: [] });
});
