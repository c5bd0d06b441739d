/** Rows of grain `url-day`: host of an advertised URL × UTC day. Hosts and domains that weren't common are folded into one row. */
import { commonTexts } from "./common.ts";
import type { GrainSql, SliceContext } from "./slice.ts";
import { economyHolds, literal, literals, part, separator, sideHolds, unnested } from "./sql.ts";

const keys = ["day", "host", "domain"];

/** Benign is a host that is listed, or below one that is. */
function benignHolds(host: string, listed: readonly string[]): string {
  if (listed.length === 0) return "FALSE";
  const below = listed.map((name) => `${host} LIKE ${literal(`%.${name}`)}`);
  return `(${host} IN ${literals(listed)} OR ${below.join(" OR ")})`;
}

export function urlSlice({ feed, policy, filtered, sides, benignHosts, form }: SliceContext): GrainSql {
  const by = keys.join(", ");
  const held = (["source", "target"] as const).filter((side) => sides.includes(side));
  const flag = (side: "source" | "target") => (held.includes(side) ? sideHolds(policy, side) : "FALSE");
  const urlYours = sides.includes("url")
    ? economyHolds(policy, (codes) => `url_economy IN ${literals(codes)}`)
    : "FALSE";
  const texts = commonTexts(
    form,
    "advertised",
    { url: "url", host: "url_host", domain: "url_domain" },
    feed.commonText,
  );
  const host = texts.shown("host");
  const perCapture = (aggregate: string) => `${aggregate} FILTER (WHERE of_capture = 1)`;
  const flags = ["by_source", "by_target", "by_url", "host_withheld", "domain_withheld"];
  const set = (name: string) => `max(CASE WHEN ${name} THEN 1 ELSE 0 END) AS ${name}`;
  return {
    ctes: [
      `flagged AS (SELECT *, ${flag("source")} AS by_source, ${flag("target")} AS by_target, ${filtered} AS kept FROM scoped)`,
      `links AS (SELECT day, sensor, capture_id, captured_at, source_ip, CAST(recipients AS BIGINT) AS recipients, recipient_distinct, recipient_sample, body_sha256, language, by_source, by_target, kept, ${part("e", 1)} AS url, ${part("e", 2)} AS url_host, ${part("e", 3)} AS url_domain, ${part("e", 4)} AS url_ip, CAST(${part("e", 5)} AS BIGINT) AS url_asn, ${part("e", 6)} AS url_economy, ${part("e", 7)} AS url_basis FROM (${unnested("flagged", "urls")}) u)`,
      `advertised AS (SELECT *, ${urlYours} AS by_url FROM links WHERE by_source OR by_target OR ${urlYours})`,
      ...texts.ctes,
      `named AS (SELECT c.day, coalesce(${host}, '') AS host, coalesce(${texts.shown("domain")}, '') AS domain, ${host} IS NULL AS host_withheld, ${texts.shown("domain")} IS NULL AND c.url_domain IS NOT NULL AS domain_withheld, CASE WHEN ${host} IS NOT NULL THEN ${texts.shown("url")} END AS shown_url, c.url, CASE WHEN ${host} IS NOT NULL THEN c.url_ip END AS ip, CASE WHEN ${host} IS NOT NULL THEN c.url_asn END AS asn, c.url_economy AS economy, c.url_basis AS basis, c.sensor, c.capture_id, c.captured_at, c.source_ip, c.recipients, c.body_sha256, c.language, c.by_source, c.by_target, c.by_url FROM advertised c ${texts.joins} WHERE c.kept)`,
      // One capture may advertise a host several times: it counts once. URLs are counted for themselves: one is shown or not for all of a row.
      `counted AS (SELECT ${by}, url, grouping(url) AS of_capture, max(shown_url) AS shown_url, count(*) AS n, max(captured_at) AS captured_at, max(source_ip) AS source_ip, max(recipients) AS recipients, max(body_sha256) AS body_sha256, max(language) AS language, ${flags.map(set).join(", ")}, max(ip) AS ip, max(asn) AS asn, min(coalesce(economy, '')) AS least_economy, max(coalesce(economy, '')) AS economy, min(coalesce(basis, '')) AS least_basis, max(coalesce(basis, '')) AS basis FROM named GROUP BY GROUPING SETS ((${by}, sensor, capture_id), (${by}, url)))`,
      `days AS (SELECT ${by}, ${perCapture("min(captured_at)")} AS first_seen, ${perCapture("max(captured_at)")} AS last_seen, ${flags.map((name) => `max(${name}) AS ${name}`).join(", ")}, max(ip) AS ip, max(asn) AS asn, min(least_economy) AS least_economy, max(economy) AS economy, min(least_basis) AS least_basis, max(basis) AS basis, ${perCapture("count(*)")} AS captures, CAST(${perCapture("sum(recipients)")} AS BIGINT) AS recipients, ${perCapture("count(DISTINCT source_ip)")} AS sources, ${perCapture("count(DISTINCT body_sha256)")} AS templates, array_join(array_agg(DISTINCT language ORDER BY language) FILTER (WHERE of_capture = 1 AND language IS NOT NULL), ';') AS languages, max(CAST(row(n, shown_url) AS ROW(n BIGINT, url VARCHAR))) FILTER (WHERE of_capture = 0 AND shown_url IS NOT NULL) AS best, count(*) FILTER (WHERE of_capture = 0 AND shown_url IS NULL) AS redacted_urls FROM counted GROUP BY ${by})`,
    ],
    from: "days",
    columns: {
      day: "days.day",
      first_seen: "days.first_seen",
      last_seen: "days.last_seen",
      side: "concat_ws(';', CASE WHEN days.by_source = 1 THEN 'source' END, CASE WHEN days.by_target = 1 THEN 'target' END, CASE WHEN days.by_url = 1 THEN 'url' END)",
      url_host: "nullif(days.host, '')",
      url_domain: "nullif(days.domain, '')",
      url: "replace(replace('^' || days.best.url, '^https://', 'hxxps://'), '^http://', 'hxxp://')",
      url_ip: "days.ip",
      url_asn: "days.asn",
      // A row of several hosts that weren't common states an economy only where it is that of all.
      url_economy: "CASE WHEN days.least_economy = days.economy THEN nullif(days.economy, '') END",
      url_economy_basis: "CASE WHEN days.least_basis = days.basis THEN nullif(days.basis, '') END",
      captures: "days.captures",
      recipients: "days.recipients",
      sources: "days.sources",
      templates: "days.templates",
      languages: "days.languages",
      benign: benignHolds("days.host", benignHosts),
      redacted_urls: "days.redacted_urls",
    },
    withheld: {
      url_host: "days.host_withheld = 1",
      url_domain: "days.domain_withheld = 1",
      url: "days.best IS NULL",
    },
    key: keys.map((name) => `CAST(days.${name} AS VARCHAR)`).join(` || ${separator} || `),
    order: "days.host, days.domain, days.day",
  };
}
