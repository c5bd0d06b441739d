/**
 * Runners over one small installation: real lake, engine, keys and store; a clock that is told, and counts of what they
 * ask.
 */
import { join } from "node:path";
import type { TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { StoreLeases } from "../../src/delivery/leases.ts";
import { Deliveries } from "../../src/delivery/push/deliver.ts";
import { Runner } from "../../src/delivery/runner.ts";
import type { Partner } from "../../src/feed/partners.ts";
import { openLake } from "../../src/lake/lake.ts";
import { openKeyring } from "../../src/publication/keys.ts";
import type { PublishWorld } from "../../src/publication/publish.ts";
import { keyFinder } from "../../src/publication/sign.ts";
import { sweep } from "../../src/publication/sweep.ts";
import { openDiskStore } from "../../src/store/disk.ts";
import type { Store } from "../../src/store/store.ts";
import { confine } from "../../src/store/under.ts";
import { type OperatorWorld, openOperatorWorld } from "../publication/operator-world.ts";

/** A store that notes each request, as `operation key`. */
export function counted(store: Store, requests: string[]): Store {
  const noting =
    <Rest extends unknown[], T>(name: string, ask: (key: string, ...rest: Rest) => T) =>
    (key: string, ...rest: Rest): T => {
      requests.push(`${name} ${key}`);
      return ask(key, ...rest);
    };
  const seen: Store = {
    ...store,
    putOnce: noting("putOnce", store.putOnce),
    putFile: noting("putFile", store.putFile),
    get: noting("get", store.get),
    open: noting("open", store.open),
    stat: noting("stat", store.stat),
    list: noting("list", store.list),
    children: noting("children", store.children),
    delete: noting("delete", store.delete),
    under: (prefix) => confine(seen, prefix),
  };
  return seen;
}

/** A line of the log: its level (50 is an error) and its sentence. */
export interface Said {
  readonly level: number;
  readonly msg: string;
}

/** What a test may change while runners are at work. */
export interface Site {
  readonly world: OperatorWorld;
  now: number;
  partners: readonly Partner[];
  /** Another text where the configuration changed. */
  digest: string;
  /** Set, the configuration can't be read. */
  broken: Error | undefined;
  readonly said: Said[];
  /** Slices that were asked of the engine: query and input, by runner. */
  readonly rendered: { readonly runner: string; readonly slice: string }[];
  /** Names of runners that swept, with the day. */
  readonly swept: string[];
  /** The same of their own machines. */
  readonly sweptHere: string[];
  /** What ends with the test, whatever came of it. */
  readonly runners: Runner[];
}

export async function openSite(t: TestContext): Promise<Site> {
  const runners: Runner[] = [];
  // Before the folder goes, since a removal that fails ends what is to end after it, and runners at work hold the test
  // open. Not waited for long: one may be dead.
  t.after(async () => {
    const waited = new AbortController();
    const closed = Promise.all(runners.map((runner) => runner.close()));
    await Promise.race([closed, sleep(2_000, undefined, waited)]);
    waited.abort();
  });
  const world = await openOperatorWorld(t);
  return {
    world,
    runners,
    now: Date.parse("2026-11-11T07:00:00Z"),
    partners: world.partners,
    digest: "1",
    broken: undefined,
    said: [],
    rendered: [],
    swept: [],
    sweptHere: [],
  };
}

export interface OneRunner {
  readonly runner: Runner;
  readonly leases: StoreLeases;
  readonly deliveries: Deliveries;
  /** Requests to the store. */
  readonly requests: string[];
  /** How often the configuration was read. */
  readonly reads: () => number;
}

/** A runner as a process of its own would be: with its own view of the lake, and marks of its own. */
export async function openRunner(
  site: Site,
  name: string,
  more: { readonly store?: Store; readonly clock?: () => number; readonly publish?: Partial<PublishWorld> } = {},
): Promise<OneRunner> {
  const { world, said, rendered } = site;
  const requests: string[] = [];
  const store = counted(more.store ?? world.store, requests);
  const clock = more.clock ?? (() => site.now);
  const log = world.publishWorld(0).log.child({});
  for (const [level, number] of Object.entries({ debug: 20, info: 30, warn: 40, error: 50 })) {
    Object.assign(log, {
      [level]: (...given: unknown[]) => {
        said.push({ level: number, msg: given.filter((part) => typeof part === "string").join(" ") });
      },
    });
  }
  const lake = await openLake(world.settings.lake);
  const leases = new StoreLeases({ store, clock, log, lookEveryMs: 20 });
  let keyring = await openKeyring({ folder: world.settings.keys });
  const deliveries = new Deliveries({
    store,
    keyOf: (kid) => keyFinder(keyring.keys)(kid),
    secret: () => undefined,
    loopback: true,
    clock,
    log,
    leases,
    atOnce: 4,
    chance: () => 0.5,
  });
  let reads = 0;
  const runner = new Runner({
    digest: async () => site.digest,
    async publishWorld() {
      reads += 1;
      if (site.broken !== undefined) throw site.broken;
      keyring = await openKeyring({ folder: world.settings.keys });
      const { engine } = world;
      return world.publishWorld(0, {
        store,
        lake,
        keyring,
        log,
        clock,
        partners: site.partners,
        marks: openDiskStore(join(world.root, "tips", name)),
        engine: {
          rows(relations, sql) {
            const read = Object.values(relations).flatMap(({ whole, mixed, counted }) => [
              ...whole,
              ...mixed,
              ...counted.batches,
            ]);
            rendered.push({ runner: name, slice: `${read.toSorted().join()} ${JSON.stringify(sql)}` });
            return engine.rows(relations, sql);
          },
        },
        ...more.publish,
      });
    },
    store,
    leases,
    deliveries,
    async sweep(only) {
      if (only === "here") site.sweptHere.push(`${name} ${new Date(clock()).toISOString().slice(0, 10)}`);
      else site.swept.push(`${name} ${new Date(clock()).toISOString().slice(0, 10)}`);
      const { settings } = world;
      await sweep({ store, lake, keys: keyring.keys, settings, now: clock(), log }, { only });
    },
    here: name,
    clock,
    log,
    lookAgainEveryMs: 20,
  });
  site.runners.push(runner);
  return { runner, leases, deliveries, requests, reads: () => reads };
}
