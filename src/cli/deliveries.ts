/** `spampots deliveries` and `spampots deliver --retry`: how far each destination is, and another try now. */
import type { Command } from "commander";
import { Deliveries } from "../delivery/push/deliver.ts";
import { type Lane, laneName, lanesOf } from "../delivery/push/progress.ts";
import { type LaneStatus, statusOf } from "../delivery/watch/status.ts";
import { noLake, readFacts } from "../delivery/watch/status-read.ts";
import { errorTable, isError, SpampotsError } from "../errors.ts";
import type { Partner } from "../feed/partners.ts";
import { secondsInstant } from "../feed/period.ts";
import { inForce } from "../feed/policy.ts";
import { listKeys } from "../publication/keys.ts";
import { selectedLogs } from "../publication/plan.ts";
import { keyFinder } from "../publication/sign.ts";
import type { Run } from "./run.ts";
import { count, say, sayJson, table } from "./say.ts";
import { failureText, laneJson } from "./status.ts";
import type { CliWorld } from "./world.ts";

/** Narrows what is shown or tried. */
interface LaneFlags {
  readonly partner?: string;
  readonly feed?: string;
  readonly destination?: string;
}

export function deliveriesCommand(program: Command, run: Run): void {
  program
    .command("deliveries")
    .description("Show how far each destination is, and why not further.")
    .option("--partner <id>", "of this partner alone")
    .option("--feed <id>", "of this feed alone")
    .option("--destination <name>", "destinations of this name alone")
    .option("--failed", "those alone that don't take what they are brought")
    .action(run(showDeliveries));
}

export function deliverCommand(program: Command, run: Run): void {
  program
    .command("deliver")
    .description("Bring destinations now what they don't have yet. A runner at work meanwhile does no harm.")
    .requiredOption("--retry", "also where a runner waits before it tries again")
    .option("--partner <id>", "to this partner alone")
    .option("--feed <id>", "this feed alone")
    .option("--destination <name>", "to destinations of this name alone")
    .action(run(deliverNow));
}

type LaneRow = LaneStatus & Lane;

async function showDeliveries(world: CliWorld, flags: LaneFlags & { failed?: boolean }): Promise<void> {
  const { partners } = await world.configuration();
  const { lanes, unread } = await laneRows(world, withLanesOf(partners, flags));
  const rows = lanes.filter(({ failing }) => flags.failed !== true || failing !== undefined);
  if (unread > 0) process.exitCode = errorTable["some-failed"].exit;
  if (world.json) return sayJson(rows.map((row) => ({ partner: row.partner, feed: row.feed, ...laneJson(row) })));
  if (rows.length > 0)
    say(table(["partner", "feed", "destination", "delivered", "behind", "last delivery", "failing"], rows.map(cells)));
  if (unread > 0) say(`${count(unread)} logs can't be read: see \`spampots status\`.`);
  else if (rows.length === 0)
    say(flags.failed ? "No delivery is failing." : "Nothing is pushed: no subscription names a destination.");
}

const cells = ({ partner, feed, destination, delivered, behind, deliveredAt, failing }: LaneRow) => [
  partner,
  feed,
  destination,
  delivered,
  behind,
  deliveredAt === undefined ? "–" : secondsInstant(deliveredAt),
  failing === undefined ? "" : `since ${secondsInstant(failing.since)}: ${failureText(failing)}`,
];

/**
 * Partners with those destinations alone that fit.
 *
 * @throws SpampotsError `bad-argument` where some are named and none does.
 */
function withLanesOf(partners: readonly Partner[], { partner, feed, destination }: LaneFlags): Partner[] {
  const fits = (wanted: string | undefined, name: string) => wanted === undefined || wanted === name;
  const selected = partners
    .filter(({ id }) => fits(partner, id))
    .map((entry) => ({
      ...entry,
      subscriptions: entry.subscriptions
        .filter((subscription) => fits(feed, subscription.feed.id))
        .map((subscription) => ({
          ...subscription,
          destinations: subscription.destinations.filter(({ name }) => fits(destination, name)),
        }))
        .filter(({ destinations }) => destinations.length > 0),
    }));
  const isNarrowed = partner !== undefined || feed !== undefined || destination !== undefined;
  if (!isNarrowed || selected.some(({ subscriptions }) => subscriptions.length > 0)) return selected;
  throw new SpampotsError("bad-argument", "No destination fits.", {
    partner,
    feed,
    destination,
    hint: "`deliveries` in partners.yaml names the destinations of each subscription.",
  });
}

