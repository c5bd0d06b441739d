/**
 * Texts made to be slow, each against one of our patterns, decoders or searches: what reading a message costs must be
 * proportional to its size, and small for one message. CPU seconds of the thread are counted, so that other work on the
 * machine doesn't matter; what once was quadratic takes ten times the bound and more.
 */
import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import { archivedRecord } from "../../src/capture/archive.ts";
import { createMessageParser, type MessageParser } from "../../src/capture/message.ts";
import { sensorPatterns } from "../../src/capture/probe.ts";
import { parseReceived } from "../../src/capture/received.ts";
import { parseSensors } from "../../src/capture/sensors.ts";
import { parseLine } from "../../src/capture/spool.ts";
import { domainText, hostName } from "../../src/enrich/names.ts";
import { captureRow } from "../../src/lake/rows/row.ts";
import { RowBuffer } from "../../src/lake/rows/row-buffer.ts";
import type { MessageRecord } from "../../src/model.ts";

const mebibyte = 1 << 20;
const small = mebibyte / 2;
const large = 2 * mebibyte;

/** CPU milliseconds that two mebibytes may take: four times the slowest of them here, for slow machines. */
const most = 1_200;

/** Four times the size may cost at most so many times as much; quadratic is sixteen. Below `floor` it is noise. */
const growth = 8;
const floor = 400;

/** CPU milliseconds that one header section at its limits, or one envelope, may take. */
const mostOfHeader = 400;

const patterns = sensorPatterns(
  parseSensors(
    "sensors: [{ id: s1, addresses: [{ address: 203.0.113.77 }, { address: '2001:db8:ff::1' }], names: [relay7.example.net] }]",
    "sensors.yaml",
  ),
);

let parser: MessageParser;
before(async () => {
  parser = await createMessageParser({ hits: (text) => patterns.hits(text), cacheEntries: 1 });
  await parser.facts(
    Buffer.from("Subject: =?iso-8859-1?q?=E9t=E9?=\r\n\r\nhello long text with caf\xe9 in it", "latin1"),
  );
});

async function cpuOf(work: () => unknown): Promise<number> {
  const start = process.threadCpuUsage();
  await work();
  const { user, system } = process.threadCpuUsage(start);
  return (user + system) / 1000;
}

/** Numbers that look random and are the same in each run. */
function* numbers(): Generator<number> {
  for (let state = 1; ; state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff) yield state >>> 8;
}
const random = numbers();
const below = (limit: number): number => (random.next().value ?? 0) % limit;
const word = (length: number): string =>
  Array.from({ length }, () => "abcdefghijklmnopqrstuvwxyz0123456789".charAt(below(36))).join("");
const han = (length: number): string =>
  Array.from({ length }, () => String.fromCharCode(0x4e00 + below(20_000))).join("");

const latin1 = (text: string): Buffer => Buffer.from(text, "latin1");
const repeated = (piece: string | Buffer, bytes: number): Buffer => Buffer.alloc(bytes, piece, "latin1");
const message = (head: string, body: string | Buffer): Buffer =>
  Buffer.concat([latin1(`${head}\r\n\r\n`), typeof body === "string" ? latin1(body) : body]);
const html = (body: Buffer): Buffer => message("Content-Type: text/html; charset=utf-8", body);
const plainText = (body: Buffer): Buffer => message("Content-Type: text/plain; charset=utf-8", body);

/** Pieces until there are so many bytes. */
function upTo(bytes: number, piece: (index: number) => string): Buffer {
  const pieces: Buffer[] = [];
  let length = 0;
  for (let index = 0; length < bytes; index += 1) {
    const made = Buffer.from(piece(index));
    length += made.length;
    pieces.push(made);
  }
  return Buffer.concat(pieces);
}

/** A multipart with parts of one header each, until there are so many bytes or as many parts as are read. */
function parts(bytes: number, header: (index: number) => string, body = "x"): Buffer {
  const pieces = ["Content-Type: multipart/mixed; boundary=b\r\n\r\n"];
  let length = 0;
  for (let index = 0; index < 990 && length < bytes; index += 1) {
    const piece = `--b\r\n${header(index)}\r\n\r\n${body}\r\n`;
    length += piece.length;
    pieces.push(piece);
  }
  return latin1(pieces.join(""));
}

