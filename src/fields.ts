/**
 * The field dictionary: every column of the lake and every column that may leave, in one place. Parquet schema, CSV
 * header, JSON Schema of a row, STIX extension properties and `docs/fields.md` are read from here; nothing else
 * enumerates columns.
 *
 * The default is `never`: a lake column that isn't also listed as a field can't be named by a feed.
 */

/** Who may have a field: nobody, a partner at AMBER or above, or anyone at GREEN and above. */
export type Release = "never" | "partner" | "green";

/** How a field's text is formed in CSV: see `docs/fields.md`. */
export type FieldType = "text" | "integer" | "instant" | "day" | "boolean" | "list" | "pairs" | "exemplars";

/** What the rows of a feed are about. */
export const grains = ["source-day", "target-day", "url-day", "capture", "summary"] as const;
export type Grain = (typeof grains)[number];

/** Names of the same thing in other people's formats. */
export interface FieldNames {
  /** IntelMQ data format key. */
  readonly intelmq?: string;
  /** Shadowserver report column. */
  readonly shadowserver?: string;
  /** n6 key. */
  readonly n6?: string;
  /** Where it stands in STIX 2.1, as `type.property`; absent where it is a property of our extension. */
  readonly stix?: string;
  /** Field of the Elastic Common Schema. */
  readonly ecs?: string;
  /** Field of Splunk's Common Information Model. */
  readonly cim?: string;
}

export interface Field {
  readonly name: string;
  readonly type: FieldType;
  readonly meaning: string;
  readonly unit?: string;
  /** How rows of the lake become the cell. */
  readonly aggregates?: string;
  readonly release: Release;
  /** Written by the sender of the spam: leaves only if common, and is checked for sensors again before it leaves. */
  readonly attackerWritten?: true;
  readonly also: FieldNames;
  /** Grains that have this column, in the order of {@link grainColumns}. */
}

const field = (
  name: string,
  type: FieldType,
  release: Release,
  meaning: string,
  more: Partial<Pick<Field, "unit" | "aggregates" | "attackerWritten">> & { also?: FieldNames } = {},
): Field => ({ name, type, meaning, release, also: {}, ...more });

