/**
 * A partner's book: every receipt, pushes and pulls, in order of time. Read from the store alone, so that the book of a
 * partner who has left is there as before.
 */
import { SpampotsError } from "../../errors.ts";
import { identifier } from "../../feed/feeds.ts";
import { shownJson } from "../../log.ts";
import { sequenceName } from "../../publication/log.ts";
import type { Store } from "../../store/store.ts";
import { type Receipt, receiptSchema } from "./receipt.ts";
import { sortedLines } from "./sorted-lines.ts";

/** What of a book is wanted. Instants are RFC 3339 in whole seconds, as in receipts. */
export interface BookSelection {
  readonly partner: string;
  readonly feed?: string;
  /** The first instant that is in it. */
  readonly since?: string;
  /** The first instant that isn't in it any more. */
  readonly until?: string;
}

/** What a book is read with. */
export interface BookReading {
  /** For what doesn't fit into memory; removed afterwards. */
  readonly folder: string;
  /** Called with the key of an object in which a line is no receipt. */
  readonly onUnreadable: (key: string) => void;
  /** Characters that are kept in memory, where not as many as usual. */
  readonly most?: number;
}

/** Objects that are read at the same time. */
const objectsAtOnce = 16;

/**
 * Receipts by time, then feed and sequence; in memory that doesn't grow with the book.
 *
 * @param store the whole store.
 * @throws SpampotsError `not-found` where nothing was ever published for, or handed to, such a partner.
 */
export async function* receiptBook(
  store: Store,
  selection: BookSelection,
  { folder, onUnreadable, most }: BookReading,
): AsyncGenerator<Receipt> {
  await checkKnown(store, selection.partner);
  for await (const line of sortedLines(lines(store, selection, onUnreadable), folder, most))
    yield JSON.parse(line.slice(line.lastIndexOf("\t") + 1));
}

/** A mistyped name must not pass for a partner who was handed nothing. */
async function checkKnown(store: Store, partner: string): Promise<void> {
  if (identifier.safeParse(partner).success) {
    for (const place of ["receipts", "partners"]) {
      for await (const _ of store.children(`${place}/${partner}/`)) return;
    }
  }
  throw new SpampotsError("not-found", "There is no such partner in the store.", {
    partner,
    hint: "Names are those of partners.yaml, former ones too.",
  });
}

/** Receipts as lines that sort as the book does. */
async function* lines(
  store: Store,
  { partner, feed, since = "", until = "~" }: BookSelection,
  onUnreadable: (key: string) => void,
): AsyncGenerator<string> {
  for await (const keys of batches(store.list(`receipts/${partner}/${feed === undefined ? "" : `${feed}/`}`))) {
    const texts = await Promise.all(keys.map(async (key) => new TextDecoder().decode(await store.get(key))));
    for (const [index, text] of texts.entries()) {
      const key = keys[index] ?? "";
      const receipts = text.split("\n").flatMap((line) => (line === "" ? [] : [readLine(line, key)]));
      if (receipts.length === 0 || receipts.includes(undefined)) onUnreadable(key);
      for (const receipt of receipts) {
        if (receipt === undefined || receipt.at < since || receipt.at >= until) continue;
        const order = [receipt.at, receipt.feed, sequenceName(receipt.sequence)];
        // No tab or line break of any kind is left in a part.
        yield [...order, JSON.stringify(receipt)].map(shownJson).join("\t");
      }
    }
  }
}

/** A receipt of the feed that its key names. The store isn't trusted. */
function readLine(line: string, key: string): Receipt | undefined {
  try {
    const receipt = receiptSchema.parse(JSON.parse(line));
    return receipt.feed === key.split("/")[2] ? receipt : undefined;
  } catch {
    return undefined;
  }
}

async function* batches(entries: AsyncIterable<{ readonly key: string }>): AsyncGenerator<string[]> {
  let keys: string[] = [];
  for await (const { key } of entries) {
    keys.push(key);
    if (keys.length < objectsAtOnce) continue;
    yield keys;
    keys = [];
  }
  if (keys.length > 0) yield keys;
}
