/** Progress: receipts are found with few looks, and say what a reading of all of them would. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  deliveredTo,
  failedAttempts,
  forgetAttempts,
  isDelivered,
  type Lane,
  noteAttempt,
  noteDelivered,
  receiptsOf,
} from "../../../src/delivery/push/progress.ts";
import type { PushReceipt } from "../../../src/delivery/receipts/receipt.ts";
import { SpampotsError } from "../../../src/errors.ts";
import { openDiskStore } from "../../../src/store/disk.ts";
import type { Store } from "../../../src/store/store.ts";
import { sha256, testNow } from "../../publication/issuer.ts";
import { temporaryFolder } from "../../temporary-folder.ts";

const lane: Lane = { partner: "twcert", feed: "spam-sources", destination: "https" };

const receipt = (sequence: number): PushReceipt => ({
  at: "2026-11-16T06:00:00Z",
  feed: lane.feed,
  sequence,
  sha256: sha256(`${sequence}`),
  how: "push-https",
  destination: lane.destination,
  to: "https://partner.example/in",
});

/** The same store, and how often it was looked at. */
function counted(store: Store): { readonly store: Store; looks(): number } {
  let looks = 0;
  return {
    store: {
      ...store,
      stat: (key) => {
        looks += 1;
        return store.stat(key);
      },
    },
    looks: () => looks,
  };
}

test("law: the newest delivery is what a look at every receipt says, in a number of looks that hardly grows", async (t) => {
  const folder = await temporaryFolder(t);
  let runs = 0;
  const lengths = fc.nat(120).chain((tip) => fc.tuple(fc.constant(tip), fc.nat(tip)));
  await fc.assert(
    fc.asyncProperty(lengths, async ([tip, delivered]) => {
      runs += 1;
      const { store, looks } = counted(openDiskStore(`${folder}/${runs}`));
      for (let sequence = 1; sequence <= delivered; sequence += 1)
        await noteDelivered(store, lane, sequence, [receipt(sequence)]);
      // Of other lanes there may be more: they say nothing of this one.
      const others = [
        { ...lane, destination: "https-2" },
        { ...lane, feed: "spam-urls" },
        { ...lane, partner: "ncc" },
      ];
      for (const other of others) await noteDelivered(store, other, tip + 1, [receipt(tip + 1)]);
      let scanned = 0;
      while (await isDelivered(openDiskStore(`${folder}/${runs}`), lane, scanned + 1)) scanned += 1;
      assert.equal(await deliveredTo(store, lane, tip), scanned);
      const behind = tip - delivered;
      assert.ok(looks() <= 2 + 2 * Math.ceil(Math.log2(behind + 2)), `${looks()} looks, ${behind} behind`);
      assert.equal(await deliveredTo(store, lane, delivered), delivered);
    }),
    { numRuns: 40 },
  );
});

test("a delivery that is noted twice is noted once", async (t) => {
  const store = openDiskStore(await temporaryFolder(t));
  await noteDelivered(store, lane, 1, [receipt(1)]);
  await noteDelivered(store, lane, 1, [{ ...receipt(1), at: "2026-11-17T06:00:00Z" }]);
  assert.deepEqual(await receiptsOf(store, lane, 1), [receipt(1)]);
  assert.equal(await receiptsOf(store, lane, 2), undefined);
});

test("failures are kept once for each kind, and are gone when the destination has it", async (t) => {
  const store = openDiskStore(await temporaryFolder(t));
  const error = new SpampotsError("delivery-failed", "It doesn't answer.", { reason: "HTTP 503", token: "s3cret" });
  const refused = new SpampotsError("delivery-refused", "It refuses.");
  await noteAttempt(store, lane, 2, { error, now: testNow });
  await noteAttempt(store, lane, 2, { error, now: testNow + 60_000 });
  await noteAttempt(store, lane, 2, { error: refused, now: testNow + 1000 });
  await noteAttempt(store, lane, 3, { error: new Error("/etc/passwd"), now: testNow + 2000 });
  const found = await failedAttempts(store, lane);
  assert.deepEqual(
    found.map(({ at, sequence, code, reason }) => [at, sequence, code, reason]),
    [
      ["2026-11-16T06:00:00Z", 2, "delivery-failed", "HTTP 503"],
      ["2026-11-16T06:00:01Z", 2, "delivery-refused", undefined],
      ["2026-11-16T06:00:02Z", 3, "internal", undefined],
    ],
  );
  assert.doesNotMatch(JSON.stringify(found), /s3cret|passwd/);
  // As a runner leaves it that is killed between the two.
  await noteDelivered(store, lane, 2, [receipt(2)]);
  assert.deepEqual(
    (await failedAttempts(store, lane)).map(({ sequence }) => sequence),
    [3],
  );
  await forgetAttempts(store, lane, 2);
  assert.deepEqual(
    (await failedAttempts(store, lane)).map(({ sequence }) => sequence),
    [3],
  );
  await forgetAttempts(store, lane, 3);
  assert.deepEqual(await failedAttempts(store, lane), []);
});
