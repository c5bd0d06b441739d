/**
 * Bundles of at most 5,000 objects, each valid alone: common objects first, then groups of objects, then one grouping
 * that refers to all of them. Objects of a key stay in one part unless they alone fill more; what they share is then
 * repeated. One object a line, so that a part can be read line by line.
 *
 * @see STIX 2.1 §4.4 (grouping), §8 (bundle)
 */
import { rm } from "node:fs/promises";
import { extname } from "node:path";
import { setImmediate } from "node:timers/promises";
import { Workers } from "../workers.ts";
import { instantText } from "./cells.ts";
import type { PackAnswer, PackWork } from "./pack-thread.ts";
import { type Packed, pack } from "./packed.ts";
import { fileStem, type RenderContext, type RenderedArtifact } from "./render.ts";
import { commonObjects } from "./stix-common.ts";
import { type IdOf, sliceIds } from "./stix-ids.ts";
import { lineEnd, type ObjectLines } from "./stix-lines.ts";
import { StixObjects } from "./stix-objects.ts";
import { PartIds } from "./stix-part-ids.ts";
import { storeWhole } from "./whole-artifact.ts";

/** Media type of the uncompressed file. @see STIX 2.1 §8, TAXII 2.1 §1.6.8 */
export const stixMediaType = "application/stix+json;version=2.1";

/** Objects of a part, all included. */
const partObjects = 5_000;

/** Parts that are worth no threads: their start takes longer than to pack these. */
const partsAlone = 3;

/** Full parts that may be on their way to disk, for each thread, while the next is filled: bounds memory. */
const partsInFlight = 4;

/** Memory for a part's content to begin with; most need three quarters of it. */
const contentBytes = 1 << 22;

/** Behind the last object of a part. */
const ending = Buffer.from("\n]}\n");

/** What parts are made for: rows, or the indicators of withdrawn parts. */
export type PartKind = "part" | "revoked-part";

/** Collects groups of objects into parts and writes these as they fill. */
export class StixParts {
  readonly #context: RenderContext;
  readonly #kind: PartKind;
  readonly #objects: StixObjects;
  readonly #common: readonly string[];
  readonly #bundleId: IdOf<"bundle">;
  /** Objects a part has room for beside the common ones and its grouping. */
  readonly #room: number;
  readonly #stored: Promise<RenderedArtifact>[] = [];
  /** Memory of stored parts, to be filled again. */
  readonly #spare: ArrayBuffer[] = [];
  #threads: Workers<PackWork, PackAnswer> | undefined;
  /** The part being filled, and the ids in it; empty where none is. */
  #content = Buffer.from(new ArrayBuffer(contentBytes));
  #filled = 0;
  readonly #ids = new PartIds();

  constructor(context: RenderContext, kind: PartKind) {
    this.#context = context;
    this.#kind = kind;
    this.#objects = new StixObjects(context);
    this.#common = commonObjects(context).map((object) => JSON.stringify(object));
    this.#bundleId = sliceIds(context, "bundle");
    this.#room = partObjects - this.#common.length - 1;
  }

