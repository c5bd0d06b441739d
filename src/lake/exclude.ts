/**
 * Exclusion: a poisoned or mistaken batch counts no more, in any slice, from then on. Its rows stay in the lake; what was
 * published with it is revised by the next `publish`.
 *
 * @see design §3 point 9
 */
import { SpampotsError } from "../errors.ts";
import type { Lake } from "./lake.ts";
import type { BatchRecord, ExclusionRecord } from "./records.ts";

/** Hex digits of a batch id that must be given at least. */
export const leastPrefix = 8;

/**
 * The newest generation of the one batch whose id begins with `prefix`.
 *
 * @throws SpampotsError `bad-argument` for what is no beginning of an id, or of several batches; `not-found`.
 */
export async function findBatch(lake: Lake, prefix: string): Promise<BatchRecord> {
  if (!/^[0-9a-f]+$/.test(prefix) || prefix.length < leastPrefix || prefix.length > 64) {
    throw new SpampotsError("bad-argument", "This is no batch id.", {
      hint: `Give the id, or at least ${leastPrefix} hex digits of its beginning, as \`spampots lake batches\` shows it.`,
    });
  }
  const names = (await lake.names()).filter((name) => name.batch16.startsWith(prefix.slice(0, 16)));
  const [name, ...others] = names;
  if (name !== undefined && others.length > 0) {
    throw new SpampotsError("bad-argument", "Several batches begin so.", {
      hint: `Give more digits: ${names
        .slice(0, 5)
        .map(({ batch16 }) => batch16)
        .join(", ")}.`,
    });
  }
  const record = name && (await lake.record(name));
  if (record?.batch.startsWith(prefix)) return record;
  throw new SpampotsError("not-found", "There is no such batch in the lake.", {
    batch: prefix,
    hint: "`spampots lake batches` lists them.",
  });
}

/**
 * Excludes a batch for good. "exists" where it was excluded before; the record is then that earlier one.
 *
 * @throws SpampotsError `bad-argument` without a reason.
 */
export async function excludeBatch(
  lake: Lake,
  { batch, reason, now }: { readonly batch: string; readonly reason: string; readonly now: number },
): Promise<{ readonly outcome: "created" | "exists"; readonly record: ExclusionRecord }> {
  if (reason.trim() === "") {
    throw new SpampotsError("bad-argument", "An exclusion needs a reason.", {
      hint: "Whoever looks later wants to know.",
    });
  }
  const record: ExclusionRecord = { v: 1, batch, reason, excluded_at: now };
  if ((await lake.exclude(record)) === "created") return { outcome: "created", record };
  return { outcome: "exists", record: (await lake.exclusions()).get(batch) ?? record };
}
