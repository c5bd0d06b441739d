/**
 * CSV of a slice: a header and one line a row, gzipped; where a feed asks, also one file per source AS.
 *
 * @see RFC 4180 (CRLF, header).
 */
import { rm } from "node:fs/promises";
import type { Cell, Chunk } from "../model.ts";
import { type ArtifactFile, openArtifact } from "./artifact.ts";
import { numberOf } from "./cells.ts";
import { headerLine } from "./csv-cells.ts";
import { type Lines, lineWriter } from "./csv-lines.ts";
import { AsFiles } from "./csv-split.ts";
import { fileStem, type RenderContext, type RenderedArtifact, type Renderer } from "./render.ts";

export { unescapeCell } from "./csv-cells.ts";
export { besideForCsv } from "./csv-lines.ts";

/** Media type of the uncompressed file. @see RFC 4180 §3, RFC 7111 */
export const csvMediaType = "text/csv; charset=utf-8; header=present";

class CsvRenderer implements Renderer {
  readonly notes: readonly string[] = [];
  readonly #context: RenderContext;
  readonly #lines: (rows: readonly Cell[]) => Lines;
  readonly #header: string;
  readonly #asColumn: number;
  readonly #split: AsFiles | undefined;
  #whole: Promise<ArtifactFile> | undefined;
  readonly #finished: RenderedArtifact[] = [];
  #rows = 0;

  constructor(context: RenderContext, alone: readonly string[]) {
    this.#context = context;
    this.#lines = lineWriter(context);
    this.#header = `${headerLine(["row_id", ...context.columns, "tlp"])}\r\n`;
    this.#asColumn = alone.indexOf("source_asn") + 1;
    this.#split =
      context.splitBy === undefined
        ? undefined
        : new AsFiles(context.folder, fileStem(context), this.#header, csvMediaType);
  }

  async write(chunk: Chunk): Promise<void> {
    const lines = this.#lines(chunk.columns[0] ?? []);
    this.#rows += chunk.rows;
    const whole = await this.#file();
    await whole.write(lines.bytes);
    if (this.#split === undefined) return;
    this.#addTo(this.#split, lines, chunk);
    await this.#split.relieve();
  }

  async finish(): Promise<readonly RenderedArtifact[]> {
    const whole = await this.#file();
    this.#finished.push(await whole.finish({ rows: this.#rows }));
    if (this.#split !== undefined) for await (const artifact of this.#split.finish()) this.#finished.push(artifact);
    return this.#finished;
  }

  async abort(): Promise<void> {
    await this.#split?.abort();
    const whole = await this.#whole?.catch(() => undefined);
    await whole?.abort();
    for (const { path } of this.#finished) await rm(path, { force: true }).catch(() => undefined);
  }

  #file(): Promise<ArtifactFile> {
    this.#whole ??= this.#open();
    return this.#whole;
  }

  async #open(): Promise<ArtifactFile> {
    const file = await openArtifact(this.#context.folder, `${fileStem(this.#context)}.csv.gz`, csvMediaType);
    await file.write(this.#header);
    return file;
  }

  #addTo(split: AsFiles, { bytes, ends }: Lines, chunk: Chunk): void {
    for (const [row, end] of ends.entries())
      split.add(this.#asOf(chunk, row), bytes.toString("utf8", ends[row - 1] ?? 0, end));
  }

  #asOf(chunk: Chunk, row: number): number | undefined {
    const cell = this.#asColumn === 0 ? null : (chunk.columns[this.#asColumn]?.[row] ?? null);
    return cell === null ? undefined : numberOf(cell);
  }
}

/**
 * Renders `<feed>_<period>_tlp-<label>.csv.gz`, the whole first, then `…_AS<number>.csv.gz` by number and
 * `…_AS-unknown.csv.gz`. An empty slice has its header. It is given chunks of packed rows, beside which stand the cells
 * that {@link besideForCsv} names; `alone` says which columns follow in a chunk, `source_asn` among them where files by AS
 * are wanted.
 */
export function csvRenderer(context: RenderContext, alone: readonly string[] = []): Renderer {
  return new CsvRenderer(context, alone);
}
