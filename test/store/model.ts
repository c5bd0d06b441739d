/** A Map as the model of a store: random calls, each with what it must answer. Used by the contract suite. */
import assert from "node:assert/strict";
import fc from "fast-check";
import type { FileBody, Store, StoreEntry } from "../../src/store/store.ts";

/** Everything an iterable yields. */
export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

/** The bytes of an opened object. */
export async function bytesOf(opened: { readonly body: AsyncIterable<Uint8Array> } | undefined): Promise<Buffer> {
  assert.ok(opened !== undefined);
  return Buffer.concat(await collect(opened.body));
}

/** Keys and sizes of a listing, without times. */
export async function entriesOf(listing: AsyncIterable<StoreEntry>): Promise<{ key: string; bytes: number }[]> {
  return (await collect(listing)).map(({ key, bytes }) => ({ key, bytes }));
}

/** Keys that no store may take. */
export const hostileKeys = [
  ...["", "/", "/a", "a//b", ".", "..", "../a", "a/../b", "a/..", "a/./b", "./a", "../../etc/passwd"],
  ...[
    ".tmp",
    ".tmp/x",
    "a/.tmp",
    ".tmp-1/a",
    "a\\b",
    "..\\a",
    "a\0b",
    "a\nb",
    "a\u007f",
    "a\u0085b",
    "\ud800",
    "a\udc00/b",
    "a\ufffe",
  ],
  ...["x".repeat(256), "é".repeat(128), Array(500).fill("ab").join("/"), "C:\\x"],
];

// No name is both a folder and an object, since no key may be the folder of another. They sort around the slash, and
// hold what listings in XML, URLs and shells trip over.
const folders = ["a", "é"];
const leaves = ["a-b", "a.b", "a0", "...", " x ", "+", "%2e%2e%2F", "&lt;'\"<]]>", "\uffee", "😀", "~"];

const keys = fc
  .tuple(fc.array(fc.constantFrom(...folders), { maxLength: 2 }), fc.constantFrom(...leaves))
  .map(([parents, leaf]) => [...parents, leaf].join("/"));
const prefixes = fc.oneof(
  fc.constantFrom("", "", "a/", "a", "a/a", "a/a/", "é/", "a.", "%2"),
  keys.map((key) => key.slice(0, 2).toWellFormed().replace("\ufffd", "")),
);
const bases = fc.constantFrom("", "", "a", "a/a", "é");
const bodies = fc.uint8Array({ maxLength: 20 }).map((body) => Buffer.from(body));

/** One call and what it must answer. */
export interface Step {
  agree(store: Store, model: Map<string, Buffer>, file: (body: Buffer) => Promise<FileBody>): Promise<void>;
}

const utf8 = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b));
const below = (store: Store, base: string) => (base === "" ? store : store.under(base));
const full = (base: string, key: string) => (base === "" ? key : `${base}/${key}`);

/** Keys of the model below a base, without it, in order. */
function seen(model: Map<string, Buffer>, base: string): string[] {
  const start = full(base, "");
  return [...model.keys()]
    .filter((key) => key.startsWith(start))
    .map((key) => key.slice(start.length))
    .sort(utf8);
}

/** Puts enough for the calls after them to find something. */
export const puts: fc.Arbitrary<Step[]> = fc.array(
  fc.record({ base: fc.constant(""), key: keys, body: bodies }).map(putOnce),
  { minLength: 5, maxLength: 20 },
);

/** A random call on the store or on a store confined below a base. */
export const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ base: bases, key: keys, body: bodies }).map(putOnce) },
  { weight: 3, arbitrary: fc.record({ base: bases, key: keys, body: bodies }).map(putFile) },
  { weight: 2, arbitrary: fc.record({ base: bases, key: keys }).map(remove) },
  { weight: 2, arbitrary: fc.record({ base: bases, key: keys, start: fc.nat(25), length: fc.nat(25) }).map(read) },
  {
    weight: 2,
    arbitrary: fc.record({ base: bases, prefix: prefixes, from: fc.option(keys, { nil: undefined }) }).map(list),
  },
  { weight: 1, arbitrary: fc.record({ base: bases, folder: fc.constantFrom("", "a/", "a/a/", "é/") }).map(children) },
);

function putOnce({ base, key, body }: { base: string; key: string; body: Buffer }): Step {
  return {
    async agree(store, model) {
      const name = full(base, key);
      assert.equal(await below(store, base).putOnce(key, body), model.has(name) ? "exists" : "created");
      if (!model.has(name)) model.set(name, body);
    },
  };
}

function putFile({ base, key, body }: { base: string; key: string; body: Buffer }): Step {
  return {
    async agree(store, model, file) {
      await below(store, base).putFile(key, await file(body));
      model.set(full(base, key), body);
    },
  };
}

function remove({ base, key }: { base: string; key: string }): Step {
  return {
    async agree(store, model) {
      await below(store, base).delete(key);
      model.delete(full(base, key));
    },
  };
}

function read({ base, key, start, length }: { base: string; key: string; start: number; length: number }): Step {
  return {
    async agree(store, model) {
      const expected = model.get(full(base, key));
      const view = below(store, base);
      const found = await view.get(key);
      assert.deepEqual(found && Buffer.from(found), expected);
      assert.equal((await view.stat(key))?.bytes, expected?.byteLength);
      const opened = await view.open(key, { start, end: start + length });
      assert.equal(opened === undefined, expected === undefined);
      if (expected !== undefined) assert.deepEqual(await bytesOf(opened), expected.subarray(start, start + length));
    },
  };
}

function list({ base, prefix, from }: { base: string; prefix: string; from: string | undefined }): Step {
  return {
    async agree(store, model) {
      const options = from === undefined ? {} : { after: from };
      const found = await collect(below(store, base).list(prefix, options));
      const expected = seen(model, base)
        .filter((key) => key.startsWith(prefix))
        .filter((key) => from === undefined || utf8(key, from) > 0);
      assert.deepEqual(
        found.map((entry) => entry.key),
        expected,
      );
    },
  };
}

function children({ base, folder }: { base: string; folder: string }): Step {
  return {
    async agree(store, model) {
      const rests = seen(model, base)
        .filter((key) => key.startsWith(folder))
        .map((key) => key.slice(folder.length));
      const expected = new Set(
        rests.filter((rest) => rest.includes("/")).map((rest) => rest.slice(0, rest.indexOf("/"))),
      );
      assert.deepEqual(await collect(below(store, base).children(folder)), [...expected]);
    },
  };
}
