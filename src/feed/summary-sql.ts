/**
 * The questions a summary asks: a period and the one before, of the captures that concern the partner. Each answer is a
 * few rows. `now` and `then` count this period and the one before. Pure.
 */
import type { Feed } from "./feeds.ts";
import type { Policy } from "./policy.ts";
import { dayOf, economyHolds, literals, part, sideHolds, unnested } from "./sql.ts";

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

/** Cells of an answer's row: two texts, then up to seven numbers. */
export const answerCells = ["t1", "t2", "n1", "n2", "n3", "n4", "n5", "n6", "n7"] as const;

/** A question: expressions for the cells (those left out are NULL), what they come from, and the order of the rows. */
interface Question {
  readonly cells: Partial<Record<(typeof answerCells)[number], string>>;
  readonly from: string;
  /** Over the cells. */
  readonly order: string;
  readonly limit?: number;
}

/**
 * One SQL text for all questions, to follow the engine's `captures` and `requests`, so that the captures are read once.
 * Rows are `question, place` and {@link answerCells}, in the order of both.
 */
export function summarySql(feed: Feed, policy: Policy): string {
  const questions = summaryQuestions(policy);
  const selects = Object.entries(questions).map(([name, { cells, from, order, limit }]) => {
    const list = answerCells.map(
      (cell) => `${cells[cell] ?? `CAST(NULL AS ${cell.startsWith("t") ? "VARCHAR" : "BIGINT"})`} AS ${cell}`,
    );
    const placed = `SELECT '${name}' AS question, row_number() OVER (ORDER BY ${order}) AS place, ${answerCells.join(", ")} FROM (SELECT ${list.join(", ")} FROM ${from}) q`;
    return limit === undefined ? placed : `SELECT * FROM (${placed}) p WHERE place <= ${limit}`;
  });
  return `${[...scopedCtes(feed, policy)].join(",\n")}\n${selects.join("\nUNION ALL ")}\nORDER BY question, place`;
}

function summaryQuestions(policy: Policy): Readonly<Record<SummaryQuestion, Question>> {
  const yours = economyHolds(policy, (codes) => `domain_economy IN ${literals(codes)}`);
  const now = "CAST(sum(is_now) AS BIGINT)";
  const before = "CAST(sum(1 - is_now) AS BIGINT)";
  const recipients = "CAST(sum(recipients) AS BIGINT)";
  const largest = (names: string) => `n1 DESC, n2 DESC, ${names}`;
  const text = (column: string) => `coalesce(max(${column}), '')`;
  return {
    totals: {
      cells: {
        n1: "is_now",
        n2: "count(*)",
        n3: recipients,
        n4: "count(DISTINCT source_ip)",
        n5: "count(DISTINCT source_asn)",
        n6: "count(DISTINCT source_economy)",
      },
      from: "scoped GROUP BY is_now",
      order: "n1 DESC",
    },
    connections: {
      cells: { n1: "is_now", n2: "count(*)" },
      from: "(SELECT DISTINCT is_now, sensor, session FROM scoped) c GROUP BY is_now",
      order: "n1 DESC",
    },
    days: {
      cells: {
        n1: "day",
        n2: "count(*)",
        n3: recipients,
        n4: "count(DISTINCT source_ip)",
      },
      from: "scoped WHERE is_now = 1 GROUP BY day",
      order: "n1",
    },
    economies: {
      cells: { t1: "coalesce(source_economy, 'ZZ')", n1: now, n2: before },
      from: "scoped GROUP BY coalesce(source_economy, 'ZZ')",
      order: largest("t1"),
      limit: rankRows,
    },
    systems: {
      cells: {
        t1: text("name"),
        t2: text("economy"),
        n1: "CAST(sum(now) AS BIGINT)",
        n2: "CAST(sum(before) AS BIGINT)",
        n3: "source_asn",
        n4: "count(*) FILTER (WHERE now > 0)",
        n5: "count(*) FILTER (WHERE now > 0 AND before = 0)",
        n6: "count(*) FILTER (WHERE now = 0)",
        n7: "count(*) FILTER (WHERE now > 0 AND before > 0)",
      },
      from: "hosts WHERE source_asn >= 0 GROUP BY source_asn",
      order: largest("n3"),
      limit: rankRows,
    },
    services: {
      cells: { t1: "service", n1: now, n2: before, n3: "CAST(abused_port AS BIGINT)" },
      from: "scoped GROUP BY service, abused_port",
      order: largest("t1, n3"),
      limit: rankRows,
    },
    requests: {
      cells: { t1: "request_type", t2: "request_result", n1: now, n2: before },
      from: "asked GROUP BY request_type, request_result",
      order: largest("t1, t2"),
    },
    languages: {
      cells: { t1: "coalesce(language, '')", n1: now, n2: before },
      from: "scoped GROUP BY coalesce(language, '')",
      order: largest("t1"),
      limit: rankRows,
    },
    domains: {
      cells: { t1: "domain", n1: "count(*)", n2: recipients, n3: "count(DISTINCT source_ip)" },
      from: `targets WHERE ${yours} GROUP BY domain HAVING count(DISTINCT source_ip) >= ${leastSources}`,
      order: "n1 DESC, t1",
      limit: rankRows,
    },
    sources: {
      cells: { t1: "name", t2: "economy", n1: "now", n2: "recipients_now", n3: "nullif(source_asn, -1)", n4: "days" },
      from: "ranked_hosts",
      order: "n1 DESC, n2 DESC, n3, n4",
      limit: rankRows,
    },
    crossing: {
      cells: {
        n1: "is_now",
        n2: "count(*)",
        n3: "count(*) FILTER (WHERE NOT contains(target_economies, source_economy))",
      },
      from: "scoped WHERE source_economy IS NOT NULL AND array_join(target_economies, '') <> '' GROUP BY is_now",
      order: "n1 DESC",
    },
  };
}

