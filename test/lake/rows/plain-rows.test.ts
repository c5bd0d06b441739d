/** Rows of plain lines: byte for byte those of the long way, whatever the line holds and whatever came before it. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import fc from "fast-check";
import { createMessageParser, type MessageParser } from "../../../src/capture/message.ts";
import { sensorPatterns } from "../../../src/capture/probe.ts";
import { createEnricher, type Enricher } from "../../../src/enrich/enricher.ts";
import { mapsOf } from "../../../src/enrich/maps.ts";
import { encodeTable } from "../../../src/enrich/table.ts";
import { blockRows } from "../../../src/lake/rows/block.ts";
import type { BlockResult } from "../../../src/lake/rows/block-rows.ts";
import { BodyRows } from "../../../src/lake/rows/body-cells.ts";
import { PlainRows } from "../../../src/lake/rows/plain-rows.ts";

const patterns = sensorPatterns([
  { id: "s1", addresses: [{ address: "192.0.2.7" }], names: ["trap.example", "x.jp", "whoshy"] },
]);

const day = Date.UTC(2026, 10, 10);

/** A table of economies in force from a day on: the same address has another economy in each. */
function table(date: string, value: string): SharedArrayBuffer {
  const ipv4 = [{ first: 0x0a000000n, last: 0x0affffffn, value }];
  const bytes = encodeTable({ kind: "economy", name: "test", date, source: "csv", ipv4, ipv6: [] });
  const shared = new SharedArrayBuffer(bytes.length);
  new Uint8Array(shared).set(bytes);
  return shared;
}

let attributes: Enricher;
before(() => {
  const files = [table("2026-01-01", "TW"), table("2026-11-11", "JP")];
  attributes = createEnricher({ files }, mapsOf({ "hinet.net": "TW" }, [], []));
});

/** Lines that went the quick way, and those of them that held a message. */
const quick = { lines: 0, messages: 0 };
class CountedRows extends PlainRows {
  override add(...args: Parameters<PlainRows["add"]>): number {
    const next = super.add(...args);
    const [bytes, at] = args;
    if (next >= 0) quick.lines += 1;
    if (Buffer.from(bytes.subarray(at, next)).includes('","message":"', 0, "latin1")) quick.messages += 1;
    return next;
  }
}

let parser: MessageParser;
let plainRows: PlainRows;
before(async () => {
  parser = await createMessageParser({ hits: (text) => patterns.hits(text) });
  plainRows = new CountedRows(attributes, patterns);
});

function rowsOf(lines: readonly string[], lineEnd = "\n"): Promise<BlockResult> {
  const hits = (text: string) => patterns.hits(text);
  const block = { firstLine: 2, bytes: Buffer.from(lines.join(lineEnd), "latin1") };
  const latest = day + 3.5 * 86_400_000;
  const bodies = new BodyRows(attributes, hits);
  const openParser = async () => parser;
  const reading = { parser, openParser, hits, shortHits: hits, bodies, plainRows };
  return blockRows(block, { sensor: "s1", attributes, latest, ...reading });
}

const shown = ({ rows, ids, concerns, ...rest }: BlockResult) => ({
  ...rest,
  rows: [...rows].map(([key, bytes]) => [key, Buffer.from(bytes).toString("latin1")]),
  ids: [...ids],
  concerns: [...concerns],
});

/** The same lines as JSON, no longer plain. */
const longWay = (lines: readonly string[]) => lines.map((line) => line.replace("{", "{ "));

const time = fc
  .integer({ min: -2 * 86_400_000, max: 4 * 86_400_000 })
  .map((ms) => new Date(day + ms - (ms % 3)).toISOString());
