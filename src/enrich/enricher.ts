/**
 * All of `enrich` behind one constructor: what a worker asks while it makes rows of the lake from captures.
 */
import type { AdvertisedUrl, RecipientDomain } from "../model.ts";
import { type Attribution, type SharedTables, tablesFromShared } from "./attribution.ts";
import { economyOfDomain } from "./domains.ts";
import type { Maps } from "./maps.ts";
import { domainText } from "./names.ts";
import { remembered } from "./recent.ts";
import { locatedUrl, writtenUrl } from "./urls.ts";

/** Facts about networks and names. Every text given is attacker-written; instants are ms since 1970 UTC. */
export interface Enricher extends Attribution {
  readonly maps: Maps;
  /**
   * Registrable domain and economy of an envelope recipient or sender; `undefined` for the null sender, an address literal,
   * or what isn't an address.
   */
  recipientDomain(address: string): RecipientDomain | undefined;
  /** The same for the text after an address's last `@`. */
  domain(text: string): RecipientDomain | undefined;
  /** What an http or https URL advertises to captures at `at`; `undefined` for any other. */
  url(href: string, at: number): AdvertisedUrl | undefined;
}

/** Domains whose answers are remembered. Spammers may make each one new, and a text may keep a path of 1 KB in memory. */
const rememberedDomains = 16_384;

/** URLs whose readings are remembered, and characters of the longest: bodies repeat, and their URLs with them. */
const rememberedUrls = 8192;
const longestUrl = 255;

/** An enricher over shared tables and a clone of the maps. One for each thread. */
export function createEnricher(shared: SharedTables, maps: Maps): Enricher {
  const tables = tablesFromShared(shared);
  const domainIn = remembered(rememberedDomains, (text) => economyOfDomain(text, maps));
  const recipientDomain = (address: string) => {
    const text = domainText(address);
    return text === undefined ? undefined : domainIn(text);
  };
  const urlIn = remembered(rememberedUrls, (href) => writtenUrl(href, maps));
  const url = (href: string, at: number) => {
    const found = href.length > longestUrl ? writtenUrl(href, maps) : urlIn(href);
    return found === undefined ? undefined : locatedUrl(found, tables, at);
  };
  return {
    ...tables,
    maps,
    recipientDomain,
    domain: domainIn,
    url,
  };
}
