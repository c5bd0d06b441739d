/**
 * The slices once more, by plain loops over captures: what the SQL of `src/feed/slice-*.ts` must come to. Written from
 * `fields.md` for reading, not for speed. Cells are as the engine gives them: numbers, texts, `null` for empty.
 */
import { dayMs } from "../../src/model.ts";
import type { Link, Seen } from "./captures.ts";

type Value = string | number | boolean | null | readonly (readonly number[])[];
export type ModelRow = Readonly<Record<string, Value>>;

/** Whose slice it is, and what of it the feed decides. */
export interface Slice {
  readonly economies: "all" | readonly { readonly code: string; readonly since?: number }[];
  readonly from: number;
  readonly to: number;
  readonly sides: readonly string[];
  readonly exemplars: number;
  readonly sensors: number;
  readonly recipients: number;
  readonly benign: readonly string[];
  /** True for a capture that passes the feed's filters. */
  readonly passes: (capture: Seen) => boolean;
}

const dayOf = (at: number) => Math.floor(at / dayMs) * dayMs;

function yours({ economies }: Slice, economy: string | undefined, at: number): boolean {
  if (economies === "all") return true;
  return economies.some(({ code, since = 0 }) => code === economy && at >= since);
}

function sidesOf(slice: Slice, one: Seen): string[] {
  const { capturedAt: at, destination } = one;
  const isYours = (economy: string | undefined) => yours(slice, economy, at);
  const holds: Record<string, boolean> = {
    source: one.handshake && isYours(one.source.economy),
    target:
      slice.economies === "all" ||
      (destination !== undefined && isYours(destination.network.economy)) ||
      one.domains.some(({ economy }) => isYours(economy)),
    url: slice.economies === "all" || one.links.some(({ economy }) => isYours(economy)),
  };
  return slice.sides.filter((side) => holds[side]);
}

/** Captures of the slice before filters. */
export function scoped(slice: Slice, captures: readonly Seen[]): Seen[] {
  return captures.filter(
    (one) => !one.probe && one.capturedAt >= slice.from && one.capturedAt < slice.to && sidesOf(slice, one).length > 0,
  );
}

/** Values that enough sensors saw and enough distinct recipients were sent. */
export function commonOf(
  slice: Slice,
  captures: readonly Seen[],
  valuesOf: (one: Seen) => readonly (string | undefined)[],
): ReadonlySet<string> {
  const sensors = new Map<string, Set<string>>();
  const recipients = new Map<string, Set<string>>();
  for (const one of captures) {
    for (const value of valuesOf(one)) {
      if (value === undefined || value.includes("@") || value.includes("%40")) continue;
      sensors.set(value, (sensors.get(value) ?? new Set()).add(one.sensor));
      const all = recipients.get(value) ?? new Set();
      for (const address of one.addresses) all.add(address);
      recipients.set(value, all);
    }
  }
  return new Set(
    [...sensors].flatMap(([value, seen]) =>
      seen.size >= slice.sensors && (recipients.get(value)?.size ?? 0) >= slice.recipients ? [value] : [],
    ),
  );
}

/** `TW:9;JP:1`: the largest by count, then by name. */
function top(counts: ReadonlyMap<string, number>, most: number): string | null {
  const sorted = [...counts].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1)).slice(0, most);
  return sorted.length === 0 ? null : sorted.map(([name, count]) => `${name}:${count}`).join(";");
}

function countBy<T>(list: readonly T[], keyOf: (one: T) => string | undefined, weight: (one: T) => number = () => 1) {
  const counts = new Map<string, number>();
  for (const one of list) {
    const key = keyOf(one);
    if (key !== undefined) counts.set(key, (counts.get(key) ?? 0) + weight(one));
  }
  return counts;
}

const sum = (numbers: readonly number[]) => numbers.reduce((all, one) => all + one, 0);
const least = (list: readonly Seen[]) => Math.min(...list.map((one) => one.capturedAt));
const greatest = (list: readonly Seen[]) => Math.max(...list.map((one) => one.capturedAt));
const ascending = (a: readonly (string | number)[], b: readonly (string | number)[]): number => {
  for (const [index, one] of a.entries()) {
    const other = b[index] ?? "";
    if (one !== other) return one < other ? -1 : 1;
  }
  return 0;
};

