/** `spampots status`: how each feed of each partner stands. */
import type { Command } from "commander";
import { type LaneStatus, type LogStatus, mouDaysLeft, statusOf, type Trouble } from "../delivery/watch/status.ts";
import { readFacts } from "../delivery/watch/status-read.ts";
import { lateAfterClose } from "../feed/late.ts";
import { namedPartner } from "../feed/named-partner.ts";
import { secondsInstant } from "../feed/period.ts";
import { firstCommits } from "../lake/sweep.ts";
import { listKeys } from "../publication/keys.ts";
import { lakeState, selectedLogs } from "../publication/plan.ts";
import { keyFinder } from "../publication/sign.ts";
import type { Run } from "./run.ts";
import { count, say, sayJson, table } from "./say.ts";
import type { CliWorld } from "./world.ts";

export function statusCommand(program: Command, run: Run): void {
  program
    .command("status")
    .description("Show each partner's feeds: last period, how far sent and taken, what is next, what is wrong.")
    .option("--partner <id>", "of this partner alone")
    .action(run(showStatus));
}

async function showStatus(world: CliWorld, { partner }: { partner?: string }): Promise<void> {
  const now = world.clock();
  const { partners } = await world.configuration();
  const logs = selectedLogs(partners, partner === undefined ? {} : { partner });
  if (partner !== undefined) namedPartner(partners, partner);
  const { keys } = await listKeys(world.settings.keys);
  const open = await world.lake();
  const lake = await lakeState({ lake: open, partners, retainLakeDays: world.settings.retainLakeDays }, now);
  const commits = await firstCommits(open);
  const facts = await readFacts(
    {
      store: await world.store(),
      marks: world.marks(),
      keyOf: keyFinder(keys),
      lake,
      late: (context, begunAt) =>
        lateAfterClose(context, commits, begunAt).reduce((sum, { batches }) => sum + batches, 0),
      now,
    },
    logs,
  );
  const rows = facts.map((entry) => statusOf(entry, now));
  if (world.json)
    return sayJson(facts.map((entry) => statusJson(statusOf(entry, now), mouDaysLeft(entry.partner, now))));
  say(statusTable(rows, now));
  const wrong = rows.filter((row) => row.wrong.length > 0).length;
  say(
    `\n${count(rows.length)} feeds of ${count(new Set(rows.map((row) => row.partner)).size)} partners; ${wrong === 0 ? "nothing is wrong" : `something is wrong with ${count(wrong)}`}.`,
  );
}

const head = ["partner", "feed", "last", "rows", "no.", "sent", "taken", "next due", "wrong"];

/** The table for a terminal: what is wrong comes last, since it may be long. */
function statusTable(rows: readonly LogStatus[], now: number): string {
  return table(
    head,
    rows.map((row) => [
      row.partner,
      row.feed,
      row.period?.id ?? "–",
      row.rows ?? "–",
      row.sequence,
      row.lanes.length === 0 ? "pull" : row.lanes.map(sentText).join(" "),
      row.taken === undefined ? "–" : `${row.taken.sequence} ${shortInstant(row.taken.at)}`,
      row.nextDue === undefined ? "–" : shortInstant(row.nextDue),
      row.wrong.map((trouble) => troubleText(trouble, now)).join("; "),
    ]),
  );
}

/** How far a destination is: `s3:all`, or `s3:40/42`. */
const sentText = ({ destination, delivered, behind }: LaneStatus) =>
  `${destination}:${behind === 0 ? "all" : `${delivered}/${delivered + behind}`}`;

/** `11-16 06:00`: a table is read on the day. */
const shortInstant = (instant: number) => secondsInstant(instant).slice(5, 16).replace("T", " ");

/** `3d`, `5h`, `20m`: how long ago. */
function ageText(ms: number): string {
  const minutes = Math.max(0, Math.floor(ms / 60_000));
  if (minutes < 60) return `${minutes}m`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours}h` : `${Math.floor(hours / 24)}d`;
}

/** What is wrong, in few words. */
function troubleText(trouble: Trouble, now: number): string {
  switch (trouble.kind) {
    case "mou-suspended":
      return "suspended";
    case "mou-not-in-force":
      return "MoU not in force";
    case "mou-expires":
      return `MoU expires in ${trouble.days}d`;
    case "log-stopped":
      return `stopped: ${trouble.code}`;
    case "overdue":
      return `overdue ${ageText(now - trouble.since)}`;
    case "delivery-failing": {
      const { destination, since, behind } = trouble;
      return `${destination} failing ${ageText(now - since)}, ${count(behind)} behind: ${failureText(trouble, 60)}`;
    }
    case "late-captures":
      return `${count(trouble.batches)} batches too late`;
  }
}

/** `delivery-failed (ECONNREFUSED)`: a code, and the beginning of its reason. */
export function failureText(
  { code, reason }: { readonly code: string; readonly reason?: string },
  most = Number.POSITIVE_INFINITY,
): string {
  return reason === undefined ? code : `${code} (${reason.slice(0, most)})`;
}

function statusJson(row: LogStatus, mouDays: number) {
  const at = (instant: number | undefined) => (instant === undefined ? null : secondsInstant(instant));
  return {
    partner: row.partner,
    feed: row.feed,
    period: row.period?.id ?? null,
    sequence: row.sequence,
    rows: row.rows ?? null,
    destinations: row.lanes.map(laneJson),
    taken: row.taken === undefined ? null : { ...row.taken, at: at(row.taken.at) },
    next_due: at(row.nextDue),
    due_since: at(row.dueSince),
    mou_days_left: mouDays,
    wrong: row.wrong.map((trouble) => ("since" in trouble ? { ...trouble, since: at(trouble.since) } : trouble)),
  };
}

/** A destination for machines. */
export function laneJson({ destination, to, delivered, deliveredAt, behind, age, failing }: LaneStatus) {
  return {
    destination,
    to,
    delivered,
    delivered_at: deliveredAt === undefined ? null : secondsInstant(deliveredAt),
    behind,
    age_seconds: Math.floor(age / 1000),
    failing: failing === undefined ? null : { ...failing, since: secondsInstant(failing.since) },
  };
}
