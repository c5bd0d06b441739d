/** The key folder, announcements of keys, and rotations that are killed anywhere. */
import assert from "node:assert/strict";
import { chmod, copyFile, readdir, readFile, rm, stat, unlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { FlattenedSign, importJWK } from "jose";
import { isError } from "../../src/errors.ts";
import { announcedKeys, announceRotation, ensureAnnounced, publishedJwks } from "../../src/publication/announce.ts";
import { readOwnTip } from "../../src/publication/behind.ts";
import { announcementSchema, readChain } from "../../src/publication/chain.ts";
import { encodeExact } from "../../src/publication/exact-json.ts";
import { jwks, parseJwks } from "../../src/publication/jwk.ts";
import {
  beginRotation,
  finishRotation,
  type Keyring,
  listKeys,
  newKeys,
  openKeyring,
  readSiteKey,
} from "../../src/publication/keys.ts";
import { append, logKey, readTip } from "../../src/publication/log.ts";
import { feedPrefix } from "../../src/publication/manifest.ts";
import { readJws, type Signer } from "../../src/publication/sign.ts";
import { readTrust } from "../../src/publication/trust.ts";
import { verify } from "../../src/publication/verify.ts";
import { openDiskStore } from "../../src/store/disk.ts";
import type { Store } from "../../src/store/store.ts";
import { temporaryPath } from "../../src/store/temporary.ts";
import { temporaryFolder } from "../temporary-folder.ts";
import { finder, type Issuer, later, newIssuer, publish, testNow } from "./issuer.ts";

const bad = (error: unknown) => isError(error, "bad-key");
/** Files of the key folder, drafts among them. */
const filesOf = async (folder: string) =>
  (await readdir(folder, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map(({ name }) => name)
    .sort();
const mode = async (path: string) => ((await stat(path)).mode & 0o777).toString(8);

async function rotate(issuer: Issuer, now: number, store = issuer.store): Promise<Issuer> {
  const keyring = await beginRotation({ folder: issuer.keys }, { now });
  await announceRotation(store, { issuer: "CERT.br", keyring, now });
  await finishRotation(issuer.keys, keyring.live);
  return { ...issuer, keyring };
}

test("keys new makes a folder for its owner only: one site key, one live key", async (t) => {
  const folder = join(await temporaryFolder(t), "data", "keys");
  const list = await newKeys({ folder }, { now: testNow });
  assert.equal(list.keys.length, 1);
  assert.deepEqual(
    [list.keys[0]?.kid, list.keys[0]?.alg, list.keys[0]?.from],
    [list.live, "EdDSA", "2026-11-16T06:00:00Z"],
  );
  assert.equal(await mode(folder), "700");
  for (const name of await filesOf(folder)) assert.equal(await mode(join(folder, name)), "600", name);
  assert.deepEqual(await filesOf(folder), [`${list.live}.jwk`, "site.key", "state-00000001.json"].sort());
  const siteKey = await readSiteKey(folder);
  assert.equal(siteKey.length, 32);
  await assert.rejects(newKeys({ folder }, { now: testNow }), (error) => isError(error, "already-exists"));
  assert.deepEqual(await readSiteKey(folder), siteKey);
  assert.deepEqual(await listKeys(folder), list);
});

test("a key that others can read, a damaged one and a missing one are refused, with what to do", async (t) => {
  const { keys } = await newIssuer(t);
  const { live } = await listKeys(keys);
  const path = join(keys, `${live}.jwk`);
  await chmod(path, 0o640);
  await assert.rejects(
    openKeyring({ folder: keys }),
    (error) => bad(error) && isError(error) && error.hint === `Run: chmod 600 ${path}`,
  );
  await chmod(path, 0o600);
  await writeFile(path, (await readFile(path, "utf8")).slice(0, -20));
  await assert.rejects(openKeyring({ folder: keys }), bad);
  await unlink(path);
  await assert.rejects(openKeyring({ folder: keys }), bad);
  await chmod(join(keys, "site.key"), 0o604);
  await assert.rejects(readSiteKey(keys), bad);
  await assert.rejects(
    openKeyring({ folder: join(keys, "none") }),
    (error) => bad(error) && isError(error) && /keys new/.test(error.hint ?? ""),
  );
});

test("a site key of which a digit changed is refused; one of before, without a checksum, is taken", async (t) => {
  const { keys } = await newIssuer(t);
  const path = join(keys, "site.key");
  const whole = await readFile(path, "utf8");
  const siteKey = await readSiteKey(keys);
  for (let at = 0; at < whole.length - 1; at += 1) {
    await writeFile(path, whole.slice(0, at) + (whole[at] === "0" ? "1" : "0") + whole.slice(at + 1));
    await assert.rejects(readSiteKey(keys), (error) => bad(error) && isError(error) && error.hint !== undefined);
  }
  await writeFile(path, `${whole.slice(0, 64)}\n`);
  assert.deepEqual(await readSiteKey(keys), siteKey);
});

test("the private key may come from the environment, and then isn't written", async (t) => {
  const other = await newIssuer(t, "ES256");
  const environmentKey = await readFile(join(other.keys, `${other.keyring.live}.jwk`), "utf8");
  const folder = join(await temporaryFolder(t), "keys");
  await newKeys({ folder, environmentKey }, { now: testNow });
  assert.deepEqual(await filesOf(folder), ["site.key", "state-00000001.json"]);
  assert.equal((await openKeyring({ folder, environmentKey })).signer.kid, other.keyring.live);
  await assert.rejects(openKeyring({ folder }), bad);
  const stranger = await newIssuer(t);
  const wrong = await readFile(join(stranger.keys, `${stranger.keyring.live}.jwk`), "utf8");
  await assert.rejects(openKeyring({ folder, environmentKey: wrong }), bad);
  await assert.rejects(openKeyring({ folder: other.keys, environmentKey: wrong }), bad);
  const { signer } = await beginRotation({ folder, environmentKey }, { now: testNow });
  assert.notEqual(signer.kid, other.keyring.live);
  assert.equal(signer.alg, "ES256");
});

test("a new key is announced by the old one, takes over by itself, and no key is ever left out", async (t) => {
  let issuer = await newIssuer(t);
  await ensureAnnounced(issuer.store, undefined, { issuer: "CERT.br", keyring: issuer.keyring, now: testNow });
  await publish(issuer);
  const kids = [issuer.keyring.live];
  for (const hours of [1, 2]) {
    issuer = await rotate(issuer, later(hours));
    kids.push(issuer.keyring.live);
  }
  const chain = await readChain(issuer.store.under("partners/twcert"));
  assert.equal(chain.broken, undefined);
  const [a = "", b = "", c = ""] = kids;
  assert.deepEqual(
    chain.announcements.map(({ signedBy, said }) => [signedBy, said.live]),
    [
      [a, a],
      [a, b],
      [b, b],
      [b, c],
      [c, c],
    ],
  );
  assert.deepEqual(
    chain.announcements.map(({ said }) => said.tips?.map((tip) => tip.sequence)),
    [[], [1], [1], [1], [1]],
  );
  const last = chain.announcements.at(-1)?.said;
  assert.deepEqual(
    last?.keys.map((key) => [key.kid, key.retired_at]),
    [
      [a, "2026-11-16T07:00:00Z"],
      [b, "2026-11-16T08:00:00Z"],
      [c, undefined],
    ],
  );
  assert.equal((await readChain(issuer.store)).announcements[0]?.said.partner, undefined);
  const set = parseJwks((await publishedJwks(issuer.store)) ?? "");
  assert.deepEqual(set, await announcedKeys(issuer.store));
  assert.deepEqual(
    set.map((key) => key.kid),
    kids,
  );
  assert.equal(
    await ensureAnnounced(issuer.store, "twcert", { issuer: "CERT.br", keyring: issuer.keyring, now: later(9) }),
    0,
  );
});

test("a partner's announcements tell nothing of other partners", async (t) => {
  const issuer = await newIssuer(t);
  await publish(issuer);
  await publish(issuer, { partner: "jpcert" });
  await rotate(issuer, later(1));
  for (const [own, other] of [
    ["twcert", "jpcert"],
    ["jpcert", "twcert"],
  ]) {
    for await (const { key } of issuer.store.list(`partners/${own}/keys/`)) {
      const jws = JSON.parse(Buffer.from((await issuer.store.get(key)) ?? []).toString());
      const said = Buffer.from(jws.payload, "base64url").toString();
      assert.match(said, new RegExp(`"partner":"${own}"`));
      assert.doesNotMatch(said, new RegExp(`${other}`));
    }
  }
});

/** The private key an issuer had before, without the check that it is still live. */
async function oldSigner(keyring: Keyring, before: Issuer): Promise<Signer> {
  const signer = await keyring.signerOf(before.keyring.live);
  assert.ok(signer);
  return signer;
}

/** The store of an issuer that fails at its nth put, as a full disk or a killed process would. */
function failing(store: Store, puts: { left: number }): Store {
  return {
    ...store,
    putOnce: async (...put) => {
      if (puts.left === 0) throw new Error("killed");
      puts.left -= 1;
      return store.putOnce(...put);
    },
    under: (prefix) => failing(store.under(prefix), puts),
  };
}

async function provesEverything(t: TestContext, issuer: Issuer, pins: readonly string[]): Promise<void> {
  const set = (await publishedJwks(issuer.store)) ?? "";
  for (const trust of [set, ...pins]) {
    const report = await verify(issuer.store, { trust: readTrust(trust), now: later(20) });
    assert.deepEqual(report.feeds.flatMap((feed) => feed.problems).concat(report.problems), []);
    assert.ok(report.ok);
  }
  t.diagnostic(`proven under ${pins.length} pins`);
}

test("a rotation that fails at any put, and is run again, ends well: one new key, everything proven by any of the keys", async (t) => {
  let completed = false;
  for (let puts = 0; !completed; puts += 1) {
    const issuer = await newIssuer(t);
    const { keyring } = issuer;
    await ensureAnnounced(issuer.store, undefined, { issuer: "CERT.br", keyring, now: testNow });
    await publish(issuer);
    await publish(issuer, { partner: "jpcert", feed: "summary", files: [] });
    completed = await rotate(issuer, later(1), failing(issuer.store, { left: puts })).then(
      () => true,
      () => false,
    );
    const again = completed ? await openKeyring({ folder: issuer.keys }) : (await rotate(issuer, later(2))).keyring;
    assert.equal(again.keys.length, 2, `${puts} puts`);
    assert.equal(again.rotatingFrom === undefined || !completed, true);
    assert.equal((await listKeys(issuer.keys)).rotatingFrom, undefined);
    await provesEverything(t, issuer, [keyring.live, again.live]);
    await publish({ ...issuer, keyring: again }, { now: later(3) });
    await provesEverything(t, issuer, [keyring.live, again.live]);
    if (puts === 0) assert.equal(completed, false);
  }
});

test("keys new and keys rotate take up a private key that a killed process left", async (t) => {
  const folder = join(await temporaryFolder(t), "keys");
  const first = await newKeys({ folder }, { now: testNow });
  await rm(join(folder, "state-00000001.json"));
  // A process that is gone: no pid is that great.
  const orphan = temporaryPath(folder).replace(/-\d+-/, "-99999999-");
  await writeFile(orphan, "half");
  assert.deepEqual(await newKeys({ folder }, { now: testNow }), first);
  const other = await newIssuer(t);
  await copyFile(join(other.keys, `${other.keyring.live}.jwk`), join(folder, `${other.keyring.live}.jwk`));
  assert.equal((await beginRotation({ folder }, { now: testNow })).live, other.keyring.live);
  await assert.rejects(stat(orphan));
});

test("a rotation notes the end of its own, and of no other", async (t) => {
  const issuer = await newIssuer(t);
  const keyring = await beginRotation({ folder: issuer.keys }, { now: later(1) });
  await finishRotation(issuer.keys, issuer.keyring.live);
  assert.equal((await listKeys(issuer.keys)).rotatingFrom, issuer.keyring.live);
  await Promise.all([1, 2].map(() => finishRotation(issuer.keys, keyring.live)));
  assert.equal((await listKeys(issuer.keys)).rotatingFrom, undefined);
});

test("two rotations at once make one new key", async (t) => {
  const issuer = await newIssuer(t);
  await publish(issuer);
  const both = await Promise.allSettled([rotate(issuer, later(1)), rotate(issuer, later(1))]);
  for (const result of both) {
    if (result.status === "rejected") assert.ok(isError(result.reason, "already-exists"), String(result.reason));
  }
  assert.equal((await listKeys(issuer.keys)).keys.length, 2);
  assert.equal((await readChain(issuer.store.under("partners/twcert"))).broken, undefined);
});

test("a publisher announces a new key to a partner that the rotation didn't reach", async (t) => {
  const issuer = await newIssuer(t);
  await ensureAnnounced(issuer.store, undefined, { issuer: "CERT.br", keyring: issuer.keyring, now: testNow });
  await publish(issuer);
  const keyring = await beginRotation({ folder: issuer.keys }, { now: later(1) });
  await ensureAnnounced(issuer.store, undefined, { issuer: "CERT.br", keyring, now: later(2) });
  await publish({ ...issuer, keyring }, { now: later(2) });
  await provesEverything(t, { ...issuer, keyring }, []);
  const report = await verify(issuer.store, {
    trust: readTrust(issuer.keyring.live),
    now: later(3),
    partner: "twcert",
  });
  assert.deepEqual(report.feeds[0]?.kids.length, 2);
  assert.ok(report.ok);
});

test("nothing is signed on top of announcements that don't hold, or by a key that was retired", async (t) => {
  const issuer = await newIssuer(t);
  await publish(issuer);
  const rotated = await rotate(issuer, later(1));
  const now = later(2);
  await assert.rejects(
    ensureAnnounced(issuer.store, "twcert", { issuer: "CERT.br", keyring: issuer.keyring, now }),
    bad,
  );
  await assert.rejects(
    ensureAnnounced(issuer.store, "twcert", { issuer: "Other", keyring: rotated.keyring, now }),
    (error) => isError(error, "bad-argument"),
  );
  const { keyring: stranger } = await newIssuer(t);
  await assert.rejects(ensureAnnounced(issuer.store, "twcert", { issuer: "CERT.br", keyring: stranger, now }), bad);
  const path = join(issuer.root, "partners/twcert/keys/00000002.jws");
  await writeFile(path, (await readFile(path, "utf8")).replace('"signature":"', '"signature":"A'));
  await assert.rejects(
    ensureAnnounced(openDiskStore(issuer.root), "twcert", { issuer: "CERT.br", keyring: rotated.keyring, now }),
    (error) => isError(error, "verify-failed"),
  );
});

test("a manifest that a publisher still signed with the old key counts once its tip is announced", async (t) => {
  const issuer = await newIssuer(t);
  await publish(issuer);
  const { keyring } = await rotate(issuer, later(1));
  const place = issuer.store.under(feedPrefix("twcert", "spam-sources"));
  // A straggler: a process that opened its keys before the rotation and doesn't announce.
  const tip = await readTip(place, finder(keyring));
  assert.ok(tip);
  const next = {
    ...tip.manifest,
    sequence: 2,
    previous_sha256: tip.payloadSha256,
    revision: 1,
    supersedes: 1,
    published_at: "2026-11-16T09:00:00.000000Z",
  };
  await assert.rejects(append(place, next, issuer.keyring.signer), bad);
  await append(place, next, await oldSigner(keyring, issuer));
  const request = { trust: readTrust(jwks(keyring.keys)), now: later(5) };
  assert.deepEqual(
    (await verify(issuer.store, request)).feeds[0]?.problems.map((problem) => problem.code),
    ["retired-key"],
  );
  const pinned = await verify(issuer.store, { trust: readTrust(issuer.keyring.live), now: later(5) });
  assert.deepEqual(
    pinned.feeds[0]?.problems.map((problem) => problem.code),
    ["retired-key"],
  );
  assert.equal(await announceRotation(issuer.store, { issuer: "CERT.br", keyring, now: later(6) }), 1);
  assert.ok((await verify(issuer.store, request)).ok);
  assert.equal(await announceRotation(issuer.store, { issuer: "CERT.br", keyring, now: later(7) }), 0);
});

test("a chain of announcements is read as far as it holds, and what is wrong with the next is said", async (t) => {
  const issuer = await newIssuer(t);
  await publish(issuer);
  const { keyring } = await rotate(issuer, later(1));
  const place = issuer.store.under("partners/twcert");
  const [first, second, third] = (await readChain(place)).announcements;
  const [old, live] = [await oldSigner(keyring, issuer), await keyring.signerOf(keyring.live)];
  assert.ok(first && second && third && live);
  const [oldKey, liveKey] = third.said.keys;
  assert.ok(oldKey && liveKey);
  const cases: readonly [RegExp | undefined, Signer, object][] = [
    [undefined, live, {}],
    [/doesn't follow/, live, { previous_sha256: first.payloadSha256 }],
    [/doesn't follow/, live, { previous_sha256: null }],
    [/another number/, live, { n: 4 }],
    [/another issuer or partner/, live, { issuer: "Somebody" }],
    [/another issuer or partner/, live, { partner: "jpcert" }],
    [/leaves out or changes/, live, { keys: [liveKey] }],
    [/leaves out or changes/, live, { keys: [{ ...oldKey, from: "2020-01-01T00:00:00Z" }, liveKey] }],
    [/leaves out or changes/, live, { keys: [{ ...oldKey, retired_at: "2026-11-17T00:00:00Z" }, liveKey] }],
    [/isn't signed by the key that was live/, old, {}],
  ];
  for (const [broken, signer, change] of cases) {
    await issuer.store.delete("partners/twcert/keys/00000003.jws");
    const file = await signer.sign(encodeExact(announcementSchema, { ...third.said, ...change }), "spampots-keys+jws");
    await place.putOnce("keys/00000003.jws", file);
    const chain = await readChain(place);
    assert.equal(chain.announcements.length, broken ? 2 : 3);
    assert.match(chain.broken ?? "", broken ?? /^$/);
    const report = await verify(place, { trust: readTrust(jwks(keyring.keys)), now: later(3) });
    assert.equal(report.ok, broken === undefined);
    if (broken)
      assert.deepEqual(
        report.problems.map((problem) => problem.code),
        ["keys-broken"],
      );
  }
  await place.delete("keys/00000002.jws");
  assert.equal((await readChain(place)).broken, "Announcement 2 of keys is missing.");
  const contradictory = { ...third.said, live: oldKey.kid };
  assert.throws(() => encodeExact(announcementSchema, contradictory));
});

test("announcements that came damaged once are read again before anybody raises an alarm", async (t) => {
  const issuer = await newIssuer(t);
  await publish(issuer);
  const place = issuer.store.under("partners/twcert");
  for (const damage of [half, flipped]) {
    let left = 1;
    const ill: Store = {
      ...place,
      async open(key, ...rest) {
        const whole = await place.get(key);
        left -= 1;
        if (left < 0 || whole === undefined) return place.open(key, ...rest);
        const body = damage(whole);
        return {
          bytes: body.length,
          body: (async function* () {
            yield body;
          })(),
        };
      },
    };
    const chain = await readChain(ill);
    assert.deepEqual([left < 0, chain.broken, chain.announcements.length], [true, undefined, 1]);
  }
});

const half = (bytes: Uint8Array) => bytes.subarray(0, bytes.length >> 1);
const flipped = (bytes: Uint8Array) => bytes.map((byte, at) => (at === bytes.length >> 1 ? byte ^ 1 : byte));

test("an announcement that bears a trusted key's name counts only with that key's signature", async (t) => {
  const [issuer, stranger] = [await newIssuer(t), await newIssuer(t)];
  await publish(stranger);
  const place = stranger.store.under("partners/twcert");
  const jws = readJws((await place.get("keys/00000001.jws")) ?? new Uint8Array(), "spampots-keys+jws");
  const forged = await stranger.store.get("partners/twcert/keys/00000001.jws");
  assert.ok(forged);
  // Signed by the stranger's key over a header that names the issuer's.
  const secret = await importJWK(
    JSON.parse(await readFile(join(stranger.keys, `${stranger.keyring.live}.jwk`), "utf8")),
  );
  const header = { alg: "EdDSA", kid: issuer.keyring.live, typ: "spampots-keys+jws" };
  const {
    payload,
    protected: head,
    signature,
  } = await new FlattenedSign(jws.payload).setProtectedHeader(header).sign(secret);
  // And the other way round: the issuer's key is announced, and the signature is the stranger's.
  const said = {
    ...JSON.parse(Buffer.from(jws.payload).toString()),
    live: issuer.keyring.live,
    keys: issuer.keyring.keys,
  };
  const other = await new FlattenedSign(encodeExact(announcementSchema, said)).setProtectedHeader(header).sign(secret);
  for (const file of [
    { payload, protected: head, signature },
    { payload: other.payload, protected: other.protected, signature: other.signature },
  ]) {
    await stranger.store.delete("partners/twcert/keys/00000001.jws");
    await place.putOnce("keys/00000001.jws", Buffer.from(JSON.stringify(file)));
    assert.match((await readChain(place)).broken ?? "", /isn't signed by the key/);
    const report = await verify(place, { trust: readTrust(issuer.keyring.live), now: later(1) });
    assert.equal(report.ok, false);
    assert.deepEqual(report.proven, []);
  }
});

test("whoever holds a retired key can't change what was published under it", async (t) => {
  const issuer = await newIssuer(t);
  const first = await publish(issuer);
  const { keyring } = await rotate(issuer, later(1));
  await publish({ ...issuer, keyring }, { now: later(2) });
  await rm(join(issuer.root, "partners/twcert/spam-sources", logKey(1)));
  const place = issuer.store.under(feedPrefix("twcert", "spam-sources"));
  await append(place, { ...first, notes: ["Forged."] }, await oldSigner(keyring, issuer));
  const report = await verify(issuer.store, { trust: readTrust(jwks(keyring.keys)), now: later(3) });
  const found = report.feeds[0]?.problems.map((problem) => problem.code).sort();
  assert.deepEqual(found, ["chain", "cut-off", "retired-key"]);
});

test("a manifest that was put there under a key retired long ago is never announced as a tip", async (t) => {
  const issuer = await newIssuer(t);
  const first = await publish(issuer);
  const { keyring } = await rotate(await rotate(issuer, later(1)), later(2));
  const place = issuer.store.under(feedPrefix("twcert", "spam-sources"));
  const tip = await readTip(place, finder(keyring));
  assert.ok(tip);
  const forged = { ...first, sequence: 2, previous_sha256: tip.payloadSha256, revision: 1, supersedes: 1 };
  await append(place, { ...forged, published_at: "2026-11-16T09:00:00.000000Z" }, await oldSigner(keyring, issuer));
  await assert.rejects(readOwnTip(issuer.store, "twcert", "spam-sources", keyring), (error) =>
    isError(error, "verify-failed"),
  );
  await assert.rejects(rotate({ ...issuer, keyring }, later(4)), (error) => isError(error, "verify-failed"));
});
