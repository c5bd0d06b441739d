/** What TAXII lists follows what is published: repeats, revisions, withdrawals, expiry; receipts; and faults on the way. */
import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { secondsInstant } from "../../src/feed/period.ts";
import { hourMs } from "../../src/model.ts";
import { parseMicroseconds } from "../../src/publication/manifest.ts";
import { testNow } from "../publication/issuer.ts";
import { indicatorA, listed, manifest, objects, oldVersion, published } from "./taxii-collection.ts";
import { idOf, observable, openTaxiiWorld, versioned, withdrawing } from "./taxii-world.ts";

test("an id and version is a record once: of the earliest publication that still holds it", async (t) => {
  const world = await openTaxiiWorld(t);
  const same = [versioned("indicator", "a"), observable("ipv4-addr", "a")];
  const first = await world.publish([same]);
  const second = await world.publish([[...same, versioned("indicator", "b")]]);
  const dates = async () =>
    (await world.get(`${manifest}?match[version]=all`)).body.objects?.map(({ date_added }) =>
      parseMicroseconds(String(date_added)),
    );
  const [one, two] = [first, second].map(({ published_at }) => parseMicroseconds(published_at));
  assert.ok(one !== undefined && two !== undefined);
  assert.deepEqual(await dates(), [one, one + 1, two + 2]);
  await world.publish([], withdrawing([1]));
  assert.deepEqual(await dates(), [two, two + 1, two + 2]);
  await world.publish([], withdrawing([2]));
  assert.deepEqual((await world.get(objects)).body, {});
});

test("a withdrawal that revokes has the revoked versions, and these are the newest", async (t) => {
  const world = await openTaxiiWorld(t);
  await world.publish([[versioned("indicator", "a"), observable("ipv4-addr", "a")]]);
  await world.publish([[versioned("indicator", "a", 1, { revoked: true })]], withdrawing([1], true));
  const { body } = await world.get(`${objects}?match[version]=all`);
  assert.deepEqual(body.objects, [versioned("indicator", "a", 1, { revoked: true })]);
});

test("expired objects are gone the moment they expire, and the index forgets them", async (t) => {
  const world = await openTaxiiWorld(t);
  await world.publish([[versioned("indicator", "a")]], { retain_until: secondsInstant(testNow + hourMs) });
  await world.publish([[versioned("indicator", "b")]]);
  assert.equal(listed(await world.get(objects)).length, 2);
  world.advance(hourMs);
  assert.deepEqual(listed(await world.get(objects)), [`${idOf("indicator", "b")} ${oldVersion}`]);
  assert.equal((await world.get(`${objects}${indicatorA}/`)).status, 404);
});

test("the newer version wins by modified, also where it was published earlier", async (t) => {
  const world = await openTaxiiWorld(t);
  await world.publish([[versioned("indicator", "a", 5)]]);
  await world.publish([[versioned("indicator", "a", 2)]]);
  const at = (step: number) => versioned("indicator", "a", step).modified;
  assert.deepEqual(listed(await world.get(objects)), [`${indicatorA} ${at(5)}`]);
  assert.deepEqual(listed(await world.get(`${objects}?match[version]=first`)), [`${indicatorA} ${at(2)}`]);
});

test("what a page was cut from has a receipt each, and a HEAD or a manifest has none", async (t) => {
  const world = await published(t);
  for (const [path, method] of [
    [objects, "HEAD"],
    [manifest, "GET"],
  ] as const)
    await world.get(path, { partner: "twcert", method });
  await world.get(objects);
  const answer = await fetch(`${world.url}/v1/receipts`, {
    headers: { Authorization: `Bearer ${await world.token("twcert")}` },
  });
  const { receipts }: { receipts: { sequence: number; how: string; sha256: string; artifact?: string }[] } = JSON.parse(
    await answer.text(),
  );
  assert.deepEqual(receipts.map(({ sequence, how, artifact }) => [sequence, how, artifact]).sort(), [
    [1, "taxii", undefined],
    [2, "taxii", undefined],
  ]);
});

test("an index that is gone, is of another form or is damaged is made again", async (t) => {
  const world = await published(t);
  const before = (await world.get(objects)).text;
  const path = join(world.index, "twcert", "spam-sources.sqlite");
  for (const content of ["no database at all", "", Buffer.alloc(8192, 7)]) {
    await world.restart();
    await writeFile(path, content);
    assert.equal((await world.get(objects)).text, before);
  }
});

test("a part that isn't what was signed is not handed out", async (t) => {
  const world = await published(t);
  await world.get(objects);
  const files: string[] = [];
  for await (const { key } of world.issuer.store.list("partners/twcert/spam-sources/artifacts/"))
    files.push(join(world.issuer.root, key));
  // A byte of the header that says nothing of the content: only the digest tells.
  for (const path of files) {
    const bytes = await readFile(path);
    bytes[9] = (bytes[9] ?? 0) ^ 1;
    await writeFile(path, bytes);
  }
  const changed = await world.get(objects);
  assert.deepEqual([changed.status, changed.body.objects], [500, undefined]);
  for (const path of files) await writeFile(path, "other bytes, of another length");
  const cut = await world.get(objects);
  assert.deepEqual([cut.status, cut.body.objects], [503, undefined]);
  assert.equal((await world.get(manifest)).status, 200);
});
