/** The log: one commit a sequence, gaps, and stores restored from old copies. */
import assert from "node:assert/strict";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { isError } from "../../src/errors.ts";
import { announceRotation } from "../../src/publication/announce.ts";
import { checkNotBehind, readOwnTip } from "../../src/publication/behind.ts";
import { beginRotation, finishRotation } from "../../src/publication/keys.ts";
import { append, logKey, readBounded, readManifest, readTip, tipSequence } from "../../src/publication/log.ts";
import { encodeManifest, payloadDigest } from "../../src/publication/manifest.ts";
import type { Store } from "../../src/store/store.ts";
import { aManifest, finder, later, newIssuer, publish } from "./issuer.ts";

const prefix = "partners/twcert/spam-sources";
const behind = (error: unknown) => isError(error, "log-behind") && error.hint !== undefined;

test("the first is appended, the same again is already there, another of its number is lost", async (t) => {
  const { store, keyring } = await newIssuer(t, "ES256");
  const place = store.under(prefix);
  const manifest = aManifest();
  assert.equal(await readTip(place, finder(keyring)), undefined);
  assert.equal(await append(place, manifest, keyring.signer), "appended");
  assert.equal(await append(place, manifest, keyring.signer), "already");
  assert.equal(await append(place, aManifest({ notes: ["Another."] }), keyring.signer), "lost");
  const tip = await readTip(place, finder(keyring));
  assert.deepEqual(tip?.manifest, manifest);
  assert.equal(tip?.payloadSha256, payloadDigest(encodeManifest(manifest)));
  assert.equal(tip?.kid, keyring.live);
});

test("a number that is taken by what is cut is told with the place and the next step", async (t) => {
  const { store, keyring } = await newIssuer(t);
  const place = store.under(prefix);
  await place.putOnce(logKey(1), new TextEncoder().encode('{"payload":'));
  await assert.rejects(append(place, aManifest(), keyring.signer), (error) => {
    assert.ok(isError(error, "verify-failed") && error.hint !== undefined);
    assert.equal(error.facts.key, logKey(1));
    return true;
  });
});

test("of many publishers at once one wins, and the others are told", async (t) => {
  const { store, keyring } = await newIssuer(t);
  const place = store.under(prefix);
  const manifests = Array.from({ length: 8 }, (_, n) => aManifest({ notes: [`Publisher ${n}.`] }));
  const outcomes = await Promise.all(manifests.map((manifest) => append(place, manifest, keyring.signer)));
  assert.equal(outcomes.filter((outcome) => outcome === "appended").length, 1);
  assert.equal(outcomes.filter((outcome) => outcome === "lost").length, 7);
  const winner = manifests[outcomes.indexOf("appended")];
  assert.deepEqual((await readTip(place, finder(keyring)))?.manifest, winner);
});

test("a put whose answer was lost is found to be our own", async (t) => {
  const { store, keyring } = await newIssuer(t);
  const place = store.under(prefix);
  const forgetful: Store = {
    ...place,
    putOnce: async (...put) => {
      await place.putOnce(...put);
      return "exists";
    },
  };
  assert.equal(await append(forgetful, aManifest(), keyring.signer), "already");
});

test("the tip is found by listing what comes after a known one; a gap is refused", async (t) => {
  const issuer = await newIssuer(t);
  for (let n = 0; n < 4; n += 1) await publish(issuer, { files: [] });
  const place = issuer.store.under(prefix);
  await place.putOnce("log/note.txt", new Uint8Array(1));
  assert.deepEqual([await tipSequence(place), await tipSequence(place, 2), await tipSequence(place, 4)], [4, 4, 4]);
  const listed: string[] = [];
  const watched: Store = {
    ...place,
    async *list(...asked) {
      for await (const entry of place.list(...asked)) {
        listed.push(entry.key);
        yield entry;
      }
    },
  };
  assert.equal(await tipSequence(watched, 3), 4);
  assert.deepEqual(listed, ["log/00000004.jws", "log/note.txt"]);
  await rm(join(issuer.root, prefix, logKey(3)));
  await assert.rejects(tipSequence(place), behind);
  await assert.rejects(publish(issuer), behind);
});

test("a manifest under another number, by an unknown key or too large is refused", async (t) => {
  const { store, keyring, root } = await newIssuer(t);
  const place = store.under(prefix);
  await append(place, aManifest(), keyring.signer);
  const file = await place.get(logKey(1));
  assert.ok(file);
  await place.putOnce(logKey(2), file);
  const refused = (error: unknown) => isError(error, "verify-failed");
  await assert.rejects(readManifest(place, 2, finder(keyring)), refused);
  await assert.rejects(
    readManifest(place, 1, () => undefined),
    refused,
  );
  assert.equal(await readManifest(place, 3, finder(keyring)), undefined);
  await writeFile(join(root, "large"), new Uint8Array(1001));
  await assert.rejects(readBounded(store, "large", 1000), refused);
  assert.equal((await readBounded(store, "large", 1001))?.length, 1001);
});

test("publishing is refused where a receipt shows a publication that the log hasn't", async (t) => {
  const issuer = await newIssuer(t);
  for (let n = 0; n < 3; n += 1) await publish(issuer, { files: [] });
  const check = () => checkNotBehind(issuer.store, "twcert", "spam-sources");
  const receipt = (name: string) => issuer.store.putOnce(`receipts/${name}`, new Uint8Array(1));
  await receipt("twcert/spam-sources/00000003-pull-1.json");
  await receipt("twcert/spam-sources/00000003/pull-2.json");
  await receipt("twcert/spam-sources-2/00000009-pull.json");
  await receipt("jpcert/spam-sources/00000009-pull.json");
  await check();
  assert.equal((await readOwnTip(issuer.store, "twcert", "spam-sources", issuer.keyring))?.manifest.sequence, 3);
  await receipt("twcert/spam-sources/00000004-pull-1.json");
  await assert.rejects(
    check(),
    (error) => behind(error) && isError(error) && error.facts.seen === 4 && error.facts.log === 3,
  );
});

test("publishing is refused where an announcement of keys states a tip that the log hasn't", async (t) => {
  const issuer = await newIssuer(t);
  for (let n = 0; n < 3; n += 1) await publish(issuer, { files: [] });
  const keyring = await beginRotation({ folder: issuer.keys }, { now: later(1) });
  await announceRotation(issuer.store, { issuer: "CERT.br", keyring, now: later(1) });
  await finishRotation(issuer.keys, keyring.live);
  await checkNotBehind(issuer.store, "twcert", "spam-sources");
  await rm(join(issuer.root, prefix, logKey(3)));
  await assert.rejects(checkNotBehind(issuer.store, "twcert", "spam-sources"), behind);
});
