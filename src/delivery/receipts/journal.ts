/**
 * Receipts: the record that a partner was handed a publication or an artifact. Noted on the local disk, durably, before
 * the first byte goes out; moved into the store later, many at once, as objects that are put once:
 *
 *     <journal>/<8-digit n>-<8 hex digits by chance>.jsonl            one receipt a line, as they came
 *     receipts/<partner>/<feed>/<8-digit sequence>-<instant>-<sha256>.jsonl
 *                                                                     what one file of the journal held of a feed
 *
 * The sequence is the greatest in the object, the instant its first: a log that has fewer publications than receipts tell
 * of was restored from an old copy. Objects are named by the content and name of the journal's file, so that one whose mover was killed is moved
 * again to the same keys, and receipts that say the same are as many as there were.
 *
 * The journal's folder belongs to one process at a time.
 */
import { createHash, randomBytes } from "node:crypto";
import { type FileHandle, mkdir, open, readdir, readFile, unlink } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { SpampotsError } from "../../errors.ts";
import { sequenceName } from "../../publication/log.ts";
import { hintOf } from "../../store/disk-error.ts";
import type { Store } from "../../store/store.ts";
import { type Receipt, receiptLines, receiptSchema } from "./receipt.ts";

const lineSchema = z.strictObject({ partner: z.string().max(40), receipt: receiptSchema });

/** Receipts on their way to the disk: those that come while a flush runs share the next one. */
interface Waiting {
  readonly lines: string[];
  readonly done: Promise<void>;
}

const newFile = (n: number) => `${String(n).padStart(8, "0")}-${randomBytes(4).toString("hex")}.jsonl`;

export class ReceiptJournal {
  readonly #folder: string;
  readonly #store: Store;
  #n: number;
  /** Name of the file that the next receipt goes to. */
  #name: string;
  #file: Promise<FileHandle> | undefined;
  #waiting: Waiting | undefined;
  #writing: Promise<void> = Promise.resolve();
  #moving: Promise<void> = Promise.resolve();

  private constructor(folder: string, store: Store, n: number) {
    this.#folder = folder;
    this.#store = store;
    this.#n = n;
    this.#name = newFile(n);
  }

  /**
   * Opens the journal; what an earlier process left there is moved with the rest.
   *
   * @param store the whole store.
   * @throws SpampotsError `disk-failed`
   */
  static async open(folder: string, store: Store): Promise<ReceiptJournal> {
    try {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      const last = numberOf((await files(folder)).at(-1));
      return new ReceiptJournal(folder, store, last + 1);
    } catch (error) {
      throw failed(error, folder);
    }
  }

  /** Notes receipts. Afterwards they are on the disk for good. @throws SpampotsError `disk-failed` */
  async note(partner: string, receipt: Receipt): Promise<void> {
    const line = `${JSON.stringify({ partner, receipt })}\n`;
    if (this.#waiting === undefined) {
      const lines: string[] = [];
      const before = this.#writing;
      const done = before
        .catch(() => undefined)
        .then(() => {
          this.#waiting = undefined;
          return this.#write(lines.join(""));
        });
      this.#waiting = { lines, done };
      this.#writing = done;
    }
    this.#waiting.lines.push(line);
    await this.#waiting.done;
  }

  async #write(text: string): Promise<void> {
    const path = join(this.#folder, this.#name);
    try {
      this.#file ??= open(path, "ax", 0o600);
      const file = await this.#file;
      await file.appendFile(text);
      await file.datasync();
      // Another process took our file for one that was left behind: what it didn't see is written again.
      if ((await file.stat()).nlink === 0) {
        await this.#leave();
        await this.#write(text);
      }
    } catch (error) {
      // Whatever part of it got to the disk: the next receipts go to a file of their own.
      await this.#leave();
      throw failed(error, path);
    }
  }

