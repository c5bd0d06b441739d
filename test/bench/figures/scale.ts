/**
 * The same work at 1x, 3x and 10x captures in one week, and at 1x and 10x partners. Captures are simulated, ingested
 * and deleted a day at a time, so that the largest size needs no more disk than its lake and store.
 */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { type Bench, type Place, spampots, week } from "../bench.ts";
import { configuration, type Entry, projectPartners } from "../configurations.ts";
import { bytesOf, emptied, filesIn, freshData } from "../data.ts";
import { type Measured, run, wholeProcess } from "../process.ts";
import type { ScalePoint, ScaleResult } from "../results.ts";

const dayMs = 86_400_000;

/** How many times the base, in captures and in partners. */
const steps = { captures: [1, 3, 10], partners: 10 } as const;

/** Two pieces of work one after the other, as one. */
function together(a: Measured, b: Measured): Measured {
  return {
    seconds: a.seconds + b.seconds,
    cpu_seconds: a.cpu_seconds + b.cpu_seconds,
    peak_mb: Math.max(a.peak_mb, b.peak_mb),
    units: a.units + b.units,
  };
}

const nothing: Measured = { seconds: 0, cpu_seconds: 0, peak_mb: 0, units: 0 };

/** Simulates and ingests a week into `place`, a day at a time; only ingesting is measured. */
export async function ingestWeek(bench: Bench, place: Place, captures: number): Promise<Measured> {
  const perDay = Math.ceil(captures / week.days);
  let taken = nothing;
  for (let day = 0; day < week.days; day += 1) {
    const from = new Date(Date.parse(week.firstDay) + day * dayMs).toISOString().slice(0, 10);
    const folder = join(place.data, "arriving");
    const options = ["--from", from, "--days", "1", "--messages-per-day", String(perDay), "--bodies", "none"];
    await run(spampots(bench, place, "simulate", ...options, "--compression", "zstd", "--out", folder));
    taken = together(taken, await wholeProcess(spampots(bench, place, "ingest", folder), perDay));
    for (const name of ["arriving", "done"]) rmSync(join(place.data, name), { recursive: true, force: true });
    bench.say(
      `${captures.toLocaleString("en")} captures: day ${day + 1} of ${week.days} ingested, ${taken.seconds.toFixed(1)} s so far`,
    );
  }
  return taken;
}

/**
 * The project's partners `times` over, each time with an economy of its own added to all of them: other policies, so
 * that nothing is shared and the work really is `times` as much.
 */
export function multiplied(partners: readonly Entry[], times: number): Entry[] {
  const added = ["AQ", "BV", "HM", "TF", "GS", "IO", "PN", "UM", "NU", "TK"];
  return Array.from({ length: times }, (_, turn) =>
    partners.map((entry): Entry => {
      if (turn === 0) return entry;
      // No id may begin as another does.
      const id = `${String.fromCharCode(97 + turn)}-${entry.id}`;
      // Who gets all economies has one policy, whatever is added: a mask makes another.
      if (entry.economies === "all")
        return { ...entry, id, masks: ["exemplars", "recipients", "captures"].slice(0, 1 + (turn % 3)) };
      return { ...entry, id, economies: [...entry.economies, added[turn] ?? "AQ"] };
    }),
  ).flat();
}

async function published(bench: Bench, place: Place, captures: number): Promise<Omit<ScalePoint, "partners">> {
  const store = emptied(bench, "store");
  rmSync(join(place.data, "tips"), { recursive: true, force: true });
  const publish = await wholeProcess(spampots(bench, { ...place, store }, "publish"), captures);
  const files = filesIn(join(store, "partners"));
  const point = {
    captures,
    publish,
    publications: files.filter((path) => /\/log\/\d{8}\.jws$/.test(path)).length,
    artifact_bytes: bytesOf(files.filter((path) => path.includes("/artifacts/"))),
    lake_bytes: bytesOf(filesIn(join(place.data, "lake"))),
  };
  rmSync(store, { recursive: true, force: true });
  return point;
}

/** Runs all sizes, one after another. */
export async function scale(bench: Bench): Promise<ScaleResult> {
  const points: ScalePoint[] = [];
  const partners = projectPartners();
  for (const times of steps.captures) {
    const data = await freshData(bench, "scale");
    const captures = bench.base * times;
    const place = { data, sensors: join(data, "sensors.yaml") };
    await prepareSite(bench, place);
    const ingest = await ingestWeek(bench, place, captures);
    const point = await published(bench, place, captures);
    points.push({ ...point, ingest, partners: partners.length });
    bench.say(
      `scale: ${times}x captures: ingest ${ingest.seconds.toFixed(1)} s, publish ${point.publish.seconds.toFixed(1)} s`,
    );
    if (times === 1) {
      const config = configuration(bench, "scale", multiplied(partners, steps.partners));
      const more = await published(bench, { ...place, config }, captures);
      points.push({ ...more, partners: partners.length * steps.partners });
      bench.say(`scale: ${steps.partners}x partners: publish ${more.publish.seconds.toFixed(1)} s`);
    }
    rmSync(data, { recursive: true, force: true });
  }
  return {
    kind: "scale",
    figure: "scale",
    base: bench.base,
    ...(await bench.circumstances()),
    points,
    notes: [
      "Each size ran once. Captures are those of one week, denser at each size; ingest is seven processes, a day each.",
    ],
  };
}

/** Keys, and the sensors file that every simulation writes the same. */
export async function prepareSite(bench: Bench, place: Place): Promise<void> {
  await run(spampots(bench, place, "keys", "new"));
  const options = ["--from", week.firstDay, "--days", "1", "--messages-per-day", "0"];
  const folder = join(place.data, "first");
  await run(spampots(bench, place, "simulate", ...options, "--out", folder));
  await run({ program: "mv", args: [join(folder, "sensors.yaml"), place.sensors] });
  rmSync(folder, { recursive: true });
}
