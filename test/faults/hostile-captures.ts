/**
 * Spool files as an attacker, a broken sensor or a broken disk would make them. Each file but the unreadable ones also
 * holds good captures, before and after what is hostile: they must come through. `hostile.test.ts` takes all of them
 * through the real command line.
 */
import { gzipSync, zstdCompressSync } from "node:zlib";

/** A spool file and what must become of it. */
export interface HostileFile {
  /** Name in the spool folder. */
  readonly name: string;
  readonly bytes: Buffer;
  /** Captures that come into the lake. */
  readonly captures: number;
  /** Lines in quarantine by code. */
  readonly quarantined: Readonly<Record<string, number>>;
  /** Code under which the whole file is refused. */
  readonly refused?: string;
}

const day = "2026-11-10";
const headerOf = (sensor: string): string => JSON.stringify({ v: 1, sensor, sealed_at: `${day}T23:00:00Z` });
let header = headerOf("pot-1");

/** Recipients of an ordinary capture: as many as a text needs to leave. */
const recipients = ["b@bank.tw", "c@bank.tw", "d@bank.tw"];

/** Members of a line that differ from an ordinary capture's. */
export type Overlay = Readonly<Record<string, unknown>>;

let count = 0;

/** A capture from TW for TW. Its id is its own; `over` replaces members. */
export function capture(over: Overlay = {}): Record<string, unknown> {
  count += 1;
  return {
    kind: "message",
    id: `h-${count}`,
    session: `t-${count}`,
    connected_at: `${day}T10:00:00.000Z`,
    captured_at: `${day}T10:00:01.000Z`,
    source: { ip: "192.0.2.7", port: 1024 + (count % 60_000) },
    handshake: true,
    service: { name: "http", port: 8080 },
    request: { type: "connect-25", host: "mx.bank.tw", port: 25, result: "granted" },
    envelope: { helo: "host.example", mail_from: "a@sender.example", rcpt_to: recipients },
    ...over,
  };
}

/** A capture of a raw message, one character a byte. */
export const mail = (raw: string | Buffer, over: Overlay = {}): Record<string, unknown> =>
  capture({ message: Buffer.from(raw as string, "latin1").toString("base64"), ...over }); // Buffer.from takes either; its overloads don't

const text = (line: unknown): string => (typeof line === "string" ? line : JSON.stringify(line));

/** A file of lines between two good captures. A line is an object, or its text as it stands. */
function file(
  name: string,
  lines: readonly unknown[],
  quarantined: HostileFile["quarantined"],
  captures = 0,
): HostileFile {
  const all = [header, capture(), ...lines, capture()];
  return { name, bytes: Buffer.from(`${all.map(text).join("\n")}\n`), captures: captures + 2, quarantined };
}

/** Characters that terminals obey or that turn a reader's eye: CSI, OSC 8, C1, bidirectional, zero width, line ends. */
export const dangerous =
  "\u001b[2J\u001b]8;;http://evil.example\u0007x\u001b]8;;\u0007\u009b31m\u0090\u202e\u2066\u200b\u2028\u2029\ufeff\u{e0041}\u007f\0";

const utf8Subject = (subject: string): string =>
  `Subject: =?utf-8?b?${Buffer.from(subject).toString("base64")}?=\r\n\r\nbuy http://shop.example.com.tw/a now\r\n`;

