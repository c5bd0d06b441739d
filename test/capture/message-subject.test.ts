/**
 * Subjects: golden vectors (bytes made by Python's codecs, one character a byte in `raw`), and laws.
 */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { openLanguages } from "../../src/capture/language.ts";
import { decodeSubject, maxSubject } from "../../src/capture/subject.ts";

/** One vector: `body` is the encoding of the body, where it matters. */
interface SubjectVector {
  readonly name: string;
  readonly raw: string;
  readonly body?: string;
  readonly subject: string;
}

const folder = join(import.meta.dirname, "../vectors/subject");
const { judge } = await openLanguages();

for (const file of readdirSync(folder).sort()) {
  const vectors: SubjectVector[] = JSON.parse(readFileSync(join(folder, file), "utf8"));
  for (const { name, raw, body, subject } of vectors) {
    test(`${file}: ${name}`, () => {
      assert.equal(decodeSubject(raw, body === undefined ? { judge } : { judge, near: body }) ?? "", subject);
    });
  }
}

/** Pieces from which headers go wrong. */
const piece = fc.constantFrom(
  "=?",
  "?=",
  "utf-8",
  "big5",
  "?b?",
  "?q?",
  "_",
  "=A4",
  "=0D=0A",
  "4pij",
  "\xa4\xa4",
  "\x1b$B",
  " ",
  "\t",
);

test("a subject is one line without control, bidirectional or invisible characters, of at most 500 code points", () => {
  const raw = fc.oneof(
    fc.string({ unit: "binary", maxLength: 2000 }).map((text) => Buffer.from(text).toString("latin1")),
    fc.array(fc.oneof(piece, fc.string({ maxLength: 5 })), { maxLength: 400 }).map((pieces) => pieces.join("")),
  );
  fc.assert(
    fc.property(raw, (text) => {
      const subject = decodeSubject(text, { judge }) ?? "";
      assert.doesNotMatch(subject, /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]|\s\s|^\s|\s$/u);
      assert.ok([...subject].length <= maxSubject);
      assert.ok(subject.isWellFormed());
    }),
    { numRuns: 300 },
  );
});

test("any text as encoded words of UTF-8, split anywhere, comes back", () => {
  const text = fc.string({ unit: fc.constantFrom(..."abcé台灣優惠発売광고Привет🎁"), minLength: 1, maxLength: 40 });
  fc.assert(
    fc.property(text, fc.array(fc.nat(80), { maxLength: 4 }), fc.constantFrom("b", "q"), (written, cuts, encoding) => {
      const bytes = Buffer.from(written);
      const places = [0, ...cuts.filter((cut) => cut < bytes.length).sort((a, b) => a - b), bytes.length];
      const words = places.slice(1).map((end, index) => encodedWord(bytes.subarray(places[index], end), encoding));
      assert.equal(decodeSubject(words.join("\r\n "), { judge }), written);
    }),
    { numRuns: 300 },
  );
});

function encodedWord(bytes: Buffer, encoding: string): string {
  const escaped = Array.from(bytes, (byte) => `=${byte.toString(16).padStart(2, "0").toUpperCase()}`).join("");
  return `=?utf-8?${encoding}?${encoding === "b" ? bytes.toString("base64") : escaped}?=`;
}

test("a subject of 10,000 letters is cut at a character", () => {
  const emoji = `=?utf-8?b?${Buffer.from("🎁".repeat(2000)).toString("base64")}?=`;
  assert.equal(decodeSubject(emoji, {}), "🎁".repeat(maxSubject));
  assert.equal(decodeSubject("a".repeat(10_000), {}), "a".repeat(maxSubject));
});
