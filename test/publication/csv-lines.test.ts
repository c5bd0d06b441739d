/** Lines of packed rows: what is copied and what is finished; sensors are found in them; no separator shifts a cell. */
import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import { test } from "node:test";
import type { Cell } from "../../src/model.ts";
import { besideForCsv, csvRenderer } from "../../src/publication/csv.ts";
import { temporaryFolder } from "../temporary-folder.ts";
import { contentOf, contextOf, madeRows, renderCsv } from "./slice-rows.ts";

test("what sensors are looked for in stands beside the key", () => {
  assert.deepEqual(besideForCsv(["timestamp", "source_ip", "source_port", "helo", "subject"]), ["helo", "subject"]);
  assert.deepEqual(besideForCsv(["source_ip"]), []);
});

test("plain words stay, and what merely resembles them is finished", async (t) => {
  const finished = new Map([
    ["a-b", "a-b"],
    ["a;b", "a;b"],
    ["a|b", "a|b"],
    ["a;-b", "a;'-b"],
    ["a -b", "a -b"],
    ["-a", "'-a"],
    [" a", " a"],
    [";a", ";a"],
    ["a;", "a;"],
    ["a,b", '"a,b"'],
    ["a.b:/_", "a.b:/_"],
    ["ä", "ä"],
    ["網路", "網路"],
    ["1", "1"],
    ["", ""],
    ["a;b;-1", "a;b;'-1"],
    ['"', '""""'],
    ["'a", "''a"],
  ]);
  const context = contextOf("capture", await temporaryFolder(t), { columns: ["helo", "subject"] });
  const texts = [...finished.keys()];
  const rows = texts.map((helo, n) => ({ key: `k${n}`, cells: { helo, subject: texts[n - 1] ?? null } }));
  const [artifact] = await renderCsv(context, rows);
  assert.ok(artifact);
  const lines = (await contentOf(artifact)).split("\r\n").slice(1, -1);
  const cells = [...finished.values()];
  assert.deepEqual(
    lines.map((line) => line.slice(17)),
    cells.map((cell, n) => `${cell},${cells[n - 1] ?? ""},AMBER`),
  );
});

test("a line whose last cell is a quote fits where the memory ends just behind it", async (t) => {
  const context = contextOf("capture", await temporaryFolder(t), { columns: ["helo"] });
  // Lines of 53 and of 29 bytes: the last begins 28 bytes before the first mebibyte is full.
  const rows = Array.from({ length: 36_157 }, (_, n) => ({
    key: `k${n}`,
    cells: { helo: n === 0 ? "a".repeat(28) : '"' },
  }));
  const [artifact] = await renderCsv(context, rows, [40_000]);
  assert.ok(artifact);
  const lines = (await contentOf(artifact)).split("\r\n").slice(2, -1);
  assert.equal(lines.length, 36_156);
  assert.deepEqual(new Set(lines.map((line) => line.slice(17))), new Set(['"""",AMBER']));
});

test("a text larger than the memory for a chunk's lines is written whole", async (t) => {
  const context = contextOf("capture", await temporaryFolder(t), { columns: ["helo", "subject"] });
  const subject = `"${"網".repeat(700_000)}`;
  const [artifact] = await renderCsv(context, [
    { key: "a", cells: { helo: "first" } },
    { key: "b", cells: { helo: "second", subject } },
    { key: "c", cells: { helo: "third" } },
  ]);
  assert.ok(artifact);
  const lines = (await contentOf(artifact)).split("\r\n").slice(1, -1);
  assert.deepEqual(
    lines.map((line) => line.slice(17)),
    ["first,,AMBER", `second,"""${subject.slice(1)}",AMBER`, "third,,AMBER"],
  );
});

test("a sensor in a packed text is found, by its column, and in what nobody wrote it isn't looked for", async (t) => {
  const columns = ["source_ip", "helo", "subject"];
  const hits = (text: string) => text.includes("pot-1.example");
  const renderOne = async (cells: Record<string, Cell>) => {
    const context = contextOf("capture", await temporaryFolder(t), { columns, hits });
    return renderCsv(context, [
      { key: "a", cells: { helo: "common", subject: "words" } },
      { key: "b", cells },
    ]);
  };
  await assert.rejects(renderOne({ helo: "h", subject: "seen pot-1.example open" }), {
    code: "sensor-exposed",
    facts: { feed: "spam-events", period: "2026-W46", column: "subject" },
  });
  await assert.rejects(renderOne({ helo: "pot-1.example" }), { code: "sensor-exposed" });
  assert.equal((await renderOne({ source_ip: "pot-1.example" })).length, 1);
});

test("a text that holds a separator is refused rather than shifted", async (t) => {
  for (const separator of ["\u001c", "\u001d", "\u001e"]) {
    const context = contextOf("capture", await temporaryFolder(t), { columns: ["source_ip", "helo"] });
    const row = { key: "a", cells: { helo: `a${separator}b`, source_ip: "203.0.113.7" } };
    await assert.rejects(renderCsv(context, [row]), { code: "internal" });
  }
});

test("threads make the same file, in its order, split files too", async (t) => {
  const rows = madeRows["source-day"](70_000);
  const made = async (threads: number, sizes: readonly number[]) => {
    const context = contextOf("source-day", await temporaryFolder(t), { threads, splitBy: "source_asn" });
    return (await renderCsv(context, rows, sizes)).map(({ name, sha256, rows: count }) => [name, sha256, count]);
  };
  const alone = await made(1, [2048]);
  assert.equal(alone.length, 5);
  assert.deepEqual(await made(2, [2048]), alone);
  assert.deepEqual(await made(3, [49_999, 1, 500]), alone);
});

test("a sensor is found in what threads made lines of, and abort leaves no file and no thread", async (t) => {
  const folder = await temporaryFolder(t);
  const hits = (text: string) => text.includes("pot-1.example");
  const context = contextOf("capture", folder, { columns: ["source_ip", "helo"], hits, threads: 2 });
  const rows = Array.from({ length: 60_000 }, (_, n) => ({
    key: `k${n}`,
    cells: { helo: n === 59_000 ? "pot-1.example" : `host-${n}` },
  }));
  const renderer = csvRenderer(context);
  await assert.rejects(renderCsv(context, rows, [2048], renderer), { code: "sensor-exposed" });
  await renderer.abort();
  assert.deepEqual(await readdir(folder), []);
});

test("a row that a thread refuses fails the slice", async (t) => {
  const context = contextOf("capture", await temporaryFolder(t), { columns: ["helo"], threads: 2 });
  const rows = Array.from({ length: 60_000 }, (_, n) => ({
    key: `k${n}`,
    cells: { helo: n === 55_000 ? "\u001e" : "a" },
  }));
  const renderer = csvRenderer(context);
  await assert.rejects(renderCsv(context, rows, [2048], renderer), { code: "internal" });
  await renderer.abort();
});