function scopedCtes(feed: Feed, policy: Policy): string[] {
  return [
    scopedSql(feed, policy),
    requestsSql(policy),
    "hosts AS (SELECT coalesce(source_asn, -1) AS source_asn, source_ip, max(source_as_name) AS name, max(source_economy) AS economy, CAST(sum(is_now) AS BIGINT) AS now, CAST(sum(1 - is_now) AS BIGINT) AS before, CAST(sum(is_now * recipients) AS BIGINT) AS recipients_now, count(DISTINCT CASE WHEN is_now = 1 THEN day END) AS days FROM scoped GROUP BY coalesce(source_asn, -1), source_ip)",
    "ranked_hosts AS (SELECT coalesce(name, '') AS name, coalesce(economy, '') AS economy, now, recipients_now, source_asn, days FROM hosts WHERE now > 0)",
    `targets AS (SELECT captured_at, source_ip, ${part("e", 1)} AS domain, ${part("e", 2)} AS domain_economy, CAST(${part("e", 4)} AS BIGINT) AS recipients FROM (${unnested("scoped", "recipient_domains")}) d WHERE is_now = 1)`,
  ];
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

/** What clients asked of proxies, with and without a message after it. A request without one has completed its handshake. */
function requestsSql(policy: Policy): string {
  const asked = (completed: string) =>
    economyHolds(
      policy,
      (codes) =>
        `((${completed} AND coalesce(source_economy IN ${literals(codes)}, FALSE)) OR coalesce(destination_economy IN ${literals(codes)}, FALSE))`,
    );
  const now = `CASE WHEN captured_at >= ${policy.covers.from} THEN 1 ELSE 0 END AS is_now`;
  const columns = `request_type, coalesce(request_result, '') AS request_result, ${now}`;
  return `asked AS (SELECT ${columns} FROM requests WHERE ${window(policy)} AND ${asked("TRUE")} UNION ALL SELECT ${columns} FROM captures WHERE ${window(policy)} AND request_type IS NOT NULL AND NOT probe AND ${asked("handshake")})`;
}
