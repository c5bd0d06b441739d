/**
 * Bundles of at most 5,000 objects, each valid alone: common objects first, then groups of objects, then one grouping
 * that refers to all of them. Objects of a key stay in one part unless they alone fill more; what they share is then
 * repeated. One object a line, so that a part can be read line by line.
 *
 * @see STIX 2.1 §4.4 (grouping), §8 (bundle)
 */
import { rm } from "node:fs/promises";
import { setImmediate } from "node:timers/promises";
import { schemaVersion } from "../fields.ts";
import { instantText } from "./cells.ts";
import { fileStem, type RenderContext, type RenderedArtifact } from "./render.ts";
import { commonObjects } from "./stix-common.ts";
import type { ObjectGroup } from "./stix-feeds.ts";
import { sliceIds } from "./stix-ids.ts";
import { type Emitted, StixObjects } from "./stix-objects.ts";
import type { StixId } from "./stix-types.ts";
import { storeWhole } from "./whole-artifact.ts";

/** Media type of the uncompressed file. @see STIX 2.1 §8, TAXII 2.1 §1.6.8 */
export const stixMediaType = "application/stix+json;version=2.1";

/** Objects of a part, all included. */
const partObjects = 5_000;

/**
 * Full parts that may be on their way to disk while the next is filled. Each takes some turns of the event loop, which
 * turns once a part: with fewer, filling would wait for files.
 */
const partsInFlight = 8;

/** Memory for a part's content to begin with; most need three quarters of it. */
const contentBytes = 1 << 22;

/** What parts are made for: rows, or the indicators of withdrawn parts. */
export type PartKind = "part" | "revoked-part";

/** Collects groups of objects into parts and writes these as they fill. */
export class StixParts {
  readonly #context: RenderContext;
  readonly #kind: PartKind;
  readonly #objects: StixObjects;
  readonly #common: readonly string[];
  /** Objects a part has room for beside the common ones and its grouping. */
  readonly #room: number;
  readonly #stored: Promise<RenderedArtifact>[] = [];
  /** Memory of stored parts, to be filled again. */
  readonly #spare: Buffer<ArrayBuffer>[] = [];
  /** The part being filled, and the ids in it; empty where none is. */
  #content = Buffer.allocUnsafeSlow(contentBytes);
  #filled = 0;
  #ids = new Set<StixId>();

  constructor(context: RenderContext, kind: PartKind) {
    this.#context = context;
    this.#kind = kind;
    this.#objects = new StixObjects(context);
    this.#common = commonObjects(context).map((object) => JSON.stringify(object));
    this.#room = partObjects - this.#common.length - 1;
  }

  /** Adds a group: whole where it fits into one part. @throws SpampotsError `disk-failed` */
  async add({ shared, units }: ObjectGroup): Promise<void> {
    const whole = [shared, ...units];
    if (!this.#fits(whole)) await this.#close();
    if (this.#fits(whole)) return this.#put(whole);
    this.#put([shared]);
    for (const unit of units) {
      if (this.#fits([unit])) {
        this.#put([unit]);
      } else {
        await this.#close();
        this.#put([shared, unit]);
      }
    }
  }

  /** Writes what is left and gives the finished parts in order; none where no group came. @throws SpampotsError `disk-failed` */
  async finish(): Promise<readonly RenderedArtifact[]> {
    await this.#close();
    return Promise.all(this.#stored);
  }

  /** Deletes the parts. Never throws. */
  async abort(): Promise<void> {
    for (const outcome of await Promise.allSettled(this.#stored)) {
      if (outcome.status === "fulfilled") await rm(outcome.value.path, { force: true }).catch(() => undefined);
    }
  }

  #fits(units: readonly (readonly Emitted[])[]): boolean {
    const most = units.reduce((sum, { length }) => sum + length, 0);
    if (this.#ids.size + most <= this.#room) return true;
    const fresh = new Set<StixId>();
    for (const unit of units) for (const { id } of unit) if (!this.#ids.has(id)) fresh.add(id);
    return this.#ids.size + fresh.size <= this.#room;
  }

  /** Writes objects that aren't in the part yet: an AS, a URL or a connection may come again. */
  #put(units: readonly (readonly Emitted[])[]): void {
    let texts = this.#filled === 0 ? this.#beginning() : "";
    for (const unit of units) {
      for (const { id, text } of unit) {
        const known = this.#ids.size;
        this.#ids.add(id);
        if (this.#ids.size > known) texts += `${text},\n`;
      }
    }
    this.#write(texts);
  }

  #write(text: string): void {
    // Three bytes of UTF-8 hold any UTF-16 code unit.
    const most = this.#filled + text.length * 3;
    if (most > this.#content.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(most, this.#content.length * 2));
      this.#content.copy(larger, 0, 0, this.#filled);
      this.#content = larger;
    }
    this.#filled += this.#content.write(text, this.#filled);
  }

  /** Number of the part being filled, from 1. */
  get #part(): number {
    return this.#stored.length + 1;
  }

  #beginning(): string {
    return `{"type":"bundle","id":"${this.#bundleId()}","objects":[\n${this.#common.join(",\n")},\n`;
  }

  async #close(): Promise<void> {
    if (this.#filled === 0) return;
    this.#write(`${this.#grouping()}\n]}\n`);
    this.#stored.push(this.#store(this.#content, this.#filled));
    this.#content = this.#spare.pop() ?? Buffer.allocUnsafeSlow(contentBytes);
    this.#filled = 0;
    this.#ids = new Set();
    // What threads finished while the part was filled goes on.
    await setImmediate();
    await this.#stored.at(-partsInFlight);
  }

  #store(content: Buffer<ArrayBuffer>, filled: number): Promise<RenderedArtifact> {
    const number = String(this.#part).padStart(4, "0");
    const name = `${fileStem(this.#context)}_${this.#kind}-${number}.stix.json.gz`;
    const facts = { objects: this.#common.length + this.#ids.size + 1, part: this.#part };
    const stored = storeWhole(
      this.#context.folder,
      { name, mediaType: stixMediaType },
      content.subarray(0, filled),
      facts,
    );
    // Whoever awaits it meets the error; until then it isn't an unhandled one.
    stored.then(() => this.#spare.push(content)).catch(() => undefined);
    return stored;
  }

  #grouping(): string {
    const { feed, policyDigest, period } = this.#context;
    const what = this.#kind === "part" ? "Rows" : "Revoked indicators";
    const key = `${this.#kind} ${this.#part}`;
    const name = `${feed} ${policyDigest.slice(0, 16)} ${period.id} ${key}`;
    const description =
      `${what} of ${feed}, captured from ${instantText(period.start)} to ${instantText(period.end)} (end exclusive), ` +
      `under the policy with SHA-256 ${policyDigest}.`;
    const body = { name, description, context: "suspicious-activity" } as const;
    return this.#objects.grouping(key, body, this.#ids).text;
  }

  /** A bundle has no versions: unlike its objects, it gets a new id with each revision. */
  #bundleId(): StixId<"bundle"> {
    const { policyDigest, feed, period, revokes, modifiedSteps } = this.#context;
    const id = sliceIds([policyDigest, feed, schemaVersion, period.id]);
    return id("bundle", `${revokes}\u001f${modifiedSteps}\u001f${this.#kind} ${this.#part}`);
  }
}
