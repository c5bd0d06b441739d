/** Verify: what is whole is proven; whatever is changed, removed or put in another place is found, and called by its name. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { copyFile, cp, mkdir, readdir, readFile, rename, rm, stat, unlink, writeFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { after, before, describe, test } from "node:test";
import { gunzipSync, gzipSync } from "node:zlib";
import fc from "fast-check";
import { isError } from "../../src/errors.ts";
import { dayMs } from "../../src/model.ts";
import { ensureAnnounced, publishedJwks } from "../../src/publication/announce.ts";
import { append, logKey, readTip } from "../../src/publication/log.ts";
import {
  artifactKey,
  encodeManifest,
  feedPrefix,
  type Manifest,
  microsecondInstant,
  payloadDigest,
} from "../../src/publication/manifest.ts";
import { readTrust } from "../../src/publication/trust.ts";
import { type VerifyRequest, verify } from "../../src/publication/verify.ts";
import { sayReport, type VerifyReport } from "../../src/publication/verify-report.ts";
import { openDiskStore } from "../../src/store/disk.ts";
import { temporaryFolder } from "../temporary-folder.ts";
import {
  csvFile,
  finder,
  type Issuer,
  later,
  newIssuer,
  publish,
  sha256,
  stixFile,
  testNow,
  withdrawal,
} from "./issuer.ts";

const twcert = "partners/twcert";
const sources = `${twcert}/spam-sources`;

/** Two partners, two feeds; of spam-sources a revision, and a week that was withdrawn. */
async function publishSmall(t: { after(work: () => unknown): void }): Promise<{ issuer: Issuer; trust: string }> {
  const issuer = await newIssuer(t);
  await ensureAnnounced(issuer.store, undefined, { issuer: "CERT.br", keyring: issuer.keyring, now: testNow });
  const gone = await publish(issuer, { weeksAgo: 2, files: [csvFile(2, "gone")] });
  await publish(issuer, { weeksAgo: 1, files: [csvFile(3), stixFile(4)] });
  await publish(issuer, { weeksAgo: 2, files: [], more: withdrawal([1]) });
  for (const artifact of gone.artifacts) await issuer.store.delete(`${sources}/${artifactKey(artifact)}`);
  await publish(issuer, { files: [csvFile(1, "c")] });
  await publish(issuer, { files: [csvFile(2, "c"), stixFile(2)] });
  await publish(issuer, {
    feed: "summary",
    files: [{ suffix: ".json", mediaType: "application/json", content: '{"a":1}' }],
  });
  await publish(issuer, { partner: "jpcert", files: [csvFile(0)] });
  return { issuer, trust: (await publishedJwks(issuer.store)) ?? "" };
}

async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .sort();
}

const words = (report: VerifyReport) =>
  [...report.problems, ...report.feeds.flatMap((feed) => feed.problems)].map((problem) => problem.code);
const notesOf = (report: VerifyReport) => [...report.notes, ...report.feeds.flatMap((feed) => feed.notes)];

