/** Lines of packed rows: what is copied and what is finished; sensors are found in them; no separator shifts a cell. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Cell } from "../../src/model.ts";
import { besideForCsv } from "../../src/publication/csv.ts";
import { contentOf, contextOf, renderCsv, temporaryFolder } from "./slice-rows.ts";

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
  for (const separator of ["\u001d", "\u001e"]) {
    const context = contextOf("capture", await temporaryFolder(t), { columns: ["source_ip", "helo"] });
    const row = { key: "a", cells: { helo: `a${separator}b`, source_ip: "203.0.113.7" } };
    await assert.rejects(renderCsv(context, [row]), { code: "internal" });
  }
});
