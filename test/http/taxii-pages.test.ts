/**
 * Laws of paging over a really served store: with whatever page size and filters, while more is published between any
 * two pages, a reader gets exactly what it should, each record once, in order.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type MadeObject, observable, openTaxiiWorld, type TaxiiWorld, versioned } from "./taxii-world.ts";

const collection = "/taxii2/feeds/collections/spam-sources/";

let serial = 0;
/** Parts that nobody has published yet, with repeats among them. */
function freshParts(sizes: readonly number[]): MadeObject[][] {
  serial += 1;
  const batch = serial;
  return sizes.map((size, part) => [
    versioned("identity", "issuer"),
    ...Array.from({ length: size }, (_, n) =>
      n % 3 === 0 ? observable("ipv4-addr", `${batch} ${n}`) : versioned("indicator", `${batch} ${part} ${n}`, batch),
    ),
  ]);
}

const keyOf = ({ id, modified, version }: MadeObject) =>
  `${id} ${modified ?? (version === "1970-01-01T00:00:00.000Z" ? "" : (version ?? ""))}`;

/** Reads to the end, by `next` or by the date of the last record; publishes a batch between the first pages. */
async function readAll(
  world: TaxiiWorld,
  resource: "objects" | "manifest",
  query: string,
  by: "next" | "added_after",
  limits: readonly number[],
  between: readonly (readonly number[])[],
): Promise<string[]> {
  const found: string[] = [];
  let place = "";
  for (let turn = 0; turn < 500; turn += 1) {
    const limit = limits[turn % limits.length];
    const answer = await world.get(`${collection}${resource}/?limit=${limit}${query}${place}`);
    assert.equal(answer.status, 200, answer.text);
    const { objects = [], more, next } = answer.body;
    assert.ok(objects.length <= (limit ?? 0));
    found.push(...objects.map(keyOf));
    const batch = between[turn];
    if (more !== true) {
      // Whoever reached the end comes again for what came later.
      if (batch === undefined) return found;
      if (objects.length > 0) place = `&added_after=${answer.headers.get("x-taxii-date-added-last")}`;
    } else if (by === "next") place = `&next=${next}`;
    else place = `&added_after=${answer.headers.get("x-taxii-date-added-last")}`;
    if (batch !== undefined) await world.publish(freshParts(batch));
  }
  return assert.fail("it never ends");
}

test("pages of any size, with any filter, while more is published, give everything once and in order", async (t) => {
  const world = await openTaxiiWorld(t);
  await world.publish(freshParts([7, 5]));
  const sizes = fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 2 });
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom("objects" as const, "manifest" as const),
      fc.constantFrom(
        "",
        "&match[type]=indicator",
        "&match[version]=all",
        "&match[type]=ipv4-addr,identity&match[version]=first",
      ),
      fc.constantFrom("next" as const, "added_after" as const),
      fc.array(fc.integer({ min: 2, max: 40 }), { minLength: 1, maxLength: 3 }),
      fc.array(sizes, { maxLength: 2 }),
      async (resource, query, asked, limits, between) => {
        const by = resource === "manifest" ? "added_after" : asked;
        // `next` goes on with the question it was made for: what a reader adds to it begins a new one.
        const found = await readAll(world, resource, query, by, limits, between);
        const whole = await readAll(world, resource, query, "added_after", [5000], []);
        assert.deepEqual(found, whole);
        assert.equal(new Set(found).size, found.length);
      },
    ),
    { numRuns: 25 },
  );
});

test("a page costs some parts at most: it ends earlier, says that there is more, and nothing is lost", async (t) => {
  const world = await openTaxiiWorld(t);
  const parts = Array.from({ length: 40 }, (_, n) => [
    versioned("grouping", `g ${n}`),
    observable("ipv4-addr", String(n)),
  ]);
  await world.publish(parts);
  const first = await world.get(`${collection}objects/?match[type]=grouping`);
  assert.deepEqual([first.body.objects?.length, first.body.more], [16, true]);
  const found = await readAll(world, "objects", "&match[type]=grouping", "next", [1000], []);
  assert.deepEqual(
    found,
    parts.map(([grouping]) => grouping && keyOf(grouping)),
  );
});

test("a page is of 16 MB at most, but for one object", async (t) => {
  const world = await openTaxiiWorld(t);
  const large = (n: number) => versioned("grouping", `g ${n}`, 0, { text: "x".repeat(3_000_000) });
  await world.publish([[0, 1, 2, 3, 4, 5, 6].map(large)]);
  const { body, text } = await world.get(`${collection}objects/`);
  assert.deepEqual([body.objects?.length, body.more], [5, true]);
  assert.ok(text.length < 16 * 1024 * 1024);
  assert.equal((await world.get(`${collection}objects/?next=${body.next}`)).body.objects?.length, 2);
});
