/**
 * The fuzzer: laws over mutations of real and made-up messages, spool lines and addresses. `FAULTS=10000` makes as many
 * runs of each law; by default some hundreds. Seeds that once failed stand in `fuzz-seeds.json` and are run first, always:
 * a failure's report names the seed and path to be added there.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { parse } from "csv-parse/sync";
import fc from "fast-check";
import { archivedRecord } from "../../src/capture/archive.ts";
import { linesOf } from "../../src/capture/lines.ts";
import { createMessageParser, type MessageParser } from "../../src/capture/message.ts";
import { sensorPatterns } from "../../src/capture/probe.ts";
import { parseSensors } from "../../src/capture/sensors.ts";
import { spoolBounds } from "../../src/capture/spool.ts";
import { spoolBlocks } from "../../src/capture/spool-file.ts";
import { createEnricher } from "../../src/enrich/enricher.ts";
import { mapsOf } from "../../src/enrich/maps.ts";
import { importTable } from "../../src/enrich/table-import.ts";
import { loadTables } from "../../src/enrich/table-load.ts";
import { errorTable, SpampotsError } from "../../src/errors.ts";
import { captureColumns } from "../../src/fields.ts";
import { type Duckdb, openDuckdb } from "../../src/lake/duckdb.ts";
import { blockRows, rememberingHits } from "../../src/lake/rows/block.ts";
import { BodyRows } from "../../src/lake/rows/body-cells.ts";
import { PlainRows } from "../../src/lake/rows/plain-rows.ts";
import type { Quarantined } from "../../src/lake/rows/quarantine.ts";
import { plain } from "../../src/log.ts";
import type { MessageFacts } from "../../src/model.ts";
import { unescapeCell } from "../../src/publication/csv.ts";
import { openDiskStore } from "../../src/store/disk.ts";
import { documentationTables } from "../pipeline.ts";
import { contentOf, contextOf, renderCsv } from "../publication/slice-rows.ts";
import { mutated, planted, realMessages, sensorsText } from "./fuzz-messages.ts";

interface Seed {
  readonly law: string;
  readonly seed: number;
  readonly path: string;
  readonly why: string;
}

// The file is this suite's own.
const seeds = JSON.parse(readFileSync(join(import.meta.dirname, "fuzz-seeds.json"), "utf8")) as readonly Seed[];
const campaign = Number(process.env.FAULTS ?? 0);
const firstSeed = process.env.FUZZ_SEED === undefined ? {} : { seed: Number(process.env.FUZZ_SEED) };

/** A law, held for the kept seeds and then for `runs` new cases, or as many as `FAULTS` says. */
function law<T>(name: string, runs: number, cases: fc.Arbitrary<T>, holds: (drawn: T) => Promise<void>): void {
  test(name, { timeout: campaign > 0 ? 3_600_000 : 120_000 }, async () => {
    const property = fc.asyncProperty(cases, holds);
    for (const { seed, path } of seeds.filter((kept) => kept.law === name)) {
      await fc.assert(property, { seed, path, endOnFailure: true });
    }
    await fc.assert(property, { numRuns: campaign > 0 ? campaign : runs, ...firstSeed });
  });
}

const sensors = parseSensors(sensorsText, "sensors.yaml");
const patterns = sensorPatterns(sensors);
const hits = (text: string): boolean => patterns.hits(text);
const world = { folder: "", parser: {} as MessageParser, forgetful: {} as MessageParser, engine: {} as Duckdb }; // opened before the first law
let attributes: ReturnType<typeof createEnricher>;
let plainRows: PlainRows;

before(async () => {
  world.folder = await mkdtemp(join(tmpdir(), "spampots-fuzz-"));
  world.parser = await createMessageParser({ hits });
  world.forgetful = await createMessageParser({ hits, cacheEntries: 1 });
  world.engine = await openDuckdb({ threads: 1, memoryMb: 400, temporary: world.folder });
  const store = openDiskStore(join(world.folder, "tables"));
  for (const kind of ["economy", "asn"] as const) {
    const file = join(world.folder, `${kind}.csv`);
    await writeFile(file, documentationTables[kind]);
    await importTable({ files: [file], kind, name: "documentation", date: "2026-01-01", store });
  }
  attributes = createEnricher((await loadTables(store)).shared(), mapsOf({}, [], []));
  plainRows = new PlainRows(attributes, patterns);
});
after(async () => {
  world.engine.close();
  await rm(world.folder, { recursive: true, force: true });
});

