/**
 * What objects the rows of each grain become. Rows of one key (an address, a domain, a host) make one group: what they
 * share, and units that can stand in different parts. Rows whose key is withheld, or is no name or address that STIX
 * allows, make none. Pure.
 *
 * @see stix.md (objects for a row)
 */
import { isIP } from "node:net";
import type { Grain } from "../fields.ts";
import { dayMs } from "../model.ts";
import type { RenderContext } from "./render.ts";
import type { ObjectLines } from "./stix-lines.ts";
import { isDomainName, uriOf } from "./stix-names.ts";
import { type Span, StixObjects } from "./stix-objects.ts";
import { Columns, type Read, type Row } from "./stix-rows.ts";
import type { StixId } from "./stix-types.ts";

/** Makes groups from the rows of a grain. */
export interface GroupBuilder {
  /** What a row is about; `undefined` where the row has no objects. */
  readonly keyOf: Read<string>;
  /** The objects of all rows of a key, in the slice's order. They stand in memory that the next group takes. */
  readonly build: (key: string, rows: readonly Row[]) => ObjectLines;
}

/** What a builder needs of its slice. */
interface Workbench {
  readonly columns: Columns;
  readonly objects: StixObjects;
  readonly spanOf: (row: Row) => Span;
}

/** `12 messages` over all rows; `messages` where the feed doesn't say how many. */
function counted(rows: readonly Row[], count: Read<number>, unit: string): string {
  const total = rows.reduce((sum, row) => sum + (count(row) ?? 0), 0);
  return total === 0 ? unit : `${total} ${unit}`;
}

/** From when to when a row speaks: its first and last capture, or what of that was not withheld. */
function spanReader({ period }: RenderContext, columns: Columns): (row: Row) => Span {
  const [first, last] = [columns.integer("first_seen"), columns.integer("last_seen")];
  const [timestamp, day] = [columns.integer("timestamp"), columns.integer("day")];
  return (row) => {
    const dayStart = day(row);
    const least = timestamp(row) ?? dayStart ?? period.start;
    const greatest = timestamp(row) ?? (dayStart === undefined ? period.end : dayStart + dayMs) - 1;
    const from = first(row) ?? least;
    // A connection is accepted before its first message: what stands in for the last must not be earlier than that.
    return { first: from, last: Math.max(from, last(row) ?? greatest) };
  };
}

function spanOfAll(rows: readonly Row[], spanOf: (row: Row) => Span): Span {
  let [first, last] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const row of rows) {
    const span = spanOf(row);
    first = Math.min(first, span.first);
    last = Math.max(last, span.last);
  }
  return { first, last };
}

/** Adds, of an address and its rows, each AS that originated it, and that it did. */
function networkReader({ columns, objects, spanOf }: Workbench, numberColumn: string, nameColumn: string) {
  const [number, name] = [columns.integer(numberColumn), columns.text(nameColumn)];
  return (address: StixId, rows: readonly Row[]): void => {
    for (const [asn, ofAs] of Map.groupBy(rows, number)) {
      if (asn === undefined) continue;
      const system = objects.autonomousSystem(
        asn,
        ofAs.map(name).find((text) => text !== undefined),
      );
      objects.belongsTo(address, system, spanOfAll(ofAs, spanOf));
    }
  };
}

/** Columns that stand in STIX properties (`tlp` as the marking); all others go into the extension. */
const elsewhere = {
  source: new Set(["source_ip", "source_asn", "source_as_name", "first_seen", "last_seen", "exemplars", "tlp"]),
  target: new Set([
    "destination_fqdn",
    "destination_ip",
    "destination_asn",
    "destination_as_name",
    "first_seen",
    "last_seen",
    "tlp",
  ]),
  url: new Set(["url_host", "url", "url_ip", "url_asn", "first_seen", "last_seen", "tlp"]),
  capture: new Set(["timestamp", "source_ip", "source_port", "source_asn", "source_as_name", "tlp"]),
} as const;

function sourceDays(bench: Workbench): GroupBuilder {
  const { columns, objects, spanOf } = bench;
  const { lines } = objects;
  const networks = networkReader(bench, "source_asn", "source_as_name");
  const [captures, recipients, abusedPort] = [
    columns.integer("captures"),
    columns.integer("recipients"),
    columns.integer("abused_port"),
  ];
  const [service, identifier] = [columns.text("service"), columns.text("classification_identifier")];
  const exemplars = columns.exemplars();
  const extension = columns.extension(elsewhere.source);

  const indicator = (key: string, rows: readonly Row[], address: StixId<"ipv4-addr" | "ipv6-addr">) => {
    const abuses = new Set(rows.flatMap((row) => identifier(row) ?? []));
    return objects.indicator(address, key, spanOfAll(rows, spanOf), {
      name: `${key} injected spam into a honeypot`,
      description:
        `Sent ${counted(rows, captures, "messages")} for ${counted(rows, recipients, "potential recipients")}, none ` +
        `delivered, in ${objects.period} (UTC). The host may be a compromised machine, a proxy or a NAT address.`,
      indicator_types: ["malicious-activity"],
      confidence: 85,
      labels: ["spam", ...[...abuses].sort().map((abuse) => `${abuse}-abuse`)],
    });
  };

  return {
    keyOf: columns.text("source_ip"),
    build(key, rows) {
      lines.clear();
      const address = objects.address(key);
      networks(address, rows);
      const sign = indicator(key, rows, address);
      lines.endShared();
      for (const row of rows) {
        const stated = extension(row);
        const [span, count] = [spanOf(row), captures(row) ?? 1];
        const seen = objects.observed(stated.rowId, span, count, [address], stated.row);
        objects.sighting(stated.rowId, span, count, sign, seen);
        lines.endUnit();
        const connection = objects.connections(address, stated.rowId, stated.exemplar);
        const [port, posedAs] = [abusedPort(row), service(row)];
        for (const exemplar of exemplars(row) ?? []) {
          // The row's service is that of its newest connection: it holds for others on the same port of the sensor.
          connection(exemplar, exemplar.abusedPort === port ? posedAs : undefined);
          lines.endUnit();
        }
      }
      return lines;
    },
  };
}