const base64At = (text: string, shift: number): string =>
  Buffer.concat([Buffer.alloc(shift), Buffer.from(text)]).toString("base64");

/** Combining marks of two classes: each of the second is to be sorted before all of the first. */
const marks = Buffer.from("\u0301\u0327");

/** Bodies and parts of a size, by what they attack. */
const sized: Readonly<Record<string, (bytes: number) => Buffer>> = {
  "carriage returns in a field": (n) => parts(n, () => `Content-Type: ${"\r".repeat(16_000)}x`),
  "asterisks in a parameter's name": (n) => parts(n, () => `Content-Type: a/b;${"*".repeat(16_000)}\rz=1`),
  "parameters without semicolons": (n) => parts(n, () => `Content-Type: a/b;${"a*0=x ".repeat(2500)}`),
  "a quoted parameter of backslashes": (n) => parts(n, () => `Content-Type: a/b; x="${"\\".repeat(16_000)}`),
  "a percent-encoded parameter": (n) => parts(n, () => `Content-Type: a/b; name*=${"%41".repeat(5000)}`),
  "names of encoded words": (n) => parts(n, (i) => `Content-Type: a/b; name="${`=?x${i}?q?=E9?= `.repeat(800)}"`),
  "an unending transfer encoding": (n) => parts(n, () => `Content-Transfer-Encoding: ${"!".repeat(16_000)}`),
  "8-bit parts": (n) => parts(n, () => "Content-Type: text/plain", "caf\xe9 \xe8t\xe9 a\xf1o n\xf3 ".repeat(100)),
  "combining marks": (n) => plainText(repeated(marks, n)),
  "combining marks in HTML": (n) => html(repeated(marks, n)),
  "combining marks and half-width voicing": (n) => plainText(repeated(Buffer.from("\u0301\uff9e"), n)),
  "combining marks in runs of 29": (n) => plainText(repeated(Buffer.from(`a${"\u0301".repeat(29)}`), n)),
  "letters that fold to eighteen": (n) => plainText(repeated(Buffer.from("\ufdfa"), n)),
  "hosts of combining marks": (n) => html(upTo(n, (i) => `<a href="http://a${i}${"\u0301\u0327".repeat(2000)}/">`)),
  "hosts of Han characters": (n) => plainText(upTo(n, () => `http://${han(2000)}/ `)),
  "hosts in punycode": (n) => html(upTo(n, () => `<a href="http://xn--${word(8000)}/">`)),
  "hosts in capitals": (n) => html(upTo(n, (i) => `<a href="http://A${i}${"A.".repeat(4000)}/">`)),
  "percent-encoded paths": (n) => html(upTo(n, (i) => `<a href="http://a${i}/${"%2541".repeat(1600)}">`)),
  "dots in paths": (n) => html(upTo(n, (i) => `<a href="http://a${i}/${"a/../".repeat(1600)}">`)),
  "almost a sensor in base64": (n) => plainText(upTo(n, (i) => base64At("203.0.113.77", i % 3).slice(2))),
  "almost a sensor's name in base64": (n) => plainText(upTo(n, (i) => base64At("xrelay7.example.netx", i % 3))),
  "almost a sensor's name": (n) => plainText(repeated("relay7.example.nex", n)),
  nibbles: (n) => plainText(repeated("0.", n)),
  "groups of IPv6": (n) => plainText(repeated("2001:", n)),
  "gaps of IPv6": (n) => plainText(repeated("2001::2001:0::", n)),
  "hexadecimal numbers": (n) => plainText(repeated("cb00714e ", n)),
  "percent signs": (n) => plainText(repeated("%25%25", n)),
  "escapes of quoted-printable": (n) =>
    message("Content-Type: text/plain\r\nContent-Transfer-Encoding: quoted-printable", repeated("=E9=\r\n", n)),
  "blanks after equals signs": (n) =>
    message("Content-Transfer-Encoding: quoted-printable", repeated(`=${" ".repeat(63)}x`, n)),
  "padding of base64": (n) => message("Content-Transfer-Encoding: base64", repeated("QQ==\n", n)),
  "lines of dashes": (n) => message("Content-Type: multipart/mixed; boundary=b", repeated("--x\n", n)),
  "blanks after dashes": (n) =>
    message("Content-Type: multipart/mixed; boundary=b", repeated(`--b${" ".repeat(300)}.\n`, n)),
  "boundaries of 250 characters": (n) =>
    message(`Content-Type: multipart/mixed; boundary=${"x".repeat(250)}`, repeated(`--${"x".repeat(249)}\n`, n)),
  "an attribute and blanks": (n) => html(Buffer.concat([latin1("<a href"), repeated(" ", n), latin1(">")])),
  "attributes without values": (n) => html(Buffer.concat([latin1("<a "), repeated("href=\n", n), latin1(">")])),
  "attributes of quotes": (n) => html(repeated(`<a href='"`, n)),
  "scripts that almost end": (n) => html(repeated("<script></scrip", n)),
  "unfinished entities": (n) => html(repeated("&#1234567", n)),
  "unfinished meta": (n) => html(repeated("<meta charset=", n)),
  "substitutes in Korean": (n) => message("Content-Type: text/plain; charset=euc-kr", repeated("\xb0\x1a", n)),
  "escapes of ISO-2022-JP": (n) =>
    message("Content-Type: text/plain; charset=iso-2022-jp", repeated("\x1b$B\x1b(B", n)),
  "halves of UTF-16": (n) => message("Content-Type: text/plain; charset=utf-16le", repeated("\x00\xd8", n)),
  HZ: (n) => message("Content-Type: text/plain; charset=hz-gb-2312", repeated("~{a~}", n)),
  "Cyrillic among Latin": (n) => message("Content-Type: text/plain; charset=koi8-r", repeated("\xc1a\xc1 ", n)),
  addresses: (n) => plainText(repeated("a@b.c ", n)),
  "words with digits": (n) => plainText(repeated("a1 ", n)),
  "words of www.": (n) => plainText(repeated("www.a www.", n)),
  "fragments and queries": (n) => plainText(repeated("http://a/?#", n)),
  uuencode: (n) => plainText(repeated(`M${"a".repeat(60)}\n`, n)),
  yEnc: (n) => message("Content-Type: text/plain", repeated("=ybegin line=128\n=}=}=}\xfe\xff", n)),
};

