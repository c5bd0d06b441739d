/** Facts of kits for tests: a partner out of a `partners.yaml` with others beside it, a real key set, the scripts of the guide. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Feed } from "../../../src/feed/feeds.ts";
import { parsePartners } from "../../../src/feed/partners.ts";
import type { KitFacts } from "../../../src/partner/kit/facts.ts";
import { publicKeyOf } from "../../../src/publication/jwk.ts";
import { projectRoot, testKey } from "../../pipeline.ts";

const script = (name: string) => readFileSync(join(projectRoot, "docs/examples", `${name}.sh`), "utf8");

/** The issuer's key. */
export const { d: secretPart, ...publicPart } = testKey;

/** One entry of `partners.yaml`. */
export function entry(id: string, more: object = {}): Record<string, unknown> {
  return {
    id,
    name: `Organisation ${id}`,
    economies: ["TW"],
    mou: {
      ...{ reference: `R-${id}`, signed: "2024-03-01", expires: "2027-02-28", purposes: ["incident response"] },
      ...{ onward: "constituents", retention_days: 365 },
    },
    tlp_ceiling: "AMBER+STRICT",
    contacts: [{ name: `Contact of ${id}`, email: `feeds@${id}.example` }],
    subscriptions: ["spam-sources", "spam-targets", "spam-urls", "spam-events"].map((feed) => ({
      ...{ feed, every: "week", formats: ["csv", "stix"] },
    })),
    ...more,
  };
}

/** Facts for `id`, as the command takes them from a file with these entries. */
export function factsFor(
  id: string,
  entries: readonly Record<string, unknown>[],
  feeds: ReadonlyMap<string, Feed>,
  more: Partial<KitFacts> = {},
): KitFacts {
  const read = parsePartners("partners.yaml", `${JSON.stringify({ partners: entries })}\n...\n`, feeds);
  const partner = read.value?.find((one) => one.id === id);
  if (partner === undefined) throw new Error(`There is no ${id}: ${JSON.stringify(read.problems)}`);
  const key = publicKeyOf(publicPart);
  return {
    partner,
    issuer: "CERT.br",
    url: "https://feeds.example",
    live: key.kid,
    keys: [key],
    collectionOf: (feed) => `collection-of-${id}-${feed}`,
    scripts: { newKey: script("new-key"), pullFeed: script("pull-feed"), fetchFeed: script("fetch-feed") },
    contacts: [],
    ...more,
  };
}
