/**
 * Captures that two engines could tell differently: texts of all Unicode planes (UTF-16 and UTF-8 order them differently),
 * separators, quotes and wildcards, equal milliseconds, instants at days' borders and at the ends of what ingest takes,
 * IPv6, empty lists, counts near 32 bits. Drawn as spool lines; what ingest refuses isn't drawn.
 */
import fc from "fast-check";
import { dayMs } from "../../src/model.ts";
import { firstDay, lastDay, sensorIds } from "../laws/captures.ts";

type Json = Readonly<Record<string, unknown>>;

/** A capture or request of a sensor. */
export interface Wild {
  readonly sensor: string;
  readonly line: Json;
}

/** Ends of what a spool line may state. */
const edges = [Date.UTC(2000, 0, 1), Date.UTC(2000, 0, 1) + 999, Date.UTC(2099, 11, 31, 23, 59, 59, 999)];

/** Mostly of a few milliseconds, so that they tie; around each midnight; now and then anywhere. */
const instant = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(0, 1, 999, 1000, 1001).map((ms) => firstDay + 3 * 3_600_000 + ms) },
  {
    weight: 4,
    arbitrary: fc
      .tuple(fc.constantFrom(0, 1, 2, 3), fc.constantFrom(-1000, -1, 0, 1, 999))
      .map(([day, ms]) => firstDay + day * dayMs + ms),
  },
  { weight: 2, arbitrary: fc.integer({ min: firstDay, max: lastDay - 1 }) },
  { weight: 1, arbitrary: fc.constantFrom(...edges) },
);

/** U+FF5E sorts before U+10000 and U+1F600 in UTF-8 and after them in UTF-16; beside them what SQL and CSV are made with. */
const texts = [
  "plain",
  "Plain",
  "ｆｕｌｌ～",
  "😀 grin",
  "𐀀",
  "\u{10ffff}",
  "ﬀ",
  "é",
  "e\u0301",
  "中文",
  "עברית",
  'it\'s; "quoted", with | and :',
  "100%_wild\\",
  "%",
  "=SUM(A1)",
  "'tis",
  " spaced  ",
  "\u00a0",
  "\u2028",
  "a@b.example",
  "null",
  "NULL",
  "0",
  "-1",
];
const text = fc.oneof(
  { weight: 5, arbitrary: fc.constantFrom(...texts) },
  { weight: 1, arbitrary: fc.string({ unit: "grapheme", maxLength: 12 }) },
  { weight: 1, arbitrary: fc.string({ unit: "binary", maxLength: 8 }) },
);

const addresses = [
  "192.0.2.7",
  "192.0.2.200",
  "198.51.100.9",
  "203.0.113.5",
  "203.0.113.140",
  "2001:db8:1::25",
  "2001:db8:2::",
  "::ffff:192.0.2.7",
  "100.64.0.9",
  "2001:db8:1:0:0:0:0:25",
];
const hosts = [
  "shop.example.com",
  "www.shop.example.com",
  "deals.com.tw",
  "DEALS.com.tw",
  "xn--fiq228c.tw",
  "192.0.2.99",
  "[2001:db8:2::80]:8080",
  "yahoo.co.jp",
  "www.yahoo.co.jp",
  "a_b.example.tw",
  "localhost.example",
];
const paths = ["", "/", "/a", "/%41", "/p%40q", "/~x", "/'q'", "/%25_", "/é", "/😀"];
const url = fc
  .tuple(fc.constantFrom("http", "https"), fc.constantFrom(...hosts), fc.constantFrom(...paths))
  .map(([scheme, host, path]) => `${scheme}://${host}${path}`);

const domains = [
  "pchome.com.tw",
  "ms1.hinet.net",
  "mail.example.co.jp",
  "firma.pl",
  "example.org",
  "xn--fiq228c.tw",
  "中文.tw",
];
const recipient = fc.oneof(
  {
    weight: 6,
    arbitrary: fc
      .tuple(fc.constantFrom("a", "b", "c", "o'brien", "ü", "😀"), fc.constantFrom(...domains))
      .map(([name, domain]) => `${name}@${domain}`),
  },
  { weight: 1, arbitrary: fc.constantFrom("postmaster@[198.51.100.77]", "nobody", "") },
);

const message = fc
  .record({
    subject: fc.option(text),
    urls: fc.array(url, { maxLength: 3 }),
    body: fc.constantFrom("Buy our fine watches today, for a week.", "Your loan is approved, answer now.", ""),
    attachment: fc.option(fc.constantFrom("application/zip", "image/gif", 'application/x-"odd"')),
  })
  .map(({ subject, urls, body, attachment }) => {
    const head =
      subject === null ? "" : `Subject: =?utf-8?B?${Buffer.from(subject.toWellFormed()).toString("base64")}?=\r\n`;
    const content = `${body}\r\n${urls.join("\r\n")}\r\n`;
    const part =
      attachment === null
        ? `Content-Type: text/plain; charset=utf-8\r\n\r\n${content}`
        : `Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n${content}\r\n--b\r\nContent-Type: ${attachment}\r\nContent-Disposition: attachment\r\n\r\nPK one\r\n--b--\r\n`;
    return Buffer.from(`${head}MIME-Version: 1.0\r\n${part}`).toString("base64");
  });

