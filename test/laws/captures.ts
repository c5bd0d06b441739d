/**
 * Made-up captures for the laws: from small pools, so that texts, hosts and recipients meet again at other sensors, with
 * secrets of their own that must never leave. A capture is drawn, written as a spool line, and restated as the model of
 * `model.ts` sees it, without the program's code but for which bodies count as the same, which has tests of its own.
 */
import fc from "fast-check";
import { normaliseBody } from "../../src/capture/body.ts";
import { dayMs } from "../../src/model.ts";

/** Saturday of 2026-W46: two days of that week and one of the next are used. */
export const firstDay = Date.UTC(2026, 10, 14);
export const lastDay = firstDay + 3 * dayMs;

/** What is drawn. Instants are ms since 1970 UTC. */
export interface Drawn {
  readonly sensor: string;
  readonly id: string;
  readonly session: number;
  readonly capturedAt: number;
  readonly destination: number;
  readonly handshake: boolean;
  readonly recipients: readonly number[];
  readonly more: number;
  readonly mailFrom: number;
  readonly helo: number;
  readonly subject: number;
  readonly body: number;
  readonly urls: readonly number[];
  readonly attachment: number;
  readonly probe: boolean;
  readonly size: number;
}

export const sensorIds = ["sp-andes", "sp-baltic", "sp-coral"];

/** The sensors file: addresses and names that must never leave. */
export const sensorsFile = JSON.stringify({
  sensors: sensorIds.map((id, index) => ({
    id,
    economy: "BR",
    host: `Hosting House ${index}`,
    addresses: [{ address: `203.0.113.${200 + index}` }, { address: `2001:db8:ff::${index + 1}` }],
    names: [`${id}.honeynet.example`],
  })),
});

const sources = [
  "192.0.2.7",
  "192.0.2.200",
  "198.51.100.9",
  "203.0.113.5",
  "203.0.113.140",
  "2001:db8:1::25",
  "100.64.0.9",
];
const domains = [
  "pchome.com.tw",
  "ms1.hinet.net",
  "mail.example.co.jp",
  "firma.pl",
  "example.org",
  "gmail.com",
  "xn--fiq228c.tw",
];
const localParts = ["chen.wei", "Chen.Wei", "tanaka", "info", "li-na", "kowalski", "o'brien", "wang"];

/** Recipients: addresses of victims; the last two have no domain. */
export const recipientPool: readonly string[] = [
  ...domains.flatMap((domain, index) => localParts.map((name, place) => `${name}${index}${place % 4}@${domain}`)),
  "postmaster@[198.51.100.77]",
  "nobody",
];

const destinations = [undefined, "192.0.2.25", "198.51.100.25", "203.0.113.60", "2001:db8:1::26", "100.64.0.25"];
const senders = [
  undefined,
  "",
  "offers@deals.example.com",
  "x1@pchome.com.tw",
  "bounce@news.example.co.jp",
  "a@unique",
];
const helos = [undefined, "mail.example.com", "MAIL.Example.com", "[192.0.2.7]", "friend"];
const subjects = [undefined, "Cheap watches", "=SUM(A1:A9)", "Hello chen.wei00@pchome.com.tw", "Loan offer %40 home"];
const bodies = [
  "Buy our fine watches today, delivered to your door within a week.",
  "Your loan is approved, answer now and get the money.",
];
const urlPool = [
  "http://shop.example.com/a",
  "http://shop.example.com/b",
  "https://img.shop.example.com/p%40q.gif",
  "http://www.deals.com.tw/x",
  "http://deals.com.tw/y",
  "http://192.0.2.99/login",
  "http://[2001:db8:2::80]:8080/z",
  "http://yahoo.co.jp/",
];
const attachments = [
  undefined,
  { type: "application/zip", text: "PK archive one" },
  { type: "image/gif", text: "GIF89a two" },
];

/** A number drawn that stands for a text of this capture alone. */
const own = 100;

