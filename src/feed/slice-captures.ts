/** Rows of grain `capture`: one capture each. */

import type { Policy } from "./policy.ts";
import type { GrainSql, SliceContext } from "./slice.ts";
import { commonValues, economyHolds, literal, literals, part, separator, sideHolds, unnested } from "./sql.ts";

/** Attacker-written scalar columns: the lake's column of each. */
const scalars = {
  mail_from_domain: "mail_from_domain",
  helo: "helo",
  subject: "subject",
  body_sha256: "body_sha256",
} as const;

/** Attacker-written list columns: the lake's list and the part of its elements that is shown. */
const lists = {
  attachment_types: { list: "attachments", part: 1 },
  attachment_sha256: { list: "attachments", part: 3 },
  url_hosts: { list: "urls", part: 2 },
} as const;

const sampled = "sensor, recipient_distinct, recipient_sample";

/**
 * CTEs that end in `<name>_shown(elements, texts, withheld)`: for each list that a row shows, its common elements, joined, and
 * how many weren't. Lists repeat as messages do: there are far fewer than captures.
 */
function listCtes(name: keyof typeof lists, filtered: string, least: SliceContext["feed"]["commonText"]): string[] {
  const { list, part: index } = lists[name];
  return [
    `${name}_lists AS (SELECT DISTINCT ${list} FROM scoped WHERE ${filtered})`,
    `${name}_elements AS (SELECT DISTINCT ${list}, ${part("e", index)} AS v FROM (${unnested(`${name}_lists`, list)}) l)`,
    ...commonValues(name, `SELECT ${part("e", index)} AS v, ${sampled} FROM (${unnested("scoped", list)}) l`, least),
    `${name}_shown AS (SELECT e.${list} AS elements, array_join(array_agg(c.v ORDER BY c.v) FILTER (WHERE c.v IS NOT NULL), ';') AS texts, count(*) - count(c.v) AS withheld FROM ${name}_elements e LEFT JOIN common_${name} c ON e.v = c.v WHERE e.v IS NOT NULL GROUP BY e.${list})`,
  ];
}

/** Recipients in the policy's economies, out of the lake's text `TW:9;JP:1`. */
function recipientsYours(policy: Policy): string {
  if (policy.economies === "all") return "c.recipients";
  const counts = policy.economies.map(({ code, since }) => {
    const count = `coalesce(CAST(nullif(split_part(split_part(';' || c.recipient_economies, ${literal(`;${code}:`)}, 2), ';', 1), '') AS INTEGER), 0)`;
    return since === undefined ? count : `CASE WHEN c.captured_at >= ${since} THEN ${count} ELSE 0 END`;
  });
  return `CAST(${counts.join(" + ")} AS BIGINT)`;
}

/** The partner's own recipient domains as `domain:count`, sorted. */
function recipientDomains(policy: Policy): string {
  const yours = economyHolds(policy, (codes) => `${part("e", 2)} IN ${literals(codes)}`);
  const texts = `transform(filter(array_sort(c.recipient_domains), e -> ${yours}), e -> ${part("e", 1)} || ':' || ${part("e", 4)})`;
  return `nullif(array_join(${texts}, ';'), '')`;
}

/**
 * Where the partner is concerned as source alone, of a foreign target only its economy leaves. A text column is shown
 * where it is among the common values of the slice's captures before filters.
 */
export function captureSlice({ feed, policy, filtered, sides }: SliceContext): GrainSql {
  const shown = (name: string) => feed.columns.includes(name);
  const scalarNames = (Object.keys(scalars) as (keyof typeof scalars)[]).filter(shown); // Object.keys forgets the key type
  const listNames = (Object.keys(lists) as (keyof typeof lists)[]).filter(shown); // likewise
  const targetYours = economyHolds(policy, (codes) => `c.destination_economy IN ${literals(codes)}`);
  const own = "strpos(';' || c.recipient_list, ';' || c.mail_from_domain || ':') > 0";
  const sideLabels = sides.map((side) => `CASE WHEN ${sideHolds(policy, side)} THEN '${side}' END`);
  const joins = [
    ...scalarNames.map((name) => `LEFT JOIN common_${name} ON c.${scalars[name]} = common_${name}.v`),
    ...listNames.map((name) => `LEFT JOIN ${name}_shown ON c.${lists[name].list} = ${name}_shown.elements`),
  ];
  const foreign = `c.destination_ip IS NOT NULL AND NOT coalesce(${targetYours}, FALSE)`;
  const ifYours = (column: string) => `CASE WHEN ${targetYours} THEN c.${column} END`;
  return {
    ctes: [
      ...scalarNames.flatMap((name) =>
        commonValues(name, `SELECT ${scalars[name]} AS v, ${sampled} FROM scoped`, feed.commonText),
      ),
      ...listNames.flatMap((name) => listCtes(name, filtered, feed.commonText)),
    ],
    from: `(SELECT *, concat_ws(';', ${sideLabels.join(", ")}) AS side_list FROM scoped WHERE ${filtered}) c ${joins.join(" ")}`,
    columns: {
      timestamp: "c.connected_at",
      source_ip: "c.source_ip",
      source_port: "c.source_port",
      transport: "'tcp'",
      service: "c.service",
      abused_port: "c.abused_port",
      source_asn: "c.source_asn",
      source_as_name: "c.source_as_name",
      source_economy: "c.source_economy",
      request_type: "c.request_type",
      destination_ip: ifYours("destination_ip"),
      destination_port: ifYours("destination_port"),
      destination_asn: ifYours("destination_asn"),
      destination_economy: "c.destination_economy",
      sides: "c.side_list",
      recipients: "c.recipients",
      recipients_yours: recipientsYours(policy),
      recipient_domains: recipientDomains(policy),
      mail_from_domain: `CASE WHEN ${own} THEN NULL ELSE common_mail_from_domain.v END`,
      helo: "common_helo.v",
      subject: "common_subject.v",
      language: "c.language",
      charset: "c.charset",
      message_kb: "c.message_kb",
      body_sha256: "common_body_sha256.v",
      attachment_types: "attachment_types_shown.texts",
      attachment_sha256: "attachment_sha256_shown.texts",
      url_hosts: "url_hosts_shown.texts",
      campaign_id: "NULL",
    },
    withheld: {
      destination_ip: foreign,
      destination_port: foreign,
      destination_asn: foreign,
      mail_from_domain: `c.mail_from_domain IS NOT NULL AND (common_mail_from_domain.v IS NULL OR ${own})`,
      helo: "c.helo IS NOT NULL AND common_helo.v IS NULL",
      subject: "c.subject IS NOT NULL AND common_subject.v IS NULL",
      body_sha256: "c.body_sha256 IS NOT NULL AND common_body_sha256.v IS NULL",
      attachment_types: "attachment_types_shown.withheld > 0",
      attachment_sha256: "attachment_sha256_shown.withheld > 0",
      url_hosts: "url_hosts_shown.withheld > 0",
    },
    key: `c.sensor || ${separator} || c.capture_id`,
    // Whole seconds first: the order inside a second is not that of the sensors' clocks.
    order: "c.connected_at - c.connected_at % 1000, c.source_ip, c.source_port, c.sensor, c.capture_id",
  };
}
