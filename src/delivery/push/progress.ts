/**
 * How far a destination is: the receipt of a publication that it took is put once, under a name that destination and
 * sequence make, and is the progress as well. Publications are delivered in their order, so that the receipts of a
 * destination have no gap, and the newest is found with a few looks however long the log is.
 *
 *     receipts/<partner>/<feed>/<8-digit sequence>-to-<destination>.jsonl
 *     attempts/<partner>/<feed>/<destination>/<8-digit sequence>-<code>.json    why it wasn't taken so far, until it is
 */
import { z } from "zod";
import { type ErrorCode, isError, SpampotsError } from "../../errors.ts";
import type { Destination } from "../../feed/destinations.ts";
import type { Partner } from "../../feed/partners.ts";
import { secondsInstant } from "../../feed/period.ts";
import { sequenceName } from "../../publication/log.ts";
import type { PartnerLog } from "../../publication/plan.ts";
import type { Store } from "../../store/store.ts";
import { type PushReceipt, receiptLines, receiptSchema } from "../receipts/receipt.ts";

/** A lane, by names. */
export interface Lane {
  readonly partner: string;
  readonly feed: string;
  /** Name of the destination. */
  readonly destination: string;
}

/** A lane as it is configured. */
export interface ConfiguredLane {
  readonly lane: Lane;
  readonly partner: Partner;
  readonly destination: Destination;
}

/** The lanes of a log, in the order of its destinations. */
export function lanesOf({ partner, subscription: { feed, destinations } }: PartnerLog): ConfiguredLane[] {
  return destinations.map((destination) => ({
    lane: { partner: partner.id, feed: feed.id, destination: destination.name },
    partner,
    destination,
  }));
}

/** `jpcert-cc/spam-sources/https`: a lane for people, and as a key of maps. */
export const laneName = ({ partner, feed, destination }: Lane) => `${partner}/${feed}/${destination}`;

const receiptKey = ({ partner, feed, destination }: Lane, sequence: number) =>
  `receipts/${partner}/${feed}/${sequenceName(sequence)}-to-${destination}.jsonl`;

/** Was this publication delivered? @param store the whole store. */
export async function isDelivered(store: Store, lane: Lane, sequence: number): Promise<boolean> {
  return (await store.stat(receiptKey(lane, sequence))) !== undefined;
}

/**
 * The newest publication that the destination took; 0 for none. One look where that is `tip`, the log's newest; else
 * about two for each doubling of how far it is behind.
 *
 * @param store the whole store.
 */
export async function deliveredTo(store: Store, lane: Lane, tip: number): Promise<number> {
  // Receipts have no gap: at the end `has` is delivered (or 0), `not` isn't (or is behind the end).
  let not = tip + 1;
  let has = tip;
  for (let step = 1; has > 0 && !(await isDelivered(store, lane, has)); step *= 2) {
    not = has;
    has = Math.max(0, has - step);
  }
  while (not - has > 1) {
    const middle = Math.floor((has + not) / 2);
    if (await isDelivered(store, lane, middle)) has = middle;
    else not = middle;
  }
  return has;
}

/**
 * Notes that a destination took a publication: every file of it, and the manifest last. Once, whoever does it again.
 */
export async function noteDelivered(
  store: Store,
  lane: Lane,
  sequence: number,
  receipts: readonly PushReceipt[],
): Promise<void> {
  await store.putOnce(receiptKey(lane, sequence), receiptLines(receipts), { contentType: "application/jsonl" });
}

/** Forgets what failed of publications up to this one: the destination has them. */
export async function forgetAttempts(store: Store, lane: Lane, sequence: number): Promise<void> {
  const attempts = attemptsOf(store, lane);
  for await (const { key } of attempts.list("")) {
    if (Number(key.slice(0, 8)) <= sequence) await attempts.delete(key);
  }
}

/** The receipts of one delivery, but those that are damaged; `undefined` where it wasn't made. @param store the whole store. */
export async function receiptsOf(
  store: Store,
  lane: Lane,
  sequence: number,
): Promise<readonly PushReceipt[] | undefined> {
  const bytes = await store.get(receiptKey(lane, sequence));
  if (bytes === undefined) return undefined;
  return new TextDecoder()
    .decode(bytes)
    .split("\n")
    .flatMap((line) => {
      const receipt = receiptSchema.safeParse(parsed(line)).data;
      return receipt !== undefined && "destination" in receipt ? [receipt] : [];
    });
}

/** The store isn't trusted: `undefined` where it is no JSON. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const attemptSchema = z.strictObject({
  at: z.string(),
  sequence: z.int(),
  code: z.string(),
  message: z.string(),
  reason: z.string().exactOptional(),
});

/** An attempt that failed: the first of its kind for a publication. */
export type Attempt = Readonly<z.infer<typeof attemptSchema>>;

const attemptsOf = (store: Store, lane: Lane) => store.under(`attempts/${laneName(lane)}`);

/**
 * Notes why a destination doesn't take a publication: the first time that it fails in this way. `now` in milliseconds.
 */
export async function noteAttempt(
  store: Store,
  lane: Lane,
  sequence: number,
  { error, now }: { readonly error: unknown; readonly now: number },
): Promise<void> {
  const failure = isError(error) ? error : new SpampotsError("internal", "A delivery failed.", { cause: error });
  const { reason } = failure.facts;
  const code: ErrorCode = failure.code;
  const attempt: Attempt = {
    at: secondsInstant(now),
    sequence,
    code,
    message: failure.message,
    ...(typeof reason === "string" ? { reason } : {}),
  };
  await attemptsOf(store, lane).putOnce(
    `${sequenceName(sequence)}-${code}.json`,
    new TextEncoder().encode(JSON.stringify(attempt)),
    { contentType: "application/json" },
  );
}

/** What failed for a lane and wasn't made good since, oldest first. @param store the whole store. */
export async function failedAttempts(store: Store, lane: Lane): Promise<readonly Attempt[]> {
  const attempts = attemptsOf(store, lane);
  const found: Attempt[] = [];
  for await (const { key, modifiedAt } of attempts.list("")) {
    const [, number, code] = /^(\d{8})-(.+)\.json$/.exec(key) ?? [];
    // A runner may have been killed after the receipt, and before it forgot this.
    if (code === undefined || (await isDelivered(store, lane, Number(number)))) continue;
    const bytes = await attempts.get(key);
    if (bytes === undefined) continue;
    // Of a note that is damaged the name tells the most.
    const named = { at: secondsInstant(modifiedAt), sequence: Number(number), code, message: "The note is damaged." };
    found.push(attemptSchema.safeParse(parsed(new TextDecoder().decode(bytes))).data ?? named);
  }
  return found.sort((a, b) => (a.at < b.at ? -1 : 1));
}
