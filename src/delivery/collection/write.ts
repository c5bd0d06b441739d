/**
 * Parts into the index of a collection, and out of it again, whole and in any order: what TAXII lists is a function of
 * the parts that are in, not of how they came.
 *
 * @see `schema.ts` for what the columns mean
 */
import type { DatabaseSync } from "node:sqlite";
import { gunzipSync } from "node:zlib";
import { z } from "zod";
import { SpampotsError } from "../../errors.ts";
import { unpackOptions } from "./parts.ts";
import { type IndexedPart, inTransaction } from "./schema.ts";

/**
 * Version of objects that have no time of their own, in milliseconds: observables never change under their id, so any
 * constant does. This one can't be taken for an instant of ours.
 *
 * @see TAXII 2.1 §5.3.1 (version of a manifest record)
 */
export const timelessVersion = 0;

/** A version as STIX writes it: what else a part could hold isn't ours. */
const time = z.string().regex(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/);

/** What of an object the index knows. */
const lineSchema = z.object({
  id: z.string().regex(/^[a-z0-9-]+--[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/),
  spec_version: z.literal("2.1"),
  modified: time.optional(),
  created: time.optional(),
});

interface Line {
  readonly type: string;
  readonly uuid: Uint8Array;
  /** Milliseconds. */
  readonly version: number;
  readonly start: number;
  readonly length: number;
}

const newline = 0x0a;

/** The objects of a part's content, which has one a line between its first line and its last. */
function* linesOf(content: Buffer): Generator<Line> {
  let start = content.indexOf(newline) + 1;
  for (let end = content.indexOf(newline, start); end >= 0; end = content.indexOf(newline, start)) {
    const length = end - start - (content[end - 1] === 0x2c ? 1 : 0);
    const text = content.toString("utf8", start, start + length);
    if (text === "]}") return;
    const { id, modified, created } = lineSchema.parse(JSON.parse(text));
    const version = modified ?? created;
    const dashes = id.indexOf("--");
    yield {
      type: id.slice(0, dashes),
      uuid: Buffer.from(id.slice(dashes + 2).replaceAll("-", ""), "hex"),
      version: version === undefined ? timelessVersion : Date.parse(version),
      start,
      length,
    };
    start = end + 1;
  }
}

/**
 * Adds a part, in one transaction; nothing where it is there.
 *
 * @param stored the part as stored, its digest compared with the manifest's.
 * @throws SpampotsError `bad-manifest` where it doesn't hold as many objects of ours as its manifest states.
 */
export function addPart(index: DatabaseSync, part: IndexedPart, stored: Uint8Array): void {
  const content = gunzipSync(stored, unpackOptions(part));
  inTransaction(index, () => {
    const { first, objects, sequence, publication, key, bytes, sha256, contentBytes } = part;
    const put = index
      .prepare("INSERT INTO part VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING")
      .run(first, objects, sequence, publication, key, bytes, sha256, contentBytes);
    if (put.changes === 0) return;
    const occurrences = openOccurrences(index);
    let added = first;
    for (const line of linesOf(content)) {
      occurrences.add(added, line);
      added += 1;
    }
    if (added - first !== objects)
      throw new SpampotsError("bad-manifest", "A STIX part doesn't hold what its manifest states.", { key });
  });
}

/** Takes a part out, in one transaction; nothing where it isn't there. `first` as in {@link IndexedPart}. */
export function removePart(index: DatabaseSync, first: number): void {
  inTransaction(index, () => {
    const part = index.prepare("DELETE FROM part WHERE first = ? RETURNING objects").get(first);
    if (part === undefined) return;
    const occurrences = openOccurrences(index);
    for (let added = first; added < first + Number(part.objects); added += 1) occurrences.remove(added);
  });
}

/** A version of an object that is listed. */
interface Standing {
  readonly version: number;
  readonly added: number;
}

/** Adds and removes occurrences such that of each id and version the earliest is the record. */
function openOccurrences(index: DatabaseSync) {
  const typeNumber = index.prepare("SELECT number FROM type WHERE name = ?");
  const newType = index.prepare("INSERT INTO type (name) VALUES (?) RETURNING number");
  const standing = index.prepare(
    "SELECT version, added FROM occurrence WHERE uuid = ? AND type = ? AND is_record = 1 ORDER BY version",
  );
  const waiting = index.prepare(
    "SELECT min(added) AS added FROM occurrence WHERE uuid = ? AND type = ? AND is_record = 0 AND version = ?",
  );
  const insert = index.prepare("INSERT INTO occurrence VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)");
  const remove = index.prepare("DELETE FROM occurrence WHERE added = ? RETURNING type, uuid, version, is_record");
  const mark = index.prepare("UPDATE occurrence SET is_record = ?, is_first = ?, is_last = ? WHERE added = ?");

  const types = new Map<string, number>();
  const numberOf = (name: string): number => {
    const known = types.get(name) ?? Number((typeNumber.get(name) ?? newType.get(name))?.number);
    types.set(name, known);
    return known;
  };
  const recordsOf = (uuid: Uint8Array, type: number): Standing[] =>
    standing.all(uuid, type).map(({ version, added }) => ({ version: Number(version), added: Number(added) }));
  /** Marks the records of an object, given in the order of their versions. */
  const markAll = (records: readonly Standing[]) => {
    for (const [place, { added }] of records.entries())
      mark.run(1, place === 0 ? 1 : 0, place === records.length - 1 ? 1 : 0, added);
  };

  return {
    add(added: number, { type: name, uuid, version, start, length }: Line): void {
      const type = numberOf(name);
      const records = recordsOf(uuid, type);
      const same = records.find((record) => record.version === version);
      const isRecord = same === undefined || added < same.added;
      const isNew = records.length === 0 ? 1 : 0;
      insert.run(added, type, uuid, version, start, length, isRecord ? 1 : 0, isNew, isNew);
      if (!isRecord || isNew === 1) return;
      if (same !== undefined) mark.run(0, 0, 0, same.added);
      const others = records.filter((record) => record !== same);
      markAll([...others, { version, added }].sort((a, b) => a.version - b.version));
    },
    remove(added: number): void {
      const gone = remove.get(added);
      if (gone === undefined || gone.is_record !== 1) return;
      // Of the column's type, by the STRICT table.
      const [type, uuid, version] = [Number(gone.type), gone.uuid as Uint8Array, Number(gone.version)];
      const next = waiting.get(uuid, type, version)?.added;
      const records = recordsOf(uuid, type);
      if (typeof next === "number") records.push({ version, added: next });
      markAll(records.sort((a, b) => a.version - b.version));
    },
  };
}
