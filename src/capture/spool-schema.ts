/**
 * The published JSON Schema of a spool file, version 1: what sensors are written against. The reading side is
 * `spool.ts`; a test holds the two together: what the reader accepts is valid here.
 *
 * Said in words because a schema can't: `captured_at` is not before `connected_at`; instants fall into 2000 to 2099
 * after their offset is taken off; days exist.
 *
 * @see JSON Schema 2020-12; RFC 3339 §5.6, RFC 3986 §3.2.2 (the grammar of IPv6 addresses), RFC 4648 §4
 */
import { requestResults, requestTypes, services } from "../model.ts";
import { rejectionCodes, spoolBounds } from "./spool.ts";

/** A JSON Schema, as far as this project writes one. */
export type JsonSchema = { readonly [keyword: string]: unknown };

const octet = "(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])";
const ipv4 = `${octet}(?:\\.${octet}){3}`;

/** IPv6 by the grammar of RFC 3986: one alternative for each number of groups after the gap. */
function ipv6Pattern(): string {
  const group = "[0-9A-Fa-f]{1,4}";
  const tail = `(?:${group}:${group}|${ipv4})`;
  const before = (most: number) => (most === 0 ? `(?:${group})?` : `(?:(?:${group}:){0,${most}}${group})?`);
  const gapped = [5, 4, 3, 2, 1, 0].map((after, index) => {
    const left = index === 0 ? "" : before(index - 1);
    return `${left}::(?:${group}:){${after}}${tail}`;
  });
  return `(?:${[`(?:${group}:){6}${tail}`, ...gapped, `${before(5)}::${group}`, `${before(6)}::`].join("|")})`;
}

const ipv6 = `${ipv6Pattern()}(?:%[\\w.~%-]+)?`;

const whole = (maximum: number, description: string): JsonSchema => ({
  type: "integer",
  minimum: 0,
  maximum,
  description,
});

const text = (description: string, cut: number): JsonSchema => ({
  type: "string",
  description: `${description} Cut to ${cut} characters.`,
});

const connection = ["id", "session", "connected_at", "captured_at", "source", "service"];

const connectionProperties = {
  id: { $ref: "#/$defs/id", description: "The sensor's id of this capture or request, never used again by it." },
  session: { $ref: "#/$defs/id", description: "The sensor's id of the TCP connection." },
  connected_at: { $ref: "#/$defs/instant", description: "TCP accept." },
  captured_at: { $ref: "#/$defs/instant", description: "When the capture was complete; not before connected_at." },
  source: {
    type: "object",
    description: "The host that connected.",
    required: ["ip", "port"],
    properties: { ip: { $ref: "#/$defs/address" }, port: { $ref: "#/$defs/port" } },
  },
  service: {
    type: "object",
    description: "What the sensor posed as, and its port that was used.",
    required: ["name", "port"],
    properties: { name: { enum: services }, port: { $ref: "#/$defs/port" } },
  },
} satisfies JsonSchema;

const request: JsonSchema = {
  type: "object",
  description: "What the client asked the proxy for.",
  required: ["type"],
  properties: {
    type: { enum: requestTypes },
    method: text("HTTP method or SOCKS command.", spoolBounds.method),
    host: text("Host name asked for; a literal address counts as ip.", spoolBounds.host),
    ip: { $ref: "#/$defs/address" },
    port: { $ref: "#/$defs/port" },
    result: { enum: requestResults },
  },
};

const envelope: JsonSchema = {
  type: "object",
  required: ["rcpt_to"],
  properties: {
    helo: text("Argument of HELO or EHLO.", spoolBounds.helo),
    mail_from: text("Address of MAIL FROM without angle brackets; empty for the null sender.", spoolBounds.mailFrom),
    rcpt_to: {
      type: "array",
      description: `Addresses of RCPT TO that were accepted. The first ${spoolBounds.recipients} are kept, all are counted.`,
      items: text("An address without angle brackets.", spoolBounds.recipient),
    },
    rcpt_count: whole(spoolBounds.count, "Recipients accepted, where rcpt_to doesn't list them all."),
  },
};

