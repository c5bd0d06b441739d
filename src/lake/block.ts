/**
 * One block of spool lines becomes rows of the lake: parsed, enriched, sorted to their days, with what the batch record
 * wants to know. Runs in worker threads; pure but for the parser's caches.
 */
import type { MessageParser } from "../capture/message.ts";
import type { SensorPatterns } from "../capture/probe.ts";
import { spoolBounds } from "../capture/spool.ts";
import { type SpoolRecordLine, spoolRecords } from "../capture/spool-file.ts";
import { remembered } from "../enrich/recent.ts";
import type { SpampotsError } from "../errors.ts";
import { plain } from "../log.ts";
import { dayMs, hourMs, type MessageFacts, type MessageRecord, type RequestRecord, type Side } from "../model.ts";
import { Quarantine } from "./quarantine.ts";
import { recipientNumber } from "./recipients.ts";
import type { Dataset } from "./records.ts";
import { type Attributes, captureRow, requestRow } from "./row.ts";
import { RowBuffer } from "./row-buffer.ts";

/** What a block of lines comes to. Text is UTF-8, tab-separated, a line feed after each row. */
export interface BlockResult {
  /** Keyed `captures 2026-11-10`, `requests 2026-11-10`. */
  readonly rows: Map<string, Uint8Array<ArrayBuffer>>;
  /** A number for each capture id and request id, in line order, to notice repeats. */
  readonly ids: Float64Array;
  readonly quarantine: Pick<Quarantine, "counts" | "listed">;
  readonly counts: Readonly<Record<string, number>>;
  /** Hours since 1970: sensor up, captures in any feed, requests. */
  readonly hours: readonly number[];
  readonly captureHours: readonly number[];
  readonly requestHours: readonly number[];
  /** Hours by `side economy`. */
  readonly concerns: ReadonlyMap<string, readonly number[]>;
  readonly first: number;
  readonly last: number;
}

export interface BlockContext {
  readonly sensor: string;
  readonly attributes: Attributes;
  readonly parser: MessageParser;
  /** True for a text that names a sensor. */
  readonly hits: SensorPatterns["hits"];
  /** The same for texts that repeat: see {@link rememberingHits}. */
  readonly shortHits: (text: string) => boolean;
  /** Latest instant a capture of this batch may state. */
  readonly latest: number;
}

class BlockRows {
  /** By day since 1970. */
  readonly #rows = { captures: new Map<number, RowBuffer>(), requests: new Map<number, RowBuffer>() };
  readonly #ids: number[] = [];
  readonly #quarantine = new Quarantine();
  readonly #counts: Record<string, number> = {};
  readonly #hours = { up: new Set<number>(), capture: new Set<number>(), request: new Set<number>() };
  readonly #concerns = { source: new Hours(), target: new Hours(), url: new Hours() };
  #first = Number.POSITIVE_INFINITY;
  #last = Number.NEGATIVE_INFINITY;

  count(name: string): void {
    this.#counts[name] = (this.#counts[name] ?? 0) + 1;
  }

  refuse(line: number, code: string, reason: string): void {
    this.#quarantine.add({ line, code, reason });
  }

  up(at: number): void {
    this.#hours.up.add(Math.floor(at / hourMs));
  }

  /** Notes that there is a row of the dataset at the instant, and gives what it is to be written to. */
  row(dataset: Dataset, id: string, at: number): RowBuffer {
    this.#ids.push(recipientNumber(`${dataset}${id}`));
    this.#first = Math.min(this.#first, at);
    this.#last = Math.max(this.#last, at);
    this.up(at);
    const days = this.#rows[dataset];
    const day = Math.floor(at / dayMs);
    let rows = days.get(day);
    if (rows === undefined) {
      rows = new RowBuffer();
      days.set(day, rows);
    }
    return rows;
  }

  concern(at: number, side: Side, economy: string): void {
    this.#concerns[side].add(economy, Math.floor(at / hourMs));
  }

  capture(at: number): void {
    this.#hours.capture.add(Math.floor(at / hourMs));
  }

  request(at: number): void {
    this.#hours.request.add(Math.floor(at / hourMs));
  }

