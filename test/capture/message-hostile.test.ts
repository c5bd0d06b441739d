/**
 * Messages made to break parsers: facts in bounded time, nothing thrown, nothing raw. A test that hangs fails by its
 * timeout; the sizes are such that anything worse than linear does hang.
 */
import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import fc from "fast-check";
import { createMessageParser, type MessageParser } from "../../src/capture/message.ts";
import type { MessageFacts } from "../../src/model.ts";
import { readCharsetMessages, readCorpus } from "./message-corpora.ts";

const mebibyte = 1 << 20;

/** Some seconds where a linear parser takes well below one. */
const timeout = 30_000;

let parser: MessageParser;
before(async () => {
  parser = await createMessageParser({ hits: () => false, cacheEntries: 10 });
});

/** What holds for the facts of any message. */
function assertSafe(facts: MessageFacts): void {
  const texts = [
    facts.subject,
    facts.charset,
    facts.language,
    facts.transferEncoding,
    facts.mimeLayout,
    facts.parseError,
  ];
  for (const text of [...texts, ...facts.urls, ...facts.attachments.map(({ type }) => type)]) {
    if (text === undefined) continue;
    assert.doesNotMatch(text, /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
    assert.ok(text.isWellFormed());
    assert.notEqual(text, "");
  }
  assert.ok([...(facts.subject ?? "")].length <= 500);
  assert.ok((facts.mimeLayout ?? "").length <= 200);
  assert.ok((facts.charset ?? "").length <= 40 && (facts.transferEncoding ?? "").length <= 40);
  assert.match(facts.language ?? "en", /^[a-z]{2}$/);
  assert.ok(facts.urls.length <= 100 && facts.attachments.length <= 100);
  for (const url of facts.urls) assert.ok(url.length <= 2000 && /^https?:\/\/[!-~]+$/.test(url));
  for (const { type, bytes, sha256 } of facts.attachments) {
    assert.ok(type.length <= 100 && bytes >= 0 && /^[0-9a-f]{64}$/.test(sha256));
  }
  assert.match(facts.bodySha256, /^[0-9a-f]{64}$/);
  assert.match(facts.messageSha256, /^[0-9a-f]{64}$/);
  assert.notEqual(facts.parseError, "mime-failed");
}

const head = (type: string, more = ""): string => `Subject: hostile\r\nContent-Type: ${type}\r\n${more}\r\n`;
const filled = (start: string, repeated: string, size: number, end = ""): Buffer =>
  Buffer.concat([Buffer.from(start, "latin1"), Buffer.alloc(size, repeated, "latin1"), Buffer.from(end, "latin1")]);

const html = head("text/html");
const plainText = head("text/plain");
const base64 = head("text/plain", "Content-Transfer-Encoding: base64\r\n");
const quotedPrintable = head("text/plain", "Content-Transfer-Encoding: quoted-printable\r\n");
const multipart = head("multipart/mixed; boundary=b");
const nest = (count: number): string =>
  Array.from(
    { length: count },
    (_, depth) => `Content-Type: multipart/mixed; boundary=bb${depth}\r\n\r\n--bb${depth}\r\n`,
  ).join("");

/** Each message, and what of its facts is asserted besides {@link assertSafe}. */
const cases: Readonly<Record<string, readonly [Buffer, Partial<MessageFacts>]>> = {
  nothing: [Buffer.alloc(0), { messageBytes: 0 }],
  "one line feed": [Buffer.from("\n"), {}],
  "only line ends": [Buffer.alloc(mebibyte, "\r\n"), {}],
  "32 MB of NUL": [Buffer.alloc(32 * mebibyte), {}],
  "bytes from 0 to 255": [Buffer.from(Uint8Array.from({ length: 256 }, (_, byte) => byte)), {}],
  "1,000 nested parts": [Buffer.from(nest(1000)), { parseError: "mime-depth" }],
  "100,000 nested messages": [
    filled("", "Content-Type: message/rfc822\r\n\r\n", 3_200_000),
    { parseError: "mime-depth" },
  ],
  "a million parts": [
    filled(multipart, "--b\r\n\r\nx\r\n", 10 * mebibyte),
    { parseError: "mime-parts", subject: "hostile" },
  ],
  "lines that look like boundaries": [filled(nest(30), "--bb99\n", 8 * mebibyte), {}],
  "100,000 header lines": [
    filled("", "X-Header: value\r\n", 1_700_000, "Subject: late\r\n\r\nbody"),
    { parseError: "header-size" },
  ],
  "50,000 header lines": [filled("", "X-Header: value\r\n", 850_000, "Subject: late\r\n\r\nbody"), { subject: "late" }],
  "a header line of 10 MB": [
    filled("Subject: early\r\nX: ", "a", 10 * mebibyte, "\r\n\r\nbody"),
    { parseError: "header-size", subject: "early" },
  ],
  "a subject of 900 KB": [filled("Subject: ", "=?utf-8?q?=C3=A9?= ", 900_000, "\r\n\r\nbody"), {}],
  "a subject of word starts": [filled("Subject: ", "=?a?q?", 900_000, "\r\n\r\nbody"), {}],
  "parameters without end": [filled("Content-Type: a/b", ";a=(", 500_000, "\r\n\r\nbody"), {}],
  "comments in each part": [filled(multipart, '--b\r\nContent-Type: a/b;a="((((((((((\r\n\r\n', 40_000), {}],
  "a header of a part without end": [
    filled(`${multipart}--b\r\nX: `, "y", 4 * mebibyte),
    { parseError: "header-size" },
  ],
  "32 MB of text": [
    filled(plainText, "lorem ipsum http://a.example/b?c ", 32 * mebibyte),
    { urls: ["http://a.example/b"] },
  ],
  "32 MB without a blank": [filled(plainText, "abcdefghij", 32 * mebibyte), {}],
  "8 MB of addresses": [filled(plainText, "a@", 8 * mebibyte), {}],
  "8 MB of www.": [filled(plainText, "www.", 8 * mebibyte), {}],
  "8 MB of http://": [filled(plainText, "http://", 8 * mebibyte), {}],
  "8 MB of Big5": [filled(head("text/plain; charset=big5"), "\xa4\xa4", 8 * mebibyte), { charset: "big5" }],
  "8 MB of high bytes": [filled(plainText, "\xe9", 8 * mebibyte), {}],
  "8 MB of UHC": [filled(head("text/plain; charset=euc-kr"), "\x8c\x63", 8 * mebibyte), {}],
  "8 MB of HZ marks": [filled(head("text/plain; charset=hz-gb-2312"), "~{", 8 * mebibyte), {}],
  "8 MB of escapes": [filled(head("text/plain; charset=iso-2022-jp"), "\x1b$B", 8 * mebibyte), {}],
  "8 MB of tags that aren't": [filled(html, "<", 8 * mebibyte), {}],
  "8 MB of tags without end": [filled(html, "<a ", 8 * mebibyte), {}],
  "8 MB of quotes without end": [filled(html, '<a href="x ', 8 * mebibyte), {}],
  "8 MB of crossing quotes": [filled(html, "<a b=\"x'><a c='y\">", 8 * mebibyte), {}],
  "8 MB of one tag": [filled(`${html}<a `, "href= ", 8 * mebibyte, ">"), {}],
  "8 MB of comments": [filled(html, "<!--", 8 * mebibyte), {}],
  "8 MB of comments that end too soon": [filled(html, "<!-- x>", 8 * mebibyte), {}],
  "8 MB of scripts": [filled(html, "<script></", 8 * mebibyte), {}],
  "8 MB of entities": [filled(html, "&#x26;amp;", 8 * mebibyte), {}],
  "8 MB of meta": [filled(html, "<meta ", 8 * mebibyte), {}],
  "32 MB of base64": [filled(base64, "QUJD", 32 * mebibyte), { transferEncoding: "base64" }],
  "32 MB of padded base64": [filled(base64, "QQ==", 32 * mebibyte), {}],
  "32 MB of equals signs": [filled(quotedPrintable, "= ", 32 * mebibyte), {}],
  "a charset that doesn't exist": [Buffer.from(`${head("text/plain; charset=x-none")}hello`), { charset: "x-none" }],
  "a charset of 10,000 letters": [
    Buffer.from(`${head(`text/plain; charset=${"x".repeat(10_000)}`)}hi`),
    { charset: "x".repeat(40) },
  ],
  "a charset with controls": [Buffer.from(`${head('text/plain; charset="a\x1b[2Jb"')}hi`), { charset: "a\ufffd[2jb" }],
  "a type with controls": [Buffer.from(`${head("te\x07xt/\u202eplain")}hi`), {}],
  "a transfer encoding that doesn't exist": [
    Buffer.from(`${head("text/plain", "Content-Transfer-Encoding: x-\x1buue!\r\n")}hi`),
    { transferEncoding: "x-" },
  ],
  uuencode: [Buffer.from(`${plainText}begin 644 a.exe\r\n#0V%T\r\n\`\r\nend\r\n`), { attachments: [] }],
  "a subject that decodes to line breaks": [
    Buffer.from("Subject: =?utf-8?q?a=0D=0ABcc:_b?=\r\n\r\nhi"),
    { subject: "a Bcc: b" },
  ],
  "900 attachments": [filled(multipart, "--b\r\nContent-Type: image/gif\r\n\r\nGIF\r\n", 37 * 900), {}],
};

describe("hostile messages", () => {
  for (const [name, [raw, expected]] of Object.entries(cases)) {
    test(name, { timeout }, async () => {
      const facts = await parser.facts(raw);
      assertSafe(facts);
      assert.equal(facts.messageBytes, raw.length);
      for (const [fact, value] of Object.entries(expected)) {
        assert.deepEqual(Object.entries(facts).find(([key]) => key === fact)?.[1], value, fact);
      }
    });
  }
});

/** A change of some bytes of a message. */
type Mutation = (message: Buffer, other: Buffer) => Buffer;

const inserted = fc.constantFrom(
  ...[
    "\r\n\r\n",
    "\n",
    "\0",
    "\xff",
    "=",
    "=\r\n",
    "--",
    "=?big5?b?",
    "?=",
    "<!--",
    "<a href='",
    "&#x0;",
    "http://",
    "\x1b$B",
    "~{",
    ";",
    '"',
    "(",
  ],
  ...[
    'Content-Type: multipart/mixed; boundary=""\r\n',
    "Content-Transfer-Encoding: base64\r\n",
    "Content-Type: message/rfc822\r\n\r\n",
  ],
);

const position = fc.double({ min: 0, max: 1, noNaN: true });

const mutation: fc.Arbitrary<Mutation> = fc.oneof(
  fc.tuple(position, inserted, fc.integer({ min: 1, max: 50 })).map(
    ([at, text, times]): Mutation =>
      (message) =>
        splice(message, at, 0, Buffer.from(text.repeat(times), "latin1")),
  ),
  fc.tuple(position, fc.nat(2000)).map(
    ([at, length]): Mutation =>
      (message) =>
        splice(message, at, length, Buffer.alloc(0)),
  ),
  fc.tuple(position, fc.uint8Array({ maxLength: 8 })).map(
    ([at, bytes]): Mutation =>
      (message) =>
        splice(message, at, bytes.length, Buffer.from(bytes)),
  ),
  fc.tuple(position, position).map(
    ([from, at]): Mutation =>
      (message, other) =>
        splice(message, at, 0, other.subarray(Math.floor(from * other.length)).subarray(0, 3000)),
  ),
  fc.constantFrom("\r\n", "\n", "\r").map(
    (end): Mutation =>
      (message) =>
        Buffer.from(message.toString("latin1").replace(/\r?\n/g, end), "latin1"),
  ),
  // The first line that separates parts, and a field, twice.
  fc.constantFrom(/^--\S+/m, /^content-[^\n]*\n/im).map(
    (pattern): Mutation =>
      (message) =>
        Buffer.from(message.toString("latin1").replace(pattern, "$&$&"), "latin1"),
  ),
);

function splice(message: Buffer, at: number, length: number, bytes: Buffer): Buffer {
  const from = Math.floor(at * message.length);
  return Buffer.concat([message.subarray(0, from), bytes, message.subarray(from + length)]);
}

test("mutations of real messages have safe facts, the same whether remembered or not", {
  timeout: 120_000,
}, async () => {
  const messages = [...readCorpus().slice(0, 400), ...readCharsetMessages()].filter(({ raw }) => raw.length < 60_000);
  const anyMessage = fc.nat(messages.length - 1).map((index) => messages[index]?.raw ?? Buffer.alloc(0));
  const forgetful = await createMessageParser({ hits: () => false, cacheEntries: 1 });
  await fc.assert(
    fc.asyncProperty(
      anyMessage,
      anyMessage,
      fc.array(mutation, { minLength: 1, maxLength: 4 }),
      async (message, other, mutations) => {
        const raw = mutations.reduce((mutated, mutate) => mutate(mutated, other), message);
        const facts = await parser.facts(raw);
        assertSafe(facts);
        assert.deepEqual(await forgetful.facts(Uint8Array.from(raw)), facts);
      },
    ),
    {
      numRuns: Number(process.env.FUZZ ?? 600),
      ...(process.env.FUZZ_SEED === undefined ? {} : { seed: Number(process.env.FUZZ_SEED) }),
    },
  );
});
