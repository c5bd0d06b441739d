/** `spampots publish`: everything that is due, for everyone or for a selection. */
import type { Command } from "commander";
import { codeOf, type ErrorCode, errorTable, SpampotsError } from "../errors.ts";
import { parsePeriod } from "../feed/period.ts";
import { type Manifest, storedBytes } from "../publication/manifest.ts";
import { type PublishOutcome, publish } from "../publication/publish.ts";
import type { Run } from "./run.ts";
import { count, errorMembers, errorText, say, sayJson, size, table } from "./say.ts";
import type { CliWorld } from "./world.ts";

interface PublishFlags {
  readonly partner?: string;
  readonly feed?: string;
  readonly period?: string;
  readonly dryRun?: boolean;
  readonly again?: boolean;
}

export function publishCommand(program: Command, run: Run): void {
  program
    .command("publish")
    .description("Slice, render, sign and store all that is due, oldest first. Doing it twice changes nothing.")
    .option("--partner <id>", "for this partner alone")
    .option("--feed <id>", "this feed alone")
    .option("--period <id>", "this period alone: 2026-W46, 2026-11-10 or 2026-11-10T13")
    .option("--dry-run", "say what would go to whom, with rows and sizes; store nothing")
    .option("--again", "also what was published under another feed, policy or renderer, or was withdrawn")
    .action(run(publishDue));
}

async function publishDue(world: CliWorld, flags: PublishFlags): Promise<void> {
  const publishWorld = await world.publishWorld();
  checkSelection(flags, publishWorld.partners);
  const { partner, feed, period, again, dryRun: dry } = flags;
  const selected = { partner, feed, period, again, dry };
  const onProgress = (step: { done: number; of: number; feed: string; period: string }) =>
    world.progress(`${step.done} of ${step.of} slices · ${step.feed} ${step.period}`);
  const outcome = await publish(
    { ...publishWorld, onProgress },
    Object.fromEntries(Object.entries(selected).filter(([, value]) => value !== undefined)),
  );
  world.progress("");
  if (world.json) sayJson(outcomeJson(outcome, dry === true));
  else tell(outcome, dry === true, world.settings.store);
  if (outcome.failures.length > 0) {
    throw new SpampotsError(
      codeOfAll(outcome.failures),
      `${outcome.failures.length} logs were stopped by an error; what could be published is.`,
      {
        hint: "What failed is named above. Correct it and run `spampots publish` again: what is done is not done twice.",
      },
    );
  }
}

/** The code of all of them where the world (disk, S3) isn't there for any: who watches exit codes need not look further. */
function codeOfAll(failures: PublishOutcome["failures"]): ErrorCode {
  const codes = new Set(failures.map(({ error }) => codeOf(error)));
  const [code = "some-failed"] = codes;
  return codes.size === 1 && errorTable[code].exit === 4 ? code : "some-failed";
}

function checkSelection(
  { partner, feed, period }: PublishFlags,
  partners: readonly { id: string; subscriptions: readonly { feed: { id: string } }[] }[],
): void {
  if (period !== undefined) parsePeriod(period);
  if (partner !== undefined && !partners.some((entry) => entry.id === partner)) {
    throw new SpampotsError("bad-argument", "There is no such partner.", {
      partner,
      hint: `partners.yaml has ${partners.map((entry) => entry.id).join(", ")}.`,
    });
  }
  const subscribed = new Set(partners.flatMap((entry) => entry.subscriptions.map((item) => item.feed.id)));
  if (feed !== undefined && !subscribed.has(feed)) {
    throw new SpampotsError("bad-argument", "Nobody subscribes to such a feed.", {
      feed,
      hint: `Subscribed are ${[...subscribed].sort().join(", ")}.`,
    });
  }
}

const rowsOf = (manifest: Manifest) => manifest.counts.rows ?? manifest.counts.captures ?? 0;

function tell({ published, failures, contested }: PublishOutcome, dry: boolean, store: string): void {
  if (published.length > 0) {
    const rows = published.map(({ partner, manifest }) => [
      partner,
      manifest.feed,
      manifest.sequence,
      manifest.period.id,
      manifest.revision === 0 ? "" : `revision ${manifest.revision}`,
      `TLP:${manifest.tlp}`,
      rowsOf(manifest),
      manifest.artifacts.length,
      size(storedBytes(manifest)),
    ]);
    say(table(["partner", "feed", "number", "period", "", "label", "rows", "files", "size"], rows));
    say("");
  }
  if (published.length === 0) say("Nothing is due.");
  else if (dry) say(`${summaryOf(published)} would be published; nothing was stored.`);
  else say(`${summaryOf(published)} published in ${store}.`);
  if (contested > 0) say(`${contested} logs were being written by another publisher; it has the rest.`);
  for (const { partner, feed, period, error } of failures) {
    say(`\nNot published: ${feed} for ${partner}${period === undefined ? "" : `, ${period}`}\n${errorText(error)}`);
  }
}

/** `40 publications for 10 partners (1,234 rows, 85 files, 23.9 MB)` */
function summaryOf(published: PublishOutcome["published"]): string {
  const sum = (of: (manifest: Manifest) => number) =>
    published.reduce((total, { manifest }) => total + of(manifest), 0);
  const partners = new Set(published.map(({ partner }) => partner)).size;
  const contents = `${count(sum(rowsOf))} rows, ${count(sum(({ artifacts }) => artifacts.length))} files, ${size(sum(storedBytes))}`;
  return `${count(published.length)} publications for ${count(partners)} partners (${contents})`;
}

function outcomeJson({ published, failures, contested }: PublishOutcome, dry: boolean) {
  return {
    dry_run: dry,
    published: published.map(({ partner, manifest }) => ({
      partner,
      feed: manifest.feed,
      sequence: manifest.sequence,
      period: manifest.period.id,
      revision: manifest.revision,
      tlp: manifest.tlp,
      rows: rowsOf(manifest),
      artifacts: manifest.artifacts.map(({ name, bytes, sha256 }) => ({ name, bytes, sha256 })),
    })),
    contested,
    failures: failures.map(({ partner, feed, period, error }) => ({
      partner,
      feed,
      period,
      ...errorMembers(error),
    })),
  };
}
