/**
 * Mail from an archive as captures. The connection comes from the `Received` header that the receiving side wrote, the
 * recipients from the headers of the envelope, so that any corpus of spam can be ingested. What a client could have
 * written itself is never taken for the connection: where no trusted header names a public address, the message is
 * quarantined.
 *
 * Flow: path -> {@link archivedMessages} -> {@link archivedRecord} -> message, enrich, lake.
 *
 * @see RFC 5321 §4.4 (trace headers), RFC 5322 §3.6, RFC 9228 (Delivered-To)
 */
import { isUtf8 } from "node:buffer";
import { createHash } from "node:crypto";
import { type ErrorCode, SpampotsError } from "../errors.ts";
import { earliestInstant, latestInstant, type MessageRecord, type ServiceName } from "../model.ts";
import { type Hop, parseReceived } from "./received.ts";
import { spoolBounds } from "./spool.ts";

export { type ArchivedMessage, archivedMessages } from "./mailbox.ts";

/** What an archive doesn't say about itself. */
export interface ArchiveOptions {
  readonly sensor: string;
  readonly service: ServiceName;
  /** Port of the sensor; by default the service's own. */
  readonly abusedPort?: number;
  /**
   * Which handover counts: 1 is the newest one from a public address, 2 the one before, that is, where one relay of the
   * receiving side handed over to another. Too many, and a header of the sender's own making is believed.
   */
  readonly trustedHops: number;
  /** The instant where neither the header nor one above it has a date that can be read. */
  readonly fallbackAt?: number;
}

const servicePorts: Readonly<Record<ServiceName, number>> = {
  smtp: 25,
  socks4: 1080,
  socks4a: 1080,
  socks5: 1080,
  http: 8080,
};

/** Headers are read up to this size. */
const headerBytes = 1024 * 1024;

/** More headers of one name than this are not read. */
const mostOfOneName = 1000;

const wantedNames = new Set([
  "received",
  "return-path",
  "x-original-to",
  "envelope-to",
  "x-envelope-to",
  "delivered-to",
  "to",
  "cc",
]);

/** Headers that state an envelope recipient, the one nearest to the connection first. */
const envelopeNames = ["x-original-to", "envelope-to", "x-envelope-to", "delivered-to"];

interface Field {
  readonly name: string;
  readonly value: string;
}

/**
 * The capture that an archived message is. Its id comes from its bytes and the instant of its `Received` header, so the
 * same message in two archives is one capture; it is its own session.
 *
 * Recipients are the one that the `Received` header states, else those of the first header of the envelope that the
 * receiving side wrote (`X-Original-To`, `Envelope-To`, `X-Envelope-To`, `Delivered-To`), else the addresses of `To`
 * and `Cc`; where there is none, one recipient is counted, since somebody got it.
 *
 * @throws SpampotsError `bad-address`, `bad-instant` or `bad-message`; facts `path` and `reason`, none of them the message's words.
 */
export function archivedRecord(raw: Uint8Array, options: ArchiveOptions): MessageRecord {
  if (raw.length > spoolBounds.messageBytes) {
    refuse("bad-message", "message", `must be at most ${spoolBounds.messageBytes} bytes`);
  }
  const fields = fieldsOf(raw);
  const { hop, place } = trustedHop(fields, options.trustedHops);
  const at = instantOf(hop, options.fallbackAt);
  const trusted = fields.slice(0, place);
  const rcptTo = recipientsOf(hop, trusted, fields);
  const id = createHash("sha256").update(raw).update(String(at)).digest("hex").slice(0, 32);
  const mailFrom = mailFromOf(fields);
  return {
    kind: "message",
    sensor: options.sensor,
    id,
    session: id,
    connectedAt: at,
    capturedAt: at,
    sourceIp: hop.address,
    sourcePort: hop.port ?? 0,
    service: options.service,
    abusedPort: options.abusedPort ?? servicePorts[options.service],
    handshake: true,
    ...(hop.helo === undefined ? {} : { helo: hop.helo.slice(0, spoolBounds.helo).toWellFormed() }),
    ...(mailFrom === undefined ? {} : { mailFrom }),
    rcptTo: rcptTo.slice(0, spoolBounds.recipients),
    recipients: Math.max(rcptTo.length, 1),
    message: raw,
    messageBytes: raw.length,
    truncated: false,
  };
}

