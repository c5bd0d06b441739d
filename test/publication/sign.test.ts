/** Signatures: strict form, pinned algorithm, reproducible Ed25519, verified by openssl, and Wycheproof's vectors. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { exportJWK, generateKeyPair } from "jose";
import { isError } from "../../src/errors.ts";
import { parseJwks, publicKeyOf, thumbprint } from "../../src/publication/jwk.ts";
import { decodeBase64url, holds, openJws, openSigner, readJws } from "../../src/publication/sign.ts";
import { temporaryFolder } from "../temporary-folder.ts";

const typ = "spampots-manifest+jws";
const payload = new TextEncoder().encode('{"v":1}');

/** RFC 8037 appendix A.1: the key of all its examples, and its thumbprint in A.3. */
const rfc8037 = {
  kty: "OKP",
  crv: "Ed25519",
  d: "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
  x: "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
};

async function newPrivate(alg: "EdDSA" | "ES256"): Promise<Record<string, unknown>> {
  const pair = await generateKeyPair(alg, { extractable: true });
  return { ...(await exportJWK(pair.privateKey)) };
}

async function newPair(alg: "EdDSA" | "ES256") {
  const signer = await openSigner(await newPrivate(alg));
  return { signer, keyOf: (kid: string) => (kid === signer.kid ? signer.key : undefined) };
}

const refused = (reason: RegExp) => (error: unknown) => isError(error, "verify-failed") && reason.test(error.message);

/** A signed file with other parts, spelled as ours. */
function respell(file: Uint8Array, change: (parts: Record<string, string>) => unknown): Uint8Array {
  const parts = JSON.parse(Buffer.from(file).toString());
  return Buffer.from(JSON.stringify(change(parts)));
}
const header = (value: unknown) =>
  Buffer.from(typeof value === "string" ? value : JSON.stringify(value)).toString("base64url");

test("thumbprints are those of RFC 8037 A.3 and RFC 7638", () => {
  assert.equal(thumbprint(rfc8037), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
  const { d: _, ...open } = rfc8037;
  assert.equal(publicKeyOf(open).kid, "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
});

test("what was signed is what is read, by either algorithm, whatever the bytes", async () => {
  for (const alg of ["EdDSA", "ES256"] as const) {
    const { signer, keyOf } = await newPair(alg);
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 2000 }), async (bytes) => {
        const opened = await openJws(await signer.sign(bytes, typ), typ, keyOf);
        assert.deepEqual(Buffer.from(opened.payload), Buffer.from(bytes));
        assert.equal(opened.kid, signer.kid);
      }),
      { numRuns: 20 },
    );
  }
});

test("an Ed25519 signature is the same each time", async () => {
  const signer = await openSigner(rfc8037);
  assert.deepEqual(await signer.sign(payload, typ), await signer.sign(payload, typ));
  const { header: _, ...file } = JSON.parse(Buffer.from(await signer.sign(payload, typ)).toString());
  assert.deepEqual(Object.keys(file), ["payload", "protected", "signature"]);
  assert.equal(
    Buffer.from(file.protected, "base64url").toString(),
    '{"alg":"EdDSA","kid":"kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k","typ":"spampots-manifest+jws"}',
  );
});

test("any bit of a signed file that is flipped is noticed", async () => {
  for (const alg of ["EdDSA", "ES256"] as const) {
    const { signer, keyOf } = await newPair(alg);
    const file = await signer.sign(payload, typ);
    for (let bit = 0; bit < file.length * 8; bit += 1) {
      const changed = Uint8Array.from(file);
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      await assert.rejects(openJws(changed, typ, keyOf), refused(/./), `bit ${bit}`);
    }
  }
});

