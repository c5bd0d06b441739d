/**
 * Messages for the fuzzer: structured ones of our own making, mutations of these and of real ones, and messages in which
 * a sensor is planted in some encoding that the reader decodes.
 */
import fc from "fast-check";
import { readCharsetMessages, readCorpus } from "../capture/message-corpora.ts";

/** Sensors of the fuzzer, and how their addresses and names may be written. */
export const sensorsText =
  "sensors: [{ id: s1, addresses: [{ address: 203.0.113.77 }, { address: '2001:db8:ff::a1' }], names: [relay7.example.net] }]";
const writtenSensors = [
  "203.0.113.77",
  "203-0-113-77",
  "77.113.0.203",
  "3405803853",
  "cb00714d",
  "0xCB00714D",
  "203.000.113.077",
  "2001:db8:ff::a1",
  "2001:0DB8:00ff:0:0:0:0:A1",
  "[2001:db8:ff::a1]:1080",
  "::ffff:203.0.113.77",
  "relay7.example.net",
  "RELAY7.Example.NET",
  // Base64 of what the sensors file says, at each alignment.
  "MjAzLjAuMTEzLjc3",
  "eDIwMy4wLjExMy43Nw",
  "ZToyMDMuMC4xMTMuNzc6MTA4MA",
  "cmVsYXk3LmV4YW1wbGUubmV0",
];

const bytes = (text: string): Buffer => Buffer.from(text, "latin1");
const wrapped = (text: string): string => text.replace(/.{76}/g, "$&\r\n");

/** One of the encodings of a part: header fields, and the text as bytes one character each. */
interface Encoding {
  readonly fields: string;
  encode(text: string): string;
}

const transfer = (fields: string, encode: (text: Buffer) => string, charset = "utf-8"): Encoding => ({
  fields: `Content-Type: text/plain; charset=${charset}\r\n${fields}`,
  encode: (text) => encode(charset === "utf-16le" ? Buffer.from(text, "utf16le") : Buffer.from(text)),
});
const latin1 = (text: Buffer): string => text.toString("latin1");
const quotedPrintable = (text: Buffer): string =>
  [...text]
    .map((byte, at) => `=${byte.toString(16).toUpperCase().padStart(2, "0")}${at % 20 === 19 ? "=\r\n" : ""}`)
    .join("");
const fullWidth = (text: string): string =>
  text.replace(/[!-~]/g, (char) => String.fromCharCode(char.charCodeAt(0) + 0xfee0));
const html = (encode: (text: string) => string): Encoding => ({
  fields: "Content-Type: text/html; charset=utf-8\r\n",
  encode: (text) => Buffer.from(encode(text)).toString("latin1"),
});
const each = (text: string, made: (char: string, at: number) => string): string => [...text].map(made).join("");

/** Encodings of a body that the reader takes off. */
export const bodyEncodings: readonly Encoding[] = [
  transfer("", latin1),
  transfer("Content-Transfer-Encoding: base64\r\n", (text) => wrapped(text.toString("base64"))),
  transfer("Content-Transfer-Encoding: BASE64 (x)\r\n", (text) => `\r\n${text.toString("base64")}\r\n`),
  transfer("Content-Transfer-Encoding: quoted-printable\r\n", quotedPrintable),
  transfer("Content-Transfer-Encoding: base64\r\n", (text) => text.toString("base64"), "utf-16le"),
  transfer("", (text) => latin1(Buffer.from(fullWidth(text.toString())))),
  transfer("", (text) =>
    each(text.toString(), (char) => `${char}\u200b`).replace(/./gu, (char) => latin1(Buffer.from(char))),
  ),
  transfer("", (text) => latin1(text).replaceAll(".", "[.]")),
  transfer("", (text) => each(latin1(text), (char) => `%${char.charCodeAt(0).toString(16).padStart(2, "0")}`)),
  html((text) => each(text, (char) => `&#${char.charCodeAt(0)};`)),
  html((text) => each(text, (char, at) => (at % 2 === 0 ? `${char}<b>` : `${char}</b>`))),
  html((text) => each(text, (char) => `${char}<!-- x -->`)),
  html((text) => `<a href="http://x.example/?a=${each(text, (char) => `%${char.charCodeAt(0).toString(16)}`)}">x</a>`),
  html((text) => `<img src='&#104;ttp://user@x.example/${text}'>`),
];

