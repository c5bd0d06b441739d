/** Rows of grain `source-day`: source address × UTC day. */
import type { GrainSql, SliceContext } from "./slice.ts";
import { separator, topPairs } from "./sql.ts";

const keys = ["source_ip", "day"];

/** Named, since DuckDB takes no numbers on rows without names; nothing in it is NULL, since Trino orders no such rows. */
const newestRow =
  "ROW(instant BIGINT, port INTEGER, abused INTEGER, service VARCHAR, asn BIGINT, as_name VARCHAR, economy VARCHAR)";

/**
 * Connections first (several messages share one), then days: a row's `newest` connection gives timestamp, port, service
 * and network together, so that they belong with each other. Sensors are counted by a histogram: beside a DISTINCT Trino
 * keeps every other aggregate for each sensor apart, and rows take kilobytes each.
 */
export function sourceSlice({ feed, filtered }: SliceContext): GrainSql {
  const targets = `SELECT source_ip, day, split_part(e, ':', 1) AS v, CAST(sum(c * CAST(split_part(e, ':', 2) AS BIGINT)) AS BIGINT) AS n FROM (SELECT source_ip, day, recipient_economies, count(*) AS c FROM scoped WHERE ${filtered} AND recipient_economies IS NOT NULL GROUP BY source_ip, day, recipient_economies) g CROSS JOIN UNNEST(split(recipient_economies, ';')) AS t(e) GROUP BY source_ip, day, split_part(e, ':', 1)`;
  const exemplars =
    feed.exemplars > 0
      ? `, max(CAST(row(connected_at, source_port, abused_port) AS ROW(instant BIGINT, port INTEGER, abused INTEGER)), ${feed.exemplars}) AS exemplars`
      : "";
  return {
    ctes: [
      `connections AS (SELECT source_ip, day, sensor, session, max(connected_at) AS connected_at, max(source_port) AS source_port, max(abused_port) AS abused_port, max(service) AS service, coalesce(max(source_asn), -1) AS source_asn, coalesce(max(source_as_name), '') AS source_as_name, coalesce(max(source_economy), '') AS source_economy, min(captured_at) AS first_seen, max(captured_at) AS last_seen, count(*) AS captures, sum(recipients) AS recipients FROM scoped WHERE ${filtered} GROUP BY source_ip, day, sensor, session)`,
      `days AS (SELECT source_ip, day, max(CAST(row(connected_at, source_port, abused_port, service, source_asn, source_as_name, source_economy) AS ${newestRow})) AS newest, min(first_seen) AS first_seen, max(last_seen) AS last_seen, CAST(sum(captures) AS BIGINT) AS captures, CAST(sum(recipients) AS BIGINT) AS recipients, count(*) AS connections, cardinality(histogram(sensor)) AS sensors${exemplars} FROM connections GROUP BY source_ip, day)`,
      ...topPairs("targets", targets, keys, 5),
    ],
    from: "days LEFT JOIN targets ON days.source_ip = targets.source_ip AND days.day = targets.day",
    columns: {
      timestamp: "days.newest.instant",
      source_ip: "days.source_ip",
      source_port: "days.newest.port",
      transport: "'tcp'",
      service: "days.newest.service",
      abused_port: "days.newest.abused",
      source_asn: "nullif(days.newest.asn, -1)",
      source_as_name: "nullif(days.newest.as_name, '')",
      source_economy: "nullif(days.newest.economy, '')",
      day: "days.day",
      first_seen: "days.first_seen",
      last_seen: "days.last_seen",
      captures: "days.captures",
      recipients: "days.recipients",
      connections: "days.connections",
      sensors: "CASE WHEN days.sensors >= 5 THEN '5 or more' WHEN days.sensors >= 2 THEN '2 to 4' ELSE '1' END",
      target_economies: "targets.pairs",
      // Without a type, a list of NULL isn't taken apart by every engine.
      exemplars: feed.exemplars > 0 ? "days.exemplars" : "NULL",
      classification_type: "'spam'",
      classification_identifier: "CASE WHEN days.newest.service = 'smtp' THEN 'open-relay' ELSE 'open-proxy' END",
    },
    withheld: {},
    key: `days.source_ip || ${separator} || CAST(days.day AS VARCHAR)`,
    order: "days.source_ip, days.day",
  };
}