/** Subjects that a spreadsheet would run, a terminal obey or Markdown render. */
export const subjects: readonly string[] = [
  "=1+1",
  "+1+cmd|' /C calc'!A0",
  "-2+3",
  "@SUM(A1:A9)",
  "\t=1+1",
  "\r=1+1",
  "  =1+1",
  "＝1+1",
  "＋1",
  "－1",
  "＠SUM(A1)",
  "'=1+1",
  '"=1+1"',
  '",=1+1,"',
  ";=1+1",
  "a;=1+1;+2;-3;@x",
  '=HYPERLINK("http://evil.example";"x")',
  "=cmd|'/C calc'!A1",
  "%0A=1+1",
  `\u001b=1+1${dangerous}`,
  "\u009b31m red",
  "\u202egnp.exe",
  "\u2066=1\u2069",
  "\u00a0=1+1",
  `\u200b=1+1`,
  "=\u0000=1+1",
  "<script>alert(1)</script>",
  "[x](javascript:alert(1)) ![y](http://evil.example/i.png) www.evil.example",
  "| a | b | `code` ~~x~~ $x$ #1 @team",
  "=?utf-8?q?=3D1+1?=",
  "a\r\nBcc: b@bank.tw\r\n\r\nbody",
  "\ud800 lone",
  "ｈｔｔｐ：／／evil",
  "x".repeat(40_000),
];

const urls = [
  "http://user:secret@shop.tw/a?token=1#f",
  "javascript:alert(1)",
  "data:text/html,<script>alert(1)</script>",
  "http://xn--pypal-4ve.tw/login",
  "http://раураl.tw/",
  "http://中文.tw/路徑",
  `http://long.tw/${"a".repeat(100_000)}`,
  `http://${"a".repeat(100_000)}.tw/`,
  "http://0x7f.1/x",
  "http://0300.0.2.1/x",
  "http://192.0.2.99:99999/x",
  "http://[::ffff:192.0.2.99]/x",
  "http://[2001:db8::1%25eth0]/x",
  "http://a.tw/%0d%0a%00%1b[2J",
  "http://a.tw/<script>'\"`=1+1",
  "http://=1+1.tw/",
  "http://a.tw\\@evil.tw/",
  "HTTP://A.TW:80/../../..",
];

const addresses: readonly (readonly [ip: string, isAddress: boolean])[] = [
  ["::ffff:192.0.2.7", true],
  ["10.0.0.1", true],
  ["fe80::1%eth0", true],
  ["[2001:db8:1::7]", true],
  ["0x7f.1", false],
  ["1.2.3", false],
  ["1.2.3.4.5", false],
  ["256.1.1.1", false],
  ["01.2.3.4", false],
  ["3232235777", false],
  ["１.2.3.4", false],
  ["1.2.3.4\u0000", false],
  [`fe80::1%${"\u001b[2J"}`, false],
  ["", false],
  ["::".repeat(50_000), false],
];

const instants = [
  "1969-12-31T23:59:59Z",
  "1970-01-01T00:00:00Z",
  "1999-12-31T23:59:59.999Z",
  "2100-01-01T00:00:00Z",
  "2026-11-30T00:00:00Z",
  "9999-12-31T23:59:59Z",
  "+275760-09-13T00:00:00.000Z",
  "-000001-01-01T00:00:00Z",
  "2026-02-30T00:00:00Z",
  "2026-11-10T23:59:60Z",
  "2026-11-10T10:00:00",
  "\u001b[2J",
  "",
];

const raw = (line: Record<string, unknown>, from: string, to: string): string => JSON.stringify(line).replace(from, to);
const multipart = "Content-Type: multipart/mixed; boundary=b\r\n\r\n";
const nested = (depth: number): string =>
  Array.from({ length: depth }, (_, at) => `Content-Type: multipart/mixed; boundary=n${at}\r\n\r\n--n${at}\r\n`).join(
    "",
  );