const fieldList: readonly Field[] = [
  field(
    "row_id",
    "text",
    "green",
    "Stable name of the row: 16 hex digits of an HMAC-SHA-256 under the site key over feed and natural key, the first that no spreadsheet takes for a number. For feedback and joins.",
    { also: { intelmq: "extra.row_id", ecs: "event.id" } },
  ),
  field(
    "timestamp",
    "instant",
    "partner",
    "TCP accept of the newest connection that injected (in spam-events: of this capture's connection). Belongs with source_port.",
    {
      aggregates: "newest connection",
      also: {
        intelmq: "time.source",
        shadowserver: "timestamp",
        n6: "time",
        stix: "network-traffic.start",
        ecs: "@timestamp",
        cim: "_time",
      },
    },
  ),
  field(
    "source_ip",
    "text",
    "partner",
    "The host that connected to the sensor. TCP completed, so the address is not spoofed; the host may be infected, a proxy, or a NAT.",
    {
      aggregates: "grain",
      also: {
        intelmq: "source.ip",
        shadowserver: "src_ip",
        n6: "ip",
        stix: "ipv4-addr.value, ipv6-addr.value",
        ecs: "source.ip",
        cim: "src_ip",
      },
    },
  ),
  field("source_port", "integer", "partner", "Its port on that connection (the public side of a carrier-grade NAT).", {
    aggregates: "newest connection",
    also: {
      intelmq: "source.port",
      shadowserver: "src_port",
      n6: "sport",
      stix: "network-traffic.src_port",
      ecs: "source.port",
      cim: "src_port",
    },
  }),
  field("transport", "text", "partner", "Always tcp.", {
    also: {
      intelmq: "protocol.transport",
      shadowserver: "protocol",
      n6: "proto",
      stix: "network-traffic.protocols",
      ecs: "network.transport",
      cim: "transport",
    },
  }),
  field(
    "service",
    "text",
    "partner",
    "What the sensor posed as on that connection: socks4, socks4a, socks5, http or smtp.",
    {
      aggregates: "newest connection",
      also: {
        intelmq: "protocol.application",
        shadowserver: "application",
        stix: "network-traffic.protocols",
        ecs: "network.protocol",
        cim: "app",
      },
    },
  ),
  field("abused_port", "integer", "partner", "Port of the sensor that was used on that connection.", {
    aggregates: "newest connection",
    also: {
      intelmq: "destination.port",
      shadowserver: "dst_port",
      n6: "dport",
      stix: "network-traffic.dst_port",
      ecs: "destination.port",
      cim: "dest_port",
    },
  }),
  field(
    "source_asn",
    "integer",
    "green",
    "Autonomous system that originated the source address on that day, by the table named in the manifest.",
    {
      aggregates: "newest connection",
      also: {
        intelmq: "source.asn",
        shadowserver: "src_asn",
        n6: "asn",
        stix: "autonomous-system.number",
        ecs: "source.as.number",
      },
    },
  ),
  field("source_as_name", "text", "green", "Name of that autonomous system, by the same table.", {
    aggregates: "newest connection",
    also: { intelmq: "source.as_name", stix: "autonomous-system.name", ecs: "source.as.organization.name" },
  }),
  field("source_economy", "text", "green", "Economy in which the source network is registered (ISO 3166-1 alpha-2).", {
    aggregates: "newest connection",
    also: { intelmq: "source.geolocation.cc", shadowserver: "src_geo", n6: "cc", ecs: "source.geo.country_iso_code" },
  }),
  field("day", "day", "partner", "UTC day of the row, because dynamic addresses change hands.", {
    aggregates: "grain",
    also: { intelmq: "extra.day" },
  }),
  field("first_seen", "instant", "partner", "First capture of the row.", {
    aggregates: "least",
    also: {
      intelmq: "extra.first_seen",
      shadowserver: "start_time",
      stix: "observed-data.first_observed, sighting.first_seen",
      ecs: "event.start",
    },
  }),
  field("last_seen", "instant", "partner", "Last capture of the row.", {
    aggregates: "greatest",
    also: {
      intelmq: "extra.last_seen",
      shadowserver: "end_time",
      stix: "observed-data.last_observed, sighting.last_seen",
      ecs: "event.end",
    },
  }),
  field("captures", "integer", "green", "Messages captured.", {
    unit: "messages",
    aggregates: "count",
    also: {
      intelmq: "extra.captures",
      shadowserver: "count",
      n6: "count",
      stix: "observed-data.number_observed, sighting.count",
    },
  }),
  field(
    "recipients",
    "integer",
    "green",
    "Potential recipients: envelope recipients that sensors accepted. Nothing was delivered.",
    { unit: "recipients", aggregates: "sum", also: { intelmq: "extra.recipients", cim: "recipient_count" } },
  ),
  field("connections", "integer", "green", "TCP connections that injected.", {
    unit: "connections",
    aggregates: "count of distinct connections",
    also: { intelmq: "extra.connections" },
  }),
  field("sensors", "text", "partner", "How many sensors saw it: 1, 2 to 4, or 5 or more.", {
    aggregates: "count of distinct sensors, in three classes",
    also: { intelmq: "extra.sensors" },
  }),
  field(
    "target_economies",
    "pairs",
    "partner",
    "Economies the mail was meant for, with recipients: the five largest.",
    { aggregates: "top 5 by recipients", also: { intelmq: "extra.target_economies" } },
  ),
  field(
    "exemplars",
    "exemplars",
    "partner",
    "Up to the feed's limit of connections, newest first, as instant|source_port|abused_port: what a carrier needs to name a subscriber behind a NAT.",
    { aggregates: "newest distinct connections", also: { intelmq: "extra.exemplars", stix: "network-traffic" } },
  ),
  field("classification_type", "text", "partner", "Always spam (IntelMQ taxonomy).", {
    also: { intelmq: "classification.type" },
  }),
  field(
    "classification_identifier",
    "text",
    "partner",
    "open-proxy or open-relay: how the sensor was abused on the newest connection.",
    { aggregates: "newest connection", also: { intelmq: "classification.identifier" } },
  ),

  field("kind", "text", "partner", "recipient-domain or target-host.", {
    aggregates: "grain",
    also: { intelmq: "extra.kind" },
  }),
  field("destination_fqdn", "text", "partner", "Registrable domain of recipients (only the partner's own).", {
    aggregates: "grain",
    also: {
      intelmq: "destination.fqdn",
      stix: "domain-name.value",
      ecs: "destination.domain",
      cim: "recipient_domain",
    },
  }),
  field("destination_ip", "text", "partner", "Mail server that the proxy was asked to reach. Never reached.", {
    aggregates: "grain",
    also: {
      intelmq: "destination.ip",
      shadowserver: "dst_ip",
      n6: "dip",
      stix: "ipv4-addr.value, ipv6-addr.value",
      ecs: "destination.ip",
      cim: "dest_ip",
    },
  }),
  field("destination_port", "integer", "partner", "Port of that mail server.", {
    aggregates: "grain",
    also: { intelmq: "destination.port", ecs: "destination.port", cim: "dest_port" },
  }),
  field("destination_asn", "integer", "partner", "Autonomous system of the mail server's address.", {
    aggregates: "greatest",
    also: {
      intelmq: "destination.asn",
      shadowserver: "dst_asn",
      stix: "autonomous-system.number",
      ecs: "destination.as.number",
    },
  }),
  field("destination_as_name", "text", "partner", "Name of that autonomous system.", {
    aggregates: "greatest",
    also: { intelmq: "destination.as_name", stix: "autonomous-system.name", ecs: "destination.as.organization.name" },
  }),
  field("destination_economy", "text", "partner", "Economy of the recipient domain or of the mail server's address.", {
    aggregates: "grain",
    also: { intelmq: "destination.geolocation.cc", shadowserver: "dst_geo", ecs: "destination.geo.country_iso_code" },
  }),
  field("target_basis", "text", "partner", "Why the target is counted in that economy: address, cctld or domain-map.", {
    aggregates: "grain",
    also: { intelmq: "extra.target_basis" },
  }),
  field("result", "text", "partner", "Always attempted: nothing was delivered.", { also: { intelmq: "extra.result" } }),
  field("sources", "integer", "partner", "Distinct source addresses.", {
    unit: "addresses",
    aggregates: "count of distinct addresses",
    also: { intelmq: "extra.sources" },
  }),
  field("source_economies", "pairs", "partner", "Economies of the sources, with captures: the five largest.", {
    aggregates: "top 5 by captures",
    also: { intelmq: "extra.source_economies" },
  }),
  field("source_asns", "pairs", "partner", "Autonomous systems of the sources, with captures: the five largest.", {
    aggregates: "top 5 by captures",
    also: { intelmq: "extra.source_asns" },
  }),
  field("top_sources", "pairs", "partner", "Source addresses with the most captures: the ten largest.", {
    aggregates: "top 10 by captures",
    also: { intelmq: "extra.top_sources" },
  }),

  field(
    "side",
    "text",
    "partner",
    "Why the row concerns the partner's economies: source, target or url; several as a list.",
    { aggregates: "list of distinct", also: { intelmq: "extra.side" } },
  ),
  field("url_host", "text", "partner", "Host of the advertised URL; empty where it wasn't common.", {
    aggregates: "grain",
    attackerWritten: true,
    also: { intelmq: "source.fqdn", stix: "domain-name.value", ecs: "url.domain", cim: "url_domain" },
  }),
  field("url_domain", "text", "partner", "Registrable domain of that host.", {
    aggregates: "grain",
    attackerWritten: true,
    also: { intelmq: "extra.url_domain", ecs: "url.registered_domain" },
  }),
  field("url", "text", "partner", "An example: scheme defanged (hxxp), host and path only.", {
    aggregates: "most captures",
    attackerWritten: true,
    also: { intelmq: "source.url", stix: "url.value", ecs: "url.original", cim: "url" },
  }),
  field("url_ip", "text", "partner", "Address, where the host is a literal address. Nothing is resolved.", {
    aggregates: "grain",
    attackerWritten: true,
    also: { intelmq: "extra.url_ip", stix: "ipv4-addr.value, ipv6-addr.value" },
  }),
  field("url_asn", "integer", "partner", "Autonomous system of that address.", {
    aggregates: "greatest",
    also: { intelmq: "extra.url_asn" },
  }),
  field("url_economy", "text", "partner", "Economy of the host, by literal address or ccTLD.", {
    aggregates: "greatest",
    also: { intelmq: "extra.url_economy" },
  }),
  field("url_economy_basis", "text", "partner", "address or cctld.", {
    aggregates: "greatest",
    also: { intelmq: "extra.url_economy_basis" },
  }),
  field("templates", "integer", "partner", "Distinct normalised bodies that advertised the host.", {
    unit: "bodies",
    aggregates: "count of distinct bodies",
    also: { intelmq: "extra.templates" },
  }),
  field("languages", "list", "partner", "Languages of those bodies (ISO 639-1).", {
    aggregates: "list of distinct",
    also: { intelmq: "extra.languages" },
  }),
  field(
    "benign",
    "boolean",
    "partner",
    "The host is a large house that spam merely links to: listed, never an indicator.",
    { aggregates: "by feeds/maps/benign-hosts.yaml", also: { intelmq: "extra.benign" } },
  ),
  field("redacted_urls", "integer", "partner", "Distinct URLs of the host that were not common enough to leave.", {
    unit: "URLs",
    aggregates: "count",
    also: { intelmq: "extra.redacted_urls" },
  }),

  field(
    "request_type",
    "text",
    "partner",
    "What the proxy was asked for: connect-25, connect-other, get, post, bind; empty for mail given to the sensor itself.",
    { also: { intelmq: "extra.request_type" } },
  ),
  field("sides", "list", "partner", "Why the capture concerns the partner's economies: source, target, url.", {
    also: { intelmq: "extra.sides" },
  }),
  field("recipients_yours", "integer", "partner", "Recipients whose domain is in the partner's economies.", {
    unit: "recipients",
    also: { intelmq: "extra.recipients_yours" },
  }),
  field("recipient_domains", "pairs", "partner", "The partner's own recipient domains, registrable, with recipients.", {
    also: { intelmq: "extra.recipient_domains" },
  }),
  field(
    "mail_from_domain",
    "text",
    "partner",
    "Registrable domain of the envelope sender; empty where it equals a recipient's.",
    { attackerWritten: true, also: { intelmq: "extra.mail_from_domain", cim: "src_user_domain" } },
  ),
  field("helo", "text", "partner", "Name the client gave itself in HELO or EHLO.", {
    attackerWritten: true,
    also: { intelmq: "extra.helo" },
  }),
  field("subject", "text", "partner", "Subject, decoded.", {
    attackerWritten: true,
    also: { intelmq: "extra.subject", ecs: "email.subject", cim: "subject" },
  }),
  field("language", "text", "partner", "Language of the main text (ISO 639-1), by statistics.", {
    also: { intelmq: "extra.language" },
  }),
  field("charset", "text", "partner", "Charset declared for the main text, where it is a known label.", {
    also: { intelmq: "extra.charset" },
  }),
  field("message_kb", "integer", "partner", "Size of the message, rounded up.", {
    unit: "kB of 1,000 bytes",
    also: { intelmq: "extra.message_kb" },
  }),
  field("body_sha256", "text", "partner", "SHA-256 of the normalised body: the same for a campaign's copies.", {
    attackerWritten: true,
    also: { intelmq: "extra.body_sha256" },
  }),
  field("attachment_types", "list", "partner", "Declared media types of attachments.", {
    attackerWritten: true,
    also: { intelmq: "extra.attachment_types", ecs: "email.attachments.file.mime_type" },
  }),
  field("attachment_sha256", "list", "partner", "SHA-256 of attachments.", {
    attackerWritten: true,
    also: { intelmq: "malware.hash.sha256", ecs: "email.attachments.file.hash.sha256", cim: "file_hash" },
  }),
  field("url_hosts", "list", "partner", "Hosts of advertised URLs.", {
    attackerWritten: true,
    also: { intelmq: "extra.url_hosts" },
  }),
  field("campaign_id", "text", "partner", "Campaign the capture belongs to; empty until campaigns are mined.", {
    also: { intelmq: "extra.campaign_id" },
  }),

  field("redacted", "list", "green", "Columns whose value was withheld from this row.", {
    also: { intelmq: "extra.redacted" },
  }),
  field("tlp", "text", "green", "TLP 2.0 label of the row, without prefix.", {
    also: { intelmq: "tlp", shadowserver: "tlp", ecs: "threat.indicator.marking.tlp" },
  }),
];

