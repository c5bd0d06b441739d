/**
 * A table of addresses as the program keeps it: one file of sorted steps, read once into shared memory, where every
 * thread searches it in place. Made by `tables` from what the readers yield; read by `attribution`.
 *
 * Bytes of a file, integers little-endian:
 *
 *     0   8  "spamtab1"
 *     8  32  SHA-256 of all that follows: the table's digest
 *    40   4  length of the header
 *    44      header, JSON, then the values, a JSON array of text; each padded with spaces to a multiple of four
 *            IPv4 starts (one word each), their values (index of the value), IPv6 starts (four words), their values
 */
import { createHash } from "node:crypto";
import { z } from "zod";
import { ipv4Number, ipv6Groups } from "../capture/address.ts";
import { SpampotsError } from "../errors.ts";
import { type Row, type Step, steps } from "./ranges.ts";

/** What a table says of an address: the economy it is registered in, or the AS that originates it. */
export const tableKinds = ["economy", "asn"] as const;
export type TableKind = (typeof tableKinds)[number];

/** What a table was made from. `default` is the one that comes along, for a first run only. */
export const tableSources = ["delegated-extended", "csv", "mmdb", "default"] as const;
export type TableSource = (typeof tableSources)[number];

/** Which table: what batch records and manifests say of it. */
export interface TableStatement {
  readonly kind: TableKind;
  readonly name: string;
  /** UTC day the table is in force from, `2026-06-17`. */
  readonly date: string;
  /** Rows of its sources that say something; where they overlap or adjoin, the table needs fewer. */
  readonly rows: number;
  /** Hex digest over content, kind, name and date. */
  readonly sha256: string;
  readonly source: TableSource;
}

/** What else `tables list` shows. */
export interface TableExtent {
  /** IPv4 addresses that have a value, of 2^32. */
  readonly addresses: number;
  /** Distinct economies, or autonomous systems with their names. */
  readonly values: number;
}

/** A table in memory. */
export interface Table {
  readonly statement: TableStatement;
  /** Distinct values in order; the first is the empty text, which stands for none. */
  readonly values: readonly string[];
  /** Index in `values` for a normalised address; 0 where the table says nothing of it, or where it is no address. */
  find(address: string): number;
}

/** Order of tables: by kind, then by date; there is one of each. */
export function byKindAndDate(a: TableStatement, b: TableStatement): number {
  const [left, right] = [`${a.kind} ${a.date} ${a.sha256}`, `${b.kind} ${b.date} ${b.sha256}`];
  return left < right ? -1 : left > right ? 1 : 0;
}

const headerSchema = z.strictObject({
  kind: z.enum(tableKinds),
  name: z.string(),
  date: z.iso.date(),
  source: z.enum(tableSources),
  rows: z.int(),
  addresses: z.int(),
  values: z.int(),
  ipv4: z.int().min(1),
  ipv6: z.int().min(1),
  values_bytes: z.int(),
});
type Header = z.infer<typeof headerSchema>;

/** Rows of both families, with what the table is to be called. */
export interface TableContent extends Omit<TableStatement, "sha256" | "rows"> {
  readonly ipv4: readonly Row[];
  readonly ipv6: readonly Row[];
}

const magic = "spamtab1";
const digestAt = 8;
const sealedAt = 40;
const headerAt = 44;
export const greatestIpv4 = 2n ** 32n - 1n;
export const greatestIpv6 = 2n ** 128n - 1n;

/** The bytes of a table file. The same rows in any order give the same bytes. */
export function encodeTable({ kind, name, date, source, ...content }: TableContent): Buffer {
  const ipv4 = steps(content.ipv4, greatestIpv4);
  const ipv6 = steps(content.ipv6, greatestIpv6);
  const values = [...new Set([...ipv4, ...ipv6].map((step) => step.value)).add("")].toSorted();
  const valueJson = padded(values);
  const header: Header = {
    ...{ kind, name, date, source },
    rows: content.ipv4.length + content.ipv6.length,
    addresses: covered(ipv4),
    values: values.length - 1,
    ipv4: ipv4.length,
    ipv6: ipv6.length,
    values_bytes: valueJson.length,
  };
  const headerJson = padded(header);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(headerJson.length);
  const index = new Map(values.map((value, place) => [value, place]));
  const sealed = [length, headerJson, valueJson, ...words(ipv4, 1, index), ...words(ipv6, 4, index)];
  const digest = createHash("sha256");
  for (const part of sealed) digest.update(part);
  return Buffer.concat([Buffer.from(magic, "latin1"), digest.digest(), ...sealed]);
}

/** JSON in UTF-8 with spaces up to a multiple of four bytes, so that the words after it are aligned. */
function padded(content: unknown): Buffer {
  const text = Buffer.from(JSON.stringify(content));
  return Buffer.concat([text, Buffer.alloc(-text.length & 3, " ")]);
}