/** Messages whose structure attacks the reader; each becomes a row. */
const messages: readonly (string | Buffer)[] = [
  "",
  "\0".repeat(5000),
  "\r".repeat(20_000),
  Buffer.from(Uint8Array.from({ length: 2048 }, (_, at) => at & 255)),
  nested(1000),
  nested(100_000),
  multipart + "--b\r\n\r\nx\r\n".repeat(100_000),
  multipart + "--b\r\nContent-Type: application/x-a\r\n\r\n\r\n".repeat(20_000),
  `${"X: y\r\n".repeat(1_000_000)}\r\nbody`,
  `X: ${"y".repeat(10_000_000)}\r\n\r\nbody`,
  `Subject: x${"\r\n y".repeat(300_000)}\r\n\r\nbody`,
  "Content-Type: text/plain; charset=x-none\r\n\r\nhello",
  "Content-Type: text/plain; charset*0*=utf-8'en'%zz; charset*999999999=1; charset*=''%\r\n\r\nhello",
  'Content-Type: multipart/mixed; boundary="\\\\\\\r\n\r\n--\\\r\n\r\nx',
  `Content-Type: text/html\r\n\r\n${"<a href=".repeat(50_000)}`,
  `Content-Transfer-Encoding: quoted-printable\r\n\r\n${"=\r\n".repeat(100_000)}=3`,
  "Content-Type: text/plain\r\n\r\nbegin 644 =cmd.exe\r\n#0V%T\r\n`\r\nend\r\n=ybegin line=128 size=3 name=\u202ex\r\n\x00\xff\r\n=yend",
  "S\x80bject\x00: x\r\n: y\r\n\xff\xfe: z\r\n\r\nbody",
  `${"Received: from [8.8.8.8] by 203.0.113.9; Thu, 99 Foo 99999 99:99:99 +9999\r\n".repeat(2000)}\r\nbody`,
  `Content-Type: application/gzip\r\nContent-Transfer-Encoding: base64\r\n\r\n${gzipSync(gzipSync(Buffer.alloc(1 << 20))).toString("base64")}`,
  `Content-Type: te\x07xt/\x1b[2Jx; name="${dangerous}"\r\nContent-Disposition: attachment; filename="=cmd|x"\r\n\r\nhi`,
];

const proto = '{"__proto__":{"kind":"message"},"constructor":1,"kind":"heartbeat","at":"2026-11-10T10:00:00Z"}';