export function sourceRows(slice: Slice, captures: readonly Seen[]): ModelRow[] {
  const groups = Map.groupBy(
    scoped(slice, captures).filter(slice.passes),
    (one) => `${one.ip} ${dayOf(one.capturedAt)}`,
  );
  const rows = [...groups.values()].map((list) => {
    const connections = [...Map.groupBy(list, (one) => `${one.sensor} ${one.session}`).values()].map(([one]) => one);
    const byTime = connections
      .filter((one) => one !== undefined)
      .sort(
        (a, b) =>
          -ascending([a.connectedAt, a.port, a.abused, a.service], [b.connectedAt, b.port, b.abused, b.service]),
      );
    const [newest] = byTime;
    const sensors = new Set(list.map((one) => one.sensor)).size;
    const economies = new Map<string, number>();
    for (const one of list)
      for (const [economy, count] of one.economies) economies.set(economy, (economies.get(economy) ?? 0) + count);
    return {
      timestamp: newest?.connectedAt ?? null,
      source_ip: newest?.ip ?? null,
      source_port: newest?.port ?? null,
      transport: "tcp",
      service: newest?.service ?? null,
      abused_port: newest?.abused ?? null,
      source_asn: newest?.source.asn ?? null,
      source_as_name: newest?.source.name ?? null,
      source_economy: newest?.source.economy ?? null,
      day: dayOf(newest === undefined ? 0 : least(list)),
      first_seen: least(list),
      last_seen: greatest(list),
      captures: list.length,
      recipients: sum(list.map((one) => one.recipients)),
      connections: connections.length,
      sensors: sensors >= 5 ? "5 or more" : sensors >= 2 ? "2 to 4" : "1",
      target_economies: top(economies, 5),
      exemplars: byTime.slice(0, slice.exemplars).map((one) => [one.connectedAt, one.port, one.abused]),
      classification_type: "spam",
      classification_identifier: newest?.service === "smtp" ? "open-relay" : "open-proxy",
      redacted: "",
    };
  });
  return rows.sort((a, b) => ascending([a.source_ip ?? "", a.day], [b.source_ip ?? "", b.day]));
}

interface Target {
  readonly kind: string;
  readonly fqdn: string;
  readonly ip: string;
  readonly port: number;
  readonly economy: string;
  readonly basis: string;
  readonly asn?: number;
  readonly name?: string;
  readonly recipients: number;
  readonly one: Seen;
}

function targetsOf(slice: Slice, one: Seen): Target[] {
  const domains = one.domains.map(({ domain, economy = "", basis = "", count }) => {
    return { kind: "recipient-domain", fqdn: domain, ip: "", port: -1, economy, basis, recipients: count, one };
  });
  const { destination } = one;
  const hosts =
    destination === undefined
      ? []
      : [
          {
            kind: "target-host",
            fqdn: "",
            ip: destination.ip,
            port: 25,
            basis: "address",
            ...destination.network,
            economy: destination.network.economy ?? "",
            recipients: one.recipients,
            one,
          },
        ];
  return [...domains, ...hosts].filter(({ economy }) => yours(slice, economy, one.capturedAt));
}

export function targetRows(slice: Slice, captures: readonly Seen[]): ModelRow[] {
  const targets = scoped(slice, captures)
    .filter(slice.passes)
    .flatMap((one) => targetsOf(slice, one));
  const keyOf = ({ kind, fqdn, ip, port, economy, basis, one }: Target) =>
    [kind, fqdn, ip, port, economy, basis, dayOf(one.capturedAt)] as const;
  const groups = Map.groupBy(targets, (target) => keyOf(target).join(" "));
  return [...groups.values()]
    .toSorted(([a], [b]) => (a === undefined || b === undefined ? 0 : ascending(keyOf(a), keyOf(b))))
    .flatMap((list) => {
      const [first] = list;
      if (first === undefined) return [];
      const seen = list.map(({ one }) => one);
      return [
        {
          day: dayOf(first.one.capturedAt),
          first_seen: least(seen),
          last_seen: greatest(seen),
          kind: first.kind,
          destination_fqdn: first.fqdn || null,
          destination_ip: first.ip || null,
          destination_port: first.port < 0 ? null : first.port,
          destination_asn: first.asn ?? null,
          destination_as_name: first.name ?? null,
          destination_economy: first.economy || null,
          target_basis: first.basis || null,
          result: "attempted",
          captures: list.length,
          recipients: sum(list.map(({ recipients }) => recipients)),
          sources: new Set(seen.map((one) => one.ip)).size,
          source_economies: top(
            countBy(seen, (one) => one.source.economy ?? "ZZ"),
            5,
          ),
          source_asns: top(
            countBy(seen, (one) => (one.source.asn === undefined ? undefined : String(one.source.asn))),
            5,
          ),
          top_sources: top(
            countBy(seen, (one) => one.ip),
            10,
          ),
          redacted: "",
        },
      ];
    });
}

