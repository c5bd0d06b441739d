/**
 * Rows of plain lines, cell by cell from the line's bytes. The rules of lines are those of `spool.ts` and of rows those of
 * `row.ts`, said there alone: what an address, a service or a request comes to is taken from the first line that had it,
 * which went the long way, and is written again wherever the same bytes stand in the same place. What is new in every
 * line (ids, instants, ports, recipients) is read here.
 *
 * Flow: block -> `capture/plain-line.ts` -> here -> rows; any line that is refused here -> `spool.ts` -> `row.ts`.
 */

import type { MessageParser } from "../../capture/message.ts";
import { afterSender, dayLength, PlainLine, standsAt } from "../../capture/plain-line.ts";
import type { SensorPatterns } from "../../capture/probe.ts";
import { decodedMessage, spoolBounds } from "../../capture/spool.ts";
import type { MessageRecord, ProxyRequest, RequestRecord } from "../../model.ts";
import type { BlockRows } from "./block-rows.ts";
import type { BodyRows } from "./body-cells.ts";
import { PlainRecipients } from "./plain-recipients.ts";
import { PrefixedNumber } from "./recipient-number.ts";
import {
  type Attributes,
  attachmentCells,
  lastCells,
  linkCells,
  networkCells,
  type ReadMessage,
  requestCells,
  serviceCells,
  sizeCells,
  structureCells,
  textCells,
} from "./row.ts";
import { cellsOf, type RowBuffer } from "./row-buffer.ts";
import { SpanCells } from "./span-cells.ts";

const greatestPort = 65_535;

const captureNumber = new PrefixedNumber("captures");
const requestNumber = new PrefixedNumber("requests");

const noRequest = cellsOf((to) => requestCells(to, undefined, undefined));
const noAdvertisement = cellsOf((to) => {
  linkCells(to, [], []);
  textCells(to, undefined);
});
const noStructure = cellsOf((to) => {
  structureCells(to, undefined);
  attachmentCells(to, []);
});
const end = cellsOf((to) => lastCells(to, false, undefined));
const noCell = cellsOf((to) => to.text(undefined));
const nothing = new Uint8Array(0);
const nowhere: readonly string[] = [];
const handshakes = { true: cellsOf((to) => to.flag(true)), false: cellsOf((to) => to.flag(false)) };

/** What a block's lines are read with. */
export interface PlainContext {
  /** Latest instant a capture of this batch may state. */
  readonly latest: number;
  /** Reads messages, once it was opened: until then their lines go the long way. */
  readonly parser: MessageParser | undefined;
  readonly bodies: BodyRows;
  /** True for a text that names a sensor. */
  readonly shortHits: (text: string) => boolean;
}

/** One for each thread. */
export class PlainRows {
  readonly #attributes: Attributes;
  readonly #patterns: Pick<SensorPatterns, "hits" | "hitsStretch">;
  readonly #line = new PlainLine();
  readonly #recipients: PlainRecipients;
  /** Cells of addresses, which stand before the port, and of their networks; noted is the economy. */
  readonly #sources = new SpanCells();
  readonly #services = new SpanCells();
  /** Noted is the economy. */
  readonly #requests = new SpanCells();
  readonly #helos = new SpanCells();
  /** Economies by their notes; the first is none. */
  readonly #economies: (string | undefined)[] = [undefined];
  /** The block's bytes, and the same to be read by words. */
  #bytes: Uint8Array = nothing;
  #view: DataView = new DataView(nothing.buffer);
  /** A day as it was written, and when it began. */
  readonly #day = new Uint8Array(dayLength);
  #dayStart = 0;
  /** The tables that pieces were made with. */
  #era = -2;
  /** Bytes of the last line, if it was a plain one of which a piece wasn't known. */
  #unlearned: Uint8Array | undefined;
  readonly #targets: string[] = [];

  constructor(attributes: Attributes, patterns: Pick<SensorPatterns, "hits" | "hitsStretch">) {
    this.#attributes = attributes;
    this.#patterns = patterns;
    this.#recipients = new PlainRecipients(attributes, patterns.hits);
  }

