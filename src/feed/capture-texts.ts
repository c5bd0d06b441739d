/**
 * Attacker-written columns of grain `capture`: which of a capture's texts are shown, and whether some were withheld. Pure.
 */
import { type CommonTexts, commonMaps, commonTexts, commonValues, ifCommon, type Least } from "./common.ts";
import { type Form, part, unnested } from "./sql.ts";

/** Scalar columns: the lake's column of each. */
const scalars = {
  mail_from_domain: "mail_from_domain",
  helo: "helo",
  subject: "subject",
  body_sha256: "body_sha256",
} as const;

/** List columns: the lake's list and the part of its elements that is shown. */
const lists = {
  attachment_types: { list: "attachments", part: 1 },
  attachment_sha256: { list: "attachments", part: 3 },
  url_hosts: { list: "urls", part: 2 },
} as const;

/** Columns of grain `capture` that hold what senders wrote. */
export type TextColumn = keyof typeof scalars | keyof typeof lists;

/** What is shown of the captures of a relation `c`. */
export interface CaptureTexts extends CommonTexts {
  shown(column: TextColumn): string;
  /** Condition that a row's column lacks a text that the capture has. */
  withheld(column: TextColumn): string;
}

/** What the slice knows of its texts: its columns, the feed's filters and what makes a text common. */
export interface TextsAsked {
  readonly columns: readonly string[];
  readonly filtered: string;
  readonly least: Least;
}

const isScalar = (column: TextColumn): column is keyof typeof scalars => Object.hasOwn(scalars, column);

/** Texts of the captures in `scoped`. Texts of columns that the feed doesn't have aren't asked for. */
export function captureTexts(form: Form, asked: TextsAsked): CaptureTexts {
  const among = (name: string) => asked.columns.includes(name);
  const scalarNames = (Object.keys(scalars) as (keyof typeof scalars)[]).filter(among); // Object.keys forgets the key type
  const listNames = (Object.keys(lists) as (keyof typeof lists)[]).filter(among); // likewise
  return form === "kept" ? joined(asked, scalarNames, listNames) : lookedUp(asked, scalarNames, listNames);
}

type Scalars = readonly (keyof typeof scalars)[];
type Lists = readonly (keyof typeof lists)[];

function joined({ filtered, least }: TextsAsked, scalarNames: Scalars, listNames: Lists): CaptureTexts {
  const columns = Object.fromEntries(scalarNames.map((name) => [name, scalars[name]]));
  const common = commonTexts("kept", "scoped", columns, least);
  return {
    ctes: [...common.ctes, ...listNames.flatMap((name) => listCtes(name, filtered, least))],
    joins: [
      common.joins,
      ...listNames.map((name) => `LEFT JOIN ${name}_shown ON c.${lists[name].list} = ${name}_shown.elements`),
    ].join(" "),
    shown: (column) => (isScalar(column) ? common.shown(column) : `${column}_shown.texts`),
    withheld: (column) =>
      isScalar(column)
        ? `c.${scalars[column]} IS NOT NULL AND ${common.shown(column)} IS NULL`
        : `${column}_shown.withheld > 0`,
  };
}

/**
 * CTEs that end in `<name>_shown(elements, texts, withheld)`: for each list that a row shows, its common elements, joined, and
 * how many weren't. Lists repeat as messages do: there are far fewer than captures.
 */
function listCtes(name: keyof typeof lists, filtered: string, least: Least): string[] {
  const { list, part: index } = lists[name];
  const values = `SELECT ${part("e", index)} AS v, sensor, recipient_distinct, recipient_sample FROM (${unnested("scoped", list)}) l`;
  return [
    `${name}_lists AS (SELECT DISTINCT ${list} FROM scoped WHERE ${filtered})`,
    `${name}_elements AS (SELECT DISTINCT ${list}, ${part("e", index)} AS v FROM (${unnested(`${name}_lists`, list)}) l)`,
    ...commonValues(name, values, least),
    `${name}_shown AS (SELECT e.${list} AS elements, array_join(array_agg(c.v ORDER BY c.v) FILTER (WHERE c.v IS NOT NULL), ';') AS texts, count(*) - count(c.v) AS withheld FROM ${name}_elements e LEFT JOIN common_${name} c ON e.v = c.v WHERE e.v IS NOT NULL GROUP BY e.${list})`,
  ];
}

function lookedUp({ least }: TextsAsked, scalarNames: Scalars, listNames: Lists): CaptureTexts {
  const elements = (name: keyof typeof lists, row = "") =>
    `transform(${row}${lists[name].list}, e -> ${part("e", lists[name].part)})`;
  const kinds = [
    ...scalarNames.map((kind) => ({ kind, values: `ARRAY[${scalars[kind]}]` })),
    ...listNames.map((kind) => ({ kind, values: elements(kind) })),
  ];
  const commonOf = (name: keyof typeof lists) =>
    `array_sort(array_distinct(filter(${elements(name, "c.")}, v -> ${ifCommon(name, "v")} IS NOT NULL)))`;
  return {
    ...commonMaps("scoped", kinds, least),
    shown: (column) =>
      isScalar(column) ? ifCommon(column, `c.${scalars[column]}`) : `nullif(array_join(${commonOf(column)}, ';'), '')`,
    withheld: (column) =>
      isScalar(column)
        ? `c.${scalars[column]} IS NOT NULL AND ${ifCommon(column, `c.${scalars[column]}`)} IS NULL`
        : `any_match(${elements(column, "c.")}, v -> v IS NOT NULL AND ${ifCommon(column, "v")} IS NULL)`,
  };
}