function targetDays(bench: Workbench): GroupBuilder {
  const { columns, objects, spanOf } = bench;
  const { lines } = objects;
  const networks = networkReader(bench, "destination_asn", "destination_as_name");
  const [domain, address, captures] = [
    columns.text("destination_fqdn"),
    columns.text("destination_ip"),
    columns.integer("captures"),
  ];
  const extension = columns.extension(elsewhere.target);
  const keyOf: Read<string> = (row) => {
    const name = domain(row);
    return name === undefined ? address(row) : domainOrNothing(name);
  };
  return {
    keyOf,
    build(key, rows) {
      lines.clear();
      const target = isIP(key) === 0 ? objects.domainName(key) : objects.address(key);
      networks(target, rows);
      lines.endShared();
      // No indicator and no sighting: importers would block the victims' mail servers.
      for (const row of rows) {
        const stated = extension(row);
        objects.observed(stated.rowId, spanOf(row), captures(row) ?? 1, [target], stated.row, ["spam", "spam-target"]);
        lines.endUnit();
      }
      return lines;
    },
  };
}

const domainOrNothing = (name: string) => (isDomainName(name) ? name : undefined);

function urlDays(bench: Workbench): GroupBuilder {
  const { columns, objects, spanOf } = bench;
  const { lines } = objects;
  const networks = networkReader(bench, "url_asn", "url_as_name");
  const [host, url, captures, benign] = [
    columns.text("url_host"),
    columns.text("url"),
    columns.integer("captures"),
    columns.boolean("benign"),
  ];
  const extension = columns.extension(elsewhere.url);

  const indicator = (key: string, rows: readonly Row[], named: StixId<"ipv4-addr" | "ipv6-addr" | "domain-name">) =>
    objects.indicator(named, key, spanOfAll(rows, spanOf), {
      name: `${key} advertised by spam`,
      description:
        `Host advertised in ${counted(rows, captures, "messages")} in ${objects.period} (UTC). Advertised by spam; not by ` +
        "itself proof of malicious content.",
      indicator_types: ["anomalous-activity"],
      confidence: 50,
      labels: ["spam", "spamvertised"],
    });

  return {
    keyOf: (row) => {
      const name = host(row);
      return name === undefined || isIP(name) !== 0 ? name : domainOrNothing(name);
    },
    build(key, rows) {
      lines.clear();
      const named = isIP(key) === 0 ? objects.domainName(key) : objects.address(key);
      networks(named, rows);
      const sign = rows.some((row) => benign(row) === true) ? undefined : indicator(key, rows, named);
      lines.endShared();
      for (const row of rows) {
        const uri = uriOf(url(row) ?? "");
        const refs = uri === undefined ? [named] : [named, objects.url(uri)];
        const stated = extension(row);
        const [span, count] = [spanOf(row), captures(row) ?? 1];
        const seen = objects.observed(stated.rowId, span, count, refs, stated.row);
        if (sign !== undefined) objects.sighting(stated.rowId, span, count, sign, seen);
        lines.endUnit();
      }
      return lines;
    },
  };
}

function captureRows(bench: Workbench): GroupBuilder {
  const { columns, objects, spanOf } = bench;
  const { lines } = objects;
  const networks = networkReader(bench, "source_asn", "source_as_name");
  const [sourcePort, abusedPort, service] = [
    columns.integer("source_port"),
    columns.integer("abused_port"),
    columns.text("service"),
  ];
  const extension = columns.extension(elsewhere.capture);
  return {
    keyOf: columns.text("source_ip"),
    build(key, rows) {
      lines.clear();
      const address = objects.address(key);
      networks(address, rows);
      lines.endShared();
      for (const row of rows) {
        const [span, from, to] = [spanOf(row), sourcePort(row), abusedPort(row)];
        // Validators refuse traffic without both ports.
        const flow =
          from === undefined || to === undefined
            ? []
            : [objects.connection(address, { instant: span.first, sourcePort: from, abusedPort: to }, service(row))];
        const stated = extension(row);
        objects.observed(stated.rowId, span, 1, [...flow, address], stated.row);
        lines.endUnit();
      }
      return lines;
    },
  };
}

const builders: Readonly<Partial<Record<Grain, (bench: Workbench) => GroupBuilder>>> = {
  "source-day": sourceDays,
  "target-day": targetDays,
  "url-day": urlDays,
  capture: captureRows,
};

/** The builder of a slice's grain; `undefined` for a grain without STIX. */
export function groupBuilder(context: RenderContext): GroupBuilder | undefined {
  const columns = new Columns(context);
  const bench = { columns, objects: new StixObjects(context), spanOf: spanReader(context, columns) };
  return builders[context.grain]?.(bench);
}
