/**
 * The contract of a store: one suite, run over a folder here and over a real S3 service in `test/s3`. The laws compare a
 * store with a Map by random sequences of calls.
 */
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import fc from "fast-check";
import { isError } from "../../src/errors.ts";
import { probeStore } from "../../src/store/open.ts";
import type { Store } from "../../src/store/store.ts";
import { bytesOf, collect, entriesOf, hostileKeys, puts, step } from "./model.ts";

/** How one kind of store is tried. */
export interface ContractSubject {
  readonly name: string;
  /** An empty store, another at each call. */
  fresh(): Promise<Store>;
  /** Runs of each law. */
  readonly runs: number;
  /** Size of the big file, in bytes. */
  readonly bigBytes: number;
}

const text = (value: Uint8Array | undefined) => value && Buffer.from(value).toString("utf8");
const bytes = (value: string) => Buffer.from(value, "utf8");

/** Declares the suite for one kind of store. */
export function storeContract({ name, fresh, runs, bigBytes }: ContractSubject): void {
  describe(`${name} as a store`, () => {
    let folder = "";
    before(async () => {
      folder = await mkdtemp(join(tmpdir(), "spampots-contract-"));
    });
    after(() => rm(folder, { recursive: true, force: true }));

    let files = 0;
    const file = async (content: Uint8Array) => {
      const path = join(folder, `file-${files++}`);
      await writeFile(path, content);
      return { path, bytes: content.byteLength };
    };

    it("puts once: the first bytes stay", async () => {
      const store = await fresh();
      assert.equal(await store.putOnce("log/00000001.jws", bytes("one")), "created");
      assert.equal(await store.putOnce("log/00000001.jws", bytes("two")), "exists");
      assert.equal(await store.putOnce("log/00000001.jws", bytes("one")), "exists");
      assert.equal(text(await store.get("log/00000001.jws")), "one");
    });

    it("tells size and digest of an object, whatever its size", async () => {
      const store = await fresh();
      for (const size of [0, 1, 1024 * 1024, 1024 * 1024 + 1, 3 * 1024 * 1024 - 1]) {
        const content = randomBytes(size);
        await store.putFile(`a/${size}`, await file(content));
        const sha256 = createHash("sha256").update(content).digest("hex");
        const read: number[] = [];
        assert.deepEqual(await store.digest(`a/${size}`), { bytes: size, sha256 });
        assert.deepEqual(
          await store.under("a").digest(`${size}`, { bytes: size, onBytes: (more) => read.push(more) }),
          {
            bytes: size,
            sha256,
          },
        );
        assert.equal(
          read.reduce((sum, more) => sum + more, 0),
          size,
        );
        // Of another size than the wanted one only that is told.
        assert.deepEqual(await store.digest(`a/${size}`, { bytes: size + 1 }), { bytes: size });
      }
      assert.equal(await store.digest("a"), undefined);
      assert.equal(await store.digest("a/none"), undefined);
      await assert.rejects(() => store.digest("../a"), isError);
    });

    it("creates for one of twenty at once", async () => {
      const store = await fresh();
      const bodies = Array.from({ length: 20 }, (_, i) => `writer ${i}`);
      const answers = await Promise.all(bodies.map((body) => store.putOnce("a/b/c", bytes(body))));
      assert.equal(answers.filter((answer) => answer === "created").length, 1);
      assert.equal(text(await store.get("a/b/c")), bodies[answers.indexOf("created")]);
    });

    it("puts files in the place of what is there, and leaves the caller's file", async () => {
      const store = await fresh();
      const first = await file(bytes("first"));
      await store.putFile("x/f.csv", first, { contentType: "text/csv", contentEncoding: "gzip" });
      await store.putFile("x/f.csv", first);
      assert.equal(text(await store.get("x/f.csv")), "first");
      await store.putFile("x/f.csv", await file(bytes("the second")));
      assert.equal(text(await store.get("x/f.csv")), "the second");
      assert.equal((await store.stat("x/f.csv"))?.bytes, 10);
      assert.equal(await store.putOnce("x/f.csv", bytes("third")), "exists");
    });

    it("refuses a file that isn't as long as was said, and changes nothing", async () => {
      const store = await fresh();
      const { path } = await file(bytes("short"));
      await assert.rejects(store.putFile("x", { path, bytes: 6 }), (error) => isError(error, "disk-failed"));
      await assert.rejects(store.putFile("x", { path: `${path}-gone`, bytes: 1 }), (error) =>
        isError(error, "disk-failed"),
      );
      assert.equal(await store.get("x"), undefined);
      assert.deepEqual(await entriesOf(store.list("")), []);
    });

    it("answers for what isn't there with undefined", async () => {
      const store = await fresh();
      await store.putOnce("a/b", bytes("x"));
      for (const key of ["b", "a", "a/c", "a/b/c"]) {
        assert.equal(await store.get(key), undefined, key);
        assert.equal(await store.open(key), undefined, key);
        assert.equal(await store.open(key, { start: 0, end: 1 }), undefined, key);
        assert.equal(await store.stat(key), undefined, key);
        await store.delete(key);
      }
      assert.deepEqual(await collect(store.list("nowhere/")), []);
      assert.deepEqual(await collect(store.children("nowhere/")), []);
      assert.equal(text(await store.get("a/b")), "x");
    });

    it("keeps objects of no bytes", async () => {
      const store = await fresh();
      assert.equal(await store.putOnce("once", new Uint8Array()), "created");
      await store.putFile("file", await file(new Uint8Array()));
      for (const key of ["once", "file"]) {
        assert.equal((await store.get(key))?.byteLength, 0);
        assert.equal((await store.stat(key))?.bytes, 0);
        for (const range of [undefined, { start: 0, end: 0 }, { start: 0, end: 9 }, { start: 5, end: 9 }]) {
          const opened = await store.open(key, range);
          assert.equal(opened?.bytes, 0);
          assert.equal((await bytesOf(opened)).byteLength, 0);
        }
      }
    });

    it("opens ranges: what the object has of them", async () => {
      const store = await fresh();
      await store.putOnce("digits", bytes("0123456789"));
      const ranges = {
        "0-10": "0123456789",
        "0-1": "0",
        "3-7": "3456",
        "9-10": "9",
        "4-4": "",
        "8-99": "89",
        "10-12": "",
        "50-60": "",
      };
      for (const [range, expected] of Object.entries(ranges)) {
        const [start = 0, end = 0] = range.split("-").map(Number);
        const opened = await store.open("digits", { start, end });
        assert.equal(opened?.bytes, expected.length, range);
        assert.equal(text(await bytesOf(opened)), expected, range);
      }
      for (const range of [
        { start: -1, end: 2 },
        { start: 2, end: 1 },
        { start: 0.5, end: 1 },
        { start: 0, end: Number.NaN },
      ]) {
        await assert.rejects(store.open("digits", range), (error) => isError(error, "bad-argument"));
      }
    });

    it("carries a big file, whole and by range", async () => {
      const store = await fresh();
      const content = Buffer.alloc(bigBytes);
      for (let i = 0; i + 4 <= bigBytes; i += 4) content.writeUInt32LE(Math.imul(i, 2_654_435_761) >>> 0, i);
      await store.putFile("big", await file(content));
      assert.equal((await store.stat("big"))?.bytes, bigBytes);
      assert.ok(content.equals(await bytesOf(await store.open("big"))));
      const range = { start: 1_000_003, end: bigBytes - 77 };
      assert.ok(content.subarray(range.start, range.end).equals(await bytesOf(await store.open("big", range))));
      const opened = await store.open("big");
      for await (const chunk of opened?.body ?? []) {
        assert.ok(chunk.byteLength > 0);
        break; // A reader may leave early.
      }
    });

    it("lists by the bytes of whole keys", async () => {
      const store = await fresh();
      const keys = ["a-b", "a.b", "a/b", "a/b-c", "a0", "a/c/d", "b/x", "é", "\uffee", "😀"];
      for (const key of keys.toReversed()) await store.putOnce(key, bytes(key));
      const expected = keys.toSorted((a, b) => Buffer.compare(bytes(a), bytes(b)));
      assert.deepEqual(expected.slice(0, 3), ["a-b", "a.b", "a/b"]);
      const listed = await collect(store.list(""));
      assert.deepEqual(
        listed.map((entry) => entry.key),
        expected,
      );
      assert.deepEqual(
        listed.map((entry) => entry.bytes),
        expected.map((key) => Buffer.byteLength(key)),
      );
      for (const { key, modifiedAt } of listed) {
        assert.ok(Number.isSafeInteger(modifiedAt));
        assert.equal((await store.stat(key))?.modifiedAt !== undefined, true);
      }
      assert.deepEqual(await collect(store.children("")), ["a", "b"]);
    });

    it("lists more than a page, from anywhere", async () => {
      const store = await fresh();
      const keys = Array.from({ length: 1100 }, (_, i) => `log/${String(i).padStart(8, "0")}.jws`);
      for (let i = 0; i < keys.length; i += 50) {
        await Promise.all(keys.slice(i, i + 50).map((key) => store.putOnce(key, bytes("x"))));
      }
      assert.deepEqual(
        (await collect(store.list("log/"))).map((entry) => entry.key),
        keys,
      );
      assert.deepEqual(
        (await collect(store.list("log/000010"))).map((entry) => entry.key),
        keys.slice(1000),
      );
      const later = await collect(store.list("log/", { after: "log/00001097.jws" }));
      assert.deepEqual(
        later.map((entry) => entry.key),
        keys.slice(1098),
      );
      for await (const entry of store.list("")) {
        assert.equal(entry.key, keys[0]);
        break;
      }
    });

    it("refuses hostile keys everywhere, and writes nothing", async () => {
      const store = await fresh();
      const confined = store.under("partners/x");
      const refused = (call: () => Promise<unknown>) => assert.rejects(call, (error) => isError(error, "bad-argument"));
      const body = await file(bytes("x"));
      for (const key of hostileKeys) {
        for (const subject of [store, confined]) {
          await refused(() => subject.putOnce(key, bytes("x")));
          await refused(() => subject.putFile(key, body));
          await refused(() => subject.get(key));
          await refused(() => subject.open(key));
          await refused(() => subject.stat(key));
          await refused(() => subject.delete(key));
          assert.throws(
            () => subject.under(`${key}/`),
            (error) => isError(error, "bad-argument"),
          );
          await refused(() => collect(subject.list(`${key}/`)));
          await refused(() => collect(subject.children(`${key}/`)));
        }
      }
      await refused(() => collect(store.children("a")));
      assert.deepEqual(await collect(store.list("")), []);
    });

    it("confines below a prefix", async () => {
      const store = await fresh();
      await store.putOnce("partners/x/log/1", bytes("x"));
      await store.putOnce("partners/xy/log/1", bytes("xy"));
      await store.putOnce("partners/w", bytes("w"));
      const x = store.under("partners/x/");
      assert.equal(x.url, `${store.url}/partners/x`);
      assert.deepEqual(
        (await collect(x.list(""))).map((entry) => entry.key),
        ["log/1"],
      );
      assert.deepEqual(await collect(x.children("")), ["log"]);
      assert.deepEqual(
        (await collect(x.list("", { after: "../../z" }))).map((entry) => entry.key),
        ["log/1"],
      );
      assert.equal(text(await x.under("log").get("1")), "x");
      assert.equal(await x.putOnce("new", bytes("n")), "created");
      assert.equal(text(await store.get("partners/x/new")), "n");
      await x.delete("log/1");
      assert.equal(await store.get("partners/x/log/1"), undefined);
      assert.equal(text(await store.get("partners/xy/log/1")), "xy");
    });

    it("passes the probe, which leaves nothing", async () => {
      const store = await fresh();
      await probeStore(store, "a-nonce");
      assert.deepEqual(await collect(store.list("")), []);
    });

    it("agrees with a Map, whatever is called in whatever order", async () => {
      await fc.assert(
        fc.asyncProperty(puts, fc.array(step, { maxLength: 30 }), async (first, steps) => {
          const store = await fresh();
          const model = new Map<string, Buffer>();
          for (const one of [...first, ...steps]) await one.agree(store, model, file);
          assert.deepEqual(
            await entriesOf(store.list("")),
            [...model]
              .map(([key, body]) => ({ key, bytes: body.byteLength }))
              .sort((a, b) => Buffer.compare(bytes(a.key), bytes(b.key))),
          );
        }),
        // Shrinking against a service that died would go on for hours.
        { numRuns: runs, interruptAfterTimeLimit: 300_000, markInterruptAsFailure: true },
      );
    });
  });
}
