/**
 * What each step on the way from a spool file to a publication costs a core, and what S3 is asked for each batch,
 * publication and tick: the constants that docs/scale.md computes with.
 */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { type S3Proxy, startS3Proxy } from "../../faults/s3-proxy.ts";
import { type Gateway, startGateway } from "../../s3/gateway.ts";
import { type Bench, type Place, spampots, week } from "../bench.ts";
import { openBucket, s3Environment } from "../cluster.ts";
import { configuration, projectPartners } from "../configurations.ts";
import { bytesOf, emptied, filesIn, freshData, spool } from "../data.ts";
import { compactedSite, weekSite } from "../lakes.ts";
import { run } from "../process.ts";
import { type Requests, type Stage, type StagesResult, stageTaken } from "../results.ts";

/** Captures of the week whose requests are counted: how many a batch holds changes none. */
const fewCaptures = 2_000;

/** Rows that the steps in memory are given, at most. */
const mostRows = 200_000;

export async function stages(bench: Bench): Promise<StagesResult> {
  const gateway = await startGateway();
  try {
    const taken = [...(await ownStages(bench)), await compaction(bench), ...(await putting(bench, gateway))];
    for (const { stage, units, unit, cpu_seconds: cpu } of taken)
      bench.say(`stages: ${stage}: ${(units / cpu).toFixed(0)} ${unit} a second and core`);
    const repeated = await spool(bench, bench.repeatedBodies, "repeat");
    return {
      kind: "stages",
      figure: "stages",
      ...(await bench.circumstances()),
      stages: taken,
      requests: await counted(bench, gateway),
      spool: { captures: repeated.captures, bytes: bytesOf(repeated.files) },
      notes: [
        "Processor time of whole processes, user and system, on one thread but for compaction.",
        `CSV, STIX, compaction and puts are of rows and files of a tenth of the week; CSV and STIX of ${mostRows.toLocaleString("en")} rows at most.`,
        `Requests are those of a week of ${fewCaptures.toLocaleString("en")} captures of ten sensors, a file for each sensor and day, with the project's own partners: how many captures a file holds changes none below 16 MB.`,
      ],
    };
  } finally {
    await gateway.stop();
  }
}

/** CSV, STIX, gzip, digests and signatures of the first rows of spam-events for TW. */
async function ownStages(bench: Bench): Promise<Stage[]> {
  const place = await weekSite(bench, Math.round(bench.captures * 0.1));
  const { env } = spampots(bench, place);
  const program = join(import.meta.dirname, "../references/stages.ts");
  const { stdout } = await run({
    program: process.execPath,
    args: [
      ...["--disable-warning=ExperimentalWarning", program, "twcert-cc", "spam-events", week.id, week.now],
      ...[String(mostRows), emptied(bench, "stages")],
    ],
    ...(env === undefined ? {} : { env }),
  });
  return z.array(stageTaken).parse(JSON.parse(stdout.trim().split("\n").at(-1) ?? ""));
}

/** A week's files, one for each sensor and day, made one for each day. */
async function compaction(bench: Bench): Promise<Stage> {
  const captures = Math.round(bench.captures * 0.1);
  const { place, taken } = await compactedSite(bench, await weekSite(bench, captures), captures);
  rmSync(place.data, { recursive: true, force: true });
  const what = "a week's files, one for each sensor and day, to one for each day: the whole process, on two threads";
  const { cpu_seconds, seconds } = taken;
  return { stage: "compact", what, unit: "captures", units: captures, cpu_seconds, seconds };
}

