/**
 * Reads `delegated-extended` statistics files of the Regional Internet Registries: which economy a range of addresses
 * was allocated or assigned to.
 *
 * @see "RIR statistics exchange format" 2.3 (NRO): version line, summary lines, records
 *      `registry|cc|type|start|value|date|status|opaque-id`
 */
import { ipv4Number } from "../capture/address.ts";
import { ipv6Number, noteDate, type Reading } from "./reading.ts";
import { economyValue } from "./values.ts";

const held = new Set(["allocated", "assigned"]);
const free = new Set(["available", "reserved"]);

/** True where the first line that isn't empty or a comment is a version line. */
export function isDelegated(text: string): boolean {
  const lines = text.slice(0, 16_384).split("\n");
  const first = lines.map((line) => line.trim()).find((line) => line !== "" && !line.startsWith("#"));
  return /^\d+(?:\.\d+)?\|[a-z]+\|/.test(first ?? "");
}

/** Adds the rows of `text` to `reading`. Lines on AS numbers and free space say nothing of an economy and are passed over. */
export function readDelegated(file: string, text: string, reading: Reading): void {
  text.split("\n").forEach((raw, index) => {
    const line = raw.trim();
    if (line === "" || line.startsWith("#")) return;
    const problem = readLine(line.split("|"), reading);
    if (problem !== undefined) reading.malformed.push({ file, line: index + 1, message: problem });
  });
}

function readLine(parts: readonly string[], reading: Reading): string | undefined {
  const [registry = "", economy = "", type = "", start = "", value = "", day = "", status = ""] = parts;
  if (/^\d/.test(registry)) {
    // version|registry|serial|records|first day|last day|UTC offset: the serial need not be a day, the last day is one.
    const [, year, month, date] = /^(\d{4})(\d\d)(\d\d)$/.exec(day) ?? [];
    if (year === undefined) return "The version line states no last day.";
    noteDate(reading, `${year}-${month}-${date}`);
    return undefined;
  }
  if (day === "summary" || type === "asn" || free.has(status)) return undefined;
  if (!held.has(status)) return "The status is none of allocated, assigned, available, reserved.";
  if (type === "ipv4") return readIpv4(start, Number(value), economyValue(economy), reading);
  if (type === "ipv6") return readIpv6(start, Number(value), economyValue(economy), reading);
  return "The type is none of ipv4, ipv6, asn.";
}

/** `count` addresses from `start`; counts that are no power of two occur. */
function readIpv4(start: string, count: number, value: string, reading: Reading): string | undefined {
  const first = ipv4Number(start);
  if (first === undefined || !Number.isInteger(count) || count < 1 || first + count > 2 ** 32)
    return "It is no IPv4 address with a count of addresses.";
  reading.ipv4.push({ first: BigInt(first), last: BigInt(first + count - 1), value });
  return undefined;
}

/** The network of `length` bits at `start`. */
function readIpv6(start: string, length: number, value: string, reading: Reading): string | undefined {
  const first = ipv6Number(start);
  if (first === undefined || !Number.isInteger(length) || length < 1 || length > 128)
    return "It is no IPv6 address with a prefix length.";
  const size = 1n << BigInt(128 - length);
  if (first % size !== 0n) return "The prefix is longer than its length says.";
  reading.ipv6.push({ first, last: first + size - 1n, value });
  return undefined;
}
