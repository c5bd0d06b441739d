/**
 * Objects of one key as they will stand in a part: one object a line, in bytes. A week has most of a million of them;
 * as texts each would be put together, flattened and encoded before it is copied. Pure.
 */
import type { PartIds } from "./stix-part-ids.ts";
import type { StixId } from "./stix-types.ts";

/** Memory to begin with; a key with many connections takes more. */
const linesBytes = 1 << 18;

/** What each line ends with. */
export const lineEnd = Buffer.from(",\n");

/** Room for what one line has beside its longest text: ids, instants, numbers and the pieces between them. */
const lineRoom = 4_096;

/** Bytes of UTF-8 that a text may come to: three hold any UTF-16 code unit. */
export const mostBytes = (text: string) => text.length * 3;

/** Lines of objects. An object is begun, given its pieces, and ended; or added as a whole. */
export class ObjectLines {
  /** Of each line: where its object's id begins and ends, and where the line ends. */
  readonly #idStarts: number[] = [];
  readonly #idEnds: number[] = [];
  readonly #ends: number[] = [];
  readonly #units: number[] = [];
  #shared = 0;
  #bytes = Buffer.allocUnsafeSlow(linesBytes);
  #at = 0;

  /** Lines that are complete. */
  get count(): number {
    return this.#ends.length;
  }

  /** Lines of what all units share. */
  get shared(): number {
    return this.#shared;
  }

  /** Lines up to the end of each unit. */
  get units(): readonly number[] {
    return this.#units;
  }

  /** The lines so far are what all units share. */
  endShared(): void {
    this.#shared = this.count;
  }

  /** The lines since the last unit, or since what is shared, are a unit: they refer only to themselves and to what is shared. */
  endUnit(): void {
    this.#units.push(this.count);
  }

  /** Begins anew, in the same memory. */
  clear(): void {
    this.#idStarts.length = 0;
    this.#idEnds.length = 0;
    this.#ends.length = 0;
    this.#units.length = 0;
    this.#shared = 0;
    this.#at = 0;
  }

  /** Begins a line: makes room for the usual pieces and so many bytes. */
  begin(bytes: number): void {
    const most = this.#at + bytes + lineRoom;
    if (most <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(most, this.#bytes.length * 2));
    this.#bytes.copy(larger, 0, 0, this.#at);
    this.#bytes = larger;
  }

  /** A piece that many lines have. */
  piece(bytes: Uint8Array): void {
    this.#bytes.set(bytes, this.#at);
    this.#at += bytes.length;
  }

  /** The object's own id: once in each line. */
  id(id: StixId): void {
    this.#idStarts.push(this.#at);
    this.ascii(id);
    this.#idEnds.push(this.#at);
  }

  /** Another id, an instant or a number. */
  ascii(text: string): void {
    this.#at += this.#bytes.write(text, this.#at, "latin1");
  }

  /** Well-formed text of any characters, for which {@link begin} made room. */
  text(text: string): void {
    this.#at += this.#bytes.write(text, this.#at);
  }

  /** Ends the line. */
  end(): void {
    this.piece(lineEnd);
    this.#ends.push(this.#at);
  }

  /** A line from an object's whole text, which holds its id. */
  add(id: StixId, text: string): void {
    const place = text.indexOf(id);
    this.begin(mostBytes(text));
    this.text(text.slice(0, place));
    this.id(id);
    this.text(text.slice(place + id.length));
    this.end();
  }

  /** Adds the id in a line to those of a part; false where it is there. */
  addId(line: number, ids: PartIds): boolean {
    return ids.add(this.#bytes, this.#idStarts[line] ?? 0, this.#idEnds[line] ?? 0);
  }

  /** Has the part an object with the id in a line? */
  isIn(line: number, ids: PartIds): boolean {
    return ids.has(this.#bytes, this.#idStarts[line] ?? 0, this.#idEnds[line] ?? 0);
  }

  /** The bytes of lines `from` to `to`, exclusive, each with its comma and line feed. They change with the next line. */
  bytes(from: number, to: number): Uint8Array {
    return this.#bytes.subarray(this.#ends[from - 1] ?? 0, this.#ends[to - 1] ?? 0);
  }
}
