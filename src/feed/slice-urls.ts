/** Rows of grain `url-day`: host of an advertised URL × UTC day. Hosts and domains that weren't common are folded into one row. */
import type { GrainSql, SliceContext } from "./slice.ts";
import {
  commonValues,
  economyHolds,
  literal,
  literals,
  part,
  sameKeys,
  separator,
  sideHolds,
  unnested,
} from "./sql.ts";

const keys = ["day", "host", "domain"];

/** Benign is a host that is listed, or below one that is. */
function benignHolds(host: string, listed: readonly string[]): string {
  if (listed.length === 0) return "FALSE";
  const below = listed.map((name) => `${host} LIKE ${literal(`%.${name}`)}`);
  return `(${host} IN ${literals(listed)} OR ${below.join(" OR ")})`;
}

export function urlSlice({ feed, policy, filtered, sides, benignHosts }: SliceContext): GrainSql {
  const by = keys.join(", ");
  const held = (["source", "target"] as const).filter((side) => sides.includes(side));
  const flag = (side: "source" | "target") => (held.includes(side) ? sideHolds(policy, side) : "FALSE");
  const urlYours = sides.includes("url")
    ? economyHolds(policy, (codes) => `url_economy IN ${literals(codes)}`)
    : "FALSE";
  const seen = (column: string) =>
    `SELECT ${column} AS v, sensor, recipient_distinct, recipient_sample FROM advertised`;
  const common = feed.commonText;
  return {
    ctes: [
      `flagged AS (SELECT *, ${flag("source")} AS by_source, ${flag("target")} AS by_target, ${filtered} AS kept FROM scoped)`,
      `links AS (SELECT day, sensor, capture_id, captured_at, source_ip, CAST(recipients AS BIGINT) AS recipients, recipient_distinct, recipient_sample, body_sha256, language, by_source, by_target, kept, ${part("e", 1)} AS url, ${part("e", 2)} AS url_host, ${part("e", 3)} AS url_domain, ${part("e", 4)} AS url_ip, CAST(${part("e", 5)} AS BIGINT) AS url_asn, ${part("e", 6)} AS url_economy, ${part("e", 7)} AS url_basis FROM (${unnested("flagged", "urls")}) u)`,
      `advertised AS (SELECT *, ${urlYours} AS by_url FROM links WHERE by_source OR by_target OR ${urlYours})`,
      ...commonValues("url", seen("url"), common),
      ...commonValues("host", seen("url_host"), common),
      ...commonValues("domain", seen("url_domain"), common),
      `named AS (SELECT a.day, coalesce(h.v, '') AS host, coalesce(d.v, '') AS domain, h.v IS NULL AS host_withheld, d.v IS NULL AND a.url_domain IS NOT NULL AS domain_withheld, u.v AS shown_url, a.url, CASE WHEN h.v IS NOT NULL THEN a.url_ip END AS ip, CASE WHEN h.v IS NOT NULL THEN a.url_asn END AS asn, a.url_economy AS economy, a.url_basis AS basis, a.sensor, a.capture_id, a.captured_at, a.source_ip, a.recipients, a.body_sha256, a.language, a.by_source, a.by_target, a.by_url FROM advertised a LEFT JOIN common_host h ON a.url_host = h.v LEFT JOIN common_domain d ON a.url_domain = d.v LEFT JOIN common_url u ON a.url = u.v AND h.v IS NOT NULL WHERE a.kept)`,
      // One capture may advertise a host several times: it counts once.
      `once AS (SELECT ${by}, sensor, capture_id, max(captured_at) AS captured_at, max(source_ip) AS source_ip, max(recipients) AS recipients, max(body_sha256) AS body_sha256, max(language) AS language, max(CASE WHEN by_source THEN 1 ELSE 0 END) AS by_source, max(CASE WHEN by_target THEN 1 ELSE 0 END) AS by_target, max(CASE WHEN by_url THEN 1 ELSE 0 END) AS by_url, max(CASE WHEN host_withheld THEN 1 ELSE 0 END) AS host_withheld, max(CASE WHEN domain_withheld THEN 1 ELSE 0 END) AS domain_withheld, max(ip) AS ip, max(asn) AS asn, min(coalesce(economy, '')) AS least_economy, max(coalesce(economy, '')) AS economy, min(coalesce(basis, '')) AS least_basis, max(coalesce(basis, '')) AS basis FROM named GROUP BY ${by}, sensor, capture_id)`,
      `days AS (SELECT ${by}, min(captured_at) AS first_seen, max(captured_at) AS last_seen, max(by_source) AS by_source, max(by_target) AS by_target, max(by_url) AS by_url, max(host_withheld) AS host_withheld, max(domain_withheld) AS domain_withheld, max(ip) AS ip, max(asn) AS asn, min(least_economy) AS least_economy, max(economy) AS economy, min(least_basis) AS least_basis, max(basis) AS basis, count(*) AS captures, CAST(sum(recipients) AS BIGINT) AS recipients, count(DISTINCT source_ip) AS sources, count(DISTINCT body_sha256) AS templates FROM once GROUP BY ${by})`,
      `tongues AS (SELECT ${by}, array_join(array_agg(language ORDER BY language), ';') AS languages FROM (SELECT DISTINCT ${by}, language FROM once WHERE language IS NOT NULL) l GROUP BY ${by})`,
      `shown AS (SELECT ${by}, max(CAST(row(n, shown_url) AS ROW(n BIGINT, url VARCHAR))) AS best FROM (SELECT ${by}, shown_url, count(*) AS n FROM named WHERE shown_url IS NOT NULL GROUP BY ${by}, shown_url) s GROUP BY ${by})`,
      `hidden AS (SELECT ${by}, count(DISTINCT url) AS redacted_urls FROM named WHERE shown_url IS NULL GROUP BY ${by})`,
    ],
    from: ["tongues", "shown", "hidden"].reduce(
      (from, name) => `${from} LEFT JOIN ${name} ON ${sameKeys("days", name, keys)}`,
      "days",
    ),
    columns: {
      day: "days.day",
      first_seen: "days.first_seen",
      last_seen: "days.last_seen",
      side: "concat_ws(';', CASE WHEN days.by_source = 1 THEN 'source' END, CASE WHEN days.by_target = 1 THEN 'target' END, CASE WHEN days.by_url = 1 THEN 'url' END)",
      url_host: "nullif(days.host, '')",
      url_domain: "nullif(days.domain, '')",
      url: "replace(replace('^' || shown.best.url, '^https://', 'hxxps://'), '^http://', 'hxxp://')",
      url_ip: "days.ip",
      url_asn: "days.asn",
      // A row of several hosts that weren't common states an economy only where it is that of all.
      url_economy: "CASE WHEN days.least_economy = days.economy THEN nullif(days.economy, '') END",
      url_economy_basis: "CASE WHEN days.least_basis = days.basis THEN nullif(days.basis, '') END",
      captures: "days.captures",
      recipients: "days.recipients",
      sources: "days.sources",
      templates: "days.templates",
      languages: "tongues.languages",
      benign: benignHolds("days.host", benignHosts),
      redacted_urls: "coalesce(hidden.redacted_urls, 0)",
    },
    withheld: {
      url_host: "days.host_withheld = 1",
      url_domain: "days.domain_withheld = 1",
      url: "shown.best IS NULL",
    },
    key: keys.map((name) => `CAST(days.${name} AS VARCHAR)`).join(` || ${separator} || `),
    order: "days.host, days.domain, days.day",
  };
}