function refuse(code: ErrorCode, path: string, reason: string): never {
  throw new SpampotsError(code, "An archived message states no connection that can be used.", { path, reason });
}

type ClientHop = Hop & { readonly address: string };

/** The header of the handover that counts, and its place among the fields: those before it are the receiving side's. */
function trustedHop(fields: readonly Field[], trustedHops: number): { hop: ClientHop; place: number } {
  let clients = 0;
  /** Date of the header above: our own side's, and later by what it took to hand the message on. */
  let after: { readonly at?: number } = {};
  for (const [place, { name, value }] of fields.entries()) {
    if (name !== "received") continue;
    const hop = parseReceived(value);
    const { address } = hop;
    // Below a client without an address everything may be the client's own words.
    if (hop.kind === "nameless") break;
    if (address !== undefined) clients += 1;
    if (address !== undefined && clients === trustedHops) return { hop: { ...after, ...hop, address }, place };
    if (hop.at !== undefined) after = { at: hop.at };
  }
  const reason = "must name a client by a public address, in as many headers as hops are trusted";
  return refuse("bad-address", "Received", reason);
}

function instantOf({ at: stated }: Hop, fallbackAt: number | undefined): number {
  const at = stated ?? fallbackAt;
  if (at === undefined) return refuse("bad-instant", "Received", "must have a date");
  if (at < earliestInstant || at >= latestInstant)
    refuse("bad-instant", "Received", "must be in the years 2000 to 2099");
  return at;
}

function recipientsOf({ recipient }: Hop, trusted: readonly Field[], fields: readonly Field[]): string[] {
  if (recipient !== undefined) return addressesIn([recipient]);
  for (const name of envelopeNames) {
    const stated = addressesIn(trusted.filter((field) => field.name === name).map(({ value }) => value));
    if (stated.length > 0) return stated;
  }
  return addressesIn(fields.filter(({ name }) => name === "to" || name === "cc").map(({ value }) => value));
}

/** Distinct addresses in header values, in their order. */
function addressesIn(values: readonly string[]): string[] {
  return [...new Set(values.flatMap((value) => [...addressesOf(value)]))];
}

/** Ends a local part or a domain. */
const special = /[\s<>()[\],;:"@\\]/;

/**
 * Addresses in a text: up to 200 characters before each `@`, up to 255 after. Looked for from the `@`, since a pattern
 * that begins with the local part would read each of an endless word's characters two hundred times.
 */
function* addressesOf(text: string): Generator<string> {
  let from = 0;
  for (let sign = text.indexOf("@"); sign >= 0; sign = text.indexOf("@", Math.max(from, sign + 1))) {
    let start = sign;
    while (start > from && sign - start < 200 && !special.test(text.charAt(start - 1))) start -= 1;
    let end = sign + 1;
    while (end < text.length && end - sign <= 255 && !special.test(text.charAt(end))) end += 1;
    if (start === sign || end === sign + 1) continue;
    yield text.slice(start, end).toWellFormed();
    from = end;
  }
}

/** The sender of the envelope; empty for the null sender. */
function mailFromOf(fields: readonly Field[]): string | undefined {
  const value = fields.find(({ name }) => name === "return-path")?.value.trim();
  if (value === undefined) return undefined;
  return value === "<>" ? "" : addressesIn([value])[0];
}

/** Fields of the header whose names are wanted, unfolded, in their order. */
function fieldsOf(raw: Uint8Array): Field[] {
  const bytes = Buffer.from(raw.buffer, raw.byteOffset, Math.min(raw.byteLength, headerBytes));
  const blank = /^\r?\n|\r?\n\r?\n/.exec(bytes.toString("latin1"));
  const header = bytes.subarray(0, blank?.index ?? bytes.length);
  const text = header.toString(isUtf8(header) ? "utf8" : "latin1");
  const fields: Field[] = [];
  const counts = new Map<string, number>();
  for (const line of text.split(/\r?\n(?![ \t])/)) {
    const colon = line.indexOf(":");
    const name = line.slice(0, Math.min(colon, 100)).trimEnd().toLowerCase();
    const count = (counts.get(name) ?? 0) + 1;
    if (colon < 1 || !wantedNames.has(name) || count > mostOfOneName) continue;
    counts.set(name, count);
    fields.push({ name, value: line.slice(colon + 1).replace(/\r?\n[ \t]+/g, " ") });
  }
  return fields;
}
