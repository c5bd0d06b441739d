/** `spampots partner list|show`: who may receive what, as partners.yaml says it, and how far it was published. */
import type { Command } from "commander";
import { logsAtOnce, mapAtOnce } from "../../at-once.ts";
import { mouDaysLeft } from "../../delivery/watch/status.ts";
import { isError } from "../../errors.ts";
import { placeOf } from "../../feed/destinations.ts";
import { namedPartner } from "../../feed/named-partner.ts";
import type { Partner, PartnerEconomy } from "../../feed/partners.ts";
import { dayId, secondsInstant } from "../../feed/period.ts";
import { inForce } from "../../feed/policy.ts";
import { keyThumbprint } from "../../partner/registry/changes.ts";
import { tipSequence } from "../../publication/log.ts";
import { feedPrefix } from "../../publication/manifest.ts";
import type { Store } from "../../store/store.ts";
import type { Run } from "../run.ts";
import { say, sayJson, table } from "../say.ts";
import type { CliWorld } from "../world.ts";

export function listCommands(partner: Command, run: Run): void {
  partner
    .command("list")
    .description("List the partners: MoU and days left, feeds with their newest publication, keys.")
    .action(run(list));
  partner
    .command("show")
    .description("Show one partner: MoU, economies, feeds and destinations, keys by their thumbprints.")
    .argument("<partner>", "id of the partner")
    .action(run(show));
}

type MouState = "in force" | "suspended" | "not yet begun" | "expired";

/** How an MoU stands on a day. */
export function mouState(partner: Partner, now: number): MouState {
  if (now >= partner.mou.to) return "expired";
  if (partner.mou.suspended) return "suspended";
  return inForce(partner, now) ? "in force" : "not yet begun";
}

/** Newest sequences by feed, `undefined` of a log that doesn't hold; `undefined` where the store isn't there. */
type Sequences = ReadonlyMap<string, number | undefined> | undefined;

/** @throws SpampotsError as the store does, but for one that isn't there. */
async function sequencesOf(store: Store, { id, subscriptions }: Partner): Promise<Sequences> {
  try {
    const newest = await mapAtOnce(subscriptions, logsAtOnce, async ({ feed }) => {
      return [feed.id, await sequenceOf(store.under(feedPrefix(id, feed.id)))] as const;
    });
    return new Map(newest);
  } catch (error) {
    if (isError(error, "store-unavailable") || isError(error, "store-denied") || isError(error, "disk-failed"))
      return undefined;
    throw error;
  }
}

async function sequenceOf(log: Store): Promise<number | undefined> {
  try {
    return await tipSequence(log);
  } catch (error) {
    if (isError(error, "log-behind")) return undefined;
    throw error;
  }
}

/** `–` where nothing was published, `?` where the log has a gap: `spampots verify` says which. */
const sequenceText = (sequences: NonNullable<Sequences>, feed: string) => {
  const sequence = sequences.get(feed);
  return sequence === undefined ? "?" : sequence || "–";
};

async function list(world: CliWorld): Promise<void> {
  const now = world.clock();
  const { partners } = await world.configuration();
  const store = await world.store();
  const sequences = new Map<string, Sequences>();
  for (const partner of partners) {
    sequences.set(partner.id, await sequencesOf(store, partner));
    // One that isn't there isn't asked for each of them: each answer may take a minute.
    if (sequences.get(partner.id) === undefined) break;
  }
  const isThere = [...sequences.values()].every((found) => found !== undefined);
  if (world.json)
    return sayJson({ partners: partners.map((partner) => partnerJson(partner, sequences.get(partner.id), now)) });
  const rows = partners.map((partner) => [
    partner.id,
    partner.name,
    economiesText(partner),
    mouState(partner, now),
    dayId(partner.mou.to - 1),
    Math.max(0, mouDaysLeft(partner, now)),
    partner.keys.length,
    feedsText(partner, sequences.get(partner.id)),
  ]);
  if (rows.length === 0) return say("There are no partners. `spampots partner add` adds one.");
  say(
    table(["partner", "name", "economies", "MoU", "until", "days left", "keys", "feeds and newest publication"], rows),
  );
  if (!isThere) say(`\nThe store ${store.url} isn't there: what was published isn't shown.`);
}

