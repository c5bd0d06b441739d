/**
 * The manifest: the statement of what a publication holds, and the payload that is signed. Its schema is the one source
 * of the TypeScript type and of the published JSON Schema. Pure.
 *
 * @see design §3 points 9-13; `docs/schemas/manifest-1.json` is {@link manifestJsonSchema}
 */
import { createHash } from "node:crypto";
import { z } from "zod";
import { SpampotsError } from "../errors.ts";
import { cadences, type Tlp, tlpLabels } from "../model.ts";
import {
  decodeExact,
  encodeExact,
  type Frozen,
  jsonSchema,
  microsecondSchema,
  recordOf,
  secondSchema,
  sha256Schema,
} from "./exact-json.ts";

/** Largest manifest that is written or read, in bytes. */
export const maxManifestBytes = 16 * 1024 * 1024;

const count = z.int().min(0);
const ordinal = z.int().min(1).max(99_999_999);
const text = z.string().min(1).max(1000);
const id = z
  .string()
  .regex(/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/)
  .max(40);
const periodId = z.string().regex(/^\d{4}-(W\d{2}|\d{2}-\d{2}(T\d{2})?)$/);
const tlp = z.enum(tlpLabels);

/** A half-open interval. */
const interval = { from: secondSchema, to: secondSchema };

const artifact = z
  .strictObject({
    name: z
      .string()
      .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,179}$/)
      .describe("File name; holds feed, period and TLP label."),
    media_type: text,
    content_encoding: z.literal("gzip").exactOptional(),
    bytes: count.describe("Of the stored file."),
    sha256: sha256Schema.describe("Of the stored file."),
    content_bytes: count.describe("Without compression."),
    content_sha256: sha256Schema.describe("Without compression."),
    rows: count.exactOptional().describe("CSV: records after the header."),
    objects: count.exactOptional().describe("STIX: objects in this part's bundle, repeats counted."),
    part: ordinal.exactOptional().describe("Number of this part, from 1, where a rendering has several."),
  })
  .refine(
    (entry) => entry.media_type.startsWith("text/csv") === (entry.rows !== undefined),
    "CSV artifacts, and no others, state rows.",
  )
  .refine(
    (entry) => entry.media_type.startsWith("application/stix+json") === (entry.objects !== undefined),
    "STIX artifacts, and no others, state objects.",
  )
  .refine(
    (entry) =>
      entry.content_encoding !== undefined ||
      (entry.content_sha256 === entry.sha256 && entry.content_bytes === entry.bytes),
    "Without an encoding, content and file are the same bytes.",
  );

const openPeriod = z.strictObject({
  period: periodId,
  sequence: ordinal.describe("Newest publication of the period."),
  revision: count,
  input_digest: sha256Schema,
  again: count,
  state: z.enum(["published", "withdrawn"]),
  published_at: microsecondSchema,
});