/** Characters of base64 that `spoolBounds.messageBytes` make. */
const messageCharacters = Math.ceil(spoolBounds.messageBytes / 3) * 4;

const message: JsonSchema = {
  type: "object",
  required: ["kind", ...connection, "handshake", "envelope"],
  properties: {
    kind: { const: "message" },
    ...connectionProperties,
    handshake: { type: "boolean", description: "The client completed the TCP handshake: its address isn't spoofed." },
    request,
    envelope,
    message: {
      type: "string",
      description: `The raw RFC 5322 bytes, at most ${spoolBounds.messageBytes}.`,
      contentEncoding: "base64",
      maxLength: messageCharacters,
      pattern: "^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/][AQgw]==|[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048]=)?$",
    },
    message_bytes: whole(spoolBounds.count, "Bytes of the message as it was sent, where message lacks or was cut."),
    truncated: { type: "boolean", default: false, description: "The sensor kept only the beginning of the message." },
  },
};

/** The schema. A file's first line is a `header`, each further one that isn't empty a `line`. */
export const spoolSchema: JsonSchema = {
  $schema: "https://json-schema.org/draft/2020-12/schema",
  title: "spampots-feeds spool file, version 1: one line",
  description:
    "A spool file is UTF-8 text, one JSON object a line (LF or CRLF), plain, gzip (.gz) or zstd (.zst). The first line is a header, the others are lines. Members that aren't named here are ignored.",
  anyOf: [{ $ref: "#/$defs/header" }, { $ref: "#/$defs/line" }],
  $defs: {
    header: {
      type: "object",
      required: ["v", "sensor", "sealed_at"],
      properties: {
        v: { const: 1 },
        sensor: { $ref: "#/$defs/id", description: "Id of the sensor in the operator's sensors file." },
        sealed_at: { $ref: "#/$defs/instant", description: "When the file was finished." },
        simulated: { type: "boolean", default: false, description: "The captures were made up." },
      },
    },
    line: {
      anyOf: ["message", "request", "heartbeat", "rejected", "unknown"].map((kind) => ({ $ref: `#/$defs/${kind}` })),
    },
    message,
    request: {
      type: "object",
      required: ["kind", ...connection, "request"],
      properties: { kind: { const: "request" }, ...connectionProperties, request },
    },
    heartbeat: {
      type: "object",
      required: ["kind", "at"],
      properties: { kind: { const: "heartbeat" }, at: { $ref: "#/$defs/instant" } },
    },
    rejected: {
      type: "object",
      description: "A message of an archive that tells no connection: counted in quarantine under its code.",
      required: ["kind", "code", "reason"],
      properties: {
        kind: { const: "rejected" },
        code: { enum: rejectionCodes },
        reason: text("Why, in words of ours.", spoolBounds.reason),
        message: { type: "string", description: "Its raw bytes in base64, kept and not read." },
      },
    },
    unknown: {
      type: "object",
      description: "A kind of a later version: counted and kept.",
      required: ["kind"],
      properties: { kind: { type: "string", not: { enum: ["message", "request", "heartbeat", "rejected"] } } },
    },
    id: {
      type: "string",
      minLength: 1,
      maxLength: spoolBounds.id,
      pattern: "^[^\\u0000-\\u001f\\u007f-\\u009f]*$",
    },
    instant: {
      type: "string",
      description: "RFC 3339 in capitals, years 2000 to 2099; kept to the millisecond.",
      pattern:
        "^20[0-9]{2}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\\.[0-9]{1,9})?(?:Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])$",
    },
    address: {
      type: "string",
      description:
        "An IPv4 or IPv6 address, in brackets or not; a zone is ignored, IPv4 mapped into IPv6 counts as IPv4.",
      maxLength: 100,
      pattern: `^(?:${ipv4}|${ipv6}|\\[(?:${ipv4}|${ipv6})\\])$`,
    },
    port: { type: "integer", minimum: 0, maximum: 65_535 },
  },
};