function covered(list: readonly Step[]): number {
  return list.reduce((sum, { start, value }, place) => {
    const end = list[place + 1]?.start ?? greatestIpv4 + 1n;
    return value === "" ? sum : sum + Number(end - start);
  }, 0);
}

/** Starts as `width` words each, greatest first, and the values' indexes. */
function words(list: readonly Step[], width: number, index: ReadonlyMap<string, number>): [Buffer, Buffer] {
  const starts = Buffer.alloc(list.length * width * 4);
  const values = Buffer.alloc(list.length * 4);
  list.forEach(({ start, value }, place) => {
    for (let word = 0; word < width; word += 1) {
      const shifted = start >> BigInt(32 * (width - 1 - word));
      starts.writeUInt32LE(Number(shifted & 0xffffffffn), (place * width + word) * 4);
    }
    values.writeUInt32LE(index.get(value) ?? 0, place * 4);
  });
  return [starts, values];
}

/** Bytes from a file's start that hold its header for certain. */
export const headerBytes = 4096;

/**
 * What the first {@link headerBytes} of a file say. The digest is taken as written: only {@link decodeTable} proves it.
 *
 * @throws SpampotsError `bad-table` where they aren't the beginning of a table.
 */
export function decodeHeader(
  bytes: Buffer,
  key = "in memory",
): { readonly statement: TableStatement; readonly extent: TableExtent } {
  const { header } = headerOf(bytes, key);
  return { statement: statementOf(header, bytes), extent: { addresses: header.addresses, values: header.values } };
}

/**
 * A table over a file's bytes, which stay where they are; only the values become objects.
 *
 * @throws SpampotsError `bad-table` where the bytes aren't those that were written.
 */
export function decodeTable(file: SharedArrayBuffer): Table {
  const bytes = Buffer.from(file);
  const { header, end } = headerOf(bytes);
  const statement = statementOf(header, bytes);
  const digest = createHash("sha256").update(bytes.subarray(sealedAt)).digest("hex");
  if (digest !== statement.sha256) throw damaged(`${statement.kind} ${statement.date} ${statement.name}`);
  let at = end + header.values_bytes;
  const values = z.array(z.string()).parse(JSON.parse(bytes.toString("utf8", end, at)));
  const array = (length: number) => {
    const made = new Uint32Array(file, at, length);
    at += length * 4;
    return made;
  };
  const ipv4 = { starts: array(header.ipv4), values: array(header.ipv4) };
  const ipv6 = { starts: array(header.ipv6 * 4), values: array(header.ipv6) };
  const find = (address: string) => {
    const number = ipv4Number(address);
    if (number !== undefined) return ipv4.values[placeIpv4(ipv4.starts, number)] ?? 0;
    return ipv6Groups(address, groups) ? (ipv6.values[placeIpv6(ipv6.starts, groups)] ?? 0) : 0;
  };
  return { statement, values, find };
}

const groups = new Uint16Array(8);

/** Place of the last start that isn't above `address`. The first start is 0, so there is one. */
function placeIpv4(starts: Uint32Array, address: number): number {
  let low = 1;
  let high = starts.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((starts[middle] ?? 0) <= address) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** The same for starts of four words and an address of eight groups. */
function placeIpv6(starts: Uint32Array, address: Uint16Array): number {
  const word = (at: number) => (address[at] ?? 0) * 65_536 + (address[at + 1] ?? 0);
  const first = word(0);
  const second = word(2);
  const third = word(4);
  const fourth = word(6);
  let low = 1;
  let high = starts.length / 4;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const at = middle * 4;
    const order =
      (starts[at] ?? 0) - first ||
      (starts[at + 1] ?? 0) - second ||
      (starts[at + 2] ?? 0) - third ||
      (starts[at + 3] ?? 0) - fourth;
    if (order <= 0) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

function headerOf(bytes: Buffer, key?: string): { readonly header: Header; readonly end: number } {
  try {
    const end = headerAt + bytes.readUInt32LE(sealedAt);
    const header = headerSchema.parse(JSON.parse(bytes.toString("utf8", headerAt, end)));
    if (bytes.toString("latin1", 0, digestAt) === magic) return { header, end };
  } catch {
    // Too short, no JSON, or another version's header: it isn't a table of ours.
  }
  throw damaged(key);
}

function statementOf({ kind, name, date, source, rows }: Header, bytes: Buffer): TableStatement {
  return { kind, name, date, rows, sha256: bytes.toString("hex", digestAt, sealedAt), source };
}

function damaged(table: string | undefined): SpampotsError {
  return new SpampotsError("bad-table", "A table's file isn't as it was written.", {
    table,
    hint: "Delete the file and import the table again.",
  });
}
