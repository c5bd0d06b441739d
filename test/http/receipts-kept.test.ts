/** Receipts that mustn't be lost: where two processes were given one folder, and where a front states an odd address. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { ReceiptJournal, readReceipts } from "../../src/delivery/receipts/journal.ts";
import type { Receipt } from "../../src/delivery/receipts/receipt.ts";
import { clientAddresses } from "../../src/http/client-address.ts";
import { openDiskStore } from "../../src/store/disk.ts";
import { temporaryFolder } from "../temporary-folder.ts";

const receipt = (sequence: number): Receipt => ({
  ...{ at: "2026-11-16T06:00:00Z", feed: "spam-sources", sequence, sha256: "a".repeat(64) },
  ...{ how: "pull", token: "t", address: "192.0.2.1" },
});

test("a process whose journal another moved goes on in a file of its own", async (t) => {
  const folder = await temporaryFolder(t);
  const store = openDiskStore(join(folder, "store"));
  const first = await ReceiptJournal.open(join(folder, "receipts"), store);
  await first.note("twcert", receipt(1));
  const second = await ReceiptJournal.open(join(folder, "receipts"), store);
  await second.move();
  await first.note("twcert", receipt(2));
  await first.close();
  await second.close();
  const { receipts } = await readReceipts(store.under("receipts/twcert"), { limit: 100 });
  assert.deepEqual([...new Set(receipts.map(({ sequence }) => sequence))], [1, 2]);
});

test("an object that is damaged hides no other receipt from its partner", async (t) => {
  const folder = await temporaryFolder(t);
  const store = openDiskStore(join(folder, "store"));
  const lines = [1, 2].map((sequence) => JSON.stringify(receipt(sequence)));
  await store.putOnce("receipts/twcert/spam-sources/1.jsonl", Buffer.from(lines.join("\n").slice(0, -30)));
  await store.putOnce("receipts/twcert/spam-sources/2.jsonl", Buffer.from(`${JSON.stringify(receipt(3))}\n`));
  const { receipts } = await readReceipts(store.under("receipts/twcert"), { limit: 100 });
  assert.deepEqual(
    receipts.map(({ sequence }) => sequence),
    [1, 3],
  );
});

test("an address is stated without its zone, so that a receipt always holds it", () => {
  const addressOf = clientAddresses(["127.0.0.1"]);
  const request = new Request("http://x", { headers: { "X-Forwarded-For": `fe80::1%${"z".repeat(80)}` } });
  const env = { incoming: { socket: { remoteAddress: "127.0.0.1" } } };
  assert.equal(addressOf(request, env), "fe80::1");
});
