/**
 * The story of upkeep: deletes what nothing needs any more from store, lake, `done/` and temporary folders. What it
 * deletes follows from manifests, records and times alone, so that it can be killed anywhere and run again. Manifests
 * and records are never deleted.
 *
 * @see design §3 points 2, 10 and 13
 */
import { readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Lake } from "../lake/lake.ts";
import { deadFiles, firstCommits } from "../lake/sweep.ts";
import type { Log } from "../log.ts";
import { dayMs } from "../model.ts";
import type { Settings } from "../settings.ts";
import type { Store, StoreEntry } from "../store/store.ts";
import { sweepTemporary, temporaryFolder, temporaryPath } from "../store/temporary.ts";
import { deleteUnneeded } from "./delete-unneeded.ts";
import type { PublicKey } from "./jwk.ts";
import { readTip, refuseForeign } from "./log.ts";
import { feedPrefix } from "./manifest.ts";
import { keyFinder } from "./sign.ts";
import { deadArtifacts } from "./sweep-artifacts.ts";

/** How long objects of `health/` are kept, in milliseconds: only the newest is looked at. */
const healthKeptMs = 21 * dayMs;

/** What is swept, in the order of the work. */
export const sweepKinds = [
  "expired artifacts",
  "withdrawn artifacts",
  "orphaned artifacts",
  "unnamed lake files",
  "replaced lake files",
  "expired lake files",
  "raw files",
  "temporary files",
  "old leases",
  "old health",
] as const;
export type SweepKind = (typeof sweepKinds)[number];

export interface SweepWorld {
  readonly store: Store;
  readonly lake: Lake;
  /** Public keys that may have signed manifests. */
  readonly keys: readonly PublicKey[];
  readonly settings: Pick<
    Settings,
    "data" | "store" | "lake" | "tables" | "keys" | "tips" | "done" | "retainRawDays" | "retainLakeDays"
  >;
  /** Milliseconds since 1970 UTC. */
  readonly now: number;
  readonly log: Log;
  /** Told which place is looked at. */
  readonly onProgress?: (place: string) => void;
}

/** Files and their bytes. */
export interface Swept {
  readonly files: number;
  readonly bytes: number;
}

export interface SweepReport {
  readonly kinds: Readonly<Record<SweepKind, Swept>>;
  /** Places where nothing could be told, and so nothing was deleted. */
  readonly failures: readonly { readonly place: string; readonly error: unknown }[];
}

const isFolder = (place: string) => !place.startsWith("s3://");

/**
 * What is swept: `here` are raw and temporary files of this machine, which nobody else can delete; `shared` is all that
 * machines have in common.
 */
export type SweepPlace = "here" | "shared";

export interface SweepOptions {
  /** Delete nothing; the report says what would be. */
  readonly dry?: boolean;
  /** Everything where absent. */
  readonly only?: SweepPlace;
}

/** Sweeps. What fails stops only its place. */
export async function sweep(world: SweepWorld, { dry = false, only }: SweepOptions = {}): Promise<SweepReport> {
  const run = new SweepRun(world, dry);
  if (only !== "here") await sweepShared(run, world);
  if (only !== "shared") await sweepHere(run);
  return run;
}

async function sweepShared(run: SweepRun, world: SweepWorld): Promise<void> {
  for await (const partner of world.store.children("partners/")) {
    for await (const feed of world.store.children(`partners/${partner}/`)) {
      if (feed !== "keys") await run.at(feedPrefix(partner, feed), (place) => run.feed(place, partner, feed));
    }
  }
  await run.at("lake", () => run.lake());
  await run.at("leases", () => run.old("leases", dayMs));
  await run.at("health", () => run.old("health", healthKeptMs));
}

async function sweepHere(run: SweepRun): Promise<void> {
  await run.at("done", () => run.raw());
  await run.at("temporary files", () => run.temporary());
}

class SweepRun implements SweepReport {
  readonly kinds: Record<SweepKind, Swept>;
  readonly failures: { place: string; error: unknown }[] = [];
  readonly #world: SweepWorld;
  readonly #dry: boolean;

  constructor(world: SweepWorld, dry: boolean) {
    this.#world = world;
    this.#dry = dry;
    const none = sweepKinds.map((kind) => [kind, { files: 0, bytes: 0 }]);
    this.kinds = Object.fromEntries(none) as Record<SweepKind, Swept>; // one entry for each kind, by the line above
  }

  async at(place: string, work: (place: string) => Promise<void>): Promise<void> {
    this.#world.onProgress?.(place);
    try {
      await work(place);
    } catch (error) {
      this.failures.push({ place, error });
      this.#world.log.error({ place, err: error }, "not swept");
    }
  }

