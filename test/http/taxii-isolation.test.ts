/**
 * With one partner's token, every TAXII address that works for another answers exactly as one that never existed:
 * status, headers and body.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { collectionId } from "../../src/http/taxii.ts";
import { type Answer, idOf, observable, openTaxiiWorld, versioned } from "./taxii-world.ts";

const never = "00000000-0000-4000-8000-000000000000";

/** All that an answer says, but for when. */
const said = ({ status, headers, text }: Answer) => ({
  status,
  text,
  headers: [...headers].filter(([name]) => name !== "date"),
});

test("what is another's answers as what never was, on every path, by every method, with every query", async (t) => {
  const world = await openTaxiiWorld(t);
  await world.publish([[versioned("indicator", "shared"), observable("ipv4-addr", "own")]]);
  await world.publish([[versioned("indicator", "shared"), versioned("indicator", "foreign")]], {}, { partner: "ncc" });
  const foreignCollection = collectionId("ncc", "spam-sources");
  const next = (await world.get(`/taxii2/feeds/collections/${foreignCollection}/objects/?limit=1`, { partner: "ncc" }))
    .body.next;
  assert.ok(next);
  const foreignObject = idOf("indicator", "foreign");
  const queries = [
    "",
    "?limit=1",
    "?limit=0",
    "?match[version]=all",
    "?added_after=2026-01-01T00:00:00.000000Z",
    `?next=${next}`,
  ];
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom("", "objects/", "manifest/", "objects/ID/", "objects/ID/versions/", "nothing/"),
      fc.constantFrom(...queries),
      fc.constantFrom("GET", "HEAD", "POST", "DELETE", "PUT"),
      fc.constantFrom(foreignObject, idOf("indicator", "shared")),
      async (path, query, method, object) => {
        const ask = (collection: string, id: string) =>
          world.get(`/taxii2/feeds/collections/${collection}/${path.replace("ID", id)}${query}`, {
            partner: "twcert",
            method,
          });
        assert.deepEqual(said(await ask(foreignCollection, object)), said(await ask(never, object)));
        // In a collection of its own, another's object is one that never was.
        if (path.includes("ID")) {
          const own = collectionId("twcert", "spam-sources");
          assert.deepEqual(said(await ask(own, foreignObject)), said(await ask(own, idOf("indicator", "never"))));
        }
      },
    ),
    { numRuns: 150 },
  );
});

test("another's cursor answers as one that was never made, and nothing of another's comes by any filter", async (t) => {
  const world = await openTaxiiWorld(t);
  await world.publish([[versioned("indicator", "own")]]);
  const before = await world.get("/taxii2/feeds/collections/spam-sources/objects/");
  await world.publish([[versioned("indicator", "a"), versioned("indicator", "b")]], {}, { partner: "ncc" });
  const { next } = (await world.get("/taxii2/feeds/collections/spam-sources/objects/?limit=1", { partner: "ncc" }))
    .body;
  const own = "/taxii2/feeds/collections/spam-sources/objects/";
  assert.deepEqual(
    said(await world.get(`${own}?next=${next}`)),
    said(await world.get(`${own}?next=${"A".repeat(32)}`)),
  );
  assert.deepEqual(said(await world.get(own)), said(before));
  for (const query of ["match[version]=all", `match[id]=${idOf("indicator", "a")},${idOf("indicator", "own")}`])
    assert.deepEqual((await world.get(`${own}?${query}`)).body.objects, [versioned("indicator", "own")]);
});
