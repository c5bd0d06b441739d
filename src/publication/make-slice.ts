/**
 * What a publication, or the preview of one, is made of: a slice rendered after its sensors were found to be known, with the
 * records and the coverage that its manifests state. So a preview shows what is published.
 */
import { rm } from "node:fs/promises";
import { isError, SpampotsError } from "../errors.ts";
import type { Due } from "../feed/due.ts";
import type { LakeState } from "../feed/input-set.ts";
import { coverageOf } from "../lake/coverage.ts";
import type { Store } from "../store/store.ts";
import type { PublicationFacts } from "./compose.ts";
import { type KnownRecords, readSliceRecords } from "./records.ts";
import { renderSlice, type SliceJob, type SliceWorld } from "./slices.ts";

/** What making a slice works with. */
export interface MakingWorld extends SliceWorld {
  readonly store: Store;
  /** Sensors that the sensors file holds, former ones too. */
  readonly sensorIds: ReadonlySet<string>;
}

/** Shared by all partners of the slice's policy. */
export type MadeSlice = Pick<PublicationFacts, "rendered" | "records" | "coverage">;

/**
 * Makes a slice into files below `folder`, which is made.
 *
 * @param putRecords puts what must be stored before anything is rendered, and gives what is known of records.
 * @throws SpampotsError `unknown-sensor`, `sensor-exposed`, `log-behind`, and what the store, the lake and the engine throw.
 */
export async function makeSlice(
  job: Omit<SliceJob, "records">,
  folder: string,
  world: MakingWorld,
  state: LakeState,
  putRecords: () => Promise<KnownRecords> = async () => ({}),
): Promise<MadeSlice> {
  const { feed, due } = job;
  checkSensors(due, world.sensorIds);
  const known = await putRecords();
  const slice = { feed: feed.id, policyDigest: due.policy.digest, period: due.period.id };
  const records = await readSliceRecords(world.store, slice, known);
  const render = () => renderSlice({ ...job, records }, folder, world);
  const rendered = await render().catch(async (error: unknown) => {
    // A cluster that lost a worker in the middle goes on without it.
    if (!isError(error, "engine-unavailable") || error.facts.again !== true) throw error;
    await rm(folder, { recursive: true, force: true });
    return render();
  });
  return { rendered, records, coverage: coverageIn(state, due) };
}

/** What the sensors file doesn't know can't be looked for in what leaves. @throws SpampotsError `unknown-sensor` */
function checkSensors({ input }: Due, known: ReadonlySet<string>): void {
  const unknown = input.batches.find((record) => !known.has(record.sensor));
  if (unknown === undefined) return;
  throw new SpampotsError("unknown-sensor", "Captures are of a sensor that the sensors file doesn't hold.", {
    sensor: unknown.sensor,
    hint: "Put it back with all addresses it ever had: a sensor that is gone stays in the file, or its address could leave.",
  });
}

/** Of the slice's period, by every batch that isn't excluded: the same for all partners. */
function coverageIn(state: LakeState, { period }: Due): PublicationFacts["coverage"] {
  const standing = state.batches.filter((record) => !state.excluded.has(record.batch));
  return coverageOf(standing, period.start, period.end);
}
