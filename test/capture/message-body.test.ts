/**
 * The normalised body: equal for a campaign's copies, different for different texts.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { bodyDigest, normaliseBody } from "../../src/capture/body.ts";

test("copies of one campaign are one text", () => {
  const copies = [
    "Dear alice@example.com,\r\nBUY now: http://shop.example/deal?id=77aa&u=alice\r\n\r\nOrder 12345-AB12, 2006/07/28",
    "dear bob.smith@mail.example.org,\nBuy   NOW: http://shop.example/deal?id=31c9&u=bob#top\n\nOrder 999-ZX90, 2006/11/02",
    "Dear\u200b c@x.y,\tbuy now: http://shop.example/deal Order 7-q1w2, 1999/1/1",
  ];
  const normal = "dear @ buy now: http://shop.example/deal order 0-0, 0/0/0";
  assert.deepEqual(copies.map(normaliseBody), [normal, normal, normal]);
});

test("Chinese around an address or a number stays", () => {
  assert.equal(normaliseBody("請寄foo@example.com訂購，電話02-12345678　謝謝"), "請寄@訂購，電話0-0 謝謝");
});

/** What the first release's digests were made of: other words would make revisions of all that was published. */
const kept: Readonly<Record<string, string>> = {
  "www.shop.tw/a1?q=2#3": "www.shop.tw/0",
  "see:http://a.b/x?y#z?": "see:http://a.b/x",
  "www.#://?a1": "www.#://",
  "a1b?c2 #3 x:y 4//5": "0?0 #0 x:y 0//0",
  "@ @a a@ a@b": "@ @a a@ @",
  "a\u0080b\u00a0c\u00a1d\u2009e\u200ff\u2010g\u2028h\u2029i\u3000j\u3001k\u007fl\u0000m":
    "a b c\u00a1d ef\u2010g h i j\u3001k l m",
  "é9中8 \ud800x": "é0中0 \ufffdx",
};

test("each step comes to the same words as ever", () => {
  for (const [text, normal] of Object.entries(kept)) assert.equal(normaliseBody(text), normal, JSON.stringify(text));
});

test("time grows with the text, not with its words", () => {
  const took = (words: number) => {
    const text = "a1 ".repeat(words);
    const { user } = process.threadCpuUsage();
    normaliseBody(text);
    return process.threadCpuUsage().user - user;
  };
  took(10_000);
  // Quadratic it would be 900 times as much.
  assert.ok(took(300_000) < 300 * Math.max(took(10_000), 1000));
});

test("different texts are different, and so are words that only look alike", () => {
  const texts = ["buy now", "buy not", "buy now!", "buynow", "http://a.example/x", "http://a.example/y", "", "0", "@"];
  assert.equal(new Set(texts.map(normaliseBody)).size, texts.length);
});

test("a body that shows nothing is told by its links, then by its attachments", () => {
  const digests = [
    bodyDigest("buy", ["http://a.example/x"], []),
    bodyDigest("", ["http://a.example/x"], ["aa"]),
    bodyDigest("", ["http://b.example/x"], ["aa"]),
    bodyDigest("", [], ["aa"]),
    bodyDigest("", [], []),
  ];
  assert.equal(new Set(digests).size, digests.length);
  assert.equal(bodyDigest("", ["http://a.example/1"], ["bb"]), bodyDigest("", ["http://a.example/2"], ["cc"]));
  for (const digest of digests) assert.match(digest, /^[0-9a-f]{64}$/);
});

test("normalising is idempotent and doesn't see case, line breaks and numbers", () => {
  const text = fc.string({
    unit: fc.oneof(fc.constantFrom(..."aB1 \n@.?#:/點é\u00ad"), fc.string({ minLength: 1, maxLength: 1 })),
    maxLength: 80,
  });
  fc.assert(
    fc.property(text, (written) => {
      const normal = normaliseBody(written);
      assert.equal(normaliseBody(normal), normal);
      assert.equal(normaliseBody(written.replaceAll(" ", " \r\n\t")), normal);
      assert.equal(normaliseBody(written.replaceAll("1", "2345")), normal);
    }),
    { numRuns: 500 },
  );
});