const capture = fc.record<Omit<Drawn, "id">>({
  sensor: fc.constantFrom(...sensorIds),
  session: fc.nat(5),
  capturedAt: fc.oneof(
    fc.integer({ min: firstDay, max: lastDay - 1 }),
    fc.tuple(fc.constantFrom(0, 1, 2, 3), fc.constantFrom(-1, 0, 1, 999)).map(([day, ms]) => {
      const at = firstDay + day * dayMs + ms;
      return Math.min(Math.max(at, firstDay), lastDay - 1);
    }),
  ),
  destination: fc.nat(destinations.length - 1),
  handshake: fc.constantFrom(true, true, true, false),
  // Mostly one or two, so that whether a text is common is decided by many captures together.
  recipients: fc.oneof(
    { weight: 3, arbitrary: fc.array(fc.nat(recipientPool.length - 1), { maxLength: 2 }) },
    { weight: 1, arbitrary: fc.array(fc.nat(recipientPool.length - 1), { maxLength: 10, size: "max" }) },
  ),
  more: fc.constantFrom(0, 0, 0, 7),
  mailFrom: fc.nat(senders.length - 1),
  helo: fc.oneof(fc.nat(helos.length - 1), fc.constant(own)),
  subject: fc.oneof(fc.nat(subjects.length - 1), fc.constant(own)),
  body: fc.oneof(fc.nat(bodies.length - 1), fc.constant(own)),
  urls: fc.array(fc.oneof(fc.nat(urlPool.length - 1), fc.constant(own)), { maxLength: 3 }),
  attachment: fc.nat(attachments.length - 1),
  probe: fc.constantFrom(false, false, false, false, false, true),
  size: fc.nat(3000),
});

/** Captures with ids of their own. */
export const captures: fc.Arbitrary<readonly Drawn[]> = fc
  .array(capture, { minLength: 1, maxLength: 36, size: "max" })
  .map((list) => list.map((entry, index) => ({ ...entry, id: `cap-${index}` })));

/** What a capture says in full: pools looked up, secrets of its own put in. */
function spelled(drawn: Drawn) {
  const secret = `zq${drawn.id.slice(4)}xk`;
  const pick = <T>(pool: readonly T[], index: number, otherwise: T): T =>
    index === own ? otherwise : (pool[index] ?? otherwise);
  const listed = drawn.recipients.map((index) => recipientPool[index] ?? "");
  const first = listed[0] ?? "someone@nowhere.example";
  const tag = Buffer.from(first)
    .toString("base64url")
    .toLowerCase()
    .replace(/[^a-z0-9]/g, "");
  const urls = drawn.urls.map((index) => pick(urlPool, index, `http://${tag}.${secret}.track.example.com/u/${secret}`));
  const subject = pick(subjects, drawn.subject, `Dear ${secret} ${first}`);
  const helo = pick(helos, drawn.helo, `${secret}.helo.example.net`);
  const text =
    drawn.body === own
      ? `A letter for nobody but ${secret}, who knows why it came at all.`
      : (bodies[drawn.body] ?? "");
  return { secret, listed, urls, subject, helo, text, mailFrom: senders[drawn.mailFrom], first };
}

/** The connection of a session: one for each sensor and session number, on the day's clock of its first use. */
function connection(drawn: Drawn) {
  const port = 1024 + drawn.session * 7 + sensorIds.indexOf(drawn.sensor);
  return {
    connectedAt: firstDay - 60_000 + drawn.session * 137,
    ip: sources[(drawn.session + sensorIds.indexOf(drawn.sensor)) % sources.length] ?? "192.0.2.7",
    port,
    service: ["socks4", "socks5", "http", "smtp"][drawn.session % 4] ?? "http",
    abused: [1080, 1080, 8080, 25][drawn.session % 4] ?? 8080,
  };
}

/** The lines of a message as its bytes. */
function rawMessage(drawn: Drawn): Buffer {
  const { text, urls, subject, first } = spelled(drawn);
  const attachment = attachments[drawn.attachment];
  const sensorName = drawn.probe ? `\r\nworks: 203.0.113.${200 + sensorIds.indexOf(drawn.sensor)}:1080` : "";
  const content = `${text}\r\n${urls.join("\r\n")}${sensorName}\r\n`;
  const part =
    attachment === undefined
      ? `Content-Type: text/plain; charset=utf-8\r\n\r\n${content}`
      : `Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n${content}\r\n--b\r\nContent-Type: ${attachment.type}\r\nContent-Disposition: attachment; filename="${first}.bin"\r\n\r\n${attachment.text}\r\n--b--\r\n`;
  const subjectLine = subject === undefined ? "" : `Subject: ${subject}\r\n`;
  return Buffer.from(
    `From: ${first}\r\nTo: ${first}\r\nX-Pad: ${"p".repeat(drawn.size)}\r\n${subjectLine}MIME-Version: 1.0\r\n${part}`,
  );
}

