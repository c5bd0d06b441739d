/**
 * What is asked of a new partner, in order: each question has its flag, what it is asked by at a terminal, a default where
 * one makes sense, and how its answer is read. What an answer must be is not decided here: `check` does.
 */
import type { Feed } from "../../feed/feeds.ts";
import type { PartnerEntry } from "../../feed/partners.ts";
import { dayId } from "../../feed/period.ts";
import {
  asIs,
  contactFrom,
  type Draft,
  economiesFrom,
  idFrom,
  keysFrom,
  listOf,
  one,
  subscriptionFrom,
  threeYearsFrom,
  wholeFeed,
  withDeliveries,
  wrong,
} from "./answers.ts";

/** What answers are read and checked against. */
export interface Asked {
  /** Who is a partner already. */
  readonly others: readonly PartnerEntry[];
  readonly feeds: ReadonlyMap<string, Feed>;
  readonly now: number;
  /** Has the store a log of a partner of this id? */
  readonly isUsed: (id: string) => Promise<boolean>;
}

/** One question of a new partner: by its flag, or at a terminal. */
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

const mouMember = (name: "reference" | "signed" | "expires" | "onward") => (answers: readonly string[]) => ({
  mou: { [name]: one(answers) },
});

/** In the order in which they are asked. */
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
    read: async (answers, _, { others, isUsed }) => {
      const id = one(answers);
      // Only what can be one is looked for; that somebody has it now, `check` says.
      if (!/^[a-z0-9-]+$/.test(id) || others.some((other) => other.id === id) || !(await isUsed(id))) return { id };
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
