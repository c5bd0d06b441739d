/**
 * The index of one collection: a database in a file of its own, so that no row of another partner can be in it. It says
 * which objects the parts of a feed hold, where in its part each stands, and which of them TAXII lists; the objects
 * themselves stay in the parts. Everything in it is derived: it can be deleted at any time.
 *
 * An *occurrence* is an object as it stands in a part. Of the occurrences of one id and version the earliest is the
 * *record*; the others wait for the day when that one's publication is withdrawn or expires.
 *
 * @see TAXII 2.1 §3.4.1.3 (versions), §5.3 (manifest), design §3 point 16
 */
import { mkdirSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { systemCode } from "../../store/disk-error.ts";

/** Rises when the tables change: an index of another number is derived again. */
const indexVersion = 1;

/** How long one process waits for another that writes, in milliseconds. */
const busyMs = 10_000;

/** A part whose objects are, or are to be, in the index. */
export interface IndexedPart {
  /** `date_added` of its first object, in microseconds since 1970: the others follow one by one. */
  readonly first: number;
  readonly objects: number;
  /** The publication: its sequence, and the digest of its manifest's payload. */
  readonly sequence: number;
  readonly publication: string;
  /** Below the feed's prefix. */
  readonly key: string;
  /** Of the stored file. */
  readonly bytes: number;
  readonly sha256: string;
  readonly contentBytes: number;
}

const tables = `
  CREATE TABLE part (
    first INTEGER PRIMARY KEY,
    objects INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    publication TEXT NOT NULL,
    key TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    content_bytes INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE type (number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;
  -- Microseconds; the 16 bytes of the id's UUID; milliseconds; where the object's text stands in its part.
  CREATE TABLE occurrence (
    added INTEGER PRIMARY KEY,
    type INTEGER NOT NULL,
    uuid BLOB NOT NULL,
    version INTEGER NOT NULL,
    start INTEGER NOT NULL,
    length INTEGER NOT NULL,
    is_record INTEGER NOT NULL,
    is_first INTEGER NOT NULL,
    is_last INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX by_id ON occurrence (uuid, type, is_record, version, added);
  CREATE INDEX records ON occurrence (type, added) WHERE is_record = 1;
  CREATE INDEX firsts ON occurrence (type, added) WHERE is_first = 1;
  CREATE INDEX lasts ON occurrence (type, added) WHERE is_last = 1;
  CREATE INDEX by_version ON occurrence (type, version, added) WHERE is_record = 1;
  PRAGMA user_version = ${indexVersion};
`;

/** Opens the index of a collection, made anew where there is none of today's form. */
export function openIndex(path: string): DatabaseSync {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const index = connect(path);
  if (versionOf(index) === indexVersion) return index;
  const isNew = versionOf(index) === 0;
  if (isNew) {
    inTransaction(index, () => {
      // Another process may have been faster.
      if (versionOf(index) === 0) index.exec(tables);
    });
    return index;
  }
  index.close();
  discardIndex(path);
  return openIndex(path);
}

function connect(path: string): DatabaseSync {
  const index = new DatabaseSync(path, { timeout: busyMs });
  try {
    index.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;");
    return index;
  } catch (error) {
    index.close();
    throw error;
  }
}

function versionOf(index: DatabaseSync): unknown {
  return index.prepare("PRAGMA user_version").get()?.user_version;
}

/** Does the work wholly or not at all; whoever else writes waits. */
export function inTransaction(index: DatabaseSync, work: () => void): void {
  index.exec("BEGIN IMMEDIATE");
  try {
    work();
    index.exec("COMMIT");
  } catch (error) {
    if (index.isTransaction) index.exec("ROLLBACK");
    throw error;
  }
}

/** Deletes an index. Whoever has it open goes on with what it was. */
export function discardIndex(path: string): void {
  for (const suffix of ["", "-wal", "-shm"]) rmSync(`${path}${suffix}`, { force: true });
}

/** SQLite's codes for a file that is damaged (SQLITE_CORRUPT) or no database at all (SQLITE_NOTADB). */
const damagedCodes = new Set([11, 26]);

/** True where the file, and not the disk or the program, is to blame. */
export function isDamaged(error: unknown): boolean {
  if (systemCode(error) !== "ERR_SQLITE_ERROR") return false;
  const code = error instanceof Error && "errcode" in error ? error.errcode : undefined;
  return typeof code === "number" && damagedCodes.has(code & 0xff);
}
