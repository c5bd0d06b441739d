/**
 * The query part of TAXII requests: filters, page size and cursor. Whatever is malformed is refused; what isn't known is
 * left aside, as URLs of later versions may have more. Pure.
 *
 * The cursor `next` says where a page ended and for which question: it isn't a secret and grants nothing, since the
 * question itself is asked again with each page, by the client that is there, of what it may read. One that was made
 * for another question is refused.
 *
 * @see TAXII 2.1 §3.4 (filtering), §3.5 (pagination), appendix B (security of `next`)
 */
import type { ObjectName, RecordQuery, VersionChoice } from "../../delivery/collection/read.ts";
import { badQuery, shortDigest } from "./answer.ts";

/** Records of a page: by default, and at most. */
export const [usualLimit, mostLimit] = [1000, 5000];

/** Filters that a resource knows beside `added_after`, `limit` and `next`. */
export type MatchField = "id" | "type" | "version" | "spec_version";

/** A question, and how much of the answer is wanted now. */
export interface TaxiiQuery extends RecordQuery {
  readonly limit: number;
  /** The same question for whoever asks on: the cursor behind a record. */
  nextAfter(added: number): string;
}

/**
 * Reads a query.
 *
 * @param scope what else tells this question from others: the collection and the resource.
 * @throws SpampotsError `bad-argument` for the first malformed parameter.
 */
export function readQuery(
  params: URLSearchParams,
  fields: readonly MatchField[],
  scope: readonly string[],
): TaxiiQuery {
  const once = (name: string): string | undefined => {
    const values = params.getAll(name);
    if (values.length > 1) throw badQuery(name, "Give it once; a comma stands between several values.");
    return values[0];
  };
  const match = (field: MatchField) => (fields.includes(field) ? once(`match[${field}]`) : undefined);
  const addedAfter = once("added_after");
  const after = addedAfter === undefined ? undefined : microseconds("added_after", addedAfter);
  const limit = readLimit(once("limit"));
  const ids = readList("match[id]", match("id"), idOf);
  const types = readList("match[type]", match("type"), typeOf);
  const versions = readVersions(match("version"));
  const specs = readList("match[spec_version]", match("spec_version"), specOf);
  const question = shortDigest(JSON.stringify([scope, after, ids, types, versions, specs]));
  const next = once("next");
  // All that is published here is of 2.1: who asks for other versions alone is answered with nothing.
  const others = specs !== undefined && !specs.includes("2.1");
  return {
    after: Math.max(after ?? -1, next === undefined ? -1 : readNext(next, question)),
    limit,
    ...(ids === undefined ? {} : { ids }),
    ...(types === undefined ? {} : { types }),
    ...(others ? { types: [] } : {}),
    versions,
    nextAfter: (added) => writeNext(added, question),
  };
}

function readLimit(text: string | undefined): number {
  if (text === undefined) return usualLimit;
  if (!/^\d+$/.test(text) || /^0+$/.test(text)) throw badQuery("limit", "Write a whole number above 0.");
  return Math.min(Number(text), mostLimit);
}

/** Values between commas, each once, in an order of their own. */
function readList<Value>(
  name: string,
  text: string | undefined,
  read: (name: string, item: string) => Value,
): readonly Value[] | undefined {
  if (text === undefined) return undefined;
  const items = text.split(",");
  if (items.includes("")) throw badQuery(name, "Write values with commas between them.");
  return [...new Set(items)].sort().map((item) => read(name, item));
}

function idOf(name: string, item: string): ObjectName {
  const found = readObjectId(item);
  if (found === undefined) throw badQuery(name, "Write STIX ids: a type, --, and a UUID.");
  return found;
}

/** A STIX id in its two parts. @see STIX 2.1 §2.9 */
export function readObjectId(text: string): ObjectName | undefined {
  const [, type, uuid] =
    /^([a-z0-9][a-z0-9-]{1,249})--([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})$/i.exec(text) ?? [];
  if (type === undefined || uuid === undefined) return undefined;
  return { type, uuid: uuid.replaceAll("-", "").toLowerCase() };
}

function typeOf(name: string, item: string): string {
  if (!/^[a-z0-9][a-z0-9-]{1,249}$/.test(item)) throw badQuery(name, "Write types of STIX objects.");
  return item;
}

function specOf(name: string, item: string): string {
  if (!/^\d{1,3}\.\d{1,3}$/.test(item)) throw badQuery(name, "Write versions of STIX, such as 2.1.");
  return item;
}

function readVersions(text: string | undefined): VersionChoice {
  const name = "match[version]";
  if (text === undefined) return { first: false, last: true, exact: [] };
  const items = text.split(",");
  if (items.includes("all")) {
    if (items.length > 1) throw badQuery(name, "`all` stands alone.");
    return "all";
  }
  const instants = items.filter((item) => item !== "first" && item !== "last").map((item) => microseconds(name, item));
  const words = items.filter((item) => item === "first" || item === "last");
  if (new Set(words).size < words.length || new Set(instants).size < instants.length)
    throw badQuery(name, "Write each version once.");
  return {
    first: words.includes("first"),
    last: words.includes("last"),
    exact: instants.map((instant) => instant / 1000),
  };
}

/** Microseconds since 1970 of an instant with up to six decimals. */
function microseconds(name: string, text: string): number {
  const [, second, decimals = ""] = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,6}))?Z$/.exec(text) ?? [];
  const milliseconds = second === undefined ? Number.NaN : Date.parse(`${second}Z`);
  // What the calendar doesn't have (30 February) is read as another day.
  if (Number.isNaN(milliseconds) || new Date(milliseconds).toISOString().slice(0, 19) !== second)
    throw badQuery(name, "Write an instant of UTC such as 2026-11-16T06:00:00.000000Z.");
  return milliseconds * 1000 + Number(decimals.padEnd(6, "0"));
}

/** 8 bytes of microseconds, 16 of the question's digest. */
function writeNext(added: number, question: Buffer): string {
  const place = Buffer.alloc(8);
  place.writeBigUInt64BE(BigInt(added));
  return Buffer.concat([place, question]).toString("base64url");
}

function readNext(text: string, question: Buffer): number {
  const bytes = Buffer.from(/^[\w-]{32}$/.test(text) ? text : "", "base64url");
  const added =
    bytes.length === 24 && bytes.subarray(8).equals(question) ? Number(bytes.readBigUInt64BE()) : Number.NaN;
  if (!Number.isSafeInteger(added))
    throw badQuery("next", "Write the `next` of the last answer, with the same filters as then.");
  return added;
}
