/** `spampots partner preview`: what a partner would get, and what another policy would change in it. */
import type { Command } from "commander";
import { SpampotsError } from "../../errors.ts";
import type { LakeState } from "../../feed/input-set.ts";
import { namedPartner } from "../../feed/named-partner.ts";
import type { Partner, Subscription } from "../../feed/partners.ts";
import { dayId, secondsInstant } from "../../feed/period.ts";
import { plain } from "../../log.ts";
import { type Period, type Tlp, tlpLabels } from "../../model.ts";
import { type PolicyChange, withPolicy } from "../../partner/registry/changes.ts";
import type { Artifact } from "../../publication/manifest.ts";
import { lakeState } from "../../publication/plan.ts";
import {
  asIfInForce,
  type FeedPreview,
  lastPeriod,
  type PreviewDifference,
  type PreviewWorld,
  previewDifference,
  previewFeed,
} from "../../publication/preview.ts";
import type { Sample } from "../../publication/sample.ts";
import type { Run } from "../run.ts";
import { count, say, sayJson, size, table } from "../say.ts";
import type { CliWorld } from "../world.ts";
import { economiesFrom } from "./answers.ts";
import { openRegistry, textOf } from "./change.ts";
import { mouState } from "./list.ts";

interface PreviewFlags {
  readonly feed?: string;
  readonly economies?: string;
  readonly tlp?: string;
  readonly masks?: string;
}

/** One feed of the preview. */
interface Previewed {
  readonly subscription: Subscription;
  readonly period?: Period;
  /** The MoU covers nothing of it: shown as if it had been in force. */
  readonly asIf: boolean;
  readonly today?: FeedPreview | undefined;
  readonly changed?: FeedPreview | undefined;
  readonly difference?: PreviewDifference | undefined;
}

export function previewCommand(partner: Command, run: Run): void {
  partner
    .command("preview")
    .description("Show what a partner would get for the last complete period, and what another policy would change.")
    .argument("<partner>", "id of the partner")
    .option("--feed <id>", "of this feed alone")
    .option("--economies <list>", "with these economies instead, such as TW,HK; or all")
    .option("--tlp <label>", "with this label instead")
    .option("--masks <columns>", "with these columns empty instead; none for no such column")
    .action(run(preview));
}

async function preview(world: CliWorld, id: string, flags: PreviewFlags): Promise<void> {
  const now = world.clock();
  const making = await world.publishWorld();
  const partner = namedPartner(making.partners, id);
  const subscriptions = partner.subscriptions.filter(({ feed }) => flags.feed === undefined || feed.id === flags.feed);
  if (flags.feed !== undefined && subscriptions.length === 0) throw notSubscribed(partner, flags.feed);
  const other = await otherPolicy(world, id, flags);
  const lake = await lakeState(making, now);
  const previewed: Previewed[] = [];
  for (const [index, subscription] of subscriptions.entries()) {
    world.progress(`${index} of ${subscriptions.length} feeds · ${subscription.feed.id}`);
    previewed.push(await previewOne({ making, lake, now }, partner, other, subscription));
  }
  world.progress("");
  if (world.json) return sayJson(previewJson(partner, previewed, now));
  tell(partner, previewed, now);
}

interface Previewing {
  readonly making: PreviewWorld;
  readonly lake: LakeState;
  readonly now: number;
}

async function previewOne(
  { making, lake, now }: Previewing,
  partner: Partner,
  other: Partner | undefined,
  subscription: Subscription,
): Promise<Previewed> {
  const real = lastPeriod(partner, subscription, lake, now);
  const asIf = real === undefined;
  const as = (entry: Partner) => (asIf ? asIfInForce(entry, now) : entry);
  const period = real ?? lastPeriod(as(partner), subscription, lake, now);
  if (period === undefined) return { subscription, asIf };
  const today = await previewFeed(making, lake, { partner: as(partner), subscription, period, now });
  const ofOther = other?.subscriptions.find(({ feed }) => feed.id === subscription.feed.id);
  const changed =
    other === undefined || ofOther === undefined
      ? undefined
      : await previewFeed(making, lake, { partner: as(other), subscription: ofOther, period, now });
  const difference =
    today === undefined || changed === undefined
      ? undefined
      : await previewDifference(making, subscription, today, changed);
  return { subscription, period, asIf, today, changed, difference };
}

