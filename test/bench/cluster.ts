/**
 * A cluster and an S3 service for figures, with lakes of several sizes in a bucket each; and slices asked of each engine.
 * What Trino says of its own queries is read from its coordinator.
 */
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { openStore } from "../../src/store/open.ts";
import type { Store } from "../../src/store/store.ts";
import { type Cluster, startTrino } from "../cluster/trino.ts";
import { type Gateway, startGateway } from "../s3/gateway.ts";
import { type Bench, type Place, spampots, week } from "./bench.ts";
import { bytesOf, filesIn, warm } from "./data.ts";
import { type Call, run } from "./process.ts";
import type { LakeTaken } from "./results.ts";

/** Both services, and what is put into them. */
export interface Services {
  readonly gateway: Gateway;
  readonly cluster: Cluster;
  stop(): Promise<void>;
}

/** Room in the S3 service beside the lakes that figures put there: stores of publications. */
const spareBytes = 2_000_000_000;

/** Starts both, with room for lakes of so many bytes. */
export async function startServices(bench: Bench, lakeBytes: number): Promise<Services> {
  bench.say("starting the S3 service and the cluster");
  // An object store daemon takes nothing more when it is nearly full.
  const gateway = await startGateway(Math.ceil(lakeBytes * 1.4) + spareBytes);
  try {
    const cluster = await startTrino({
      s3: gateway,
      heapMb: bench.heapMb,
      everywhere: {
        "spill-enabled": "true",
        "spiller-spill-path": join(bench.root, "spilled"),
        // One query at a time: it may have most of the heap.
        "query.max-memory-per-node": `${Math.floor(bench.heapMb * 0.65)}MB`,
        "memory.heap-headroom-per-node": `${Math.floor(bench.heapMb * 0.15)}MB`,
      },
      // Of a cluster that runs for weeks: no quick start, but the compiler's best.
      ...(bench.quick ? {} : { jvm: ["-XX:+UseParallelGC"] }),
    });
    const stop = async () => {
      await cluster.stop();
      await gateway.stop();
    };
    return { gateway, cluster, stop };
  } catch (error) {
    await gateway.stop();
    throw error;
  }
}

/** The environment by which the program reaches S3. */
export const s3Environment = ({ accessKey, secretKey }: Gateway, endpoint: string) => ({
  AWS_ACCESS_KEY_ID: accessKey,
  AWS_SECRET_ACCESS_KEY: secretKey,
  SPAMPOTS_S3_ENDPOINT: endpoint,
});

/** Opens a bucket, or what is below a prefix of it, as the program does. */
export function openBucket({ accessKey, secretKey }: Gateway, endpoint: string, url: string): Promise<Store> {
  return openStore(url, {
    endpoint,
    region: "us-east-1",
    pathStyle: true,
    deadlineMs: 60_000,
    credentials: { accessKeyId: accessKey, secretAccessKey: secretKey },
  });
}

/** A lake of a site's disk, copied into a bucket of its own as any copier does it. */
export interface LakeInBucket {
  readonly url: string;
  readonly taken: Omit<LakeTaken, "date" | "version" | "times" | "captures" | "compacted">;
}

export async function copyLake({ gateway }: Services, place: Place, bucket: string): Promise<LakeInBucket> {
  const root = join(place.data, "lake");
  const url = `s3://${bucket}/lake`;
  await gateway.bucket(bucket);
  const store = await openBucket(gateway, gateway.endpoint, url);
  const parquet = filesIn(root, /\.parquet$/);
  warm(parquet);
  const [began, cpu] = [performance.now(), process.cpuUsage()];
  const all = filesIn(root).filter((path) => !path.includes("/.tmp"));
  for (const path of all) await store.putFile(path.slice(root.length + 1), { path, bytes: bytesOf([path]) });
  const { user, system } = process.cpuUsage(cpu);
  const names = parquet.map((path) => `'${url}/${path.slice(root.length + 1)}', `.length);
  const taken = {
    ...{ files: parquet.length, bytes: bytesOf(parquet), objects: all.length, object_bytes: bytesOf(all) },
    path_characters: names.reduce((sum, length) => sum + length, 0) / Math.max(1, names.length),
    ...{ put_seconds: (performance.now() - began) / 1000, put_cpu_seconds: (user + system) / 1e6 },
  };
  return { url, taken };
}

/** How a slice's rows are read. */
export type Way = "disk" | "copies" | "trino";