  /** Ends the current file; the next receipt begins another. */
  async #leave(): Promise<void> {
    const file = this.#file;
    if (file === undefined) return;
    this.#file = undefined;
    this.#n += 1;
    this.#name = newFile(this.#n);
    await file.then((handle) => handle.close()).catch(() => undefined);
  }

  /**
   * Moves everything noted so far into the store.
   *
   * @throws SpampotsError `store-unavailable`, `store-denied`, `disk-failed`: nothing is lost, and calling again goes on.
   */
  async move(): Promise<void> {
    const moved = this.#moving.catch(() => undefined).then(() => this.#moveAll());
    this.#moving = moved;
    await moved;
  }

  async #moveAll(): Promise<void> {
    const end = this.#writing.catch(() => undefined).then(() => this.#leave());
    this.#writing = end;
    await end;
    for (const name of await files(this.#folder)) {
      if (numberOf(name) >= this.#n) continue;
      const path = join(this.#folder, name);
      for (const [key, body] of batches(name, await readFile(path, "utf8"))) {
        await this.#store.putOnce(key, body, { contentType: "application/jsonl" });
      }
      await unlink(path);
    }
  }

  /** Moves what is there and ends. Call it when nothing is handed out any more. */
  async close(): Promise<void> {
    await this.move().finally(() => this.#leave());
  }
}

/** Names of the journal's files, oldest first. */
async function files(folder: string): Promise<string[]> {
  return (await readdir(folder)).filter((name) => /^\d{8}-[0-9a-f]{8}\.jsonl$/.test(name)).sort();
}

const numberOf = (name: string | undefined) => Number(name?.slice(0, 8) ?? 0);

/** Objects of the store for a file of the journal. A line that was cut was of an answer that never began. */
function* batches(name: string, text: string): Generator<readonly [key: string, body: Uint8Array]> {
  const byFeed = new Map<string, Receipt[]>();
  for (const line of text.slice(0, text.lastIndexOf("\n") + 1).split("\n")) {
    const read = readLine(line);
    if (read === undefined) continue;
    const place = `receipts/${read.partner}/${read.receipt.feed}/`;
    byFeed.set(place, [...(byFeed.get(place) ?? []), read.receipt]);
  }
  for (const [place, receipts] of byFeed) {
    const body = receiptLines(receipts);
    const newest = Math.max(...receipts.map(({ sequence }) => sequence));
    const digest = createHash("sha256").update(`${name}\n`).update(body).digest("hex").slice(0, 16);
    const begun = (receipts[0]?.at ?? "").replaceAll(/[-:]/g, "");
    yield [`${place}${sequenceName(newest)}-${begun}-${digest}.jsonl`, body];
  }
}

function readLine(line: string): z.infer<typeof lineSchema> | undefined {
  try {
    return lineSchema.parse(JSON.parse(line));
  } catch {
    return undefined;
  }
}

/** The receipt of a line, or none. */
function receiptsIn(line: string): Receipt[] {
  try {
    return [receiptSchema.parse(JSON.parse(line))];
  } catch {
    return [];
  }
}

const failed = (cause: unknown, path: string) =>
  new SpampotsError("disk-failed", "Receipts can't be noted, and without one nothing is handed out.", {
    cause,
    path,
    hint: hintOf(cause),
  });

/** A page of receipts, and where the next one begins. */
export interface ReceiptPage {
  readonly receipts: readonly Receipt[];
  /** Cursor for the next page; absent after the last. */
  readonly next?: string;
}

/**
 * Receipts of one partner from the store, by feed and sequence, in whole objects until there are at least `limit`.
 *
 * @param store confined to the partner's receipts.
 * @param after a cursor of an earlier page, or any string.
 */
export async function readReceipts(
  store: Store,
  { after, limit }: { after?: string; limit: number },
): Promise<ReceiptPage> {
  const receipts: Receipt[] = [];
  let last: string | undefined;
  for await (const { key } of store.list("", after === undefined ? {} : { after })) {
    if (receipts.length >= limit && last !== undefined) return { receipts, next: last };
    const text = new TextDecoder().decode(await store.get(key));
    // A damaged line hides no other; `spampots receipts` names the object that it stands in.
    receipts.push(...text.split("\n").flatMap(receiptsIn));
    last = key;
  }
  return { receipts };
}