/** Places of a header in which a sensor may be named. */
const headerPlaces: readonly ((text: string) => string)[] = [
  (text) => `X-Proxy: ${text}\r\n`,
  (text) => `Subject: ${text}\r\n`,
  (text) => `Subject: =?utf-8?b?${Buffer.from(text).toString("base64")}?=\r\n`,
  (text) => `Subject: =?utf-8?q?${each(text, (char) => `=${char.charCodeAt(0).toString(16).padStart(2, "0")}`)}?=\r\n`,
  (text) => `Subject: ${each(text, (char) => `=?us-ascii?q?${char === "?" ? "=3F" : char}?=\r\n `)}\r\n`,
  (text) => `Subject: =?utf-8?b?${Buffer.from(fullWidth(text)).toString("base64")}?=\r\n`,
  (text) => `To: "=?iso-8859-1?b?${Buffer.from(text).toString("base64")}?=" <a@b.example>\r\n`,
];

/** Parts in whose fields a sensor may be named. */
const partPlaces: readonly ((text: string) => string)[] = [
  (text) => `Content-Type: application/x-a; name="${text}"\r\n\r\nx`,
  (text) =>
    `Content-Disposition: attachment; filename*=utf-8''${each(text, (char) => `%${char.charCodeAt(0).toString(16)}`)}\r\n\r\nx`,
  (text) => `Content-Disposition: attachment; filename="=?utf-8?b?${Buffer.from(text).toString("base64")}?="\r\n\r\nx`,
  (text) =>
    `Content-Type: text/plain\r\nContent-Disposition: attachment\r\nContent-Transfer-Encoding: base64\r\n\r\n${Buffer.from(text).toString("base64")}`,
  (text) =>
    `Content-Type: message/rfc822\r\n\r\nX: y\r\nContent-Transfer-Encoding: base64\r\n\r\n${Buffer.from(`see ${text} `).toString("base64")}`,
];

const filler = fc.constantFrom(
  "",
  "buy now ",
  "see http://shop.example/a ",
  "caf\xc3\xa9 ",
  "<p>offer</p> ",
  "1.2.3.4 ",
  "=3D ",
);

/** A body part with its fields. */
const ordinaryPart = fc
  .tuple(fc.constantFrom(...bodyEncodings), filler, fc.nat(30))
  .map(([encoding, text, times]) => `${encoding.fields}\r\n${encoding.encode(text.repeat(times))}`);

/** Parts put together as one message: alone, in a multipart, or in one within another. */
function messageOf(head: string, parts: readonly string[], depth: number): Buffer {
  const [first = "\r\n"] = parts;
  if (parts.length === 1 && depth === 0) return bytes(`${head}${first}`);
  let whole = "";
  let inner = parts.map((part) => `--b0\r\n${part}\r\n`).join("");
  let boundary = "b0";
  for (let level = 1; level <= depth; level += 1) {
    inner = `--b${level}\r\nContent-Type: multipart/mixed; boundary=${boundary}\r\n\r\n${inner}--${boundary}--\r\n`;
    boundary = `b${level}`;
  }
  whole = `${head}Content-Type: multipart/mixed; boundary=${boundary}\r\n\r\n${inner}--${boundary}--\r\n`;
  return bytes(whole);
}

/** A message in which a sensor is named, and how. */
export interface Planted {
  readonly raw: Buffer;
  readonly sensor: string;
}

/** Sensors planted where the reader decodes: in fields, bodies, names, links. */
export const planted: fc.Arbitrary<Planted> = fc
  .record({
    sensor: fc.constantFrom(...writtenSensors),
    before: fc.constantFrom("", "try ", "=", "(", "x ", "é "),
    after: fc.constantFrom("", " now", ")", ", 1080", "\r\nok"),
    place: fc.oneof(
      fc.record({ kind: fc.constant("header" as const), index: fc.nat(headerPlaces.length - 1) }),
      fc.record({ kind: fc.constant("part" as const), index: fc.nat(partPlaces.length - 1) }),
      fc.record({ kind: fc.constant("body" as const), index: fc.nat(bodyEncodings.length - 1) }),
    ),
    others: fc.array(ordinaryPart, { maxLength: 3 }),
    at: fc.nat(3),
    depth: fc.nat(3),
  })
  .map(({ sensor, before, after, place, others, at, depth }) => {
    const encoding = bodyEncodings[place.index];
    let head = "From: a@b.example\r\n";
    const parts = [...others];
    if (place.kind === "header") head += headerPlaces[place.index]?.(sensor) ?? "";
    else if (place.kind === "part") parts.splice(at, 0, partPlaces[place.index]?.(sensor) ?? "");
    else if (encoding !== undefined) {
      parts.splice(at, 0, `${encoding.fields}\r\n${encoding.encode(`${before}${sensor}${after}`)}`);
    }
    return {
      raw: messageOf(head, parts.length === 0 ? ["\r\nhello"] : parts, parts.length > 1 ? Math.max(depth, 1) : depth),
      sensor,
    };
  });

