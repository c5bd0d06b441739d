/**
 * Lines of a spool file: the header, and one record a line. First step of ingest: a line becomes a {@link SpoolRecord}
 * or an error whose code is the one that quarantine notes. The published form of the same rules is `spool-schema.ts`.
 *
 * Nothing of a line stands in an error: `reason` and `path` are words of ours, for the line may hold anything.
 */
import { type ErrorCode, SpampotsError } from "../errors.ts";
import { plain } from "../log.ts";
import {
  type Connection,
  earliestInstant,
  latestInstant,
  type MessageRecord,
  type ProxyRequest,
  type RejectedRecord,
  type RequestRecord,
  requestResults,
  requestTypes,
  type SpoolHeader,
  type SpoolRecord,
  services,
} from "../model.ts";
import { normaliseAddress } from "./address.ts";
import { parseInstant } from "./instant.ts";

/** Bounds of what a line may say. Longer texts and lists are cut, not refused: the capture counts, its padding doesn't. */
export const spoolBounds = {
  /** Characters of a sensor's, capture's or session's id; a longer one is refused, as cutting would join captures. */
  id: 200,
  helo: 255,
  mailFrom: 1000,
  recipient: 1000,
  recipients: 10_000,
  host: 255,
  method: 32,
  /** Characters of the reason for which a message of an archive was rejected. */
  reason: 300,
  /** Bytes of a message; a larger one is refused. */
  messageBytes: 32 * 1024 * 1024,
  /** Members and elements of a line, brackets counted: each takes memory, and an empty one is two bytes long. */
  values: 1_000_000,
  /** Greatest count or size that a line may state. */
  count: 2_147_483_647,
} as const;

/** Codes under which a message of an archive may have been rejected. */
export const rejectionCodes = ["bad-instant", "bad-address", "bad-message"] as const satisfies readonly ErrorCode[];

type Members = Readonly<Record<string, unknown>>;
type Writable<T> = { -readonly [name in keyof T]: T[name] };

const messageOf = {
  "spool-header": "The first line is not a header of a version 1 spool file.",
  "bad-line": "A line of a spool file breaks the schema.",
  "bad-instant": "A line of a spool file states an instant that cannot be.",
  "bad-address": "A line of a spool file holds something other than an IP address where one must stand.",
  "bad-message": "A line of a spool file holds a message that cannot be read.",
} as const satisfies Partial<Record<ErrorCode, string>>;

type LineCode = keyof typeof messageOf;

/** @param path where in the line; @param reason what must stand there: both ours, never the line's text */
function refuse(code: LineCode, path: string, reason: string): never {
  throw new SpampotsError(code, messageOf[code], { path, reason });
}

