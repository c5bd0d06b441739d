/**
 * One block of spool lines becomes rows of the lake: parsed, enriched, sorted to their days, with what the batch record
 * wants to know. Runs in worker threads; pure but for the parser's caches.
 */
import type { MessageParser } from "../capture/message.ts";
import { spoolRecords } from "../capture/spool-file.ts";
import type { SpampotsError } from "../errors.ts";
import { plain } from "../log.ts";
import { hourMs, type MessageRecord, type RequestRecord, type Side } from "../model.ts";
import type { Dataset } from "./records.ts";
import { type Attributes, type BatchFacts, captureRow, type LakeRow, recipientNumber, requestRow } from "./row.ts";

/** A line that is no row: where, why by code, and the reason in our words. */
export interface Quarantined {
  readonly line: number;
  readonly code: string;
  readonly reason: string;
}

/** What a block of lines comes to. Text is UTF-8, tab-separated, a line feed after each row. */
export interface BlockResult {
  /** Keyed `captures 2026-11-10`, `requests 2026-11-10`. */
  readonly rows: Map<string, Uint8Array>;
  /** A number for each capture id and request id, in line order, to notice repeats. */
  readonly ids: Float64Array;
  readonly quarantine: readonly Quarantined[];
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
  readonly facts: BatchFacts;
  readonly attributes: Attributes;
  readonly parser: MessageParser;
  /** True for a text that names a sensor. */
  readonly hits: (text: string) => boolean;
  /** Latest instant a capture of this batch may state. */
  readonly latest: number;
}

class BlockRows {
  readonly #texts = new Map<string, string[]>();
  readonly #ids: number[] = [];
  readonly #quarantine: Quarantined[] = [];
  readonly #counts: Record<string, number> = {};
  readonly #hours = { up: new Set<number>(), capture: new Set<number>(), request: new Set<number>() };
  readonly #concerns = new Map<string, Set<number>>();
  #first = Number.POSITIVE_INFINITY;
  #last = Number.NEGATIVE_INFINITY;

  count(name: string): void {
    this.#counts[name] = (this.#counts[name] ?? 0) + 1;
  }

  refuse(line: number, code: string, reason: string): void {
    this.#quarantine.push({ line, code, reason });
  }

  up(at: number): void {
    this.#hours.up.add(Math.floor(at / hourMs));
  }

  add(dataset: Dataset, id: string, at: number, row: LakeRow): void {
    const key = `${dataset} ${new Date(at).toISOString().slice(0, 10)}`;
    const texts = this.#texts.get(key);
    if (texts) texts.push(row.line);
    else this.#texts.set(key, [row.line]);
    this.#ids.push(recipientNumber(`${dataset}${id}`));
    this.#first = Math.min(this.#first, at);
    this.#last = Math.max(this.#last, at);
    this.up(at);
  }

  concern(at: number, sides: Readonly<Record<Side, readonly string[]>>): void {
    const hour = Math.floor(at / hourMs);
    this.#hours.capture.add(hour);
    for (const [side, economies] of Object.entries(sides)) {
      for (const economy of economies) {
        const key = `${side} ${economy}`;
        const hours = this.#concerns.get(key);
        if (hours) hours.add(hour);
        else this.#concerns.set(key, new Set([hour]));
      }
    }
  }

  request(at: number): void {
    this.#hours.request.add(Math.floor(at / hourMs));
  }

  result(): BlockResult {
    const encoder = new TextEncoder();
    return {
      rows: new Map([...this.#texts].map(([key, lines]) => [key, encoder.encode(`${lines.join("\n")}\n`)])),
      ids: Float64Array.from(this.#ids),
      quarantine: this.#quarantine,
      counts: this.#counts,
      hours: [...this.#hours.up],
      captureHours: [...this.#hours.capture],
      requestHours: [...this.#hours.request],
      concerns: new Map([...this.#concerns].map(([key, hours]) => [key, [...hours]])),
      first: this.#first,
      last: this.#last,
    };
  }
}

/** Reads a block's lines into rows. One bad line is quarantined and stops nothing. */
export async function blockRows(
  block: { readonly firstLine: number; readonly bytes: Uint8Array },
  context: BlockContext,
): Promise<BlockResult> {
  const rows = new BlockRows();
  for (const line of spoolRecords(block, context.facts.sensor)) {
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
    else await addCapture(rows, line.line, line.record, context);
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
  rows.add("requests", record.id, record.connectedAt, requestRow(line, context.facts, record, context.attributes));
}

async function addCapture(rows: BlockRows, line: number, record: MessageRecord, context: BlockContext): Promise<void> {
  const message = record.message === undefined ? undefined : await context.parser.facts(record.message);
  const isProbe = (texts: string) => message?.probe === true || context.hits(`${envelopeText(record)}\n${texts}`);
  const row = captureRow(line, context.facts, record, message, isProbe, context.attributes);
  rows.count("captures");
  rows.add("captures", record.id, record.capturedAt, row);
  if (row.probe) {
    rows.count("probes");
    return;
  }
  rows.concern(record.capturedAt, {
    source: record.handshake && row.sourceEconomy !== undefined ? [row.sourceEconomy] : [],
    target: row.targetEconomies,
    url: row.urlEconomies,
  });
}

/** What of a connection and envelope could name a sensor. */
function envelopeText({ helo, mailFrom, rcptTo, request }: MessageRecord): string {
  return `${helo ?? ""}\n${mailFrom ?? ""}\n${request?.host ?? ""}\n${request?.ip ?? ""}\n${rcptTo.join("\n")}`;
}
