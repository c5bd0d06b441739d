/**
 * The operator's private file of sensors (`SPAMPOTS_SENSORS`): which there are, with the addresses and names they have
 * or had. A spool of a sensor that isn't in it is refused; `probe.ts` looks for what stands in it. Nothing of it leaves,
 * so problems name a line and a path, never a value.
 */
import { z } from "zod";
import { checkDocument, refusal } from "../document.ts";
import type { Problem } from "../errors.ts";
import { earliestInstant, latestInstant, type Sensor } from "../model.ts";
import { normaliseAddress } from "./address.ts";
import { parseInstant } from "./instant.ts";
import { spoolBounds } from "./spool.ts";

/** Shortest name of a sensor: shorter ones stand in any text, and every capture would be a probe. */
const shortestName = 5;

const whenSentence = "Write a day such as 2026-11-10 or an instant such as 2026-11-10T03:12:44Z, from 2000 to 2099.";

const instant = z.string(whenSentence).transform((text, context) => {
  const at = parseInstant(/^\d{4}-\d{2}-\d{2}$/.test(text) ? `${text}T00:00:00Z` : text);
  if (at !== undefined && at >= earliestInstant && at < latestInstant) return at;
  context.addIssue({ code: "custom", message: whenSentence });
  return z.NEVER;
});

const address = z.string("Write an IPv4 or IPv6 address.").transform((text, context) => {
  const normal = normaliseAddress(text);
  if (normal !== undefined) return normal;
  context.addIssue({ code: "custom", message: "Write an IPv4 or IPv6 address." });
  return z.NEVER;
});

const placed = z
  .strictObject({ address, from: instant.optional(), to: instant.optional() })
  .refine(({ from, to }) => from === undefined || to === undefined || from < to, {
    path: ["to"],
    message: "Write a time after `from`: the address is the sensor's from `from` until before `to`.",
  });

const sensor = z.strictObject({
  id: z
    .string("Write the id that the sensor's spool files carry.")
    .min(1, "Write the id that the sensor's spool files carry.")
    .max(spoolBounds.id, `Write at most ${spoolBounds.id} characters.`)
    .regex(/^\P{Cc}*$/u, "Leave out control characters."),
  economy: z
    .string()
    .regex(/^[A-Z]{2}$/, "Write an ISO 3166-1 alpha-2 code, such as TW.")
    .optional(),
  host: z.string().optional(),
  addresses: z.array(placed).default([]),
  names: z
    .array(
      z
        .string()
        .trim()
        .min(shortestName, `Write at least ${shortestName} characters: a shorter name stands in any text.`)
        .max(253, "Write at most 253 characters."),
    )
    .default([]),
});

const sensorsFile = z.strictObject({ sensors: z.array(sensor) });

type Parsed = z.infer<typeof sensor>;

/**
 * Reads the sensors file. Addresses are normalised; an address without `from` or `to` was always, or still is, the
 * sensor's.
 *
 * @param file its name, for problems
 * @throws SpampotsError `bad-configuration` with every problem
 */
export function parseSensors(text: string, file: string): readonly Sensor[] {
  const { value, problems, at } = checkDocument(file, text, sensorsFile);
  if (value === undefined) throw refusal(problems);
  const clashes = clashesOf(value.sensors, at);
  if (clashes.length > 0) throw refusal(clashes);
  return value.sensors.map(({ id, economy, host, addresses, names }) => ({
    id,
    ...(economy === undefined ? {} : { economy }),
    ...(host === undefined ? {} : { host }),
    addresses: addresses.map(({ address, from, to }) => ({
      address,
      ...(from === undefined ? {} : { from }),
      ...(to === undefined ? {} : { to }),
    })),
    names,
  }));
}

/** Ids given twice, and addresses that two sensors would have at one time. */
function clashesOf(sensors: readonly Parsed[], at: (path: readonly PropertyKey[], message: string) => Problem) {
  const problems: Problem[] = [];
  const ids = new Set<string>();
  const holders = new Map<string, { readonly index: number; readonly from: number; readonly to: number }[]>();
  for (const [index, { id, addresses }] of sensors.entries()) {
    if (ids.has(id)) problems.push(at(["sensors", index, "id"], "Another sensor has this id; give each its own."));
    ids.add(id);
    for (const [place, { address, from = earliestInstant, to = latestInstant }] of addresses.entries()) {
      const others = holders.get(address) ?? [];
      if (others.some((other) => other.index !== index && other.from < to && from < other.to)) {
        const sentence = "Another sensor has this address at the same time; correct one, or state `from` and `to`.";
        problems.push(at(["sensors", index, "addresses", place], sentence));
      }
      holders.set(address, [...others, { index, from, to }]);
    }
  }
  return problems;
}
