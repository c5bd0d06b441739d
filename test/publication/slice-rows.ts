/** Made-up slices for the rendering tests: documentation addresses and names only, the same on every call. */
import { readFile } from "node:fs/promises";
import { gunzipSync } from "node:zlib";
import { periodAt } from "../../src/feed/period.ts";
import { cellSeparator, partOfRow } from "../../src/feed/slice.ts";
import { fields, type Grain, grainColumns } from "../../src/fields.ts";
import type { Cell, Chunk } from "../../src/model.ts";
import { dayText, exemplarsOf, instantText, numberOf } from "../../src/publication/cells.ts";
import { besideForCsv, csvRenderer } from "../../src/publication/csv.ts";
import type { RenderContext, RenderedArtifact, Renderer } from "../../src/publication/render.ts";

/** A row: its natural key, then its cells by column; absent ones are NULL. */
export interface MadeRow {
  readonly key: string;
  readonly cells: Readonly<Record<string, Cell>>;
}

export type TableGrain = Exclude<Grain, "summary">;

export const feedOf: Readonly<Record<TableGrain, string>> = {
  "source-day": "spam-sources",
  "target-day": "spam-targets",
  "url-day": "spam-urls",
  capture: "spam-events",
};

/** 2026-W46: 9 to 15 November. */
export const week = periodAt("week", Date.UTC(2026, 10, 10));

/** The columns that a context names: those of the grain without what rendering adds. */
export const columnsOf = (grain: TableGrain) =>
  grainColumns[grain].filter((name) => name !== "row_id" && name !== "tlp");

export function contextOf(grain: TableGrain, folder: string, more: Partial<RenderContext> = {}): RenderContext {
  return {
    feed: feedOf[grain],
    grain,
    period: week,
    tlp: "AMBER",
    columns: columnsOf(grain),
    policyDigest: "5f".repeat(32),
    economies: ["TW"],
    siteKey: Buffer.from("site key of the tests, 32 bytes!"),
    issuer: { name: "CERT.example", identityId: "identity--7b0e1a52-3c64-4e0b-9d1e-5a4f2c9b8e01" },
    modifiedSteps: 1,
    revokes: 0,
    stixMaxRows: 50_000,
    threads: 1,
    folder,
    hits: () => false,
    ...more,
  };
}

/** Rows as one chunk of columns. */
export function chunkOf(columns: readonly string[], rows: readonly FirstAndCells[]): Chunk {
  const names = columns.map((name) => rows.map((row) => row.cells[name] ?? null));
  return { rows: rows.length, columns: [rows.map((row) => row.key), ...names] };
}

/** A cell as SQL packs it: see `textOf` in feed/slice.ts. */
export function textOf(column: string, cell: Cell): string {
  if (cell === null) return "";
  switch (fields.get(column)?.type) {
    case "instant":
      return instantText(numberOf(cell));
    case "day":
      return dayText(numberOf(cell));
    case "exemplars":
      return exemplarsOf(cell)
        .map(({ instant, sourcePort, abusedPort }) => `${instantText(instant)}|${sourcePort}|${abusedPort}`)
        .join(";");
    default:
      return String(cell);
  }
}

/** What a chunk of one row holds: its first column, and others by name. */
type FirstAndCells = Pick<MadeRow, "cells"> & { readonly key: Cell };

/** A row as SQL packs it: see `packedRow` in feed/slice.ts. The AS stands alone, too. */
function packedRow(columns: readonly string[], { key, cells }: MadeRow): FirstAndCells {
  const joined = (names: readonly string[]) =>
    names.map((name) => textOf(name, cells[name] ?? null)).join(cellSeparator);
  const packed = [key, joined(besideForCsv(columns)), joined(columns)].join(partOfRow);
  return { key: Buffer.from(packed), cells: { source_asn: cells.source_asn ?? null } };
}

/** A chunk of packed rows. */
export function packedChunk(columns: readonly string[], rows: readonly MadeRow[]): Chunk {
  return chunkOf(
    ["source_asn"],
    rows.map((row) => packedRow(columns, row)),
  );
}

