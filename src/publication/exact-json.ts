/**
 * Payloads that have exactly one spelling: what is signed is checked against a schema and must be, byte for byte, what
 * we would have written. One comparison refuses repeated members, unknown members, another order, other spellings of
 * numbers and white space, so that no two readers can disagree on a payload. Pure.
 *
 * @see RFC 8259 §4 (names within an object should be unique)
 */
import { z } from "zod";
import type { Problem } from "../errors.ts";

/** A type with every array and object in it read-only. */
export type Frozen<T> = T extends readonly [infer First, infer Second]
  ? readonly [Frozen<First>, Frozen<Second>]
  : T extends readonly (infer Item)[]
    ? readonly Frozen<Item>[]
    : T extends object
      ? { readonly [Key in keyof T]: Frozen<T[Key]> }
      : T;

/** A JSON value without fractions; objects leave with their members in the order of their names. */
export const jsonSchema: z.ZodType<unknown> = z.lazy(() =>
  z.union([z.null(), z.boolean(), z.int(), z.string().max(10_000), z.array(jsonSchema), recordOf(jsonSchema)]),
);

/** An object whose member names aren't known beforehand; it leaves with its members in the order of their names. */
export function recordOf<Item extends z.ZodType>(item: Item) {
  return z.record(z.string().min(1).max(200), item).overwrite(sortMembers);
}

function sortMembers<Value extends object>(record: Value): Value {
  const entries = Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries) as Value; // The same members, in another order.
}

/** An instant in whole seconds, UTC: 2026-11-10T03:12:44Z. */
export const secondSchema = instantSchema(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z$/, "2026-11-10T03:12:44Z");

/** An instant in microseconds, UTC: 2026-11-10T03:12:44.000000Z. */
export const microsecondSchema = instantSchema(
  /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{6}Z$/,
  "2026-11-10T03:12:44.000000Z",
);

function instantSchema(form: RegExp, example: string) {
  const says = `Write an instant such as ${example}.`;
  return z
    .string()
    .regex(form, says)
    .refine((text) => new Date(Date.parse(text) || 0).toISOString().slice(0, 19) === text.slice(0, 19), says);
}

/** A SHA-256 as text: 64 lower-case hex digits. */
export const sha256Schema = z.string().regex(/^[0-9a-f]{64}$/, "Write a SHA-256 as 64 lower-case hex digits.");

/** Either the value, or everything that is wrong with the bytes. */
export type Decoded<T> = { readonly value: T } | { readonly value?: never; readonly problems: readonly Problem[] };

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * The bytes of a value: JSON in UTF-8 without white space, members in the schema's order.
 *
 * @throws z.ZodError where the value isn't of the schema.
 */
export function encodeExact(schema: z.ZodType, value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(schema.parse(value)));
}

/** Reads what {@link encodeExact} wrote, and nothing else. `file` names the bytes in problems. Never throws. */
export function decodeExact<T>(schema: z.ZodType<T>, bytes: Uint8Array, file: string): Decoded<T> {
  const refuse = (path: string, message: string) => ({ problems: [{ file, path, message }] });
  try {
    const text = utf8.decode(bytes);
    const result = schema.safeParse(JSON.parse(text));
    if (!result.success)
      return { problems: result.error.issues.flatMap((issue) => refuse(issue.path.join("."), issue.message).problems) };
    if (JSON.stringify(result.data) === text) return { value: result.data };
    return refuse("", "Its members are repeated, in another order or written in another way.");
  } catch {
    // Not UTF-8, not JSON, or nested so deeply that reading it ends in a RangeError: hostile either way.
    return refuse("", "This is not JSON in UTF-8.");
  }
}