function isMembers(value: unknown): value is Members {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * Reads the first line of a spool file.
 *
 * @throws SpampotsError `spool-header`; facts `path` and `reason`.
 */
export function parseHeader(line: string): SpoolHeader {
  const header = parseObject(line, "spool-header");
  if (header.v !== 1) refuse("spool-header", "v", "must be 1");
  return {
    v: 1,
    sensor: idOf(header, "", "sensor", "spool-header"),
    sealedAt: instantOf(header, "sealed_at", "spool-header"),
    simulated: flagOf(header, "simulated", "spool-header") ?? false,
  };
}

/**
 * Reads a line after the first. Members it doesn't know are ignored; of a name that stands twice the last counts.
 *
 * @param sensor the header's sensor, which the record carries
 * @throws SpampotsError `bad-line`, `bad-instant`, `bad-address` or `bad-message`; facts `path` and `reason`.
 */
export function parseLine(line: string, sensor: string): SpoolRecord {
  const quick = messageLine(line);
  if (quick !== undefined) {
    try {
      return messageRecord(quick, sensor);
    } catch {
      // What is wrong with it, the long way says.
    }
  }
  const members = parseObject(line, "bad-line");
  switch (members.kind) {
    case "message":
      return messageRecord(members, sensor);
    case "request":
      return requestRecord(members, sensor);
    case "heartbeat":
      return { kind: "heartbeat", at: instantOf(members, "at", "bad-instant") };
    case "rejected":
      return rejectedRecord(members);
    default:
      if (typeof members.kind !== "string") refuse("bad-line", "kind", "must be text");
      return { kind: "unknown" };
  }
}

const quote = '"';
const comma = 44;
const backslash = 92;
const openBrace = 123;
/** What makes `{` of `[` and leaves the comma alone. */
const braceBit = 32;

/** True where so many values stand in a line that they would fill the memory. Strings are leapt over. */
function holdsTooMany(line: string): boolean {
  let count = 0;
  for (let at = 0; at < line.length; at += 1) {
    const code = line.charCodeAt(at);
    if (code === quote.charCodeAt(0)) at = endOfString(line, at + 1);
    else if (code === comma || (code | braceBit) === openBrace) count += 1;
    if (count > spoolBounds.values) return true;
  }
  return false;
}

/** Position of the quote that ends a JSON string which goes on at `start`, or of the text's end. */
function endOfString(text: string, start: number): number {
  for (let end = text.indexOf(quote, start); end >= 0; end = text.indexOf(quote, end + 1)) {
    let escapes = end;
    while (escapes > start && text.charCodeAt(escapes - 1) === backslash) escapes -= 1;
    if ((end - escapes) % 2 === 0) return end;
  }
  return text.length;
}

const messageMember = ',"message":"';

/** Parsing a line with a shorter message as it is takes no longer. */
const shortMessage = 256;

/**
 * The members of a message's line that ends with the bytes of the message, as most do: these are most of the line, and
 * needn't be read as JSON, since no character of base64 means anything there. `undefined` for any other line.
 */
function messageLine(line: string): Members | undefined {
  const start = line.endsWith('"}') ? line.indexOf(messageMember) : -1;
  if (start < 0 || start > spoolBounds.values) return undefined;
  const message = line.slice(start + messageMember.length, -2);
  if (message.length < shortMessage) return undefined;
  try {
    const value: unknown = JSON.parse(`${line.slice(0, start)}}`);
    return isMembers(value) && value.kind === "message" ? { ...value, message } : undefined;
  } catch {
    return undefined;
  }
}

function parseObject(line: string, code: LineCode): Members {
  // A shorter line has fewer characters than that.
  if (line.length > spoolBounds.values && holdsTooMany(line)) {
    refuse(code, "", `must not hold more than ${spoolBounds.values} values`);
  }
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    // The parser's own message quotes the line, so it is not kept as the cause.
    refuse(code, "", "must be JSON");
  }
  return isMembers(value) ? value : refuse(code, "", "must be a JSON object");
}

function messageRecord(members: Members, sensor: string): MessageRecord {
  const connection = connectionOf(members, sensor);
  const capturedAt = capturedAtOf(members, connection);
  const envelope = objectOf(members, "envelope");
  const listed = envelope.rcpt_to;
  if (!Array.isArray(listed)) refuse("bad-line", "envelope.rcpt_to", "must be a list");
  const counted = wholeOf(envelope, "envelope.", "rcpt_count", spoolBounds.count) ?? 0;
  const record: Writable<MessageRecord> = {
    kind: "message",
    ...connection,
    capturedAt,
    handshake: flagOf(members, "handshake", "bad-line") ?? refuse("bad-line", "handshake", "must be there"),
    rcptTo: recipientsOf(listed),
    recipients: Math.max(counted, listed.length),
    truncated: flagOf(members, "truncated", "bad-line") ?? false,
  };
  if (members.request !== undefined) record.request = proxyRequestOf(members);
  const helo = textOf(envelope, "envelope.", "helo", spoolBounds.helo);
  if (helo !== undefined && helo !== "") record.helo = helo;
  const mailFrom = textOf(envelope, "envelope.", "mail_from", spoolBounds.mailFrom);
  if (mailFrom !== undefined) record.mailFrom = mailFrom;
  const messageBytes = wholeOf(members, "", "message_bytes", spoolBounds.count);
  if (messageBytes !== undefined) record.messageBytes = messageBytes;
  if (members.message !== undefined) {
    record.message = messageBytesOf(members.message);
    record.messageBytes ??= record.message.length;
  }
  return record;
}

