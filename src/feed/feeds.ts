/**
 * Feeds: `feeds/<id>.yaml` parsed and checked. A feed names sides, a grain, columns and filters (AND of IN): there is
 * no expression language. All it may name is in the field dictionary.
 */
import { z } from "zod";
import { type Checked, checkDocument } from "../document.ts";
import type { Problem } from "../errors.ts";
import { fields, type Grain, grainColumns, grains } from "../fields.ts";
import { cadences, dayMs, type Format, formats, hourMs, sides, tlpLabels, tlpRank } from "../model.ts";

/** Fields a filter may name, with the lake column each reads. */
export const filterColumns = {
  service: "service",
  abused_port: "abused_port",
  source_asn: "source_asn",
  request_type: "request_type",
  destination_port: "destination_port",
  language: "language",
} as const;

/** A length of time such as `6h` or `28d`, in milliseconds. */
const duration = z
  .string()
  .regex(/^\d{1,5}[hd]$/, "Write hours or days, such as 6h or 28d.")
  .transform((text) => Number(text.slice(0, -1)) * (text.endsWith("h") ? hourMs : dayMs));

const unique = <T extends z.ZodType>(item: T) =>
  z
    .array(item)
    .nonempty("Name at least one.")
    .refine((list) => new Set(list).size === list.length, "Name each only once.");

/** Registered word of a partner, feed or mask: lower case, digits and hyphens. */
export const identifier = z
  .string()
  .regex(
    /^[a-z][a-z0-9]*(-[a-z0-9]+)*$/,
    "Write lower-case letters, digits and single hyphens, beginning with a letter.",
  )
  .max(40, "Write at most 40 characters.");

/** Words that name something else in a partner's prefix. */
export const reservedIds: readonly string[] = ["keys", "log", "artifacts"];

export const feedSchema = z.strictObject({
  title: z.string().min(3).max(100),
  description: z.string().min(10).max(2000),
  grain: z.enum(grains),
  sides: unique(z.enum(sides)),
  columns: z.array(z.string()).default([]),
  filters: z
    .strictObject({
      service: z.array(z.string()).nonempty().optional(),
      abused_port: z.array(z.int()).nonempty().optional(),
      source_asn: z.array(z.int()).nonempty().optional(),
      request_type: z.array(z.string()).nonempty().optional(),
      destination_port: z.array(z.int()).nonempty().optional(),
      language: z.array(z.string()).nonempty().optional(),
    })
    .default({}),
  periods: unique(z.enum(cadences)),
  lag: duration,
  revise_every: duration,
  revise_for: duration,
  retain: duration,
  exemplars: z.int().min(0).max(50).default(0),
  tlp: z.enum(tlpLabels),
  formats: unique(z.enum(formats)),
  common_text: z
    .strictObject({
      sensors: z.int().min(2, "Text seen at one sensor never leaves: write 2 or more.").max(100),
      recipients: z.int().min(3, "Text with fewer than three recipients never leaves: write 3 or more.").max(8),
    })
    .default({ sensors: 2, recipients: 3 }),
  stix_max_rows: z.int().min(0).default(50_000),
  split_by: z.literal("source_asn").optional(),
});

/** A feed as checked: the file's members in camelCase where the program reads them, and `definition` as it stands in manifests. */
export interface Feed {
  readonly id: string;
  readonly title: string;
  readonly description: string;
  readonly grain: Grain;
  readonly sides: readonly (typeof sides)[number][];
  /** Columns in the dictionary's order, `row_id` first, `redacted` and `tlp` last. Empty for a summary. */
  readonly columns: readonly string[];
  readonly filters: Readonly<Partial<Record<keyof typeof filterColumns, readonly (string | number)[]>>>;
  readonly periods: readonly (typeof cadences)[number][];
  /** Milliseconds. */
  readonly lag: number;
  readonly reviseEvery: number;
  readonly reviseFor: number;
  readonly retain: number;
  readonly exemplars: number;
  readonly tlp: (typeof tlpLabels)[number];
  readonly formats: readonly Format[];
  readonly commonText: { readonly sensors: number; readonly recipients: number };
  readonly stixMaxRows: number;
  readonly splitBy?: "source_asn";
  /** The checked file with defaults, durations in seconds. */
  readonly definition: Readonly<Record<string, unknown>>;
}

const alwaysFirst = "row_id";
const alwaysLast = ["redacted", "tlp"];
const grainFormats: Readonly<Record<Grain, readonly Format[]>> = {
  "source-day": ["csv", "stix"],
  "target-day": ["csv", "stix"],
  "url-day": ["csv", "stix"],
  capture: ["csv", "stix"],
  summary: ["json", "markdown"],
};

