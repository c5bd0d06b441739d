/** Texts of a partners.yaml as people may write it, in every style that YAML has for it, with comments everywhere. */
import fc from "fast-check";

/** How one entry is written. */
interface EntryStyle {
  readonly flow: boolean;
  readonly mou: "flow" | "block";
  readonly keys: "none" | "empty" | "flow" | "block" | "lines";
  readonly keyCount: number;
  readonly suspended: boolean | undefined;
  readonly quoted: boolean;
  readonly above: boolean;
  readonly inside: boolean;
  readonly ends: boolean;
  readonly below: boolean;
  /** A text of several lines as the last member. */
  readonly last: "" | "|" | ">-";
  readonly gap: number;
}

export interface Style {
  readonly crlf: boolean;
  readonly flow: "none" | "line" | "lines";
  readonly lastComma: boolean;
  readonly dash: number;
  readonly head: boolean;
  readonly foot: boolean;
  readonly others: boolean;
  readonly entries: readonly EntryStyle[];
}

const entryStyle: fc.Arbitrary<EntryStyle> = fc.record({
  flow: fc.boolean(),
  mou: fc.constantFrom("flow", "block"),
  keys: fc.constantFrom("none", "empty", "flow", "block", "lines"),
  keyCount: fc.integer({ min: 1, max: 3 }),
  suspended: fc.constantFrom(true, false, undefined),
  quoted: fc.boolean(),
  above: fc.boolean(),
  inside: fc.boolean(),
  ends: fc.boolean(),
  below: fc.boolean(),
  last: fc.constantFrom("", "", "|", ">-"),
  gap: fc.integer({ min: 0, max: 2 }),
});

export const style: fc.Arbitrary<Style> = fc.record({
  crlf: fc.boolean(),
  flow: fc.constantFrom("none", "none", "none", "line", "lines"),
  lastComma: fc.boolean(),
  dash: fc.integer({ min: 0, max: 5 }),
  head: fc.boolean(),
  foot: fc.boolean(),
  others: fc.boolean(),
  entries: fc.array(entryStyle, { minLength: 1, maxLength: 4 }),
});

export const idOf = (index: number) => `team-${"abcd"[index]}`;

/** A key of 32 bytes of this number. */
export const keyX = (number: number) => Buffer.alloc(32, number).toString("base64url");

/** Comments `# own-<n>` and `# in-<n>` belong to an entry, the latter to none of its keys; `# out` belongs to none. */
export function textOf({ crlf, flow, lastComma, dash, head, foot, others, entries }: Style): string {
  const lines: string[] = head ? ["# out: head", "", "partners: # out: list"] : ["partners: # out: list"];
  if (flow === "none") {
    for (const [index, entry] of entries.entries()) lines.push(...blockEntry(entry, index, dash));
  } else {
    const texts = entries.map((entry, index) => `${flowEntry(entry, index)}`);
    lines.pop();
    if (flow === "line") lines.push(`partners: [${texts.join(", ")}${lastComma ? "," : ""}] # out: list`);
    else {
      lines.push("partners: [ # out: list");
      for (const [index, text] of texts.entries()) {
        const comma = index < texts.length - 1 || lastComma ? "," : "";
        lines.push(...(entries[index]?.above ? ["  # out: above"] : []));
        lines.push(`  ${text}${comma}${entries[index]?.ends ? ` # own-${index}` : ""}`);
      }
      lines.push("]");
    }
  }
  if (foot) lines.push(...(others ? [""] : []), "# out: foot");
  lines.push("...", "");
  return lines.join(crlf ? "\r\n" : "\n");
}

const keysFlow = ({ keyCount }: EntryStyle, index: number) =>
  [...Array(keyCount).keys()].map((n) => `{ kty: OKP, crv: Ed25519, x: ${keyX(index * 10 + n)} }`);

const suspendedText = ({ suspended }: EntryStyle) => (suspended === undefined ? "" : `, suspended: ${suspended}`);

const mouFlow = (entry: EntryStyle, index: number) =>
  `{ reference: M-${index}, signed: 2026-01-01, expires: ${entry.quoted ? '"2027-12-31"' : "2027-12-31"}${suspendedText(entry)}, purposes: [test], onward: constituents, retention_days: 365 }`;

function flowEntry(entry: EntryStyle, index: number): string {
  const keys =
    entry.keys === "none" ? "" : `, keys: [${entry.keys === "empty" ? "" : keysFlow(entry, index).join(", ")}]`;
  return `{ id: ${idOf(index)}, name: "T, ${index}", economies: [TW], mou: ${mouFlow(entry, index)}, tlp_ceiling: AMBER, contacts: [{ name: A, email: a@b.example }]${keys}, subscriptions: [] }`;
}

function blockEntry(entry: EntryStyle, index: number, dash: number): string[] {
  const own = `# own-${index}`;
  const indent = (text: string) => `${" ".repeat(dash + 2)}${text}`;
  const above = [
    ...(index === 0 ? [] : Array.from({ length: entry.gap }, () => "")),
    ...(entry.above ? [`${" ".repeat(dash)}# out: above`] : []),
  ];
  const at = " ".repeat(dash);
  if (entry.flow) return [...above, `${at}- ${flowEntry(entry, index)}${entry.ends ? ` ${own}` : ""}`];
  const keys = keysFlow(entry, index);
  const keyLines = {
    none: [],
    empty: [indent(`keys: [] ${own}`)],
    flow: [indent(`keys: [${keys.join(", ")}]${entry.ends ? ` ${own}` : ""}`)],
    block: [indent(`keys: ${own}`), ...keys.map((key) => indent(`${entry.quoted ? "  " : ""}- ${key} ${own}`))],
    lines: [
      indent("keys:"),
      indent("  ["),
      indent(`    # in-${index} keys`),
      ...keys.flatMap((key) => [indent(`    ${key}, ${own}`), indent(`    # in-${index} line`)]),
      indent("  ]"),
    ],
  }[entry.keys];
  const mou =
    entry.mou === "flow"
      ? [indent(`mou: ${mouFlow(entry, index)}${entry.ends ? ` ${own}` : ""}`)]
      : [
          indent(`mou: ${entry.inside ? own : ""}`.trimEnd()),
          ...(entry.inside ? [indent(`   ${own} above`)] : []),
          indent(`   reference: ${entry.quoted ? `'M-${index}'` : `M-${index}`}`),
          indent(`   signed: 2026-01-01`),
          indent(`   expires: ${entry.quoted ? '"2027-12-31"' : "2027-12-31"}${entry.ends ? ` ${own}` : ""}`),
          ...(entry.suspended === undefined ? [] : [indent(`   suspended: ${entry.suspended} ${own}`)]),
          indent(`   purposes:`),
          indent(`   - test`),
          indent(`   onward: constituents`),
          indent(`   retention_days: 365`),
        ];
  return [
    ...above,
    `${at}- id: ${idOf(index)}${entry.ends ? ` ${own}` : ""}`,
    ...(entry.last === "" ? [indent(`name: "T, ${index}"`)] : []),
    ...(entry.inside ? [indent(`${own} inside`), ""] : []),
    indent("economies: [TW]"),
    ...mou,
    indent("tlp_ceiling: AMBER"),
    indent("contacts: [{ name: A, email: a@b.example }]"),
    ...keyLines,
    ...(entry.inside ? [indent(`${own} above subscriptions`)] : []),
    indent("subscriptions: []"),
    ...(entry.last === ""
      ? []
      : [indent(`name: ${entry.last}`), indent("  several"), "", indent("  lines # no comment")]),
    ...(entry.below ? [indent(`${own} below`)] : []),
  ];
}
