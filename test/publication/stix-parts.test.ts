/** Parts of a STIX slice as files: many at once, larger than the memory they begin with, and on a disk that fails. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { hash } from "node:crypto";
import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { gunzipSync } from "node:zlib";
import fc from "fast-check";
import { plain } from "../../src/log.ts";
import { stixRenderer } from "../../src/publication/stix.ts";
import { extensionId } from "../../src/publication/stix-common.ts";
import { temporaryFolder } from "../temporary-folder.ts";
import { contentOf, contextOf, madeRows, render, week } from "./slice-rows.ts";

/** What the observed data of a part says in our extension, in order. */
function extensions(content: string): readonly Readonly<Record<string, unknown>>[] {
  const objects: readonly { readonly extensions?: Record<string, Record<string, unknown>> }[] =
    JSON.parse(content).objects;
  return objects.flatMap((object) => {
    const extension = object.extensions?.[extensionId];
    return extension?.row_id === undefined ? [] : [extension];
  });
}

test("many parts at once keep their order and their contents, and say what they are", async (t) => {
  const context = contextOf("source-day", await temporaryFolder(t));
  const parts = await render(stixRenderer(context), context.columns, madeRows["source-day"](12_000), [4096]);
  assert.ok(parts.length > 10, `${parts.length} parts`);
  for (const [index, part] of parts.entries()) {
    const file = await readFile(part.path);
    const content = gunzipSync(file);
    assert.equal(part.part, index + 1);
    assert.deepEqual(
      [part.bytes, part.sha256, part.contentBytes, part.contentSha256],
      [file.length, hash("sha256", file), content.length, hash("sha256", content)],
    );
    assert.equal(JSON.parse(content.toString()).objects.length, part.objects);
    // Neither time nor system nor name stands in the header.
    assert.equal(file.subarray(0, 10).toString("hex"), `1f8b08000000000000ff`);
  }
  assert.equal(new Set(parts.map(({ contentSha256 }) => contentSha256)).size, parts.length);
});

test("parts that threads pack are those that the caller's own packs", async (t) => {
  const rendered = async (threads: number) => {
    const context = { ...contextOf("source-day", await temporaryFolder(t)), threads };
    const parts = await render(stixRenderer(context), context.columns, madeRows["source-day"](12_000), [4096]);
    return Promise.all(parts.map(async ({ path, ...part }) => ({ ...part, file: await readFile(path, "latin1") })));
  };
  const alone = await rendered(1);
  assert.ok(alone.length > 10, `${alone.length} parts`);
  assert.deepEqual(await rendered(3), alone);
});

test("a part that threads pack and the disk doesn't take fails the slice", async (t) => {
  const folder = await temporaryFolder(t);
  const context = { ...contextOf("source-day", folder), threads: 2 };
  const foreign = "spam-sources_2026-W46_tlp-amber_part-0009.stix.json.gz";
  await writeFile(join(folder, foreign), "foreign");
  const renderer = stixRenderer(context);
  await assert.rejects(render(renderer, context.columns, madeRows["source-day"](12_000)), {
    code: "disk-failed",
    facts: { path: join(folder, foreign) },
  });
  await renderer.abort();
  assert.deepEqual(await readdir(folder), [foreign]);
});

test("a key whose objects fill several parts is in each with what it shares, and no id comes twice", async (t) => {
  const context = contextOf("source-day", await temporaryFolder(t));
  // Every third connection is the one before it.
  const exemplars = Array.from({ length: 9000 }, (_, n) => {
    const distinct = n % 3 === 2 ? n - 1 : n;
    return [week.start + distinct * 1000, 1 + distinct, 1080];
  });
  const rows = [{ key: "k", cells: { source_ip: "203.0.113.7", abused_port: 1080, service: "http", exemplars } }];
  const parts = await render(stixRenderer(context), context.columns, rows);
  assert.equal(parts.length, 3);
  for (const part of parts) {
    const objects: readonly { readonly id: string; readonly type: string; readonly object_refs?: readonly string[] }[] =
      JSON.parse(await contentOf(part)).objects;
    assert.ok(objects.length <= 5000);
    const ids = objects.map(({ id }) => id);
    assert.equal(new Set(ids).size, ids.length);
    assert.equal(objects.filter(({ type }) => type === "ipv4-addr").length, 1);
    const others = objects.slice(0, -1).filter(({ type }) => !/^(identity|marking-|extension-)/.test(type));
    assert.deepEqual(
      objects.at(-1)?.object_refs,
      others.map(({ id }) => id),
    );
  }
});

test("a part may be larger than the memory it begins with", async (t) => {
  const context = contextOf("capture", await temporaryFolder(t));
  const subject = "免費試用".repeat(500);
  const rows = Array.from({ length: 1500 }, (_, n) => ({
    key: `k${n}`,
    cells: { source_ip: "203.0.113.7", timestamp: week.start + n, subject: `${n} ${subject}` },
  }));
  const [part, ...others] = await render(stixRenderer(context), context.columns, rows);
  assert.ok(part);
  assert.equal(others.length, 0);
  assert.ok(part.contentBytes > 2 * 4_194_304);
  const subjects = extensions(await contentOf(part)).map(({ subject }) => subject);
  assert.deepEqual(
    subjects,
    rows.map((row) => row.cells.subject),
  );
});