  /** Adds the objects of a key: together where they fit into one part. @throws SpampotsError `disk-failed` */
  async add(lines: ObjectLines): Promise<void> {
    if (!this.#fits(lines, 0, lines.count)) await this.#close();
    if (this.#fits(lines, 0, lines.count)) return this.#put(lines, 0, lines.count);
    this.#put(lines, 0, lines.shared);
    let from = lines.shared;
    for (const to of lines.units) {
      if (!this.#fits(lines, from, to)) {
        await this.#close();
        this.#put(lines, 0, lines.shared);
      }
      this.#put(lines, from, to);
      from = to;
    }
  }

  /** Writes what is left and gives the finished parts in order; none where no group came. @throws SpampotsError `disk-failed` */
  async finish(): Promise<readonly RenderedArtifact[]> {
    await this.#close();
    const parts = await Promise.all(this.#stored);
    await this.#threads?.close();
    return parts;
  }

  /** Deletes the parts. Never throws. */
  async abort(): Promise<void> {
    for (const outcome of await Promise.allSettled(this.#stored)) {
      if (outcome.status === "fulfilled") await rm(outcome.value.path, { force: true }).catch(() => undefined);
    }
    await this.#threads?.close();
  }

  /** Is there room for the objects of these lines? */
  #fits(lines: ObjectLines, from: number, to: number): boolean {
    if (this.#ids.size + (to - from) <= this.#room) return true;
    const fresh = new PartIds();
    for (let line = from; line < to; line++) if (!lines.isIn(line, this.#ids)) lines.addId(line, fresh);
    return this.#ids.size + fresh.size <= this.#room;
  }

  /** Writes objects that aren't in the part yet: an AS, a URL or a connection may come again. */
  #put(lines: ObjectLines, from: number, to: number): void {
    if (this.#filled === 0) this.#write(Buffer.from(this.#beginning()));
    // Lines are copied together up to one that is there.
    let start = from;
    for (let line = from; line < to; line++) {
      if (lines.addId(line, this.#ids)) continue;
      this.#write(lines.bytes(start, line));
      start = line + 1;
    }
    this.#write(lines.bytes(start, to));
  }

  #write(bytes: Uint8Array): void {
    const most = this.#filled + bytes.length;
    if (most > this.#content.length) {
      const larger = Buffer.from(new ArrayBuffer(Math.max(most, this.#content.length * 2)));
      this.#content.copy(larger, 0, 0, this.#filled);
      this.#content = larger;
    }
    this.#content.set(bytes, this.#filled);
    this.#filled = most;
  }

  /** Number of the part being filled, from 1. */
  get #part(): number {
    return this.#stored.length + 1;
  }

  #beginning(): string {
    return `{"type":"bundle","id":"${this.#bundleId(this.#version())}","objects":[\n${this.#common.join(",\n")},\n`;
  }

  async #close(): Promise<void> {
    if (this.#filled === 0) return;
    this.#write(this.#grouping());
    this.#write(ending);
    const stored = this.#store(this.#content, this.#filled);
    // Whoever awaits it meets the error; until then it isn't an unhandled one.
    stored.catch(() => undefined);
    this.#stored.push(stored);
    this.#content = Buffer.from(this.#spare.pop() ?? new ArrayBuffer(contentBytes));
    this.#filled = 0;
    this.#ids.clear();
    // What threads finished while the part was filled goes on.
    await setImmediate();
    await this.#stored.at(-partsInFlight * this.#context.threads);
  }

  async #store(content: Buffer<ArrayBuffer>, filled: number): Promise<RenderedArtifact> {
    const part = this.#part;
    const name = `${fileStem(this.#context)}_${this.#kind}-${String(part).padStart(4, "0")}.stix.json.gz`;
    const facts = { objects: this.#common.length + this.#ids.size + 1, part };
    const packed = await this.#pack(content, filled);
    return storeWhole(this.#context.folder, { name, mediaType: stixMediaType }, packed, facts);
  }

  async #pack(content: Buffer<ArrayBuffer>, filled: number): Promise<Packed> {
    if (this.#part <= partsAlone || this.#context.threads === 1) {
      const packed = pack(content.subarray(0, filled));
      this.#spare.push(content.buffer);
      return packed;
    }
    const { packed, memory } = await this.#thread().ask({ memory: content.buffer, bytes: filled }, [content.buffer]);
    this.#spare.push(memory);
    return packed;
  }

  #thread(): Workers<PackWork, PackAnswer> {
    this.#threads ??= new Workers(new URL(`./pack-thread${extname(import.meta.url)}`, import.meta.url), {
      // The caller's own fills parts meanwhile.
      count: this.#context.threads - 1,
      youngMb: 4,
    });
    return this.#threads;
  }

  /** What refers to all objects of the part; the last one, so without a comma. */
  #grouping(): Uint8Array {
    const { feed, policyDigest, period } = this.#context;
    const what = this.#kind === "part" ? "Rows" : "Revoked indicators";
    const key = `${this.#kind} ${this.#part}`;
    const name = `${feed} ${policyDigest.slice(0, 16)} ${period.id} ${key}`;
    const description =
      `${what} of ${feed}, captured from ${instantText(period.start)} to ${instantText(period.end)} (end exclusive), ` +
      `under the policy with SHA-256 ${policyDigest}.`;
    const body = { name, description, context: "suspicious-activity" } as const;
    const { lines } = this.#objects;
    lines.clear();
    this.#objects.grouping(key, body, this.#ids.items);
    return lines.bytes(0, 1).subarray(0, -lineEnd.length);
  }

  /** What names the bundle: it has no versions, and unlike its objects gets a new id with each revision. */
  #version(): string {
    return `${this.#context.modifiedSteps}\u001f${this.#kind} ${this.#part}`;
  }
}