/** Every field that may leave, by name. */
export const fields: ReadonlyMap<string, Field> = new Map(fieldList.map((entry) => [entry.name, entry]));

/**
 * Columns a feed of each grain may name, in the order of its CSV header. The order is a contract: additions only, with
 * a new `schemaVersion`.
 */
export const grainColumns: Readonly<Record<Grain, readonly string[]>> = {
  "source-day": [
    "row_id",
    "timestamp",
    "source_ip",
    "source_port",
    "transport",
    "service",
    "abused_port",
    "source_asn",
    "source_as_name",
    "source_economy",
    "day",
    "first_seen",
    "last_seen",
    "captures",
    "recipients",
    "connections",
    "sensors",
    "target_economies",
    "exemplars",
    "classification_type",
    "classification_identifier",
    "redacted",
    "tlp",
  ],
  "target-day": [
    "row_id",
    "day",
    "first_seen",
    "last_seen",
    "kind",
    "destination_fqdn",
    "destination_ip",
    "destination_port",
    "destination_asn",
    "destination_as_name",
    "destination_economy",
    "target_basis",
    "result",
    "captures",
    "recipients",
    "sources",
    "source_economies",
    "source_asns",
    "top_sources",
    "redacted",
    "tlp",
  ],
  "url-day": [
    "row_id",
    "day",
    "first_seen",
    "last_seen",
    "side",
    "url_host",
    "url_domain",
    "url",
    "url_ip",
    "url_asn",
    "url_economy",
    "url_economy_basis",
    "captures",
    "recipients",
    "sources",
    "templates",
    "languages",
    "benign",
    "redacted_urls",
    "redacted",
    "tlp",
  ],
  capture: [
    "row_id",
    "timestamp",
    "source_ip",
    "source_port",
    "transport",
    "service",
    "abused_port",
    "source_asn",
    "source_as_name",
    "source_economy",
    "request_type",
    "destination_ip",
    "destination_port",
    "destination_asn",
    "destination_economy",
    "sides",
    "recipients",
    "recipients_yours",
    "recipient_domains",
    "mail_from_domain",
    "helo",
    "subject",
    "language",
    "charset",
    "message_kb",
    "body_sha256",
    "attachment_types",
    "attachment_sha256",
    "url_hosts",
    "campaign_id",
    "redacted",
    "tlp",
  ],
  summary: [],
};

