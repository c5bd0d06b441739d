/**
 * What rendering is given and what it gives back. A renderer takes the rows of one slice, in their order, as chunks of
 * columns, and leaves finished files in a folder: the stage between slice and manifest.
 *
 * Content (the uncompressed text) is a function of rows and context alone: not of the chunks' sizes, the clock, the
 * machine, the partner or the sequence (design, decision 12).
 */
import { SpampotsError } from "../errors.ts";
import { type FieldType, fields, type Grain } from "../fields.ts";
import type { Cell, Chunk, Period, Tlp } from "../model.ts";
import { tlpInName } from "./manifest.ts";

/** Everything of a slice that its artifacts depend on, beside the rows. */
export interface RenderContext {
  /** Feed id, such as `spam-sources`. */
  readonly feed: string;
  readonly grain: Grain;
  readonly period: Period;
  readonly tlp: Tlp;
  /** The feed's columns in order, without `row_id` and `tlp`, which rendering adds. */
  readonly columns: readonly string[];
  /** SHA-256 of the policy, hex. */
  readonly policyDigest: string;
  readonly economies: "all" | readonly string[];
  /** Secret of the site, behind every `row_id`. */
  readonly siteKey: Uint8Array;
  /** `identityId` is a constant STIX id (`identity--` and a UUIDv4). */
  readonly issuer: { readonly name: string; readonly identityId: string };
  /** STIX `modified` is the period's end and this many milliseconds. */
  readonly modifiedSteps: number;
  /** `revoke` records of this feed, policy and period: after each, STIX ids are new ones. */
  readonly revokes: number;
  /** A slice of grain `capture` with more rows has no STIX parts. */
  readonly stixMaxRows: number;
  /** Beside the whole, one CSV per source AS. */
  readonly splitBy?: "source_asn";
  /** Threads that rendering may use; 1: the caller's own alone. */
  readonly threads: number;
  /** Existing folder, empty of files of this slice. */
  readonly folder: string;
  /** True for a text that names a sensor. */
  readonly hits: (text: string) => boolean;
}

/** A finished file of a slice, on disk and flushed. Digests are SHA-256 in hex. */
export interface RenderedArtifact {
  readonly name: string;
  /** Of the uncompressed content. */
  readonly mediaType: string;
  readonly contentEncoding?: "gzip";
  /** Absolute or relative as the context's folder was. */
  readonly path: string;
  /** Of the file as it is. */
  readonly bytes: number;
  readonly sha256: string;
  /** Of the uncompressed content. */
  readonly contentBytes: number;
  readonly contentSha256: string;
  /** CSV: rows below the header. */
  readonly rows?: number;
  /** STIX: objects in the bundle. */
  readonly objects?: number;
  /** STIX: number of the part, from 1. */
  readonly part?: number;
}

/** Takes the rows of one slice. After a rejection only {@link Renderer.abort} may be called. */
export interface Renderer {
  /**
   * Renders a chunk: column 0 is the row's natural key, the others are the context's columns.
   *
   * @throws SpampotsError `sensor-exposed` where an attacker-written text names a sensor, `disk-failed`.
   */
  write(chunk: Chunk): Promise<void>;
  /**
   * Completes, flushes and lists the files; none where there is nothing to say.
   *
   * @throws SpampotsError `disk-failed`.
   */
  finish(): Promise<readonly RenderedArtifact[]>;
  /** Closes and deletes the files of an unfinished slice. Never throws. */
  abort(): Promise<void>;
  /** After {@link Renderer.finish}: sentences for the manifest on what was left out, and why. */
  readonly notes: readonly string[];
}

/** `spam-sources_2026-W46_tlp-amber-strict`: how the names of a slice's files begin. */
export function fileStem(context: Pick<RenderContext, "feed" | "period" | "tlp">): string {
  return `${context.feed}_${context.period.id}_${tlpInName(context.tlp)}`;
}

/**
 * The type of a column, from the field dictionary.
 *
 * @throws SpampotsError `internal` for a name that is no field.
 */
export function typeOf(column: string): FieldType {
  const field = fields.get(column);
  if (field === undefined) throw new SpampotsError("internal", "A column is no field of the dictionary.", { column });
  return field.type;
}

/**
 * Refuses a chunk that hasn't the natural key and the context's columns.
 *
 * @throws SpampotsError `internal`.
 */
export function checkShape(context: RenderContext, chunk: Chunk): void {
  const width = context.columns.length;
  if (chunk.columns.length === width + 1) return;
  throw new SpampotsError("internal", "A chunk's columns are not the slice's.", {
    feed: context.feed,
    expected: width + 1,
    found: chunk.columns.length,
  });
}

/** Distinct texts of a column that are remembered; past this the memory starts anew. Bounds memory, not correctness. */
export const rememberedTexts = 32_768;

/**
 * The last look before a text leaves.
 *
 * @throws SpampotsError `sensor-exposed`; the text itself stays out of the error, since it names a sensor.
 */
export function refuseExposed(context: RenderContext, column: string, text: string): void {
  if (!context.hits(text)) return;
  throw new SpampotsError("sensor-exposed", "A text that would leave names a sensor.", {
    hint: "The file of sensors knows more than when these captures were ingested: run `spampots ingest --again`, then publish. Where that doesn't help, exclude the batch.",
    feed: context.feed,
    period: context.period.id,
    column,
  });
}

/** Targets, which senders choose though they don't write them. */
const chosenBySenders: ReadonlySet<string> = new Set(["destination_fqdn", "destination_ip", "recipient_domains"]);

/**
 * True for a column that is looked at once more for sensors: what senders wrote or chose. Not digests: a number in their
 * hex is there by chance, or by the sender's patience, and tells nothing.
 */
export function isWatched(column: string): boolean {
  if (chosenBySenders.has(column)) return true;
  return fields.get(column)?.attackerWritten === true && !column.endsWith("_sha256");
}

/** A check of every distinct attacker-written cell of a chunk, for renderers that don't look at each distinct text anyway. */
export function exposureCheck(context: RenderContext): (chunk: Chunk) => void {
  const watched = context.columns.flatMap((column, index) =>
    isWatched(column) ? [{ column, index: index + 1, seen: new Set<Cell>() }] : [],
  );
  return (chunk) => {
    for (const { column, index, seen } of watched) {
      for (const cell of chunk.columns[index] ?? []) {
        if (cell === null || seen.has(cell)) continue;
        refuseExposed(context, column, String(cell));
        if (seen.size >= rememberedTexts) seen.clear();
        seen.add(cell);
      }
    }
  };
}