  result(): BlockResult {
    const rows = new Map<string, Uint8Array<ArrayBuffer>>();
    for (const dataset of ["captures", "requests"] as const) {
      for (const [day, buffer] of this.#rows[dataset]) rows.set(`${dataset} ${dayText(day)}`, buffer.take());
    }
    const concerns = new Map<string, number[]>();
    for (const side of ["source", "target", "url"] as const) {
      for (const [economy, hours] of this.#concerns[side].all) concerns.set(`${side} ${economy}`, [...hours]);
    }
    return {
      rows,
      ids: Float64Array.from(this.#ids),
      quarantine: { counts: this.#quarantine.counts, listed: this.#quarantine.listed },
      counts: this.#counts,
      hours: [...this.#hours.up],
      captureHours: [...this.#hours.capture],
      requestHours: [...this.#hours.request],
      concerns,
      first: this.#first,
      last: this.#last,
    };
  }
}

/** Hours since 1970 by economy. */
class Hours {
  readonly all = new Map<string, Set<number>>();

  add(economy: string, hour: number): void {
    const known = this.all.get(economy);
    if (known === undefined) this.all.set(economy, new Set([hour]));
    else known.add(hour);
  }
}

const dayText = (day: number) => new Date(day * dayMs).toISOString().slice(0, 10);

/** Reads a block's lines into rows. One bad line is quarantined and stops nothing. */
export async function blockRows(
  block: { readonly firstLine: number; readonly bytes: Uint8Array },
  context: BlockContext,
): Promise<BlockResult> {
  const rows = new BlockRows();
  for (const line of spoolRecords(block, context.sensor)) {
    rows.count("lines");
    if ("error" in line) rows.refuse(line.line, line.error.code, reasonOf(line.error));
    else if (line.record.kind === "heartbeat") {
      rows.count("heartbeats");
      rows.up(line.record.at);
    } else if (line.record.kind === "unknown") rows.count("unknown");
    else if (line.record.kind === "rejected") rows.refuse(line.line, line.record.code, line.record.reason);
    else if (instantOf(line.record) > context.latest) {
      rows.refuse(line.line, "bad-instant", "the capture is later than the file's seal");
    } else if (line.record.kind === "request") addRequest(rows, line.line, line.record, context);
    else {
      // Waited for only where there is a message: a promise for each row takes time.
      const { message } = line.record;
      const facts = message === undefined ? undefined : await context.parser.facts(message);
      addCapture(rows, line, line.record, facts, context);
    }
  }
  return rows.result();
}

const instantOf = (record: MessageRecord | RequestRecord) =>
  record.kind === "message" ? record.capturedAt : record.connectedAt;

function reasonOf(error: SpampotsError): string {
  const { path, reason } = error.facts;
  return plain([path, reason ?? error.message].filter((part) => part !== undefined && part !== "").join(" "));
}

function addRequest(rows: BlockRows, line: number, record: RequestRecord, context: BlockContext): void {
  rows.count("requests");
  rows.request(record.connectedAt);
  requestRow(rows.row("requests", record.id, record.connectedAt), line, record, context.attributes);
}

function addCapture(
  rows: BlockRows,
  line: SpoolRecordLine,
  record: MessageRecord,
  message: MessageFacts | undefined,
  context: BlockContext,
): void {
  const isProbe = (texts: readonly string[]) =>
    message?.probe === true || envelopeHits(line, record, context) || texts.some(context.shortHits);
  const at = record.capturedAt;
  const to = rows.row("captures", record.id, at);
  const row = captureRow(to, line.line, record, message, isProbe, context.attributes);
  rows.count("captures");
  if (row.probe) {
    rows.count("probes");
    return;
  }
  rows.capture(at);
  if (record.handshake && row.sourceEconomy !== undefined) rows.concern(at, "source", row.sourceEconomy);
  for (const economy of row.targetEconomies) rows.concern(at, "target", economy);
  for (const economy of row.urlEconomies) rows.concern(at, "url", economy);
}

/** Texts, and characters of each, whose answers are remembered: names that repeat. */
const rememberedTexts = 8192;
const longestRemembered = 255;

/** `hits` that remembers its answers for short texts. */
export function rememberingHits(hits: (text: string) => boolean): (text: string) => boolean {
  const known = remembered(rememberedTexts, hits);
  return (text) => (text.length > longestRemembered ? hits(text) : known(text));
}

/** Whether something of a connection and envelope names a sensor. */
function envelopeHits({ text, plain: bytes }: SpoolRecordLine, record: MessageRecord, context: BlockContext): boolean {
  const { hits, shortHits } = context;
  // The texts stand in a plain line as they are, each in quotes: they can't hold what it doesn't. Addresses change their form.
  const isQuick = bytes !== undefined && text.length <= longestQuick && record.message === undefined && !isCut(record);
  if (isQuick && !hits(text, bytes) && !shortHits(record.request?.ip ?? "")) return false;
  return hits(envelopeText(record));
}

/** Longer lines aren't searched as they are: what they hold beside an envelope would take too long. */
const longestQuick = 65_536;

/** A text may have been cut: it may end with what was the beginning of something else. */
function isCut({ helo = "", mailFrom = "", request, rcptTo }: MessageRecord): boolean {
  if (helo.length === spoolBounds.helo || mailFrom.length === spoolBounds.mailFrom) return true;
  if (request?.host?.length === spoolBounds.host) return true;
  return rcptTo.some((recipient) => recipient.length === spoolBounds.recipient);
}

function envelopeText({ helo, mailFrom, rcptTo, request }: MessageRecord): string {
  return `${helo ?? ""}\n${mailFrom ?? ""}\n${request?.host ?? ""}\n${request?.ip ?? ""}\n${rcptTo.join("\n")}`;
}