function requestRecord(members: Members, sensor: string): RequestRecord {
  const connection = connectionOf(members, sensor);
  capturedAtOf(members, connection);
  return { kind: "request", ...connection, request: proxyRequestOf(members) };
}

/** What an archive's message was refused for. Its own bytes may stand beside it, for a better reader; they aren't read. */
function rejectedRecord(members: Members): RejectedRecord {
  return {
    kind: "rejected",
    code: oneOf(members, "", "code", rejectionCodes) ?? refuse("bad-line", "code", "must be there"),
    reason: plain(textOf(members, "", "reason", spoolBounds.reason) ?? refuse("bad-line", "reason", "must be there")),
  };
}

function connectionOf(members: Members, sensor: string): Connection {
  const source = objectOf(members, "source");
  const service = objectOf(members, "service");
  return {
    sensor,
    id: idOf(members, "", "id", "bad-line"),
    session: idOf(members, "", "session", "bad-line"),
    connectedAt: instantOf(members, "connected_at", "bad-instant"),
    sourceIp: addressOf(source, "source.") ?? refuse("bad-address", "source.ip", "must be an IP address"),
    sourcePort: portOf(source, "source.") ?? refuse("bad-line", "source.port", "must be there"),
    service: oneOf(service, "service.", "name", services) ?? refuse("bad-line", "service.name", "must be there"),
    abusedPort: portOf(service, "service.") ?? refuse("bad-line", "service.port", "must be there"),
  };
}

/** The instant at which the capture was complete. Both are by the sensor's one clock, so it can't be before the connection. */
function capturedAtOf(members: Members, { connectedAt }: Connection): number {
  const capturedAt = instantOf(members, "captured_at", "bad-instant");
  if (capturedAt < connectedAt) refuse("bad-instant", "captured_at", "must not be before connected_at");
  return capturedAt;
}

/** Reads `request`. A host that is a literal address is taken for the address it is. */
function proxyRequestOf(members: Members): ProxyRequest {
  const asked = objectOf(members, "request");
  const request: Writable<ProxyRequest> = {
    type: oneOf(asked, "request.", "type", requestTypes) ?? refuse("bad-line", "request.type", "must be there"),
  };
  const method = textOf(asked, "request.", "method", spoolBounds.method);
  if (method !== undefined && method !== "") request.method = method;
  const ip = addressOf(asked, "request.");
  if (ip !== undefined) request.ip = ip;
  const written = textOf(asked, "request.", "host", spoolBounds.host);
  const host = written?.toLowerCase();
  const literal = host === undefined ? undefined : normaliseAddress(host);
  if (literal !== undefined) request.ip ??= literal;
  else if (written !== undefined && host !== undefined && host !== "") {
    request.host = host;
    if (written !== host) request.hostAsWritten = written;
  }
  const port = portOf(asked, "request.");
  if (port !== undefined) request.port = port;
  const result = oneOf(asked, "request.", "result", requestResults);
  if (result !== undefined) request.result = result;
  return request;
}

function recipientsOf(listed: readonly unknown[]): string[] {
  const kept: string[] = [];
  for (const recipient of listed) {
    if (typeof recipient !== "string") refuse("bad-line", "envelope.rcpt_to", "must be a list of texts");
    if (kept.length < spoolBounds.recipients) kept.push(bounded(recipient, spoolBounds.recipient));
  }
  return kept;
}

function objectOf(owner: Members, name: string): Members {
  const value = owner[name];
  return isMembers(value) ? value : refuse("bad-line", name, "must be an object");
}

/** Text cut to `most` UTF-16 units, without halves of a surrogate pair: those can't be written as UTF-8. */
function bounded(text: string, most: number): string {
  const cut = text.length > most ? text.slice(0, most) : text;
  return cut.isWellFormed() ? cut : cut.toWellFormed();
}

function textOf(owner: Members, place: string, name: string, most: number): string | undefined {
  const value = owner[name];
  if (value === undefined) return undefined;
  return typeof value === "string" ? bounded(value, most) : refuse("bad-line", place + name, "must be text");
}

