/**
 * The questions a summary asks: a period and the one before, of the captures that concern the partner. Each answer is a
 * few rows. `now` and `then` count this period and the one before. Pure.
 */
import type { Feed } from "./feeds.ts";
import type { Policy } from "./policy.ts";
import { dayOf, economyHolds, literals, part, sideHolds } from "./sql.ts";

/** Rows of a rank. */
export const rankRows = 20;
/** A target domain leaves only with this many sources. */
export const leastSources = 3;

export type SummaryQuestion =
  | "totals"
  | "connections"
  | "days"
  | "economies"
  | "systems"
  | "services"
  | "requests"
  | "languages"
  | "domains"
  | "sources"
  | "crossing";

/** The SQL of each question, to follow the engine's `captures` and `requests`. */
export function summaryQueries(feed: Feed, policy: Policy): Readonly<Record<SummaryQuestion, string>> {
  const scoped = scopedSql(feed, policy);
  const yours = economyHolds(policy, (codes) => `domain_economy IN ${literals(codes)}`);
  const both = "CAST(sum(is_now) AS BIGINT) AS now, CAST(sum(1 - is_now) AS BIGINT) AS before";
  const topBoth = `ORDER BY now DESC, before DESC`;
  return {
    totals: `${scoped} SELECT is_now, count(*) AS captures, CAST(sum(recipients) AS BIGINT) AS recipients, count(DISTINCT source_ip) AS sources, count(DISTINCT source_asn) AS asns, count(DISTINCT source_economy) AS economies FROM scoped GROUP BY is_now ORDER BY is_now DESC`,
    connections: `${scoped} SELECT is_now, count(*) AS connections FROM (SELECT DISTINCT is_now, sensor, session FROM scoped) c GROUP BY is_now ORDER BY is_now DESC`,
    days: `${scoped} SELECT day, count(*) AS captures, CAST(sum(recipients) AS BIGINT) AS recipients, count(DISTINCT source_ip) AS sources, count(DISTINCT sensor) AS sensors FROM scoped WHERE is_now = 1 GROUP BY day ORDER BY day`,
    economies: `${scoped} SELECT coalesce(source_economy, 'ZZ') AS economy, ${both} FROM scoped GROUP BY coalesce(source_economy, 'ZZ') ${topBoth}, economy LIMIT ${rankRows}`,
    systems: `${scoped}, hosts AS (SELECT source_asn, max(source_as_name) AS name, max(source_economy) AS economy, source_ip, ${both} FROM scoped WHERE source_asn IS NOT NULL GROUP BY source_asn, source_ip), systems AS (SELECT source_asn, max(name) AS name, max(economy) AS economy, CAST(sum(now) AS BIGINT) AS now, CAST(sum(before) AS BIGINT) AS before, count(*) FILTER (WHERE now > 0) AS sources, count(*) FILTER (WHERE now > 0 AND before = 0) AS fresh, count(*) FILTER (WHERE now = 0) AS gone, count(*) FILTER (WHERE now > 0 AND before > 0) AS persistent FROM hosts GROUP BY source_asn) SELECT source_asn, name, economy, now, before, sources, fresh, gone, persistent FROM systems ${topBoth}, source_asn LIMIT ${rankRows}`,
    services: `${scoped} SELECT service, abused_port, ${both} FROM scoped GROUP BY service, abused_port ${topBoth}, service, abused_port LIMIT ${rankRows}`,
    requests: `${requestsSql(policy)} SELECT request_type, request_result, ${both} FROM asked GROUP BY request_type, request_result ${topBoth}, request_type, request_result`,
    languages: `${scoped} SELECT coalesce(language, '') AS language, ${both} FROM scoped GROUP BY coalesce(language, '') ${topBoth}, language LIMIT ${rankRows}`,
    domains: `${scoped}, targets AS (SELECT is_now, captured_at, source_ip, ${part("d", 1)} AS domain, ${part("d", 2)} AS domain_economy, CAST(${part("d", 4)} AS BIGINT) AS recipients FROM scoped CROSS JOIN UNNEST(recipient_domains) AS t(d)) SELECT domain, count(*) AS captures, CAST(sum(recipients) AS BIGINT) AS recipients, count(DISTINCT source_ip) AS sources FROM targets WHERE is_now = 1 AND ${yours} GROUP BY domain HAVING count(DISTINCT source_ip) >= ${leastSources} ORDER BY captures DESC, domain LIMIT ${rankRows}`,
    sources: `${scoped}, hosts AS (SELECT source_ip, max(source_asn) AS asn, max(source_as_name) AS name, max(source_economy) AS economy, count(*) AS captures, CAST(sum(recipients) AS BIGINT) AS recipients, count(DISTINCT day) AS days FROM scoped WHERE is_now = 1 GROUP BY source_ip) SELECT asn, name, economy, captures, recipients, days FROM hosts ORDER BY captures DESC, source_ip LIMIT ${rankRows}`,
    crossing: `${scoped} SELECT is_now, count(*) AS known, count(*) FILTER (WHERE NOT contains(target_economies, source_economy)) AS crossing FROM scoped WHERE source_economy IS NOT NULL AND array_join(target_economies, '') <> '' GROUP BY is_now ORDER BY is_now DESC`,
  };
}

function window(policy: Policy): string {
  const { covers, before } = policy;
  const now = `(captured_at >= ${covers.from} AND captured_at < ${covers.to})`;
  return before === undefined ? now : `(${now} OR (captured_at >= ${before.from} AND captured_at < ${before.to}))`;
}

function scopedSql(feed: Feed, policy: Policy): string {
  const concerned = feed.sides.map((side) => sideHolds(policy, side)).join(" OR ");
  return `scoped AS (SELECT *, ${dayOf} AS day, CASE WHEN captured_at >= ${policy.covers.from} THEN 1 ELSE 0 END AS is_now FROM captures WHERE ${window(policy)} AND NOT probe AND (${concerned}))`;
}

/** What clients asked of proxies, with and without a message after it. */
function requestsSql(policy: Policy): string {
  const asked = economyHolds(
    policy,
    (codes) => `(source_economy IN ${literals(codes)} OR coalesce(destination_economy IN ${literals(codes)}, FALSE))`,
  );
  const now = `CASE WHEN captured_at >= ${policy.covers.from} THEN 1 ELSE 0 END AS is_now`;
  const columns = `request_type, coalesce(request_result, '') AS request_result, ${now}`;
  return `asked AS (SELECT ${columns} FROM requests WHERE ${window(policy)} AND ${asked} UNION ALL SELECT ${columns} FROM captures WHERE ${window(policy)} AND request_type IS NOT NULL AND NOT probe AND ${asked})`;
}
