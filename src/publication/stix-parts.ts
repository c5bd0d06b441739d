/**
 * Bundles of at most 5,000 objects, each valid alone: common objects first, then groups of objects, then one grouping
 * that refers to all of them. Objects of a key stay in one part unless they alone fill more; what they share is then
 * repeated. One object a line, so that a part can be read line by line.
 *
 * @see STIX 2.1 §4.4 (grouping), §8 (bundle)
 */
import { schemaVersion } from "../fields.ts";
import { type ArtifactFile, openArtifact } from "./artifact.ts";
import { instantText } from "./cells.ts";
import { fileStem, type RenderContext, type RenderedArtifact } from "./render.ts";
import { commonObjects } from "./stix-common.ts";
import type { ObjectGroup } from "./stix-feeds.ts";
import { sliceIds } from "./stix-ids.ts";
import { type Emitted, StixObjects } from "./stix-objects.ts";
import type { StixId } from "./stix-types.ts";

/** Media type of the uncompressed file. @see STIX 2.1 §8, TAXII 2.1 §1.6.8 */
export const stixMediaType = "application/stix+json;version=2.1";

/** Objects of a part, all included. */
const partObjects = 5_000;

/** Finished parts that may be on their way to disk while the next is filled. */
const partsInFlight = 2;

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
  readonly #finished: Promise<RenderedArtifact>[] = [];
  readonly #files: ArtifactFile[] = [];
  /** The part being filled, and the ids in it. */
  #file: ArtifactFile | undefined;
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
    const whole = [...shared, ...units.flat()];
    if (!this.#fits(whole)) await this.#close();
    if (this.#fits(whole)) return this.#put(whole);
    await this.#put(shared);
    for (const unit of units) {
      if (!this.#fits(unit)) {
        await this.#close();
        await this.#put(shared);
      }
      await this.#put(unit);
    }
  }

  /** Writes what is left and gives the finished parts in order; none where no group came. @throws SpampotsError `disk-failed` */
  async finish(): Promise<readonly RenderedArtifact[]> {
    await this.#close();
    return Promise.all(this.#finished);
  }

  /** Deletes the parts. Never throws. */
  async abort(): Promise<void> {
    for (const file of this.#files) await file.abort();
  }

  #fits(objects: readonly Emitted[]): boolean {
    if (this.#ids.size + objects.length <= this.#room) return true;
    const fresh = new Set<StixId>();
    for (const { id } of objects) if (!this.#ids.has(id)) fresh.add(id);
    return this.#ids.size + fresh.size <= this.#room;
  }

  /** Writes objects that aren't in the part yet: an AS, a URL or a connection may come again. */
  async #put(objects: readonly Emitted[]): Promise<void> {
    this.#file ??= await this.#open();
    let texts = "";
    for (const { id, text } of objects) {
      if (this.#ids.has(id)) continue;
      this.#ids.add(id);
      texts += `${text},\n`;
    }
    await this.#file.write(texts);
  }

  get #part(): number {
    return this.#files.length;
  }

  async #open(): Promise<ArtifactFile> {
    const number = String(this.#part + 1).padStart(4, "0");
    const name = `${fileStem(this.#context)}_${this.#kind}-${number}.stix.json.gz`;
    const file = await openArtifact(this.#context.folder, name, stixMediaType);
    this.#files.push(file);
    await file.write(`{"type":"bundle","id":"${this.#bundleId()}","objects":[\n${this.#common.join(",\n")},\n`);
    return file;
  }

  async #close(): Promise<void> {
    if (this.#file === undefined) return;
    await this.#file.write(`${this.#grouping()}\n]}\n`);
    const objects = this.#common.length + this.#ids.size + 1;
    const finished = this.#file.finish({ objects, part: this.#part });
    // Whoever awaits it meets the error; until then it isn't an unhandled one.
    finished.catch(() => undefined);
    this.#finished.push(finished);
    this.#file = undefined;
    this.#ids = new Set();
    await this.#finished.at(-partsInFlight);
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
