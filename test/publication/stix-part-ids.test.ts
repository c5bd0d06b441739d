/** The ids of a part, beside a `Set` of texts. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { PartIds } from "../../src/publication/stix-part-ids.ts";

const id = (n: number) => `observed-data--00000000-0000-4000-8000-${n.toString(16).padStart(12, "0")}`;

/** Adds ids to both, each in the midst of other bytes, and compares what they say. */
function compare(ids: PartIds, names: readonly string[]): void {
  const set = new Set<string>();
  for (const name of names) {
    const bytes = Buffer.from(`"${name}","`);
    const end = 1 + name.length;
    assert.equal(ids.has(bytes, 1, end), set.has(name));
    assert.equal(ids.add(bytes, 1, end), !set.has(name));
    set.add(name);
    assert.equal(ids.has(bytes, 1, end), true);
    assert.equal(ids.size, set.size);
  }
  assert.deepEqual(JSON.parse(`[${Buffer.from(ids.items).toString()}]`), [...set]);
}

test("law: ids are told apart as texts are, and listed once, in their order, also after a part", () => {
  // Few characters and lengths, so that one is another's end, and many meet at one slot.
  const name = fc.string({ unit: fc.constantFrom("a", "b", "-"), minLength: 1, maxLength: 12 });
  const ids = new PartIds();
  fc.assert(
    fc.property(fc.array(name, { maxLength: 60 }), (names) => {
      ids.clear();
      compare(ids, names);
    }),
  );
});

test("more ids than there were slots for are told apart", () => {
  const names = Array.from({ length: 20_000 }, (_, n) => id(n));
  compare(new PartIds(), [...names, ...names]);
});
