/** The newest receipts of a feed, for a page: names tell which objects are of the newest publications, so few are read. */
import { mapAtOnce } from "../../at-once.ts";
import { sequenceName } from "../../publication/log.ts";
import type { Store } from "../../store/store.ts";
import { type Receipt, receiptSchema } from "./receipt.ts";

/** Objects that are read for a page, at most, and names that are looked at. */
const mostObjects = 200;
const mostNames = 50_000;

/** Publications that are looked at first; eight times as many where nothing was handed out of those. */
const window = 64;

/** Receipts by time, newest first. */
export interface NewestReceipts {
  readonly receipts: readonly Receipt[];
  /** Give this as `before` for older ones; absent where there are none. */
  readonly next?: number;
  /** True where some of these publications are left out: they have too many. */
  readonly cut: boolean;
}

/**
 * Receipts of the publications before number `before`, at most about `most`.
 *
 * @param store confined to the partner's receipts of the feed.
 */
export async function newestReceipts(store: Store, before: number, most: number): Promise<NewestReceipts> {
  for (let width = window; ; width *= 8) {
    const first = Math.max(1, before - width);
    const { names, cut } = await namesBetween(store, first, before);
    if (names.length === 0 && first > 1) continue;
    const { receipts, last } = await readBack(store, names, most);
    // Whole publications: of one that is in the page, all is that isn't cut.
    const next = last ?? (cut ? sequenceOf(names[0] ?? "1") : first);
    return { receipts, ...(next > 1 ? { next } : {}), cut };
  }
}

/** Names of the objects whose greatest sequence is in [first, before), oldest first; the newest ones, where too many. */
async function namesBetween(store: Store, first: number, before: number) {
  let names: string[] = [];
  let seen = 0;
  const end = sequenceName(before);
  // "~" comes after whatever stands behind a sequence.
  for await (const { key } of store.list("", { after: `${sequenceName(first - 1)}~` })) {
    if (key >= end || seen >= mostNames) break;
    seen += 1;
    names.push(key);
    if (names.length >= 2 * mostObjects) names = names.slice(-mostObjects);
  }
  const kept = names.slice(-mostObjects);
  return { names: kept, cut: seen > kept.length };
}

const sequenceOf = (name: string) => Number(name.slice(0, 8));

/** Reads objects from the newest publication back, a publication at a time. `last` is where it stopped before the end. */
async function readBack(store: Store, names: readonly string[], most: number) {
  const receipts: Receipt[] = [];
  const byPublication = Map.groupBy(names.toReversed(), sequenceOf);
  let last: number | undefined;
  for (const [sequence, group] of byPublication) {
    if (receipts.length >= most) return { receipts: newestFirst(receipts), last };
    for (const read of await mapAtOnce(group, 16, (name) => readObject(store, name))) receipts.push(...read);
    last = sequence;
  }
  return { receipts: newestFirst(receipts), last: undefined };
}

const newestFirst = (receipts: readonly Receipt[]) => receipts.toSorted((a, b) => (a.at < b.at ? 1 : -1));

/** What can't be read is left out: the store isn't trusted, and the command line names it. */
async function readObject(store: Store, name: string): Promise<Receipt[]> {
  const text = new TextDecoder().decode(await store.get(name));
  return text.split("\n").flatMap((line) => {
    try {
      return line === "" ? [] : [receiptSchema.parse(JSON.parse(line))];
    } catch {
      return [];
    }
  });
}
