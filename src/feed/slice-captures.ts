/** Rows of grain `capture`: one capture each. */
import { captureTexts } from "./capture-texts.ts";
import type { Policy } from "./policy.ts";
import type { GrainSql, SliceContext } from "./slice.ts";
import { economyHolds, literal, literals, part, separator, sideHolds } from "./sql.ts";

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
export function captureSlice({ feed, policy, filtered, sides, form }: SliceContext): GrainSql {
  const texts = captureTexts(form, { columns: feed.columns, filtered, least: feed.commonText });
  const targetYours = economyHolds(policy, (codes) => `c.destination_economy IN ${literals(codes)}`);
  const own = "strpos(';' || c.recipient_list, ';' || c.mail_from_domain || ':') > 0";
  const sideLabels = sides.map((side) => `CASE WHEN ${sideHolds(policy, side)} THEN '${side}' END`);
  const foreign = `c.destination_ip IS NOT NULL AND NOT coalesce(${targetYours}, FALSE)`;
  const ifYours = (column: string) => `CASE WHEN ${targetYours} THEN c.${column} END`;
  return {
    ctes: texts.ctes,
    from: `(SELECT *, concat_ws(';', ${sideLabels.join(", ")}) AS side_list FROM scoped WHERE ${filtered}) c ${texts.joins}`,
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
      mail_from_domain: `CASE WHEN ${own} THEN NULL ELSE ${texts.shown("mail_from_domain")} END`,
      helo: texts.shown("helo"),
      subject: texts.shown("subject"),
      language: "c.language",
      charset: "c.charset",
      message_kb: "c.message_kb",
      body_sha256: texts.shown("body_sha256"),
      attachment_types: texts.shown("attachment_types"),
      attachment_sha256: texts.shown("attachment_sha256"),
      url_hosts: texts.shown("url_hosts"),
      campaign_id: "NULL",
    },
    withheld: {
      destination_ip: foreign,
      destination_port: foreign,
      destination_asn: foreign,
      mail_from_domain: `(${texts.withheld("mail_from_domain")}) OR (c.mail_from_domain IS NOT NULL AND ${own})`,
      helo: texts.withheld("helo"),
      subject: texts.withheld("subject"),
      body_sha256: texts.withheld("body_sha256"),
      attachment_types: texts.withheld("attachment_types"),
      attachment_sha256: texts.withheld("attachment_sha256"),
      url_hosts: texts.withheld("url_hosts"),
    },
    key: `c.sensor || ${separator} || c.capture_id`,
    // Whole seconds first: the order inside a second is not that of the sensors' clocks.
    order: "c.connected_at - c.connected_at % 1000, c.source_ip, c.source_port, c.sensor, c.capture_id",
  };
}