/** Files that are small, of one sensor: texts leave only where two saw them. */
export function hostileFiles(sensor: string): HostileFile[] {
  header = headerOf(sensor);
  const good = (): string => `${[header, capture(), capture()].map(text).join("\n")}\n`;
  const compressed = gzipSync(good());
  const long = gzipSync(`${header}\n${Array.from({ length: 3000 }, () => text(capture())).join("\n")}`);
  const frame = zstdCompressSync(Buffer.from(good()));
  const flip = (bytes: Buffer, at: number): Buffer => {
    const changed = Buffer.from(bytes);
    changed[at] = (changed[at] ?? 0) ^ 0x55;
    return changed;
  };
  const refused = (name: string, bytes: Buffer, code: string): HostileFile => ({
    name,
    bytes,
    captures: 0,
    quarantined: {},
    refused: code,
  });
  return [
    {
      name: "cut.ndjson.gz",
      bytes: Buffer.concat([compressed, gzipSync(`${text(capture())}\n`).subarray(0, 40)]),
      captures: 2,
      quarantined: { "bad-compression": 1 },
    },
    {
      name: "cut.ndjson.zst",
      bytes: Buffer.concat([frame, frame.subarray(0, 30)]),
      captures: 2,
      quarantined: { "bad-compression": 1 },
    },
    {
      name: "tail.ndjson.gz",
      bytes: Buffer.concat([gzipSync(`${good()}${text(capture())}\n`), Buffer.alloc(20)]),
      captures: 3,
      quarantined: { "bad-compression": 1 },
    },
    refused("flipped.ndjson.gz", flip(long, Math.floor(long.length * 0.8)), "bad-compression"),
    refused("twice.ndjson.gz", gzipSync(gzipSync(good())), "spool-header"),
    refused("empty.ndjson", Buffer.alloc(0), "spool-header"),
    refused("\u009b2J\u202erefused.ndjson", Buffer.of(), "spool-header"),
    refused("nul.ndjson", Buffer.alloc(100_000), "spool-header"),
    refused("latin.ndjson", Buffer.from(`\xff${good()}`, "latin1"), "spool-header"),
    refused(
      "sensor.ndjson",
      Buffer.from(`${JSON.stringify({ v: 1, sensor: "\u202eevil", sealed_at: `${day}T23:00:00Z` })}\n`),
      "unknown-sensor",
    ),
    refused(
      "control.ndjson",
      Buffer.from(`${JSON.stringify({ v: 1, sensor: dangerous, sealed_at: `${day}T23:00:00Z` })}\n`),
      "spool-header",
    ),
    file(`\u001b[2J\u009b31m\u202e=cmd <b>.ndjson`, [], {}),
    file(`${"long".repeat(59)}.ndjson`, ["{}"], { "bad-line": 1 }),
    file(
      "lines.ndjson",
      [
        "{",
        "null",
        "[]",
        '"x"',
        "1e999",
        dangerous.replaceAll("\n", ""),
        "{}",
        '{"kind":1}',
        '{"kind":"message"}',
        `{"kind":"${dangerous.replace("\0", "")}`,
        "[".repeat(200_000),
        `{"kind":"message","a":${"[".repeat(100_000)}${"]".repeat(100_000)}}`,
        `{"kind":"heartbeat","at":${"9".repeat(400_000)}}`,
      ],
      { "bad-line": 12, "bad-instant": 1 },
    ),
    file("proto.ndjson", [proto, '{"kind":"__proto__"}', '{"kind":"constructor","toString":1}'], {}),
    file(
      "doubled.ndjson",
      [
        raw(capture(), '"kind":"message"', '"kind":"heartbeat","kind":"message"'),
        raw(capture(), '"handshake":true', '"handshake":true,"handshake":"yes"'),
        raw(capture(), '"port":8080', '"port":8080,"port":1e400'),
        raw(capture(), '"port":8080', '"port":-1'),
        raw(capture(), '"port":8080', '"port":8080.5'),
        raw(capture(), '"port":8080', `"port":${"1".repeat(5000)}`),
      ],
      { "bad-line": 5 },
      1,
    ),
    file(
      "surrogates.ndjson",
      [
        raw(capture(), "host.example", "\\ud800\\udfff\\ud800 \\u0000\\u001b[2J\\u202e"),
        raw(capture(), "b@bank.tw", "\\udc00@bank.tw"),
        raw(capture(), "mx.bank.tw", "\\ud800.tw"),
        raw(capture(), '"session":"', '"session":"\\ud800'),
        raw(capture(), '"id":"', '"id":"\\u0000'),
      ],
      { "bad-line": 2 },
      3,
    ),
    {
      ...file("bytes.ndjson", [], { "bad-line": 2 }),
      bytes: Buffer.concat([
        Buffer.from(`${good()}\xff\xfe\n`, "latin1"),
        Buffer.from(raw(capture(), "host.example", "\xff"), "latin1"),
        Buffer.from("\n"),
      ]),
    },
    file(
      "instants.ndjson",
      instants.map((at) => capture({ captured_at: at })),
      { "bad-instant": instants.length },
    ),
    file(
      "addresses.ndjson",
      addresses.map(([ip]) => capture({ source: { ip, port: 5 } })),
      { "bad-address": addresses.filter(([, isAddress]) => !isAddress).length },
      addresses.filter(([, isAddress]) => isAddress).length,
    ),
    file(
      "recipients.ndjson",
      [
        capture({
          envelope: {
            rcpt_to: Array.from({ length: 10_000 }, (_, at) => `${at}@${"d".repeat(60)}${at}.${"x".repeat(20)}.tw`),
          },
        }),
        capture({ envelope: { rcpt_to: Array.from({ length: 50_000 }, (_, at) => `${at}@bank.tw`) } }),
        capture({
          envelope: {
            rcpt_to: [
              "\u001b[2J@bank.tw",
              "=cmd@＝1+1.tw",
              `${"+".repeat(100_000)}@bank.tw`,
              "b@1.2.3.4",
              "b@[1.2.3.4]",
              "b@－1.tw",
            ],
            helo: dangerous,
            mail_from: `${dangerous}@=1+1.tw`,
          },
        }),
        capture({ envelope: { rcpt_to: [1] } }),
        capture({ envelope: { rcpt_to: { length: 1e9 } } }),
      ],
      { "bad-line": 2 },
      3,
    ),
    file(
      "base64.ndjson",
      [
        ...["!", "QQ", "QQ=", "Q=Q=", "QR==", "QUJD\n", "ＱＵＪＤ", `${"QUJD".repeat(10)}\u0000`].map((message) =>
          capture({ message }),
        ),
        capture({ message: 1 }),
        capture({ message: "" }),
      ],
      { "bad-message": 9 },
      1,
    ),
    file(
      "subjects.ndjson",
      subjects.map((subject) => mail(utf8Subject(subject))),
      {},
      subjects.length,
    ),
    file(
      "helos.ndjson",
      subjects.map((helo) => capture({ envelope: { helo, mail_from: `${helo}@sender.tw`, rcpt_to: recipients } })),
      {},
      subjects.length,
    ),
    file(
      "hosts.ndjson",
      subjects.map((host) => capture({ request: { type: "get", method: host, host, port: 80 } })),
      {},
      subjects.length,
    ),
    file(
      "urls.ndjson",
      urls.map((url) =>
        mail(
          `Subject: u\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<a href="${Buffer.from(url).toString("latin1").replaceAll('"', "&quot;")}">x</a>`,
        ),
      ),
      {},
      urls.length,
    ),
    file(
      "messages.ndjson",
      messages.map((message) => mail(message)),
      {},
      messages.length,
    ),
  ];
}

