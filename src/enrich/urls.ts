/**
 * Advertised URLs: host, registrable domain, and the economy by literal address or ccTLD. Nothing is resolved or
 * fetched: a unique host name would report back.
 *
 * @see WHATWG URL Standard §3.5 (host parsing: numeric forms of IPv4 addresses are normalised there)
 */
import { normaliseAddress } from "../capture/address.ts";
import type { AdvertisedUrl } from "../model.ts";
import type { Attribution } from "./attribution.ts";
import { cctldEconomy } from "./domains.ts";
import type { Maps } from "./maps.ts";
import { hostName, registrableDomain } from "./names.ts";

/**
 * What an attacker-written `href` advertises to captures at instant `at`; `undefined` unless it is an http or https URL
 * with a host name or address. User-info, query and fragment are dropped here too, whoever calls.
 */
export function advertisedUrl(href: string, tables: Attribution, maps: Maps, at: number): AdvertisedUrl | undefined {
  const found = writtenUrl(href, maps);
  return found === undefined ? undefined : locatedUrl(found, tables, at);
}

/** The same without what the tables say of an address, and so at any instant. */
export function writtenUrl(href: string, maps: Maps): AdvertisedUrl | undefined {
  const parsed = URL.parse(href);
  if (parsed === null || (parsed.protocol !== "http:" && parsed.protocol !== "https:")) return undefined;
  const host = parsed.hostname.replace(/^\[|\]$/g, "");
  const url = `${parsed.protocol}//${parsed.host}${parsed.pathname}`;
  const ip = normaliseAddress(host);
  return ip === undefined ? ofName(url, host, maps) : { url, host, ip };
}

/** What {@link writtenUrl} found, with what the tables said at `at` of its address, if it has one. */
export function locatedUrl(found: AdvertisedUrl, tables: Attribution, at: number): AdvertisedUrl {
  if (found.ip === undefined) return found;
  const economy = tables.economy(found.ip, at);
  const asn = tables.asn(found.ip, at)?.asn;
  return {
    ...found,
    ...(asn === undefined ? {} : { asn }),
    ...(economy === undefined ? {} : { economy, basis: "address" }),
  };
}

function ofName(url: string, text: string, maps: Maps): AdvertisedUrl | undefined {
  const host = hostName(text);
  if (host === undefined) return undefined;
  const domain = registrableDomain(host);
  // Only a name that can be registered is someone's: "http://tw/" says nothing of Taiwan.
  const economy = domain === undefined ? undefined : cctldEconomy(domain, maps);
  return {
    url,
    host,
    ...(domain === undefined ? {} : { domain }),
    ...(economy === undefined ? {} : { economy, basis: "cctld" }),
  };
}
