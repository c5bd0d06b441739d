/**
 * The words of the project, one meaning each. Nothing else defines a term.
 *
 * - **sensor**: one honeypot. Its identity and address never leave the lake.
 * - **capture**: one message as one sensor took it: envelope, connection, instant, facts parsed from the message.
 * - **request**: one thing a client asked a sensor's proxy for, with or without a message after it.
 * - **probe**: a capture that would tell its sender where a sensor is. Counted, in no feed.
 * - **batch**: one spool file of one sensor, sealed at an instant it states; its id is the SHA-256 of its bytes.
 *   Ingesting it twice changes nothing; `ingest --again` writes its next **generation**, replacing the last.
 * - **coverage**: the share of a period's sensor hours for which heartbeats or captures arrived.
 * - **economy**: ISO 3166-1 alpha-2 code of the economy a network is registered in (RIR sense), by a named, dated table.
 * - **side**: why a capture concerns an economy: `source`, `target` or `url`.
 * - **feed**: a question asked each period, in `feeds/<id>.yaml`.
 * - **partner**: an organisation with an MoU: one entry of `partners.yaml`.
 * - **MoU**: the agreement: reference, dates, economies, TLP ceiling, purposes, onward use. In force, or not, on a day.
 * - **policy**: what of a partner's entry changes content: economies with `since`, covered part of the period, TLP, masks.
 * - **TLP**: TLP 2.0 label, ordered once, here: CLEAR < GREEN < AMBER < AMBER+STRICT < RED.
 * - **period**: half-open UTC interval of capture time: an hour, a day or an ISO week.
 * - **slice**: the rows of one feed for one partner in one period.
 * - **artifact**: one rendered file of a slice.
 * - **bundle**: a STIX 2.1 `bundle` object, nothing else.
 * - **manifest**: the statement of what a publication holds; the thing that is signed.
 * - **publication**: a signed manifest and its artifacts. Immutable, numbered from 1 per partner and feed, without gaps.
 * - **revision**: a later publication for the same period, because its input set changed.
 * - **log**: the publications of one feed for one partner, in order.
 * - **destination**: where a partner wants a feed pushed to, by its name in the subscription: a bucket, a web server, a webhook
 *   or a TAXII collection.
 * - **delivery**: one publication on its way to one destination of a partner.
 * - **lane**: one feed of one partner on its way to one destination: deliveries in the log's order, one at a time.
 * - **receipt**: the record that a partner was handed a publication or artifact: when, how, which digest.
 * - **runner**: a process that publishes what is due and delivers it, by itself; each of its looks is a **tick**.
 * - **lease**: that of several runners one alone is at a piece of work, for a minute at a time.
 * - **alert**: what needs a person: told once when it begins, and once when it is over.
 *
 * Instants inside the program are integers: milliseconds since 1970 UTC (`…At`, `from`, `to`, `start`, `end`).
 */

/** ISO 3166-1 alpha-2, upper case. Unknown is `undefined` in TypeScript, NULL in the lake, empty in a CSV. */
export type Economy = string;

export const sides = ["source", "target", "url"] as const;
export type Side = (typeof sides)[number];

/** TLP 2.0 labels in order of restriction (FIRST, TLP 2.0, August 2022). */
export const tlpLabels = ["CLEAR", "GREEN", "AMBER", "AMBER+STRICT", "RED"] as const;
export type Tlp = (typeof tlpLabels)[number];

/** Place of a label in the order; a greater number is more restrictive. */
export function tlpRank(label: Tlp): number {
  return tlpLabels.indexOf(label);
}

export const cadences = ["hour", "day", "week"] as const;
export type Cadence = (typeof cadences)[number];

/** A half-open UTC interval of capture time. `id` is `2026-11-10T13`, `2026-11-10` or `2026-W46`. */
export interface Period {
  readonly every: Cadence;
  readonly id: string;
  /** First millisecond in the period. */
  readonly start: number;
  /** First millisecond after it. */
  readonly end: number;
}

export const services = ["socks4", "socks4a", "socks5", "http", "smtp"] as const;
export type ServiceName = (typeof services)[number];

export const requestTypes = ["connect-25", "connect-other", "get", "post", "bind", "error"] as const;
export type RequestType = (typeof requestTypes)[number];

export const requestResults = ["granted", "refused", "malformed", "auth", "timeout"] as const;
export type RequestResult = (typeof requestResults)[number];

export const formats = ["csv", "stix", "json", "markdown"] as const;
export type Format = (typeof formats)[number];

/** Earliest and latest instant a capture may state (2000-01-01 and 2100-01-01, exclusive end): constants, never the clock. */
export const earliestInstant = Date.UTC(2000, 0, 1);
export const latestInstant = Date.UTC(2100, 0, 1);

export const hourMs = 3_600_000;
export const dayMs = 86_400_000;

/** The connection a capture or request came over, normalised. */
export interface Connection {
  readonly sensor: string;
  /** Capture or request id given by the sensor. */
  readonly id: string;
  /** The sensor's id of the TCP connection. */
  readonly session: string;
  /** TCP accept. */
  readonly connectedAt: number;
  /** Normalised address of the host that connected. */
  readonly sourceIp: string;
  readonly sourcePort: number;
  readonly service: ServiceName;
  /** Port of the sensor that was used. */
  readonly abusedPort: number;
}

