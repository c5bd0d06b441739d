/**
 * The JSON of a summary as it is read back: of the shape that `summary.ts` writes, and within its bounds. What is signed
 * may still be of another version, or of a renderer with a fault. Pure.
 */
import { z } from "zod";
import { SpampotsError } from "../errors.ts";
import { tlpLabels } from "../model.ts";
import { secondSchema } from "./exact-json.ts";
import type { Summary } from "./summary.ts";

/** Largest summary that is read, in bytes: one of ours has some 20,000. */
export const maxSummaryBytes = 1024 * 1024;

const count = z.int().min(0);
const text = z.string().max(1000);
const figure = { now: count, before: count, change_percent: z.int().nullable() };
const periodId = z.string().regex(/^\d{4}-(W\d{2}|\d{2}-\d{2}(T\d{2})?)$/);

/** Ranks have 20 rows, requests as many as there are kinds of them. */
const rows = <Row extends z.ZodRawShape>(row: Row) => z.array(z.object(row)).max(500);

const summarySchema: z.ZodType<Summary> = z.object({
  v: z.literal(1),
  feed: text,
  title: text,
  simulated: z.boolean(),
  tlp: z.enum(tlpLabels),
  economies: z.union([z.literal("all"), z.array(z.string().regex(/^[A-Z]{2}$/)).max(300)]),
  period: z.object({ id: periodId, start: secondSchema, end: secondSchema }),
  covers: z.object({ from: secondSchema, to: secondSchema }),
  before: z.object({ id: periodId, from: secondSchema, to: secondSchema }).nullable(),
  coverage: z.object({
    sensor_hours_expected: count,
    sensor_hours_seen: count,
    sensor_hours_expected_before: count,
    sensor_hours_seen_before: count,
  }),
  totals: z.object({
    captures: z.object(figure),
    recipients: z.object(figure),
    connections: z.object(figure),
    sources: z.object(figure),
    asns: z.object(figure),
    economies: z.object(figure),
  }),
  crossing: z.object({ known: z.object(figure), differing: z.object(figure) }),
  days: z
    .array(
      z.object({ day: z.iso.date(), captures: count, recipients: count, sources: count, sensors_reporting: count }),
    )
    .max(31),
  source_economies: rows({ economy: text, ...figure }),
  source_asns: rows({
    asn: count,
    as_name: text,
    economy: text,
    sources: count,
    new_sources: count,
    gone_sources: count,
    persistent_sources: count,
    ...figure,
  }),
  services: rows({ service: text, abused_port: count, ...figure }),
  requests: rows({ request_type: text, result: text, ...figure }),
  languages: rows({ language: text, ...figure }),
  target_domains: rows({ domain: text, captures: count, recipients: count, sources: count }),
  top_sources: rows({
    rank: count,
    asn: count.nullable(),
    as_name: text,
    economy: text,
    captures: count,
    recipients: count,
    days: count,
  }),
});

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Reads the bytes of a summary, whose digest was compared before. @throws SpampotsError `verify-failed` */
export function decodeSummary(bytes: Uint8Array): Summary {
  try {
    return summarySchema.parse(JSON.parse(utf8.decode(bytes)));
  } catch (cause) {
    throw new SpampotsError("verify-failed", "A summary isn't of the shape that is published.", {
      cause,
      hint: "It was made by another version. Publish the period again, or read the file itself.",
    });
  }
}
