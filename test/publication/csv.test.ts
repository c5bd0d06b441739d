/** CSV: forms of cells, quotes, formulas, sameness of bytes, files by AS. */
import assert from "node:assert/strict";
import { createHash, createHmac } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { gunzipSync } from "node:zlib";
import { parse } from "csv-parse/sync";
import { stringify } from "csv-stringify/sync";
import fc from "fast-check";
import { secondsInstant } from "../../src/feed/period.ts";
import { plain } from "../../src/log.ts";
import type { Cell } from "../../src/model.ts";
import { instantText } from "../../src/publication/cells.ts";
import { csvRenderer, unescapeCell } from "../../src/publication/csv.ts";
import { rowIds } from "../../src/publication/row-id.ts";
import { temporaryFolder } from "../temporary-folder.ts";
import { contentOf, contextOf, type MadeRow, madeRows, packedChunk, renderCsv, week } from "./slice-rows.ts";

/** Text as spammers write it: any code unit, and more than its share of what spreadsheets run. */
const hostileText = fc
  .oneof(
    fc.string({ unit: "binary", maxLength: 20 }),
    fc.array(fc.constantFrom("=", "-", ";", "'", '"', ",", "a", " ", "|", "＝", "\u2028", "1"), { maxLength: 6 }),
    fc.tuple(
      fc.constantFrom("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠", "'", '"', ",", ";", "\n"),
      fc.string(),
    ),
  )
  .map((made) => (typeof made === "string" ? made : made.join("")))
  // No text of the lake holds what separates packed rows, their parts and cells.
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are control characters for that reason
  .map((text) => text.replace(/[\u001c-\u001e]/g, ""));

const textColumns = ["helo", "subject", "url_hosts"];
const rowsOf = (texts: readonly (readonly [string | null, string | null, string | null])[]): MadeRow[] =>
  texts.map(([helo, subject, hosts], n) => ({ key: `k${n}`, cells: { helo, subject, url_hosts: hosts } }));
const hostileRows = fc.array(fc.tuple(fc.option(hostileText), fc.option(hostileText), fc.option(hostileText)), {
  maxLength: 30,
});

test("a row of spam-sources has every form of cell", async (t) => {
  const folder = await temporaryFolder(t);
  const context = contextOf("source-day", folder, { tlp: "AMBER+STRICT" });
  const at = Date.UTC(2026, 10, 10, 3, 12, 44, 987);
  const cells: Record<string, Cell> = {
    timestamp: at,
    source_ip: "203.0.113.7",
    source_port: 40_001,
    transport: "tcp",
    service: "socks5",
    abused_port: 1080,
    source_asn: 64_500n,
    source_as_name: 'EXAMPLE, "TW"',
    day: Date.UTC(2026, 10, 10),
    first_seen: at,
    captures: 9_007_199_254_740_993n,
    target_economies: "JP:5;US:6",
    exemplars: [
      [BigInt(at), 40_001, 1080],
      [at - 61_000, 51_544n, 8080],
    ],
    redacted: "last_seen;recipients",
  };
  const [artifact] = await renderCsv(context, [{ key: "k", cells }]);
  assert.ok(artifact);
  assert.equal(artifact.name, "spam-sources_2026-W46_tlp-amber-strict.csv.gz");
  assert.equal(artifact.rows, 1);
  const id = createHmac("sha256", context.siteKey).update("spam-sources\u001fk").digest("hex").slice(0, 16);
  assert.equal(
    await contentOf(artifact),
    "row_id,timestamp,source_ip,source_port,transport,service,abused_port,source_asn,source_as_name,source_economy,day," +
      "first_seen,last_seen,captures,recipients,connections,sensors,target_economies,exemplars,classification_type," +
      "classification_identifier,redacted,tlp\r\n" +
      `${id},2026-11-10T03:12:44Z,203.0.113.7,40001,tcp,socks5,1080,64500,"EXAMPLE, ""TW""",,2026-11-10,` +
      "2026-11-10T03:12:44Z,,9007199254740993,,,,JP:5;US:6,2026-11-10T03:12:44Z|40001|1080;2026-11-10T03:11:43Z|51544|8080,,," +
      "last_seen;recipients,AMBER+STRICT\r\n",
  );
});

