/** Cells by pieces of lines: found is what was kept for the very same bytes, whatever else was kept and however much. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { SpanCells } from "../../../src/lake/rows/span-cells.ts";

const viewOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
const found = (cells: SpanCells, entry: number) => ({
  first: Buffer.from(cells.bytes.subarray(cells.start(entry), cells.middle(entry))).toString("latin1"),
  second: Buffer.from(cells.bytes.subarray(cells.middle(entry), cells.end(entry))).toString("latin1"),
  note: cells.note(entry),
});

test("law: a piece is found by its bytes alone, wherever they stand, with what was kept for it", () => {
  const piece = fc.string({ unit: fc.constantFrom("a", "b", "\u0000", "\u00ff"), maxLength: 11 });
  fc.assert(
    fc.property(fc.array(fc.tuple(piece, fc.string(), fc.string(), fc.nat()), { maxLength: 40 }), (pieces) => {
      const cells = new SpanCells();
      const kept = new Map<string, { first: string; second: string; note: number }>();
      for (const [text, first, second, note] of pieces) {
        const line = Buffer.from(`xyz${text}z`, "latin1");
        const entry = cells.find(viewOf(line), 3, 3 + line.length - 4);
        assert.deepEqual(entry === 0 ? undefined : found(cells, entry), kept.get(text));
        if (entry !== 0) continue;
        const value = { first: Buffer.from(first).toString("latin1"), second: Buffer.from(second).toString("latin1") };
        cells.set(viewOf(line), 3, line.length - 1, Buffer.from(first), { more: Buffer.from(second), note });
        kept.set(text, { ...value, note });
      }
      for (const [text, value] of kept) {
        const line = Buffer.from(`${text}"`, "latin1");
        assert.deepEqual(found(cells, cells.find(viewOf(line), 0, line.length - 1)), value);
      }
    }),
  );
});

test("what is too long isn't kept, and of any number of pieces the memory is bounded", () => {
  const cells = new SpanCells();
  const long = Buffer.alloc(300, "a");
  cells.set(viewOf(long), 0, 257, Buffer.from("c"));
  assert.equal(cells.find(viewOf(long), 0, 257), 0);
  cells.set(viewOf(long), 0, 256, Buffer.alloc(5000));
  assert.equal(cells.find(viewOf(long), 0, 256), 0);
  for (let number = 0; number < 100_000; number += 1) {
    const piece = Buffer.from(`piece ${number}`);
    cells.set(viewOf(piece), 0, piece.length, Buffer.alloc(1000, "x"), { note: number });
    assert.equal(cells.note(cells.find(viewOf(piece), 0, piece.length)), number);
  }
  assert.ok(cells.bytes.length <= 16 << 20);
  cells.clear();
  const last = Buffer.from("piece 99999");
  assert.equal(cells.find(viewOf(last), 0, last.length), 0);
});
