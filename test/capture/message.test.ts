/**
 * The message parser: facts of whole messages, what is remembered, where sensors are looked for.
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { createMessageParser } from "../../src/capture/message.ts";
import { Recent } from "../../src/capture/recent.ts";

const sha256 = (bytes: Buffer | string): string => createHash("sha256").update(bytes).digest("hex");
const never = { hits: () => false };

/** A message of lines, with CRLF; `latin1`, so that bytes can be written as characters. */
const message = (...lines: string[]): Buffer => Buffer.from(lines.join("\r\n"), "latin1");

const parser = await createMessageParser(never);

test("all facts of a message with alternatives, an image and a document", async () => {
  const document = Buffer.from("%PDF-1.4 \xff\xfe", "latin1");
  const raw = message(
    "From: =?big5?B?plim8g==?= <a@example.com>",
    "Subject: =?big5?B?rEKq96SjrE4=?=",
    'Content-Type: multipart/mixed; boundary="=_1"',
    "",
    "--=_1",
    "Content-Type: multipart/alternative; boundary=alt",
    "",
    "--alt",
    "Content-Type: text/plain; charset=Big5",
    "Content-Transfer-Encoding: BASE64",
    "",
    Buffer.from("C577AAEFAD71C1CAA141BCC6B671A6B3ADAD", "hex").toString("base64"), // 歡迎訂購，數量有限
    "--alt",
    "Content-Type: text/html; charset=Big5",
    "",
    '<p>\xc5w\xaa\xef\xadq\xc1\xca<a href="http://www.example.tw/a?b=1">x</a>',
    "--alt--",
    "--=_1",
    "Content-Type: image/GIF; name=a.gif",
    "Content-Transfer-Encoding: base64",
    "",
    "R0lGODlh",
    "--=_1",
    "Content-Type: application/pdf",
    'Content-Disposition: attachment; filename="x.pdf"',
    "Content-Transfer-Encoding: base64",
    "",
    document.toString("base64"),
    "--=_1--",
    "",
  );
  const { bodySha256, ...facts } = await parser.facts(raw);
  assert.match(bodySha256, /^[0-9a-f]{64}$/);
  assert.deepEqual(facts, {
    subject: "拾金不昧",
    charset: "big5",
    language: "zh",
    transferEncoding: "base64",
    mimeLayout: "multipart/mixed(multipart/alternative(text/plain,text/html),image/gif,application/pdf)",
    urls: ["http://www.example.tw/a"],
    attachments: [
      { type: "image/gif", bytes: 6, sha256: sha256("GIF89a") },
      { type: "application/pdf", bytes: document.length, sha256: sha256(document) },
    ],
    messageBytes: raw.length,
    messageSha256: sha256(raw),
    probe: false,
  });
});

test("a message without MIME, without a header section, without anything", async () => {
  const plain = await parser.facts(
    message("Subject: hello", "", "Dear friend, this is a very good offer for you today"),
  );
  assert.equal(plain.mimeLayout, "text/plain");
  assert.equal(plain.language, "en");
  assert.equal(plain.charset, undefined);
  const bare = await parser.facts(message("Dear friend, this is a very good offer for you today"));
  assert.equal(bare.subject, undefined);
  assert.equal(bare.bodySha256, plain.bodySha256);
  const nothing = await parser.facts(new Uint8Array(0));
  assert.equal(nothing.messageBytes, 0);
  assert.deepEqual([nothing.urls, nothing.attachments, nothing.probe, nothing.parseError], [[], [], false, undefined]);
  const url = await parser.facts(message("http://www.example.com/x", "", "more"));
  assert.deepEqual(url.urls, ["http://www.example.com/x"]);
});

test("a line that archives put before the header section is passed over", async () => {
  const facts = await parser.facts(message("From a@example.com Thu Aug 22 13:17:22 2002", "Subject: x", "", "body"));
  assert.equal(facts.subject, "x");
});

test("a short text's language is told together with the subject", async () => {
  const head = "Content-Type: text/plain; charset=utf-8";
  const body = "http://example.com/";
  const en = await parser.facts(message("Subject: The best mortgage rates in the whole country", head, "", body));
  const none = await parser.facts(message("Subject: hi", head, "", body));
  assert.deepEqual([en.language, none.language], ["en", undefined]);
});

test("a raw 8-bit subject is read by the body's charset", async () => {
  const raw = (charset: string): Buffer =>
    message(
      "Subject: \xb9\xfe\xb9\xfe",
      `Content-Type: text/plain; charset=${charset}`,
      "",
      "\xb9\xfe\xb9\xfe\xd0\xbb\xd0\xbb",
    );
  assert.equal((await parser.facts(raw("gb2312"))).subject, "哈哈");
});

test("copies of a body are read once, whatever their other headers", async () => {
  const own = await createMessageParser(never);
  const copy = (id: number, type: string): Buffer =>
    message(
      `Message-ID: <${id}@example.com>`,
      `Subject: s${id}`,
      `Content-Type: ${type}`,
      "",
      "Visit http://example.com/",
    );
  const facts = [];
  for (let id = 0; id < 50; id += 1) facts.push(await own.facts(copy(id, "text/plain")));
  assert.deepEqual([own.parsed, own.reused], [1, 49]);
  assert.deepEqual(
    facts.map(({ subject }) => subject),
    Array.from({ length: 50 }, (_, id) => `s${id}`),
  );
  assert.equal(new Set(facts.map(({ messageSha256 }) => messageSha256)).size, 50);
  assert.equal(new Set(facts.map(({ bodySha256, urls }) => bodySha256 + urls)).size, 1);
  const html = await own.facts(copy(0, "text/html"));
  assert.deepEqual([own.parsed, html.mimeLayout], [2, "text/html"]);
});