/** {@link render} to CSV. */
export function renderCsv(
  context: RenderContext,
  rows: readonly MadeRow[],
  sizes?: readonly number[],
  renderer = csvRenderer(context, ["source_asn"]),
): Promise<readonly RenderedArtifact[]> {
  const packed = rows.map((row) => packedRow(context.columns, row));
  return render(renderer, ["source_asn"], packed, sizes);
}

/** Writes rows in chunks of the sizes given, the last size again and again, and finishes. */
export async function render(
  renderer: Renderer,
  columns: readonly string[],
  rows: readonly FirstAndCells[],
  sizes: readonly number[] = [2048],
): Promise<readonly RenderedArtifact[]> {
  let from = 0;
  for (let turn = 0; from < rows.length; turn += 1) {
    const size = sizes[Math.min(turn, sizes.length - 1)] ?? 1;
    await renderer.write(chunkOf(columns, rows.slice(from, from + size)));
    from += size;
  }
  return renderer.finish();
}

/** The uncompressed content of an artifact. */
export async function contentOf({ path }: RenderedArtifact): Promise<string> {
  return gunzipSync(await readFile(path)).toString();
}

const second = 1000;
const [hour, day] = [3600 * second, 86_400 * second];

/** Address number `n`, of 100,000: every fifth is IPv6, the others are of RFC 2544's benchmark range. */
function addressOf(n: number): string {
  if (n % 5 === 4) return `2001:db8:${(n >> 12).toString(16)}::${((n % 4096) + 1).toString(16)}`;
  return `198.${18 + (n >> 16)}.${(n >> 8) & 255}.${n & 255}`;
}

function sourceRows(count: number): MadeRow[] {
  return Array.from({ length: count }, (_, n) => {
    const [address, at] = [addressOf(n >> 1), week.start + (n % 2) * day];
    const first = at + (n % 20) * hour + 123;
    // One capture alone now and then: first and last are the same second.
    const last = n % 7 === 0 ? first + 5 : first + 3 * hour;
    const exemplars = Array.from({ length: n % 4 }, (_, i) => [
      last - i * 61 * second,
      40_001 + i,
      i === 2 ? 8080 : 1080,
    ]);
    return {
      key: `${address}\u001f${at}`,
      cells: {
        timestamp: last,
        source_ip: address,
        source_port: 40_001,
        transport: "tcp",
        service: ["socks5", "http", "smtp"][n % 3] ?? null,
        abused_port: 1080,
        source_asn: n % 11 === 0 ? null : 64_500 + (n % 3),
        source_as_name: n % 11 === 0 ? null : `EXAMPLE-${n % 3} "Co"`,
        source_economy: "TW",
        day: at,
        first_seen: first,
        last_seen: last,
        captures: n === 3 ? 4_000_000_000n : 10 + n,
        recipients: 100 + n,
        connections: 3,
        sensors: "2 to 4",
        target_economies: "JP:5;US:6",
        exemplars: exemplars.length === 0 ? null : exemplars,
        classification_type: "spam",
        classification_identifier: n % 3 === 2 ? "open-relay" : "open-proxy",
        redacted: "",
      },
    };
  });
}

function targetRows(count: number): MadeRow[] {
  return Array.from({ length: count }, (_, n) => {
    const at = week.start + (n % 2) * day;
    const domain = n % 4 < 2;
    const subject = domain ? `shop-${n >> 1}.example` : addressOf(n >> 1);
    return {
      key: `${at}\u001f${subject}`,
      cells: {
        day: at,
        first_seen: at + hour,
        last_seen: at + 5 * hour,
        kind: domain ? "recipient-domain" : "target-host",
        destination_fqdn: domain ? subject : null,
        destination_ip: domain ? null : subject,
        destination_port: domain ? null : 25,
        destination_asn: domain ? null : 64_501,
        destination_as_name: domain ? null : "EXAMPLE-MX-TW",
        destination_economy: "TW",
        target_basis: domain ? "cctld" : "address",
        result: "attempted",
        captures: 9120 + n,
        recipients: 71_233,
        sources: 61,
        source_economies: "TW:9000;CN:120",
        source_asns: "64500:9000",
        top_sources: "203.0.113.7:9000;2001:db8::1:5",
        redacted: "",
      },
    };
  });
}