function notSubscribed({ id, subscriptions }: Partner, feed: string): SpampotsError {
  return new SpampotsError("bad-argument", "The partner doesn't subscribe to such a feed.", {
    partner: id,
    feed,
    hint: `It subscribes to ${subscriptions.map((item) => item.feed.id).join(", ") || "none"}.`,
  });
}

/** The partner under the policy that the flags ask for; `undefined` where they ask for none. */
async function otherPolicy(world: CliWorld, id: string, flags: PreviewFlags): Promise<Partner | undefined> {
  const { economies, tlp, masks } = flags;
  if (economies === undefined && tlp === undefined && masks === undefined) return undefined;
  const change: PolicyChange = {
    ...(economies === undefined ? {} : { economies: economiesFrom(economies) }),
    ...(tlp === undefined ? {} : { tlp: labelFrom(tlp) }),
    ...(masks === undefined ? {} : { masks: masks === "none" ? [] : masks.split(/[\s,]+/) }),
  };
  const opened = await openRegistry(world);
  return withPolicy(textOf(opened), id, change, opened.feeds);
}

function labelFrom(text: string): Tlp {
  const label = tlpLabels.find((known) => known === text.toUpperCase().replace(/^TLP:/, ""));
  if (label !== undefined) return label;
  throw new SpampotsError("bad-argument", "There is no such label.", {
    tlp: text,
    hint: `Write ${tlpLabels.join(", ")}.`,
  });
}

function tell(partner: Partner, previewed: readonly Previewed[], now: number): void {
  const state = mouState(partner, now);
  const dates = `${dayId(partner.mou.from)} to ${dayId(partner.mou.to - 1)}`;
  say(`What ${partner.id} (${partner.name}) would get for the last complete period. Nothing was published or stored.`);
  if (state !== "in force") say(`Its MoU (${dates}) is ${state}: nothing is published for it now.`);
  for (const entry of previewed) {
    say("");
    tellFeed(entry);
  }
  if (previewed.length === 0) say("\nIt subscribes to no feed.");
}

function tellFeed({ subscription, period, asIf, today, changed, difference }: Previewed): void {
  const { feed, every } = subscription;
  if (period === undefined) {
    say(`${feed.id}: no ${every} of which there is data is complete yet, or old enough to be published.`);
    return;
  }
  const simulated = today?.due.input.simulated ? " · SIMULATED" : "";
  say(`${feed.id} · ${period.id} · TLP:${today?.due.policy.tlp ?? subscription.tlp}${simulated}`);
  if (asIf) say("  as if the MoU had been in force: it covers no complete period so far");
  if (today === undefined) {
    say("  none of its economies counts in that period: nothing would be published");
    return;
  }
  say(`  ${contents(today)}`);
  for (const line of fileLines(today.manifest.artifacts)) say(`  ${line}`);
  if (today.withheld.size > 0) say(`  empty in every row: ${[...today.withheld].join(", ")}`);
  if (changed !== undefined && difference !== undefined) tellDifference(today, changed, difference);
  tellSample((changed ?? today).sample);
}

/** `1,234 rows, 5,678 captures; 99 % of sensor hours; 12.3 kB in 4 files` */
function contents({ manifest }: FeedPreview): string {
  const { counts, coverage, artifacts } = manifest;
  const { sensor_hours_expected: expected, sensor_hours_seen: seen } = coverage;
  const counted = Object.entries(counts).map(([name, value]) => `${count(value)} ${name}`);
  const covered = expected === 0 ? "no sensor reported" : `${Math.floor((seen * 100) / expected)} % of sensor hours`;
  const files = `${size(bytesOf(artifacts))} in ${artifacts.length === 1 ? "1 file" : `${count(artifacts.length)} files`}`;
  return [counted.join(", "), covered, files].filter((text) => text !== "").join("; ");
}

