/**
 * A small site whose store is a bucket of a real S3 service, with the fault proxy before it. Five steps of its life are
 * done once undisturbed; each case takes the store as it was before one of them, does that step through the proxy, and is
 * compared with how it was after it. The clock is fixed, so that equal means byte for byte.
 */
import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import { isError, type SpampotsError } from "../../src/errors.ts";
import { openLake } from "../../src/lake/lake.ts";
import { openLog } from "../../src/log.ts";
import { dayMs } from "../../src/model.ts";
import { publishedJwks } from "../../src/publication/announce.ts";
import type { Selected } from "../../src/publication/plan.ts";
import { type PublishWorld, publish } from "../../src/publication/publish.ts";
import { sweep } from "../../src/publication/sweep.ts";
import { readTrust } from "../../src/publication/trust.ts";
import { verify } from "../../src/publication/verify.ts";
import { withdraw } from "../../src/publication/withdraw.ts";
import { readSettings } from "../../src/settings.ts";
import { openDiskStore } from "../../src/store/disk.ts";
import { openS3Store } from "../../src/store/s3.ts";
import type { Store } from "../../src/store/store.ts";
import { capturesOf, type OperatorWorld, openOperatorWorld } from "../publication/operator-world.ts";
import { type Gateway, startGateway } from "../s3/gateway.ts";
import { type S3Proxy, startS3Proxy } from "./s3-proxy.ts";

/** Time of a call through the proxy, tries and pauses included: where something is broken, and where all is well. */
export const [deadlineMs, wellMs] = [1500, 30_000];

/** An instant of November 2026. */
const day = (number: number, hour = 0) => Date.UTC(2026, 10, number, hour);

/** Objects by key. */
export type Objects = ReadonlyMap<string, Uint8Array>;

/** What a step works with. */
interface StepWorld {
  publishWorld(now: number, more?: Partial<PublishWorld>): PublishWorld;
  readonly store: Store;
}

/** A step; it throws what went wrong, or the first thing that did. */
interface Step {
  readonly name: string;
  run(world: StepWorld): Promise<void>;
}

/** A step with what was there before and after it. */
export interface Prepared extends Step {
  readonly before: Objects;
  readonly after: Objects;
  /** Folder of the marks before it. */
  readonly marks: string;
  /** Requests that it takes undisturbed. */
  readonly requests: number;
}

/** Everything that cases share. */
export interface S3World {
  readonly steps: readonly Prepared[];
  readonly gateway: Gateway;
  openCase(step: Prepared): Promise<S3Case>;
}

/** One case: a prefix of the bucket, a proxy of its own, marks of its own. */
export interface S3Case {
  readonly proxy: S3Proxy;
  /** The store past the proxy. */
  readonly direct: Store;
  /** Does the step through the proxy. A fault of one log counts as much as one of all. */
  run(callMs?: number): Promise<void>;
  /** Does it past the proxy, from another machine whose clock is a second ahead: what it signs differs. */
  rival(): Promise<void>;
  objects(): Promise<Objects>;
  close(): Promise<void>;
}

const orphan = "partners/twcert/spam-sources/artifacts/0123456789abcdef-orphan.csv.gz";
const sweepAt = () => Math.max(Date.now(), day(14)) + 2 * dayMs;

function stepsOf(earlyLake: string): readonly Step[] {
  const publishing = (name: string, now: number, selected: Selected = {}, lake?: string): Step => ({
    name,
    async run({ publishWorld }) {
      const { failures } = await publish(
        publishWorld(now, lake === undefined ? {} : { lake: await openLake(lake) }),
        selected,
      );
      for (const { error } of failures) throw error;
    },
  });
  const tenth = { partner: "twcert", feed: "spam-sources" };
  return [
    publishing("the first publications", day(13, 7), {}, earlyLake),
    publishing("revisions, and a day more", day(14, 7)),
    {
      name: "a withdrawal that revokes",
      run: async ({ publishWorld }) => {
        await withdraw(publishWorld(day(14, 8)), { ...tenth, sequence: 1, reason: "A test.", revoke: true });
      },
    },
    publishing("a withdrawn period again", day(14, 9), { ...tenth, period: "2026-11-10", again: true }),
    {
      name: "a sweep",
      async run({ publishWorld, store }) {
        const { lake, keyring } = publishWorld(day(14));
        const nowhere = join(tmpdir(), "spampots-no-such-folder");
        const settings = readSettings({ SPAMPOTS_DATA: nowhere, SPAMPOTS_STORE: store.url });
        const world = { store, lake, keys: keyring.keys, settings, now: sweepAt() };
        const { failures } = await sweep({ ...world, log: openLog("silent") });
        for (const { error } of failures) throw error;
      },
    },
  ];
}

let opened: Promise<S3World> | undefined;
const ends: (() => unknown)[] = [];
after(async () => {
  await opened?.catch(() => {});
  for (const end of ends.reverse()) await end();
});

/** The world, made when it is first asked for. */
export function s3World(): Promise<S3World> {
  opened ??= makeWorld();
  return opened;
}

