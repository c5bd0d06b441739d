/** STIX objects a second beside python-stix2, which builds and serialises the same objects. */
import { join } from "node:path";
import type { Bench, Place } from "../bench.ts";
import { configuration, projectPartners } from "../configurations.ts";
import { emptied, filesIn, site, warm } from "../data.ts";
import type { Figure } from "../figure.ts";
import { type Call, ownTime, run } from "../process.ts";

/** Parts that python-stix2 is given at most, of 5,000 objects each: it has a rate, and the rest would take it minutes. */
const builtParts = 4;

const beside = (name: string) => join(import.meta.dirname, "../references", name);

/** A configuration that makes one slice due: spam-sources of TW for the week, as STIX. */
export async function stixPlace(bench: Bench): Promise<Place & { readonly config: string }> {
  const partner = projectPartners().find(({ id }) => id === "twcert-cc");
  if (partner === undefined) throw new Error("partners.yaml has no twcert-cc");
  const subscriptions = [{ feed: "spam-sources", every: "week", formats: ["csv", "stix"] }];
  const config = configuration(bench, "stix", [{ ...partner, subscriptions }]);
  return { ...(await site(bench, bench.captures)), config };
}

/** The process that renders that slice, or its first rows, into `folder`, and counts rows or objects. */
export function rendering(
  { data, sensors, config }: Place & { readonly config: string },
  folder: string,
  { format, unit, rows }: { format: "csv" | "stix"; unit: "rows" | "objects"; rows?: number },
): Call {
  const limit = rows === undefined ? [] : [String(rows)];
  const args = [beside("render.ts"), format, unit, data, sensors, config, folder, ...limit];
  return { program: process.execPath, args };
}

/** The process in which python-stix2 builds the objects of these parts. */
export function building(python: string, parts: readonly string[]): Call {
  return { program: python, args: [beside("stix2_build.py"), ...parts] };
}

const objects = { format: "stix", unit: "objects" } as const;

export const stix: Figure = {
  id: "stix",
  work: "STIX objects per second, rendered, hashed, compressed, written, two cores",
  reference:
    "python-stix2 building and serialising bundles of the same objects, with its default validation, on one core",
  bound: { kind: "rate", least: 60, aim: 100 },
  async prepare(bench: Bench) {
    const place = await stixPlace(bench);
    const python = await bench.python();
    const parts = emptied(bench, "stix-parts");
    await run(rendering(place, parts, objects));
    const files = filesIn(parts, /\.stix\.json\.gz$/);
    const step = Math.max(1, Math.floor(files.length / builtParts));
    const given = files.filter((_, index) => index % step === 0).slice(0, builtParts);
    warm(filesIn(join(place.data, "lake")));
    return {
      size: `spam-sources of TW for the week as STIX, ${files.length} parts, of a week of ${bench.captures.toLocaleString("en")} captures`,
      unit: "objects",
      commands: {
        ours: "rows in memory -> stixRenderer -> .stix.json.gz on disk",
        reference: `stix2.Bundle(objects=[stix2.<class>(**properties), ...]).serialize(), the bundles of ${given.length} of the parts`,
      },
      ours: () => ownTime(rendering(place, emptied(bench, "stix"), objects)),
      reference: () => ownTime(building(python, given)),
      notes: [
        "Neither side's start is timed, nor our query and Python's reading of the parts.",
        "Python is given instants as datetimes and ids made before; it hashes, compresses and writes nothing.",
      ],
    };
  },
};