/** Parses `feeds/<id>.yaml`. All problems at once; `value` only where there are none. */
export function parseFeed(id: string, file: string, text: string): Checked<Feed> {
  const checked = checkDocument(file, text, feedSchema);
  if (checked.value === undefined) return { problems: checked.problems, at: checked.at };
  const problems = crossProblems(id, checked.value, checked.at);
  return problems.length > 0
    ? { problems, at: checked.at }
    : { value: feedOf(id, checked.value), problems, at: checked.at };
}

function crossProblems(id: string, feed: z.infer<typeof feedSchema>, at: Checked<unknown>["at"]): Problem[] {
  const problems: Problem[] = [];
  if (!identifier.safeParse(id).success || reservedIds.includes(id)) {
    problems.push(
      at([], "The file's name is the feed's id: lower-case letters, digits and hyphens, and not a reserved word."),
    );
  }
  const possible = grainColumns[feed.grain];
  for (const [index, name] of feed.columns.entries()) {
    const known = fields.get(name);
    if (known === undefined || known.release === "never") {
      problems.push(
        at(["columns", index], "This field is not released to anyone; docs/fields.md lists those that are."),
      );
    } else if (!possible.includes(name)) {
      problems.push(
        at(["columns", index], `A feed of grain ${feed.grain} has no such column; it has ${possible.join(", ")}.`),
      );
    }
  }
  if (new Set(feed.columns).size !== feed.columns.length) problems.push(at(["columns"], "Name each column only once."));
  if (feed.grain === "summary" && feed.columns.length > 0) problems.push(at(["columns"], "A summary has no columns."));
  if (feed.tlp === "RED")
    problems.push(at(["tlp"], "TLP:RED is for named persons, never for a feed; write AMBER+STRICT."));
  if (tlpRank(feed.tlp) < tlpRank("GREEN"))
    problems.push(at(["tlp"], "No field is released at TLP:CLEAR; write GREEN or above."));
  for (const [index, format] of feed.formats.entries()) {
    if (!grainFormats[feed.grain].includes(format)) {
      problems.push(
        at(["formats", index], `A feed of grain ${feed.grain} is made as ${grainFormats[feed.grain].join(" or ")}.`),
      );
    }
  }
  if (feed.split_by !== undefined && feed.grain !== "source-day") {
    problems.push(at(["split_by"], "Only a feed of grain source-day can be split by AS."));
  }
  if (feed.exemplars > 0 && feed.grain !== "source-day") {
    problems.push(at(["exemplars"], "Only a feed of grain source-day has exemplars."));
  }
  if (feed.grain === "source-day" && feed.sides.join() !== "source") {
    problems.push(at(["sides"], "Rows per source address concern the source side alone; write [source]."));
  }
  if (feed.grain === "target-day" && feed.sides.join() !== "target") {
    problems.push(at(["sides"], "Rows per target concern the target side alone; write [target]."));
  }
  if (feed.retain < feed.revise_for)
    problems.push(at(["retain"], "Artifacts must be kept at least as long as they are revised."));
  return problems;
}

function feedOf(id: string, feed: z.infer<typeof feedSchema>): Feed {
  const possible = grainColumns[feed.grain];
  const named = feed.columns.length === 0 ? possible : feed.columns;
  const columns = possible.filter((name) => name === alwaysFirst || alwaysLast.includes(name) || named.includes(name));
  const seconds = (ms: number) => ms / 1000;
  return {
    id,
    title: feed.title,
    description: feed.description,
    grain: feed.grain,
    sides: feed.sides,
    columns,
    filters: definedOnly(feed.filters),
    periods: feed.periods,
    lag: feed.lag,
    reviseEvery: feed.revise_every,
    reviseFor: feed.revise_for,
    retain: feed.retain,
    exemplars: feed.exemplars,
    tlp: feed.tlp,
    formats: feed.formats,
    commonText: feed.common_text,
    stixMaxRows: feed.stix_max_rows,
    ...(feed.split_by === undefined ? {} : { splitBy: feed.split_by }),
    definition: {
      ...feed,
      columns,
      lag: seconds(feed.lag),
      revise_every: seconds(feed.revise_every),
      revise_for: seconds(feed.revise_for),
      retain: seconds(feed.retain),
    },
  };
}

function definedOnly(filters: z.infer<typeof feedSchema>["filters"]): Feed["filters"] {
  const kept: Partial<Record<keyof typeof filterColumns, readonly (string | number)[]>> = {};
  if (filters.service) kept.service = filters.service;
  if (filters.abused_port) kept.abused_port = filters.abused_port;
  if (filters.source_asn) kept.source_asn = filters.source_asn;
  if (filters.request_type) kept.request_type = filters.request_type;
  if (filters.destination_port) kept.destination_port = filters.destination_port;
  if (filters.language) kept.language = filters.language;
  return kept;
}