const hosts = [
  "pills.example",
  "xn--fsq.example",
  "203.0.113.80",
  "2001:db8::50",
  "under_score.example",
  "=cmd.example",
];

function urlRows(count: number): MadeRow[] {
  return Array.from({ length: count }, (_, n) => {
    const at = week.start + (n % 2) * day;
    const [form, turn] = [(n % 14) >> 1, Math.floor(n / 14)];
    // Every seventh host was withheld; literal addresses carry their network.
    const host = form === 6 ? null : form === 2 || form === 3 ? (hosts[form] ?? null) : `w${turn}.${hosts[form]}`;
    const literal = form === 2 || form === 3 ? host : null;
    return {
      key: `${at}\u001f${host ?? ""}\u001f${turn}`,
      cells: {
        day: at,
        first_seen: at + hour,
        last_seen: at + 21 * hour,
        side: "source;url",
        url_host: host,
        url_domain: literal === null && host !== null ? host.split(".").slice(-2).join(".") : null,
        url: host === null ? null : `hxxp://${form === 3 ? `[${host}]` : host}/buy|now/[x]/%zz`,
        url_ip: literal,
        url_asn: literal === null ? null : 64_502,
        url_economy: "TW",
        url_economy_basis: literal === null ? "cctld" : "address",
        captures: 40_211,
        recipients: 100_000,
        sources: 212,
        templates: 4,
        languages: "zh;en",
        benign: n % 5 === 0,
        redacted_urls: 14,
        redacted: host === null ? "url_host;url" : "",
      },
    };
  }).sort((a, b) => (`${a.cells.url_host}${a.key}` < `${b.cells.url_host}${b.key}` ? -1 : 1));
}

const subjects = [
  "=1+1",
  '免費試用, "now"',
  "'quoted",
  "Re: hello",
  "＝full",
  "\u202eevil\u0007",
  "-5",
  "a;b\r\nc",
  "@sum",
  "\tx",
];

function captureRows(count: number): MadeRow[] {
  return Array.from({ length: count }, (_, n) => {
    const at = week.start + n * 61 * second + 7;
    const address = addressOf(n % 97);
    return {
      key: `sensor-1\u001fcapture-${n}`,
      cells: {
        timestamp: n % 10 === 9 ? at - 61 * second : at,
        source_ip: address,
        source_port: n % 13 === 0 ? null : 40_000 + (n % 1000),
        transport: "tcp",
        service: ["socks4", "socks4a", "socks5", "http", "smtp"][n % 5] ?? null,
        abused_port: 1080,
        source_asn: 64_500 + ((n % 97) % 4),
        source_as_name: `EXAMPLE-${(n % 97) % 4}`,
        source_economy: "TW",
        request_type: "connect-25",
        destination_ip: n % 2 === 0 ? "198.51.100.25" : null,
        destination_port: n % 2 === 0 ? 25 : null,
        destination_asn: n % 2 === 0 ? 64_501 : null,
        destination_economy: "JP",
        sides: "source;target",
        recipients: 12,
        recipients_yours: 3,
        recipient_domains: "shop.example:3",
        mail_from_domain: n % 3 === 0 ? "bulk.example" : null,
        helo: n % 4 === 0 ? "mx.example" : "-helo",
        subject: subjects[n % subjects.length] ?? null,
        language: "zh",
        charset: "big5",
        message_kb: 3,
        body_sha256: "ab".repeat(32),
        attachment_types: n % 6 === 0 ? "image/gif;image/png" : null,
        attachment_sha256: n % 6 === 0 ? `${"cd".repeat(32)};${"ef".repeat(32)}` : null,
        url_hosts: "pills.example;w3.example",
        campaign_id: null,
        redacted: n % 3 === 0 ? "" : "mail_from_domain",
      },
    };
  });
}

/** Rows of a grain in the order of its slice: each key's rows follow each other. */
export const madeRows: Readonly<Record<TableGrain, (count: number) => readonly MadeRow[]>> = {
  "source-day": sourceRows,
  "target-day": targetRows,
  "url-day": urlRows,
  capture: captureRows,
};
