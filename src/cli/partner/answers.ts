/** How answers about a new partner are read. What they must be is not decided here: `check` does. */
import { parse } from "yaml";
import { SpampotsError } from "../../errors.ts";
import type { Feed } from "../../feed/feeds.ts";
import type { PartnerEntry } from "../../feed/partners.ts";
import { dayId } from "../../feed/period.ts";
import { dayMs, type Tlp, tlpRank } from "../../model.ts";
import { keyEntry } from "../../partner/registry/changes.ts";
import { readKeys } from "./rotate-key.ts";

/** What was answered so far. */
export type Draft = Partial<Omit<PartnerEntry, "mou">> & { readonly mou?: Partial<PartnerEntry["mou"]> };

/** The only answer; `""` where there is none. */
export const one = ([answer = ""]: readonly string[]) => answer;

/** Words set apart by commas or spaces. */
export const listOf = (answers: readonly string[]) =>
  one(answers)
    .split(/[\s,]+/)
    .filter((text) => text !== "");

/** What the schema says of a text that is none of its words, it says itself: an answer goes there as it is. */
export const asIs = <T>(answer: unknown) => answer as T; // checked by the schema before anything is written

/** An answer that can't be read. */
export const wrong = (message: string) => new SpampotsError("bad-argument", message);

/** `twcert-cc` from `TWCERT/CC`; nothing from a name without Latin letters. */
export function idFrom(name: string): string {
  const words = name
    .normalize("NFKD")
    .toLowerCase()
    .replace(/\p{M}/gu, "")
    .split(/[^a-z0-9]+/);
  return words
    .filter((word) => word !== "")
    .join("-")
    .replace(/^[0-9-]+/, "")
    .slice(0, 40)
    .replace(/-$/, "");
}

/** `2029-11-22` for `2026-11-23`. */
export function threeYearsFrom(signed: string): string {
  const [year, rest] = [Number(signed.slice(0, 4)), signed.slice(4)];
  const after = Date.parse(`${year + 3}${rest === "-02-29" ? "-03-01" : rest}`);
  return Number.isNaN(after) ? "" : dayId(after - dayMs);
}

/** `TW,HK:2026-01-01`, or `all`. What it says is for the schema to check. */
export function economiesFrom(text: string): PartnerEntry["economies"] {
  if (text.trim().toLowerCase() === "all") return "all";
  const economies = listOf([text]).map((entry) => {
    const [code = "", since] = entry.split(":");
    return since === undefined ? code.toUpperCase() : { code: code.toUpperCase(), since };
  });
  return asIs(economies);
}

/** A contact from `Name <address>, telephone`. @throws SpampotsError `bad-argument` */
export function contactFrom(text: string) {
  const [, name = "", email = "", phone] = /^\s*(.*?)\s*<([^<>]*)>\s*(?:,\s*(.+?)\s*)?$/.exec(text) ?? [];
  if (email === "") throw wrong("Write a contact as Name <name@example.org>, and if wanted a comma and the telephone.");
  return { name, email: email.trim(), ...(phone === undefined ? {} : { phone }) };
}

const oneOf = <T>(list: readonly T[], wanted: T) => (list.includes(wanted) ? wanted : list[0]);

/** `summary:week`: what is suggested of a feed. */
export const wholeFeed = ({ id, periods }: Feed) => `${id}:${oneOf(periods, "week")}`;

/** A subscription from `feed:every:formats:label`, what it leaves out as suggested. @throws SpampotsError `bad-argument` */
export function subscriptionFrom(text: string, draft: Draft, feeds: ReadonlyMap<string, Feed>) {
  const [id = "", every, formats, label] = text.trim().split(":");
  const feed = feeds.get(id);
  if (feed === undefined) throw wrong(`There is no feed ${id}; there are ${[...feeds.keys()].join(", ")}.`);
  const tlp = label?.toUpperCase() ?? labelFor(feed, draft);
  return {
    feed: id,
    every: every || oneOf(feed.periods, "week"),
    formats: formats ? formats.split("+") : [...feed.formats],
    ...(tlp === feed.tlp ? {} : { tlp }),
  };
}

/** The feed's label, or a stricter or lower one where the MoU doesn't allow it. What it allows in no way, `check` refuses. */
function labelFor(feed: Feed, { tlp_ceiling: ceiling = "AMBER", mou }: Draft): Tlp {
  const label = tlpRank(feed.tlp) > tlpRank(ceiling) ? ceiling : feed.tlp;
  const isStrict = label === "AMBER" && mou?.onward === "none" && tlpRank(ceiling) >= tlpRank("AMBER+STRICT");
  return isStrict ? "AMBER+STRICT" : label;
}

/** The subscriptions with the destinations that each can be pushed to. @throws SpampotsError `bad-argument` */
export function withDeliveries(answers: readonly string[], { subscriptions = [] }: Draft): Draft {
  const deliveries = answers.filter((answer) => answer !== "pull").map(destinationFrom);
  if (deliveries.length === 0) return {};
  const takes = (kind: unknown, formats: readonly string[]) => kind !== "taxii" || formats.includes("stix");
  return {
    subscriptions: subscriptions.map((item) => {
      const fitting = deliveries.filter(({ kind }) => takes(kind, item.formats));
      return fitting.length === 0 ? item : { ...item, deliveries: asIs(fitting) };
    }),
  };
}

function destinationFrom(text: string): Readonly<Record<string, unknown>> {
  const [, bucket, prefix = ""] = /^s3:\/\/([^/]+)\/?(.*?)\/?$/.exec(text) ?? [];
  if (bucket !== undefined) return { kind: "s3", bucket, ...(prefix === "" ? {} : { prefix }) };
  if (/^https?:\/\//.test(text)) return { kind: "https", url: text };
  let entry: unknown;
  try {
    entry = parse(text, { maxAliasCount: 0, prettyErrors: false, logLevel: "silent" });
  } catch {
    entry = undefined;
  }
  if (typeof entry === "object" && entry !== null && "kind" in entry) return { ...entry };
  throw wrong(
    "Write an https URL, s3://bucket/prefix, or an entry of `deliveries` such as { kind: webhook, url: https://soar.partner.example/hook, auth: { bearer: PARTNER_HOOK_TOKEN } }.",
  );
}

/** Keys of files and lines; none for `invite`. @throws SpampotsError `bad-argument`, `bad-key`, `disk-failed` */
export async function keysFrom(
  answers: readonly string[],
): Promise<Readonly<Record<string, unknown>>[] & PartnerEntry["keys"]> {
  const keys = await Promise.all(answers.filter((answer) => answer !== "invite").map(readKeys));
  return asIs(keys.flat().map(keyEntry));
}