/** The capture as a line of its sensor's spool. */
export function spoolLine(drawn: Drawn): string {
  const { listed, helo, mailFrom } = spelled(drawn);
  const { connectedAt, ip, port, service, abused } = connection(drawn);
  const destination = destinations[drawn.destination];
  return JSON.stringify({
    kind: "message",
    id: drawn.id,
    session: `s-${drawn.session}`,
    connected_at: new Date(connectedAt).toISOString(),
    captured_at: new Date(drawn.capturedAt).toISOString(),
    source: { ip, port },
    handshake: drawn.handshake,
    service: { name: service, port: abused },
    ...(destination === undefined
      ? {}
      : { request: { type: "connect-25", ip: destination, port: 25, result: "granted" } }),
    envelope: {
      ...(helo === undefined ? {} : { helo }),
      ...(mailFrom === undefined ? {} : { mail_from: mailFrom }),
      rcpt_to: listed,
      rcpt_count: listed.length + drawn.more,
    },
    message: rawMessage(drawn).toString("base64"),
  });
}

/** A spool file of one sensor. `sealed` makes files of the same lines differ. */
export function spoolFile(sensor: string, lines: readonly string[], sealed = 0): string {
  const header = { v: 1, sensor, sealed_at: new Date(lastDay + sealed * 1000).toISOString() };
  return `${[JSON.stringify(header), ...lines].join("\n")}\n`;
}

/** A registrable domain and its economy, as the test knows them. */
interface Domain {
  readonly domain: string;
  readonly economy?: string;
  readonly basis?: string;
}

const domainFacts: Readonly<Record<string, Domain>> = {
  "pchome.com.tw": { domain: "pchome.com.tw", economy: "TW", basis: "cctld" },
  "ms1.hinet.net": { domain: "hinet.net", economy: "TW", basis: "domain-map" },
  "mail.example.co.jp": { domain: "example.co.jp", economy: "JP", basis: "cctld" },
  "news.example.co.jp": { domain: "example.co.jp", economy: "JP", basis: "cctld" },
  "firma.pl": { domain: "firma.pl", economy: "PL", basis: "cctld" },
  "xn--fiq228c.tw": { domain: "xn--fiq228c.tw", economy: "TW", basis: "cctld" },
  "example.org": { domain: "example.org" },
  "gmail.com": { domain: "gmail.com" },
  "deals.example.com": { domain: "example.com" },
};

interface Network {
  readonly economy?: string;
  readonly asn?: number;
  readonly name?: string;
}

/** By the beginning of an address, the longest first. */
const networks: readonly (readonly [string, Network])[] = [
  ["192.0.2.200", { economy: "TW", asn: 64501, name: "Jade Test Net" }],
  ["192.0.2.", { economy: "TW", asn: 64500, name: "Formosa Test Net" }],
  ["198.51.100.", { economy: "JP", asn: 64510, name: "Fuji Test Net" }],
  ["203.0.113.140", { economy: "HK" }],
  ["203.0.113.", { economy: "US", asn: 64520, name: "Potomac Test Net" }],
  ["2001:db8:1:", { economy: "TW", asn: 64500, name: "Formosa Test Net" }],
  ["2001:db8:2:", { economy: "JP", asn: 64510, name: "Fuji Test Net" }],
];

const networkOf = (ip: string): Network => networks.find(([start]) => ip.startsWith(start))?.[1] ?? {};

/** An advertised URL as the model sees it. */
export interface Link extends Network {
  readonly url: string;
  readonly host: string;
  readonly domain?: string;
  readonly ip?: string;
  readonly basis?: string;
}

