/**
 * Rows of the lake: a capture or request with what enriching found becomes one row of tab-separated text, in the columns
 * of the field dictionary, which the engine turns into Parquet. What is the same in each row of a batch isn't written:
 * the engine adds it ({@link batchColumns}).
 */
import { encodingOf } from "../../capture/charset.ts";
import { remembered } from "../../enrich/recent.ts";
import type {
  AdvertisedUrl,
  AttachmentFacts,
  AutonomousSystem,
  Connection,
  MessageFacts,
  MessageRecord,
  ProxyRequest,
  RequestRecord,
} from "../../model.ts";
import { type Domains, domainOfAddress, recipientsOf } from "./recipients.ts";
import type { RowBuffer } from "./row-buffer.ts";

/** What a row needs to know of networks and names. */
export interface Attributes extends Domains {
  network(
    ip: string,
    at: number,
  ): { readonly economy: string | undefined; readonly system: AutonomousSystem | undefined };
  url(href: string, at: number): AdvertisedUrl | undefined;
  /** A number that is the same for instants at which the same tables are in force. */
  era(at: number): number;
}

/** What stands in each row of one batch. */
export interface BatchFacts {
  readonly batch: string;
  readonly generation: number;
  readonly sensor: string;
  readonly parser: number;
}

/** Columns that {@link BatchFacts} tell: no row holds them. */
export const batchColumns: ReadonlySet<string> = new Set<keyof BatchFacts>(["batch", "generation", "sensor", "parser"]);

/** What of a capture's row the batch record wants to know. */
export interface CaptureRow {
  readonly probe: boolean;
  readonly sourceEconomy: string | undefined;
  readonly targetEconomies: readonly string[];
  readonly urlEconomies: readonly string[];
}

/** What a body comes to in rows. */
export interface BodyCells {
  /** Something that it links to or carries names a sensor. */
  readonly probe: boolean;
  readonly urlEconomies: readonly string[];
  /** As {@link linkCells} writes them. */
  readonly linkCells: Uint8Array;
  /** As {@link attachmentCells} writes it. */
  readonly attachmentCells: Uint8Array;
}

/** A message as rows need it. */
export interface ReadMessage {
  readonly facts: MessageFacts;
  readonly body: BodyCells;
}

const noEconomies: readonly string[] = [];

/** Distinct texts, sorted. Most captures have none or one. */
export function sortedSet(values: readonly (string | undefined)[]): string[] {
  const found: string[] = [];
  for (const value of values) if (value !== undefined && !found.includes(value)) found.push(value);
  return found.length > 1 ? found.sort() : found;
}

/** What tables say of an address, as {@link Attributes} tells it. */
export type Network = ReturnType<Attributes["network"]>;

/** Cells of a network: economy, AS, its name. */
export function networkCells(to: RowBuffer, network: Network | undefined): void {
  to.text(network?.economy);
  to.integer(network?.system?.asn);
  to.text(network?.system?.name);
}

/** Cells of what the sensor posed as. */
export function serviceCells(to: RowBuffer, record: Connection): void {
  to.text(record.service);
  to.integer(record.abusedPort);
}

/** Cells of what was asked for, and of the network it is in. */
export function requestCells(to: RowBuffer, request: ProxyRequest | undefined, network: Network | undefined): void {
  to.text(request?.type);
  to.text(request?.method);
  to.text(request?.result);
  to.text(request?.host);
  to.text(request?.ip);
  to.integer(request?.port);
  networkCells(to, network);
}

/** Cells that captures and requests share, in the dictionary's order, after the line's number. */
function connectionCells(
  to: RowBuffer,
  line: number,
  record: Connection,
  at: number,
  request: ProxyRequest | undefined,
  attributes: Attributes,
): { sourceEconomy: string | undefined; destinationEconomy: string | undefined } {
  const source = attributes.network(record.sourceIp, at);
  const destination = request?.ip === undefined ? undefined : attributes.network(request.ip, at);
  to.integer(line);
  to.text(record.id);
  to.text(record.session);
  to.integer(record.connectedAt);
  to.integer(at);
  to.text(record.sourceIp);
  to.integer(record.sourcePort);
  networkCells(to, source);
  serviceCells(to, record);
  requestCells(to, request, destination);
  return { sourceEconomy: source.economy, destinationEconomy: destination?.economy };
}

/** More labels than mail uses; spammers make up others. */
const rememberedLabels = 4096;

/**
 * A declared charset as one of finitely many words: the label itself where it is one of the WHATWG Encoding Standard,
 * else the encoding that software takes it for, else nothing. It leaves without being common, so nothing that a spammer
 * could write into it may stay.
 */
