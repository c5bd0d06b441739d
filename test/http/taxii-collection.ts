/** What most tests of TAXII ask: a collection of six objects, its addresses, and how an answer is read. */
import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { type Answer, idOf, observable, openTaxiiWorld, type TaxiiWorld, versioned } from "./taxii-world.ts";

export const mediaType = "application/taxii+json;version=2.1";
export const root = "/taxii2/feeds/";
export const collection = `${root}collections/spam-sources/`;
export const objects = `${collection}objects/`;
export const manifest = `${collection}manifest/`;

/** Five objects in two parts, the identity in both; then a later version of one, and one more. */
export async function published(t: TestContext): Promise<TaxiiWorld> {
  const world = await openTaxiiWorld(t);
  const issuer = versioned("identity", "issuer");
  await world.publish([
    [issuer, observable("ipv4-addr", "a"), versioned("indicator", "a")],
    [issuer, observable("ipv4-addr", "b"), versioned("indicator", "b")],
  ]);
  await world.publish([[issuer, versioned("indicator", "a", 7), observable("domain-name", "c")]]);
  return world;
}

export const indicatorA = idOf("indicator", "a");
export const [oldVersion, newVersion] = ["2026-11-09T05:00:00.000Z", "2026-11-09T05:00:00.007Z"];

/** What an answer lists: names and versions of objects. */
export const listed = ({ status, body }: Answer) => {
  assert.equal(status, 200, JSON.stringify(body));
  return (body.objects ?? []).map(({ id, modified, version }) => `${id} ${modified ?? version ?? ""}`.trim());
};
export const everyLatest = [
  `${idOf("identity", "issuer")} ${oldVersion}`,
  idOf("ipv4-addr", "a"),
  idOf("ipv4-addr", "b"),
  `${idOf("indicator", "b")} ${oldVersion}`,
  `${indicatorA} ${newVersion}`,
  idOf("domain-name", "c"),
];
export const firstAdded = (answer: Answer) => answer.headers.get("x-taxii-date-added-first");
export const lastAdded = (answer: Answer) => answer.headers.get("x-taxii-date-added-last");

/** Every address that answers with records or a resource. */
export const resources = [
  "/taxii2/",
  root,
  `${root}collections/`,
  collection,
  manifest,
  objects,
  `${objects}${indicatorA}/`,
  `${objects}${indicatorA}/versions/`,
];
export const ofRecords = resources.slice(4);