const ownMessage = fc
  .tuple(fc.array(ordinaryPart, { minLength: 1, maxLength: 4 }), fc.nat(4), filler, fc.nat(headerPlaces.length - 1))
  .map(([parts, depth, text, place]) => messageOf(headerPlaces[place]?.(`${text}x`) ?? "", parts, depth));

/** Real messages of moderate size; without the corpora none. */
export const realMessages: readonly Buffer[] = [...readCorpus(), ...readCharsetMessages()]
  .map(({ raw }) => raw)
  .filter((raw) => raw.length < 60_000);

const anyMessage = fc.oneof(
  ownMessage,
  realMessages.length === 0
    ? ownMessage
    : fc.nat(realMessages.length - 1).map((index) => realMessages[index] ?? Buffer.of()),
);

/** Pieces of syntax, of whatever level. */
const syntax = fc.oneof(
  fc.constantFrom(
    ..."\r\n\r\n,\n,\r,\0,\xff,\x80,=,=\r\n,--,=?big5?b?,?=,=?utf-8?q?=00?=,<!--,-->,<a href=',<script>,&#x0;,&#1114112;".split(
      ",",
    ),
    ...[
      "http://",
      "www.",
      "//",
      "http://[::1",
      "http://xn--",
      "\x1b$B",
      "\x1b(B",
      "~{",
      ";",
      '"',
      "(",
      "\\",
      "%",
      "%00",
      "@",
      "+",
    ],
    ...[
      "\xef\xbb\xbf",
      "\xff\xfe",
      "\xed\xa0\x80",
      "\xcc\x81\xcc\xa7",
      "\xe2\x80\xae",
      "\xc2\x9b",
      "\u001e",
      "\u001f",
      "\t",
    ],
    "Content-Type: multipart/mixed; boundary=\r\n",
    'Content-Type: multipart/mixed; boundary=""\r\n',
    "Content-Type: multipart/digest; boundary=b0\r\n",
    "Content-Type: text/html; charset=utf-16\r\n",
    "Content-Type: text/plain; charset=x-\x1bnone\r\n",
    "Content-Type: a/b; name*0*=utf-8''%zz; name*1=x; name*=y\r\n",
    "Content-Transfer-Encoding: base64\r\n",
    "Content-Transfer-Encoding: quoted-printable\r\n",
    "Content-Type: message/rfc822\r\n\r\n",
    "Subject: =?x?q?",
  ),
  fc.uint8Array({ minLength: 1, maxLength: 8 }).map((piece) => Buffer.from(piece).toString("latin1")),
);

const position = fc.double({ min: 0, max: 1, noNaN: true });

/** A change of a message, perhaps with a piece of another. */
type Mutation = (message: Buffer, other: Buffer) => Buffer;

function splice(message: Buffer, at: number, length: number, piece: Buffer): Buffer {
  const from = Math.floor(at * message.length);
  return Buffer.concat([message.subarray(0, from), piece, message.subarray(from + length)]);
}

const mutation: fc.Arbitrary<Mutation> = fc.oneof(
  fc.tuple(position, syntax, fc.oneof(fc.constant(1), fc.integer({ min: 2, max: 200 }))).map(
    ([at, text, times]): Mutation =>
      (message) =>
        splice(message, at, 0, bytes(text.repeat(times))),
  ),
  fc.tuple(position, fc.nat(2000)).map(
    ([at, length]): Mutation =>
      (message) =>
        splice(message, at, length, Buffer.of()),
  ),
  fc.tuple(position, fc.uint8Array({ maxLength: 8 })).map(
    ([at, piece]): Mutation =>
      (message) =>
        splice(message, at, piece.length, Buffer.from(piece)),
  ),
  fc.tuple(position, position, fc.nat(4000)).map(
    ([from, at, length]): Mutation =>
      (message, other) => {
        const start = Math.floor(from * other.length);
        return splice(message, at, 0, other.subarray(start, start + length));
      },
  ),
  fc.constantFrom("\r\n", "\n", "\r", "\r\r\n").map(
    (end): Mutation =>
      (message) =>
        bytes(message.toString("latin1").replace(/\r?\n/g, end)),
  ),
  fc.constantFrom(/^--\S+/m, /^content-[^\n]*\n/im, /charset=\S+/i, /boundary=\S+/i).chain((pattern) =>
    fc.constantFrom("$&$&", "", "$& ").map(
      (by): Mutation =>
        (message) =>
          bytes(message.toString("latin1").replace(pattern, by)),
    ),
  ),
);

/** A message after up to six mutations. */
export const mutated: fc.Arbitrary<Buffer> = fc
  .tuple(anyMessage, anyMessage, fc.array(mutation, { minLength: 1, maxLength: 6 }))
  .map(([message, other, mutations]) => mutations.reduce((made, mutate) => mutate(made, other), message));
