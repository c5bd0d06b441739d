/**
 * Questions to the index of a collection. Each answer comes in the order of `date_added` and costs what it holds, not
 * what the collection holds: every question is one walk, or a merge of walks, along an index that has exactly the
 * records wanted.
 *
 * @see TAXII 2.1 §3.3 (sorting), §3.4 (filtering)
 */
import type { DatabaseSync, StatementSync } from "node:sqlite";
import { type IndexedPart, openIndex } from "./schema.ts";

/** An id of an object: its type, and 32 hex digits. */
export interface ObjectName {
  readonly type: string;
  readonly uuid: string;
}

/** Versions of each object: all, or any of those named. Exact ones in milliseconds since 1970; a fraction matches none. */
export type VersionChoice =
  | "all"
  | { readonly first: boolean; readonly last: boolean; readonly exact: readonly number[] };

/** What is asked of a collection: everything that meets all of it. */
export interface RecordQuery {
  /** Microseconds: records added later than that. */
  readonly after: number;
  readonly ids?: readonly ObjectName[];
  readonly types?: readonly string[];
  readonly versions: VersionChoice;
}

/** One version of an object, as listed. */
export interface ObjectRecord {
  /** Microseconds since 1970, unique in the collection. */
  readonly added: number;
  readonly id: string;
  /** Milliseconds since 1970. */
  readonly version: number;
  /** Where its text stands in its part's content. */
  readonly start: number;
  readonly length: number;
}

const columns = "added, type, uuid, version, start, length";

type Row = Record<string, unknown>;

/** Reads the index of one collection. */
export class CollectionReader {
  readonly #index: DatabaseSync;
  readonly #partAt: StatementSync;
  readonly #ofObject: StatementSync;
  readonly #versionLook: StatementSync;
  /** Names by number. New ones come only with new parts, for which a reader is opened again. */
  readonly #types: ReadonlyMap<number, string>;

  constructor(path: string) {
    this.#index = openIndex(path);
    this.#partAt = this.#index.prepare("SELECT * FROM part WHERE first <= ? ORDER BY first DESC LIMIT 1");
    this.#ofObject = this.#index.prepare(
      `SELECT ${columns}, is_first, is_last FROM occurrence WHERE uuid = ? AND type = ? AND is_record = 1`,
    );
    this.#versionLook = this.#index.prepare(
      "SELECT 1 FROM occurrence WHERE is_record = 1 AND type = ? AND version = ? LIMIT 1",
    );
    const types = this.#index.prepare("SELECT number, name FROM type").all();
    this.#types = new Map(types.map(({ number, name }) => [Number(number), String(name)]));
  }

  close(): void {
    this.#index.close();
  }

  /** All parts, in order. */
  parts(): readonly IndexedPart[] {
    return this.#index.prepare("SELECT * FROM part ORDER BY first").all().map(partOf);
  }

  /** The part that holds the object added then. */
  partAt(added: number): IndexedPart | undefined {
    const row = this.#partAt.get(added);
    return row && partOf(row);
  }

  /** True where the collection has the object in any version. */
  has(name: ObjectName): boolean {
    return this.#rowsOf(name).length > 0;
  }

  /** The first records, at most `limit`, that meet the question. */
  records(query: RecordQuery, limit: number): readonly ObjectRecord[] {
    return query.ids === undefined ? this.#listed(query, limit) : this.#named(query, query.ids, limit);
  }

  #rowsOf({ type, uuid }: ObjectName): readonly Row[] {
    const number = [...this.#types].find(([, name]) => name === type)?.[0];
    return number === undefined ? [] : this.#ofObject.all(Buffer.from(uuid, "hex"), number);
  }

  #named({ after, types, versions }: RecordQuery, ids: readonly ObjectName[], limit: number): readonly ObjectRecord[] {
    const isWanted = (row: Row) =>
      Number(row.added) > after &&
      (versions === "all" ||
        (versions.first && row.is_first === 1) ||
        (versions.last && row.is_last === 1) ||
        versions.exact.includes(Number(row.version)));
    return ids
      .filter(({ type }) => types?.includes(type) ?? true)
      .flatMap((name) => this.#rowsOf(name).filter(isWanted))
      .map((row) => this.#recordOf(row))
      .sort((a, b) => a.added - b.added)
      .slice(0, limit);
  }

  #listed({ after, types, versions }: RecordQuery, limit: number): readonly ObjectRecord[] {
    const numbers = [...this.#types].filter(([, name]) => types?.includes(name) ?? true).map(([number]) => number);
    const walks = numbers.flatMap((type) => this.#walksOf(type, versions, after));
    const found: ObjectRecord[] = [];
    try {
      // A record may come by several walks (the only version is the first and the last), and then twice running.
      while (found.length < limit) {
        const nearest = walks.reduce<Walk | undefined>(
          (best, walk) => (walk.added < (best?.added ?? Number.POSITIVE_INFINITY) ? walk : best),
          undefined,
        );
        if (nearest?.row === undefined) break;
        if (nearest.added !== found.at(-1)?.added) found.push(this.#recordOf(nearest.row));
        nearest.step();
      }
      return found;
    } finally {
      for (const walk of walks) walk.end();
    }
  }

  #walksOf(type: number, versions: VersionChoice, after: number): Walk[] {
    const walk = (condition: string, ...values: number[]) =>
      new Walk(
        this.#index
          .prepare(
            `SELECT ${columns} FROM occurrence WHERE ${condition} = 1 AND type = ?${values.map(() => " AND version = ?").join("")} AND added > ? ORDER BY added`,
          )
          .iterate(type, ...values, after),
      );
    if (versions === "all") return [walk("is_record")];
    return [
      ...(versions.first ? [walk("is_first")] : []),
      ...(versions.last ? [walk("is_last")] : []),
      ...versions.exact
        .filter((version) => this.#hasVersion(type, version))
        .map((version) => walk("is_record", version)),
    ];
  }

  /** Most versions that could be asked for aren't there: a look is cheaper than a walk. */
  #hasVersion(type: number, version: number): boolean {
    return this.#versionLook.get(type, version) !== undefined;
  }

  #recordOf({ added, type, uuid, version, start, length }: Row): ObjectRecord {
    // Of the column's type, by the STRICT table.
    const hex = Buffer.from(uuid as Uint8Array).toString("hex");
    const groups = [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)];
    return {
      added: Number(added),
      id: `${this.#types.get(Number(type))}--${groups.join("-")}`,
      version: Number(version),
      start: Number(start),
      length: Number(length),
    };
  }
}

/** Rows of one statement, one at a time. */
class Walk {
  readonly #rows: Iterator<Row>;
  row: Row | undefined;
  /** Of the row; infinite after the last. */
  added = Number.POSITIVE_INFINITY;

  constructor(rows: Iterator<Row>) {
    this.#rows = rows;
    this.step();
  }

  step(): void {
    const { done, value } = this.#rows.next();
    this.row = done ? undefined : value;
    this.added = done ? Number.POSITIVE_INFINITY : Number(value.added);
  }

  /** An open statement would hold the database as it was. */
  end(): void {
    this.#rows.return?.();
  }
}

function partOf(row: Row): IndexedPart {
  return {
    first: Number(row.first),
    objects: Number(row.objects),
    sequence: Number(row.sequence),
    publication: String(row.publication),
    key: String(row.key),
    bytes: Number(row.bytes),
    sha256: String(row.sha256),
    contentBytes: Number(row.content_bytes),
  };
}
