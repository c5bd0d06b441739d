/**
 * The world that simulated captures come from, made from a seed alone: source addresses that come and go, campaigns with
 * their texts, hosts and recipients, and the sensors. Every sensor sees the same world, so that the same sources and
 * campaigns show at several of them, as they do in the wild.
 */
import type { Economy } from "../model.ts";
import { type SourceNetwork, sourceNetworks } from "./simulate-networks.ts";
import { around, hashOf, Random, WeightedTable } from "./simulate-random.ts";
import { domainsOfLanguage, languagesFrom, mailDomains } from "./simulate-targets.ts";
import { type Language, type Template, templates } from "./simulate-text.ts";

/** Addresses in use at a time. With the turnover below, a week of the phase's volume shows about 20,000, the phase 217,000. */
const slotCount = 19_000;
/** Days for which a slot keeps its address: 22 to 64, 43 on average. */
const shortestLease = 22;
const leaseSpread = 43;
/** Every hundredth slot of a network that has IPv6. */
const slotsPerIpv6 = 100;
const addressesPerList = 4000;
const campaignsPerTemplate = 6;
const sendersPerCampaign = 24;
/** A campaign runs for three weeks, rests for three. */
const campaignCycleDays = 42;
const campaignRunDays = 21;

/** A slot: one host that sends, with an address of its network that changes from lease to lease. */
export interface Slot {
  readonly index: number;
  readonly network: SourceNetwork;
  readonly leaseDays: number;
  readonly ipv6: boolean;
}

/** Recipients at one domain: addresses as JSON strings joined by commas, so that a run of them is one piece of text. */
export interface RecipientList {
  readonly domain: string;
  readonly economy: Economy;
  /** `"sim.a@x","sim.b@x",`. */
  readonly text: string;
  /** Where each address starts in `text`, and where the last ends. */
  readonly offsets: Int32Array;
  /** Addresses of its mail servers. */
  readonly servers: readonly string[];
}

/** The lists that one language's campaigns write to, with their weights. */
export interface Audience {
  readonly lists: readonly RecipientList[];
  readonly table: WeightedTable;
}

/** A campaign: one text, sent by many sources to many recipients, for some weeks and again. */
export interface Campaign {
  readonly index: number;
  readonly template: Template;
  /** Advertised hosts. */
  readonly hosts: readonly string[];
  /** Envelope senders. */
  readonly senders: readonly string[];
  readonly audience: Audience;
}

/** Everything that a seed decides once. */
export interface World {
  readonly seed: number;
  readonly slots: readonly Slot[];
  readonly slotTable: WeightedTable;
  /** For each economy, campaigns that its sources send, repeated by weight. */
  readonly campaignsFrom: ReadonlyMap<Economy, readonly Campaign[]>;
  readonly campaigns: readonly Campaign[];
}

/** Dotted form of an unsigned 32-bit address. */
export function dotted(address: number): string {
  return `${address >>> 24}.${(address >>> 16) & 255}.${(address >>> 8) & 255}.${address & 255}`;
}

/** A host of a prefix such as `124.8.0.0/14`, /24 or shorter: never one that ends in 0 or 255. */
function hostIn(prefix: string, hash: number): string {
  const [base = "", bits] = prefix.split("/");
  const start = base.split(".").reduce((sum, octet) => sum * 256 + Number(octet), 0);
  const subnets = 2 ** (24 - Number(bits));
  return dotted(start + (Math.floor(hash / 256) % subnets) * 256 + 1 + ((hash & 255) % 254));
}

/** A host under the first two groups of an IPv6 /32, in the form of RFC 5952: no group is 0 but those that `::` stands for. */
function hostIn6(prefix: string, hash: number, more: number): string {
  const group = (value: number): string => (1 + (value & 0x7fff)).toString(16);
  return `${prefix}:${group(hash)}:${group(hash >>> 16)}::${group(more)}`;
}

/** The address of a slot on a day, counted since 1970. */
export function addressOf(world: World, slot: Slot, day: number): string {
  const { network, index } = slot;
  const lease = Math.floor((day + hashOf(world.seed, index, 1)) / slot.leaseDays);
  const hash = hashOf(world.seed, index, lease, 2);
  if (slot.ipv6 && network.prefix6 !== undefined) {
    return hostIn6(network.prefix6, hash, hashOf(world.seed, index, lease, 3));
  }
  return hostIn(around(network.prefixes, hashOf(world.seed, index, lease, 4)), hash);
}

/** A slot's share inside its network falls as 1/rank (Zipf). */
function makeSlots(seed: number): { slots: Slot[]; weights: number[] } {
  const slots: Slot[] = [];
  const weights: number[] = [];
  const even = sourceNetworks.length;
  for (const network of sourceNetworks) {
    // Small networks have more sources for each message than large ones: a fifth of all slots is spread evenly.
    const count = Math.max(1, Math.round(slotCount * (0.8 * (network.percent / 100) + 0.2 / even)));
    let harmonic = 0;
    for (let rank = 1; rank <= count; rank += 1) harmonic += 1 / rank;
    for (let rank = 1; rank <= count; rank += 1) {
      const index = slots.length;
      const ipv6 = network.prefix6 !== undefined && rank % slotsPerIpv6 === 3;
      slots.push({ index, network, leaseDays: shortestLease + (hashOf(seed, index, 5) % leaseSpread), ipv6 });
      weights.push(network.percent / (rank * harmonic));
    }
  }
  return { slots, weights };
}

