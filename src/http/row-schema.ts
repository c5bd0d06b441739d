/** The columns of a feed for machines: JSON Schema of a row as it stands in a CSV, and what each column means. Pure. */
import type { Feed } from "../feed/feeds.ts";
import { type FieldType, fields } from "../fields.ts";

/** Forms of a cell's text (`docs/fields.md`, "Forms"); an empty cell means that nothing is known or may be told. */
const forms: Readonly<Record<FieldType, Readonly<Record<string, unknown>>>> = {
  text: { type: "string" },
  integer: { type: "string", pattern: "^(-?\\d+)?$" },
  instant: { type: "string", pattern: "^(\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}:\\d{2}Z)?$" },
  day: { type: "string", pattern: "^(\\d{4}-\\d{2}-\\d{2})?$" },
  boolean: { type: "string", enum: ["true", "false", ""] },
  list: { type: "string", description: "Values separated by `;`." },
  pairs: { type: "string", description: "`key:count` pairs separated by `;`." },
  exemplars: { type: "string", description: "`instant|source port|abused port`, separated by `;`, newest first." },
};

/** JSON Schema (draft 2020-12) of a row as a CSV reader gives it: every cell a string, columns in the header's order. */
export function rowSchema(feed: Feed): Readonly<Record<string, unknown>> {
  const $schema = "https://json-schema.org/draft/2020-12/schema";
  if (feed.columns.length === 0) return { $schema, title: feed.title, type: "object" };
  const properties = feed.columns.map((name) => {
    const field = fields.get(name);
    return [
      name,
      { ...forms[field?.type ?? "text"], ...(field === undefined ? {} : { title: field.meaning }) },
    ] as const;
  });
  return {
    $schema,
    title: feed.title,
    type: "object",
    properties: Object.fromEntries(properties),
    required: [...feed.columns],
    additionalProperties: false,
  };
}

/** The documentation of each column, in the header's order. */
export function columnsOf(feed: Feed): readonly Readonly<Record<string, unknown>>[] {
  return feed.columns.flatMap((name) => {
    const field = fields.get(name);
    if (field === undefined) return [];
    const { type, meaning, unit, aggregates, attackerWritten, also } = field;
    return [
      {
        name,
        type,
        meaning,
        ...(unit === undefined ? {} : { unit }),
        ...(aggregates === undefined ? {} : { aggregates }),
        ...(attackerWritten === true ? { written_by_spammers: true } : {}),
        also,
      },
    ];
  });
}
