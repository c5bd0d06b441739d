/**
 * What is asked of a new partner, in order: each question has its flag, what it is asked by at a terminal, a default where
 * one makes sense, and how its answer is read. What an answer must be is not decided here: `check` does.
 */
import { parse } from "yaml";
import { SpampotsError } from "../../errors.ts";
import type { Feed } from "../../feed/feeds.ts";
import type { PartnerEntry } from "../../feed/partners.ts";
import { dayId } from "../../feed/period.ts";
import { dayMs, type Tlp, tlpRank } from "../../model.ts";
import { keyEntry } from "../../partner/registry/changes.ts";
import { readKeys } from "./edit.ts";

/** What was answered so far. */
export type Draft = Partial<Omit<PartnerEntry, "mou">> & { readonly mou?: Partial<PartnerEntry["mou"]> };

/** What answers are read and checked against. */
export interface Asked {
  /** Who is a partner already. */
  readonly others: readonly PartnerEntry[];
  readonly feeds: ReadonlyMap<string, Feed>;
  readonly now: number;
  /** Has the store a log of a partner of this id? */
  readonly isUsed: (id: string) => Promise<boolean>;
}

export interface Question {
  /** Name of the flag, which is also the option's in commander's camelCase. */
  readonly flag: string;
  /** The flag with its argument, as `--help` shows it. */
  readonly option: string;
  readonly means: string;
  /** Members of the entry that it answers for, by the beginning of their path. */
  readonly paths: readonly string[];
  /** May be given several times; at a terminal answers are set apart by semicolons. */
  readonly several?: true;
  /** Not asked at a terminal; may be left out. */
  readonly optional?: true;
  readonly fallback?: (draft: Draft, asked: Asked) => string;
  /** @throws SpampotsError `bad-argument`, `bad-key` */
  readonly read: (answers: readonly string[], draft: Draft, asked: Asked) => Draft | Promise<Draft>;
}

const one = ([answer = ""]: readonly string[]) => answer;
const listOf = (answers: readonly string[]) =>
  one(answers)
    .split(/[\s,]+/)
    .filter((text) => text !== "");

/** What the schema says of a text that is none of its words, it says itself: an answer goes there as it is. */
const asIs = <T>(answer: unknown) => answer as T; // checked by the schema before anything is written

const mouMember = (name: "reference" | "signed" | "expires" | "onward") => (answers: readonly string[]) => ({
  mou: { [name]: one(answers) },
});

