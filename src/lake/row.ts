/**
 * Rows of the lake: a capture or request with what enriching found becomes one line of tab-separated text, in the
 * columns of the field dictionary, which the engine turns into Parquet. Pure.
 *
 * Every text passes {@link cell}, so that no cell holds a control character: tab, line feed, and the separators of
 * lists and of their parts are ours alone.
 */
import { encodingOf } from "../capture/charset.ts";
import { remembered } from "../enrich/recent.ts";
import { partSeparator } from "../fields.ts";
import { plain } from "../log.ts";
import type {
  AdvertisedUrl,
  AutonomousSystem,
  Connection,
  MessageFacts,
  MessageRecord,
  ProxyRequest,
  RecipientDomain,
  RequestRecord,
} from "../model.ts";

/** Separates the elements of a list in the tab-separated text. */
export const listSeparator = "\u001e";
/** Stands for NULL in the tab-separated text: no text can be this. */
export const nullCell = "\u0001";

/** What a row needs to know of networks and names. */
export interface Attributes {
  economy(ip: string, at: number): string | undefined;
  asn(ip: string, at: number): AutonomousSystem | undefined;
  recipientDomain(address: string): RecipientDomain | undefined;
  /** Registrable domain of an envelope sender. */
  senderDomain(mailFrom: string): string | undefined;
  url(href: string, at: number): AdvertisedUrl | undefined;
}

/** What stands in each row of one batch. */
export interface BatchFacts {
  readonly batch: string;
  readonly generation: number;
  readonly sensor: string;
  readonly parser: number;
}