test("booleans are words and an empty slice is its header", async (t) => {
  const context = contextOf("url-day", await temporaryFolder(t), { columns: ["benign"] });
  const [some] = await renderCsv(context, [
    { key: "a", cells: { benign: true } },
    { key: "b", cells: { benign: false } },
  ]);
  assert.ok(some);
  assert.match(await contentOf(some), /^row_id,benign,tlp\r\n\w{16},true,AMBER\r\n\w{16},false,AMBER\r\n$/);
  const empty = contextOf("url-day", await temporaryFolder(t), { columns: ["benign"] });
  const [none] = await csvRenderer(empty).finish();
  assert.ok(none);
  assert.equal(await contentOf(none), "row_id,benign,tlp\r\n");
  assert.equal(none.rows, 0);
});

test("an artifact states its file's and its content's bytes and digests", async (t) => {
  const context = contextOf("capture", await temporaryFolder(t));
  const [artifact] = await renderCsv(context, madeRows.capture(9000));
  assert.ok(artifact);
  const file = await readFile(artifact.path);
  const content = gunzipSync(file);
  const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");
  assert.ok(content.length > 2 << 20, "more than two blocks are wanted");
  assert.deepEqual(
    [artifact.bytes, artifact.sha256, artifact.contentBytes, artifact.contentSha256],
    [file.length, sha256(file), content.length, sha256(content)],
  );
  // RFC 1952 §2.3.1: no flags, no time, unknown system.
  assert.deepEqual([...file.subarray(0, 10)], [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff]);
  assert.equal(artifact.mediaType, "text/csv; charset=utf-8; header=present");
  assert.equal(artifact.contentEncoding, "gzip");
});

