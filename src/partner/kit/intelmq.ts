/**
 * IntelMQ: for each CSV feed a collector and a generic CSV parser, as fragments of `runtime.yaml`. Every column goes to
 * its name in IntelMQ's data format, and below `extra` where that doesn't take the value, so that no row and no cell is
 * lost. Pure.
 *
 * @see IntelMQ 3.5, "Generic CSV" and "Generic URL Fetcher" (bots), "Data Format"
 */
import { stringify } from "yaml";
import type { Subscription } from "../../feed/partners.ts";
import { plain } from "../../log.ts";
import { namesElsewhere } from "./columns.ts";
import { asCsv, csvUrl, type KitFacts, tokenPlace } from "./facts.ts";

/** Where the events go: in IntelMQ's own default configuration, what comes after its deduplicator. */
const nextQueue = "taxonomy-expert-queue";

const deduplicator = "spampots-deduplicator-expert";

/** What tells a row from others, and from itself in a revision that changed it. */
const rowKeys = ["feed.code", "extra.row_id", "extra.captures", "extra.last_seen"];

/** Seconds of each period: a feed is asked for four times in one, so that a revision isn't missed for long. */
const periodSeconds = { hour: 3600, day: 86_400, week: 604_800 } as const;

/** `columns` of the generic CSV parser: a column's names, in the order in which they are tried. */
export function parserColumns({ feed }: Pick<Subscription, "feed">): readonly string[] {
  const names = namesElsewhere(feed, "intelmq");
  return feed.columns.map((column) => {
    const own = `extra.${column}`;
    const there = names.get(column) ?? own;
    return there === own ? own : `${there}|${own}`;
  });
}

/** `intelmq/runtime.yaml`. */
export function intelmqRuntime(facts: KitFacts): string {
  const feeds = asCsv(facts.partner);
  const bots = [...feeds.flatMap((subscription) => botsOf(facts, subscription)), deduplicatorOf(feeds)];
  return `# Bots for IntelMQ 3: a collector and a parser for each feed that you receive as CSV, and one deduplicator, since the newest
# period is asked for several times. Merge them into your runtime.yaml. Put your token in the place of ${tokenPlace}, and
# name in destination_queues of the deduplicator what comes next with you.
${stringify(Object.fromEntries(bots), { lineWidth: 0 })}`;
}

function botsOf(facts: KitFacts, { feed, every }: Subscription): [string, object][] {
  const [collector, parser] = [`spampots-${feed.id}-collector`, `spampots-${feed.id}-parser`];
  const common = { enabled: true, run_mode: "continuous" };
  return [
    [
      collector,
      {
        bot_id: collector,
        name: "URL Fetcher",
        description: `${feed.id}: the newest period, as CSV.`,
        group: "Collector",
        module: "intelmq.bots.collectors.http.collector_http",
        ...common,
        parameters: {
          destination_queues: { _default: [`${parser}-queue`] },
          name: plain(feed.title),
          code: `spampots-${feed.id}`,
          provider: plain(facts.issuer),
          http_url: csvUrl(facts, feed.id),
          http_header: { Authorization: `Bearer ${tokenPlace}` },
          rate_limit: periodSeconds[every] / 4,
        },
      },
    ],
    [
      parser,
      {
        bot_id: parser,
        name: "Generic CSV",
        description: `${feed.id}: each row becomes an event.`,
        group: "Parser",
        module: "intelmq.bots.parsers.generic.parser_csv",
        ...common,
        parameters: {
          destination_queues: { _default: [`${deduplicator}-queue`] },
          columns: parserColumns({ feed }),
          delimiter: ",",
          skip_header: true,
          time_format: "from_format|%Y-%m-%dT%H:%M:%SZ",
          default_fields: { "classification.type": "spam" },
        },
      },
    ],
  ];
}

/** What is known of a row is kept for twice the longest period: IntelMQ's own deduplicator keeps a day. */
function deduplicatorOf(feeds: readonly Subscription[]): [string, object] {
  return [
    deduplicator,
    {
      bot_id: deduplicator,
      name: "Deduplicator",
      description: "A row goes on once, and again where a revision changed it.",
      group: "Expert",
      module: "intelmq.bots.experts.deduplicator.expert",
      enabled: true,
      run_mode: "continuous",
      parameters: {
        destination_queues: { _default: [nextQueue] },
        filter_type: "whitelist",
        filter_keys: rowKeys.join(","),
        redis_cache_ttl: 2 * Math.max(...feeds.map(({ every }) => periodSeconds[every])),
      },
    },
  ];
}