const near = fc.constantFrom(
  ...["2026-11-10T23:59:59.999Z", "2026-11-11T00:00:00.000Z", "2026-11-10T24:00:00.000Z", "2026-02-30T01:00:00.000Z"],
  ...["2026-11-10T10:00:60.000Z", "2026-11-10T10:00:00Z", "2026-11-10T10:00:00.000+01:00", "1999-11-10T10:00:00.000Z"],
  ...["2026-11-10T10:0a:00.000Z", "2026-11-10T10:00:00.00/Z", "2026-11-10 10:00:00.000Z", ""],
);
const usual = fc.constantFrom("2026-11-10T10:00:00.120Z", "2026-11-10T11:59:01.007Z", "2026-11-10T12:00:00.000Z");
const instant = fc.oneof(
  { weight: 40, arbitrary: usual },
  { weight: 1, arbitrary: time },
  { weight: 1, arbitrary: near },
);
const mostly = <T>(common: readonly T[], rare: readonly T[]) =>
  fc.oneof({ weight: 50, arbitrary: fc.constantFrom(...common) }, { weight: 1, arbitrary: fc.constantFrom(...rare) });

const ip = mostly(
  ["10.1.2.3", "10.1.2.4", "2001:db8::1"],
  ["::ffff:10.1.2.3", "2001:DB8::1", "10.1.2", "", "192.0.2.7"],
);
const port = mostly<unknown>([25, 1080, 0, 65_535], [65_536, -1, 1.5, "25", 1e30, null]);
const id = mostly(
  ["a-1.0", "b", "c d"],
  ["", "x".repeat(200), "x".repeat(201), 'q"', "\\", "\u007f", "\u0001", "\u00e9"],
);
const address = mostly(
  ["a@example.tw", "B.c@example.tw", "d@mx.hinet.net", "e@hinet.net", "f@example.jp", "g@nowhere", "h@example.com"],
  [
    "",
    "a",
    "a@",
    "@",
    "<a@example.tw>",
    "a+b@example.tw",
    "a@example.tw.",
    "192.0.2.7@example.tw",
    "a@trap.example",
  ].concat(
    [
      "u@x.jp",
      "A@EXAMPLE.TW",
      "a@b@example.tw",
      `${"l".repeat(400)}@example.tw`,
      "a@192-0-2-7.example.tw",
      "\u00e9@a.tw",
    ],
    ["3221225991@example.com", "MTkyLjAuMi43@example.com"],
  ),
);
const optional = <T>(value: fc.Arbitrary<T>) => fc.oneof({ weight: 9, arbitrary: value }, fc.constant(undefined));

const request = fc.record({
  type: mostly<string>(["connect-25", "connect-other"], ["connect", ""]),
  method: optional(fc.constantFrom("CONNECT", "")),
  host: optional(mostly(["mx.example.jp", "MX.Example.JP"], ["10.1.2.3", "", "trap.example", "a}b", "h".repeat(300)])),
  ip: optional(ip),
  port: optional(port),
  result: optional(mostly(["granted", "refused"], ["other"])),
});

const html =
  'Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/html\r\n\r\n<a href="http://shop.example.tw/x">y</a>\r\n--b\r\nContent-Type: image/gif\r\nContent-Transfer-Encoding: base64\r\n\r\nR0lGODlh\r\n--b--\r\n';
const mail = [
  "Subject: Cheap pills\r\nTo: a@example.tw\r\n\r\nSee http://www.example.jp/buy?a=1 now\r\n",
  "Subject: =?utf-8?B?5L6/5a6c?=\r\nFrom: x\r\n\r\nCheap, cheap, cheap!\r\n",
  `Subject: both\r\n${html}`,
  "no header at all",
];
const probes = [
  "Subject: 192.0.2.7\r\n\r\nhello\r\n",
  "X: trap.example\r\n\r\nhello\r\n",
  "Subject: s\r\n\r\nhttp://u.x.jp/\r\n",
  `Subject: =?utf-8?B?${Buffer.from("trap.example").toString("base64")}?=\r\n\r\nhello\r\n`,
  // Cut to what a row holds, these are an address of a sensor.
  `Subject: ${"p".repeat(490)} 192.0.2.70\r\n\r\nhello\r\n`,
  `Content-Type: application/${"p".repeat(78)}-192.0.2.70\r\n\r\nhello\r\n`,
];
const base64 = (text: string) => Buffer.from(text).toString("base64");
const message = mostly<unknown>([...mail, mail[0]?.repeat(40) ?? ""].map(base64), [
  ...probes.map(base64),
  "",
  "QQ",
  "QUI=x",
  "Q===",
  "Q-_=",
  "QR==",
  "QUJD\n",
  "\u00e9QUJ",
  "QUJ/",
  5,
]);

