/** CSV of packed rows: the same bytes as by columns, whatever senders wrote; sensors are found in it too. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { cellSeparator, type Packed, partOfRow } from "../../src/feed/slice.ts";
import type { Cell } from "../../src/model.ts";
import { csvRenderer, packedCsvRenderer, packedForCsv } from "../../src/publication/csv.ts";
import { contentOf, contextOf, type MadeRow, madeRows, render, temporaryFolder } from "./slice-rows.ts";

/** Texts as the lake may hold them: without control characters. Signs that matter to CSV readers come often. */
const laketext = fc
  .oneof(
    fc.string({ unit: "binary", maxLength: 12 }),
    fc.array(fc.constantFrom("=", "-", ";", "'", '"', ",", "a", " ", "@", "＝", "\u2028", "1"), { maxLength: 6 }),
  )
  .map((found) => (typeof found === "string" ? found : found.join("")))
  // biome-ignore lint/suspicious/noControlCharactersInRegex: what the lake replaces
  .map((text) => text.replace(/[\u0000-\u001f\u007f]/g, ""));

function howOf(columns: readonly string[]): Packed {
  const how = packedForCsv(columns);
  assert.ok(how);
  return how;
}

/** A row as SQL packs it: see `packedRow` in feed/slice.ts. */
function packedRow(columns: readonly string[], { key, cells }: MadeRow): MadeRow {
  const { beside, cells: joined, alone } = howOf(columns);
  const textOf = (names: readonly string[]) => names.map((name) => cells[name] ?? "").join(cellSeparator);
  const own = Object.fromEntries(alone.map((name) => [name, cells[name] ?? null]));
  return { key: [key, textOf(beside), textOf(joined)].join(partOfRow), cells: own };
}

test("a first column may need a form of its own; what sensors are looked for in stands beside the key", () => {
  assert.deepEqual(packedForCsv(["timestamp", "source_ip", "source_port", "helo", "subject"]), {
    alone: ["timestamp"],
    cells: ["source_ip", "source_port", "helo", "subject"],
    beside: ["helo", "subject"],
  });
  assert.deepEqual(packedForCsv(["source_ip"]), { alone: [], cells: ["source_ip"], beside: [] });
  assert.equal(packedForCsv(["source_ip", "timestamp"]), undefined);
  assert.equal(packedForCsv(["timestamp"]), undefined);
});

test("law: packed rows come to the bytes of rows by column", async (t) => {
  const columns = ["timestamp", "source_ip", "source_port", "helo", "subject", "url_hosts"];
  const text = fc.option(laketext);
  const row = fc.tuple(fc.nat(2 ** 41), fc.nat(65_535), text, text, text);
  await fc.assert(
    fc.asyncProperty(fc.array(row, { maxLength: 30 }), async (made) => {
      const rows = made.map(([timestamp, source_port, helo, subject, url_hosts], n) => ({
        key: `k${n}`,
        cells: { timestamp, source_ip: "203.0.113.7", source_port, helo, subject, url_hosts },
      }));
      const byColumn = contextOf("capture", await temporaryFolder(t), { columns });
      const packed = { ...byColumn, folder: await temporaryFolder(t) };
      const [one] = await render(csvRenderer(byColumn), columns, rows, [7]);
      const packedRows = rows.map((entry) => packedRow(columns, entry));
      const [other] = await render(packedCsvRenderer(packed, howOf(columns)), howOf(columns).alone, packedRows, [4]);
      assert.ok(one && other);
      assert.equal(await contentOf(other), await contentOf(one));
      assert.deepEqual({ ...other, path: "" }, { ...one, path: "" });
    }),
    { numRuns: 100 },
  );
});

test("plain words stay, and what merely resembles them is finished", async (t) => {
  const columns = ["helo", "subject"];
  const texts = ["a-b", "a;b", "a;-b", "a -b", "-a", " a", ";a", "a;", "a,b", "a.b:/_", "ä", "1", "a;b;-1"];
  const rows = texts.map((helo, n) => ({ key: `k${n}`, cells: { helo, subject: texts[n - 1] ?? null } }));
  const byColumn = contextOf("capture", await temporaryFolder(t), { columns });
  const packed = { ...byColumn, folder: await temporaryFolder(t) };
  const [one] = await render(csvRenderer(byColumn), columns, rows);
  const packedRows = rows.map((entry) => packedRow(columns, entry));
  const [other] = await render(packedCsvRenderer(packed, howOf(columns)), [], packedRows);
  assert.ok(one && other);
  assert.equal(await contentOf(other), await contentOf(one));
  assert.match(await contentOf(other), /,a;'-b,a;b,AMBER/);
});

test("every column of a capture, packed", async (t) => {
  const byColumn = contextOf("capture", await temporaryFolder(t));
  const packed = { ...byColumn, folder: await temporaryFolder(t) };
  const rows = madeRows.capture(3000);
  const [one] = await render(csvRenderer(byColumn), byColumn.columns, rows);
  const packedRows = rows.map((entry) => packedRow(byColumn.columns, entry));
  const [other] = await render(
    packedCsvRenderer(packed, howOf(byColumn.columns)),
    howOf(byColumn.columns).alone,
    packedRows,
  );
  assert.equal(other?.contentSha256, one?.contentSha256);
});

test("a sensor in a packed text is found, by its column, and in what nobody wrote it isn't looked for", async (t) => {
  const columns = ["source_ip", "helo", "subject"];
  const hits = (text: string) => text.includes("pot-1.example");
  const renderOne = async (cells: Record<string, Cell>) => {
    const context = contextOf("capture", await temporaryFolder(t), { columns, hits });
    return render(
      packedCsvRenderer(context, howOf(columns)),
      [],
      [
        packedRow(columns, { key: "a", cells: { helo: "common", subject: "words" } }),
        packedRow(columns, { key: "b", cells }),
      ],
    );
  };
  await assert.rejects(renderOne({ helo: "h", subject: "seen pot-1.example open" }), {
    code: "sensor-exposed",
    facts: { feed: "spam-events", period: "2026-W46", column: "subject" },
  });
  await assert.rejects(renderOne({ helo: "pot-1.example" }), { code: "sensor-exposed" });
  assert.equal((await renderOne({ source_ip: "pot-1.example" })).length, 1);
});

test("a text that holds a row's separator is refused rather than shifted", async (t) => {
  const columns = ["source_ip", "helo"];
  const context = contextOf("capture", await temporaryFolder(t), { columns });
  const row = packedRow(columns, { key: "a", cells: { helo: "a\u001db", source_ip: "203.0.113.7" } });
  await assert.rejects(render(packedCsvRenderer(context, howOf(columns)), [], [row]), { code: "internal" });
});