test("every other spelling of a signed file is refused before a key is looked at", async () => {
  const { signer } = await newPair("EdDSA");
  const file = await signer.sign(payload, typ);
  const { alg, kid } = signer;
  const ours = { alg, kid, typ };
  const text = Buffer.from(file).toString();
  const cases: Record<string, Uint8Array> = {
    "white space": Buffer.from(`${text}\n`),
    "another order": respell(file, ({ payload, protected: p, signature }) => ({ protected: p, payload, signature })),
    "a repeated member": Buffer.from(text.replace('{"payload"', '{"payload":"","payload"')),
    "an unprotected header": respell(file, (parts) => ({ ...parts, header: {} })),
    "several signatures": respell(file, ({ payload, ...rest }) => ({ payload, signatures: [rest] })),
    "compact serialization": Buffer.from(Object.values(JSON.parse(text)).join(".")),
    "a byte order mark": Buffer.from(`\ufeff${text}`),
    "bytes that aren't UTF-8": Buffer.concat([Buffer.from([0xff]), file]),
    padding: respell(file, (parts) => ({ ...parts, signature: `${parts.signature}==` })),
    "the base64 alphabet": respell(file, (parts) => ({ ...parts, payload: `${parts.payload}+/` })),
    "stray bits": respell(file, (parts) => ({ ...parts, signature: `${parts.signature?.slice(0, -1)}B` })),
    "a repeated header member": respell(file, (parts) => ({
      ...parts,
      protected: header(`{"alg":"none",${JSON.stringify(ours).slice(1)}`),
    })),
    crit: respell(file, (parts) => ({ ...parts, protected: header({ ...ours, crit: ["b64"], b64: false }) })),
    "an embedded key": respell(file, (parts) => ({ ...parts, protected: header({ ...ours, jwk: signer.key }) })),
    "no typ": respell(file, (parts) => ({ ...parts, protected: header({ alg, kid }) })),
    "alg none": respell(file, (parts) => ({ ...parts, protected: header({ ...ours, alg: "none" }) })),
    "alg Ed25519": respell(file, (parts) => ({ ...parts, protected: header({ ...ours, alg: "Ed25519" }) })),
    nothing: new Uint8Array(),
  };
  for (const [name, changed] of Object.entries(cases)) assert.throws(() => readJws(changed, typ), refused(/./), name);
});