test("law: the bytes are those csv-stringify gives for the whole rows", async (t) => {
  await fc.assert(
    fc.asyncProperty(hostileRows, async (texts) => {
      const context = contextOf("capture", await temporaryFolder(t), { columns: textColumns });
      const [artifact] = await renderCsv(context, rowsOf(texts), [7]);
      assert.ok(artifact);
      const id = rowIds(context.siteKey, context.feed);
      const clean = (text: string | null) =>
        text === null
          ? ""
          : plain(text)
              .replace(/;(?=['=+\-@＝＋－＠])/g, ";'")
              .replace(/^'/, "''");
      const records = texts.map((row, n) => [id(`k${n}`), ...row.map(clean), "AMBER"]);
      const options = { record_delimiter: "\r\n", eof: true, escape_formulas: true };
      assert.equal(await contentOf(artifact), stringify([["row_id", ...textColumns, "tlp"], ...records], options));
    }),
    { numRuns: 60 },
  );
});

test("law: a CSV reader and unescapeCell give back every text, and no cell begins like a formula", async (t) => {
  await fc.assert(
    fc.asyncProperty(hostileRows, async (texts) => {
      const context = contextOf("capture", await temporaryFolder(t), { columns: textColumns });
      const [artifact] = await renderCsv(context, rowsOf(texts));
      assert.ok(artifact);
      const records: string[][] = parse(await contentOf(artifact), { record_delimiter: "\r\n", from: 2 });
      assert.equal(records.length, texts.length);
      for (const [n, [, ...cells]] of records.entries()) {
        for (const [column, cell] of cells.slice(0, 3).entries()) {
          // Also where a spreadsheet separates cells by `;`, as those of many economies do.
          assert.doesNotMatch(cell, /(?:^|;)[=+\-@\t\r＝＋－＠]/u);
          assert.doesNotMatch(cell, /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u);
          assert.equal(unescapeCell(cell), plain(texts[n]?.[column] ?? ""));
        }
      }
    }),
    { numRuns: 60 },
  );
});

test("a formula behind a semicolon is escaped like one at the start, and comes back", async (t) => {
  const context = contextOf("capture", await temporaryFolder(t), { columns: ["subject"] });
  const texts = ["x;=cmd|' /C calc'!A0;y", "a;'=b", "1;-2", "a;b;c"];
  const rows = texts.map((subject, index) => ({ key: `k${index}`, cells: { subject } }));
  const [artifact] = await renderCsv(context, rows);
  assert.ok(artifact);
  const records: string[][] = parse(await contentOf(artifact), { record_delimiter: "\r\n", from: 2 });
  const cells = records.map(([, cell = ""]) => cell);
  assert.deepEqual(cells, ["x;'=cmd|' /C calc'!A0;y", "a;''=b", "1;'-2", "a;b;c"]);
  assert.deepEqual(cells.map(unescapeCell), texts);
});

test("law: chunks of any size give the same file", async (t) => {
  const rows = madeRows.capture(400);
  const digests = new Set<string>();
  for (const sizes of [[400], [1, 3, 50], [399, 1], [64]]) {
    const context = contextOf("capture", await temporaryFolder(t));
    const [artifact] = await renderCsv(context, rows, sizes);
    digests.add(`${artifact?.sha256} ${artifact?.contentSha256}`);
  }
  assert.equal(digests.size, 1);
});

test("large contents are cut into blocks by their bytes alone", async (t) => {
  const rows = madeRows.capture(6000);
  const digests = new Set<string>();
  for (const sizes of [[2048], [1777], [6000]]) {
    const context = contextOf("capture", await temporaryFolder(t));
    const [artifact] = await renderCsv(context, rows, sizes);
    digests.add(`${artifact?.sha256}`);
  }
  assert.equal(digests.size, 1);
});

test("more distinct texts than are remembered change nothing", async (t) => {
  const rows = Array.from({ length: 90_000 }, (_, n) => ({
    key: `k${n}`,
    cells: { subject: `=text ${n % 45_000}`, helo: "a,b" },
  }));
  const context = contextOf("capture", await temporaryFolder(t), { columns: ["subject", "helo"] });
  const [artifact] = await renderCsv(context, rows);
  assert.ok(artifact);
  const lines = (await contentOf(artifact)).split("\r\n");
  assert.equal(lines.length, rows.length + 2);
  for (const n of [0, 44_999, 45_000, 89_999]) {
    assert.equal(lines[n + 1]?.slice(17), `'=text ${n % 45_000},"a,b",AMBER`);
  }
});

test("a text that names a sensor stops the slice, and abort leaves no file", async (t) => {
  const folder = await temporaryFolder(t);
  const asked: string[] = [];
  const hits = (text: string) => {
    asked.push(text);
    return text.includes("192.0.2.99");
  };
  const context = contextOf("capture", folder, { columns: ["subject", "language"], hits, splitBy: "source_asn" });
  const renderer = csvRenderer(context);
  const row = (key: string, subject: string | null) => ({ key, cells: { subject, language: "192.0.2.99" } });
  await renderer.write(packedChunk(context.columns, [row("a", "hello"), row("b", "hello")]));
  assert.deepEqual(asked, ["hello"], "each distinct attacker-written text is looked at once, no other text");
  await assert.rejects(
    renderCsv(context, [row("c", null), row("d", "my 192.0.2.99\u200b!")], [2], renderer),
    (error) => {
      assert.ok(error instanceof Error && "code" in error && error.code === "sensor-exposed");
      assert.doesNotMatch(JSON.stringify({ ...error, message: error.message }), /192\.0\.2\.99/);
      return true;
    },
  );
  await renderer.abort();
  assert.deepEqual(await readdir(folder), []);
});

test("files by AS hold together the rows of the whole, in its order", async (t) => {
  const context = contextOf("source-day", await temporaryFolder(t), { splitBy: "source_asn" });
  const [whole, ...split] = await renderCsv(context, madeRows["source-day"](300), [70]);
  assert.ok(whole);
  const stem = "spam-sources_2026-W46_tlp-amber";
  assert.deepEqual(
    split.map(({ name }) => name),
    ["AS64500", "AS64501", "AS64502", "AS-unknown"].map((mark) => `${stem}_${mark}.csv.gz`),
  );
  const [header, ...lines] = (await contentOf(whole)).trimEnd().split("\r\n");
  const apart = new Map<string, string[]>();
  for (const file of split) {
    const [own, ...rows] = (await contentOf(file)).trimEnd().split("\r\n");
    assert.equal(own, header);
    assert.equal(rows.length, file.rows);
    apart.set(/_AS(.+)\.csv/.exec(file.name)?.[1] ?? "", rows);
  }
  const next = lines.map((line) => apart.get(line.split(",")[7] || "-unknown")?.shift());
  assert.deepEqual(next, lines);
});

test("rows that wait for their file on disk come back whole and in order", async (t) => {
  const folder = await temporaryFolder(t);
  const columns = ["source_asn", "source_as_name"];
  const name = "網".repeat(500);
  const rows = Array.from({ length: 40_000 }, (_, n) => ({
    key: `k${n}`,
    cells: { source_asn: n % 2, source_as_name: `${n} ${name}` },
  }));
  const context = contextOf("source-day", folder, { columns, splitBy: "source_asn" });
  const artifacts = await renderCsv(context, rows);
  for (const as of [0, 1]) {
    const file = artifacts.find((artifact) => artifact.name.includes(`_AS${as}.`));
    assert.ok(file);
    const lines = (await contentOf(file)).trimEnd().split("\r\n").slice(1);
    assert.equal(lines.length, 20_000);
    assert.ok(lines.every((line, n) => line.slice(17) === `${as},${n * 2 + as} ${name},AMBER`));
  }
  assert.deepEqual((await readdir(folder)).length, artifacts.length, "nothing waits any longer");
});

test("a disk that refuses is disk-failed, and abort is quiet", async (t) => {
  const context = contextOf("capture", join(await temporaryFolder(t), "missing"));
  const renderer = csvRenderer(context);
  await assert.rejects(renderCsv(context, madeRows.capture(3), [3], renderer), { code: "disk-failed" });
  await renderer.abort();
});

test("law: row_id is RFC 2104's HMAC-SHA-256 over feed and key, whatever their lengths", () => {
  const siteKeys = fc.uint8Array({ maxLength: 150, size: "max" });
  const rowKeys = fc.array(fc.string({ unit: "binary", maxLength: 400, size: "max" }));
  fc.assert(
    fc.property(siteKeys, rowKeys, (key, rows) => {
      const id = rowIds(key, "spam-events");
      for (const row of [...rows, "網".repeat(200), "short"]) {
        const digits = createHmac("sha256", key).update(`spam-events\u001f${row}`).digest("hex");
        const parts = digits.match(/.{16}/g) ?? [];
        assert.equal(
          id(row),
          parts.find((part) => !/^\d+(e\d+)?$/.test(part)),
        );
      }
    }),
  );
});

test("a row_id that a spreadsheet would take for a number isn't given", () => {
  const id = rowIds(Buffer.from("key"), "spam-sources");
  const keys = Array.from({ length: 20_000 }, (_, index) => `row ${index}`);
  const digits = (key: string) => createHmac("sha256", "key").update(`spam-sources\u001f${key}`).digest("hex");
  const numberLike = keys.filter((key) => /^\d+(e\d+)?$/.test(digits(key).slice(0, 16)));
  assert.ok(numberLike.length > 0, "the rule is tried");
  for (const key of numberLike) assert.equal(id(key), digits(key).slice(16, 32));
});

test("law: instants are written in whole seconds, cut off", () => {
  const instants = fc.integer({ min: Date.UTC(1960, 0, 1), max: Date.UTC(2100, 0, 1) });
  fc.assert(fc.property(instants, (instant) => assert.equal(instantText(instant), secondsInstant(instant))));
  assert.equal(instantText(week.end - 1), "2026-11-15T23:59:59Z");
});