/** What the client asked the proxy for. `host` is attacker-written, lower case; `ip` is normalised. */
export interface ProxyRequest {
  readonly type: RequestType;
  readonly method?: string;
  /** In lower case. */
  readonly host?: string;
  /** As it was written, where that is otherwise: what it says in base64 is lost in lower case. */
  readonly hostAsWritten?: string;
  readonly ip?: string;
  readonly port?: number;
  readonly result?: RequestResult;
}

/** A spool line of kind `message`: one capture before its message is parsed. */
export interface MessageRecord extends Connection {
  readonly kind: "message";
  readonly capturedAt: number;
  /** The TCP handshake was completed by the client, so that the source address isn't spoofed. */
  readonly handshake: boolean;
  readonly request?: ProxyRequest;
  readonly helo?: string;
  readonly mailFrom?: string;
  /** Envelope recipients as written, at most 10,000. */
  readonly rcptTo: readonly string[];
  /** Recipients the sensor accepted; at least the length of `rcptTo`. */
  readonly recipients: number;
  /** Raw RFC 5322 bytes, absent where the spool holds none. */
  readonly message?: Uint8Array;
  readonly messageBytes?: number;
  readonly truncated: boolean;
}

/** A spool line of kind `request`: what came without a message. Counted in `summary`. */
export interface RequestRecord extends Connection {
  readonly kind: "request";
  readonly request: ProxyRequest;
}

/** A spool line of kind `heartbeat`: the sensor was up in that hour. */
export interface HeartbeatRecord {
  readonly kind: "heartbeat";
  readonly at: number;
}

/** A line of a kind this version doesn't know: counted and kept, not refused. */
export interface UnknownRecord {
  readonly kind: "unknown";
}

/** A message of an archive that could not be made a capture: kept in the batch, counted in quarantine. */
export interface RejectedRecord {
  readonly kind: "rejected";
  readonly code: string;
  /** In our words. */
  readonly reason: string;
}

export type SpoolRecord = MessageRecord | RequestRecord | HeartbeatRecord | RejectedRecord | UnknownRecord;

/** First line of a spool file. */
export interface SpoolHeader {
  readonly v: 1;
  readonly sensor: string;
  readonly sealedAt: number;
  /** Made by `spampots simulate`: stands in the batch record, the manifest and every page made from it. */
  readonly simulated: boolean;
}

/** A sensor, from the operator's private file. Nothing of it leaves. */
export interface Sensor {
  readonly id: string;
  readonly economy?: Economy;
  /** Organisation that hosts it. */
  readonly host?: string;
  /** Addresses it has or had; `from` inclusive, `to` exclusive. */
  readonly addresses: readonly { readonly address: string; readonly from?: number; readonly to?: number }[];
  readonly names: readonly string[];
}

/** An attachment's declared type (lower case), size and digest. Never its name. */
export interface AttachmentFacts {
  readonly type: string;
  readonly bytes: number;
  readonly sha256: string;
}

/** What is kept of a message. Texts are attacker-written, decoded, without control characters, bounded in length. */
export interface MessageFacts {
  readonly subject?: string;
  /** Charset declared for the main text, lower case, as written. */
  readonly charset?: string;
  /** ISO 639-1 of the main text, where it could be told. */
  readonly language?: string;
  readonly messageBytes: number;
  /** Hex digest of the raw message: stays in the lake. */
  readonly messageSha256: string;
  /** Hex digest of the normalised body: the same for a campaign's copies. */
  readonly bodySha256: string;
  /** Content-Transfer-Encoding of the main text, lower case. */
  readonly transferEncoding?: string;
  /** MIME tree such as `multipart/mixed(text/plain,image/gif)`, bounded in length. */
  readonly mimeLayout?: string;
  readonly attachments: readonly AttachmentFacts[];
  /** Distinct http and https URLs in order of appearance, at most 100, as WHATWG `URL.href` without user-info, query and fragment. */
  readonly urls: readonly string[];
  /** True where the message's text, headers or decoded parts hold an address or name of a sensor. */
  readonly probe: boolean;
  /** Set where the MIME structure could not be parsed: facts from headers alone. */
  readonly parseError?: string;
}

/** The autonomous system that originated an address, by the table in force. */
export interface AutonomousSystem {
  readonly asn: number;
  readonly name?: string;
}

/** Where the economy of a name comes from. */
export type DomainBasis = "cctld" | "domain-map";

/** A recipient domain: registrable, ASCII (punycode), lower case. */
export interface RecipientDomain {
  readonly domain: string;
  readonly economy?: Economy;
  readonly basis?: DomainBasis;
}

/** An advertised URL. Texts are attacker-written; `url` has no user-info, query or fragment. */
export interface AdvertisedUrl {
  readonly url: string;
  /** Host as in the URL: ASCII name or address (IPv6 without brackets). */
  readonly host: string;
  /** Registrable domain; absent for an address or a bare public suffix. */
  readonly domain?: string;
  /** Present where the host is a literal address. */
  readonly ip?: string;
  readonly asn?: number;
  readonly economy?: Economy;
  readonly basis?: "address" | "cctld";
}

/** A cell as the engine returns it: text, integer, boolean, bytes, NULL or a list. */
export type Cell = string | number | bigint | boolean | Uint8Array | null | readonly Cell[];

/** Rows by column: `columns[c][r]`, columns in the slice's order. */
export interface Chunk {
  readonly rows: number;
  readonly columns: readonly (readonly Cell[])[];
}

/** A question for an engine in two texts with the same rows in the same order: an engine takes what suits it. */
export interface Query {
  /** For an engine that keeps what it works out of a named relation, as long as the query runs. */
  readonly kept: string;
  /** For an engine that works a named relation out anew wherever it is named. */
  readonly inlined: string;
}
