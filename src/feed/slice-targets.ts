/** Rows of grain `target-day`: the partner's recipient domain, or target host, × UTC day. */
import type { GrainSql, SliceContext } from "./slice.ts";
import { economyHolds, literals, part, sameKeys, separator, topPairs, unnested } from "./sql.ts";

const keys = ["day", "kind", "fqdn", "ip", "port", "economy", "basis"];

/**
 * A capture with recipients in three domains is in three rows: columns do not add up across rows. Key columns are never
 * NULL inside, so that they join; empty ones become NULL at the end.
 */
export function targetSlice({ policy, filtered }: SliceContext): GrainSql {
  const yours = (column: string) => economyHolds(policy, (codes) => `${column} IN ${literals(codes)}`);
  const source =
    "captured_at, source_ip, coalesce(source_economy, 'ZZ') AS source_economy, coalesce(source_asn, 0) AS source_asn";
  const by = keys.join(", ");
  return {
    ctes: [
      `domains AS (SELECT day, 'recipient-domain' AS kind, ${part("e", 1)} AS fqdn, '' AS ip, -1 AS port, coalesce(${part("e", 2)}, '') AS economy, coalesce(${part("e", 3)}, '') AS basis, CAST(NULL AS BIGINT) AS asn, CAST(NULL AS VARCHAR) AS as_name, CAST(${part("e", 4)} AS BIGINT) AS recipients, ${source} FROM (${unnested("scoped", "recipient_domains")}) d WHERE ${filtered})`,
      `hosts AS (SELECT day, 'target-host' AS kind, '' AS fqdn, destination_ip AS ip, coalesce(destination_port, -1) AS port, coalesce(destination_economy, '') AS economy, 'address' AS basis, destination_asn AS asn, destination_as_name AS as_name, CAST(recipients AS BIGINT) AS recipients, ${source} FROM scoped WHERE destination_ip IS NOT NULL AND ${filtered})`,
      `targets AS (SELECT * FROM domains WHERE ${yours("economy")} UNION ALL SELECT * FROM hosts WHERE ${yours("economy")})`,
      `pairs AS (SELECT ${by}, source_ip, source_economy, source_asn, max(asn) AS asn, max(as_name) AS as_name, min(captured_at) AS first_seen, max(captured_at) AS last_seen, count(*) AS captures, sum(recipients) AS recipients FROM targets GROUP BY ${by}, source_ip, source_economy, source_asn)`,
      `days AS (SELECT ${by}, max(asn) AS asn, max(as_name) AS as_name, min(first_seen) AS first_seen, max(last_seen) AS last_seen, CAST(sum(captures) AS BIGINT) AS captures, CAST(sum(recipients) AS BIGINT) AS recipients, count(DISTINCT source_ip) AS sources FROM pairs GROUP BY ${by})`,
      ...topPairs(
        "top_economies",
        `SELECT ${by}, source_economy AS v, CAST(sum(captures) AS BIGINT) AS n FROM pairs GROUP BY ${by}, source_economy`,
        keys,
        5,
      ),
      ...topPairs(
        "top_asns",
        `SELECT ${by}, CAST(source_asn AS VARCHAR) AS v, CAST(sum(captures) AS BIGINT) AS n FROM pairs WHERE source_asn > 0 GROUP BY ${by}, source_asn`,
        keys,
        5,
      ),
      // An IPv6 address holds colons; the count is what stands after the last one.
      ...topPairs(
        "top_addresses",
        `SELECT ${by}, source_ip AS v, CAST(sum(captures) AS BIGINT) AS n FROM pairs GROUP BY ${by}, source_ip`,
        keys,
        10,
      ),
    ],
    from: ["top_economies", "top_asns", "top_addresses"].reduce(
      (from, name) => `${from} LEFT JOIN ${name} ON ${sameKeys("days", name, keys)}`,
      "days",
    ),
    columns: {
      day: "days.day",
      first_seen: "days.first_seen",
      last_seen: "days.last_seen",
      kind: "days.kind",
      destination_fqdn: "nullif(days.fqdn, '')",
      destination_ip: "nullif(days.ip, '')",
      destination_port: "nullif(days.port, -1)",
      destination_asn: "days.asn",
      destination_as_name: "days.as_name",
      destination_economy: "nullif(days.economy, '')",
      target_basis: "nullif(days.basis, '')",
      result: "'attempted'",
      captures: "days.captures",
      recipients: "days.recipients",
      sources: "days.sources",
      source_economies: "top_economies.pairs",
      source_asns: "top_asns.pairs",
      top_sources: "top_addresses.pairs",
    },
    withheld: {},
    key: keys.map((name) => `CAST(days.${name} AS VARCHAR)`).join(` || ${separator} || `),
    order: "days.kind, days.fqdn, days.ip, days.port, days.economy, days.basis, days.day",
  };
}