const bytesOf = (artifacts: readonly Artifact[]) => artifacts.reduce((sum, { bytes }) => sum + bytes, 0);

/** Files that are named; of a feed split by AS there may be hundreds. */
const mostFiles = 6;

function fileLines(artifacts: readonly Artifact[]): string[] {
  const named = artifacts.slice(0, mostFiles);
  const rest = artifacts.slice(mostFiles);
  const what = ({ rows, objects }: Artifact) =>
    rows === undefined ? (objects === undefined ? "" : `${count(objects)} objects`) : `${count(rows)} rows`;
  const rows = named.map((file) => [file.name, what(file), size(file.bytes), `${size(file.content_bytes)} unpacked`]);
  return [
    ...(rows.length === 0 ? [] : table(["file", "", "size", ""], rows).split("\n").slice(1)),
    ...(rest.length === 0 ? [] : [`and ${count(rest.length)} more files, ${size(bytesOf(rest))}`]),
  ];
}

function tellDifference(today: FeedPreview, changed: FeedPreview, { rows, emptied, filled }: PreviewDifference): void {
  const { policy } = changed.due;
  const economies = policy.economies === "all" ? "all" : policy.economies.map(({ code }) => code).join(", ");
  const masks = policy.masks.length === 0 ? "" : ` · masks ${policy.masks.join(", ")}`;
  say(`\n  with ${economies} · TLP:${policy.tlp}${masks}:`);
  say(`  ${contents(changed)}`);
  const parts = [
    ...(rows === undefined
      ? []
      : [`+${count(rows.added)} rows, −${count(rows.removed)}, ${count(rows.changed)} with other values`]),
    ...(emptied.length === 0 ? [] : [`emptied: ${emptied.join(", ")}`]),
    ...(filled.length === 0 ? [] : [`no longer empty: ${filled.join(", ")}`]),
    `${signedSize(bytesOf(changed.manifest.artifacts) - bytesOf(today.manifest.artifacts))} to fetch`,
  ];
  say(`  against today: ${parts.join("; ")}`);
}

const signedSize = (bytes: number) => `${bytes < 0 ? "−" : "+"}${size(Math.abs(bytes))}`;

/** Characters of a cell that are shown. */
const mostCell = 36;

function tellSample(sample: Sample): void {
  say(`\n${"lines" in sample ? sample.lines.map((line) => `    ${line}`).join("\n") : sampleTable(sample)}`);
}

function sampleTable(sample: Extract<Sample, { rows: unknown }>): string {
  if (sample.rows.length === 0) return "  no rows";
  const head = ["column", ...sample.rows.map((_, index) => `row ${index + 1}`)];
  const lines = sample.columns.map((name, index) => [name, ...sample.rows.map((row) => shortened(row[index] ?? ""))]);
  return table(head, lines).replaceAll(/^/gm, "  ");
}

/** A cell, which a spammer may have written, on one short line. */
function shortened(cell: string): string {
  const characters = [...plain(cell)];
  return characters.length <= mostCell ? characters.join("") : `${characters.slice(0, mostCell - 1).join("")}…`;
}

function previewJson(partner: Partner, previewed: readonly Previewed[], now: number) {
  return {
    partner: partner.id,
    mou_state: mouState(partner, now),
    feeds: previewed.map(({ subscription, period, asIf, today, changed, difference }) => ({
      feed: subscription.feed.id,
      period: period?.id ?? null,
      as_if_in_force: asIf,
      today: today === undefined ? null : feedJson(today),
      ...(changed === undefined ? {} : { changed: feedJson(changed) }),
      ...(difference === undefined ? {} : { difference }),
    })),
  };
}

function feedJson({ due, manifest, sample, withheld }: FeedPreview) {
  const { covers, tlp } = due.policy;
  return {
    tlp,
    covers: { from: secondsInstant(covers.from), to: secondsInstant(covers.to) },
    simulated: due.input.simulated,
    counts: manifest.counts,
    coverage: manifest.coverage,
    artifacts: manifest.artifacts,
    empty_columns: [...withheld],
    sample,
  };
}