interface Advertised extends Link {
  readonly one: Seen;
  readonly sides: readonly string[];
}

export function urlRows(slice: Slice, captures: readonly Seen[]): ModelRow[] {
  const advertised = scoped(slice, captures).flatMap((one) =>
    one.links.flatMap((link): Advertised[] => {
      const sides = sidesOf(slice, one).filter((side) => side !== "url" || yours(slice, link.economy, one.capturedAt));
      return sides.length === 0 ? [] : [{ ...link, one, sides }];
    }),
  );
  const common = (take: (link: Advertised) => string | undefined) => {
    const byCapture = Map.groupBy(advertised, ({ one }) => one);
    return commonOf(slice, [...byCapture.keys()], (one) => (byCapture.get(one) ?? []).map(take));
  };
  const hosts = common(({ host }) => host);
  const domains = common(({ domain }) => domain);
  const urls = common(({ url }) => url);
  const hostOf = ({ host }: Advertised) => (hosts.has(host) ? host : "");
  const domainOf = ({ domain = "" }: Advertised) => (domains.has(domain) ? domain : "");
  const keyOf = (link: Advertised) => [hostOf(link), domainOf(link), dayOf(link.one.capturedAt)] as const;
  const groups = Map.groupBy(
    advertised.filter(({ one }) => slice.passes(one)),
    (link) => keyOf(link).join(" "),
  );
  return [...groups.values()]
    .toSorted(([a], [b]) => (a === undefined || b === undefined ? 0 : ascending(keyOf(a), keyOf(b))))
    .flatMap((list) => {
      const [first] = list;
      if (first === undefined) return [];
      const host = hostOf(first);
      const domain = domainOf(first);
      const seen = [...new Set(list.map(({ one }) => one))];
      const shown = host === "" ? [] : list.filter(({ url }) => urls.has(url));
      const hidden = host === "" ? list : list.filter(({ url }) => !urls.has(url));
      const [best] = [...countBy(shown, ({ url }) => url)].sort(([a, m], [b, n]) => n - m || (a > b ? -1 : 1));
      const redacted = [
        host === "" ? "url_host" : "",
        list.some((link) => link.domain !== undefined && !domains.has(link.domain)) ? "url_domain" : "",
        best === undefined ? "url" : "",
      ];
      const only = <T>(values: readonly T[]) => (new Set(values).size === 1 ? (values[0] ?? null) : null);
      return [
        {
          day: dayOf(first.one.capturedAt),
          first_seen: least(seen),
          last_seen: greatest(seen),
          side: ["source", "target", "url"].filter((side) => list.some(({ sides }) => sides.includes(side))).join(";"),
          url_host: host || null,
          url_domain: domain || null,
          url: best === undefined ? null : best[0].replace(/^http/, "hxxp"),
          url_ip: host === "" ? null : (first.ip ?? null),
          url_asn: host === "" ? null : (first.asn ?? null),
          url_economy: only(list.map(({ economy }) => economy)),
          url_economy_basis: only(list.map(({ basis }) => basis)),
          captures: seen.length,
          recipients: sum(seen.map((one) => one.recipients)),
          sources: new Set(seen.map((one) => one.ip)).size,
          templates: new Set(seen.map((one) => one.body)).size,
          benign: slice.benign.some((name) => host === name || host.endsWith(`.${name}`)),
          redacted_urls: new Set(hidden.map(({ url }) => url)).size,
          redacted: redacted.filter((name) => name !== "").join(";"),
        },
      ];
    });
}