/** Version of the columns above; rises when one is added. Stands in the manifest and in STIX ids. */
export const schemaVersion = 1;

/** Types both engines know. `VARCHAR[]` and `BIGINT[]` are lists; there are no structs, unsigned or HUGEINT columns. */
export type LakeType = "VARCHAR" | "BIGINT" | "INTEGER" | "BOOLEAN" | "VARCHAR[]" | "BIGINT[]";

export interface LakeColumn {
  readonly name: string;
  readonly type: LakeType;
  readonly meaning: string;
}

const column = (name: string, type: LakeType, meaning: string): LakeColumn => ({ name, type, meaning });

const connectionColumns: readonly LakeColumn[] = [
  column("batch", "VARCHAR", "Batch id: SHA-256 of the spool file."),
  column("generation", "INTEGER", "Generation of the batch, from 1."),
  column("sensor", "VARCHAR", "Sensor id."),
  column("capture_id", "VARCHAR", "Id the sensor gave the capture or request."),
  column("session", "VARCHAR", "The sensor's id of the TCP connection."),
  column("connected_at", "BIGINT", "TCP accept, milliseconds since 1970 UTC."),
  column("captured_at", "BIGINT", "Capture (for requests: TCP accept), milliseconds since 1970 UTC."),
  column("source_ip", "VARCHAR", "Normalised address of the host that connected."),
  column("source_port", "INTEGER", "Its port."),
  column("source_economy", "VARCHAR", "Economy of that address by the table in force."),
  column("source_asn", "BIGINT", "Its origin AS."),
  column("source_as_name", "VARCHAR", "Name of that AS."),
  column("service", "VARCHAR", "What the sensor posed as."),
  column("abused_port", "INTEGER", "Port of the sensor that was used."),
  column("request_type", "VARCHAR", "What the proxy was asked for."),
  column("request_method", "VARCHAR", "HTTP method of that request."),
  column("request_result", "VARCHAR", "What the sensor answered."),
  column("destination_host", "VARCHAR", "Host name that was asked for (attacker-written)."),
  column("destination_ip", "VARCHAR", "Address that was asked for."),
  column("destination_port", "INTEGER", "Port that was asked for."),
  column("destination_economy", "VARCHAR", "Economy of that address."),
  column("destination_asn", "BIGINT", "AS of that address."),
  column("destination_as_name", "VARCHAR", "Name of that AS."),
];

