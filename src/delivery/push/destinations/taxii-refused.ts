/**
 * Which objects a server refused. It may count what it has already among its failures, and needn't name any: the
 * collection's manifest says what it has.
 *
 * @see TAXII 2.1 §4.3.1 (status), §5.3 (object manifests)
 */
import { z } from "zod";
import type { RefusedObjects } from "../destination.ts";
import { type Status, shown, type TaxiiCollection } from "./taxii-server.ts";

/** Objects that are asked for in one URL, which servers bound: some 6 kB of the usual 8. */
const asked = 100;

/** Our own objects, so that nothing else is looked at. */
const named = z.object({ id: z.string(), modified: z.string().optional() });

type Named = z.infer<typeof named>;

/**
 * The objects of an envelope that the server refused and doesn't have.
 *
 * @param outcome the envelope's status, or what the server said where it refused the whole.
 */
export async function refusedOf(
  outcome: Status | { readonly message: string },
  objects: readonly Uint8Array[],
  server: TaxiiCollection,
  signal: AbortSignal,
): Promise<RefusedObjects["first"]> {
  const { failed, messages } = "status" in outcome ? failedOf(outcome) : { failed: () => true, messages: new Map() };
  if (failed === undefined) return [];
  const suspects = objects.map((object) => named.parse(JSON.parse(Buffer.from(object).toString()))).filter(failed);
  const refused: { id: string; message: string }[] = [];
  for (let from = 0; from < suspects.length; from += asked) {
    const some = suspects.slice(from, from + asked);
    const there = await versionsOf(new Set(some.map(({ id }) => id)), server, signal);
    for (const suspect of some.filter((one) => !isOf(there.get(one.id), one))) {
      const said = "message" in outcome ? outcome.message : (messages.get(suspect.id) ?? "");
      refused.push({ id: suspect.id, message: shown(said) });
    }
  }
  return refused;
}

/** The newest versions that the server has of these objects, none where it doesn't let us look. Empties `ids`. */
async function versionsOf(
  ids: Set<string>,
  server: TaxiiCollection,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>();
  while (ids.size > 0) {
    const { objects = [], more = false } = (await server.has([...ids], signal)) ?? {};
    const before = ids.size;
    for (const { id, version } of objects) if (ids.delete(id)) found.set(id, version);
    // A page of what it has: the rest is asked for anew.
    if (!more || ids.size === before) break;
  }
  return found;
}

/** Which objects failed by a status, as far as it says; undefined where none did. */
function failedOf({ failure_count: count, failures = [], successes = [] }: Status) {
  if ((count ?? failures.length) === 0) return { failed: undefined, messages: new Map<string, string>() };
  const messages = new Map(failures.map(({ id, message = "" }) => [id, message]));
  const taken = new Set(successes.map(({ id }) => id));
  // A status needn't name what failed: then anything that it doesn't say was taken.
  const failed = ({ id }: Named) => (failures.length >= (count ?? 0) ? messages.has(id) : !taken.has(id));
  return { failed, messages };
}

/**
 * True where the server has this version, or a newer one. Versions are instants of one form, and ours never go back.
 */
function isOf(version: string | undefined, { modified }: Named): boolean {
  return version !== undefined && (modified === undefined || Date.parse(version) >= Date.parse(modified));
}
