/**
 * CSV of a slice: a header and one line a row, gzipped; where a feed asks, also one file per source AS. A chunk is
 * worked column by column ({@link columnWriter}), or packed ({@link packedLines}), and its lines are joined
 * from finished cells: the same bytes as csv-stringify gives for the rows (a test compares them), in a part of its time.
 *
 * @see RFC 4180 (CRLF, header).
 */
import { rm } from "node:fs/promises";
import type { Packed } from "../feed/slice.ts";
import type { Chunk } from "../model.ts";
import { type ArtifactFile, openArtifact } from "./artifact.ts";
import { numberOf } from "./cells.ts";
import { columnWriter, headerLine } from "./csv-cells.ts";
import { packedLines } from "./csv-packed.ts";
import { AsFiles } from "./csv-split.ts";
import { checkShape, fileStem, type RenderContext, type RenderedArtifact, type Renderer } from "./render.ts";
import { rowIds } from "./row-id.ts";

export { unescapeCell } from "./csv-cells.ts";
export { packedForCsv } from "./csv-packed.ts";

/** Media type of the uncompressed file. @see RFC 4180 §3, RFC 7111 */
export const csvMediaType = "text/csv; charset=utf-8; header=present";

class CsvRenderer implements Renderer {
  readonly notes: readonly string[] = [];
  readonly #context: RenderContext;
  readonly #lines: (chunk: Chunk) => readonly string[];
  readonly #width: number;
  readonly #header: string;
  readonly #asColumn: number;
  readonly #split: AsFiles | undefined;
  #whole: Promise<ArtifactFile> | undefined;
  readonly #finished: RenderedArtifact[] = [];
  #rows = 0;

  constructor(context: RenderContext, packed?: Packed) {
    this.#context = context;
    this.#lines = packed ? linesOfPacked(context, packed) : linesByColumn(context);
    this.#width = packed ? packed.alone.length : context.columns.length;
    this.#header = `${headerLine(["row_id", ...context.columns, "tlp"])}\r\n`;
    this.#asColumn = context.columns.indexOf("source_asn") + 1;
    this.#split =
      context.splitBy === undefined
        ? undefined
        : new AsFiles(context.folder, fileStem(context), this.#header, csvMediaType);
  }

  async write(chunk: Chunk): Promise<void> {
    checkShape(this.#context, chunk, this.#width);
    const lines = this.#lines(chunk);
    this.#rows += lines.length;
    const whole = await this.#file();
    await whole.write(lines.join(""));
    if (this.#split === undefined) return;
    for (const [row, line] of lines.entries()) this.#split.add(this.#asOf(chunk, row), line);
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

  #asOf(chunk: Chunk, row: number): number | undefined {
    const cell = this.#asColumn === 0 ? null : (chunk.columns[this.#asColumn]?.[row] ?? null);
    return cell === null ? undefined : numberOf(cell);
  }
}

/** What turns a chunk into its lines. */
function linesByColumn(context: RenderContext): (chunk: Chunk) => readonly string[] {
  const rowId = rowIds(context.siteKey, context.feed);
  const writers = context.columns.map((column) => columnWriter(context, column));
  return (chunk) => {
    const columns = writers.map((write, index) => write(chunk.columns[index + 1] ?? []));
    const keys = chunk.columns[0] ?? [];
    const lines = new Array<string>(chunk.rows);
    const line = new Array<string>(columns.length + 2);
    line[columns.length + 1] = `${context.tlp}\r\n`;
    for (let row = 0; row < chunk.rows; row++) {
      line[0] = rowId(String(keys[row]));
      for (let column = 0; column < columns.length; column++) line[column + 1] = columns[column]?.[row] ?? "";
      lines[row] = line.join(",");
    }
    return lines;
  };
}

function linesOfPacked(context: RenderContext, packed: Packed): (chunk: Chunk) => readonly string[] {
  const rowId = rowIds(context.siteKey, context.feed);
  const linesOf = packedLines(context, packed);
  const end = `,${context.tlp}\r\n`;
  return (chunk) => {
    const { keys, cells } = linesOf(chunk);
    return keys.map((key, row) => `${rowId(key)},${cells[row]}${end}`);
  };
}

/** Renders `<feed>_<period>_tlp-<label>.csv.gz`, the whole first, then `…_AS<number>.csv.gz` by number and `…_AS-unknown.csv.gz`. An empty slice has its header. */
export function csvRenderer(context: RenderContext): Renderer {
  return new CsvRenderer(context);
}

/** The same file of rows that come packed as {@link packedForCsv} says; no files by AS. */
export function packedCsvRenderer(context: RenderContext, packed: Packed): Renderer {
  return new CsvRenderer(context, packed);
}