export function eventRows(slice: Slice, captures: readonly Seen[]): ModelRow[] {
  const before = scoped(slice, captures);
  const common = (valuesOf: (one: Seen) => readonly (string | undefined)[]) => commonOf(slice, before, valuesOf);
  const commonHelo = common((one) => [one.helo]);
  const commonSubject = common((one) => [one.subject]);
  const commonSender = common((one) => [one.mailDomain]);
  const commonBody = common((one) => [one.body]);
  const commonType = common((one) => [one.attachment?.type]);
  const commonFile = common((one) => [one.attachment?.text]);
  const commonHost = common((one) => one.links.map(({ host }) => host));
  const rows = before
    .filter(slice.passes)
    .toSorted((a, b) =>
      ascending(
        [Math.floor(a.connectedAt / 1000), a.ip, a.port, a.sensor, a.id],
        [Math.floor(b.connectedAt / 1000), b.ip, b.port, b.sensor, b.id],
      ),
    );
  const shownIf = (values: ReadonlySet<string>, value: string | undefined) =>
    value !== undefined && values.has(value) ? value : null;
  return rows.map((one) => {
    const at = one.capturedAt;
    const { destination } = one;
    const isYours = destination !== undefined && yours(slice, destination.network.economy, at);
    const hosts = [...new Set(one.links.map(({ host }) => host))].sort();
    const own = one.domains.filter(({ economy }) => yours(slice, economy, at));
    const isOwnSender = one.domains.some(({ domain }) => domain === one.mailDomain);
    const cells = {
      mail_from_domain: isOwnSender ? null : shownIf(commonSender, one.mailDomain),
      helo: shownIf(commonHelo, one.helo),
      subject: shownIf(commonSubject, one.subject),
      body_sha256: shownIf(commonBody, one.body),
      attachment_types: shownIf(commonType, one.attachment?.type),
      attachment_sha256: shownIf(commonFile, one.attachment?.text),
    };
    const shownHosts = hosts.filter((host) => commonHost.has(host));
    const redacted = [
      ...(destination !== undefined && !isYours ? ["destination_ip", "destination_port", "destination_asn"] : []),
      one.mailDomain !== undefined && cells.mail_from_domain === null ? "mail_from_domain" : "",
      one.helo !== undefined && cells.helo === null ? "helo" : "",
      one.subject !== undefined && cells.subject === null ? "subject" : "",
      cells.body_sha256 === null ? "body_sha256" : "",
      one.attachment !== undefined && cells.attachment_types === null ? "attachment_types" : "",
      one.attachment !== undefined && cells.attachment_sha256 === null ? "attachment_sha256" : "",
      shownHosts.length < hosts.length ? "url_hosts" : "",
    ];
    return {
      timestamp: one.connectedAt,
      source_ip: one.ip,
      source_port: one.port,
      transport: "tcp",
      service: one.service,
      abused_port: one.abused,
      source_asn: one.source.asn ?? null,
      source_as_name: one.source.name ?? null,
      source_economy: one.source.economy ?? null,
      request_type: destination === undefined ? null : "connect-25",
      destination_ip: isYours ? destination.ip : null,
      destination_port: isYours ? 25 : null,
      destination_asn: isYours ? (destination.network.asn ?? null) : null,
      destination_economy: destination?.network.economy ?? null,
      sides: sidesOf(slice, one).join(";"),
      recipients: one.recipients,
      recipients_yours:
        slice.economies === "all"
          ? one.recipients
          : sum([...one.economies].map(([economy, count]) => (yours(slice, economy, at) ? count : 0))),
      recipient_domains: own.length === 0 ? null : own.map(({ domain, count }) => `${domain}:${count}`).join(";"),
      ...cells,
      charset: "utf-8",
      message_kb: Math.ceil(one.bytes / 1000),
      url_hosts: shownHosts.length === 0 ? null : shownHosts.join(";"),
      campaign_id: null,
      redacted: redacted.filter((name) => name !== "").join(";"),
    };
  });
}
