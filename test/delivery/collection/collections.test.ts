/**
 * The index of a collection beside a model that keeps everything in memory: whatever parts come and go in whatever
 * order, every question has the same answer; and no question walks over what isn't in its answer.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { CollectionReader, type RecordQuery, type VersionChoice } from "../../../src/delivery/collection/read.ts";
import { type IndexedPart, openIndex } from "../../../src/delivery/collection/schema.ts";
import { addPart, removePart, timelessVersion } from "../../../src/delivery/collection/write.ts";
import { type MadeObject, observable, partOf, versioned } from "../../http/taxii-world.ts";
import { sha256 } from "../../publication/issuer.ts";
import { temporaryFolder } from "../../temporary-folder.ts";

/** A part at a place of its own: part `n` of the test holds the microseconds from `n * 100`. */
function indexedPart(
  n: number,
  objects: readonly MadeObject[],
): { readonly part: IndexedPart; readonly stored: Uint8Array } {
  const { content } = partOf(objects);
  const stored = gzipSync(content);
  const part: IndexedPart = {
    first: n * 100,
    objects: objects.length,
    sequence: n + 1,
    publication: sha256(String(n)),
    key: `artifacts/${n}`,
    bytes: stored.length,
    sha256: sha256(stored),
    contentBytes: Buffer.byteLength(content),
  };
  return { part, stored };
}

interface Listed {
  readonly added: number;
  readonly id: string;
  readonly version: number;
}

/** What a collection of these parts lists, the slow way. */
function model(parts: ReadonlyMap<number, readonly MadeObject[]>, query: RecordQuery): Listed[] {
  const records = new Map<string, Listed>();
  for (const [n, objects] of [...parts].sort(([a], [b]) => a - b)) {
    for (const [index, { id, modified }] of objects.entries()) {
      const version = modified === undefined ? timelessVersion : Date.parse(modified);
      const key = `${id} ${version}`;
      if (!records.has(key)) records.set(key, { added: n * 100 + index, id, version });
    }
  }
  const all = [...records.values()];
  const versionsOf = (id: string) => all.filter((record) => record.id === id).map(({ version }) => version);
  const wanted = ({ id, version }: Listed, { versions }: RecordQuery) =>
    versions === "all" ||
    (versions.first && version === Math.min(...versionsOf(id))) ||
    (versions.last && version === Math.max(...versionsOf(id))) ||
    versions.exact.includes(version);
  const ids = query.ids?.map(({ type, uuid }) => `${type}--${uuid}`);
  return all
    .filter(({ added }) => added > query.after)
    .filter(
      ({ id }) =>
        ids?.includes(id.slice(0, id.indexOf("--") + 2) + id.slice(id.indexOf("--") + 2).replaceAll("-", "")) ?? true,
    )
    .filter(({ id }) => query.types?.includes(id.slice(0, id.indexOf("--"))) ?? true)
    .filter((record) => wanted(record, query))
    .sort((a, b) => a.added - b.added);
}

const names = ["a", "b", "c"];
const object = fc.oneof(
  fc
    .tuple(fc.constantFrom("indicator", "sighting"), fc.constantFrom(...names), fc.nat(3))
    .map(([type, name, step]) => versioned(type, name, step)),
  fc.constantFrom(...names).map((name) => observable("ipv4-addr", name)),
);
const step = fc.tuple(fc.nat(5), fc.array(object, { minLength: 1, maxLength: 6 }));
const versions: fc.Arbitrary<VersionChoice> = fc.oneof(
  fc.constant("all" as const),
  fc.record({
    first: fc.boolean(),
    last: fc.boolean(),
    exact: fc.uniqueArray(
      fc.nat(4).map((ms) => Date.UTC(2026, 10, 9, 5) + ms),
      { maxLength: 2 },
    ),
  }),
);
const named = (id: string) => ({
  type: id.slice(0, id.indexOf("--")),
  uuid: id.slice(id.indexOf("--") + 2).replaceAll("-", ""),
});
const question = fc.record(
  {
    after: fc.oneof(
      fc.constant(-1),
      fc.tuple(fc.nat(5), fc.nat(6)).map(([n, index]) => n * 100 + index),
    ),
    versions,
    ids: fc
      .uniqueArray(
        object.map(({ id }) => id),
        { maxLength: 3 },
      )
      .map((ids) => ids.map(named)),
    types: fc.uniqueArray(fc.constantFrom("indicator", "sighting", "ipv4-addr", "malware"), { maxLength: 3 }),
  },
  { requiredKeys: ["after", "versions"] },
);