/** A row's line and what the batch record wants to know of it. */
export interface LakeRow {
  /** Tab-separated, without line feed. */
  readonly line: string;
  readonly sourceEconomy: string | undefined;
  readonly targetEconomies: readonly string[];
  readonly urlEconomies: readonly string[];
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this finds
const controls = /[\u0000-\u001f\u007f]/;

/** A text cell: attacker-written control characters are replaced, absence is NULL. */
function cell(text: string | undefined): string {
  if (text === undefined || text === "") return nullCell;
  return controls.test(text) ? plain(text) : text.toWellFormed();
}

const numberCell = (value: number | undefined): string => (value === undefined ? nullCell : String(value));
const listCell = (elements: readonly string[]): string =>
  elements.length === 0 ? nullCell : elements.join(listSeparator);
const partsOf = (...parts: readonly (string | number | undefined)[]): string =>
  parts.map((part) => (part === undefined ? "" : plain(String(part)))).join(partSeparator);

/** The least numbers of distinct recipients: enough to count up to eight over any set of captures. */
const sampleSize = 8;

/**
 * A 53-bit number that tells recipients apart. It needn't resist anyone: it stays in the lake, and whoever could make two
 * recipients collide would only make texts leave less often. Two multiplicative 32-bit hashes, mixed.
 */
export function recipientNumber(address: string): number {
  let high = 0x9e3779b9;
  let low = 0x85ebca6b;
  for (let index = 0; index < address.length; index += 1) {
    const code = address.charCodeAt(index);
    high = Math.imul(high ^ code, 0x2c1b3c6d);
    low = Math.imul(low ^ code, 0x297a2d39);
  }
  high = Math.imul(high ^ (high >>> 16), 0x21f0aaad) ^ Math.imul(low ^ (low >>> 15), 0x735a2d97);
  low = Math.imul(low ^ (low >>> 16), 0x21f0aaad) ^ Math.imul(high ^ (high >>> 15), 0x735a2d97);
  return (high & 0x1fffff) * 0x100000000 + (low >>> 0);
}

interface Recipients {
  readonly distinct: number;
  readonly sample: readonly number[];
  /** Per registrable domain, sorted by domain. */
  readonly domains: readonly (RecipientDomain & { readonly count: number })[];
  /** Recipients per economy, unknown as ZZ, sorted. */
  readonly economies: readonly (readonly [string, number])[];
}

/** One mailbox written in several ways is one recipient: brackets, quotes, case, a final dot, a `+tag` don't count. */
function mailbox(address: string): string {
  const bare = address
    .normalize("NFKC")
    .trim()
    .toLowerCase()
    .replace(/^<|>$/g, "")
    .replaceAll('"', "")
    .replace(/\.$/, "");
  return bare.replace(/\+[^@]*@/, "@");
}

function recipientsOf(rcptTo: readonly string[], attributes: Attributes): Recipients {
  const addresses = new Set(rcptTo.map(mailbox));
  const domains = new Map<string, RecipientDomain & { count: number }>();
  const economies = new Map<string, number>();
  for (const address of addresses) {
    const found = attributes.recipientDomain(address);
    const economy = found?.economy ?? "ZZ";
    economies.set(economy, (economies.get(economy) ?? 0) + 1);
    if (found === undefined) continue;
    const known = domains.get(found.domain);
    if (known) known.count += 1;
    else domains.set(found.domain, { ...found, count: 1 });
  }
  const numbers = Float64Array.from(addresses, recipientNumber).sort();
  return {
    distinct: addresses.size,
    sample: [...numbers.subarray(0, sampleSize)],
    domains: [...domains.values()].sort((a, b) => (a.domain < b.domain ? -1 : 1)),
    economies: [...economies].sort(([a], [b]) => (a < b ? -1 : 1)),
  };
}

const sortedSet = (values: Iterable<string | undefined>): string[] =>
  [...new Set(values)].filter((value) => value !== undefined).sort();

/** Cells that captures and requests share, in the dictionary's order. */
function connectionCells(
  line: number,
  facts: BatchFacts,
  record: Connection,
  at: number,
  request: ProxyRequest | undefined,
  attributes: Attributes,
): { cells: string[]; sourceEconomy: string | undefined; destinationEconomy: string | undefined } {
  const sourceEconomy = attributes.economy(record.sourceIp, at);
  const system = attributes.asn(record.sourceIp, at);
  const ip = request?.ip;
  const destinationEconomy = ip === undefined ? undefined : attributes.economy(ip, at);
  const destinationSystem = ip === undefined ? undefined : attributes.asn(ip, at);
  const cells = [
    String(line),
    facts.batch,
    String(facts.generation),
    cell(facts.sensor),
    cell(record.id),
    cell(record.session),
    String(record.connectedAt),
    String(at),
    cell(record.sourceIp),
    String(record.sourcePort),
    cell(sourceEconomy),
    numberCell(system?.asn),
    cell(system?.name),
    record.service,
    String(record.abusedPort),
    cell(request?.type),
    cell(request?.method),
    cell(request?.result),
    cell(request?.host),
    cell(ip),
    numberCell(request?.port),
    cell(destinationEconomy),
    numberCell(destinationSystem?.asn),
    cell(destinationSystem?.name),
  ];
  return { cells, sourceEconomy, destinationEconomy };
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

/** The row of a request without a message. `line` is its line in the batch. */
export function requestRow(line: number, facts: BatchFacts, record: RequestRecord, attributes: Attributes): LakeRow {
  const { cells, sourceEconomy } = connectionCells(line, facts, record, record.connectedAt, record.request, attributes);
  return { line: cells.join("\t"), sourceEconomy, targetEconomies: [], urlEconomies: [] };
}

/**
 * The row of a capture. `message` is absent where the spool holds no message. `isProbe` is asked about every text of the
 * row that could leave, in its final form: folding and cutting may make a sensor's address of what was none.
 */
export function captureRow(
  line: number,
  facts: BatchFacts,
  record: MessageRecord,
  message: MessageFacts | undefined,
  isProbe: (texts: string) => boolean,
  attributes: Attributes,
): LakeRow & { readonly probe: boolean } {
  const at = record.capturedAt;
  const { cells, sourceEconomy, destinationEconomy } = connectionCells(
    line,
    facts,
    record,
    at,
    record.request,
    attributes,
  );
  const recipients = recipientsOf(record.rcptTo, attributes);
  const urls = (message?.urls ?? []).flatMap((href) => attributes.url(href, at) ?? []);
  const targetEconomies = sortedSet([destinationEconomy, ...recipients.domains.map((domain) => domain.economy)]);
  const urlEconomies = sortedSet(urls.map((url) => url.economy));
  const bytes = message?.messageBytes ?? record.messageBytes;
  const helo = record.helo?.toLowerCase() ?? "";
  const mailFromDomain = record.mailFrom === undefined ? undefined : attributes.senderDomain(record.mailFrom);
  const probe = isProbe(
    [
      helo,
      mailFromDomain ?? "",
      message?.subject ?? "",
      ...recipients.domains.map(({ domain }) => domain),
      ...urls.flatMap(({ url, host }) => [url, host]),
      ...(message?.attachments ?? []).map(({ type }) => type),
    ].join("\n"),
  );
  cells.push(
    String(record.handshake),
    String(probe),
    cell(helo),
    cell(mailFromDomain),
    String(record.recipients),
    String(recipients.distinct),
    listCell(recipients.sample.map(String)),
    listCell(recipients.domains.map(({ domain, economy, basis, count }) => partsOf(domain, economy, basis, count))),
    cell(recipients.domains.map(({ domain, count }) => `${domain}:${count}`).join(";")),
    listCell(targetEconomies),
    cell(recipients.economies.map(([economy, count]) => `${economy}:${count}`).join(";")),
    listCell(urlEconomies),
    listCell(urls.map((url) => partsOf(url.url, url.host, url.domain, url.ip, url.asn, url.economy, url.basis))),
    cell(message?.subject),
    cell(message?.charset === undefined ? undefined : knownCharset(message.charset)),
    cell(message?.language),
    numberCell(bytes),
    numberCell(bytes === undefined ? undefined : Math.ceil(bytes / 1000)),
    cell(message?.messageSha256),
    cell(message?.bodySha256),
    cell(message?.transferEncoding),
    cell(message?.mimeLayout),
    listCell((message?.attachments ?? []).map(({ type, bytes: size, sha256 }) => partsOf(type, size, sha256))),
    String(record.truncated),
    cell(message?.parseError),
    String(facts.parser),
  );
  return { line: cells.join("\t"), sourceEconomy, targetEconomies, urlEconomies, probe };
}