function linkOf(url: string): Link {
  const host = (/^https?:\/\/(\[[^\]]+\]|[^/:]+)/.exec(url)?.[1] ?? "").replace(/[[\]]/g, "");
  if (/^[\d.]+$|:/.test(host)) {
    const { economy, asn } = networkOf(host);
    return {
      url,
      host,
      ip: host,
      ...(asn === undefined ? {} : { asn }),
      ...(economy === undefined ? {} : { economy, basis: "address" }),
    };
  }
  if (host.endsWith("example.com")) return { url, host, domain: "example.com" };
  if (host.endsWith("yahoo.co.jp")) return { url, host, domain: "yahoo.co.jp", economy: "JP", basis: "cctld" };
  return { url, host, domain: "deals.com.tw", economy: "TW", basis: "cctld" };
}

/** A capture as the model sees it. */
export interface Seen {
  readonly sensor: string;
  readonly id: string;
  readonly session: string;
  readonly connectedAt: number;
  readonly capturedAt: number;
  readonly ip: string;
  readonly port: number;
  readonly service: string;
  readonly abused: number;
  readonly source: Network;
  readonly destination?: { readonly ip: string; readonly network: Network };
  readonly handshake: boolean;
  readonly probe: boolean;
  readonly recipients: number;
  /** Distinct recipients, in lower case. */
  readonly addresses: ReadonlySet<string>;
  readonly domains: readonly (Domain & { readonly count: number })[];
  /** Distinct recipients by economy, unknown as ZZ. */
  readonly economies: ReadonlyMap<string, number>;
  readonly links: readonly Link[];
  readonly helo?: string;
  readonly mailDomain?: string;
  readonly subject?: string;
  /** Equal for equal normalised bodies, and only for these. */
  readonly body: string;
  readonly attachment?: { readonly type: string; readonly text: string };
  readonly bytes: number;
  readonly secret: string;
  /** As the envelope lists them. */
  readonly listed: readonly string[];
}

/** Restates a drawn capture. */
export function seenOf(drawn: Drawn): Seen {
  const { secret, listed, urls, subject, helo, text, mailFrom } = spelled(drawn);
  const { connectedAt, ip, port, service, abused } = connection(drawn);
  const addresses = new Set(listed.map((address) => address.toLowerCase()));
  const domainCounts = new Map<string, Domain & { count: number }>();
  const economies = new Map<string, number>();
  for (const address of addresses) {
    const found = domainFacts[address.slice(address.lastIndexOf("@") + 1)];
    const economy = found?.economy ?? "ZZ";
    economies.set(economy, (economies.get(economy) ?? 0) + 1);
    if (found !== undefined) {
      domainCounts.set(found.domain, { ...found, count: (domainCounts.get(found.domain)?.count ?? 0) + 1 });
    }
  }
  const attachment = attachments[drawn.attachment];
  const destination = destinations[drawn.destination];
  const distinct = [...new Set(urls)];
  return {
    sensor: drawn.sensor,
    id: drawn.id,
    session: `s-${drawn.session}`,
    connectedAt,
    capturedAt: drawn.capturedAt,
    ip,
    port,
    service,
    abused,
    source: networkOf(ip),
    ...(destination === undefined ? {} : { destination: { ip: destination, network: networkOf(destination) } }),
    handshake: drawn.handshake,
    probe: drawn.probe,
    recipients: listed.length + drawn.more,
    addresses,
    domains: [...domainCounts.values()].sort((a, b) => (a.domain < b.domain ? -1 : 1)),
    economies,
    links: distinct.map(linkOf),
    ...(helo === undefined ? {} : { helo: helo.toLowerCase() }),
    ...optional("mailDomain", domainFacts[(mailFrom ?? "").split("@")[1] ?? ""]?.domain),
    ...(subject === undefined ? {} : { subject }),
    body: normaliseBody(`${text} ${urls.join(" ")}`),
    ...(attachment === undefined ? {} : { attachment }),
    bytes: rawMessage(drawn).length,
    secret,
    listed,
  };
}

function optional<Name extends string, T>(name: Name, value: T | undefined): { readonly [N in Name]?: T } {
  // A computed name makes a type of all names of its type; this is the one given.
  return value === undefined ? {} : ({ [name]: value } as { readonly [N in Name]?: T });
}
