/** Rows of grain `target-day`: the partner's recipient domain, or target host, × UTC day. */
import type { GrainSql, SliceContext } from "./slice.ts";
import { economyHolds, literals, part, separator, unnested } from "./sql.ts";

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
  const all = (aggregate: string) => `${aggregate} FILTER (WHERE ranks = 'all')`;
  // An IPv6 address holds colons; the count is what stands after the last one.
  const top = (ranks: string, count: number) =>
    `array_join(array_agg(v || ':' || CAST(n AS VARCHAR) ORDER BY n DESC, v) FILTER (WHERE ranks = '${ranks}' AND place <= ${count}), ';')`;
  return {
    ctes: [
      `domains AS (SELECT day, 'recipient-domain' AS kind, ${part("e", 1)} AS fqdn, '' AS ip, -1 AS port, coalesce(${part("e", 2)}, '') AS economy, coalesce(${part("e", 3)}, '') AS basis, CAST(NULL AS BIGINT) AS asn, CAST(NULL AS VARCHAR) AS as_name, CAST(${part("e", 4)} AS BIGINT) AS recipients, ${source} FROM (${unnested("scoped", "recipient_domains")}) d WHERE ${filtered})`,
      `hosts AS (SELECT day, 'target-host' AS kind, '' AS fqdn, destination_ip AS ip, coalesce(destination_port, -1) AS port, coalesce(destination_economy, '') AS economy, 'address' AS basis, destination_asn AS asn, destination_as_name AS as_name, CAST(recipients AS BIGINT) AS recipients, ${source} FROM scoped WHERE destination_ip IS NOT NULL AND ${filtered})`,
      `targets AS (SELECT * FROM domains WHERE ${yours("economy")} UNION ALL SELECT * FROM hosts WHERE ${yours("economy")})`,
      `pairs AS (SELECT ${by}, source_ip, source_economy, source_asn, max(asn) AS asn, max(as_name) AS as_name, min(captured_at) AS first_seen, max(captured_at) AS last_seen, count(*) AS captures, sum(recipients) AS recipients FROM targets GROUP BY ${by}, source_ip, source_economy, source_asn)`,
      // Once for the row itself, once by each of what is ranked in it: `pairs` is as large as all connections.
      `sets AS (SELECT ${by}, CASE WHEN grouping(source_ip) = 0 THEN 'address' WHEN grouping(source_economy) = 0 THEN 'economy' WHEN grouping(source_asn) = 0 THEN 'asn' ELSE 'all' END AS ranks, coalesce(source_ip, source_economy, CAST(source_asn AS VARCHAR)) AS v, max(asn) AS asn, max(as_name) AS as_name, min(first_seen) AS first_seen, max(last_seen) AS last_seen, CAST(sum(captures) AS BIGINT) AS n, CAST(sum(recipients) AS BIGINT) AS recipients FROM pairs GROUP BY GROUPING SETS ((${by}), (${by}, source_ip), (${by}, source_economy), (${by}, source_asn)))`,
      `ranked AS (SELECT *, row_number() OVER (PARTITION BY ${by}, ranks ORDER BY n DESC, v) AS place FROM sets WHERE ranks <> 'asn' OR v <> '0')`,
      `days AS (SELECT ${by}, ${all("max(asn)")} AS asn, ${all("max(as_name)")} AS as_name, ${all("min(first_seen)")} AS first_seen, ${all("max(last_seen)")} AS last_seen, ${all("max(n)")} AS captures, ${all("max(recipients)")} AS recipients, count(*) FILTER (WHERE ranks = 'address') AS sources, ${top("economy", 5)} AS top_economies, ${top("asn", 5)} AS top_asns, ${top("address", 10)} AS top_addresses FROM ranked GROUP BY ${by})`,
    ],
    from: "days",
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
      source_economies: "days.top_economies",
      source_asns: "days.top_asns",
      top_sources: "days.top_addresses",
    },
    withheld: {},
    key: keys.map((name) => `CAST(days.${name} AS VARCHAR)`).join(` || ${separator} || `),
    order: "days.kind, days.fqdn, days.ip, days.port, days.economy, days.basis, days.day",
  };
}