const connection = fc.record({
  sensor: fc.constantFrom(...sensorIds),
  session: fc.constantFrom("s-1", "s-2", "S-1", "😀", "～"),
  connected: instant,
  captured: instant,
  source: fc.record({ ip: fc.constantFrom(...addresses), port: fc.constantFrom(0, 1, 1024, 65_535) }),
  service: fc.record({
    name: fc.constantFrom("socks4", "socks4a", "socks5", "http", "smtp"),
    port: fc.constantFrom(25, 1080, 8080, 65_535),
  }),
  request: fc.option(
    fc.record(
      {
        type: fc.constantFrom("connect-25", "connect-other", "get", "error"),
        ip: fc.constantFrom(...addresses),
        port: fc.constantFrom(25, 587, 65_535),
        result: fc.constantFrom("granted", "refused", "timeout"),
      },
      { requiredKeys: ["type"] },
    ),
  ),
});

/** Both are by one clock: the earlier one is the connection's. */
const instants = ({ connected, captured }: { readonly connected: number; readonly captured: number }) => ({
  connected_at: new Date(Math.min(connected, captured)).toISOString(),
  captured_at: new Date(Math.max(connected, captured)).toISOString(),
});

const capture = fc
  .record({
    at: connection,
    handshake: fc.constantFrom(true, true, true, false),
    helo: fc.option(text),
    from: fc.option(
      fc.constantFrom("", "offers@deals.com.tw", "x@pchome.com.tw", "bounce@news.example.co.jp", "😀@ü.example"),
    ),
    to: fc.array(recipient, { maxLength: 10 }),
    more: fc.constantFrom(0, 0, 7, 2_147_483_000),
    message,
  })
  .map(
    ({ at, handshake, helo, from, to, more, message: bytes }): Wild => ({
      sensor: at.sensor,
      line: {
        kind: "message",
        session: at.session,
        ...instants(at),
        source: at.source,
        service: at.service,
        handshake,
        ...(at.request === null ? {} : { request: at.request }),
        envelope: {
          ...(helo === null ? {} : { helo }),
          ...(from === null ? {} : { mail_from: from }),
          rcpt_to: to,
          rcpt_count: to.length + more,
        },
        message: bytes,
      },
    }),
  );

const request = connection.map(
  (at): Wild => ({
    sensor: at.sensor,
    line: {
      kind: "request",
      session: at.session,
      ...instants(at),
      source: at.source,
      service: at.service,
      request: at.request ?? { type: "connect-25", result: "granted" },
    },
  }),
);

/** Captures and requests; ids repeat now and then. */
export const wildLines: fc.Arbitrary<readonly Wild[]> = fc
  .array(fc.oneof({ weight: 8, arbitrary: capture }, { weight: 1, arbitrary: request }), {
    minLength: 20,
    maxLength: 60,
    size: "max",
  })
  .map((list) =>
    list.map(({ sensor, line }, index) => ({
      sensor,
      line: { id: `c-${index % 50}-${index % 2 === 0 ? "～" : "😀"}`, ...line },
    })),
  );

/** Spool files: some for each sensor, the later ones with lines of the first again, so that batches overlap. */
export function wildFiles(lines: readonly Wild[], overlap: number): string[] {
  return sensorIds.flatMap((sensor) => {
    const own = lines.filter((one) => one.sensor === sensor).map(({ line }) => line);
    const isFuture = (line: Json) => String(line.captured_at) > new Date(lastDay).toISOString();
    const present = own.filter((line) => !isFuture(line));
    const middle = Math.ceil(present.length / 2);
    return [
      spoolFile(sensor, lastDay, present.slice(0, middle)),
      spoolFile(sensor, lastDay + 1000, present.slice(Math.max(0, middle - overlap))),
      // Ingest takes an instant of the future only of a sensor whose file was sealed then.
      spoolFile(sensor, Date.UTC(2099, 11, 31), own.filter(isFuture)),
    ].flatMap((file) => file ?? []);
  });
}

function spoolFile(sensor: string, sealed: number, lines: readonly Json[]): string | undefined {
  if (lines.length === 0) return undefined;
  const header = { v: 1, sensor, sealed_at: new Date(sealed).toISOString() };
  return `${[header, ...lines].map((line) => JSON.stringify(line)).join("\n")}\n`;
}