const economyText = ({ code, since }: PartnerEconomy) => (since === undefined ? code : `${code} since ${dayId(since)}`);

const economiesText = ({ economies }: Partner) => (economies === "all" ? "all" : economies.map(economyText).join(", "));

const feedsText = ({ subscriptions }: Partner, sequences: Sequences) =>
  subscriptions
    .map(({ feed }) => (sequences === undefined ? feed.id : `${feed.id} ${sequenceText(sequences, feed.id)}`))
    .join(", ");

async function show(world: CliWorld, id: string): Promise<void> {
  const now = world.clock();
  const partner = namedPartner((await world.configuration()).partners, id);
  const sequences = await sequencesOf(await world.store(), partner);
  if (world.json) return sayJson(partnerJson(partner, sequences, now));
  const { mou } = partner;
  const days = mouDaysLeft(partner, now);
  const facts = [
    ["partner", `${id} (${partner.name})`],
    ["economies", economiesText(partner)],
    ["MoU", `${mou.reference}, ${dayId(mou.from)} to ${dayId(mou.to - 1)}`],
    ["", `${mouState(partner, now)}${days < 0 ? "" : `, ${days} days left`}`],
    ["purposes", mou.purposes.join("; ")],
    ["onward", mou.onward],
    ["retention", `${mou.retentionDays} days`],
    ["TLP ceiling", `TLP:${partner.tlpCeiling}`],
    ...(partner.masks.length === 0 ? [] : [["masks", partner.masks.join(", ")]]),
    ...(partner.tokensNotBefore === undefined
      ? []
      : [["tokens", `those made before ${secondsInstant(partner.tokensNotBefore)} are revoked`]]),
    ...keyLines(partner),
  ];
  say(facts.map(([name = "", value = ""]) => `${name.padEnd(12)} ${value}`.trimEnd()).join("\n"));
  if (partner.subscriptions.length === 0) return say("\nIt subscribes to no feed.");
  say("");
  say(table(["feed", "every", "formats", "label", "newest", "destinations"], subscriptionRows(partner, sequences)));
  if (sequences === undefined) say("\nThe store isn't there: what was published isn't shown.");
}

const keyLines = ({ id, keys }: Partner) =>
  keys.length === 0
    ? [["keys", `none: \`spampots partner invite ${id}\`, or rotate-key`]]
    : keys.map((key, index) => [index === 0 ? "keys" : "", `${keyThumbprint(key)} ${key.crv}${keyNote(key)}`]);

const keyNote = ({ kid }: Readonly<Record<string, unknown>>) =>
  String(kid ?? "").startsWith("placeholder") ? " (a placeholder)" : "";

const subscriptionRows = ({ subscriptions }: Partner, sequences: Sequences) =>
  subscriptions.map(({ feed, every, formats, tlp, destinations }) => [
    feed.id,
    every,
    formats.join(", "),
    `TLP:${tlp}`,
    sequences === undefined ? "–" : sequenceText(sequences, feed.id),
    destinations.length === 0 ? "pull" : destinations.map((place) => `${place.name} ${placeOf(place)}`).join(", "),
  ]);

function partnerJson(partner: Partner, sequences: Sequences, now: number) {
  const { id, name, mou, economies, tlpCeiling, masks, keys, subscriptions } = partner;
  return {
    partner: id,
    name,
    economies:
      economies === "all"
        ? "all"
        : economies.map(({ code, since }) => (since === undefined ? { code } : { code, since: dayId(since) })),
    mou: {
      reference: mou.reference,
      signed: dayId(mou.from),
      expires: dayId(mou.to - 1),
      state: mouState(partner, now),
      days_left: mouDaysLeft(partner, now),
      purposes: mou.purposes,
      onward: mou.onward,
      retention_days: mou.retentionDays,
    },
    tlp_ceiling: tlpCeiling,
    masks,
    keys: keys.map((key) => ({ thumbprint: keyThumbprint(key), kty: key.kty, crv: key.crv })),
    feeds: subscriptions.map(({ feed, every, formats, tlp, destinations }) => ({
      feed: feed.id,
      every,
      formats,
      tlp,
      sequence: sequences?.get(feed.id) ?? null,
      destinations: destinations.map((place) => ({ name: place.name, kind: place.kind, to: placeOf(place) })),
    })),
  };
}