describe("a small store", () => {
  const cleanups: (() => unknown)[] = [];
  let issuer: Issuer;
  let trust: string;
  /** A copy that a test may spoil. */
  let copy: string;
  before(async () => {
    ({ issuer, trust } = await publishSmall({ after: (work) => cleanups.push(work) }));
    copy = join(issuer.root, "..", "copy");
    await cp(issuer.root, copy, { recursive: true });
  });
  after(() => Promise.all(cleanups.map((work) => work())));

  const check = (folder: string, more: Partial<VerifyRequest> = {}) =>
    verify(openDiskStore(folder), { trust: readTrust(trust), now: later(1), ...more });

  test("is proven as a whole, for one partner and for one feed, by JWKS or thumbprint, and deeply", async () => {
    for (const more of [
      {},
      { deep: true },
      { trust: readTrust(issuer.keyring.live) },
      { trust: readTrust(`sha256:${issuer.keyring.live}`) },
    ]) {
      const whole = await check(issuer.root, more);
      assert.deepEqual(words(whole), []);
      assert.deepEqual(notesOf(whole), []);
      assert.deepEqual([whole.ok, whole.feeds.length], [true, 3]);
      const partner = await check(join(issuer.root, twcert), { ...more, partner: "twcert" });
      assert.deepEqual([partner.ok, partner.feeds.length], [true, 2], JSON.stringify(partner));
      const one = await check(issuer.root, { ...more, partner: "jpcert" });
      assert.deepEqual([one.ok, one.feeds.map((feed) => feed.place)], [true, ["partners/jpcert/spam-sources/"]]);
    }
    const feed = await check(join(issuer.root, sources), { deep: true });
    assert.ok(feed.ok);
    const [report] = feed.feeds;
    assert.deepEqual(report?.states, { sound: 5, expired: 0, withdrawn: 1, missing: 0, damaged: 0 });
    assert.deepEqual(
      [report?.tip, report?.publications, report?.partner, report?.feed],
      [5, 5, "twcert", "spam-sources"],
    );
    const tip = await readTip(issuer.store.under(sources), finder(issuer.keyring));
    assert.equal(report?.tipSha256, tip?.payloadSha256);
  });

  test("is reported in plain words", async () => {
    const said = sayReport(await check(join(issuer.root, twcert), { deep: true }));
    assert.match(said, /spam-sources for twcert: Publications 1 to 5 are all there, signed by CERT\.br/);
    assert.match(
      said,
      /5 files \(\d+ bytes\) have exactly the bytes that were signed, and unpacked the content, rows and objects/,
    );
    assert.match(said, /1 file was withdrawn, as a later publication says/);
    assert.match(said, /Nothing is wrong\.\n$/);
  });

  test("law: any byte that is changed in any file is noticed", async () => {
    const files = await filesBelow(copy);
    const sizes = await Promise.all(files.map(async (file) => (await stat(join(copy, file))).size));
    const full = files.flatMap((file, index) => ((sizes[index] ?? 0) > 0 ? [{ file, size: sizes[index] ?? 0 }] : []));
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...full),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        fc.integer({ min: 1, max: 255 }),
        async ({ file, size }, place, mask) => {
          const path = join(copy, file);
          const bytes = await readFile(path);
          const at = Math.floor(place * size);
          const changed = Uint8Array.from(bytes);
          changed[at] = (changed[at] ?? 0) ^ mask;
          await writeFile(path, changed);
          const report = await check(copy);
          await writeFile(path, bytes);
          assert.equal(report.ok, false, `${file} at ${at}`);
        },
      ),
      { numRuns: 150 },
    );
    assert.ok((await check(copy)).ok);
  });

  test("a signature of another payload, and a signature changed anywhere, don't hold", async () => {
    const [first, tip] = [join(copy, sources, logKey(1)), join(copy, sources, logKey(5))];
    const { signature } = JSON.parse(await readFile(first, "utf8"));
    const bytes = await readFile(tip, "utf8");
    const file = JSON.parse(bytes);
    const flipped = Buffer.from(file.signature, "base64url");
    flipped[40] = (flipped[40] ?? 0) ^ 1;
    for (const other of [signature, flipped.toString("base64url")]) {
      await writeFile(tip, JSON.stringify({ ...file, signature: other }));
      const report = await check(join(copy, sources));
      assert.deepEqual(words(report), ["signature"]);
      assert.equal(report.feeds[0]?.publications, 4);
    }
    await writeFile(tip, bytes);
  });

  test("law: any file that is cut short or grows is noticed", async () => {
    for (const file of await filesBelow(copy)) {
      const path = join(copy, file);
      const bytes = await readFile(path);
      for (const changed of [bytes.subarray(0, -1), Buffer.concat([bytes, Buffer.from("\n")]), Buffer.alloc(0)]) {
        await writeFile(path, changed);
        assert.equal((await check(copy)).ok, false, file);
      }
      await writeFile(path, bytes);
    }
  });

  test("law: any file that is removed is noticed, or what it leaves is stated", async () => {
    for (const file of await filesBelow(copy)) {
      await rename(join(copy, file), join(copy, "..", "aside"));
      const report = await check(copy);
      await mkdir(dirname(join(copy, file)), { recursive: true });
      await rename(join(copy, "..", "aside"), join(copy, file));
      if (!report.ok) continue;
      // What can't be told from the rest of the store alone: an only announcement, or the newest publication of a feed.
      const said = notesOf(report).join("\n");
      if (/\/?keys\/00000001\.jws$/.test(file)) assert.match(said, /keys\/ holds no announcement/, file);
      else {
        assert.match(file, /spam-sources\/log\/00000005\.jws$/, said);
        assert.match(said, /2 files under .* aren't named by any publication/, file);
      }
    }
  });

  test("law: any two files of a kind that are exchanged are noticed", async () => {
    const files = (await filesBelow(copy)).filter((file) => !file.startsWith("keys/"));
    const kinds = [/\/log\//, /\/artifacts\//, /\/keys\//].map((kind) => files.filter((file) => kind.test(file)));
    for (const [a, b] of kinds.flatMap((kind) =>
      kind.flatMap((one, i) => kind.slice(i + 1).map((other) => [one, other] as const)),
    )) {
      const [first, second] = [await readFile(join(copy, a)), await readFile(join(copy, b))];
      if (first.equals(second)) continue;
      await writeFile(join(copy, a), second);
      await writeFile(join(copy, b), first);
      assert.equal((await check(copy)).ok, false, `${a} and ${b}`);
      await writeFile(join(copy, a), first);
      await writeFile(join(copy, b), second);
    }
  });

  test("a tail that was cut off shows to who remembers, to who knows when the next was promised, and by what it leaves", async () => {
    const path = join(copy, sources, logKey(5));
    const bytes = await readFile(path);
    const place = join(copy, sources);
    const digest = (await check(place)).feeds[0]?.tipSha256 ?? "";
    assert.ok((await check(place, { after: [{ sequence: 5, sha256: digest }] })).ok);
    assert.ok((await check(place, { after: [{ sequence: 4 }] })).ok);
    assert.deepEqual(words(await check(place, { after: [{ sequence: 6 }] })), ["cut-off"]);
    assert.deepEqual(words(await check(place, { after: [{ sequence: 5, sha256: sha256("x") }] })), ["cut-off"]);
    assert.deepEqual(words(await check(place, { after: [{ sequence: 3, sha256: digest }] })), ["cut-off"]);
    await unlink(path);
    assert.deepEqual(words(await check(place, { after: [{ sequence: 5, sha256: digest }] })), ["cut-off"]);
    assert.deepEqual(words(await check(place, { now: testNow + 9 * dayMs })), ["silent"]);
    const report = await check(place);
    assert.ok(report.ok);
    assert.match(notesOf(report).join(), /2 files under this folder .* aren't named by any publication/);
    await writeFile(path, bytes);
    await assert.rejects(check(join(copy, twcert), { after: [{ sequence: 5 }] }), (error) =>
      isError(error, "bad-argument"),
    );
    assert.ok((await check(join(copy, twcert), { after: [{ feed: "spam-sources", sequence: 5, sha256: digest }] })).ok);
    assert.deepEqual(words(await check(join(copy, twcert), { after: [{ feed: "spam-urls", sequence: 1 }] })), [
      "cut-off",
    ]);
  });

  test("a stranger's key, a set without it, and no key at all prove nothing", async (t) => {
    const stranger = await newIssuer(t);
    const none = await check(issuer.root, { trust: readTrust(stranger.keyring.live) });
    assert.equal(none.ok, false);
    assert.deepEqual(none.proven, []);
    assert.deepEqual([...new Set(words(none))].sort(), ["keys-unproven", "retired-key"]);
    const feed = await check(join(issuer.root, sources), { trust: readTrust(stranger.keyring.live) });
    assert.deepEqual(words(feed), ["unknown-key"]);
    assert.match(notesOf(feed).join(), /give the JWK set/);
    assert.match(
      feed.feeds[0]?.problems[0]?.sentence ?? "",
      /^Publications 1 to 5 are signed by the key .{43}, which isn't known\.$/,
    );
    assert.deepEqual(words(await check(join(issuer.root, twcert), { partner: "jpcert" })), [
      "misplaced",
      ...Array(6).fill("misplaced"),
    ]);
  });

  test("announcements of keys prove nothing in a place that isn't theirs", async () => {
    const [own, partners] = ["keys/00000001.jws", `${twcert}/keys/00000001.jws`].map((path) => join(copy, path));
    assert.ok(own && partners);
    const [ofAll, ofPartner] = [await readFile(own), await readFile(partners)];
    await writeFile(own, ofPartner);
    const exchanged = await check(copy);
    assert.deepEqual(words(exchanged), ["misplaced"]);
    assert.equal(exchanged.problems[0]?.where, "keys/");
    await writeFile(own, ofAll);
    assert.ok((await check(copy)).ok);
    await writeFile(partners, ofAll);
    assert.deepEqual(words(await check(join(copy, twcert))), ["misplaced"]);
    await writeFile(partners, ofPartner);
    assert.ok((await check(join(copy, twcert))).ok);
  });

  test("expired, withdrawn and missing are told apart", async () => {
    const place = join(copy, sources);
    const names = await readdir(join(place, "artifacts"));
    const victim = names.find((name) => name.includes("2026-W45") && name.includes("csv")) ?? "";
    await rename(join(place, "artifacts", victim), join(copy, "..", "aside"));
    const missing = await check(place);
    assert.deepEqual(words(missing), ["missing"]);
    assert.equal(missing.feeds[0]?.problems[0]?.where, `artifacts/${victim}`);
    const later90 = await check(place, { now: testNow + 90 * dayMs });
    assert.deepEqual(words(later90), ["silent"]);
    assert.deepEqual(later90.feeds[0]?.states, { sound: 4, expired: 1, withdrawn: 1, missing: 0, damaged: 0 });
    await rename(join(copy, "..", "aside"), join(place, "artifacts", victim));
  });

  test("files that nothing names are noted, and change nothing", async () => {
    await writeFile(join(copy, sources, "artifacts", "0123456789abcdef-extra\u202etxt.csv"), "x");
    await writeFile(join(copy, sources, "README"), "x");
    const report = await check(copy);
    assert.ok(report.ok);
    assert.match(notesOf(report).join(), /2 files under partners\/twcert\/spam-sources\/ /);
    assert.doesNotMatch(sayReport(report), /\u202e/);
    await rm(join(copy, sources, "README"));
    await rm(join(copy, sources, "artifacts", "0123456789abcdef-extra\u202etxt.csv"));
  });

  test("an empty place is no proof", async (t) => {
    assert.deepEqual(words(await check(await temporaryFolder(t))), ["empty"]);
    assert.deepEqual(words(await check(issuer.root, { partner: "hkcert" })), ["empty"]);
    await mkdir(join(issuer.root, "..", "bare", "artifacts"), { recursive: true });
    await copyFile(join(issuer.root, sources, logKey(1)), join(issuer.root, "..", "bare", "artifacts", "x"));
    assert.deepEqual(words(await check(join(issuer.root, "..", "bare"))), ["empty"]);
  });
});

/** Publishes two good ones, then one with a fault that the issuer itself signed; gives the words of what is wrong. */
async function faulty(
  t: { after(work: () => unknown): void },
  change: (tip: Manifest, previous: string) => Partial<Manifest>,
  more: Partial<VerifyRequest> = {},
) {
  const issuer = await newIssuer(t);
  await publish(issuer, { weeksAgo: 1 });
  await publish(issuer);
  const place = issuer.store.under(feedPrefix("twcert", "spam-sources"));
  const tip = await readTip(place, finder(issuer.keyring));
  assert.ok(tip);
  const { manifest } = tip;
  const next = {
    ...manifest,
    sequence: 3,
    previous_sha256: tip.payloadSha256,
    revision: 1,
    supersedes: 2,
    published_at: microsecondInstant(later(1) * 1000),
  };
  await append(place, { ...next, ...change(manifest, tip.payloadSha256) }, issuer.keyring.signer);
  const report = await verify(issuer.store, { trust: readTrust(issuer.keyring.live), now: later(2), ...more });
  return words(report);
}

test("what the issuer signed, and contradicts itself over several publications, is found", async (t) => {
  const cases: readonly [string[], (tip: Manifest) => Partial<Manifest>, Partial<VerifyRequest>?][] = [
    [[], () => ({})],
    [["chain"], () => ({ previous_sha256: sha256("other") })],
    [["time"], (tip) => ({ published_at: tip.published_at })],
    [["revision"], () => ({ revision: 2 })],
    [["revision", "revision"], () => ({ supersedes: 1 })],
    [["revision"], () => ({ revision: 0, supersedes: null })],
    [["misplaced"], () => ({ feed: "spam-urls", artifacts: [] })],
    [["misplaced"], () => ({ partner: "jpcert" })],
    [["misplaced"], () => ({ issuer: "Somebody" })],
    [
      ["label"],
      (tip) => ({
        artifacts: tip.artifacts.map((artifact) => ({ ...artifact, name: artifact.name.replace("amber", "green") })),
      }),
    ],
    [["label", "label", "label"], () => ({}), { tlp: "GREEN" }],
    [[], () => ({}), { tlp: "AMBER" }],
  ];
  for (const [expected, change, more] of cases) {
    const found = await faulty(t, change, more ?? {});
    const named = found.filter((word) => word !== "missing");
    assert.ok(
      expected.every((word) => named.includes(word as never)) && named.every((word) => expected.includes(word)),
      `${change} ${found}`,
    );
  }
});

test("a file whose name states a stricter label, or that two manifests name, is found or counted once", async (t) => {
  const stricter = { ...csvFile(1), suffix: "-strict.csv.gz" };
  const issuer = await newIssuer(t);
  await publish(issuer, { files: [stricter] });
  const request = { trust: readTrust(issuer.keyring.live), now: later(1) };
  assert.deepEqual(words(await verify(issuer.store, request)), ["label"]);
  const same = await newIssuer(t);
  await publish(same);
  await publish(same);
  const [feed] = (await verify(same.store, { ...request, trust: readTrust(same.keyring.live) })).feeds;
  assert.deepEqual([feed?.tip, feed?.states.sound, feed?.problemCount], [2, 1, 0]);
});

test("a withdrawal that leaves out a publication of its period, or names one of another, is found", async (t) => {
  assert.deepEqual(await faulty(t, () => ({ ...withdrawal([2]), artifacts: [] })), []);
  assert.deepEqual([...new Set(await faulty(t, () => ({ ...withdrawal([1]), artifacts: [] })))], ["revision"]);
  assert.deepEqual(await faulty(t, () => ({ ...withdrawal([1, 2]), artifacts: [] })), ["revision"]);
  const issuer = await newIssuer(t);
  await publish(issuer, { files: [] });
  await publish(issuer, { files: [] });
  await publish(issuer, { files: [], more: withdrawal([2]) });
  const report = await verify(issuer.store, { trust: readTrust(issuer.keyring.live), now: later(1) });
  const found = report.feeds.flatMap((feed) => feed.problems.map((problem) => problem.sentence));
  assert.deepEqual(found, ["Publication 3 withdraws the period and doesn't name this one."]);
});

test("deep: rows, objects, sizes and digests of the content are counted, and bombs are stopped", async (t) => {
  const content = csvFile(3);
  const lie = (facts: object) => [{ ...content, facts: { rows: 3, ...facts } }];
  const large = `a\r\n${randomBytes(2_000_000).toString("hex")}\r\n`;
  const cases: readonly [RegExp | undefined, Parameters<typeof publish>[1]][] = [
    [
      /unpacks to more than the 1000 bytes/,
      { files: [{ ...content, content: large, facts: { rows: 1, content_bytes: 1000 } }] },
    ],
    [undefined, { files: lie({}) }],
    [/has 3 rows, not the 4/, { files: lie({ rows: 4 }) }],
    [/doesn't unpack to the content/, { files: lie({ content_sha256: sha256("x") }) }],
    [/doesn't unpack to the content/, { files: lie({ content_bytes: 10_000 }) }],
    [/unpacks to more than the 10 bytes/, { files: lie({ content_bytes: 10 }) }],
    [/has 2 objects, not the 3/, { files: [{ ...stixFile(2), facts: { objects: 3 } }] }],
    [
      /is no STIX bundle/,
      { files: [{ ...stixFile(2), content: '{"type":"other","objects":[]}', facts: { objects: 0 } }] },
    ],
    [/is no STIX bundle/, { files: [{ ...stixFile(2), content: "{", facts: { objects: 0 } }] }],
    [/ends inside quotes/, { files: [{ ...content, content: 'a\r\n"b\r\n', facts: { rows: 1 } }] }],
    [/doesn't end with a line break/, { files: [{ ...content, content: "a\r\nb", facts: { rows: 1 } }] }],
    [undefined, { files: [{ ...content, suffix: ".csv", facts: { rows: 3 } }] }],
  ];
  for (const [fault, request] of cases) {
    const issuer = await newIssuer(t);
    await publish(issuer, request);
    const shallow = await verify(issuer.store, { trust: readTrust(issuer.keyring.live), now: later(1) });
    assert.ok(shallow.ok);
    const deep = await verify(issuer.store, { trust: readTrust(issuer.keyring.live), now: later(1), deep: true });
    const sentences = deep.feeds.flatMap((feed) => feed.problems.map((problem) => problem.sentence));
    if (fault === undefined) assert.deepEqual(sentences, []);
    else {
      assert.equal(sentences.length, 1);
      assert.match(sentences[0] ?? "", fault);
    }
  }
});

test("deep: a compressed file that is damaged is called damaged by its digest", async (t) => {
  const issuer = await newIssuer(t);
  const [artifact] = (
    await publish(issuer, { files: [{ ...csvFile(1), content: `a\r\n${randomBytes(2_000_000).toString("hex")}\r\n` }] })
  ).artifacts;
  assert.ok(artifact);
  const path = join(issuer.root, sources, artifactKey(artifact));
  const bytes = await readFile(path);
  bytes[20] = (bytes[20] ?? 0) ^ 255;
  await writeFile(path, bytes);
  const report = await verify(issuer.store, { trust: readTrust(issuer.keyring.live), now: later(1), deep: true });
  assert.match(report.feeds[0]?.problems[0]?.sentence ?? "", /doesn't have the SHA-256 that was signed/);
});

test("law: rows are counted as RFC 4180 has them, however the stream is cut", async (t) => {
  const { checkArtifact } = await import("../../src/publication/artifact-check.ts");
  const cell = fc.string({ unit: fc.constantFrom("a", '"', ",", "\r\n", "\n", "é"), maxLength: 6 });
  const folder = await temporaryFolder(t);
  assert.ok(folder);
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(cell, cell), { maxLength: 20 }),
      fc.integer({ min: 1, max: 7 }),
      async (rows, step) => {
        const quoted = (value: string) => `"${value.replaceAll('"', '""')}"`;
        const content = Buffer.from(`a,b\r\n${rows.map(([a, b]) => `${quoted(a)},${quoted(b)}\r\n`).join("")}`);
        const file = gzipSync(content);
        assert.deepEqual(gunzipSync(file), content);
        const artifact = {
          name: "x.csv.gz",
          media_type: "text/csv",
          content_encoding: "gzip",
          bytes: file.length,
          sha256: sha256(file),
          content_bytes: content.length,
          content_sha256: sha256(content),
          rows: rows.length,
        } as const;
        async function* body() {
          for (let at = 0; at < file.length; at += step) yield file.subarray(at, at + step);
        }
        const store = { ...openDiskStore(folder), open: async () => ({ bytes: file.length, body: body() }) };
        assert.deepEqual(await checkArtifact(store, artifact, { deep: true }), { absent: false, faults: [] });
      },
    ),
    { numRuns: 50 },
  );
});

test("a long log is verified, and the first gap in them is named", async (t) => {
  const issuer = await newIssuer(t);
  await publish(issuer, { weeksAgo: 1200, files: [] });
  const place = issuer.store.under(feedPrefix("twcert", "spam-sources"));
  let tip = await readTip(place, finder(issuer.keyring));
  assert.ok(tip);
  for (let sequence = 2; sequence <= 300; sequence += 1) {
    const id = `${2030 + Math.floor(sequence / 50)}-W${String((sequence % 50) + 1).padStart(2, "0")}`;
    const period = { ...tip.manifest.period, id };
    const published_at = microsecondInstant(testNow * 1000 + sequence);
    const manifest: Manifest = { ...tip.manifest, sequence, period, previous_sha256: tip.payloadSha256, published_at };
    await append(place, manifest, issuer.keyring.signer);
    tip = { manifest, payloadSha256: payloadDigest(encodeManifest(manifest)), kid: tip.kid };
  }
  const request = { trust: readTrust(issuer.keyring.live), now: later(1) };
  let steps = 0;
  const report = await verify(issuer.store, { ...request, onProgress: () => (steps += 1) });
  assert.deepEqual(
    [report.ok, report.feeds[0]?.tip, steps],
    [true, 300, 300],
    JSON.stringify(report.feeds[0]?.problems.slice(0, 3)),
  );
  for (const sequence of [150, 151]) await rm(join(issuer.root, sources, logKey(sequence)));
  const gap = await verify(issuer.store, request);
  assert.deepEqual(
    gap.feeds[0]?.problems.map((problem) => problem.sentence),
    ["Publications 150 to 151 are missing from the log."],
  );
});

test("feeds are reported in the order of their names, however many there are and whichever is read first", async (t) => {
  const root = await temporaryFolder(t);
  const feeds = Array.from({ length: 230 }, (_, number) => `feed-${String(number).padStart(3, "0")}`);
  for (const [number, feed] of feeds.entries()) {
    await mkdir(join(root, feed, "artifacts"), { recursive: true });
    await writeFile(join(root, feed, "artifacts", "0123456789abcdef-x.csv"), "x".repeat((number * 7) % 31));
  }
  for (const deep of [false, true]) {
    const report = await verify(openDiskStore(root), { trust: readTrust("A".repeat(43)), now: later(0), deep });
    assert.deepEqual(
      report.feeds.map(({ place, tip }) => [place, tip]),
      feeds.map((feed) => [`${feed}/`, 0]),
    );
  }
});