export const questions: readonly Question[] = [
  {
    flag: "name",
    option: "--name <text>",
    means: "name of the organisation",
    paths: ["name"],
    read: (answers) => ({ name: one(answers) }),
  },
  {
    flag: "id",
    option: "--id <id>",
    means: "its id, never used before: lower-case letters, digits and hyphens",
    paths: ["id"],
    fallback: ({ name = "" }) => idFrom(name),
    read: async (answers, _, { isUsed }) => {
      const id = one(answers);
      // Only what can be one is looked for.
      if (!/^[a-z0-9-]+$/.test(id) || !(await isUsed(id))) return { id };
      throw wrong(
        `The store holds publications of an earlier partner ${id}. An id is never used again: choose another. If it is the same partner, bring its entry back from the file's history.`,
      );
    },
  },
  {
    flag: "economies",
    option: "--economies <list>",
    means: "economies, such as TW or TW,HK:2026-01-01 (with the day since when); or all",
    paths: ["economies"],
    read: (answers) => ({ economies: economiesFrom(one(answers)) }),
  },
  {
    flag: "reference",
    option: "--reference <text>",
    means: "reference of the MoU",
    paths: ["mou.reference"],
    read: mouMember("reference"),
  },
  {
    flag: "signed",
    option: "--signed <YYYY-MM-DD>",
    means: "first day of the MoU",
    paths: ["mou.signed"],
    fallback: (_, { now }) => dayId(now),
    read: mouMember("signed"),
  },
  {
    flag: "expires",
    option: "--expires <YYYY-MM-DD>",
    means: "last day of the MoU",
    paths: ["mou.expires"],
    fallback: ({ mou }) => threeYearsFrom(mou?.signed ?? ""),
    read: mouMember("expires"),
  },
  {
    flag: "tlpCeiling",
    option: "--tlp-ceiling <label>",
    means: "strictest label that it may get: GREEN, AMBER or AMBER+STRICT",
    paths: ["tlp_ceiling"],
    fallback: () => "AMBER",
    read: (answers) => ({ tlp_ceiling: asIs(one(answers).replace(/^TLP:/i, "").toUpperCase()) }),
  },
  {
    flag: "purpose",
    option: "--purpose <text>",
    means: "a purpose by the MoU; may be given several times",
    paths: ["mou.purposes"],
    several: true,
    fallback: () => "incident response",
    read: (answers) => ({ mou: { purposes: asIs(answers) } }),
  },
  {
    flag: "onward",
    option: "--onward <whom>",
    means: "whom it may pass it on to: constituents or none",
    paths: ["mou.onward"],
    fallback: () => "constituents",
    read: mouMember("onward"),
  },
  {
    flag: "retentionDays",
    option: "--retention-days <n>",
    means: "days that it may keep it",
    paths: ["mou.retention_days"],
    fallback: () => "365",
    read: (answers) => ({
      mou: { retention_days: /^\d+$/.test(one(answers)) ? Number(one(answers)) : asIs(one(answers)) },
    }),
  },
  {
    flag: "contact",
    option: "--contact <contact>",
    means: 'a contact, such as "Ana Wu <ana@cert.example>, +886 2 5550 0100"; may be given several times',
    paths: ["contacts"],
    several: true,
    read: (answers) => ({ contacts: asIs(answers.map(contactFrom)) }),
  },
  {
    flag: "feed",
    option: "--feed <feed[:every[:formats[:label]]]>",
    means: "a feed, such as spam-sources or spam-sources:week:csv+stix; may be given several times",
    paths: ["subscriptions"],
    several: true,
    fallback: (_, { feeds }) => [...feeds.values()].map(wholeFeed).join("; "),
    read: (answers, draft, { feeds }) => ({
      subscriptions: asIs(answers.map((text) => subscriptionFrom(text, draft, feeds))),
    }),
  },
  {
    flag: "push",
    option: "--push <destination>",
    means:
      "where publications are pushed to: an https URL, s3://bucket/prefix, or an entry of `deliveries`; may be given several times; pull where there is none",
    paths: ["subscriptions[deliveries]"],
    several: true,
    fallback: () => "pull",
    read: (answers, draft) => withDeliveries(answers, draft),
  },
  {
    flag: "key",
    option: "--key <file|line>",
    means: "its public key: a file, or the line that it was shown; may be given several times",
    paths: ["keys"],
    several: true,
    fallback: () => "invite",
    read: async (answers) => ({ keys: await keysFrom(answers) }),
  },
  {
    flag: "masks",
    option: "--masks <columns>",
    means: "columns that stay empty for it",
    paths: ["masks"],
    optional: true,
    read: (answers) => ({ masks: listOf(answers) }),
  },
];

const wrong = (message: string) => new SpampotsError("bad-argument", message);

/** `twcert-cc` from `TWCERT/CC`; nothing from a name without Latin letters. */
function idFrom(name: string): string {
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
function threeYearsFrom(signed: string): string {
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

function contactFrom(text: string) {
  const [, name = "", email = "", phone] = /^\s*(.*?)\s*<([^<>]*)>\s*(?:,\s*(.+?)\s*)?$/.exec(text) ?? [];
  if (email === "") throw wrong("Write a contact as Name <name@example.org>, and if wanted a comma and the telephone.");
  return { name, email: email.trim(), ...(phone === undefined ? {} : { phone }) };
}

const oneOf = <T>(list: readonly T[], wanted: T) => (list.includes(wanted) ? wanted : list[0]);

/** `summary:week`: what is suggested of a feed. */
const wholeFeed = ({ id, periods }: Feed) => `${id}:${oneOf(periods, "week")}`;

function subscriptionFrom(text: string, draft: Draft, feeds: ReadonlyMap<string, Feed>) {
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

function withDeliveries(answers: readonly string[], { subscriptions = [] }: Draft): Draft {
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

/** Keys of files and lines; none for `invite`. */
async function keysFrom(
  answers: readonly string[],
): Promise<Readonly<Record<string, unknown>>[] & PartnerEntry["keys"]> {
  const keys = await Promise.all(answers.filter((answer) => answer !== "invite").map(readKeys));
  return asIs(keys.flat().map(keyEntry));
}