const line = fc
  .record({
    kind: mostly(["message", "message", "request"], ["heartbeat", "rejected", "x"]),
    id,
    session: id,
    connected_at: instant,
    captured_at: instant,
    source: fc.record({ ip, port }),
    service: fc.record({ name: mostly(["http", "socks5"], ["other"]), port }),
    handshake: mostly<unknown>([true, false], [1, undefined]),
    request: optional(request),
    envelope: fc.record({
      helo: optional(
        mostly(["mail.example", "HELLO", ""], ["trap.example", "h".repeat(300), "192[.]0.2.7", "%74rap.example"]),
      ),
      mail_from: optional(address),
      rcpt_to: fc.array(address, { maxLength: 14 }),
      rcpt_count: mostly<number | undefined>([undefined], [3, 30]),
    }),
    message_bytes: optional(mostly<unknown>([0, 612, 2886], [2_147_483_648, -1, "1"])),
    message: optional(message),
    truncated: mostly<boolean | undefined>([undefined], [true]),
  })
  .map((made) => {
    const { handshake, envelope, message_bytes, message, truncated, ...rest } = made;
    return JSON.stringify(made.kind === "request" ? rest : made);
  });

/** A plain line with something else in one place: its bytes may be no JSON at all. */
const spoiled = fc
  .tuple(line, fc.nat(), fc.constantFrom("", '"', "}", "{", ",", "]", "0", " ", "\\", "a", "\u00e9"))
  .map(([text, at, other]) => {
    const place = 1 + (at % (text.length - 1));
    return text.slice(0, place) + other + text.slice(place + 1);
  });

test("law: a line comes to the same rows and refusals the quick way and the long way", async () => {
  const lines = fc.array(fc.oneof({ weight: 4, arbitrary: line }, { weight: 1, arbitrary: spoiled }), {
    maxLength: 12,
  });
  await fc.assert(
    fc.asyncProperty(lines, async (written) => {
      const expected = shown(await rowsOf(longWay(written)));
      // Twice: pieces that the first time taught are known the second time.
      assert.deepEqual(shown(await rowsOf(written)), expected);
      assert.deepEqual(shown(await rowsOf(written)), expected);
      assert.deepEqual(shown(await rowsOf(written, "\r\n")), expected);
    }),
    { numRuns: 1500 },
  );
});
after(() => {
  assert.ok(quick.lines > 500, `${quick.lines} lines went the quick way`);
  assert.ok(quick.messages > 50, `${quick.messages} lines with a message went the quick way`);
});

const plainLine = (at: string, rcptTo: readonly string[]) =>
  JSON.stringify({
    kind: "message",
    id: "c1",
    session: "t1",
    connected_at: at,
    captured_at: at,
    source: { ip: "10.1.2.3", port: 4000 },
    service: { name: "http", port: 8080 },
    handshake: true,
    envelope: { helo: "h", mail_from: "", rcpt_to: rcptTo },
    message_bytes: 600,
  });

test("the table in force at a capture counts, though its source is known from before", async () => {
  const at = [
    "2026-11-10T10:00:00.000Z",
    "2026-11-10T11:00:00.000Z",
    "2026-11-11T10:00:00.000Z",
    "2026-11-11T11:00:00.000Z",
  ];
  const { concerns } = await rowsOf(at.map((instant) => plainLine(instant, ["a@example.com"])));
  const hour = day / 3_600_000 + 10;
  assert.deepEqual(
    [...concerns],
    [
      ["source TW", [hour, hour + 1]],
      ["source JP", [hour + 24, hour + 25]],
    ],
  );
});

/** A line that is accepted, and what makes it one that isn't: everything else of it is known by then. */
const refused: Readonly<Record<string, readonly [from: string, to: string]>> = {
  "a port beyond the last": ['"port":4000', '"port":65536'],
  "a port with a zero before": ['"port":4000', '"port":04000'],
  "an id that is too long": ['"id":"c1"', `"id":"${"c".repeat(201)}"`],
  "no session": ['"session":"t1"', '"session":""'],
  "a size beyond the greatest": ['"message_bytes":600', '"message_bytes":2147483648'],
  "a capture before its connection": ['"captured_at":"2026-11-13T10', '"captured_at":"2026-11-13T09'],
  "a capture after the seal": ['"captured_at":"2026-11-13T10', '"captured_at":"2026-11-13T23'],
  "a second that clocks lack": ['"captured_at":"2026-11-13T10:00:00', '"captured_at":"2026-11-13T10:00:60'],
};

