/**
 * Reads tables in CSV: `start,end,economy` or `start,end,asn,name`, first and last address as text, one range a line.
 *
 * @see RFC 4180 §2 (quotes); a quoted field that goes over several lines doesn't occur in such tables and isn't read
 */
import { addRange, type Reading } from "./reading.ts";
import type { TableKind } from "./table.ts";
import { economyValue, systemValue } from "./values.ts";

/** Adds the rows of `text` to `reading`. A first line without an address is taken for the header. */
export function readCsv(file: string, text: string, kind: TableKind, reading: Reading): void {
  text.split("\n").forEach((raw, index) => {
    const line = raw.trim();
    if (line === "" || line.startsWith("#") || (index === 0 && !/^"?[0-9a-f]*[.:]/i.test(line))) return;
    const [first = "", last = "", third = "", fourth = ""] = fieldsOf(line);
    const value = kind === "economy" ? economyIn(third) : systemIn(third, fourth);
    if (value === undefined || !addRange(reading, first, last, value))
      reading.malformed.push({ file, line: index + 1, message: expected[kind] });
  });
}

const expected: Readonly<Record<TableKind, string>> = {
  economy: "It is not first address, last address, two capital letters.",
  asn: "It is not first address, last address, AS number, name.",
};

function economyIn(text: string): string | undefined {
  return /^(?:[A-Z]{2}|-|)$/.test(text) ? economyValue(text) : undefined;
}

function systemIn(number: string, name: string): string | undefined {
  const [, digits] = /^(?:AS)?(\d{1,10})$/.exec(number) ?? [];
  return digits === undefined ? undefined : systemValue(Number(digits), name);
}

/** Fields of a line; within quotes a comma is text and two quotes are one. */
function fieldsOf(line: string): string[] {
  if (!line.includes('"')) return line.split(",");
  return [...line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g)].map(
    ([, quoted, bare]) => bare ?? quoted?.replaceAll('""', '"') ?? "",
  );
}
