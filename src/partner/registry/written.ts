/**
 * How what is added to `partners.yaml` is written: an entry as a person would write it, JSON-like parts on one line. Pure.
 *
 * @see YAML 1.2.2 §7.3.1 (double-quoted scalars are JSON strings)
 */
import { stringify } from "yaml";
import type { PartnerEntry } from "../../feed/partners.ts";
import type { Written } from "./splices.ts";

/** A scalar, list or mapping on one line. Members that are `undefined` are left out. */
export function flowText(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(flowText).join(", ")}]`;
  if (typeof value === "object" && value !== null) {
    const members = Object.entries(value).filter(([, member]) => member !== undefined);
    return members.length === 0
      ? "{}"
      : `{ ${members.map(([name, member]) => `${scalarText(name)}: ${flowText(member)}`).join(", ")} }`;
  }
  return scalarText(value);
}

/** A scalar, quoted only where it must be. */
function scalarText(value: unknown): string {
  if (typeof value !== "string") return JSON.stringify(value);
  // Where a text has more lines than one, or characters that nobody sees, these are escaped.
  if (/[^\P{C}]|[\p{Zl}\p{Zp}]/u.test(value)) return escaped(value);
  return stringify([value], { collectionStyle: "flow", lineWidth: 0 }).trim().slice(2, -2);
}

const escaped = (text: string) =>
  JSON.stringify(text).replace(/[^\P{C}]|[\p{Zl}\p{Zp}]/gu, (found) =>
    [...Array(found.length).keys()].map((at) => unicodeEscape(found.charCodeAt(at))).join(""),
  );

const unicodeEscape = (unit: number) => `\\u${unit.toString(16).padStart(4, "0")}`;

/** Members of an entry that stand on lines of their own, one for each item. */
const listed = ["contacts", "keys", "subscriptions"];

/** An entry of a partner, in the order in which docs/operator-guide.md explains it. */
export function entryText(entry: PartnerEntry): Written {
  const block = Object.entries(entry).flatMap(([name, value]) => {
    if (value === undefined) return [];
    if (name === "mou") return ["mou:", ...Object.entries(entry.mou).map((member) => `  ${memberText(member)}`)];
    if (listed.includes(name) && Array.isArray(value) && value.length > 0)
      return [`${name}:`, ...value.map((item) => `  - ${flowText(item)}`)];
    return [memberText([name, value])];
  });
  return { block, flow: flowText(entry) };
}

const memberText = ([name, value]: readonly [string, unknown]) => `${name}: ${flowText(value)}`;
