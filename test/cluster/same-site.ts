/**
 * Sites over one lake in S3 of which DuckDB answers the slices of one and a Trino cluster those of the other. Each lake
 * has a prefix and a schema of its own, so that one cluster serves them all: one that is started, or the one that runs
 * already and whose facts stand in the JSON file that `SAME_CLUSTER` names.
 */
import { randomBytes } from "node:crypto";
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Engine } from "../../src/lake/engine.ts";
import { type Lake, openLake } from "../../src/lake/lake.ts";
import { openTrino } from "../../src/lake/trino/trino.ts";
import { readSettings } from "../../src/settings.ts";
import { openSite, type Site, type Workshop } from "../pipeline.ts";
import { startGateway } from "../s3/gateway.ts";
import { type Ending, temporaryFolder } from "../temporary-folder.ts";
import { startTrino } from "./trino.ts";

/** A cluster, and the service in which it reads. */
export interface Ground {
  readonly trinoUrl: string;
  readonly s3: {
    readonly endpoint: string;
    readonly accessKey: string;
    readonly secretKey: string;
    readonly bucket: string;
  };
}

/** Starts gateway and cluster, which end after the test, or takes those that run. */
export async function openGround(t: Ending): Promise<Ground> {
  const running = process.env.SAME_CLUSTER;
  const ground = running === undefined ? await startGround(t) : parsed(await readFile(running, "utf8"));
  // The S3 client reads credentials where everyone's client does.
  process.env.AWS_ACCESS_KEY_ID = ground.s3.accessKey;
  process.env.AWS_SECRET_ACCESS_KEY = ground.s3.secretKey;
  return ground;
}

/** Whoever started the cluster wrote it: a {@link Ground}. */
const parsed = (text: string) => JSON.parse(text) as Ground;

async function startGround(t: Ending): Promise<Ground> {
  const gateway = await startGateway();
  t.after(() => gateway.stop());
  await gateway.bucket("same");
  const cluster = await startTrino({ s3: gateway });
  t.after(() => cluster.stop());
  const { endpoint, accessKey, secretKey } = gateway;
  return { trinoUrl: cluster.url, s3: { endpoint, accessKey, secretKey, bucket: "same" } };
}

/** A lake in S3 as each engine reads it. */
export interface Both {
  readonly duckdb: { readonly lake: Lake; readonly engine: Engine };
  readonly trino: { readonly lake: Lake; readonly engine: Engine };
}

/** Opens an empty lake. */
export async function openBoth(t: Ending, ground: Ground, workshop: Workshop): Promise<Both> {
  const name = `same_${randomBytes(6).toString("hex")}`;
  const url = `s3://${ground.s3.bucket}/${name}`;
  const { s3, trino } = readSettings({
    SPAMPOTS_LAKE: url,
    SPAMPOTS_S3_ENDPOINT: ground.s3.endpoint,
    SPAMPOTS_ENGINE: "trino",
    SPAMPOTS_TRINO_URL: ground.trinoUrl,
    SPAMPOTS_TRINO_CATALOG: "lake",
    SPAMPOTS_TRINO_SCHEMA: name,
    SPAMPOTS_TRINO_USER: "same",
  });
  if (trino === undefined) throw new Error("no settings of Trino");
  const folder = join(await temporaryFolder(t), "copies");
  await mkdir(folder);
  const copies = { folder, mostBytes: 1_000_000_000 };
  const engine = await openTrino(trino, url);
  t.after(() => engine.close());
  return {
    duckdb: { lake: await openLake(url, { s3, copies }), engine: workshop.world.engine },
    trino: { lake: await openLake(url, { s3, copies, cluster: true }), engine },
  };
}

/** Two sites, of stores of their own, over one lake. */
export async function openPair(
  t: Ending,
  ground: Ground,
  workshop: Workshop,
): Promise<{ readonly duckdb: Site; readonly trino: Site; readonly both: Both }> {
  const both = await openBoth(t, ground, workshop);
  return {
    both,
    duckdb: await openSite(t, workshop, undefined, both.duckdb),
    trino: await openSite(t, workshop, undefined, both.trino),
  };
}