  /**
   * Adds the row of the line at `at`, where it is a plain line of which every piece is known. Returns where the next line
   * begins; -1 where the line must go the long way, and nothing was added.
   */
  add(bytes: Uint8Array, at: number, number: number, rows: BlockRows, context: PlainContext): number {
    const line = this.#line;
    this.#unlearned = undefined;
    if (bytes !== this.#bytes) {
      this.#bytes = bytes;
      this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    }
    if (!line.head(bytes, at) || !this.#mayBe()) return -1;
    return line.isMessage
      ? this.#addCapture(bytes, number, rows, context)
      : this.#addRequest(bytes, number, rows, context.latest);
  }

  /** Remembers the pieces of the line that {@link add} refused last, now that the long way has accepted it as `record`. */
  learn(record: MessageRecord | RequestRecord): void {
    const bytes = this.#unlearned;
    if (bytes === undefined) return;
    this.#unlearned = undefined;
    const { isMessage, capturedDay, capturedMs, connectedDay, connectedMs, serviceStart, serviceEnd } = this.#line;
    const at = record.kind === "message" ? record.capturedAt : record.connectedAt;
    const dayAt = isMessage ? capturedDay : connectedDay;
    this.#day.set(bytes.subarray(dayAt, dayAt + dayLength));
    this.#dayStart = at - (isMessage ? capturedMs : connectedMs);
    const era = this.#attributes.era(at);
    if (era !== this.#era) {
      this.#sources.clear();
      this.#requests.clear();
      this.#era = era;
    }
    if (this.#services.find(this.#view, serviceStart, serviceEnd) === 0) {
      const cells = cellsOf((to) => serviceCells(to, record));
      this.#services.set(this.#view, serviceStart, serviceEnd, cells);
    }
    this.#learnSource(record.sourceIp, at);
    if (record.request !== undefined) this.#learnRequest(record.request, at);
  }

  #learnSource(ip: string, at: number): void {
    const { ipStart, ipEnd } = this.#line;
    if (this.#sources.find(this.#view, ipStart, ipEnd) !== 0) return;
    const network = this.#attributes.network(ip, at);
    const address = cellsOf((to) => to.text(ip));
    const cells = cellsOf((to) => networkCells(to, network));
    this.#sources.set(this.#view, ipStart, ipEnd, address, { more: cells, note: this.#noteOf(network.economy) });
  }

  /** A request that names a sensor isn't remembered: its captures go the long way. */
  #learnRequest(request: ProxyRequest, at: number): void {
    const { requestStart, requestEnd } = this.#line;
    const { hits } = this.#patterns;
    if (this.#requests.find(this.#view, requestStart, requestEnd) !== 0) return;
    if ([request.host, request.hostAsWritten, request.ip].some((text) => text !== undefined && hits(text))) return;
    const network = request.ip === undefined ? undefined : this.#attributes.network(request.ip, at);
    const cells = cellsOf((to) => requestCells(to, request, network));
    this.#requests.set(this.#view, requestStart, requestEnd, cells, { note: this.#noteOf(network?.economy) });
  }

  /** Tables know some 250 economies. */
  #noteOf(economy: string | undefined): number {
    const known = this.#economies.indexOf(economy);
    return known < 0 ? this.#economies.push(economy) - 1 : known;
  }