test("remembered or not, facts are the same", async () => {
  const forgetful = await createMessageParser({ ...never, cacheEntries: 1 });
  const bodies = ["a b c", "http://example.com/ x", "\xa4\xa4\xa4\xe5\xa4\xa4\xa4\xe5"];
  for (const body of [...bodies, ...bodies]) {
    const raw = message("Subject: \xa4\xa4\xa4\xe5", "Content-Type: text/plain", "", body);
    assert.deepEqual(await parser.facts(raw), await forgetful.facts(raw));
  }
  assert.ok(forgetful.parsed > 3);
});

/** Where a message could name a sensor, each with the name in a form that only decoding shows. */
const hidden: Readonly<Record<string, readonly string[]>> = {
  header: ["X-Relay: 198.51.100.7", "", "x"],
  "line that mail archives put first": ["From 198.51.100.7:1080 socks5", "Subject: x", "", "x"],
  "field that looks like such a line": ["From : 198.51.100.7 <a@b.c>", "Subject: x", "", "x"],
  "encoded word": ["Subject: =?utf-8?b?MTk4LjUxLjEwMC43?=", "", "x"],
  "encoded word of another header": ["From: =?utf-8?q?198=2E51=2E100=2E7?= <a@b.c>", "", "x"],
  text: ["Subject: x", "", "relay 198.51.100.7 works"],
  "base64 text": ["Content-Transfer-Encoding: base64", "", "MTk4LjUxLjEwMC43"],
  "quoted-printable text": ["Content-Transfer-Encoding: quoted-printable", "", "198.51=2E1=\r\n00.7"],
  "UTF-16 text": ["Content-Type: text/plain; charset=utf-16le", "", [..."198.51.100.7"].join("\0").concat("\0")],
  "HTML cut by tags": ["Content-Type: text/html", "", "198.<b>51</b>.100.7"],
  "HTML entities": ["Content-Type: text/html", "", "198&#46;51&#46;100&#46;7"],
  "HTML comment": ["Content-Type: text/html", "", "<!-- 198.51.100.7 -->"],
  "URL as a number": ["Subject: x", "", "http://3325256711/"],
  "URL's query": ["Subject: x", "", "http://example.com/?r=%31%398.51.100.7"],
  "attachment's name": [
    "Content-Type: multipart/mixed; boundary=b",
    "",
    "--b",
    'Content-Type: image/gif; name="=?utf-8?b?MTk4LjUxLjEwMC43?="',
    "",
    "GIF",
  ],
  "textual attachment": [
    "Content-Type: application/json",
    "Content-Transfer-Encoding: base64",
    "",
    Buffer.from('{"relay":"198.51.100.7"}').toString("base64"),
  ],
  "embedded message": ["Content-Type: message/rfc822", "", "Content-Transfer-Encoding: base64", "", "MTk4LjUxLjEwMC43"],
  "broken structure": [
    ...Array.from(
      { length: 100 },
      (_, depth) => `Content-Type: multipart/mixed; boundary=b${depth}\r\n\r\n--b${depth}`,
    ),
    "",
    "198.51.100.7",
  ],
};

test("a sensor is found wherever a message names it", async () => {
  const finder = await createMessageParser({ hits: (text) => text.includes("198.51.100.7") });
  for (const [place, lines] of Object.entries(hidden)) {
    assert.equal((await finder.facts(message(...lines))).probe, true, place);
    assert.equal((await finder.facts(message(...lines))).probe, true, `${place}, remembered`);
  }
  assert.equal((await finder.facts(message("Subject: x", "", "198.51.100.70 is near, 198.51.100 too"))).probe, true);
  assert.equal((await finder.facts(message("Subject: 198.51.100", "", "198.51.100.8"))).probe, false);
});

test("of the header sections of a probe and its clean copy none is kept that wasn't weighed", async () => {
  const finder = await createMessageParser({ hits: (text) => text.includes("198.51.100.7"), cacheEntries: 100_000 });
  const pairs = 4_000;
  const used = () => {
    assert.ok(globalThis.gc !== undefined);
    globalThis.gc();
    return process.memoryUsage().heapUsed;
  };
  setFlagsFromString("--expose-gc");
  globalThis.gc ??= runInNewContext("gc");
  const before = used();
  const padding = Array.from({ length: 15 }, () => `X-Pad: ${"y".repeat(1000)}`);
  for (let pair = 0; pair < pairs; pair += 1) {
    await finder.facts(message("X: 198.51.100.7", "Subject: s", "", `body ${pair}`));
    await finder.facts(message(...padding, "Subject: s", "", `body ${pair}`));
  }
  const kept = used() - before;
  assert.ok(kept < 30e6, `${kept} bytes are kept`);
  assert.equal(finder.parsed, pairs);
});

test("what is remembered is bounded in number and weight, and what is used stays", () => {
  const byNumber = new Recent<number>(10, 1000);
  for (let key = 0; key < 100; key += 1) {
    byNumber.set(`${key}`, key, 1);
    assert.equal(byNumber.get("0"), 0);
  }
  const kept = Array.from({ length: 100 }, (_, key) => byNumber.get(`${key}`)).filter((value) => value !== undefined);
  assert.ok(kept.length <= 10 && kept.length >= 5, `${kept.length}`);
  assert.equal(byNumber.get("99"), 99);
  const byWeight = new Recent<number>(1000, 100);
  for (let key = 0; key < 100; key += 1) byWeight.set(`${key}`, key, 30);
  assert.deepEqual(
    Array.from({ length: 100 }, (_, key) => byWeight.get(`${key}`)).filter((value) => value !== undefined).length <= 3,
    true,
  );
  byWeight.set("heavy", 1, 1000);
  assert.equal(byWeight.get("heavy"), undefined);
});