test("a signature for one use isn't taken for another, nor one of another key or algorithm", async () => {
  const [one, other, curve] = [await newPair("EdDSA"), await newPair("EdDSA"), await newPair("ES256")];
  const file = await one.signer.sign(payload, "spampots-keys+jws");
  assert.throws(() => readJws(file, typ), refused(/another use/));
  const signed = await one.signer.sign(payload, typ);
  await assert.rejects(openJws(signed, typ, other.keyOf), refused(/isn't known/));
  await assert.rejects(
    openJws(signed, typ, () => other.signer.key),
    refused(/doesn't hold/),
  );
  await assert.rejects(
    openJws(signed, typ, () => curve.signer.key),
    refused(/doesn't hold/),
  );
});

test("keys that are private, foreign, misnamed or torn apart are refused", async () => {
  const { d: _, ...open } = rfc8037;
  const bad = (key: unknown) =>
    assert.throws(
      () => publicKeyOf(key),
      (error) => isError(error, "bad-key"),
    );
  bad(rfc8037);
  bad({ ...open, use: "enc" });
  bad({ ...open, key_ops: ["encrypt"] });
  bad({ ...open, kid: "mine" });
  bad({ ...open, x: `${open.x.slice(0, -1)}p` });
  bad({ ...open, alg: "ES256" });
  bad({ kty: "oct", k: "AAAA" });
  bad({ kty: "RSA", n: "AQ", e: "AQAB" });
  assert.throws(
    () => parseJwks('{"keys":[]}'),
    (error) => isError(error, "bad-key"),
  );
  for (const alg of ["EdDSA", "ES256"] as const) {
    const [one, other] = [await newPrivate(alg), await newPrivate(alg)];
    await assert.rejects(openSigner({ ...one, d: other.d }), (error) => isError(error, "bad-key"));
  }
  await assert.rejects(openSigner(open), (error) => isError(error, "bad-key"));
});

test("an error about a private key doesn't quote it", async () => {
  for (const broken of [
    `{"d":"${rfc8037.d}"`,
    JSON.stringify({ ...rfc8037, kty: "EC" }),
    JSON.stringify({ keys: [rfc8037] }),
  ]) {
    try {
      parseJwks(broken);
      assert.fail();
    } catch (error) {
      assert.ok(isError(error, "bad-key"));
      assert.doesNotMatch(JSON.stringify([error.message, error.facts, error.hint, String(error.cause)]), /nWGxne/);
    }
  }
});

test("openssl verifies our Ed25519 and ES256 signatures", async (t) => {
  const folder = await temporaryFolder(t);
  const at = (name: string) => join(folder, name);
  for (const alg of ["EdDSA", "ES256"] as const) {
    const { signer } = await newPair(alg);
    const jws = readJws(await signer.sign(payload, typ), typ);
    await writeFile(at("key.pem"), publicPem(signer.key));
    await writeFile(at("input"), `${jws.parts.protected}.${jws.parts.payload}`);
    const signature = Buffer.from(jws.parts.signature, "base64url");
    await writeFile(at("signature"), alg === "EdDSA" ? signature : derOf(signature));
    const raw = alg === "EdDSA" ? ["-rawin"] : ["-rawin", "-digest", "sha256"];
    const args = [
      "pkeyutl",
      "-verify",
      "-pubin",
      "-inkey",
      at("key.pem"),
      ...raw,
      "-in",
      at("input"),
      "-sigfile",
      at("signature"),
    ];
    assert.match(execFileSync("openssl", args).toString(), /Verified Successfully/);
    await writeFile(at("input"), `${jws.parts.protected}.${jws.parts.payload}A`);
    assert.throws(() => execFileSync("openssl", args, { stdio: "pipe" }));
  }
});

/** SubjectPublicKeyInfo (RFC 8410, RFC 5480): a constant head and the key's bytes. */
function publicPem(key: { readonly kty: string; readonly x: string; readonly y?: string }): string {
  const bytes = Buffer.from(key.x, "base64url");
  const der =
    key.y === undefined
      ? Buffer.concat([Buffer.from("302a300506032b6570032100", "hex"), bytes])
      : Buffer.concat([
          Buffer.from("3059301306072a8648ce3d020106082a8648ce3d030107034200", "hex"),
          Buffer.from([4]),
          bytes,
          Buffer.from(key.y, "base64url"),
        ]);
  return `-----BEGIN PUBLIC KEY-----\n${der.toString("base64")}\n-----END PUBLIC KEY-----\n`;
}

/** ECDSA-Sig-Value of the two halves (RFC 3279 §2.2.3). */
function derOf(signature: Buffer): Buffer {
  const integer = (half: Buffer) => {
    const lean = Buffer.from(half.toString("hex").replace(/^(00)+/, ""), "hex");
    const body = (lean[0] ?? 0) > 127 ? Buffer.concat([Buffer.from([0]), lean]) : lean;
    return Buffer.concat([Buffer.from([2, body.length]), body]);
  };
  const body = Buffer.concat([integer(signature.subarray(0, 32)), integer(signature.subarray(32))]);
  return Buffer.concat([Buffer.from([0x30, body.length]), body]);
}

interface VectorGroup {
  readonly comment: string;
  readonly public?: Record<string, string>;
  readonly private?: Record<string, string>;
  readonly tests: readonly {
    readonly tcId: number;
    readonly result: string;
    readonly comment: string;
    readonly jws: unknown;
  }[];
}

const vectorFile = join(import.meta.dirname, "../../../shared/data/wycheproof/json_web_signature_test.json");
const skip = existsSync(vectorFile) ? false : "../shared/data/wycheproof isn't there";

test("Wycheproof: P-256 signatures hold exactly where they should, and keys for encryption aren't taken", {
  skip,
}, async () => {
  const groups: readonly VectorGroup[] = JSON.parse(readFileSync(vectorFile, "utf8")).testGroups;
  let run = 0;
  for (const group of groups.filter((entry) => entry.public?.crv === "P-256")) {
    const { kid: _, ...jwk } = group.public ?? {};
    for (const { tcId, result, comment, jws } of group.tests) {
      assert.ok(typeof jws === "string");
      const [head = "", body = "", signature = "", ...more] = jws.split(".");
      const taken = async () =>
        more.length === 0 && (await holds({ protected: head, payload: body, signature }, publicKeyOf(jwk)));
      const answer = await taken().catch((error) => (isError(error, "bad-key") ? false : Promise.reject(error)));
      assert.equal(answer, result === "valid", `${group.comment} ${tcId} ${comment}`);
      run += 1;
    }
  }
  assert.equal(run, 41);
});

test("Wycheproof: base64url is read strictly", { skip }, () => {
  const groups: readonly VectorGroup[] = JSON.parse(readFileSync(vectorFile, "utf8")).testGroups;
  const tests = groups.filter((group) => group.comment === "base64").flatMap((group) => group.tests);
  // Those whose name says that a text has a foreign character, white space or unused bits; RFC 7515 §2 allows none.
  const foreign = tests.filter(
    ({ comment }) => /Invalid|invalidCh|Spaces|spaces|UnusedBits/.test(comment) && !/Padding|JsonHeader/.test(comment),
  );
  assert.equal(foreign.length, 13);
  for (const { tcId, comment, jws } of foreign) {
    assert.ok(typeof jws === "string");
    assert.ok(
      jws.split(".").some((part) => decodeBase64url(part) === undefined),
      `${tcId} ${comment}`,
    );
  }
});
