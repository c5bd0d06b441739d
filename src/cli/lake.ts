/** `spampots lake batches|exclude|compact|verify`. */
import type { Command } from "commander";
import { SpampotsError } from "../errors.ts";
import { secondsInstant } from "../feed/period.ts";
import { compact, smallLakeFile } from "../lake/compact.ts";
import { excludeBatch, findBatch } from "../lake/exclude.ts";
import { type BatchRecord, retainedFrom } from "../lake/records.ts";
import { verifyLake } from "../lake/verify.ts";
import { plain } from "../log.ts";
import { logStateOf } from "../publication/compose.ts";
import { listKeys } from "../publication/keys.ts";
import { readTip } from "../publication/log.ts";
import { feedPrefix } from "../publication/manifest.ts";
import { selectedLogs } from "../publication/plan.ts";
import { affectedBy } from "../publication/revisions.ts";
import { keyFinder } from "../publication/sign.ts";
import type { Run } from "./run.ts";
import { count, say, sayJson, size, table } from "./say.ts";
import type { CliWorld } from "./world.ts";

export function lakeCommand(program: Command, run: Run): void {
  const lake = program.command("lake").description("What was ingested: batches, their files, and upkeep of these.");
  lake
    .command("batches")
    .description("List the batches: newest generation, sensor, days, captures.")
    .action(run(showBatches));
  lake
    .command("exclude")
    .description("Let a poisoned or mistaken batch count no more: what it went into is revised by the next publish.")
    .argument("<batch>", "its id, or at least 8 hex digits of its beginning")
    .requiredOption("--reason <text>", "why; stays in the lake")
    .action(run(exclude));
  lake
    .command("compact")
    .description("Merge small files of days that are over. No answer changes.")
    .action(run(compactAll));
  lake.command("verify").description("Compare every file with the digest in its record.").action(run(verify));
}

async function showBatches(world: CliWorld): Promise<void> {
  const lake = await world.lake();
  const excluded = await lake.exclusions();
  const names = await lake.names();
  const records = await lake.records(names);
  const rows = records.flatMap((record, at) => {
    const name = names[at];
    return name === undefined ? [] : [{ name, record }];
  });
  if (world.json) {
    return sayJson(
      rows.map(({ name, record }) => ({
        batch: record.batch,
        generation: record.generation,
        sensor: record.sensor,
        first_day: name.firstDay,
        last_day: name.lastDay,
        counts: record.counts,
        simulated: record.simulated,
        excluded: excluded.get(record.batch)?.reason ?? null,
      })),
    );
  }
  if (rows.length === 0) return say("The lake holds no batch yet: `spampots ingest` takes captures in.");
  const lines = rows.map(({ name: { firstDay, lastDay }, record }) => [
    record.batch.slice(0, 16),
    record.generation,
    record.sensor,
    firstDay === lastDay ? firstDay : `${firstDay} to ${lastDay}`,
    record.counts.captures ?? 0,
    record.counts.requests ?? 0,
    excluded.has(record.batch) ? `EXCLUDED: ${excluded.get(record.batch)?.reason}` : "",
  ]);
  say(table(["batch", "generation", "sensor", "days", "captures", "requests", ""], lines));
}

async function exclude(world: CliWorld, prefix: string, { reason }: { reason: string }): Promise<void> {
  const lake = await world.lake();
  const batch = await findBatch(lake, prefix);
  const { outcome, record } = await excludeBatch(lake, { batch: batch.batch, reason, now: world.clock() });
  world.log.warn({ batch: batch.batch, reason: record.reason, outcome }, "batch excluded");
  const affected = await affectedLogs(world, batch);
  if (world.json) return sayJson({ outcome, ...record, affected });
  const when = secondsInstant(record.excluded_at);
  say(
    outcome === "created"
      ? `Batch ${batch.batch} counts no more.`
      : `Batch ${batch.batch} was excluded already, at ${when}: ${plain(record.reason)}`,
  );
  if (affected.length === 0) return say("It went into nothing that is published.");
  const rows = affected.map((entry) => [
    entry.partner,
    entry.feed,
    entry.period,
    entry.revised_from ?? "stays as it is",
  ]);
  say(`\n${table(["partner", "feed", "period", "revision, not before"], rows)}\n`);
  say("`spampots publish` makes the revisions that are due.");
  if (affected.some((entry) => entry.revised_from === null))
    say("What stays is past revision: `spampots withdraw` takes it back if it has to go.");
}

async function affectedLogs(world: CliWorld, batch: BatchRecord) {
  const store = await world.store();
  const { partners } = await world.configuration();
  const { keys } = await listKeys(world.settings.keys);
  const now = world.clock();
  const affected: { partner: string; feed: string; period: string; revised_from: string | null }[] = [];
  for (const { partner, subscription } of selectedLogs(partners)) {
    const feed = subscription.feed.id;
    const tip = await readTip(store.under(feedPrefix(partner.id, feed)), keyFinder(keys));
    for (const { period, revisedFrom } of affectedBy(batch, { partner, subscription, log: logStateOf(tip), now })) {
      const from = revisedFrom === undefined ? null : secondsInstant(revisedFrom);
      affected.push({ partner: partner.id, feed, period, revised_from: from });
    }
  }
  return affected;
}

async function compactAll(world: CliWorld): Promise<void> {
  const { settings } = world;
  const done = await compact(await world.lake(), await world.writer(), {
    now: world.clock(),
    retainDays: settings.retainLakeDays,
    temporary: settings.data,
    smallBytes: smallLakeFile,
    onProgress: (day) => world.progress(day),
  });
  world.progress("");
  if (world.json) return sayJson({ compacted: done.map(({ file, merged }) => ({ ...file, merged })) });
  const merged = done.reduce((sum, entry) => sum + entry.merged, 0);
  if (done.length === 0) say("There is nothing to merge.");
  else
    say(
      `${count(merged)} files merged into ${count(done.length)}; \`spampots sweep\` deletes the old ones after a day.`,
    );
}

async function verify(world: CliWorld): Promise<void> {
  const { files, bytes, faults } = await verifyLake(await world.lake(), {
    retainedFrom: retainedFrom(world.clock(), world.settings.retainLakeDays),
    onProgress: (done) => world.progress(`${done.day} · ${count(done.files)} files · ${size(done.bytes)}`),
  });
  world.progress("");
  if (world.json) sayJson({ files, bytes, faults });
  else if (faults.length === 0) say(`${count(files)} files, ${size(bytes)}: all are what their records say.`);
  else
    say(
      table(
        ["what is wrong", "file"],
        faults.map(({ fault, key }) => [fault, key]),
      ),
    );
  if (faults.length > 0) {
    throw new SpampotsError("lake-damaged", "Files of the lake are not what their records say.", {
      hint: "They are named above: restore them from a copy of the lake.",
      faults: faults.length,
    });
  }
}
