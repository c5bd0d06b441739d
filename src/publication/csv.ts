/**
 * CSV of a slice: a header and one line a row, gzipped; where a feed asks, also one file per source AS. Of a large slice
 * threads make the lines, a chunk each, while this one fetches rows and looks for sensors.
 *
 * @see RFC 4180 (CRLF, header).
 */
import { rm } from "node:fs/promises";
import { extname } from "node:path";
import type { Chunk } from "../model.ts";
import { Workers } from "../workers.ts";
import { type ArtifactFile, openArtifact } from "./artifact.ts";
import { numberOf } from "./cells.ts";
import { headerLine } from "./csv-cells.ts";
import { exposureCheckOf, type LineFacts, type Lines, type LinesOf, lineWriter, rowBlock } from "./csv-lines.ts";
import { AsFiles } from "./csv-split.ts";
import type { LineAnswer, LineWork } from "./csv-thread.ts";
import { fileStem, type RenderContext, type RenderedArtifact, type Renderer } from "./render.ts";

export { unescapeCell } from "./csv-cells.ts";
export { besideForCsv } from "./csv-lines.ts";

/** Media type of the uncompressed file. @see RFC 4180 §3, RFC 7111 */
export const csvMediaType = "text/csv; charset=utf-8; header=present";

/** Rows that are worth no threads: their start takes longer. */
const rowsAlone = 50_000;

/** Chunks that threads may be ahead of the file by, for each thread: bounds memory. */
const chunksAhead = 4;

/** Bytes of memory that a thread is given for the lines of a chunk; it takes more where that is too little. */
const linesMemory = 1 << 20;

/** A chunk whose lines are being made. */
interface Pending {
  readonly chunk: Chunk;
  readonly answer: Promise<LineAnswer>;
}

class CsvRenderer implements Renderer {
  readonly notes: readonly string[] = [];
  readonly #context: RenderContext;
  readonly #linesOf: LinesOf;
  readonly #refuse: (fresh: readonly string[]) => void;
  readonly #header: string;
  readonly #asColumn: number;
  readonly #split: AsFiles | undefined;
  #whole: Promise<ArtifactFile> | undefined;
  #threads: Workers<LineWork, LineAnswer> | undefined;
  /** Memory of blocks, and of lines, that came back from a thread. */
  readonly #spare: { readonly blocks: ArrayBuffer[]; readonly lines: ArrayBuffer[] } = { blocks: [], lines: [] };
  readonly #pending: Pending[] = [];
  readonly #finished: RenderedArtifact[] = [];
  #rows = 0;

  constructor(context: RenderContext, alone: readonly string[]) {
    this.#context = context;
    this.#linesOf = lineWriter(context);
    this.#refuse = exposureCheckOf(context);
    this.#header = `${headerLine(["row_id", ...context.columns, "tlp"])}\r\n`;
    this.#asColumn = alone.indexOf("source_asn") + 1;
    this.#split =
      context.splitBy === undefined
        ? undefined
        : new AsFiles(context.folder, fileStem(context), this.#header, csvMediaType);
  }

  async write(chunk: Chunk): Promise<void> {
    const rows = chunk.columns[0] ?? [];
    this.#rows += rows.length;
    const block = rowBlock(rows, this.#spare.blocks.pop());
    if (this.#rows <= rowsAlone || this.#context.threads === 1) return this.#take(chunk, this.#linesOf(block));
    const memory = this.#spare.lines.pop() ?? new ArrayBuffer(linesMemory);
    const answer = this.#thread().ask({ block, memory }, [block.buffer, memory]);
    // Whoever awaits it meets the error; until then it isn't an unhandled one.
    answer.catch(() => undefined);
    this.#pending.push({ chunk, answer });
    if (this.#pending.length >= chunksAhead * this.#context.threads) await this.#takeNext();
  }

  async finish(): Promise<readonly RenderedArtifact[]> {
    while (this.#pending.length > 0) await this.#takeNext();
    await this.#threads?.close();
    const whole = await this.#file();
    this.#finished.push(await whole.finish({ rows: this.#rows }));
    if (this.#split !== undefined) for await (const artifact of this.#split.finish()) this.#finished.push(artifact);
    return this.#finished;
  }

  async abort(): Promise<void> {
    await this.#threads?.close();
    await this.#split?.abort();
    const whole = await this.#whole?.catch(() => undefined);
    await whole?.abort();
    for (const { path } of this.#finished) await rm(path, { force: true }).catch(() => undefined);
  }

  async #takeNext(): Promise<void> {
    const next = this.#pending.shift();
    if (next === undefined) return;
    const { lines, memory } = await next.answer;
    await this.#take(next.chunk, lines);
    this.#spare.blocks.push(memory);
    this.#spare.lines.push(lines.bytes.buffer);
  }

  async #take(chunk: Chunk, lines: Lines): Promise<void> {
    this.#refuse(lines.fresh);
    const whole = await this.#file();
    await whole.write(lines.bytes);
    if (this.#split === undefined) return;
    this.#addTo(this.#split, lines, chunk);
    await this.#split.relieve();
  }

  #thread(): Workers<LineWork, LineAnswer> {
    const { feed, tlp, columns, siteKey, threads } = this.#context;
    const facts: LineFacts = { feed, tlp, columns, siteKey };
    this.#threads ??= new Workers(new URL(`./csv-thread${extname(import.meta.url)}`, import.meta.url), {
      // The caller's own fetches rows meanwhile.
      count: threads - 1,
      facts,
      // All that lives long is small: with the usual size a hundred megabytes more are in use, and it is slower.
      youngMb: 8,
    });
    return this.#threads;
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
    const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    for (const [row, end] of ends.entries())
      split.add(this.#asOf(chunk, row), text.toString("utf8", ends[row - 1] ?? 0, end));
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