/** Columns of `lake/captures`, in file order. A list cell of several parts joins them by U+001F, which no text of the lake holds. */
export const captureColumns: readonly LakeColumn[] = [
  ...connectionColumns,
  column("handshake", "BOOLEAN", "The TCP handshake was completed by the client."),
  column("probe", "BOOLEAN", "Names a sensor: in no feed."),
  column("helo", "VARCHAR", "HELO or EHLO name (attacker-written)."),
  column("mail_from_domain", "VARCHAR", "Registrable domain of the envelope sender (attacker-written)."),
  column("recipients", "INTEGER", "Recipients the sensor accepted."),
  column("recipient_distinct", "INTEGER", "Distinct recipients listed."),
  column(
    "recipient_sample",
    "BIGINT[]",
    "The eight least 53-bit numbers of distinct recipients: enough to count up to eight over any set of captures.",
  ),
  column("recipient_domains", "VARCHAR[]", "Per registrable recipient domain: domain, economy, basis, recipients."),
  column("recipient_list", "VARCHAR", "All registrable recipient domains as domain:count;domain:count, sorted."),
  column(
    "target_economies",
    "VARCHAR[]",
    "Distinct known economies of destination address and recipient domains, sorted.",
  ),
  column("recipient_economies", "VARCHAR", "Recipients per economy as TW:9;JP:1, unknown as ZZ, sorted by economy."),
  column("url_economies", "VARCHAR[]", "Distinct known economies of advertised URLs, sorted."),
  column("urls", "VARCHAR[]", "Per advertised URL: url, host, domain, ip, asn, economy, basis."),
  column("subject", "VARCHAR", "Subject, decoded (attacker-written)."),
  column("charset", "VARCHAR", "Charset declared for the main text: a known label, or the encoding it is taken for."),
  column("language", "VARCHAR", "Language of the main text."),
  column("message_bytes", "BIGINT", "Size of the message."),
  column("message_kb", "INTEGER", "Size of the message in units of 1,000 bytes, rounded up."),
  column("message_sha256", "VARCHAR", "SHA-256 of the raw message."),
  column("body_sha256", "VARCHAR", "SHA-256 of the normalised body."),
  column("transfer_encoding", "VARCHAR", "Content-Transfer-Encoding of the main text."),
  column("mime_layout", "VARCHAR", "MIME tree."),
  column("attachments", "VARCHAR[]", "Per attachment: type, bytes, SHA-256."),
  column("truncated", "BOOLEAN", "The sensor kept only a part of the message."),
  column("parse_error", "VARCHAR", "Why the message's structure could not be parsed."),
  column("parser", "INTEGER", "Version of the parser that made this row."),
];

/** Columns of `lake/requests`, in file order. */
export const requestColumns: readonly LakeColumn[] = connectionColumns;

/** Separator of the parts of a list cell in the lake. */
export const partSeparator = "\u001f";
