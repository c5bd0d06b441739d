/**
 * Partners: `partners.yaml`, who may receive what under which MoU, parsed and checked against the feeds. Holds public
 * keys only.
 *
 * @see RFC 7517 (JWK), RFC 8037 (Ed25519 keys)
 */
import { z } from "zod";
import { type Checked, checkDocument } from "../document.ts";
import type { Problem } from "../errors.ts";
import { fields } from "../fields.ts";
import { cadences, dayMs, formats, tlpLabels, tlpRank } from "../model.ts";
import { type Destination, deliverySchema, destinationsOf } from "./destinations.ts";
import { type Feed, identifier, reservedIds } from "./feeds.ts";

const date = z.iso.date("Write a date as YYYY-MM-DD.");
const economyCode = z
  .string()
  .regex(/^[A-Z]{2}$/, "Write an ISO 3166-1 alpha-2 code, such as TW.")
  .refine(
    (code) => !["EU", "AP", "ZZ", "UK"].includes(code),
    "This is no economy; write the ISO 3166-1 alpha-2 code (GB for the United Kingdom).",
  );

const economies = z.union(
  [
    z.literal("all"),
    z
      .array(z.union([economyCode, z.strictObject({ code: economyCode, since: date })]))
      .nonempty("Name at least one economy."),
  ],
  { error: "Write `all`, or a list of ISO 3166-1 alpha-2 codes such as [TW]." },
);

/** Members of a JWK that are secret (RFC 7518 §6, RFC 8037 §2). */
const privateMembers = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

const publicKey = z
  .looseObject({
    kty: z.enum(["OKP", "EC"]),
    crv: z.enum(["Ed25519", "P-256"]),
    x: z.string(),
    y: z.string().optional(),
    kid: z.string().optional(),
  })
  .refine(
    (key) => !privateMembers.some((member) => member in key),
    "This is a private key. Remove it here and replace the key pair: it must be treated as known to others.",
  );

const subscription = z.strictObject({
  feed: z.string(),
  every: z.enum(cadences),
  formats: z.array(z.enum(formats)).nonempty("Name at least one format."),
  tlp: z.enum(tlpLabels).optional(),
  split_by: z.literal("source_asn").optional(),
  deliveries: z
    .array(deliverySchema)
    .max(20)
    .default([{ kind: "pull" }]),
});

const partner = z.strictObject({
  id: identifier,
  name: z.string().min(1).max(200),
  economies,
  mou: z.strictObject({
    reference: z.string().min(1).max(100),
    signed: date,
    expires: date,
    suspended: z.boolean().default(false),
    purposes: z.array(z.string().min(1).max(200)).nonempty("Name at least one purpose."),
    onward: z.enum(["constituents", "none"]),
    retention_days: z.int().min(1).max(3650),
  }),
  tlp_ceiling: z.enum(tlpLabels),
  contacts: z
    .array(
      z.strictObject({ name: z.string(), email: z.email("Write an e-mail address."), phone: z.string().optional() }),
    )
    .nonempty("Name at least one contact."),
  keys: z.array(publicKey).default([]),
  tokens_not_before: z.iso
    .datetime({ precision: 0, error: "Write an instant such as 2026-11-16T06:00:00Z." })
    .optional(),
  subscriptions: z.array(subscription).default([]),
  masks: z.array(z.string()).default([]),
  private_networks: z.array(z.union([z.cidrv4(), z.cidrv6()], "Write a network such as 10.20.0.0/16.")).default([]),
});

/** The schema of the file; also what the editors' JSON Schema is made from. */
export const partnersSchema = z.strictObject({ partners: z.array(partner) });

/** One entry as it is written: what may be left out is optional. */
export type PartnerEntry = z.input<typeof partner>;

/** An economy of a partner, with the first instant from which it counts. */
export interface PartnerEconomy {
  readonly code: string;
  readonly since?: number;
}

export interface Subscription {
  readonly feed: Feed;
  readonly every: (typeof cadences)[number];
  readonly formats: readonly (typeof formats)[number][];
  readonly tlp: (typeof tlpLabels)[number];
  readonly splitBy?: "source_asn";
  /** Where its publications are pushed to; the partner may fetch them as well. */
  readonly destinations: readonly Destination[];
}