/** Lanes, and of how many logs nothing can be told: the log names them. */
async function laneRows(
  world: CliWorld,
  partners: readonly Partner[],
): Promise<{ readonly lanes: LaneRow[]; readonly unread: number }> {
  const { keys } = await listKeys(world.settings.keys);
  const now = world.clock();
  const facts = await readFacts(
    { store: await world.store(), marks: world.marks(), keyOf: keyFinder(keys), lake: noLake, now },
    selectedLogs(partners),
  );
  let unread = 0;
  for (const { partner, subscription, stopped } of facts) {
    if (stopped === undefined) continue;
    unread += 1;
    world.log.error({ partner: partner.id, feed: subscription.feed.id, ...stopped }, "a log can't be read");
  }
  const lanes = facts.flatMap((entry) => {
    const status = statusOf(entry, now);
    return status.lanes.map((lane) => ({ partner: status.partner, feed: status.feed, ...lane }));
  });
  return { lanes, unread };
}

/** What came of a lane. */
interface Outcome {
  delivered: number;
  /** A runner is at work on it. */
  left: boolean;
  error?: { readonly sequence: number; readonly code: string; readonly message: string; readonly reason?: string };
}

async function deliverNow(world: CliWorld, flags: LaneFlags): Promise<void> {
  const { partners } = await world.configuration();
  const selected = withLanesOf(partners, flags);
  const { keys } = await listKeys(world.settings.keys);
  const outcomes = new Map<string, Outcome>();
  const outcomeOf = (lane: Lane): Outcome => {
    const outcome = outcomes.get(laneName(lane)) ?? { delivered: 0, left: false };
    outcomes.set(laneName(lane), outcome);
    return outcome;
  };
  const deliveries = new Deliveries({
    ...(await world.deliverWorld(keyFinder(keys))),
    onLeft: (lane) => {
      outcomeOf(lane).left = true;
    },
    onDelivered: (lane) => {
      outcomeOf(lane).delivered += 1;
    },
    onFailed: (lane, sequence, error) => {
      outcomeOf(lane).error = { sequence, ...sayFailure(error) };
    },
  });
  // A new process knows of no pauses.
  deliveries.look(selected);
  await deliveries.idle();
  await deliveries.close();
  sayOutcomes(world, selected, outcomeOf);
}

function sayFailure(error: unknown): Omit<NonNullable<Outcome["error"]>, "sequence"> {
  if (!isError(error)) return { code: "internal", message: "A delivery failed." };
  const { code, message, facts } = error;
  return { code, message, ...(typeof facts.reason === "string" ? { reason: facts.reason } : {}) };
}

function sayOutcomes(world: CliWorld, partners: readonly Partner[], outcomeOf: (lane: Lane) => Outcome): void {
  const rows = selectedLogs(partners)
    .flatMap(lanesOf)
    .map(({ lane, partner }) => ({
      ...lane,
      in_force: inForce(partner, world.clock()),
      ...outcomeOf(lane),
    }));
  const failed = rows.filter(({ error }) => error !== undefined);
  if (world.json) sayJson({ lanes: rows.map(({ error, ...row }) => ({ ...row, error: error ?? null })) });
  else if (rows.length === 0) say("Nothing is pushed: no subscription names a destination.");
  else say(table(["partner", "feed", "destination", "delivered", "outcome"], rows.map(outcomeCells)));
  if (failed.length === 0) return;
  if (!world.json) say(`\n${count(failed.length)} failed. A runner goes on trying.`);
  process.exitCode = errorTable["some-failed"].exit;
}

const outcomeCells = (row: Lane & Outcome & { readonly in_force: boolean }) => [
  row.partner,
  row.feed,
  row.destination,
  row.delivered,
  outcomeText(row),
];

function outcomeText({ error, left, in_force: inForceNow }: Outcome & { readonly in_force: boolean }): string {
  if (error !== undefined) return `${error.sequence} failed: ${failureText(error)}`;
  if (left) return "a runner is at it";
  return inForceNow ? "has all" : "not tried: the MoU isn't in force";
}
