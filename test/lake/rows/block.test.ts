/** Blocks of lines into rows: a probe is told however its line was written, and rows hold what the lines say. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { MessageParser } from "../../../src/capture/message.ts";
import { sensorPatterns } from "../../../src/capture/probe.ts";
import { createEnricher } from "../../../src/enrich/enricher.ts";
import { mapsOf } from "../../../src/enrich/maps.ts";
import { blockRows, rememberingHits } from "../../../src/lake/rows/block.ts";
import type { BlockResult } from "../../../src/lake/rows/block-rows.ts";
import { BodyRows } from "../../../src/lake/rows/body-cells.ts";
import { PlainRows } from "../../../src/lake/rows/plain-rows.ts";
import type { Sensor } from "../../../src/model.ts";

const sensor: Sensor = { id: "s1", addresses: [{ address: "192.0.2.7" }], names: ["trap.example"] };
const patterns = sensorPatterns([sensor, { id: "s2", addresses: [{ address: "2001:db8::c000:209" }], names: [] }]);
const attributes = createEnricher({ files: [] }, mapsOf({}, [], []));
const parser: MessageParser = { parsed: 0, reused: 0, facts: () => assert.fail("no line here holds a message") };

const day = Date.UTC(2026, 10, 10);
const at = (ms: number) => new Date(day + ms).toISOString();

interface Written {
  readonly helo?: string;
  readonly mail_from?: string;
  readonly rcpt_to?: readonly string[];
  readonly host?: string;
  readonly ip?: string;
  readonly note?: string;
}

const lineOf = ({ host, ip, note, ...envelope }: Written, index = 0) => ({
  kind: "message",
  id: `c${index}`,
  session: "t1",
  connected_at: at(0),
  captured_at: at(index),
  source: { ip: "198.51.100.9", port: 4000 },
  service: { name: "http", port: 8080 },
  handshake: true,
  note,
  request: { type: "connect-25", host, ip },
  envelope: { rcpt_to: [], ...envelope },
});

async function rowsOf(lines: readonly string[]): Promise<BlockResult> {
  const hits = (text: string) => patterns.hits(text);
  const block = { firstLine: 2, bytes: Buffer.from(`${lines.join("\n")}\n`) };
  const shortHits = rememberingHits(hits);
  return blockRows(block, {
    sensor: "s1",
    attributes,
    parser,
    openParser: async () => parser,
    hits,
    shortHits,
    bodies: new BodyRows(attributes, shortHits),
    plainRows: new PlainRows(attributes, patterns),
    latest: day + 1e9,
  });
}

const escaped = (json: string) => json.replaceAll("192", "\\u003192").replaceAll("trap", "\\u0074rap");

const named = fc.constantFrom(
  ...["192.0.2.7", "192.0.2.70", "trap.example", "TRAP.EXAMPLE", "strap.example", "１９２.0.2.7", "192[.]0(dot)2.7"],
  ...[
    "MTkyLjAuMi43",
    "192%2e0.2.7",
    "7.2.0.192",
    "3221225991",
    "ⓣrap.example",
    "K",
    "İ",
    "%",
    "(",
    "[d",
    ".",
    "-",
    "x",
  ],
);
const words = fc.array(named, { maxLength: 3 }).map((parts) => parts.join(""));
const padded = fc.tuple(fc.constantFrom(0, 240, 247, 990, 993), words, words).map(([length, a, b]) => {
  return `${"p".repeat(length)} ${a}${b}`;
});
const text = fc.oneof(words, padded);
const envelope = fc.record(
  {
    helo: text,
    mail_from: text,
    rcpt_to: fc.array(
      fc.oneof(
        text,
        words.map((name) => `user@${name}.tw`),
      ),
      { maxLength: 4 },
    ),
    host: text,
    ip: fc.constantFrom("192.0.2.7", "203.0.113.1", "2001:db8::192.0.2.9", "2001:db8::1", "[::ffff:192.0.2.7]"),
    note: text,
  },
  { requiredKeys: [] },
);

/** What of the captures are probes, by the text of rows: the cell before `helo`. */
async function probesOf(lines: readonly string[]): Promise<number> {
  return (await rowsOf(lines)).counts.probes ?? 0;
}

test("law: a line is a probe or not, however it is written: as it is, escaped, in another order, among others", async () => {
  let probes = 0;
  await fc.assert(
    fc.asyncProperty(envelope, async (written) => {
      const line = lineOf(written);
      const plain = JSON.stringify(line);
      const { envelope: first, request, ...rest } = line;
      const found = await probesOf([plain]);
      probes += found;
      // Escapes and long lines make every text be searched by itself: that is the rule which the quick search must keep.
      assert.equal(await probesOf([escaped(plain)]), found);
      assert.equal(await probesOf([JSON.stringify({ ...line, padding: "\\".repeat(2) })]), found);
      assert.equal(await probesOf([JSON.stringify({ ...line, padding: "q ".repeat(40_000) })]), found);
      assert.equal(await probesOf([JSON.stringify({ envelope: first, request, ...rest })]), found);
      assert.equal(await probesOf([JSON.stringify(lineOf({ helo: "é" }, 1)), plain]), found);
    }),
    { numRuns: 400 },
  );
  assert.ok(probes > 20, `${probes} probes were drawn`);
});

const cutAfter = (length: number) => `${"p".repeat(length - 10)} 192.0.2.70`;

const probes: Readonly<Record<string, Written>> = {
  "an address that another form names": { ip: "2001:db8::192.0.2.9" },
  "a mapped address": { ip: "::ffff:192.0.2.7" },
  "a greeting cut to an address": { helo: cutAfter(255) },
  "a sender cut to an address": { mail_from: cutAfter(1000) },
  "a host cut to an address": { host: cutAfter(255) },
  "a recipient cut to an address": { rcpt_to: ["a@b.tw", cutAfter(1000)] },
  "dots in brackets": { helo: "192[.]0.2.7" },
  "dots as words": { helo: "192[dot]0.2.7" },
  "dots as words in capitals": { mail_from: "192[DOT]0.2.7" },
  "dots as words in round brackets": { rcpt_to: ["192(dot)0.2.7"] },
};

for (const [name, written] of Object.entries(probes)) {
  test(`a probe: ${name}`, async () => assert.equal(await probesOf([JSON.stringify(lineOf(written))]), 1));
}

test("rows go to their day, each with its line's number; what is concerned is noted by hour", async () => {
  const { rows, first, last, counts, concerns, captureHours } = await rowsOf([
    JSON.stringify(lineOf({ rcpt_to: ["a@example.tw"] }, 0)),
    "no JSON",
    JSON.stringify(lineOf({ rcpt_to: ["a@example.jp", "b@example.tw"] }, 86_400_000)),
  ]);
  assert.deepEqual([...rows.keys()], ["captures 2026-11-10", "captures 2026-11-11"]);
  const numbers = [...rows.values()].map((bytes) => Buffer.from(bytes).toString().split("\t")[0]);
  assert.deepEqual(numbers, ["2", "4"]);
  assert.deepEqual([first, last], [day, day + 86_400_000]);
  assert.deepEqual({ ...counts }, { lines: 3, captures: 2 });
  const hour = day / 3_600_000;
  assert.deepEqual(captureHours, [hour, hour + 24]);
  assert.deepEqual(concerns.get("target TW"), [hour, hour + 24]);
  assert.deepEqual(concerns.get("target JP"), [hour + 24]);
});