/** A partner as checked. MoU dates are instants: `from` inclusive, `to` exclusive (the day after `expires`). */
export interface Partner {
  readonly id: string;
  readonly name: string;
  readonly economies: "all" | readonly PartnerEconomy[];
  readonly mou: {
    readonly reference: string;
    readonly from: number;
    readonly to: number;
    readonly suspended: boolean;
    readonly purposes: readonly string[];
    readonly onward: "constituents" | "none";
    readonly retentionDays: number;
  };
  readonly tlpCeiling: (typeof tlpLabels)[number];
  readonly keys: readonly Readonly<Record<string, unknown>>[];
  /** Tokens made before this instant are revoked. */
  readonly tokensNotBefore?: number;
  readonly subscriptions: readonly Subscription[];
  readonly masks: readonly string[];
  /** Networks (CIDR) that aren't public and may be pushed to all the same. */
  readonly privateNetworks: readonly string[];
}

type RawPartner = z.infer<typeof partner>;
type At = Checked<unknown>["at"];

/** Parses `partners.yaml` against the feeds it may subscribe. All problems at once; `value` only where there are none. */
export function parsePartners(
  file: string,
  text: string,
  feeds: ReadonlyMap<string, Feed>,
): Checked<readonly Partner[]> {
  const secret = secretProblems(file, text);
  const checked = checkDocument(file, text, partnersSchema);
  if (checked.value === undefined) return { problems: [...secret, ...checked.problems], at: checked.at };
  const problems = [
    ...secret,
    ...idProblems(checked.value.partners, checked.at),
    ...checked.value.partners.flatMap((entry, index) =>
      partnerProblems(entry, feeds, (path, message) => checked.at(["partners", index, ...path], message)),
    ),
  ];
  if (problems.length > 0) return { problems, at: checked.at };
  return { value: checked.value.partners.map((entry) => partnerOf(entry, feeds)), problems, at: checked.at };
}

function secretProblems(file: string, text: string): Problem[] {
  return text.split("\n").flatMap((line, index) =>
    /-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(line)
      ? [
          {
            file,
            line: index + 1,
            path: "",
            message: "Private keys never stand in this file; remove it and replace the key pair.",
          },
        ]
      : [],
  );
}

function idProblems(partners: readonly RawPartner[], at: At): Problem[] {
  return partners.flatMap((entry, index) => {
    const path = ["partners", index, "id"];
    const problems: Problem[] = [];
    if (partners.findIndex((other) => other.id === entry.id) < index)
      problems.push(at(path, `The id ${entry.id} is taken by an earlier partner.`));
    const longer = partners.find((other) => other.id !== entry.id && other.id.startsWith(entry.id));
    // A bucket policy on the prefix `partners/tw` also matches `partners/tw-ncc/…`.
    if (longer)
      problems.push(
        at(
          path,
          `The id ${entry.id} is the beginning of ${longer.id}: a prefix policy for one would match the other. Choose another id.`,
        ),
      );
    if (reservedIds.includes(entry.id)) problems.push(at(path, `${entry.id} is a reserved word; choose another id.`));
    return problems;
  });
}

function partnerProblems(entry: RawPartner, feeds: ReadonlyMap<string, Feed>, at: At): Problem[] {
  const problems: Problem[] = [];
  if (entry.mou.expires < entry.mou.signed)
    problems.push(at(["mou", "expires"], "The MoU expires before it was signed."));
  if (entry.tlp_ceiling === "RED")
    problems.push(at(["tlp_ceiling"], "TLP:RED is for named persons; AMBER+STRICT is the highest ceiling."));
  if (entry.economies !== "all") {
    const codes = entry.economies.map((economy) => (typeof economy === "string" ? economy : economy.code));
    if (new Set(codes).size !== codes.length) problems.push(at(["economies"], "Name each economy only once."));
  }
  for (const [index, mask] of entry.masks.entries()) {
    const known = fields.get(mask);
    if (known === undefined) problems.push(at(["masks", index], "There is no such field; docs/fields.md lists them."));
    else if (["row_id", "redacted", "tlp"].includes(mask))
      problems.push(at(["masks", index], "This column can't be masked."));
  }
  const subscribed = entry.subscriptions.map((item) => item.feed);
  for (const [index, item] of entry.subscriptions.entries()) {
    const path = ["subscriptions", index];
    if (subscribed.indexOf(item.feed) < index)
      problems.push(at([...path, "feed"], `${item.feed} is subscribed already; a partner has one log per feed.`));
    problems.push(
      ...subscriptionProblems(entry, item, feeds.get(item.feed), (rest, message) => at([...path, ...rest], message)),
    );
  }
  return problems;
}

