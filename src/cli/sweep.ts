/** `spampots sweep`: deletes what nothing needs any more. */
import type { Command } from "commander";
import { codeOf, SpampotsError } from "../errors.ts";
import { listKeys } from "../publication/keys.ts";
import { type SweepReport, sweep, sweepKinds } from "../publication/sweep.ts";
import type { Run } from "./run.ts";
import { count, errorText, say, sayJson, size, table } from "./say.ts";
import type { CliWorld } from "./world.ts";

export function sweepCommand(program: Command, run: Run): void {
  program
    .command("sweep")
    .description("Delete what is expired, withdrawn, replaced or left over. Manifests and records always stay.")
    .option("--dry-run", "say what would be deleted; delete nothing")
    .option("--here", "only what lies on this machine: raw and temporary files")
    .action(run(sweepAll));
}

async function sweepAll(
  world: CliWorld,
  { dryRun: dry = false, here = false }: { dryRun?: boolean; here?: boolean },
): Promise<void> {
  const report = await sweep(
    {
      store: await world.store(),
      lake: await world.lake(),
      keys: (await listKeys(world.settings.keys)).keys,
      settings: world.settings,
      now: world.clock(),
      log: world.log,
      onProgress: (place) => world.progress(place),
    },
    { dry, ...(here ? { only: "here" as const } : {}) }, // the option's own type
  );
  world.progress("");
  if (world.json) sayJson(reportJson(report, dry));
  else tell(report, dry);
  if (report.failures.length > 0) {
    throw new SpampotsError("some-failed", "Some places were not swept; nothing was deleted there.", {
      hint: "What failed is named above. Correct it and run `spampots sweep` again.",
    });
  }
}

function tell({ kinds, failures }: SweepReport, dry: boolean): void {
  const rows = sweepKinds
    .filter((kind) => kinds[kind].files > 0)
    .map((kind) => [kind, kinds[kind].files, size(kinds[kind].bytes)]);
  if (rows.length > 0) say(`${table(["what", "files", "size"], rows)}\n`);
  const all = sweepKinds.map((kind) => kinds[kind]);
  const [files, bytes] = [
    all.reduce((sum, kind) => sum + kind.files, 0),
    all.reduce((sum, kind) => sum + kind.bytes, 0),
  ];
  if (files === 0) say("There is nothing to delete.");
  else say(`${count(files)} files, ${size(bytes)}: ${dry ? "would be deleted" : "deleted"}.`);
  for (const { place, error } of failures) say(`\nNot swept: ${place}\n${errorText(error)}`);
}

function reportJson({ kinds, failures }: SweepReport, dry: boolean) {
  return {
    dry_run: dry,
    swept: Object.fromEntries(sweepKinds.map((kind) => [kind.replaceAll(" ", "_"), kinds[kind]])),
    failures: failures.map(({ place, error }) => ({
      place,
      code: codeOf(error),
      message: error instanceof Error ? error.message : String(error),
    })),
  };
}