  /** Whether what the line says of itself may be so. */
  #mayBe(): boolean {
    const { idStart, idEnd, sessionStart, sessionEnd, sourcePort, ipStart, ipEnd } = this.#line;
    const idLength = idEnd - idStart;
    const sessionLength = sessionEnd - sessionStart;
    return (
      idLength > 0 &&
      idLength <= spoolBounds.id &&
      sessionLength > 0 &&
      sessionLength <= spoolBounds.id &&
      sourcePort <= greatestPort &&
      ipEnd > ipStart
    );
  }

  /** The line is one whose pieces may be learned. */
  #refuse(bytes: Uint8Array): -1 {
    this.#unlearned = bytes;
    return -1;
  }

  /** Whether a day is the one that is known. */
  #isDay(bytes: Uint8Array, at: number): boolean {
    return standsAt(this.#day, bytes, at);
  }

  #addRequest(bytes: Uint8Array, number: number, rows: BlockRows, latest: number): number {
    const line = this.#line;
    const connectedAt = this.#dayStart + line.connectedMs;
    const source = this.#sources.find(this.#view, line.ipStart, line.ipEnd);
    const service = this.#services.find(this.#view, line.serviceStart, line.serviceEnd);
    const request = this.#requests.find(this.#view, line.requestStart, line.requestEnd);
    if (source === 0 || service === 0 || request === 0) return this.#refuse(bytes);
    if (!this.#isDay(bytes, line.connectedDay) || this.#attributes.era(connectedAt) !== this.#era)
      return this.#refuse(bytes);
    if (!this.#isDay(bytes, line.capturedDay) || line.capturedMs < line.connectedMs || connectedAt > latest) return -1;
    rows.count("lines");
    rows.count("requests");
    rows.request(connectedAt);
    const to = rows.row("requests", requestNumber.of(bytes, line.idStart, line.idEnd), connectedAt);
    this.#connectionCells(to, bytes, number, connectedAt, connectedAt, source, service, request);
    to.endRow();
    return line.at;
  }

  #addCapture(bytes: Uint8Array, number: number, rows: BlockRows, context: PlainContext): number {
    const line = this.#line;
    const recipients = this.#recipients;
    const senderStart = line.at;
    const sender = recipients.sender(bytes, senderStart);
    const listStart = recipients.senderEnd < 0 ? -1 : afterSender(bytes, recipients.senderEnd);
    const listEnd = listStart < 0 ? -1 : recipients.read(bytes, listStart);
    if (listEnd < 0 || !line.tail(listEnd) || line.messageBytes > spoolBounds.count) return -1;
    const source = this.#sources.find(this.#view, line.ipStart, line.ipEnd);
    const service = this.#services.find(this.#view, line.serviceStart, line.serviceEnd);
    const asksNothing = line.requestStart === line.requestEnd;
    const request = asksNothing ? 0 : this.#requests.find(this.#view, line.requestStart, line.requestEnd);
    if (source === 0 || service === 0 || (request === 0 && !asksNothing)) return this.#refuse(bytes);
    const connectedAt = this.#dayStart + line.connectedMs;
    const at = this.#dayStart + line.capturedMs;
    if (!this.#isDay(bytes, line.capturedDay) || this.#attributes.era(at) !== this.#era) return this.#refuse(bytes);
    if (!this.#isDay(bytes, line.connectedDay) || at < connectedAt || at > context.latest) return -1;
    const helo = this.#helo(bytes);
    if (helo < 0 || this.#patterns.hitsStretch(bytes, senderStart - 1, listEnd)) return -1;
    const message = this.#message(bytes, at, context);
    if (message === "unread") return -1;
    rows.count("lines");
    rows.count("captures");
    rows.capture(at);
    const to = rows.row("captures", captureNumber.of(bytes, line.idStart, line.idEnd), at);
    this.#connectionCells(to, bytes, number, connectedAt, at, source, service, request);
    to.cells(line.handshake ? handshakes.true : handshakes.false);
    to.cells(handshakes.false);
    if (helo === 0) to.text(undefined);
    else to.copy(this.#helos.bytes, this.#helos.start(helo), this.#helos.end(helo));
    to.cells(sender?.nameBytes ?? noCell);
    recipients.cells(to);
    this.#targetCells(to, asksNothing ? undefined : this.#economies[this.#requests.note(request)]);
    this.#messageCells(to, message);
    const economy = this.#economies[this.#sources.note(source)];
    if (line.handshake && economy !== undefined) rows.concern(at, "source", economy);
    for (const target of this.#targets) rows.concern(at, "target", target);
    for (const advertised of message === "none" ? nowhere : message.body.urlEconomies)
      rows.concern(at, "url", advertised);
    return line.at;
  }

  /** What the line's message comes to; unread where it names a sensor, isn't well-formed, or there is no parser yet. */
  #message(
    bytes: Uint8Array,
    at: number,
    { parser, bodies, shortHits }: PlainContext,
  ): ReadMessage | "none" | "unread" {
    const { messageStart, messageEnd } = this.#line;
    if (messageStart === messageEnd) return "none";
    const { buffer, byteOffset } = bytes;
    const text = Buffer.from(buffer, byteOffset + messageStart, messageEnd - messageStart).toString("latin1");
    const raw = parser === undefined ? undefined : decodedMessage(text);
    const facts = raw && parser?.facts(raw);
    if (facts === undefined || facts.probe || shortHits(facts.subject ?? "")) return "unread";
    const body = bodies.cells(facts, at);
    return body.probe ? "unread" : { facts, body };
  }

  #messageCells(to: RowBuffer, message: ReadMessage | "none"): void {
    const { messageBytes } = this.#line;
    if (message === "none") {
      to.cells(noAdvertisement);
      sizeCells(to, messageBytes < 0 ? undefined : messageBytes);
      to.cells(noStructure);
      to.cells(end);
      return;
    }
    const { facts, body } = message;
    to.cells(body.linkCells);
    textCells(to, facts);
    sizeCells(to, facts.messageBytes);
    structureCells(to, facts);
    to.cells(body.attachmentCells);
    lastCells(to, false, facts);
  }

  #connectionCells(
    to: RowBuffer,
    bytes: Uint8Array,
    number: number,
    connectedAt: number,
    at: number,
    source: number,
    service: number,
    request: number,
  ): void {
    const line = this.#line;
    const sources = this.#sources;
    to.integer(number);
    to.span(bytes, line.idStart, line.idEnd);
    to.span(bytes, line.sessionStart, line.sessionEnd);
    to.integer(connectedAt);
    to.integer(at);
    to.copy(sources.bytes, sources.start(source), sources.middle(source));
    to.integer(line.sourcePort);
    to.copy(sources.bytes, sources.middle(source), sources.end(source));
    to.copy(this.#services.bytes, this.#services.start(service), this.#services.end(service));
    if (request === 0) to.cells(noRequest);
    else to.copy(this.#requests.bytes, this.#requests.start(request), this.#requests.end(request));
  }

  /** Cells of the economies that are concerned as targets, and of the recipients of each. */
  #targetCells(to: RowBuffer, destination: string | undefined): void {
    const targets = this.#targets;
    targets.length = 0;
    if (destination !== undefined) targets.push(destination);
    for (let place = 0; place < this.#recipients.domains; place += 1) {
      const economy = this.#recipients.economyAt(place);
      if (economy !== undefined && !targets.includes(economy)) targets.push(economy);
    }
    if (targets.length > 1) targets.sort();
    if (targets.length === 0) to.text(undefined);
    else {
      for (let place = 0; place < targets.length; place += 1) {
        if (place > 0) to.nextElement();
        to.part(targets[place] ?? "");
      }
      to.endCell();
    }
    this.#recipients.economyCell(to);
  }

  /** Entry of the greeting's cell, 0 for none; less than 0 where it names a sensor or is cut. */
  #helo(bytes: Uint8Array): number {
    const { heloStart, heloEnd } = this.#line;
    if (heloStart === heloEnd) return 0;
    const known = this.#helos.find(this.#view, heloStart, heloEnd);
    if (known !== 0) return known;
    if (heloEnd - heloStart > spoolBounds.helo) return -1;
    const text = Buffer.from(bytes.buffer, bytes.byteOffset + heloStart, heloEnd - heloStart).toString("latin1");
    const stored = text.toLowerCase();
    // In lower case, as it may leave, base64 says something else.
    if (this.#patterns.hits(text) || this.#patterns.hits(stored)) return -1;
    const cell = cellsOf((to) => to.text(stored));
    this.#helos.set(this.#view, heloStart, heloEnd, cell);
    return this.#helos.find(this.#view, heloStart, heloEnd) || -1;
  }
}
