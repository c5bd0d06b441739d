/**
 * Probes: texts that would tell their sender where a sensor is. Spammers mail themselves the address of the proxy they
 * found. Asked of envelope, request, raw message and decoded parts when a capture comes in, and again of every distinct
 * value an attacker wrote before it leaves.
 *
 * Pure, and a function of the sensors alone: the dates of an address are not looked at, since an address that a sensor
 * once had still tells who listens there.
 *
 * @see docs/fields.md, "Sensors are not unmasked"
 */
import { domainToASCII } from "node:url";
import { SpampotsError } from "../errors.ts";
import type { Sensor } from "../model.ts";
import { compatible } from "./compatible.ts";
import { AddressForms } from "./probe-addresses.ts";
import { Needles, shortestNeedle } from "./probe-needles.ts";

/** Looks for sensors. Time is linear in the text, whatever the number of sensors. */
export interface SensorPatterns {
  /** Says whether the text holds an address or a name of a sensor. `encoded` is the same in UTF-8, where that is at hand. */
  hits(text: string, encoded?: Buffer): boolean;
  /** The same for bytes in ASCII or any charset that keeps ASCII. */
  hitsBytes(bytes: Uint8Array): boolean;
  /**
   * The same for ASCII without percent signs, from `start` to before `end`: a stretch of bytes that begins and ends with
   * characters that are in no address and no name, such as quotes.
   */
  hitsStretch(bytes: Uint8Array, start: number, end: number): boolean;
}

const percentSign = 37;

/** Percent-encoding is taken off so many times over. */
const percentRounds = 3;

/** Texts up to so many UTF-16 units are encoded into memory that is there already. */
const shortText = 4096;

/** Base64 characters looked at before and after a needle, to see where its numbers end. */
const context = 16;

/**
 * Patterns for sensors: every address in the forms of {@link AddressForms}, every name in upper or lower case where no
 * letter or digit goes on, and both in base64 at any alignment; all of that percent-encoded too.
 *
 * @throws SpampotsError `bad-configuration` for a name of fewer than four bytes, which would stand in any text
 */
export function sensorPatterns(sensors: readonly Sensor[]): SensorPatterns {
  const addresses = new Set(sensors.flatMap((sensor) => sensor.addresses.map(({ address }) => address)));
  const names = new Set(sensors.flatMap((sensor) => sensor.names).flatMap(spellings));
  for (const name of names) {
    if (Buffer.byteLength(name) < shortestNeedle) {
      throw new SpampotsError("bad-configuration", "A name of a sensor is so short that it stands in any text.");
    }
  }
  const isEmpty = addresses.size + names.size === 0;
  const forms = new AddressForms(addresses);
  const encoded = [...addresses, ...names].flatMap(base64Forms);
  const needles = new Needles<"name" | "base64">([
    ...[...names].map((name) => [Buffer.from(name), "name"] as const),
    ...encoded.map((form) => [form, "base64"] as const),
  ]);

  const found = (bytes: Uint8Array, start: number, end: number): boolean =>
    forms.found(bytes, start, end) ||
    needles.found(
      bytes,
      (first, last, kind) =>
        kind === "name" ? standsAlone(bytes, first, last) : decodings(bytes, first, last).some(foundPlain),
      start,
      end,
    );
  // What was base64 isn't decoded again: one layer of it is enough.
  const foundPlain = (bytes: Buffer): boolean =>
    forms.found(bytes) || needles.found(bytes, (start, end, kind) => kind === "name" && standsAlone(bytes, start, end));

  const hitsBuffer = (bytes: Buffer): boolean => {
    if (isEmpty) return false;
    let layer: Buffer | undefined = bytes;
    for (let round = 0; round <= percentRounds && layer !== undefined; round += 1) {
      if (found(layer, 0, layer.length)) return true;
      layer = percentDecoded(layer);
    }
    return false;
  };
  const scratch = Buffer.allocUnsafeSlow(shortText * 3);
  const bytesOf = (text: string) =>
    text.length > shortText ? Buffer.from(text) : scratch.subarray(0, scratch.write(text));
  const hits = (text: string, encoded?: Buffer): boolean => {
    const bytes = encoded ?? bytesOf(text);
    if (hitsBuffer(bytes)) return true;
    const isAscii = bytes.length === text.length;
    if (text.length > longestFolded || (isAscii && !mayBeDefanged(text))) return false;
    const plainer = isAscii ? text.replace(defanged, ".") : folded(text);
    return plainer !== text && hitsBuffer(Buffer.from(plainer));
  };
  const hitsBytes = ({ buffer, byteOffset, length }: Uint8Array) => hitsBuffer(Buffer.from(buffer, byteOffset, length));
  const hitsStretch = (bytes: Uint8Array, start: number, end: number) => !isEmpty && found(bytes, start, end);
  return { hits, hitsBytes, hitsStretch };
}