function idOf(owner: Members, place: string, name: string, code: LineCode): string {
  const value = owner[name];
  if (typeof value !== "string" || value === "" || value.length > spoolBounds.id || !isPrintable(value)) {
    refuse(code, place + name, `must be text of 1 to ${spoolBounds.id} characters, none of them a control character`);
  }
  return value;
}

/** True where no control character (C0, DEL, C1) and no half of a surrogate pair stands in the text. */
function isPrintable(text: string): boolean {
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code < 32 || (code >= 127 && code < 160)) return false;
  }
  return text.isWellFormed();
}

function flagOf(owner: Members, name: string, code: LineCode): boolean | undefined {
  const value = owner[name];
  if (value === undefined) return undefined;
  return typeof value === "boolean" ? value : refuse(code, name, "must be true or false");
}

function wholeOf(owner: Members, place: string, name: string, most: number): number | undefined {
  const value = owner[name];
  if (value === undefined) return undefined;
  if (typeof value !== "number" || !Number.isInteger(value) || value < 0 || value > most) {
    refuse("bad-line", place + name, `must be a whole number from 0 to ${most}`);
  }
  return value;
}

function portOf(owner: Members, place: string): number | undefined {
  return wholeOf(owner, place, "port", 65_535);
}

function addressOf(owner: Members, place: string): string | undefined {
  const value = owner.ip;
  if (value === undefined) return undefined;
  const address = typeof value === "string" ? normaliseAddress(value) : undefined;
  return address ?? refuse("bad-address", `${place}ip`, "must be an IP address");
}

function oneOf<T extends string>(owner: Members, place: string, name: string, choices: readonly T[]): T | undefined {
  const value = owner[name];
  if (value === undefined) return undefined;
  const choice = choices.find((known) => known === value);
  return choice ?? refuse("bad-line", place + name, `must be one of ${choices.join(", ")}`);
}

function instantOf(owner: Members, name: string, code: LineCode): number {
  const value = owner[name];
  const instant = typeof value === "string" ? parseInstant(value) : undefined;
  if (instant === undefined) return refuse(code, name, "must be an RFC 3339 instant such as 2026-11-10T03:12:44.120Z");
  // The written year is bounded too, so that the schema can say the same by a pattern.
  if (instant < earliestInstant || instant >= latestInstant || !String(value).startsWith("20")) {
    refuse(code, name, "must be in the years 2000 to 2099");
  }
  return instant;
}

/** Decodes base64 strictly: RFC 4648 §4 with padding, no line breaks, no other alphabet, no stray bits at the end. */
function messageBytesOf(value: unknown): Uint8Array {
  if (typeof value !== "string") return refuse("bad-message", "message", "must be base64 text");
  if ((value.length / 4) * 3 - paddingOf(value) > spoolBounds.messageBytes) {
    refuse("bad-message", "message", `must be at most ${spoolBounds.messageBytes} bytes`);
  }
  return decodedMessage(value) ?? refuse("bad-message", "message", "must be base64 with padding (RFC 4648 §4)");
}

const paddingOf = (base64: string) => (base64.endsWith("==") ? 2 : base64.endsWith("=") ? 1 : 0);

/** A message's bytes from strict base64; undefined where it is anything else or larger than a message may be. */
export function decodedMessage(value: string): Buffer | undefined {
  const padding = paddingOf(value);
  const length = (value.length / 4) * 3 - padding;
  if (length > spoolBounds.messageBytes) return undefined;
  const bytes = Buffer.from(value, "base64");
  // The decoder skips what it doesn't know, takes other alphabets, cuts characters to eight bits and ignores stray bits.
  const last = value.slice(-4);
  const strict =
    value.length % 4 === 0 &&
    bytes.length === length &&
    Buffer.byteLength(value) === value.length &&
    !value.includes("-") &&
    !value.includes("_") &&
    bytes.toString("base64", bytes.length - (3 - padding)) === last;
  return strict || value === "" ? bytes : undefined;
}