async function makeWorld(): Promise<S3World> {
  const gateway = await startGateway();
  ends.push(() => gateway.stop());
  await gateway.bucket("faults");
  const world = await openOperatorWorld({ after: (end: () => unknown) => void ends.push(end) });
  const earlyLake = join(world.root, "lake-early");
  await world.ingest("pot-1", [
    ...[10, 11, 12].flatMap((n) => capturesOf("203.0.113.7", `2026-11-${n}T01:00:00Z`, 4)),
    ...capturesOf("198.51.100.7", "2026-11-10T02:00:00Z", 2),
  ]);
  await cp(world.settings.lake, earlyLake, { recursive: true });
  await world.ingest("pot-2", [
    ...capturesOf("203.0.113.8", "2026-11-10T05:00:00Z", 3),
    ...capturesOf("203.0.113.9", "2026-11-13T05:00:00Z", 3),
  ]);
  const folder = await mkdtemp(join(tmpdir(), "spampots-s3-faults-"));
  ends.push(() => rm(folder, { recursive: true, force: true }));
  const place = { gateway, world, folder };
  return { gateway, steps: await prepare(place, stepsOf(earlyLake)), openCase: (step) => openCase(place, step) };
}

interface Place {
  readonly gateway: Gateway;
  readonly world: OperatorWorld;
  /** For marks. */
  readonly folder: string;
}

/** Does all steps undisturbed. */
async function prepare(place: Place, steps: readonly Step[]): Promise<Prepared[]> {
  const prepared: Prepared[] = [];
  let before: Objects = new Map();
  let marks = join(place.folder, "marks-none");
  for (const [index, step] of steps.entries()) {
    if (step.name === "a sweep") before = new Map([...before, [orphan, Buffer.from("orphan")]]);
    const one = await openCase(place, { ...step, before, after: before, marks, requests: 0 });
    try {
      await one.run(wellMs);
      const done = await one.objects();
      prepared.push({ ...step, before, after: done, marks, requests: one.proxy.log.length });
      before = done;
      marks = join(place.folder, `marks-${index}`);
      await one.keepMarks(marks);
    } finally {
      await one.close();
    }
  }
  return prepared;
}

let cases = 0;

async function openCase({ gateway, world, folder }: Place, step: Prepared) {
  cases += 1;
  const name = `case-${cases}`;
  const proxy = await startS3Proxy(gateway.endpoint);
  const open = (endpoint: string, ms: number) => openAt(gateway, endpoint, name, ms);
  const direct = open(gateway.endpoint, 30_000);
  await Promise.all([...step.before].map(([key, bytes]) => direct.putOnce(key, bytes)));
  const marks = join(folder, name);
  await cp(step.marks, marks, { recursive: true }).catch(() => undefined); // before the first step there are none
  return {
    proxy,
    direct,
    async run(callMs = deadlineMs) {
      // A client of its own, as a process has: none of an earlier run's connections, and no clock that it has set.
      const store = open(proxy.endpoint, callMs);
      const publishWorld = (now: number, more: Partial<PublishWorld> = {}) =>
        world.publishWorld(now, { store, marks: openDiskStore(marks), ...more });
      await step.run({ publishWorld, store });
    },
    async rival() {
      const own = openDiskStore(`${marks}-rival`);
      const publishWorld = (now: number, more: Partial<PublishWorld> = {}) =>
        world.publishWorld(now + 1000, { store: direct, marks: own, ...more });
      await step.run({ publishWorld, store: direct });
    },
    objects: () => objectsOf(direct),
    keepMarks: (to: string) => cp(marks, to, { recursive: true }),
    async close() {
      await proxy.stop();
      await rm(marks, { recursive: true, force: true });
    },
  };
}

/** The store below a prefix of the bucket, by way of an endpoint. */
export function openAt(gateway: Gateway, endpoint: string, prefix: string, ms: number): Store {
  const credentials = { accessKeyId: gateway.accessKey, secretAccessKey: gateway.secretKey };
  const place = { bucket: "faults", prefix, endpoint, region: "us-east-1", pathStyle: true };
  return openS3Store({ ...place, deadlineMs: ms, credentials });
}

/** Every object of a store. */
export async function objectsOf(store: Store): Promise<Objects> {
  const keys: string[] = [];
  for await (const { key } of store.list("")) keys.push(key);
  return new Map(
    await Promise.all(keys.map(async (key) => [key, (await store.get(key)) ?? new Uint8Array()] as const)),
  );
}

/**
 * Problems that a partner's deep proof finds in what is there now; but that one is late or a log still empty, since that is what
 * faults make it.
 */
export async function problemsOf(store: Store): Promise<readonly unknown[]> {
  const jwks = await publishedJwks(store);
  if (jwks === undefined) return [];
  const report = await verify(store, { trust: readTrust(jwks), now: day(14, 9), deep: true });
  // Nothing was published yet, or not lately: that is no fault of what is there.
  const isFault = ({ code }: { readonly code: string }) => code !== "silent" && code !== "empty";
  return [
    ...report.problems.filter(isFault),
    ...report.feeds.flatMap(({ problems, states }) => [
      ...problems.filter(isFault),
      ...(states.missing > 0 ? ["missing"] : []),
    ]),
  ];
}

/** Keys that differ, for people. */
export function differences(found: Objects, expected: Objects): string[] {
  const keys = [...new Set([...found.keys(), ...expected.keys()])].sort();
  return keys.flatMap((key) => {
    const [here, there] = [found.get(key), expected.get(key)];
    if (here === undefined) return [`${key} is missing`];
    if (there === undefined) return [`${key} should not be there`];
    return Buffer.compare(here, there) === 0 ? [] : [`${key} has other bytes`];
  });
}

/** The error as one of ours, with a next step in it; fails for any other. */
export function ours(error: unknown): SpampotsError {
  if (isError(error) && error.code !== "internal" && error.hint !== undefined) return error;
  throw new Error("An error without a code of the table, or without a next step.", { cause: error });
}
