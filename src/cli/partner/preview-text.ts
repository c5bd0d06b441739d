/** What `partner preview` says, for a person. */
import type { Partner, Subscription } from "../../feed/partners.ts";
import { dayId } from "../../feed/period.ts";
import { plain } from "../../log.ts";
import type { Period } from "../../model.ts";
import type { Artifact } from "../../publication/manifest.ts";
import type { FeedPreview, PreviewDifference } from "../../publication/preview.ts";
import type { Sample } from "../../publication/sample.ts";
import { count, say, size, table } from "../say.ts";
import { mouState } from "./list.ts";

/** One feed of the preview. */
export interface Previewed {
  readonly subscription: Subscription;
  readonly period?: Period;
  /** The MoU covers nothing of it: shown as if it had been in force. */
  readonly asIf: boolean;
  readonly today?: FeedPreview | undefined;
  readonly changed?: FeedPreview | undefined;
  readonly difference?: PreviewDifference | undefined;
}

/** Prints it: each feed under the policy that is in force, then what another would change. `now` in milliseconds. */
export function tell(partner: Partner, previewed: readonly Previewed[], now: number): void {
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