const knownCharset = remembered(rememberedLabels, (label): string | undefined => {
  const encoding = encodingOf(label);
  if (encoding === undefined) return undefined;
  try {
    new TextDecoder(label);
    return label.trim();
  } catch {
    return encoding;
  }
});

/** Writes the row of a request without a message. `line` is its line in the batch. */
export function requestRow(to: RowBuffer, line: number, record: RequestRecord, attributes: Attributes): void {
  connectionCells(to, line, record, record.connectedAt, record.request, attributes);
  to.endRow();
}

/**
 * Writes the row of a capture. `message` is absent where the spool holds no message. `isProbe` is asked about every text
 * of the row that could leave, in its final form: folding and cutting may make a sensor's address of what was none.
 */
export function captureRow(
  to: RowBuffer,
  line: number,
  record: MessageRecord,
  read: ReadMessage | undefined,
  isProbe: (texts: readonly string[]) => boolean,
  attributes: Attributes,
): CaptureRow {
  const message = read?.facts;
  const at = record.capturedAt;
  const { sourceEconomy, destinationEconomy } = connectionCells(to, line, record, at, record.request, attributes);
  const { distinct, sample, domains, economies } = recipientsOf(record.rcptTo, attributes);
  const targetEconomies = sortedSet([destinationEconomy, ...domains.map(({ domain }) => domain.economy)]);
  const urlEconomies = read?.body.urlEconomies ?? noEconomies;
  const helo = record.helo?.toLowerCase() ?? "";
  const mailFromDomain = record.mailFrom === undefined ? undefined : domainOfAddress(record.mailFrom, attributes);
  const texts = [helo, mailFromDomain?.domain ?? "", message?.subject ?? ""];
  const probe = read?.body.probe === true || isProbe([...texts, ...domains.map(({ domain }) => domain.domain)]);
  to.flag(record.handshake);
  to.flag(probe);
  to.text(helo);
  to.text(mailFromDomain?.domain);
  to.integer(record.recipients);
  to.integer(distinct);
  to.integers(sample);
  to.list(domains.map(({ domain, count }) => [domain.domain, domain.economy, domain.basis, count]));
  to.text(domains.map(({ domain, count }) => `${domain.domain}:${count}`).join(";"));
  to.list(targetEconomies.map((economy) => [economy]));
  to.text(economies.map(({ economy, count }) => `${economy}:${count}`).join(";"));
  if (read === undefined) linkCells(to, [], []);
  else to.cells(read.body.linkCells);
  textCells(to, message);
  sizeCells(to, message?.messageBytes ?? record.messageBytes);
  structureCells(to, message);
  if (read === undefined) attachmentCells(to, []);
  else to.cells(read.body.attachmentCells);
  lastCells(to, record.truncated, message);
  return { probe, sourceEconomy, targetEconomies, urlEconomies };
}

/** Cells of what a message advertises. */
export function linkCells(to: RowBuffer, urls: readonly AdvertisedUrl[], urlEconomies: readonly string[]): void {
  to.list(urlEconomies.map((economy) => [economy]));
  to.list(urls.map((url) => [url.url, url.host, url.domain, url.ip, url.asn, url.economy, url.basis]));
}

/** Cells of what a message's text is. */
export function textCells(to: RowBuffer, message: MessageFacts | undefined): void {
  to.text(message?.subject);
  to.text(message?.charset === undefined ? undefined : knownCharset(message.charset));
  to.text(message?.language);
}

/** Cells of a message's size. */
export function sizeCells(to: RowBuffer, bytes: number | undefined): void {
  to.integer(bytes);
  to.integer(bytes === undefined ? undefined : Math.ceil(bytes / 1000));
}

/** Cells of what a message consists of. */
export function structureCells(to: RowBuffer, message: MessageFacts | undefined): void {
  to.text(message?.messageSha256);
  to.text(message?.bodySha256);
  to.text(message?.transferEncoding);
  to.text(message?.mimeLayout);
}

/** The cell of what is attached to a message. */
export function attachmentCells(to: RowBuffer, attachments: readonly AttachmentFacts[]): void {
  to.list(attachments.map(({ type, bytes, sha256 }) => [type, bytes, sha256]));
}

/** The last cells, and the row's end. */
export function lastCells(to: RowBuffer, truncated: boolean, message: MessageFacts | undefined): void {
  to.flag(truncated);
  to.text(message?.parseError);
  to.endRow();
}
