/**
 * Recipient and sender domains: what may leave of an envelope address, with its economy by the operator's map or by
 * ccTLD.
 *
 * Flow: an envelope path (attacker-written) -> `names` -> here -> the lake's `recipient_domains`.
 */
import type { DomainBasis, Economy, RecipientDomain } from "../model.ts";
import { economyOfTld } from "./economies.ts";
import type { Maps } from "./maps.ts";
import { hostName, registrableDomain } from "./names.ts";

/** The economy a registrable domain (or, for a URL, a host name) tells by its ccTLD; `undefined` where the TLD is used generically. */
export function cctldEconomy(name: string, maps: Maps): Economy | undefined {
  const tld = name.slice(name.lastIndexOf(".") + 1);
  return maps.genericCctlds.has(tld) ? undefined : economyOfTld(tld);
}

/** The registrable domain in `text`, with its economy: the operator's map first, since it is there to overrule. */
export function economyOfDomain(text: string, maps: Maps): RecipientDomain | undefined {
  const name = hostName(text);
  const domain = name === undefined ? undefined : registrableDomain(name);
  if (domain === undefined) return undefined;
  const known = (economy: Economy | undefined, basis: DomainBasis): RecipientDomain | undefined =>
    economy === undefined ? undefined : { domain, economy, basis };
  return known(maps.domains.get(domain), "domain-map") ?? known(cctldEconomy(domain, maps), "cctld") ?? { domain };
}