function subscriptionProblems(
  entry: RawPartner,
  item: z.infer<typeof subscription>,
  feed: Feed | undefined,
  at: At,
): Problem[] {
  if (feed === undefined) return [at(["feed"], `There is no feed ${item.feed}; feeds/ has no such file.`)];
  const problems: Problem[] = [];
  const label = item.tlp ?? feed.tlp;
  if (tlpRank(label) > tlpRank(entry.tlp_ceiling)) {
    problems.push(
      at(
        item.tlp ? ["tlp"] : ["feed"],
        `TLP:${label} is above this partner's ceiling TLP:${entry.tlp_ceiling}; lower the subscription's tlp or raise the ceiling in the MoU.`,
      ),
    );
  }
  if (tlpRank(label) < tlpRank("GREEN"))
    problems.push(at(["tlp"], "No field is released at TLP:CLEAR; write GREEN or above."));
  if (label === "AMBER" && entry.mou.onward === "none") {
    problems.push(
      at(
        item.tlp ? ["tlp"] : ["feed"],
        "TLP:AMBER allows sharing with constituents but the MoU says onward: none; write tlp: AMBER+STRICT.",
      ),
    );
  }
  if (!feed.periods.includes(item.every))
    problems.push(at(["every"], `The feed is made per ${feed.periods.join(" or ")}.`));
  for (const [index, format] of item.formats.entries()) {
    if (!feed.formats.includes(format))
      problems.push(at(["formats", index], `The feed is made as ${feed.formats.join(" or ")}.`));
  }
  if (item.split_by !== undefined && (feed.splitBy !== item.split_by || !item.formats.includes("csv"))) {
    problems.push(at(["split_by"], "The feed does not offer this split, or the subscription has no CSV to split."));
  }
  const names = item.deliveries.map((delivery) =>
    delivery.kind === "pull" ? "pull" : (delivery.name ?? delivery.kind),
  );
  for (const [index, delivery] of item.deliveries.entries()) {
    if (names.indexOf(names[index] ?? "") < index)
      problems.push(
        at(["deliveries", index], `There is a delivery ${names[index]} already; give this one a name of its own.`),
      );
    if (delivery.kind === "taxii" && !item.formats.includes("stix"))
      problems.push(at(["deliveries", index], "TAXII takes STIX alone; add stix to the formats."));
  }
  return problems;
}

function partnerOf(entry: RawPartner, feeds: ReadonlyMap<string, Feed>): Partner {
  const since = (economy: string | { code: string; since: string }): PartnerEconomy =>
    typeof economy === "string" ? { code: economy } : { code: economy.code, since: Date.parse(economy.since) };
  return {
    id: entry.id,
    name: entry.name,
    economies: entry.economies === "all" ? "all" : entry.economies.map(since),
    mou: {
      reference: entry.mou.reference,
      from: Date.parse(entry.mou.signed),
      to: Date.parse(entry.mou.expires) + dayMs,
      suspended: entry.mou.suspended,
      purposes: entry.mou.purposes,
      onward: entry.mou.onward,
      retentionDays: entry.mou.retention_days,
    },
    tlpCeiling: entry.tlp_ceiling,
    keys: entry.keys,
    ...(entry.tokens_not_before === undefined ? {} : { tokensNotBefore: Date.parse(entry.tokens_not_before) }),
    masks: [...entry.masks].sort(),
    privateNetworks: entry.private_networks,
    subscriptions: entry.subscriptions.flatMap((item) => subscriptionOf(item, feeds.get(item.feed))),
  };
}

function subscriptionOf(item: z.infer<typeof subscription>, feed: Feed | undefined): Subscription[] {
  if (feed === undefined) return [];
  const split = item.split_by === undefined ? {} : { splitBy: item.split_by };
  return [
    {
      feed,
      every: item.every,
      formats: [...new Set(item.formats)].sort(),
      tlp: item.tlp ?? feed.tlp,
      ...split,
      destinations: destinationsOf(item.deliveries),
    },
  ];
}