const members = z.strictObject({
  v: z.literal(1),
  type: z.literal("spampots-manifest"),
  issuer: text,
  partner: id,
  feed: id,
  sequence: ordinal.describe("From 1, without gaps, for each partner and feed: the reader's cursor."),
  previous_sha256: sha256Schema.nullable().describe("SHA-256 of the payload of sequence - 1; null for the first."),
  kind: z.enum(["publication", "withdrawal"]),
  period: z.strictObject({ every: z.enum(cadences), id: periodId, start: secondSchema, end: secondSchema }),
  covers: z.strictObject(interval).describe("The part of the period in which the MoU was in force."),
  revision: count.describe("0 for the first publication of a period, then one more each time, withdrawals included."),
  supersedes: ordinal.nullable().describe("Sequence of the previous publication of the same period, or null."),
  withdraws: z
    .strictObject({ sequences: z.array(ordinal).nonempty().max(10_000), reason: text, revoked: z.boolean() })
    .exactOptional()
    .describe("Withdrawals only: every withdrawn sequence of the period."),
  simulated: z.boolean().describe("True where captures were made by `spampots simulate`."),
  tlp: tlp.describe("TLP 2.0 label of every artifact."),
  mou: z.strictObject({
    reference: text,
    purposes: z.array(text).max(100),
    onward: z.enum(["constituents", "none"]),
    retention_days: count,
  }),
  feed_definition: recordOf(jsonSchema).describe("The feed as it was."),
  policy: z.strictObject({
    digest: sha256Schema,
    economies: z.union([
      z.literal("all"),
      z.array(z.strictObject({ code: z.string().regex(/^[A-Z]{2}$/), since: secondSchema.exactOptional() })).max(300),
    ]),
    covers: z.strictObject(interval),
    tlp,
    masks: z.array(text).max(200),
  }),
  schema_version: ordinal.describe("Version of the columns."),
  renderer_version: ordinal,
  input: z.strictObject({
    batches: count,
    digest: sha256Schema.describe("Over the sorted ids and generations of the batches."),
    generations: count,
    exclusions: count,
    again: count,
    revokes: count,
  }),
  tables: z
    .array(z.strictObject({ kind: text, name: text, date: z.iso.date(), rows: count, sha256: sha256Schema }))
    .max(1000)
    .describe("Tables of addresses that attributed economies and ASNs."),
  coverage: z.strictObject({ sensor_hours_expected: count, sensor_hours_seen: count }),
  counts: recordOf(count),
  artifacts: z.array(artifact).max(20_000),
  notes: z.array(text).max(100).describe("What a reader should know, in plain sentences."),
  published_at: microsecondSchema.describe("Rises with each sequence, by more than the STIX objects before it."),
  next_by: secondSchema.nullable().describe("A later publication is there by then; null where none is expected."),
  retain_until: secondSchema.describe("Artifacts may be deleted from then on."),
  open_periods: z.array(openPeriod).max(100_000),
  published_periods: z
    .array(z.tuple([secondSchema, secondSchema]))
    .max(100_000)
    .describe("Runs of periods that were published: first start, last end."),
});

/** The schema of a manifest. */
export const manifestSchema = members.superRefine((manifest, context) => {
  for (const [path, message] of contradictions(manifest)) context.addIssue({ code: "custom", path: [path], message });
});

/** A manifest, members in snake_case as signed. */
export type Manifest = Frozen<z.infer<typeof manifestSchema>>;
/** One file of a publication, as its manifest states it. */
export type Artifact = Manifest["artifacts"][number];

function* contradictions(manifest: z.infer<typeof members>): Generator<readonly [string, string]> {
  const { sequence, period, covers, withdraws } = manifest;
  if ((sequence === 1) !== (manifest.previous_sha256 === null))
    yield ["previous_sha256", "Only the first has no previous one."];
  if (period.start >= period.end) yield ["period", "The period ends before it starts."];
  if (covers.from < period.start || covers.to > period.end || covers.from >= covers.to)
    yield ["covers", "This isn't a part of the period."];
  if ((manifest.revision === 0) !== (manifest.supersedes === null))
    yield ["supersedes", "Only revision 0 supersedes nothing."];
  if ((manifest.supersedes ?? 0) >= sequence) yield ["supersedes", "Only an earlier sequence can be superseded."];
  if ((manifest.kind === "withdrawal") !== (withdraws !== undefined))
    yield ["withdraws", "Withdrawals, and no others, state what they withdraw."];
  if (withdraws?.sequences.some((other) => other >= sequence))
    yield ["withdraws", "Only an earlier sequence can be withdrawn."];
  if (withdraws?.revoked === false && manifest.artifacts.length > 0)
    yield ["artifacts", "A withdrawal has artifacts only if it revokes."];
  if (manifest.policy.tlp !== manifest.tlp) yield ["tlp", "It isn't the policy's label."];
  if (new Set(manifest.artifacts.map((entry) => entry.name)).size < manifest.artifacts.length)
    yield ["artifacts", "A name is there twice."];
}

/**
 * The bytes to be signed: one line of JSON in UTF-8 without white space or newline, members always in the same order.
 *
 * @throws SpampotsError `bad-manifest` with every problem, also where it is larger than {@link maxManifestBytes}.
 */