describe("bodies cost in proportion to their size", () => {
  for (const [name, make] of Object.entries(sized)) {
    test(name, async () => {
      const [one, four] = [make(small), make(large)];
      const tries: { little: number; much: number }[] = [];
      const passes = ({ little, much }: { little: number; much: number }) =>
        much < most && much < Math.max(floor, growth * little);
      // Processor time, too, grows where caches are shared with other work: what is slow by itself is slow each time.
      while (tries.length < 3 && !tries.some(passes))
        tries.push({ little: await cpuOf(() => parser.facts(one)), much: await cpuOf(() => parser.facts(four)) });
      const said = tries.map(({ little, much }) => `${Math.round(little)} ms, four times: ${Math.round(much)} ms`);
      assert.ok(tries.some(passes), `${four.length} bytes: ${said.join("; ")}`);
    });
  }
});

const field = (value: string): Buffer => latin1(`${value}\r\n\r\nbody`);

/** Header sections at their limits. */
const headers: Readonly<Record<string, () => Buffer>> = {
  "carriage returns in a subject": () => field(`Subject: ${"\r".repeat(16_000)}x`),
  "a subject of many charsets": () => field(`Subject: ${"=?utf-8?q?=E9t?= x ".repeat(840)}`),
  "a subject of Latin words": () => field(`Subject: ${"=?iso-8859-1?q?=E9tait?= x ".repeat(600)}`),
  "a subject of raw bytes and words": () => field(`Subject: ${"\xe9a =?q?b?QQ?= ".repeat(1100)}`),
  "a subject of blanks between words": () => field(`Subject: ${`=?utf-8?q?a?=${" ".repeat(50)}`.repeat(250)}`),
  "a subject of combining marks": () => field(`Subject: =?utf-8?b?${repeated(marks, 12_000).toString("base64")}?=`),
  "charsets that don't exist": () => field(`X: ${upTo(60_000, () => `=?x${word(6)}?q?a?= `).toString()}`),
  "a million empty fields": () => field("c:\n".repeat(330_000)),
  "a field of a million lines": () => field(`Subject: x${"\n ".repeat(500_000)}`),
  "percent signs": () => field(`X: ${"%25".repeat(330_000)}`),
};

