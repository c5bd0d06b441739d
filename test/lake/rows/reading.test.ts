/** Spool files read in another thread: the same parts and the same errors as in this one. */
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { gzipSync } from "node:zlib";
import { type SpoolPart, spoolBlocks } from "../../../src/capture/spool-file.ts";
import { isError } from "../../../src/errors.ts";
import { openReader, type Reader } from "../../../src/lake/rows/reading.ts";
import { temporaryFolder } from "../../temporary-folder.ts";

const header = '{"v":1,"sensor":"s1","sealed_at":"2026-06-20T00:00:00Z"}\n';
const manyLines = `${header}${`{"kind":"heartbeat","at":"2026-06-20T00:00:00Z"}\n`.repeat(200_000)}`;

function readerOf(t: TestContext): Reader {
  const reader = openReader();
  t.after(() => reader.close());
  return reader;
}

/** What can be compared of parts; blocks by their first line and content. */
async function partsOf(parts: AsyncIterable<SpoolPart>): Promise<unknown[]> {
  const seen: unknown[] = [];
  for await (const part of parts) {
    if (part.kind === "block") seen.push([part.kind, part.firstLine, Buffer.from(part.bytes).toString()]);
    else if (part.kind === "fault")
      seen.push([part.kind, part.line, part.error.code, part.error.message, part.error.facts]);
    else seen.push(part);
  }
  return seen;
}

// What JSON.parse gives back of a list is one.
const withoutCause = (parts: unknown[]) => JSON.parse(JSON.stringify(parts)) as unknown[];

const files: Readonly<Record<string, readonly [name: string, content: string | Buffer]>> = {
  "a header alone": ["a.ndjson", header],
  "ten megabytes": ["b.ndjson", manyLines],
  "ten megabytes, compressed": ["c.ndjson.gz", gzipSync(manyLines)],
  "a compressed file that ends early": ["d.ndjson.gz", gzipSync(manyLines).subarray(0, 20_000)],
  "something behind the compressed data": ["e.ndjson.gz", Buffer.concat([gzipSync(manyLines), Buffer.from("more")])],
};

for (const [what, [name, content]] of Object.entries(files)) {
  test(`the same parts: ${what}`, async (t) => {
    const path = join(await temporaryFolder(t), name);
    await writeFile(path, content);
    const parts = await partsOf(readerOf(t).parts(path));
    assert.deepEqual(withoutCause(parts), withoutCause(await partsOf(spoolBlocks(path))));
    assert.ok(parts.length >= 2);
  });
}

test("the same errors: no header, no file", async (t) => {
  const folder = await temporaryFolder(t);
  const path = join(folder, "x.ndjson");
  await writeFile(path, "no header\n");
  const reader = readerOf(t);
  await assert.rejects(partsOf(reader.parts(path)), (error) => isError(error, "spool-header"));
  await assert.rejects(partsOf(reader.parts(join(folder, "none.ndjson"))), { code: "ENOENT" });
  await writeFile(path, header);
  assert.equal((await partsOf(reader.parts(path))).length, 2, "and it goes on reading");
});

test("a file that nobody wants any more is left, and others are read meanwhile", async (t) => {
  const folder = await temporaryFolder(t);
  const path = join(folder, "x.ndjson");
  await writeFile(path, manyLines);
  const reader = readerOf(t);
  for (let round = 0; round < 20; round += 1) {
    for await (const part of reader.parts(path)) if (part.kind === "block") break;
  }
  const [one, two] = await Promise.all([partsOf(reader.parts(path)), partsOf(reader.parts(path))]);
  assert.deepEqual(one, two);
});
