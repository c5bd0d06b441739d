/**
 * MISP: definitions of CSV feeds, as "Import feeds from JSON" and PyMISP's `MISPFeed` read them. Pure.
 *
 * @see MISP, "Feeds" (user guide); `app/files/feed-metadata/defaults.json` of MISP, which has the same form
 */
import type { Subscription } from "../../feed/partners.ts";
import type { Grain } from "../../fields.ts";
import { plain } from "../../log.ts";
import { tlpRank } from "../../model.ts";
import { asCsv, csvUrl, type KitFacts, tokenPlace } from "./facts.ts";

/**
 * Columns whose cells become attributes, and whether those may alert. Targets are victims: none of them is an
 * indicator. Being advertised proves nothing about a host: those attributes never alert.
 */
const attributes: Readonly<Partial<Record<Grain, { readonly columns: readonly string[]; readonly alert: boolean }>>> = {
  "source-day": { columns: ["source_ip"], alert: true },
  capture: { columns: ["source_ip"], alert: true },
  "url-day": { columns: ["url_host", "url"], alert: false },
};

/** `misp/feeds.json`; undefined where no feed of the partner's has anything for MISP. */
export function mispFeeds(facts: KitFacts): string | undefined {
  const feeds = asCsv(facts.partner).flatMap((subscription) => feedOf(facts, subscription) ?? []);
  return feeds.length === 0 ? undefined : `${JSON.stringify(feeds, undefined, 2)}\n`;
}

function feedOf(facts: KitFacts, { feed, tlp }: Subscription): object | undefined {
  const { columns = [], alert } = attributes[feed.grain] ?? {};
  // Counted from 1.
  const places = columns.map((name) => feed.columns.indexOf(name) + 1).filter((place) => place > 0);
  if (places.length === 0) return undefined;
  const settings = { csv: { value: places.join(","), delimiter: "," }, common: { excluderegex: "" } };
  return {
    Feed: {
      name: plain(`${facts.issuer}: ${feed.title}`),
      provider: plain(facts.issuer),
      url: csvUrl(facts, feed.id),
      headers: `Authorization: Bearer ${tokenPlace}`,
      rules: "",
      enabled: true,
      caching_enabled: true,
      // 0: your organisation only. GREEN may go to the community of this server (1).
      distribution: tlpRank(tlp) <= tlpRank("GREEN") ? "1" : "0",
      sharing_group_id: "0",
      source_format: "csv",
      input_source: "network",
      // One event that is brought up to date: who is clean again falls out.
      fixed_event: true,
      delta_merge: true,
      publish: false,
      override_ids: !alert,
      settings: JSON.stringify(settings),
      delete_local_file: false,
      lookup_visible: true,
      default: false,
    },
    Tag: {
      name: `tlp:${tlp.toLowerCase()}`,
      colour: tlp === "GREEN" ? "#33ff00" : "#ffc000",
      exportable: true,
      hide_tag: false,
    },
  };
}
