/** The newest receipts of a feed: page after page, each once, whatever receipts there are; and bounded where there are many. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { newestReceipts } from "../../../src/delivery/receipts/newest.ts";
import { type Receipt, receiptLines } from "../../../src/delivery/receipts/receipt.ts";
import { secondsInstant } from "../../../src/feed/period.ts";
import { sequenceName } from "../../../src/publication/log.ts";
import { openDiskStore } from "../../../src/store/disk.ts";
import type { Store } from "../../../src/store/store.ts";
import { testNow } from "../../publication/issuer.ts";
import { temporaryFolder } from "../../temporary-folder.ts";

let n = 0;

/** Puts an object of receipts as the journal does, named by the greatest sequence in it. */
async function put(store: Store, sequences: readonly number[], at: number): Promise<readonly Receipt[]> {
  n += 1;
  const receipts = sequences.map(
    (sequence): Receipt => ({
      at: secondsInstant(at),
      feed: "spam-sources",
      sequence,
      sha256: "0".repeat(64),
      how: "pull",
      token: `t${n}`,
      address: "192.0.2.1",
    }),
  );
  const stamp = secondsInstant(at).replaceAll(/[-:]/g, "");
  const name = `${sequenceName(Math.max(...sequences))}-${stamp}-${String(n).padStart(16, "0")}.jsonl`;
  await store.putOnce(name, receiptLines(receipts));
  return receipts;
}

async function pages(store: Store, tip: number, most: number) {
  const found = [];
  let before: number | undefined = tip + 1;
  while (before !== undefined) {
    const page = await newestReceipts(store, before, most);
    found.push(page);
    assert.ok(page.next === undefined || page.next < before, "it goes on");
    before = page.next;
  }
  return found;
}

test("page after page, every receipt is there once, of the newest publications first", async (t) => {
  const folder = await temporaryFolder(t);
  let run = 0;
  const objects = fc.array(fc.array(fc.integer({ min: 1, max: 900 }), { minLength: 1, maxLength: 3 }), {
    maxLength: 25,
  });
  await fc.assert(
    fc.asyncProperty(objects, fc.integer({ min: 1, max: 10 }), async (given, most) => {
      run += 1;
      const store = openDiskStore(join(folder, String(run)));
      const noted: Receipt[] = [];
      for (const [index, sequences] of given.entries())
        noted.push(...(await put(store, sequences, testNow + index * 1000)));
      const found = await pages(store, 900, most);
      assert.ok(found.every(({ cut }) => !cut));
      const texts = (receipts: readonly Receipt[]) => receipts.map((receipt) => JSON.stringify(receipt)).sort();
      assert.deepEqual(texts(found.flatMap(({ receipts }) => receipts)), texts(noted));
      for (const { receipts } of found) {
        const times = receipts.map(({ at }) => at);
        assert.deepEqual(times, times.toSorted().reverse());
      }

      const greatest = Math.max(0, ...given.map((sequences) => Math.max(...sequences)));
      // Of a publication with the greatest number in an object, so that one is on the first page that has any.
      if (greatest > 0)
        assert.ok(found.find(({ receipts }) => receipts.length > 0)?.receipts.some((r) => r.sequence === greatest));
    }),
    { numRuns: 60 },
  );
});

test("of a publication with too many objects the newest are shown, and that there are more", async (t) => {
  const store = openDiskStore(join(await temporaryFolder(t), "store"));
  await put(store, [1], testNow - 1000);
  for (let index = 0; index < 450; index += 1) await put(store, [2], testNow + index * 1000);
  const page = await newestReceipts(store, 3, 50);
  assert.ok(page.cut && page.receipts.length === 200);
  assert.equal(page.receipts[0]?.at, secondsInstant(testNow + 449_000));
  assert.equal(page.next, 2);
  const rest = await newestReceipts(store, 2, 50);
  assert.deepEqual([rest.receipts.length, rest.cut, rest.next], [1, false, undefined]);
});

test("a line that is no receipt hides nothing else", async (t) => {
  const store = openDiskStore(join(await temporaryFolder(t), "store"));
  await put(store, [3], testNow);
  await store.putOnce("00000003-20261116T070000Z-ffffffffffffffff.jsonl", Buffer.from('{"at":1}\nnothing\n'));
  assert.equal((await newestReceipts(store, 4, 50)).receipts.length, 1);
});