/** Longer texts are searched as they are alone: folding costs memory several times theirs. */
const longestFolded = 1 << 22;

/** Of ASCII, only dots in brackets look different once they are {@link folded}. Plain searches: a pattern takes longer. */
const mayBeDefanged = (text: string): boolean => defangedBeginnings.some((beginning) => text.includes(beginning));
const defangedBeginnings = ["[.", "[d", "[D", "(.", "(d", "(D"];
const defanged = /\[(?:\.|dot)\]|\((?:\.|dot)\)|。/gi;

/** Full-width and other compatible characters in their plain form, invisible ones gone, `[.]` and its like as dots. */
function folded(text: string): string {
  return compatible(text)
    .replace(/\p{Cf}/gu, "")
    .replace(defanged, ".");
}

/** A name as it may be written: letters beyond ASCII in either case, or in their ASCII form. */
function spellings(name: string): string[] {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the whole of ASCII is meant
  if (/^[\x00-\x7f]*$/.test(name)) return [name.toLowerCase(), name.toUpperCase(), name];
  return [name, name.toLowerCase(), name.toUpperCase(), domainToASCII(name)].filter((spelling) => spelling !== "");
}

/** No letter or digit of ASCII goes on before `start` or from `end` on. */
function standsAlone(bytes: Uint8Array, start: number, end: number): boolean {
  return !isAlphanumeric(bytes[start - 1]) && !isAlphanumeric(bytes[end]);
}

function isAlphanumeric(byte = 0): boolean {
  const lower = byte | 32;
  return (byte >= 48 && byte <= 57) || (lower >= 97 && lower <= 122);
}

/** What of base64 doesn't depend on the bytes before and after `text`, for each of the three ways it may be aligned. */
function base64Forms(text: string): Buffer[] {
  const bytes = Buffer.from(text);
  const forms = [0, 1, 2].map((before) => {
    const encoded = Buffer.concat([Buffer.alloc(before), bytes]).toString("base64");
    const bits = (before + bytes.length) * 8;
    return encoded.slice(Math.ceil((before * 8) / 6), Math.floor(bits / 6));
  });
  return forms.filter((form) => form.length >= shortestNeedle).map((form) => Buffer.from(form));
}

/** The base64 around a needle, decoded in all four ways that it may begin. */
function decodings(bytes: Uint8Array, start: number, end: number): Buffer[] {
  let first = start;
  while (first > 0 && first > start - context && isBase64(bytes[first - 1])) first -= 1;
  let last = end;
  while (last < bytes.length && last < end + context && isBase64(bytes[last])) last += 1;
  const text = Buffer.from(bytes.buffer, bytes.byteOffset + first, last - first).toString("latin1");
  return [0, 1, 2, 3].map((skip) => Buffer.from(text.slice(skip), "base64"));
}

/** Of either alphabet of RFC 4648, padding excluded. */
function isBase64(byte = 0): boolean {
  return isAlphanumeric(byte) || byte === 43 || byte === 45 || byte === 47 || byte === 95;
}

/** The bytes with each `%41` become one byte, or `undefined` where there is none. */
function percentDecoded(bytes: Buffer): Buffer | undefined {
  let percent = bytes.indexOf(percentSign);
  if (percent < 0) return undefined;
  const decoded = Buffer.allocUnsafe(bytes.length);
  let length = 0;
  let from = 0;
  for (; percent >= 0; percent = bytes.indexOf(percentSign, percent + 1)) {
    if (percent < from) continue;
    const high = hexValue(bytes[percent + 1]);
    const low = hexValue(bytes[percent + 2]);
    if (high < 0 || low < 0) continue;
    length += bytes.copy(decoded, length, from, percent);
    decoded[length] = high * 16 + low;
    length += 1;
    from = percent + 3;
  }
  if (from === 0) return undefined;
  length += bytes.copy(decoded, length, from);
  return decoded.subarray(0, length);
}

function hexValue(byte = 0): number {
  if (byte >= 48 && byte <= 57) return byte - 48;
  const lower = byte | 32;
  return lower >= 97 && lower <= 102 ? lower - 87 : -1;
}
