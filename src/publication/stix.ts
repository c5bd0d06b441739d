/**
 * STIX 2.1 of a slice: rows of one key become a group of objects, groups become parts. The slice brings rows of one key
 * together (it is ordered by address, domain or host before day), except at grain `capture`, whose rows are held back
 * to be grouped, up to the feed's limit.
 *
 * @see stix.md
 */
import { SpampotsError } from "../errors.ts";
import type { Chunk } from "../model.ts";
import { checkShape, exposureCheck, type RenderContext, type RenderedArtifact, type Renderer } from "./render.ts";
import { type GroupBuilder, groupBuilder } from "./stix-feeds.ts";
import { StixParts } from "./stix-parts.ts";
import type { Row } from "./stix-rows.ts";

class StixRenderer implements Renderer {
  readonly notes: string[] = [];
  readonly #context: RenderContext;
  readonly #builder: GroupBuilder;
  readonly #checkExposure: (chunk: Chunk) => void;
  readonly #parts: StixParts;
  readonly #limit: number;
  #rows = 0;
  #without = 0;
  /** Rows that wait for more of their key, by key: one key at most, but for grain `capture`. */
  #waiting = new Map<string, Row[]>();

  constructor(context: RenderContext, builder: GroupBuilder) {
    this.#context = context;
    this.#builder = builder;
    this.#checkExposure = exposureCheck(context);
    this.#parts = new StixParts(context, "part");
    this.#limit = context.grain === "capture" ? context.stixMaxRows : Number.POSITIVE_INFINITY;
  }

  async write(chunk: Chunk): Promise<void> {
    checkShape(this.#context, chunk);
    this.#rows += chunk.rows;
    if (this.#rows > this.#limit) return this.#waiting.clear();
    this.#checkExposure(chunk);
    for (let index = 0; index < chunk.rows; index++) {
      const row: Row = { chunk, index };
      const key = this.#builder.keyOf(row);
      if (key === undefined) this.#without += 1;
      else await this.#take(key, row);
    }
  }

  async finish(): Promise<readonly RenderedArtifact[]> {
    if (this.#rows > this.#limit) {
      this.notes.push(
        `No STIX: the slice has ${this.#rows} rows, more than the feed's stix_max_rows of ${this.#limit}.`,
      );
      return [];
    }
    if (this.#without > 0) {
      const said = `${this.#without} of ${this.#rows} rows have no STIX objects`;
      this.notes.push(`${said}: what they are about is withheld, or is no address or domain name that STIX allows.`);
    }
    await this.#flush();
    return this.#parts.finish();
  }

  abort(): Promise<void> {
    return this.#parts.abort();
  }

  async #take(key: string, row: Row): Promise<void> {
    const rows = this.#waiting.get(key);
    if (rows !== undefined) {
      rows.push(row);
      return;
    }
    if (this.#context.grain !== "capture") await this.#flush();
    this.#waiting.set(key, [row]);
  }

  async #flush(): Promise<void> {
    const groups = this.#waiting;
    this.#waiting = new Map();
    for (const [key, rows] of groups) await this.#parts.add(this.#builder.build(key, rows));
  }
}

/**
 * Renders `<feed>_<period>_tlp-<label>_part-<4 digits>.stix.json.gz`. Without objects there are no parts: a bundle of
 * markings alone says nothing, and a grouping of nothing is invalid. Rows of one key must follow each other.
 *
 * @throws SpampotsError `internal` for grain `summary`, which has no STIX.
 */
export function stixRenderer(context: RenderContext): Renderer {
  const builder = groupBuilder(context);
  if (builder === undefined) {
    throw new SpampotsError("internal", "A grain has no STIX form.", { feed: context.feed, grain: context.grain });
  }
  return new StixRenderer(context, builder);
}