/** Puts of a file of megabytes and of small objects, by the program's own store. */
async function putting(bench: Bench, gateway: Gateway): Promise<Stage[]> {
  await gateway.bucket("stages");
  const store = await openBucket(gateway, gateway.endpoint, "s3://stages/put");
  const place = await weekSite(bench, Math.round(bench.captures * 0.1));
  const files = filesIn(join(place.data, "lake"), /captures.*\.parquet$/);
  const measured = async (facts: Pick<Stage, "stage" | "what" | "unit" | "units">, work: () => Promise<void>) => {
    const [began, cpu] = [performance.now(), process.cpuUsage()];
    await work();
    const { user, system } = process.cpuUsage(cpu);
    return { ...facts, cpu_seconds: (user + system) / 1e6, seconds: (performance.now() - began) / 1000 };
  };
  // The first request opens the client.
  await store.putOnce("first", new Uint8Array(1));
  const what = "Parquet files of the lake into S3, with their digests, one after another";
  return [
    await measured({ stage: "put", what, unit: "bytes", units: bytesOf(files) }, async () => {
      for (const [n, path] of files.entries()) await store.putFile(`files/${n}`, { path, bytes: bytesOf([path]) });
    }),
    await measured(
      { stage: "put-once", what: "objects of 4 kB put if absent, one after another", unit: "objects", units: 200 },
      async () => {
        for (let n = 0; n < 200; n += 1) await store.putOnce(`once/${n}`, new Uint8Array(4096));
      },
    ),
  ];
}

const ticks = z.object({ cold: z.record(z.string(), z.number()), warm: z.record(z.string(), z.number()) });

/** Ingest into S3, everything published to S3 from it, and ticks with nothing due: what they ask. */
async function counted(bench: Bench, gateway: Gateway): Promise<Requests[]> {
  await gateway.bucket("counted");
  const proxy = await startS3Proxy(gateway.endpoint);
  try {
    const { files: all, sensors } = await spool(bench, fewCaptures, "none");
    const [files, partners] = bench.quick ? [all.slice(0, 7), projectPartners().slice(1, 2)] : [all, projectPartners()];
    const place: Place = {
      data: await freshData(bench, "counted"),
      sensors,
      store: "s3://counted/store",
      config: configuration(bench, "counted", partners),
    };
    const asked = (...args: readonly string[]) => {
      const call = spampots(bench, place, ...args);
      const env = { ...call.env, ...s3Environment(gateway, proxy.endpoint), SPAMPOTS_LAKE: "s3://counted/lake" };
      return { ...call, env };
    };
    await run(asked("keys", "new"));
    proxy.plan();
    await run(asked("ingest", ...files));
    const ingested: Requests = { work: "ingest", unit: "batches", units: files.length, operations: operations(proxy) };
    proxy.plan();
    await run(asked("publish"));
    const store = await openBucket(gateway, gateway.endpoint, "s3://counted/store");
    let publications = 0;
    for await (const { key } of store.list("partners/")) if (/\/log\/\d{8}\.jws$/.test(key)) publications += 1;
    const published = (work: string, wanted: (key: string) => boolean): Requests => ({
      ...{ work, unit: "publications", units: publications },
      operations: operations(proxy, wanted),
    });
    const ofLake = (key: string) => key.startsWith("lake/");
    const both = [
      published("publish, of the lake (DuckDB, copies)", ofLake),
      published("publish, of the store", (key) => !ofLake(key)),
    ];
    const { env } = { env: { ...asked().env, SPAMPOTS_S3_ENDPOINT: gateway.endpoint } };
    const program = join(import.meta.dirname, "../references/tick-requests.ts");
    const args = ["--disable-warning=ExperimentalWarning", program, week.now];
    const { stdout } = await run({ program: process.execPath, args, env });
    const { cold, warm } = ticks.parse(JSON.parse(stdout.trim().split("\n").at(-1) ?? ""));
    const tick = (work: string, found: Record<string, number>) => ({
      work,
      unit: "ticks",
      units: 1,
      operations: found,
    });
    return [
      ingested,
      ...both,
      tick("tick, of a runner that just began", cold),
      tick("tick, of one that ticked before", warm),
    ];
  } finally {
    await proxy.stop();
  }
}

/** How often each operation was asked for, of keys that are wanted. */
function operations(proxy: S3Proxy, wanted: (key: string) => boolean = () => true): Record<string, number> {
  const found: Record<string, number> = {};
  for (const { seen } of proxy.log) {
    if (wanted(seen.key)) found[seen.operation] = (found[seen.operation] ?? 0) + 1;
  }
  return found;
}