const mebibyte = 1 << 20;

/** Files that are large: for memory and time. */
export function largeFiles(): HostileFile[] {
  const huge = Buffer.concat([
    Buffer.from(`${header}\n${text(capture())}\n{"kind":"x","a":"`),
    Buffer.alloc(200 * mebibyte, "a"),
    Buffer.from(`"}\n${text(capture())}\n`),
  ]);
  const line = (message: Buffer): string => text(capture({ message: message.toString("base64") }));
  const kinds = ["\xe9\xc3\xa9 ", "%25%41", "lorem http://a.example/b ", "QUJDREVG"];
  const bad = Buffer.concat([
    Buffer.from(`${header}\n${text(capture())}\n`),
    Buffer.alloc(2 * mebibyte, "x\n"),
    Buffer.from(`${text(capture())}\n`),
  ]);
  const zeros = Buffer.concat([
    Buffer.from(`${header}\n${text(capture())}\n`),
    Buffer.alloc(256 * mebibyte),
    Buffer.from(`\n${text(capture())}\n`),
  ]);
  return [
    { name: "line-200.ndjson", bytes: huge, captures: 2, quarantined: { "bad-line": 1 } },
    file("message-64.ndjson", [line(Buffer.alloc(33 * mebibyte, "x")), line(Buffer.alloc(64 * mebibyte, "x"))], {
      "bad-message": 1,
      "bad-line": 1,
    }),
    file(
      "messages-32.ndjson",
      kinds.map((piece) => line(Buffer.alloc(32 * mebibyte, piece, "latin1"))),
      {},
      kinds.length,
    ),
    { name: "zeros.ndjson.gz", bytes: gzipSync(zeros, { level: 9 }), captures: 2, quarantined: { "bad-line": 1 } },
    { name: "zeros.ndjson.zst", bytes: zstdCompressSync(zeros), captures: 2, quarantined: { "bad-line": 1 } },
    { name: "badlines.ndjson.zst", bytes: zstdCompressSync(bad), captures: 2, quarantined: { "bad-line": mebibyte } },
    file("brackets.ndjson", ["[".repeat(40 * mebibyte), `{"kind":"x","a":[${"{},".repeat(10 * mebibyte)}1]}`], {
      "bad-line": 2,
    }),
  ];
}