test("whatever parts come and go, in any order, the index answers like a model that keeps everything", async (t) => {
  const folder = await temporaryFolder(t);
  let run = 0;
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 12 }),
      fc.array(question, { minLength: 1, maxLength: 5 }),
      (steps, questions) => {
        run += 1;
        const path = join(folder, `${run}.sqlite`);
        const index = openIndex(path);
        const parts = new Map<number, readonly MadeObject[]>();
        // A number that is there already goes out instead.
        for (const [n, objects] of steps) {
          if (parts.delete(n)) removePart(index, n * 100);
          else {
            const { part, stored } = indexedPart(n, objects);
            addPart(index, part, stored);
            addPart(index, part, stored); // a second time it changes nothing
            parts.set(n, objects);
          }
        }
        index.close();
        const reader = new CollectionReader(path);
        for (const asked of questions) {
          const wanted = model(parts, asked);
          for (const limit of [1, 3, 1000]) {
            const found = reader.records(asked, limit).map(({ added, id, version }) => ({ added, id, version }));
            assert.deepEqual(found, wanted.slice(0, limit));
          }
        }
        reader.close();
      },
    ),
    { numRuns: 150 },
  );
});

test("an object's text stands where the index says", async (t) => {
  const path = join(await temporaryFolder(t), "x.sqlite");
  const objects = [
    versioned("indicator", "ü → 字"),
    observable("ipv4-addr", "192.0.2.1"),
    versioned("grouping", "z", 4),
  ];
  const index = openIndex(path);
  const { part, stored } = indexedPart(3, objects);
  addPart(index, part, stored);
  index.close();
  const reader = new CollectionReader(path);
  const content = Buffer.from(partOf(objects).content);
  for (const [place, { added, start, length }] of reader.records({ after: -1, versions: "all" }, 9).entries()) {
    assert.equal(content.toString("utf8", start, start + length), JSON.stringify(objects[place]));
    assert.deepEqual(reader.partAt(added), part);
  }
  reader.close();
});

test("a part that doesn't hold what is stated leaves nothing behind", async (t) => {
  const index = openIndex(join(await temporaryFolder(t), "x.sqlite"));
  const { part, stored } = indexedPart(0, [versioned("indicator", "a"), versioned("indicator", "b")]);
  const foreign = gzipSync('{"type":"bundle","objects":[\n{"id":"../x","spec_version":"2.1"}\n]}\n');
  assert.throws(() => addPart(index, { ...part, objects: 3 }, stored));
  assert.throws(() => addPart(index, { ...part, contentBytes: 10 }, stored));
  assert.throws(() => addPart(index, { ...part, objects: 1 }, foreign));
  assert.deepEqual(index.prepare("SELECT count(*) AS n FROM occurrence").get()?.n, 0);
  assert.deepEqual(index.prepare("SELECT count(*) AS n FROM part").get()?.n, 0);
  index.close();
});

test("no question sorts or walks over the table: each follows an index that has what is wanted", async (t) => {
  const index = openIndex(join(await temporaryFolder(t), "x.sqlite"));
  for (const [condition, name] of [
    ["is_record = 1 AND type = ?", "records"],
    ["is_first = 1 AND type = ?", "firsts"],
    ["is_last = 1 AND type = ?", "lasts"],
    ["is_record = 1 AND type = ? AND version = ?", "by_version"],
  ] as const) {
    const plan = index
      .prepare(`EXPLAIN QUERY PLAN SELECT start FROM occurrence WHERE ${condition} AND added > ? ORDER BY added`)
      .all()
      .map(({ detail }) => String(detail));
    assert.equal(plan.length, 1);
    assert.match(plan[0] ?? "", new RegExp(`^SEARCH occurrence USING INDEX ${name} \\(.*added>\\?\\)$`));
  }
  index.close();
});
