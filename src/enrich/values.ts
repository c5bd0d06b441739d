/**
 * What a table can say, as text: `TW`, or `3462 Data Communication Business Group`, or nothing. One form for both kinds,
 * so that ranges and files need not know which they hold.
 */
import { plain } from "../log.ts";
import type { AutonomousSystem } from "../model.ts";
import { isEconomy } from "./economies.ts";

const greatestAsn = 2 ** 32 - 1;
const longestName = 200;

/** The text for an economy as a table writes it. Letters that are no economy's code (EU, AP, ZZ, none) say nothing. */
export function economyValue(code: string): string {
  return isEconomy(code) ? code : "";
}

/**
 * The text for an AS; `undefined` where `number` is none. AS 0 (RFC 7607) says that nobody originates the addresses.
 * Names come from registries, where anyone may choose one: control characters are replaced, and long names cut.
 */
export function systemValue(number: number, name: string): string | undefined {
  if (!Number.isInteger(number) || number < 0 || number > greatestAsn) return undefined;
  if (number === 0) return "";
  const shown = [...plain(name).trim()].slice(0, longestName).join("");
  return shown === "" ? String(number) : `${number} ${shown}`;
}

/** The AS that {@link systemValue} wrote; `undefined` for the empty text. */
export function systemOf(value: string): AutonomousSystem | undefined {
  if (value === "") return undefined;
  const space = value.indexOf(" ");
  if (space < 0) return Object.freeze({ asn: Number(value) });
  return Object.freeze({ asn: Number(value.slice(0, space)), name: value.slice(space + 1) });
}
