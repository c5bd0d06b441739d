/** Columns of a feed for people: what each means, and its names in other people's formats. From the field dictionary. Pure. */
import type { Feed } from "../../feed/feeds.ts";
import type { Subscription } from "../../feed/partners.ts";
import { type Field, type FieldNames, fields } from "../../fields.ts";
import { code, markdown, markdownTable } from "./escape.ts";

const listed = new Set(["list", "pairs", "exemplars"]);

/** Fields of a feed, in the header's order. */
export function fieldsOf({ columns }: Pick<Feed, "columns">): readonly Field[] {
  return columns.flatMap((name) => fields.get(name) ?? []);
}

/**
 * Names of a feed's columns in another format, each name once. Where two columns have the same name there, it is the one
 * that is called like it: `destination_port` is `destination.port` before `abused_port` is. A column that is a list has a
 * name there only where that takes a list.
 */
export function namesElsewhere(
  feed: Pick<Feed, "columns">,
  format: "intelmq" | "ecs" | "cim",
): ReadonlyMap<string, string> {
  const named = fieldsOf(feed).flatMap(({ name, also, type }) => {
    const there: FieldNames[typeof format] = also[format];
    const isOne = format !== "intelmq" || there?.startsWith("extra.") || !listed.has(type);
    return there === undefined || !isOne ? [] : [{ name, there }];
  });
  const owners = new Map<string, string>();
  for (const { name, there } of named) if (!owners.has(there) || sameWords(name, there)) owners.set(there, name);
  return new Map([...owners].map(([there, name]) => [name, there]));
}

/** True where a column is called like a key: `destination_port`, `destination.port`, `dest_port`. */
function sameWords(column: string, key: string): boolean {
  const words = key.replaceAll(".", "_");
  return column === words || column.replace(/^source/, "src").replace(/^destination/, "dest") === words;
}

/** `columns/<feed>.md`. `masks` are columns that stay empty for this partner. */
export function columnsMarkdown({ feed }: Subscription, masks: readonly string[]): string {
  const rows = fieldsOf(feed).map((field) => [
    code(field.name),
    field.type,
    meaningOf(field) + (masks.includes(field.name) ? " **Empty for you, by your MoU.**" : ""),
    field.aggregates === undefined ? "" : markdown(field.aggregates),
    ...(["intelmq", "shadowserver", "n6", "stix", "ecs", "cim"] as const).map((name) => field.also[name] ?? ""),
  ]);
  const head = ["column", "form", "means", "aggregates", "IntelMQ", "Shadowserver", "n6", "STIX", "Elastic", "Splunk"];
  return `# Columns of ${code(feed.id)}: ${markdown(feed.title)}

${markdown(feed.description)}

${markdownTable(head, rows)}

${forms}`;
}

function meaningOf({ meaning, unit, attackerWritten }: Field): string {
  const more = [
    ...(unit === undefined ? [] : [`In ${unit}.`]),
    ...(attackerWritten ? ["Spammers write it: it stands here only where it is common."] : []),
  ];
  return markdown([meaning, ...more].join(" "));
}

const forms = `**instant** is RFC 3339 in UTC, whole seconds; **day** is YYYY-MM-DD (UTC); **list** is \`a;b\`; **pairs** are \`key:count;key:count\` (an IPv6
address holds colons: the count stands behind the last one); **exemplars** are \`instant|source port|abused port\`, joined by \`;\`. Empty means unknown or withheld, and
\`redacted\` names what was withheld. Files are RFC 4180 in UTF-8 with CRLF. A text that a spreadsheet would take for a formula has a \`'\` before it, and a
text that begins with \`'\` has one more: take one off, and you have what was sent. Columns are only ever added: read them by name.
`;

/** `splunk-and-elastic.md`: what to call the columns there. */
export function searchNotes(subscriptions: readonly Subscription[]): string {
  return `# Splunk and Elastic

Names of the columns in Elastic's Common Schema (ECS) and in Splunk's Common Information Model (CIM). What has none there keeps its own: put it
below \`spampots.\` in Elastic. \`abused_port\` is the honeypot's port: where a feed has a destination of its own, that one has the name.

- Index by \`row_id\`, which stays the same for a row in every revision: a revision then replaces what it corrects.
- Time is \`timestamp\` where there is one, else \`last_seen\`.
- Elastic: \`source.ip\` and \`destination.ip\` as \`ip\`, counts as \`long\`, lists by the \`split\` processor with \`;\`.
- Splunk, in \`props.conf\`: \`INDEXED_EXTRACTIONS = csv\`, \`TZ = UTC\`, \`TIME_FORMAT = %Y-%m-%dT%H:%M:%SZ\`, \`TIMESTAMP_FIELDS\` as above.

${subscriptions.map(searchTable).join("\n\n")}
`;
}

function searchTable({ feed }: Subscription): string {
  const [ecs, cim] = [namesElsewhere(feed, "ecs"), namesElsewhere(feed, "cim")];
  const rows = fieldsOf(feed).map(({ name, type }) => [
    code(name),
    type,
    code(ecs.get(name) ?? `spampots.${name}`),
    code(cim.get(name) ?? name),
  ]);
  return `## ${code(feed.id)}\n\n${markdownTable(["column", "form", "Elastic", "Splunk"], rows)}`;
}
