/**
 * The collections of all partners: an index for each, brought up to date from the log when it is asked. Publications come
 * in part by part, in a thread; those withdrawn or expired go out first. Nothing is answered from an index that isn't up
 * to date.
 *
 * @see `docs/decisions/0014-taxii-index.md`
 */
import { extname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { SpampotsError } from "../../errors.ts";
import { Workers } from "../../workers.ts";
import { type PartSource, partsOf, readStored, readTexts } from "./parts.ts";
import { CollectionReader, type ObjectRecord } from "./read.ts";
import { discardIndex, type IndexedPart, isDamaged } from "./schema.ts";
import type { IndexAnswer, IndexWork } from "./thread.ts";

/** A publication whose objects a collection has now: neither withdrawn nor expired. */
export interface HeldPublication {
  readonly sequence: number;
  readonly payloadSha256: string;
  /** STIX objects over all its parts. */
  readonly objects: number;
}

/** Indexes that are open at the same time; each takes a few megabytes. */
const mostOpen = 32;

/** Parts that are in memory unpacked at the same time, over all requests. */
const mostUnpacked = 4;

/** How long a request waits for an index to be up to date, in milliseconds. */
const usualPatienceMs = 10_000;

export class Collections {
  readonly #folder: string;
  readonly #writer: Writer;
  readonly #open = new Map<string, Collection>();
  readonly #turns = new Turns(mostUnpacked);
  readonly #patienceMs: number;

  /**
   * @param folder for the indexes; it can be deleted whenever nothing serves.
   * @param patienceMs how long whoever asks waits for an index to be up to date.
   */
  constructor(folder: string, patienceMs = usualPatienceMs) {
    this.#folder = folder;
    this.#patienceMs = patienceMs;
    const module = new URL(`./thread${extname(import.meta.url)}`, import.meta.url);
    this.#writer = new Workers<IndexWork, IndexAnswer>(module, { count: 1 });
  }

  /** The collection of a partner's feed. */
  of(partner: string, feed: string): Collection {
    const path = join(this.#folder, partner, `${feed}.sqlite`);
    const collection = this.#open.get(path) ?? new Collection(path, this.#writer, this.#patienceMs);
    this.#open.delete(path);
    this.#open.set(path, collection);
    const [oldest] = this.#open;
    if (this.#open.size > mostOpen && oldest !== undefined) {
      this.#open.delete(oldest[0]);
      oldest[1].close();
    }
    return collection;
  }

  /** The texts of objects of one part: see {@link readTexts}. */
  texts(source: PartSource, part: IndexedPart, records: readonly ObjectRecord[]): Promise<readonly Uint8Array[]> {
    return this.#turns.take(() => readTexts(source, part, records));
  }

  /** Ends the thread and closes the indexes: whatever was being written is written again another time. */
  async close(): Promise<void> {
    await this.#writer.close();
    for (const collection of this.#open.values()) collection.close();
    this.#open.clear();
  }
}

type Writer = Workers<IndexWork, IndexAnswer>;

/** One collection. */
export class Collection {
  readonly #path: string;
  readonly #writer: Writer;
  readonly #patienceMs: number;
  #reader: CollectionReader | undefined;
  /** Parts in the index as of when the reader was opened: by then nothing had changed since. */
  #parts: readonly IndexedPart[] = [];
  /** Their objects by publication. */
  #indexed = new Map<string, number>();
  #bringing: Promise<void> | undefined;

  constructor(path: string, writer: Writer, patienceMs: number) {
    this.#path = path;
    this.#writer = writer;
    this.#patienceMs = patienceMs;
  }

  /**
   * Waits until the index has exactly what these publications hold.
   *
   * @throws SpampotsError `not-ready` where that takes longer than a request should wait: it goes on meanwhile;
   *   `store-unavailable`, `verify-failed`, `disk-failed`.
   */
  async follow(held: readonly HeldPublication[], source: PartSource): Promise<void> {
    if (this.#isOf(held)) return;
    const over = new AbortController();
    const late = sleep(this.#patienceMs, "late" as const, { signal: over.signal }).catch(() => "late" as const);
    try {
      while (!this.#isOf(held)) {
        this.#bringing ??= this.#bring(held, source).finally(() => {
          this.#bringing = undefined;
        });
        if ((await Promise.race([this.#bringing, late])) === "late") throw notReady("What was published lately", 30);
      }
    } finally {
      over.abort();
    }
  }

  /** Asks the index, all at once. @throws SpampotsError `not-ready` where it is damaged: it is made anew at the next call. */
  ask<Answer>(question: (reader: CollectionReader) => Answer): Answer {
    try {
      return question(this.#opened());
    } catch (error) {
      if (!isDamaged(error)) throw error;
      this.close();
      discardIndex(this.#path);
      throw notReady("What was published", 10, error);
    }
  }

  close(): void {
    this.#reader?.close();
    this.#reader = undefined;
  }

  #opened(): CollectionReader {
    if (this.#reader !== undefined) return this.#reader;
    const reader = openReader(this.#path);
    this.#parts = reader.parts();
    this.#indexed = new Map();
    for (const { publication, objects } of this.#parts)
      this.#indexed.set(publication, (this.#indexed.get(publication) ?? 0) + objects);
    this.#reader = reader;
    return reader;
  }

  /** True where the index has all parts of these publications, and no others. */
  #isOf(held: readonly HeldPublication[]): boolean {
    this.#opened();
    return this.#indexed.size === held.length && !held.some((publication) => this.#lacks(publication));
  }

  #lacks({ payloadSha256, objects }: HeldPublication): boolean {
    return this.#indexed.get(payloadSha256) !== objects;
  }

  async #bring(held: readonly HeldPublication[], source: PartSource): Promise<void> {
    try {
      // Another process may have been at work in the same folder.
      this.close();
      this.#opened();
      const wanted = new Set(held.map(({ payloadSha256 }) => payloadSha256));
      const there = new Set<string>();
      for (const { first, publication } of this.#parts) {
        if (wanted.has(publication)) there.add(`${publication} ${first}`);
        else if ((await this.#write({ path: this.#path, remove: first })) === "discarded") return;
      }
      for (const { sequence } of held.filter((publication) => this.#lacks(publication))) {
        for (const part of partsOf(await source.read(sequence))) {
          if (there.has(`${part.publication} ${part.first}`)) continue;
          const stored = await readStored(source, part);
          if ((await this.#write({ path: this.#path, add: part, stored })) === "discarded") return;
        }
      }
    } finally {
      // A reader knows the types and parts of when it was opened.
      this.close();
      await this.#write({ path: this.#path, end: true });
    }
  }

  async #write(work: IndexWork): Promise<IndexAnswer> {
    try {
      return await this.#writer.ask(work, "stored" in work ? [work.stored.buffer] : []);
    } catch (cause) {
      throw indexFailed("The index of published objects can't be written.", this.#path, cause);
    }
  }
}

/** A reader of an index; where the file is damaged, of an empty one in its place. */
function openReader(path: string): CollectionReader {
  try {
    return new CollectionReader(path);
  } catch (error) {
    if (!isDamaged(error)) throw indexFailed("The index of published objects can't be opened.", path, error);
    discardIndex(path);
    return new CollectionReader(path);
  }
}

function indexFailed(message: string, path: string, cause: unknown): SpampotsError {
  return new SpampotsError("disk-failed", message, {
    cause,
    path,
    hint: "Look at the disk that holds it. It can be deleted at any time: it is made again.",
  });
}

function notReady(what: string, seconds: number, cause?: unknown): SpampotsError {
  return new SpampotsError("not-ready", `${what} is being prepared for you.`, {
    cause,
    hint: "Ask again as the header Retry-After says.",
    retryAfter: seconds,
  });
}

/** Lets so many pieces of work run at the same time; others wait in order. */
class Turns {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(count: number) {
    this.#free = count;
  }

  async take<Answer>(work: () => Promise<Answer>): Promise<Answer> {
    if (this.#free > 0) this.#free -= 1;
    else await new Promise<void>((go) => this.#waiting.push(go));
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free += 1;
      else next();
    }
  }
}
