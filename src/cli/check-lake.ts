/** The part of `spampots check` that is about a lake in S3, and a cluster that reads it. */
import { randomUUID } from "node:crypto";
import { bucketOf } from "../store/s3-url.ts";
import { type Findings, problemsOf } from "./findings.ts";
import type { CliWorld } from "./world.ts";

/** A lake on this machine's disk needs nothing that isn't tried elsewhere. */
export async function checkLake(world: CliWorld, found: Findings): Promise<void> {
  const { lake: place, trino } = world.settings;
  if (bucketOf(place) === undefined) return;
  try {
    const lake = await world.lake();
    const { probeStore } = await import("../store/open.ts");
    await probeStore(lake.store, randomUUID());
    found.fine.push(`The lake ${lake.root} honours put-if-absent.`);
    if (trino === undefined) return;
    const { checkCluster } = await import("../lake/trino/check.ts");
    await checkCluster(trino, lake, found).catch((error: unknown) => {
      found.problems.push(...problemsOf(error, "cluster"));
    });
  } catch (error) {
    found.problems.push(...problemsOf(error, "lake"));
  }
}