for (const [name, [from, to]] of Object.entries(refused)) {
  test(`refused though its pieces are known: ${name}`, async () => {
    const line = plainLine("2026-11-13T10:00:00.000Z", ["a@example.com"]);
    assert.ok(line.includes(from));
    const { counts, quarantine } = await rowsOf([line, line, line.replace(from, to)]);
    assert.equal(counts.captures, 2);
    assert.equal(quarantine.listed.length, 1);
  });
}

test("a message that names a sensor is a probe, once its line's pieces are known too", async () => {
  const at = "2026-11-10T10:00:00.000Z";
  for (const probe of probes) {
    const member = `,"message":"${base64(probe)}"}`;
    const lines = ["hello", "hello"].map((text) => base64(`Subject: x\r\n\r\n${text}\r\n`));
    const clean = lines.map((text) => plainLine(at, ["a@example.com"]).replace(/}$/, `,"message":"${text}"}`));
    const { counts } = await rowsOf([...clean, plainLine(at, ["a@example.com"]).replace(/}$/, member)]);
    assert.deepEqual([counts.captures, counts.probes], [3, 1], probe.slice(0, 60));
  }
});

test("a sensor in the greeting or the requested host is found as it was written and as it is stored, either way", async () => {
  const at = "2026-11-10T10:00:00.000Z";
  const plain = plainLine(at, ["a@example.com"]);
  const request = /"request":\{[^}]*\},/;
  const withHost = (host: string) =>
    plain
      .replace(request, "")
      .replace('"envelope":', `"request":{"type":"connect-25","host":"${host}","port":25},"envelope":`);
  const withHelo = (helo: string) => plain.replace(/"helo":"[^"]*"/, `"helo":"${helo}"`);
  // The address as base64 has capitals; the name whoshy has none, so that only the stored form of these is it.
  for (const text of [`${base64("192.0.2.7")}.example`, base64("whoshy").toUpperCase(), "TRAP.example"]) {
    for (const line of [withHost(text), withHelo(text)]) {
      const clean = line.replace(text, "clean.example");
      assert.notEqual(line, clean);
      const messages = [clean, line].map((each) =>
        each.replace(/}$/, `,"message":"${base64("Subject: x\r\n\r\nx")}"}`),
      );
      for (const lines of [
        [clean, clean, line],
        [...messages.slice(0, 1), ...messages],
      ]) {
        for (const way of [lines, longWay(lines)]) {
          const { counts } = await rowsOf(way);
          assert.deepEqual([counts.captures, counts.probes], [3, 1], `${way.at(-1)}`);
        }
      }
    }
  }
});

test("what is kept of a domain is no more than its own bytes", async () => {
  const at = "2026-11-10T10:00:00.000Z";
  const before = process.memoryUsage().arrayBuffers;
  for (let number = 0; number < 2_000; number += 1) {
    await rowsOf([plainLine(at, ["a@example.com"]), plainLine(at, [`a@firm${number}.com.tw`])]);
    // What else is written meanwhile.
    for (let other = 0; other < 3; other += 1) Buffer.from("x".repeat(20_000));
  }
  setFlagsFromString("--expose-gc");
  runInNewContext("gc")();
  const kept = process.memoryUsage().arrayBuffers - before;
  assert.ok(kept < 20e6, `${kept} bytes are kept`);
});

test("lists of many recipients and of many domains are counted alike", async () => {
  for (const many of [17, 9_999, 10_000, 10_001]) {
    for (const domain of [() => "example.tw", (index: number) => `d${index}.example`]) {
      const line = plainLine(
        "2026-11-10T10:00:00.000Z",
        Array.from({ length: many }, (_, at) => `r${at}@${domain(at)}`),
      );
      assert.deepEqual(shown(await rowsOf([line])), shown(await rowsOf(longWay([line]))));
    }
  }
});