export function encodeManifest(manifest: Manifest): Uint8Array {
  const checked = manifestSchema.safeParse(manifest);
  const refuse = (path: string, message: string) => ({ file: "manifest", path, message });
  if (!checked.success) {
    const problems = checked.error.issues.map((issue) => refuse(issue.path.join("."), issue.message));
    throw new SpampotsError("bad-manifest", "A manifest that was to be signed isn't of the schema.", { problems });
  }
  const bytes = encodeExact(manifestSchema, checked.data);
  if (bytes.length <= maxManifestBytes) return bytes;
  const problems = [refuse("", `It is larger than ${maxManifestBytes} bytes.`)];
  throw new SpampotsError("bad-manifest", "A manifest that was to be signed is too large.", { problems });
}

/**
 * Reads the payload of a signature. Accepts exactly what {@link encodeManifest} writes.
 *
 * @throws SpampotsError `bad-manifest` with every problem.
 */
export function decodeManifest(bytes: Uint8Array): Manifest {
  const decoded = decodeExact(manifestSchema, bytes, "manifest");
  if (decoded.value) return decoded.value;
  throw new SpampotsError("bad-manifest", "A manifest isn't of the published schema.", { problems: decoded.problems });
}

/** The published JSON Schema (draft 2020-12), as an object. */
export function manifestJsonSchema(): Readonly<Record<string, unknown>> {
  return { title: "Manifest of a publication, version 1", ...z.toJSONSchema(manifestSchema, { io: "input" }) };
}

/** Hex SHA-256 of a payload: what the next manifest names as `previous_sha256`. */
export function payloadDigest(payload: Uint8Array): string {
  return createHash("sha256").update(payload).digest("hex");
}

/** Microseconds since 1970 as `2026-11-10T03:12:44.000000Z`. */
export function microsecondInstant(micros: number): string {
  const seconds = Math.floor(micros / 1e6);
  const second = new Date(seconds * 1000).toISOString().slice(0, 19);
  return `${second}.${String(micros - seconds * 1e6).padStart(6, "0")}Z`;
}

/** The reverse of {@link microsecondInstant}. */
export function parseMicroseconds(instant: string): number {
  return Date.parse(`${instant.slice(0, 19)}Z`) * 1000 + Number(instant.slice(20, 26));
}

/**
 * When the next publication is made, in microseconds since 1970: now, or later where the previous one's STIX objects
 * need the microseconds up to there for `date_added` to be unique and rising.
 *
 * @see TAXII 2.1 §3.4 (date added), design §3 point 11
 */
export function nextPublishedAt(nowMicros: number, previous?: Manifest): number {
  return previous ? Math.max(nowMicros, leastNextPublishedAt(previous)) : nowMicros;
}

/** The earliest `published_at` of the publication after this one, in microseconds. */
export function leastNextPublishedAt(manifest: Manifest): number {
  return parseMicroseconds(manifest.published_at) + stixObjects(manifest) + 1;
}

/** STIX objects of a publication over all its parts, repeats counted. */
export function stixObjects(manifest: Manifest): number {
  return manifest.artifacts.reduce((sum, entry) => sum + (entry.objects ?? 0), 0);
}

/** Bytes of a publication's files, as stored. */
export function storedBytes(manifest: Manifest): number {
  return manifest.artifacts.reduce((sum, { bytes }) => sum + bytes, 0);
}

/** Where a feed of a partner stands in the store: the prefix of its `log/` and `artifacts/`. */
export function feedPrefix(partner: string, feed: string): string {
  return `partners/${partner}/${feed}`;
}

/** Key of an artifact below its feed's prefix: by content, so that what is the same is stored once. */
export function artifactKey(artifact: Pick<Artifact, "name" | "sha256">): string {
  return `artifacts/${artifact.sha256.slice(0, 16)}-${artifact.name}`;
}

/** A TLP label as it stands in file names: `tlp-amber-strict`. */
export function tlpInName(label: Tlp): string {
  return `tlp-${label.toLowerCase().replace("+", "-")}`;
}
