/**
 * One block of spool lines becomes rows of the lake: parsed, enriched, sorted to their days, with what the batch record
 * wants to know. Runs in worker threads; pure but for the parser's caches.
 */
import { lineEnd, lineOf } from "../../capture/lines.ts";
import type { MessageParser } from "../../capture/message.ts";
import type { SensorPatterns } from "../../capture/probe.ts";
import { spoolBounds } from "../../capture/spool.ts";
import { readLine, type SpoolLine, type SpoolRecordLine } from "../../capture/spool-file.ts";
import { remembered } from "../../enrich/recent.ts";
import type { SpampotsError } from "../../errors.ts";
import { plain } from "../../log.ts";
import type { MessageFacts, MessageRecord, RequestRecord } from "../../model.ts";
import { type BlockResult, BlockRows } from "./block-rows.ts";
import type { BodyRows } from "./body-cells.ts";
import type { PlainRows } from "./plain-rows.ts";
import { recipientNumber } from "./recipient-number.ts";
import { type Attributes, captureRow, requestRow } from "./row.ts";

export interface BlockContext {
  readonly sensor: string;
  readonly attributes: Attributes;
  /** Reads messages, once it was opened. */
  readonly parser: MessageParser | undefined;
  openParser(): Promise<MessageParser>;
  /** True for a text that names a sensor. */
  readonly hits: SensorPatterns["hits"];
  /** The same for texts that repeat: see {@link rememberingHits}. */
  readonly shortHits: (text: string) => boolean;
  /** Cells of bodies, which repeat. */
  readonly bodies: BodyRows;
  /** Rows of plain lines. */
  readonly plainRows: PlainRows;
  /** Latest instant a capture of this batch may state. */
  readonly latest: number;
}

/** Reads a block's lines into rows. One bad line is quarantined and stops nothing. */
export async function blockRows(
  block: { readonly firstLine: number; readonly bytes: Uint8Array },
  context: BlockContext,
): Promise<BlockResult> {
  const { buffer, byteOffset, length } = block.bytes;
  // Bytes that came from another thread are a plain Uint8Array, in which to look for a byte takes several times as long.
  const bytes = Buffer.from(buffer, byteOffset, length);
  const rows = new BlockRows(bytes.length);
  let line = block.firstLine;
  for (let at = 0; at < bytes.length; line += 1) {
    const next = context.plainRows.add(bytes, at, line, rows, context);
    if (next >= 0) at = next;
    else {
      const end = lineEnd(bytes, at);
      const read = lineOf(bytes, at, end, line);
      if (read !== undefined) await addLine(rows, readLine(read, context.sensor), context);
      at = end + 1;
    }
  }
  return rows.result();
}

/** A line that isn't a plain one, or the first of its kind. */
async function addLine(rows: BlockRows, line: SpoolLine, context: BlockContext): Promise<void> {
  rows.count("lines");
  if ("error" in line) rows.refuse(line.line, line.error.code, reasonOf(line.error));
  else if (line.record.kind === "heartbeat") {
    rows.count("heartbeats");
    rows.up(line.record.at);
  } else if (line.record.kind === "unknown") rows.count("unknown");
  else if (line.record.kind === "rejected") rows.refuse(line.line, line.record.code, line.record.reason);
  else if (instantOf(line.record) > context.latest) {
    rows.refuse(line.line, "bad-instant", "the capture is later than the file's seal");
  } else {
    context.plainRows.learn(line.record);
    if (line.record.kind === "request") addRequest(rows, line.line, line.record, context);
    else {
      const { message } = line.record;
      const facts = message === undefined ? undefined : (context.parser ?? (await context.openParser())).facts(message);
      addCapture(rows, line, line.record, facts, context);
    }
  }
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
  requestRow(
    rows.row("requests", recipientNumber(`requests${record.id}`), record.connectedAt),
    line,
    record,
    context.attributes,
  );
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
  const read = message === undefined ? undefined : { facts: message, body: context.bodies.cells(message, at) };
  const to = rows.row("captures", recipientNumber(`captures${record.id}`), at);
  const row = captureRow(to, line.line, record, read, isProbe, context.attributes);
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
  // The texts stand in a plain line as they are, each in quotes: they can't hold what it doesn't. Addresses and hosts change their form.
  const isQuick = bytes !== undefined && text.length <= longestQuick && record.message === undefined && !isCut(record);
  const { ip = "", host = "" } = record.request ?? {};
  if (isQuick && !hits(text, bytes) && !shortHits(ip) && !shortHits(host)) return false;
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
  const { host, hostAsWritten, ip } = request ?? {};
  return [helo, mailFrom, host, hostAsWritten, ip, ...rcptTo].join("\n");
}