const printable = /^[^\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+$/u;
const hex = /^[0-9a-f]{64}$/;

/** What the model says of facts: types, bounds, no character that turns a terminal. */
function assertFacts(facts: MessageFacts): void {
  const {
    subject = "x",
    charset = "x",
    transferEncoding = "x",
    mimeLayout = "x",
    language = "en",
    parseError = "x",
  } = facts;
  for (const text of [subject, charset, transferEncoding, mimeLayout, parseError]) {
    assert.ok(printable.test(text) && text.isWellFormed(), JSON.stringify(text));
  }
  assert.ok([...subject].length <= 500 && charset.length <= 40 && transferEncoding.length <= 40);
  assert.ok([...mimeLayout].length <= 200 && /^[a-z]{2}$/.test(language) && parseError !== "mime-failed");
  assert.ok(facts.urls.length <= 100 && new Set(facts.urls).size === facts.urls.length);
  for (const url of facts.urls) {
    assert.ok(url.length <= 2000 && /^https?:\/\/[!-~]+$/.test(url), url);
    const { username, password, search, hash: fragment } = new URL(url);
    assert.equal(username + password + search + fragment, "", url);
  }
  assert.ok(facts.attachments.length <= 100);
  for (const { type, bytes, sha256 } of facts.attachments) {
    assert.ok(printable.test(type) && type.length <= 100 && bytes >= 0 && hex.test(sha256));
  }
  assert.ok(hex.test(facts.bodySha256) && hex.test(facts.messageSha256));
}

/** CPU milliseconds that a message may take: for its existence, and for each megabyte. */
const mostMs = 1_500;
const mostMsPerMb = 2_000;

law("facts of any message are those of the model, the same each time, in bounded time", 400, mutated, async (raw) => {
  const start = process.threadCpuUsage();
  const facts = await world.parser.facts(raw);
  const { user, system } = process.threadCpuUsage(start);
  assert.ok((user + system) / 1000 < mostMs + (raw.length / 1e6) * mostMsPerMb, `${user + system} µs`);
  assert.equal(facts.messageBytes, raw.length);
  assertFacts(facts);
  assert.deepEqual(await world.parser.facts(raw), facts);
  assert.deepEqual(await world.forgetful.facts(Uint8Array.from(raw)), facts);
});

law("a sensor is found wherever the reader decodes", 600, planted, async ({ raw, sensor }) => {
  const { probe } = await world.parser.facts(raw);
  assert.ok(probe, `${sensor} in ${JSON.stringify(raw.toString("latin1"))}`);
});

const text = fc.oneof(
  fc.string({ unit: "binary", maxLength: 60 }),
  fc.string({ unit: "grapheme", maxLength: 40 }),
  fc.constantFrom(
    ...[
      "=1+1",
      "@x",
      "\t",
      "\u001e\u001f",
      "\u0001",
      "\\N",
      "NULL",
      '"',
      "'",
      ";=",
      "\u202e",
      "\ud800",
      "\u0000",
      "xn--a.tw",
      "a.tw.",
      "bank.tw",
    ],
  ),
);
const recipient = fc.oneof(
  text,
  fc.tuple(text, text).map(([local, domain]) => `${local}@${domain}`),
  fc.constant("b@bank.tw"),
);

type DrawnCapture = {
  readonly message: string | undefined;
  readonly host: string;
  readonly method: string;
  readonly helo: string;
  readonly mailFrom: string;
  readonly rcptTo: readonly string[];
  readonly ip: string;
  readonly at: number;
};

/** A capture of a mutated message, as members of a spool line. */
const capture: fc.Arbitrary<DrawnCapture> = fc.record({
  message: fc.option(
    mutated.map((raw) => raw.toString("base64")),
    { nil: undefined },
  ),
  host: text,
  method: text,
  helo: text,
  mailFrom: recipient,
  rcptTo: fc.array(recipient, { maxLength: 6 }),
  ip: fc.oneof(fc.ipV4(), fc.ipV6(), fc.constantFrom("192.0.2.7", "::ffff:192.0.2.7", "2001:db8:1::7%eth0")),
  at: fc.integer({ min: Date.UTC(2026, 10, 9), max: Date.UTC(2026, 10, 11) }),
});

const latest = Date.UTC(2026, 10, 12);
const header = JSON.stringify({ v: 1, sensor: "s1", sealed_at: "2026-11-11T23:00:00Z" });
const lineOf = (drawn: DrawnCapture, index: number): string =>
  JSON.stringify({
    kind: "message",
    id: `c${index}`,
    session: `t${index}`,
    connected_at: new Date(drawn.at).toISOString(),
    captured_at: new Date(drawn.at).toISOString(),
    source: { ip: drawn.ip, port: 1000 + index },
    service: { name: "http", port: 8080 },
    handshake: true,
    request: { type: "get", method: drawn.method, host: drawn.host },
    envelope: { helo: drawn.helo, mail_from: drawn.mailFrom, rcpt_to: drawn.rcptTo },
    ...(drawn.message === undefined ? {} : { message: drawn.message }),
  });

const facts = { batch: "ab".repeat(32), generation: 1, sensor: "s1", parser: 1 };

/** Rows of a spool file by day and in the order of lines, whatever the blocks; and what is in quarantine. */
async function rowsOf(
  path: string,
  blockBytes: number,
  parser: MessageParser,
): Promise<{ rows: Map<string, string[]>; quarantine: readonly Quarantined[] }> {
  const rows = new Map<string, string[]>();
  const quarantine: Quarantined[] = [];
  for await (const part of spoolBlocks(path, { blockBytes, lineBytes: 1 << 20, decompressedBytes: 1 << 30 })) {
    if (part.kind === "fault")
      quarantine.push({ line: part.line, code: part.error.code, reason: String(part.error.facts.reason) });
    if (part.kind !== "block") continue;
    const result = await blockRows(part, {
      sensor: facts.sensor,
      attributes,
      parser,
      openParser: async () => parser,
      hits,
      shortHits: rememberingHits(hits),
      bodies: new BodyRows(attributes, hits),
      plainRows,
      latest,
    });
    quarantine.push(...result.quarantine.listed);
    for (const [key, bytes] of result.rows) {
      const lines = Buffer.from(bytes).toString().trimEnd().split("\n");
      rows.set(key, [...(rows.get(key) ?? []), ...lines]);
    }
  }
  return { rows, quarantine };
}

/** Columns that a row is written with; the others are those of its batch. */
const rowColumns = captureColumns.filter(({ name }) => !["batch", "generation", "sensor", "parser"].includes(name));
const textColumns = rowColumns.filter(({ type }) => type === "VARCHAR").map(({ name }) => name);
const portPlace = rowColumns.findIndex(({ name }) => name === "source_port") + 1;
const shown = ["helo", "subject", "url_hosts"];

/** Cells of all text columns as the engine gives them back from Parquet, in the order of lines. */
async function storedCells(lines: readonly string[]): Promise<(string | null)[][]> {
  const from = join(world.folder, "rows.tsv");
  const to = join(world.folder, "rows.parquet");
  await writeFile(from, `${lines.join("\n")}\n`);
  await world.engine.writeParquet({ dataset: "captures", from, to, facts, repeats: false });
  const selection = {
    dataset: "captures" as const,
    whole: [to],
    mixed: [],
    counted: { only: false, batches: [] },
    overlapping: [],
    days: [],
    [Symbol.dispose]: () => {},
  };
  const stored: (string | null)[][] = [];
  for await (const chunk of world.engine.rows(
    { c: selection },
    `r AS (SELECT source_port, ${textColumns.join(", ")} FROM c) SELECT ${textColumns.join(", ")} FROM r ORDER BY source_port`,
  )) {
    for (let row = 0; row < chunk.rows; row += 1) {
      stored.push(chunk.columns.map((column) => (column[row] === null ? null : String(column[row]))));
    }
  }
  return stored;
}

law(
  "rows don't depend on blocks and caches, and come back from Parquet and CSV as they were",
  60,
  fc.array(capture, { minLength: 1, maxLength: 6 }),
  async (drawn) => {
    const path = join(world.folder, "c.ndjson");
    await writeFile(path, `${header}\n${drawn.map(lineOf).join("\n")}\n`);
    const whole = await rowsOf(path, 1 << 20, world.parser);
    assert.deepEqual(await rowsOf(path, 1, world.forgetful), whole);
    assert.deepEqual(whole.quarantine, []);
    const lines = [...whole.rows.values()].flat();
    assert.equal(lines.length, drawn.length);
    const places = textColumns.map((name) => rowColumns.findIndex((column) => column.name === name) + 1);
    const written = lines
      .map((line) => line.split("\t"))
      .sort((a, b) => Number(a[portPlace]) - Number(b[portPlace]))
      .map((cells) => places.map((place) => (cells[place] === "\u0001" ? null : (cells[place] ?? ""))));
    const stored = await storedCells(lines);
    assert.deepEqual(stored, written);
    const cellOf = (row: readonly (string | null)[], name: string) => row[textColumns.indexOf(name)] ?? null;
    const rows = stored.map((row, key) => ({
      key: `k${key}`,
      cells: { helo: cellOf(row, "helo"), subject: cellOf(row, "subject"), url_hosts: cellOf(row, "destination_host") },
    }));
    const context = contextOf("capture", world.folder, { columns: shown });
    const [csv] = await renderCsv(context, rows);
    assert.ok(csv);
    const content = await contentOf(csv);
    await rm(csv.path);
    const [, ...records] = parse(content) as string[][]; // csv-parse's type without columns
    assert.deepEqual(
      records.map((record) => record.slice(1, 1 + shown.length).map(unescapeCell)),
      rows.map(({ cells }) => shown.map((name) => plain(cells[name as keyof typeof cells] ?? ""))), // names of that very object
    );
  },
);

/** A spool file of good lines with bytes changed, cut, doubled or put in. */
const brokenFile = fc
  .tuple(
    fc.array(capture, { minLength: 1, maxLength: 3 }),
    fc.array(
      fc.tuple(
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.oneof(
          fc.uint8Array({ maxLength: 4 }),
          fc
            .constantFrom("{", '"', "\n", "\r\n", "\\u0000", "\\ud800", ",", "[[[", "1e999", '"__proto__":{},')
            .map((piece) => Uint8Array.from(Buffer.from(piece))),
        ),
        fc.nat(20),
      ),
      { maxLength: 5 },
    ),
    fc.integer({ min: 1, max: 5000 }),
  )
  .map(([drawn, changes, blockBytes]) => {
    const lines = Buffer.from(`${drawn.map(lineOf).join("\n")}\n`);
    const changed = changes.reduce((made, [at, piece, length]) => {
      const from = Math.floor(at * made.length);
      return Buffer.concat([made.subarray(0, from), piece, made.subarray(from + length)]);
    }, lines);
    return { bytes: Buffer.concat([Buffer.from(`${header}\n`), changed]), blockBytes };
  });

law(
  "each line of a broken file is a row or in quarantine under a known code",
  150,
  brokenFile,
  async ({ bytes, blockBytes }) => {
    const path = join(world.folder, "b.ndjson");
    await writeFile(path, bytes);
    const whole = await rowsOf(path, 1 << 20, world.parser);
    const pieces = await rowsOf(path, blockBytes, world.parser);
    assert.deepEqual(pieces, whole);
    for (const { code, reason } of whole.quarantine) assert.ok(code in errorTable && printable.test(reason), reason);
    const lines = [...linesOf({ firstLine: 1, bytes })].length - 1;
    const captures = [...whole.rows.values()].flat().length;
    assert.ok(captures + whole.quarantine.length <= lines, "no line counts twice");
    for (const row of [...whole.rows.values()].flat()) {
      assert.equal(row.split("\t").length, rowColumns.length + 1);
      assert.ok(row.isWellFormed());
    }
  },
);

const receivedPiece = fc.constantFrom(
  ..."from ,by ,with ,for ,(,),[,],;,<,>,@, ,\t,\\,8.8.8.8,[8.8.8.8],(helo=x),[IPv6:2001:4860::1],localhost,a@b.tw,\r\n ,Thu\\, 1 Jan 2026 00:00:00 +0000,-9999,\xff,\0,SMTP,:25".split(
    ",",
  ),
);
const archivedMessage = fc
  .tuple(fc.array(receivedPiece, { maxLength: 25 }), fc.array(receivedPiece, { maxLength: 25 }), fc.option(mutated))
  .map(([first, second, rest]) =>
    Buffer.concat([
      Buffer.from(
        `Received: ${first.join("")}\r\nReceived: from a ([8.8.8.8]) by b ${second.join("")}; Thu, 1 Jan 2026 00:00:00 +0000\r\n`,
        "latin1",
      ),
      rest ?? Buffer.from("\r\nbody"),
    ]),
  );

law(
  "a message of an archive is a capture within bounds, or is refused by one of three codes",
  400,
  archivedMessage,
  async (raw) => {
    try {
      const record = archivedRecord(raw, { sensor: "s1", service: "smtp", trustedHops: 1 });
      assert.ok(record.rcptTo.length <= spoolBounds.recipients && record.recipients >= 1);
      for (const address of record.rcptTo) assert.ok(address.length <= 500 && address.isWellFormed());
      assert.ok((record.helo ?? "").length <= spoolBounds.helo && (record.helo ?? "").isWellFormed());
    } catch (error) {
      assert.ok(error instanceof SpampotsError, String(error));
      assert.ok(["bad-address", "bad-instant", "bad-message"].includes(error.code), error.code);
      assert.ok(printable.test(String(error.facts.reason)));
    }
  },
);

test("the corpora of real messages are there", {
  skip: realMessages.length > 1900 ? false : "../shared/data/spam isn't there",
}, () => {
  assert.ok(realMessages.length > 1900);
});
