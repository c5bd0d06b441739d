/**
 * The questions a summary asks: a period and the one before, of the captures that concern the partner. Each answer is a
 * few rows. `now` and `then` count this period and the one before. Pure.
 */
import type { Feed } from "./feeds.ts";
import type { Policy } from "./policy.ts";
import { dayOf, economyHolds, literal, literals, part, sideHolds, unnested } from "./sql.ts";

/** Rows of a rank. */
const rankRows = 20;
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
  | "sources";

/** Cells of an answer's row: two texts, then up to eight numbers. */
export const answerCells = ["t1", "t2", "n1", "n2", "n3", "n4", "n5", "n6", "n7", "n8"] as const;

type Cells = Readonly<Partial<Record<(typeof answerCells)[number], string>>>;

/**
 * One pass over a relation: an answer, or several that group it each by columns of its own. An engine may read the lake
 * anew for each pass.
 */
interface Pass {
  /** The question: a name, or an expression that gives one. */
  readonly question: SummaryQuestion | { readonly sql: string };
  /** Expressions for the cells; those left out are NULL. */
  readonly cells: Cells;
  readonly from: string;
  /** Over the cells, within a question. */
  readonly order: string;
  /** Rows of each question. */
  readonly limit?: number;
}

/**
 * One SQL text for all questions, to follow the engine's `captures` and `requests`. Rows are `question, place` and
 * {@link answerCells}, in the order of both.
 */
export function summarySql(feed: Feed, policy: Policy): string {
  const selects = summaryPasses(policy).map(({ question, cells, from, order, limit }) => {
    const list = answerCells.map(
      (cell) => `${cells[cell] ?? `CAST(NULL AS ${cell.startsWith("t") ? "VARCHAR" : "BIGINT"})`} AS ${cell}`,
    );
    const name = typeof question === "string" ? literal(question) : question.sql;
    const placed = `SELECT question, row_number() OVER (PARTITION BY question ORDER BY ${order}) AS place, ${answerCells.join(", ")} FROM (SELECT ${name} AS question, ${list.join(", ")} FROM ${from}) q`;
    return limit === undefined ? placed : `SELECT * FROM (${placed}) p WHERE place <= ${limit}`;
  });
  return `${[...scopedCtes(feed, policy)].join(",\n")}\n${selects.join("\nUNION ALL ")}\nORDER BY question, place`;
}

const now = "CAST(sum(is_now) AS BIGINT)";
const before = "CAST(sum(1 - is_now) AS BIGINT)";
const recipients = "CAST(sum(recipients) AS BIGINT)";

function summaryPasses(policy: Policy): readonly Pass[] {
  const yours = economyHolds(policy, (codes) => `domain_economy IN ${literals(codes)}`);
  const largest = (names: string) => `n1 DESC, n2 DESC, ${names}`;
  return [
    wholeAndDays,
    {
      question: "connections",
      cells: { n1: "is_now", n2: "count(*)" },
      from: "(SELECT DISTINCT is_now, sensor, session FROM scoped) c GROUP BY is_now",
      order: "n1 DESC",
    },
    {
      question: {
        sql: "CASE WHEN grouping(service) = 0 THEN 'services' WHEN grouping(language) = 0 THEN 'languages' ELSE 'economies' END",
      },
      cells: { t1: "coalesce(service, language, economy)", n1: now, n2: before, n3: "CAST(abused_port AS BIGINT)" },
      from: "(SELECT is_now, service, abused_port, coalesce(language, '') AS language, coalesce(source_economy, 'ZZ') AS economy FROM scoped) c GROUP BY GROUPING SETS ((service, abused_port), (language), (economy))",
      order: largest("t1, n3"),
      limit: rankRows,
    },
    systemsAndSources,
    {
      question: "requests",
      cells: { t1: "request_type", t2: "request_result", n1: now, n2: before },
      from: "asked GROUP BY request_type, request_result",
      order: largest("t1, t2"),
    },
    {
      question: "domains",
      cells: { t1: "domain", n1: "count(*)", n2: recipients, n3: "count(DISTINCT source_ip)" },
      from: `targets WHERE ${yours} GROUP BY domain HAVING count(DISTINCT source_ip) >= ${leastSources}`,
      order: "n1 DESC, t1",
      limit: rankRows,
    },
  ];
}

/** Both periods, and the days of this one. `n7` and `n8`: captures whose economies are known, and those that crossed. */
const wholeAndDays: Pass = {
  question: { sql: "CASE WHEN grouping(day) = 1 THEN 'totals' ELSE 'days' END" },
  cells: {
    n1: "CASE WHEN grouping(day) = 1 THEN CAST(is_now AS BIGINT) ELSE day END",
    n2: "count(*)",
    n3: recipients,
    n4: "count(DISTINCT source_ip)",
    n5: "count(DISTINCT source_asn)",
    n6: "count(DISTINCT source_economy)",
    n7: "count(*) FILTER (WHERE source_economy IS NOT NULL AND array_join(target_economies, '') <> '')",
    n8: "count(*) FILTER (WHERE source_economy IS NOT NULL AND array_join(target_economies, '') <> '' AND NOT contains(target_economies, source_economy))",
  },
  from: "scoped GROUP BY GROUPING SETS ((is_now), (is_now, day)) HAVING grouping(day) = 1 OR is_now = 1",
  order: "n1",
};

/** Networks by their hosts, and hosts themselves. */
const systemsAndSources: Pass = {
  question: { sql: "CASE WHEN grouping(source_ip) = 1 THEN 'systems' ELSE 'sources' END" },
  cells: {
    t1: "coalesce(max(name), '')",
    t2: "coalesce(max(economy), '')",
    n1: "CAST(sum(now) AS BIGINT)",
    n2: "CAST(CASE WHEN grouping(source_ip) = 1 THEN sum(before) ELSE sum(recipients_now) END AS BIGINT)",
    n3: "nullif(source_asn, -1)",
    n4: "CASE WHEN grouping(source_ip) = 1 THEN count(*) FILTER (WHERE now > 0) ELSE max(days) END",
    n5: "count(*) FILTER (WHERE now > 0 AND before = 0)",
    n6: "count(*) FILTER (WHERE now = 0)",
    n7: "count(*) FILTER (WHERE now > 0 AND before > 0)",
  },
  from: "hosts GROUP BY GROUPING SETS ((source_asn), (source_asn, source_ip)) HAVING CASE WHEN grouping(source_ip) = 1 THEN source_asn >= 0 ELSE sum(now) > 0 END",
  order: "n1 DESC, n2 DESC, n3, n4, t2, t1",
  limit: rankRows,
};

function scopedCtes(feed: Feed, policy: Policy): string[] {
  return [
    scopedSql(feed, policy),
    requestsSql(policy),
    "hosts AS (SELECT coalesce(source_asn, -1) AS source_asn, source_ip, max(source_as_name) AS name, max(source_economy) AS economy, CAST(sum(is_now) AS BIGINT) AS now, CAST(sum(1 - is_now) AS BIGINT) AS before, CAST(sum(is_now * recipients) AS BIGINT) AS recipients_now, count(DISTINCT CASE WHEN is_now = 1 THEN day END) AS days FROM scoped GROUP BY coalesce(source_asn, -1), source_ip)",
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
