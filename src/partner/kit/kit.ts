/**
 * A kit for one partner: its URLs and feeds, the issuer's public keys, configurations that work once a token or key is in
 * its place, what each column means, whom to call. Made from that partner's entry alone: what others there are can't show,
 * and nothing secret is at hand. Pure: the same facts give the same bytes.
 */
import { rowSchema } from "../../http/row-schema.ts";
import { jwks } from "../../publication/jwk.ts";
import { manifestJsonSchema } from "../../publication/manifest.ts";
import { columnsMarkdown, searchNotes } from "./columns.ts";
import { asCsv, asStix, type Kit, type KitFacts } from "./facts.ts";
import { intelmqRuntime } from "./intelmq.ts";
import { mispFeeds } from "./misp.ts";
import { readme } from "./readme.ts";
import { fetchAllScript, prefixPolicy, syncScript } from "./s3.ts";
import { crontab, fetchScript, isEd25519, pullScript } from "./shell.ts";
import { openctiEnvironment, taxiiScript } from "./taxii.ts";

const json = (value: unknown) => `${JSON.stringify(value, undefined, 2)}\n`;

/** The files of a partner's kit, by path, README.md first. */
export function kitOf(facts: KitFacts): Kit {
  const files = new Map<string, string>([
    ["issuer-keys.json", jwks(facts.keys)],
    ...columnFiles(facts),
    ...clientFiles(facts),
    ...csvFiles(facts),
    ...stixFiles(facts),
    ...bucketFiles(facts),
  ]);
  return new Map([["README.md", readme(facts, files)], ...files]);
}

type Files = readonly (readonly [string, string])[];

function columnFiles({ partner }: KitFacts): Files {
  const withRows = partner.subscriptions.filter(({ feed }) => feed.columns.length > 0);
  return [
    ...withRows.map((item) => [`columns/${item.feed.id}.md`, columnsMarkdown(item, partner.masks)] as const),
    ...withRows.map(({ feed }) => [`schemas/${feed.id}.json`, json(rowSchema(feed))] as const),
    ["schemas/manifest.json", json(manifestJsonSchema())],
    ...(withRows.length > 0 ? [["splunk-and-elastic.md", searchNotes(withRows)] as const] : []),
  ];
}

function clientFiles(facts: KitFacts): Files {
  if (facts.partner.subscriptions.length === 0) return [];
  const curl: Files = [
    ["curl/new-key.sh", facts.scripts.newKey],
    ["curl/pull-feed.sh", facts.scripts.pullFeed],
    ["curl/pull.sh", pullScript(facts)],
  ];
  return [["fetch/fetch.sh", fetchScript(facts)], ["fetch/crontab", crontab(facts)], ...(isEd25519(facts) ? curl : [])];
}

function csvFiles(facts: KitFacts): Files {
  if (asCsv(facts.partner).length === 0) return [];
  const misp = mispFeeds(facts);
  return [
    ["intelmq/runtime.yaml", intelmqRuntime(facts)],
    ...(misp === undefined ? [] : [["misp/feeds.json", misp] as const]),
  ];
}

function stixFiles(facts: KitFacts): Files {
  if (asStix(facts.partner).length === 0) return [];
  return [
    ["opencti/connector.env", openctiEnvironment(facts)],
    ["taxii/read.py", taxiiScript(facts)],
  ];
}

function bucketFiles(facts: KitFacts): Files {
  const { bucket, partner, principal, scripts } = facts;
  if (bucket === undefined) return [];
  return [
    ["s3/policy.json", json(prefixPolicy("Allow", bucket, partner.id, principal))],
    ["s3/take-away.json", json(prefixPolicy("Deny", bucket, partner.id, principal))],
    ["s3/sync.sh", syncScript(facts, bucket)],
    ["s3/fetch-feed.sh", scripts.fetchFeed],
    ["s3/fetch.sh", fetchAllScript(facts, bucket)],
  ];
}