const syllables = "ba chen da fan gao hui jin ka lin mei na ou pan qi ren su ting wan xin yu za mo ri ta ko".split(" ");

/** A made-up local part: `sim.` and two to three syllables. */
function localPart(random: Random): string {
  let name = "sim.";
  for (let count = 2 + random.below(2); count > 0; count -= 1) name += around(syllables, random.below(25));
  return name;
}

function makeList(seed: number, domain: string, economy: Economy): RecipientList {
  const random = new Random(seed, `list ${domain}`);
  const offsets = new Int32Array(addressesPerList + 1);
  const network = sourceNetworks.find((known) => known.economy === economy);
  let text = "";
  for (let i = 0; i < addressesPerList; i += 1) {
    offsets[i] = text.length;
    text += `"${localPart(random)}${i}@${domain}",`;
  }
  offsets[addressesPerList] = text.length;
  const servers = Array.from({ length: 4 }, () => hostIn(around(network?.prefixes ?? [], 0), random.next()));
  return { domain, economy, text, offsets, servers };
}

function makeAudiences(seed: number): Map<Language, Audience> {
  const lists = new Map(mailDomains.map(({ domain, economy }) => [domain, makeList(seed, domain, economy)]));
  const audiences = new Map<Language, Audience>();
  for (const { language } of templates) {
    const weights = [...domainsOfLanguage[language]].flatMap(([domain, weight]) => {
      const list = lists.get(domain);
      return list === undefined ? [] : [{ list, weight }];
    });
    audiences.set(language, {
      lists: weights.map(({ list }) => list),
      table: new WeightedTable(weights.map(({ weight }) => weight)),
    });
  }
  return audiences;
}

/** A host for a suffix such as `.com.tw`, or an address for a prefix such as `61.59.7.`. */
function advertisedHost(suffix: string, random: Random): string {
  return suffix.endsWith(".") ? `${suffix}${1 + random.below(254)}` : `spampots-sim-${1 + random.below(999)}${suffix}`;
}

function makeCampaigns(seed: number): Campaign[] {
  const audiences = makeAudiences(seed);
  return templates.flatMap((template, at) =>
    Array.from({ length: campaignsPerTemplate }, (_, copy) => {
      const index = at * campaignsPerTemplate + copy;
      const random = new Random(seed, `campaign ${index}`);
      const audience = audiences.get(template.language) ?? { lists: [], table: new WeightedTable([1]) };
      const sender = (): string =>
        `${localPart(random)}@${around(audience.lists, random.below(audience.lists.length)).domain}`;
      return {
        index,
        template,
        hosts: Array.from({ length: 3 }, () =>
          advertisedHost(around(template.hosts, random.below(template.hosts.length)), random),
        ),
        senders: Array.from({ length: sendersPerCampaign }, sender),
        audience,
      };
    }),
  );
}

/** Campaigns for sources of an economy: one entry for each per cent of a language, its campaigns in turn. */
function campaignsOf(economy: Economy, campaigns: readonly Campaign[]): Campaign[] {
  return [...languagesFrom(economy)].flatMap(([language, weight]) => {
    const spoken = campaigns.filter((campaign) => campaign.template.language === language);
    return Array.from({ length: weight }, (_, turn) => around(spoken, turn));
  });
}

/** The world of a seed: about 19,000 slots, 114 campaigns, 44 recipient lists. */
export function makeWorld(seed: number): World {
  const { slots, weights } = makeSlots(seed);
  const campaigns = makeCampaigns(seed);
  const economies = new Set(sourceNetworks.map((network) => network.economy));
  const campaignsFrom = new Map([...economies].map((economy) => [economy, campaignsOf(economy, campaigns)]));
  return { seed, slots, slotTable: new WeightedTable(weights), campaigns, campaignsFrom };
}

/** One of the campaigns that a slot works for on a day: it changes every third day, and there are three at a time. */
export function campaignOf(world: World, slot: Slot, day: number, draw: number): Campaign {
  const choices = world.campaignsFrom.get(slot.network.economy) ?? world.campaigns;
  const start = hashOf(world.seed, slot.index, Math.floor(day / 3), 10 + (draw % 3));
  for (let step = 0; step < campaignsPerTemplate; step += 1) {
    const campaign = around(choices, start + step);
    const phase = hashOf(world.seed, campaign.index, 6) % campaignCycleDays;
    if ((day + phase) % campaignCycleDays < campaignRunDays) return campaign;
  }
  return around(choices, start);
}
