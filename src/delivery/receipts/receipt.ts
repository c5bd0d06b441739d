/**
 * A receipt: the record that a partner was handed a publication, or a file of it: when, how, and which digest. Pure.
 */
import { z } from "zod";
import { secondSchema, sha256Schema } from "../../publication/exact-json.ts";

const handed = {
  at: secondSchema,
  feed: z.string().max(40),
  sequence: z.int().min(1),
  /** An artifact's name; absent for the manifest, or where TAXII cut objects from several. */
  artifact: z.string().max(200).exactOptional(),
  /** Of the artifact as stored, or of the manifest's payload. */
  sha256: sha256Schema,
};

/** The partner came for it. */
const fetched = z.strictObject({
  ...handed,
  /** Bytes [from, to) of the artifact, where a part was handed out. */
  range: z.tuple([z.int(), z.int()]).exactOptional(),
  how: z.enum(["pull", "taxii", "portal"]),
  /** `jti` of the token, or of the session. */
  token: z.string().max(100),
  address: z.string().max(60),
});

/** It was brought to a destination, which took it. */
const pushed = z.strictObject({
  ...handed,
  how: z.enum(["push-s3", "push-https", "push-webhook", "push-taxii"]),
  /** Name of the destination in the subscription. */
  destination: z.string().max(40),
  /** Its URL, without secrets. */
  to: z.string().max(1400),
  /** Objects of the publication that a TAXII server refused; on the manifest's receipt. */
  refused: z.int().min(1).exactOptional(),
});

/** Schema of one receipt. */
export const receiptSchema = z.union([fetched, pushed]);

/** What a partner was handed, when, how, and which digest. `at` is RFC 3339 in whole seconds. */
export type Receipt = Readonly<z.infer<typeof receiptSchema>>;
/** Of what was pushed. */
export type PushReceipt = Readonly<z.infer<typeof pushed>>;

/** Receipts as they are stored: JSON, one a line. */
export function receiptLines(receipts: readonly Receipt[]): Uint8Array {
  return new TextEncoder().encode(receipts.map((receipt) => `${JSON.stringify(receipt)}\n`).join(""));
}
