/** Rows as bytes: every cell comes out as it was meant, and none holds a control character. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { listSeparator, nullCell, RowBuffer } from "../../../src/lake/rows/row-buffer.ts";
import { plain } from "../../../src/log.ts";

const written = (write: (to: RowBuffer) => void): string => {
  const to = new RowBuffer();
  write(to);
  return Buffer.from(to.take()).toString();
};

test("law: texts come out as they are, without control characters or halves of surrogate pairs", () => {
  const text = fc.oneof(
    fc.string({ unit: "binary", maxLength: 80 }),
    fc.string({ unit: "grapheme", maxLength: 80 }),
    fc.constantFrom("a\tb", "a\nb", "\u0001", "\ud800", "x".repeat(5000), "é".repeat(4000), "\u007f", "~ !"),
  );
  fc.assert(
    fc.property(fc.array(text, { minLength: 1, maxLength: 6 }), (texts) => {
      const row = written((to) => {
        for (const one of texts) to.text(one);
        to.endRow();
      });
      // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what must not be there
      const cell = (one: string) => (/[\u0000-\u001f\u007f]/.test(one) ? plain(one) : one.toWellFormed());
      assert.equal(row, `${texts.map((one) => (one === "" ? nullCell : cell(one))).join("\t")}\n`);
    }),
    { numRuns: 1000 },
  );
});

test("law: integers come out in digits", () => {
  const integer = fc.oneof(
    fc.integer(),
    fc.maxSafeInteger(),
    fc.constantFrom(0, 9, 10, 99_999_999, 100_000_000, 1_000_000_001, 2 ** 53 - 1, -1, -(2 ** 53) + 1),
  );
  fc.assert(
    fc.property(fc.array(integer, { minLength: 1, maxLength: 30 }), (values) => {
      const row = written((to) => {
        for (const value of values) to.integer(value);
        to.integers(Float64Array.from(values));
        to.endRow();
      });
      const digits = values.map((value) => String(value === 0 ? 0 : value));
      assert.equal(row, `${digits.join("\t")}\t${digits.join(listSeparator)}\n`);
    }),
    { numRuns: 1000 },
  );
});

test("absence is NULL; lists hold parts made plain", () => {
  const row = written((to) => {
    to.text(undefined);
    to.integer(undefined);
    to.integers(new Float64Array());
    to.list([]);
    to.flag(true);
    to.flag(false);
    to.list([
      ["a", undefined, 7],
      ["b\u202e\u001f", "", 0],
    ]);
    to.endRow();
  });
  const list = `a\u001f\u001f7${listSeparator}b\ufffd\ufffd\u001f\u001f0`;
  assert.equal(row, `${[nullCell, nullCell, nullCell, nullCell, "true", "false", list].join("\t")}\n`);
});

test("what was taken isn't touched by what comes after", () => {
  const to = new RowBuffer();
  to.text("first");
  to.endRow();
  const first = to.take();
  to.text("second");
  to.endRow();
  assert.equal(Buffer.from(first).toString(), "first\n");
  assert.equal(Buffer.from(to.take()).toString(), "second\n");
});
