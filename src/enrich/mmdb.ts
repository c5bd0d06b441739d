/**
 * Reads MaxMind DB files, by `mmdb-lib`. Its reader answers for an address with the length of the network that the
 * answer holds for, so asking for the first address after each network walks through the whole file, once.
 *
 * @see MaxMind DB File Format Specification 2.0, "Binary Search Tree Section" and "IPv4 addresses in an IPv6 tree"
 */
import { Reader } from "mmdb-lib";
import { ipv4Text } from "../capture/address.ts";
import { SpampotsError } from "../errors.ts";
import { ipv6Number, noteDate, type Reading } from "./reading.ts";
import type { TableKind } from "./table.ts";
import { economyValue, systemValue } from "./values.ts";

const metadataMarker = Buffer.from("\xab\xcd\xefMaxMind.com", "latin1");

/** True where the bytes end with an MMDB's metadata, which begins in the last 128 KiB. */
export function isMmdb(bytes: Buffer): boolean {
  return bytes.subarray(-131_072).includes(metadataMarker);
}

/** More networks than any real file has; a tree with a cycle would have no end. */
const mostNetworks = 20_000_000;

/** IPv6 networks under which the IPv4 tree shows again: IPv4 itself, mapped, Teredo, 6to4. They are passed over. */
const aliases: ReadonlyMap<bigint, number> = new Map(
  (
    [
      ["::", 96],
      ["::ffff:0:0", 96],
      ["2001::", 32],
      ["2002::", 16],
    ] as const
  ).map(([start, length]) => [ipv6Number(start) ?? 0n, length]),
);

/**
 * Adds the networks of an MMDB file to `reading`, and the day it was built.
 *
 * @throws SpampotsError `bad-table` where the file can't be read as one.
 */
export function readMmdb(file: string, bytes: Buffer, kind: TableKind, reading: Reading): void {
  try {
    const reader = new Reader(bytes);
    noteDate(reading, reader.metadata.buildEpoch.toISOString().slice(0, 10));
    const value = kind === "economy" ? economyIn : systemIn;
    const ask = (address: string) => {
      const [record, length] = reader.getWithPrefixLength(address);
      return { value: record === null ? undefined : value(record), length };
    };
    walk(32, (address) => ask(ipv4Text(Number(address))), reading.ipv4);
    if (reader.metadata.ipVersion === 6) walk(128, (address) => ask(groupsText(address)), reading.ipv6);
  } catch (cause) {
    throw new SpampotsError("bad-table", "An MMDB file can't be read.", {
      cause,
      file,
      hint: "Fetch the file again; compare its digest with the publisher's.",
    });
  }
}

type Answer = { readonly value: string | undefined; readonly length: number };

function walk(bits: 32 | 128, ask: (address: bigint) => Answer, rows: Reading["ipv4"]): void {
  const end = 1n << BigInt(bits);
  let address = 0n;
  for (let networks = 0; address < end; networks += 1) {
    if (networks > mostNetworks) throw new Error("The tree has no end.");
    const alias = bits === 128 ? aliases.get(address) : undefined;
    const { value, length } = alias === undefined ? ask(address) : { value: undefined, length: alias };
    // After an alias the address may stand inside a network rather than at its beginning.
    const last = address | ((1n << BigInt(bits - length)) - 1n);
    if (value !== undefined) rows.push({ first: address, last, value });
    address = last + 1n;
  }
}

function groupsText(address: bigint): string {
  const digits = address.toString(16).padStart(32, "0");
  return digits.replace(/.{4}(?=.)/g, "$&:");
}

/** GeoIP2's members, those of registration first, or a flat `country_code`. */
function economyIn(record: unknown): string | undefined {
  const code =
    member(member(record, "registered_country"), "iso_code") ??
    member(member(record, "country"), "iso_code") ??
    member(record, "country_code");
  return typeof code === "string" ? economyValue(code) : undefined;
}

function systemIn(record: unknown): string | undefined {
  const number = member(record, "autonomous_system_number");
  const name = member(record, "autonomous_system_organization");
  return typeof number === "number" ? systemValue(number, typeof name === "string" ? name : "") : undefined;
}

function member(record: unknown, name: string): unknown {
  return typeof record === "object" && record !== null ? Reflect.get(record, name) : undefined;
}
