/** Collections that follow their logs: what is read of the store, who waits for what, and what a fault leaves. */
import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { Collections, type HeldPublication } from "../../../src/delivery/collection/collections.ts";
import type { PartSource } from "../../../src/delivery/collection/parts.ts";
import { isError, SpampotsError } from "../../../src/errors.ts";
import { PublishedFeed } from "../../../src/http/published.ts";
import { type MadeObject, observable, partOf, versioned } from "../../http/taxii-world.ts";
import { finder, newIssuer, publish, testNow } from "../../publication/issuer.ts";
import { temporaryFolder } from "../../temporary-folder.ts";

/** Three publications of two parts each, and a source that tells what is read and can be told to wait or fail. */
async function followed(t: TestContext, patienceMs = 10_000) {
  const issuer = await newIssuer(t);
  const parts = (n: number): MadeObject[][] =>
    [1, 2].map((part) => [versioned("identity", "i"), observable("ipv4-addr", `${n} ${part}`)]);
  for (const n of [1, 2, 3])
    await publish(issuer, { files: parts(n).map((objects, at) => partOf(objects, at + 1)), now: testNow + n });
  const published = new PublishedFeed(
    issuer.store,
    { find: finder(issuer.keyring), look: async () => {} },
    { partner: "twcert", feed: "spam-sources" },
  );
  const facts = await published.publications(testNow, 1);
  const held = facts.map(
    ({ sequence, payloadSha256, objects }): HeldPublication => ({ sequence, payloadSha256, objects }),
  );
  const opened: string[] = [];
  const control: { before: (count: number) => Promise<void> | void } = { before: () => {} };
  const source: PartSource = {
    read: (sequence) => published.read(sequence),
    async open(key, range) {
      opened.push(key);
      await control.before(opened.length);
      return published.open(key, range ?? { start: 0, end: Number.MAX_SAFE_INTEGER });
    },
  };
  const folder = await temporaryFolder(t);
  const collections = new Collections(join(folder, "index"), patienceMs);
  t.after(() => collections.close());
  const collection = collections.of("twcert", "spam-sources");
  const count = () => collection.ask((reader) => reader.records({ after: -1, versions: "all" }, 100).length);
  return { held, source, opened, control, folder, collections, collection, count };
}

test("a part is read once, however many wait for it, and not again", async (t) => {
  const { held, source, opened, collection, collections, count } = await followed(t);
  await Promise.all(Array.from({ length: 20 }, () => collection.follow(held, source)));
  assert.equal(count(), 7);
  assert.equal(opened.length, 6);
  await collection.follow(held, source);
  await collections.close();
  assert.equal(opened.length, 6);
});

test("whoever waits too long is told to come again, and what was begun goes on", async (t) => {
  const { held, source, control, collection, count } = await followed(t, 50);
  const gate = Promise.withResolvers<void>();
  control.before = () => gate.promise;
  await assert.rejects(
    collection.follow(held, source),
    (error) => isError(error, "not-ready") && error.facts.retryAfter === 30,
  );
  gate.resolve();
  for (let turn = 0; turn < 100; turn += 1) {
    const done = await collection.follow(held, source).then(
      () => true,
      (error) => !isError(error, "not-ready"),
    );
    if (done) break;
  }
  assert.equal(count(), 7);
});

test("a store that fails midway leaves whole parts, and the rest comes when it is back", async (t) => {
  const { held, source, opened, control, collection, count } = await followed(t);
  control.before = (turn) => {
    if (turn === 4) throw new SpampotsError("store-unavailable", "gone");
  };
  await assert.rejects(collection.follow(held, source), (error) => isError(error, "store-unavailable"));
  assert.equal(opened.length, 4);
  await collection.follow(held, source);
  assert.equal(opened.length, 7);
  assert.equal(count(), 7);
});

test("what isn't held any more goes, and comes back whole when it is held again", async (t) => {
  const { held, source, collection, count } = await followed(t);
  await collection.follow(held, source);
  await collection.follow(held.slice(1, 2), source);
  assert.equal(count(), 3);
  await collection.follow([], source);
  assert.equal(count(), 0);
  await collection.follow(held, source);
  assert.equal(count(), 7);
});

test("more collections than may be open at once answer all the same", async (t) => {
  const { held, source, collections } = await followed(t);
  for (const round of [1, 2]) {
    for (let n = 0; n < 40; n += 1) {
      const collection = collections.of(`partner-${n}`, "spam-sources");
      await collection.follow(held.slice(0, 1), source);
      assert.equal(
        collection.ask((reader) => reader.records({ after: -1, versions: "all" }, 9).length),
        3,
        `${round} ${n}`,
      );
    }
  }
});

test("an index folder that can't be used is told as the disk's fault, with the next step", async (t) => {
  const { held, source, folder } = await followed(t);
  const file = join(folder, "a-file");
  await writeFile(file, "");
  const collections = new Collections(file);
  t.after(() => collections.close());
  const collection = collections.of("twcert", "spam-sources");
  await assert.rejects(collection.follow(held, source), (error) => isError(error, "disk-failed"));
  assert.throws(
    () => collection.ask(() => 0),
    (error) => isError(error, "disk-failed"),
  );
  // A folder where the database should be.
  await mkdir(join(folder, "other/twcert/spam-sources.sqlite"), { recursive: true });
  const other = new Collections(join(folder, "other"));
  t.after(() => other.close());
  const misplaced = other.of("twcert", "spam-sources");
  await assert.rejects(misplaced.follow(held, source), (error) => isError(error, "disk-failed"));
});
