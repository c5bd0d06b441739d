/**
 * Pages of objects, cut from the parts: only those parts are read that hold an object of the page, one after another,
 * and of each only the objects' own bytes are kept, which go out as they were signed.
 *
 * @see TAXII 2.1 §3.7 (envelope)
 */

import type { Collection, Collections } from "../../delivery/collection/collections.ts";
import type { PartSource } from "../../delivery/collection/parts.ts";
import type { CollectionReader, ObjectRecord } from "../../delivery/collection/read.ts";
import type { IndexedPart } from "../../delivery/collection/schema.ts";
import type { TaxiiQuery } from "./query.ts";

/** What bounds the cost of a page beside its `limit`: it ends earlier, and says that there is more. */
const [mostParts, mostBytes] = [16, 16 * 1024 * 1024];

/** Records of one part that stand on a page. */
interface Cut {
  readonly part: IndexedPart;
  readonly records: ObjectRecord[];
}

/** A page before its objects are read. */
export interface Page {
  readonly records: readonly ObjectRecord[];
  readonly cuts: readonly Cut[];
  /** True where the question has more records. */
  readonly more: boolean;
}

/** The records of the next page of a question, without content. */
export function recordsOf(collection: Collection, query: TaxiiQuery): Omit<Page, "cuts"> {
  const found = collection.ask((reader) => reader.records(query, query.limit + 1));
  return { records: found.slice(0, query.limit), more: found.length > query.limit };
}

/** The next page of a question: what it holds, and where that stands. */
export function pageOf(collection: Collection, query: TaxiiQuery): Page {
  return collection.ask((reader) => {
    const found = reader.records(query, query.limit + 1);
    const cuts = cutsOf(reader, found.slice(0, query.limit));
    const records = cuts.flatMap((cut) => cut.records);
    return { records, cuts, more: found.length > records.length };
  });
}

/** Neighbouring records by part, as many as a page may cost; the first one always. */
function cutsOf(reader: CollectionReader, records: readonly ObjectRecord[]): readonly Cut[] {
  const cuts: Cut[] = [];
  let bytes = 0;
  for (const record of records) {
    bytes += record.length;
    if (bytes > mostBytes && cuts.length > 0) break;
    const last = cuts.at(-1);
    if (last !== undefined && record.added < last.part.first + last.part.objects) {
      last.records.push(record);
      continue;
    }
    const part = reader.partAt(record.added);
    if (part === undefined || cuts.length === mostParts) break;
    cuts.push({ part, records: [record] });
  }
  return cuts;
}

const [comma, end] = [Buffer.from(","), Buffer.from("]}")];

/** The envelope of a page in pieces. @throws SpampotsError where a part is gone or isn't what was signed. */
export async function envelopeOf(
  { cuts, records, more }: Page,
  query: TaxiiQuery,
  source: PartSource,
  collections: Collections,
): Promise<readonly Uint8Array[]> {
  const last = records.at(-1);
  if (last === undefined) return [Buffer.from("{}")];
  const beginning = more ? { more, next: query.nextAfter(last.added) } : {};
  const head = JSON.stringify(beginning).slice(0, -1);
  const pieces: Uint8Array[] = [Buffer.from(`${head}${more ? "," : ""}"objects":[`)];
  for (const { part, records: wanted } of cuts) {
    for (const text of await collections.texts(source, part, wanted)) pieces.push(text, comma);
  }
  pieces[pieces.length - 1] = end;
  return pieces;
}