/** Three tries, as above: what is slow by itself is slow each time. */
async function costsLittle(work: () => unknown): Promise<void> {
  const tries: number[] = [];
  while (tries.length < 3 && !tries.some((cpu) => cpu < mostOfHeader)) tries.push(await cpuOf(work));
  assert.ok(
    tries.some((cpu) => cpu < mostOfHeader),
    `${tries.map(Math.round).join(", ")} ms`,
  );
}

describe("a header section costs little", () => {
  for (const [name, make] of Object.entries(headers)) {
    test(name, async () => {
      await costsLittle(() => parser.facts(make()));
    });
  }
});

const record = (rcptTo: readonly string[]): MessageRecord => ({
  kind: "message",
  sensor: "s1",
  id: "c1",
  session: "t1",
  connectedAt: 1e12,
  capturedAt: 1e12,
  sourceIp: "192.0.2.7",
  sourcePort: 4000,
  service: "http",
  abusedPort: 8080,
  handshake: true,
  rcptTo,
  recipients: rcptTo.length,
  truncated: false,
});

/** The row of a capture for recipients, with names taken apart as the enricher does. */
function rowOf(recipient: (index: number) => string): unknown {
  const rcptTo = Array.from({ length: 2000 }, (_, index) => recipient(index).slice(0, 1000));
  const domain = (text: string) => {
    const name = hostName(text);
    return name === undefined ? undefined : { domain: name };
  };
  return captureRow(new RowBuffer(), 1, record(rcptTo), undefined, () => false, {
    network: () => ({ economy: undefined, system: undefined }),
    recipientDomain: (address) => domain(domainText(address) ?? ""),
    domain,
    url: () => undefined,
    era: () => 0,
  });
}

const received = "Received: from a ([8.8.8.8]) by b; Thu, 1 Jan 2026 00:00:00 +0000\r\n";
const archived = (more: string): unknown =>
  archivedRecord(latin1(`${received}${more}\r\n\r\nbody`), { sensor: "s1", service: "smtp", trustedHops: 1 });
const refused = (text: string): unknown => assert.throws(() => parseLine(text, "s1"));

/** What else of a capture is attacker-written: two thousand recipients, a header of a megabyte, a spool line. */
const others: Readonly<Record<string, () => unknown>> = {
  "recipients of plus signs": () => rowOf((index) => `${index}${"+".repeat(1000)}`),
  "recipients of combining marks": () => rowOf((index) => `${index}a${"\u0301\u0327".repeat(500)}`),
  "recipients at combining marks": () => rowOf((index) => `${index}@a${"\u0301\u0327".repeat(120)}`),
  "recipients of brackets": () => rowOf((index) => `<${index}@${">".repeat(1000)}`),
  "recipients of long folds": () => rowOf((index) => `${index}${"\ufdfa".repeat(500)}`),
  "an archive's recipient without @": () => archived(`To: ${"a".repeat(mebibyte - 200)}`),
  "an archive's recipients of @": () => archived(`To: ${"a@".repeat(500_000)}`),
  "an archive's folded header": () => archived(`To: x${"\n ".repeat(500_000)}`),
  "an archive's return path": () => archived(`Return-Path: ${"a".repeat(1_000_000)}`),
  "comments within comments": () => parseReceived(`from a ${"(".repeat(4000)}`),
  "helo in comments": () => parseReceived(`from a (${" helo".repeat(800)}${" ".repeat(4000)})`),
  "a line of brackets": () => refused("[".repeat(24 * mebibyte)),
  "a line of objects": () => refused(`{"kind":"x","a":[${"{},".repeat(8 * mebibyte)}1]}`),
  "a line of members": () => refused(`{"kind":"x"${',"a":1'.repeat(4 * mebibyte)}}`),
};

describe("envelopes, archives and lines cost little", () => {
  for (const [name, work] of Object.entries(others)) {
    test(name, async () => {
      await costsLittle(work);
    });
  }
});