test("a part that the disk doesn't take fails the slice, and abort leaves what isn't the slice's", async (t) => {
  const folder = await temporaryFolder(t);
  const context = contextOf("source-day", folder);
  const foreign = "spam-sources_2026-W46_tlp-amber_part-0003.stix.json.gz";
  await writeFile(join(folder, foreign), "foreign");
  const renderer = stixRenderer(context);
  await assert.rejects(render(renderer, context.columns, madeRows["source-day"](12_000)), {
    code: "disk-failed",
    facts: { path: join(folder, foreign) },
  });
  await renderer.abort();
  assert.deepEqual(await readdir(folder), [foreign]);
  assert.equal(await readFile(join(folder, foreign), "utf8"), "foreign");
});

test("a part that fits only half onto the disk is not left there", {
  skip: process.platform === "win32",
}, async (t) => {
  const folder = await temporaryFolder(t);
  const module = (name: string) => JSON.stringify(new URL(`../../src/publication/${name}.ts`, import.meta.url).href);
  const program = `
    import { randomBytes } from "node:crypto";
    import { storeWhole } from ${module("whole-artifact")};
    import { pack } from ${module("packed")};
    const naming = { name: "part", mediaType: "text/plain" };
    const failure = await storeWhole(${JSON.stringify(folder)}, naming, pack(randomBytes(1 << 20)), {}).catch((error) => error);
    console.log(failure.code, failure.cause?.code);`;
  // Files of at most 128 blocks, of half or one KiB by shell: the first write comes through in part.
  const limited = ["-c", `ulimit -f 128; exec "$0" --input-type=module -e "$1"`, process.execPath, program];
  const { stdout } = await promisify(execFile)("sh", limited);
  assert.equal(stdout, "disk-failed EFBIG\n");
  assert.deepEqual(await readdir(folder), []);
});

test("an observation of a connection refers to its traffic and its address", async (t) => {
  const context = contextOf("source-day", await temporaryFolder(t));
  const exemplars = [1, 2].map((n) => [week.start + n * 1000, 40_000 + n, 1080]);
  const rows = [{ key: "k", cells: { source_ip: "203.0.113.7", abused_port: 1080, service: "http", exemplars } }];
  const [part] = await render(stixRenderer(context), context.columns, rows);
  assert.ok(part);
  const objects: readonly Readonly<Record<string, unknown>>[] = JSON.parse(await contentOf(part)).objects;
  const idsOf = (type: string) => objects.filter((object) => object.type === type).map(({ id }) => id);
  const [address] = idsOf("ipv4-addr");
  assert.deepEqual(
    objects.filter((object) => object.type === "observed-data").map((object) => object.object_refs),
    [[address], ...idsOf("network-traffic").map((flow) => [flow, address])],
  );
  assert.deepEqual(
    extensions(await contentOf(part)).map(({ exemplar }) => exemplar),
    [undefined, true, true],
  );
});

test("a folder that is gone fails the slice", async (t) => {
  const folder = await temporaryFolder(t);
  const context = contextOf("source-day", folder);
  await rm(folder, { recursive: true });
  const renderer = stixRenderer(context);
  await assert.rejects(render(renderer, context.columns, madeRows["source-day"](40)), { code: "disk-failed" });
  await renderer.abort();
});

test("law: whatever a text holds, the extension holds it as it may leave", async (t) => {
  const context = contextOf("capture", await temporaryFolder(t));
  const piece = fc.oneof(
    fc.constantFrom('"', "\\", ";", "\u0000", "\u2028", "\u202e", "\ud800", "é", "台", "</", "😀", "\u007f", " "),
    fc.string({ unit: "binary", maxLength: 4 }),
    fc.string({ maxLength: 8 }),
  );
  const text = fc.array(piece, { minLength: 1, maxLength: 8 }).map((pieces) => `x${pieces.join("")}`);
  const texts = fc.array(text, { minLength: 1, maxLength: 100 });
  await fc.assert(
    fc.asyncProperty(texts, async (hostile) => {
      const rows = hostile.map((subject, n) => ({
        key: `k${n}`,
        cells: { source_ip: "203.0.113.7", timestamp: week.start, subject, url_hosts: subject },
      }));
      const [part] = await render(stixRenderer(context), context.columns, rows);
      assert.ok(part);
      const found = extensions(await contentOf(part));
      await rm(part.path);
      const stated = found.map(({ subject, url_hosts }) => [subject, url_hosts]);
      assert.deepEqual(
        stated,
        hostile.map((subject) => [plain(subject), plain(subject).split(";")]),
      );
    }),
    { numRuns: 20 },
  );
});
