/** A partner's book: all of it, in order, in bounded memory, whatever somebody wrote into the store. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { noteDelivered } from "../../../src/delivery/push/progress.ts";
import { type BookSelection, receiptBook } from "../../../src/delivery/receipts/book.ts";
import { ReceiptJournal } from "../../../src/delivery/receipts/journal.ts";
import type { PushReceipt, Receipt } from "../../../src/delivery/receipts/receipt.ts";
import { sortedLines } from "../../../src/delivery/receipts/sorted-lines.ts";
import { isError } from "../../../src/errors.ts";
import { openDiskStore } from "../../../src/store/disk.ts";
import type { Store } from "../../../src/store/store.ts";
import { temporaryFolder } from "../../temporary-folder.ts";

async function* each<Item>(items: readonly Item[]): AsyncGenerator<Item> {
  yield* items;
}

async function all<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const found: Item[] = [];
  for await (const item of items) found.push(item);
  return found;
}

test("lines come out sorted, by files where memory isn't enough, and no file is left", async (t) => {
  const root = await temporaryFolder(t);
  const line = fc
    .string({ unit: "grapheme", maxLength: 12 })
    .map((text) => text.replaceAll(/[\r\n\u2028\u2029]/g, " "));
  await fc.assert(
    fc.asyncProperty(fc.array(line, { maxLength: 60 }), fc.integer({ min: 1, max: 200 }), async (lines, most) => {
      const folder = join(root, "pieces");
      assert.deepEqual(await all(sortedLines(each(lines), folder, most)), [...lines].sort());
      assert.ok(!existsSync(folder));
    }),
    { numRuns: 100 },
  );
  const folder = join(root, "left");
  for await (const _ of sortedLines(each(["b", "a", "c"]), folder, 1)) {
    assert.equal((await readdir(folder)).length, 3);
    break;
  }
  assert.ok(!existsSync(folder));
});

test("few lines need no folder, nor that there could be one", async (t) => {
  const folder = join(await temporaryFolder(t), "file", "pieces");
  await writeFile(join(folder, ".."), "no folder");
  assert.deepEqual(await all(sortedLines(each(["b", "a"]), folder)), ["a", "b"]);
});

const sha256 = "0".repeat(64);
const pulled = (at: string, more: Partial<Receipt> = {}) =>
  ({ at, feed: "summary", sequence: 1, sha256, how: "pull", token: "t", address: "203.0.113.9", ...more }) as Receipt; // of one kind

const pushed = (at: string, sequence: number): PushReceipt => ({
  at,
  feed: "spam-sources",
  sequence,
  sha256,
  how: "push-https",
  destination: "https",
  to: "https://feeds.partner.example/in",
});

async function openBook(t: Parameters<typeof temporaryFolder>[0]) {
  const root = await temporaryFolder(t);
  const store: Store = openDiskStore(join(root, "store"));
  const unreadable: string[] = [];
  const read = (selection: Partial<BookSelection> = {}, most = 1_000_000) =>
    all(
      receiptBook(
        store,
        { partner: "twcert", ...selection },
        { folder: join(root, "sort"), onUnreadable: (key) => unreadable.push(key), most },
      ),
    );
  const journal = await ReceiptJournal.open(join(root, "receipts"), store);
  return { store, read, unreadable, journal };
}

test("pushes and pulls in one book, by time; none of another partner's", async (t) => {
  const { store, read, journal, unreadable } = await openBook(t);
  const lane = { partner: "twcert", feed: "spam-sources", destination: "https" };
  await noteDelivered(store, lane, 1, [pushed("2026-11-16T06:00:02Z", 1)]);
  await noteDelivered(store, lane, 2, [pushed("2026-11-16T06:00:09Z", 2)]);
  await journal.note("twcert", pulled("2026-11-16T06:00:05Z"));
  await journal.note("twcert", pulled("2026-11-16T06:00:01Z", { sequence: 7 }));
  await journal.note("twcert-2", pulled("2026-11-16T06:00:03Z"));
  await journal.note("ncc", pulled("2026-11-16T06:00:03Z"));
  await journal.close();
  const times = (receipts: readonly Receipt[]) => receipts.map(({ at, feed }) => `${at.slice(17, 19)} ${feed}`);
  assert.deepEqual(times(await read()), ["01 summary", "02 spam-sources", "05 summary", "09 spam-sources"]);
  assert.deepEqual(times(await read({ feed: "summary" })), ["01 summary", "05 summary"]);
  const part = { since: "2026-11-16T06:00:02Z", until: "2026-11-16T06:00:09Z" };
  assert.deepEqual(times(await read(part)), ["02 spam-sources", "05 summary"]);
  assert.deepEqual(await read({ partner: "ncc" }), [pulled("2026-11-16T06:00:03Z")]);
  assert.deepEqual(unreadable, []);
});

test("a mistyped partner isn't one who was handed nothing", async (t) => {
  const { store, read } = await openBook(t);
  for (const partner of ["twcert", "../twcert", "", "a/b"])
    await assert.rejects(read({ partner }), (error) => isError(error, "not-found"));
  await store.putOnce("partners/twcert/summary/log/00000001.jws", new Uint8Array());
  assert.deepEqual(await read(), []);
});

test("what is no receipt, or one of another feed, is told, and the rest is there", async (t) => {
  const { store, read, unreadable } = await openBook(t);
  const good = pulled("2026-11-16T06:00:01Z");
  const put = (name: string, ...lines: readonly (string | object)[]) =>
    store.putOnce(
      `receipts/twcert/summary/${name}`,
      Buffer.from(lines.map((line) => `${typeof line === "string" ? line : JSON.stringify(line)}\n`).join("")),
    );
  await put("00000001-a.jsonl", good, "no json", good);
  await put("00000001-b.jsonl", { ...good, feed: 'x\n\t{"' });
  await put("00000001-c.jsonl");
  const odd = pulled("2026-11-16T06:00:02Z", { token: 'a\u2028b\t"\u001b' });
  await put("00000001-d.jsonl", good, odd);
  assert.deepEqual(await read(), [good, good, good, odd]);
  unreadable.length = 0;
  assert.deepEqual(await read({}, 10), [good, good, good, odd]);
  assert.deepEqual(
    unreadable.map((key) => key.slice(-7)),
    ["a.jsonl", "b.jsonl", "c.jsonl"],
  );
});