  /** A log that is gone, or isn't its own, tells nothing of the files beside it. */
  async feed(prefix: string, partner: string, feed: string): Promise<void> {
    const { store, now, keys } = this.#world;
    const place = store.under(prefix);
    const keyOf = keyFinder(keys);
    const tip = await readTip(place, keyOf);
    if (tip === undefined) return;
    refuseForeign(tip, partner, feed, place);
    const judged = { keyOf, tip: tip.manifest.sequence, copy: temporaryPath(this.#world.settings.data) };
    for (const { fate, entry } of await deadArtifacts(place, keyOf, now)) {
      // What is expired is made no more; all else may be named again at any moment.
      const remove = fate === "expired" ? undefined : () => deleteUnneeded(place, entry, judged);
      await this.#delete(place, `${fate} artifacts`, entry, remove);
    }
  }

  async lake(): Promise<void> {
    const { lake, now, settings } = this.#world;
    for await (const { why, entry } of deadFiles(lake, { now, retainDays: settings.retainLakeDays })) {
      await this.#delete(lake.store, `${why} lake files`, entry);
    }
  }

  /** A raw file is kept as many days from when its batch was first committed, or, without a batch, from its own time. */
  async raw(): Promise<void> {
    const { lake, now, settings } = this.#world;
    const names = await namesIn(settings.done);
    const commits = names.length === 0 ? new Map<string, number>() : await firstCommits(lake);
    for (const name of names) {
      const path = join(settings.done, name);
      const facts = await stat(path).catch(() => undefined);
      const batch16 = /^([0-9a-f]{16})-/.exec(name)?.[1];
      if (batch16 === undefined || facts === undefined || !facts.isFile()) continue;
      if ((commits.get(batch16) ?? facts.mtimeMs) > now - settings.retainRawDays * dayMs) continue;
      if (!this.#dry) await rm(path, { force: true });
      this.#count("raw files", facts.size);
    }
  }

  async temporary(): Promise<void> {
    const { data, lake, tables, keys, tips, store } = this.#world.settings;
    const before = this.#world.now - dayMs;
    const marks = (await namesIn(tips)).map((name) => join(tips, name));
    for (const root of new Set([data, tables, keys, ...marks, ...[lake, store].filter(isFolder)])) {
      const found = await leftovers(root);
      if (!this.#dry) await sweepTemporary(root, before);
      const left = this.#dry ? found.filter(({ modifiedAt }) => modifiedAt >= before) : await leftovers(root);
      const kept = new Set(left.map(({ path }) => path));
      for (const { path, bytes } of found) if (!kept.has(path)) this.#count("temporary files", bytes);
    }
  }

  /** What runners that were killed left, since a lease is good for minutes; and how the site stood weeks ago. */
  async old(place: "leases" | "health", keptMs: number): Promise<void> {
    const { store, now } = this.#world;
    for await (const entry of store.list(`${place}/`)) {
      if (entry.modifiedAt <= now - keptMs) await this.#delete(store, `old ${place}`, entry);
    }
  }

  async #delete(
    store: Store,
    kind: SweepKind,
    entry: StoreEntry,
    remove = () => store.delete(entry.key).then(() => true),
  ): Promise<void> {
    // Whoever put the same again since the listing needs it.
    const facts = await store.stat(entry.key);
    if (facts === undefined || facts.modifiedAt > entry.modifiedAt) return;
    if (!this.#dry && !(await remove())) return;
    this.#count(kind, entry.bytes);
  }

  #count(kind: SweepKind, bytes: number): void {
    const { files, bytes: sum } = this.kinds[kind];
    this.kinds[kind] = { files: files + 1, bytes: sum + bytes };
  }
}

const namesIn = (folder: string) => readdir(folder).catch(() => []);

/** Half-made files and folders of files below a root's temporary folder. */
async function leftovers(root: string): Promise<{ path: string; bytes: number; modifiedAt: number }[]> {
  const folder = temporaryFolder(root);
  const found: { path: string; bytes: number; modifiedAt: number }[] = [];
  for (const name of await namesIn(folder)) {
    const path = join(folder, name);
    const facts = await stat(path).catch(() => undefined);
    if (facts === undefined) continue;
    found.push({ path, bytes: facts.isDirectory() ? await bytesIn(path) : facts.size, modifiedAt: facts.mtimeMs });
  }
  return found;
}

async function bytesIn(folder: string): Promise<number> {
  let bytes = 0;
  for (const name of await namesIn(folder)) bytes += (await stat(join(folder, name)).catch(() => undefined))?.size ?? 0;
  return bytes;
}