/** Which slice: of a partner of the project's own, for the simulated week. */
export interface SliceName {
  readonly partner: string;
  readonly feed: string;
}

/** A call of `references/slice.ts`. */
export function sliceCall(
  bench: Bench,
  services: Services,
  place: Place,
  { way, slice, lake, tag }: { way: Way; slice: SliceName; lake: LakeInBucket; tag: string },
): Call {
  const { env } = spampots(bench, place);
  const passes = way === "copies" ? "2" : "1";
  return {
    program: process.execPath,
    args: [
      "--disable-warning=ExperimentalWarning",
      join(import.meta.dirname, "references", "slice.ts"),
      ...[slice.partner, slice.feed, week.id, week.now, passes, tag],
    ],
    env: {
      ...env,
      ...(way === "disk"
        ? {}
        : { ...s3Environment(services.gateway, services.gateway.endpoint), SPAMPOTS_LAKE: lake.url }),
      ...(way === "trino" ? trinoEnvironment(services.cluster, lake) : {}),
    },
  };
}

/** The environment by which the program asks the cluster; each lake has a schema of its own, named as its bucket. */
export const trinoEnvironment = (cluster: Cluster, lake: Pick<LakeInBucket, "url">) => ({
  SPAMPOTS_ENGINE: "trino",
  SPAMPOTS_TRINO_URL: cluster.url,
  SPAMPOTS_TRINO_CATALOG: cluster.catalog,
  SPAMPOTS_TRINO_SCHEMA: new URL(lake.url).hostname.replaceAll("-", "_"),
});

const passTaken = z.strictObject({
  seconds: z.number(),
  cpu_seconds: z.number(),
  located_seconds: z.number(),
  first_row_seconds: z.number(),
  rows: z.number(),
  sha256: z.string(),
});
export type PassTaken = z.infer<typeof passTaken>;

/** Runs a slice; the process's peak memory is of all passes. */
export async function readSlice(call: Call): Promise<{ passes: readonly PassTaken[]; peakMb: number }> {
  const { stdout, peak_mb: peakMb } = await run(call);
  const { passes } = z.object({ passes: z.array(passTaken) }).parse(JSON.parse(stdout.trim().split("\n").at(-1) ?? ""));
  return { passes, peakMb };
}

const quantity = (units: Readonly<Record<string, number>>) =>
  z.string().transform((text) => {
    const [, value = "", unit = ""] = /^([\d.]+)([A-Za-zµ]+)$/.exec(text) ?? [];
    const factor = units[unit];
    if (factor === undefined) throw new Error(`Trino said ${text}`);
    return Number(value) * factor;
  });
const duration = quantity({ ns: 1e-9, us: 1e-6, µs: 1e-6, ms: 1e-3, s: 1, m: 60, h: 3600, d: 86_400 });
const size = quantity({ B: 1, kB: 1024, MB: 1024 ** 2, GB: 1024 ** 3, TB: 1024 ** 4 });

/** What a cluster says of a query that ended. @see https://trino.io/docs/476/admin/web-interface.html */
const queryInfo = z.object({
  queryStats: z.object({
    totalCpuTime: duration,
    elapsedTime: duration,
    analysisTime: duration,
    planningTime: duration,
    physicalInputDataSize: size,
    physicalInputPositions: z.number(),
    completedDrivers: z.number(),
    peakUserMemoryReservation: size,
    spilledDataSize: size,
    outputDataSize: size,
    outputPositions: z.number(),
  }),
});
export type QueryStats = z.infer<typeof queryInfo>["queryStats"];

const listed = z.array(
  z.object({ queryId: z.string(), state: z.string(), session: z.object({ clientTags: z.array(z.string()) }) }),
);

/** Statistics of the queries with this tag: those that read rows of slices, none that look after tables. */
export async function statsOf({ url }: Cluster, tag: string): Promise<readonly QueryStats[]> {
  const get = async (path: string): Promise<unknown> =>
    (await fetch(`${url}/v1/query${path}`, { headers: { "X-Trino-User": "bench" } })).json();
  for (let attempt = 0; ; attempt += 1) {
    const tagged = listed.parse(await get("")).filter(({ session }) => session.clientTags.includes(tag));
    // A query is over for the client a moment before it is for the coordinator.
    if (tagged.every(({ state }) => state === "FINISHED") || attempt === 50)
      return Promise.all(tagged.map(async ({ queryId }) => queryInfo.parse(await get(`/${queryId}`)).queryStats));
    await sleep(100);
  }
}
