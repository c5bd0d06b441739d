/** `spampots partner suspend|resume`: edits partners.yaml, and says what else is to be done. */
import { readFile, rename, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Command } from "commander";
import { changedLines, closingPolicy, withSuspended } from "../partner/edit.ts";
import { checkPartnerCommand } from "./partner-check.ts";
import { kitCommand } from "./partner-kit.ts";
import type { Run } from "./run.ts";
import { say, sayJson } from "./say.ts";
import type { CliWorld } from "./world.ts";

export function partnerCommand(program: Command, run: Run): void {
  const partner = program.command("partner").description("Partners, as partners.yaml has them.");
  partner
    .command("suspend")
    .description("Let a partner receive nothing for now; a running `serve` knows within seconds.")
    .argument("<partner>", "id of the partner")
    .action(run((world: CliWorld, id: string) => suspend(world, id, true)));
  partner
    .command("resume")
    .description("Let a suspended partner receive again.")
    .argument("<partner>", "id of the partner")
    .action(run((world: CliWorld, id: string) => suspend(world, id, false)));
  kitCommand(partner, run);
  checkPartnerCommand(partner, run);
}

async function suspend(world: CliWorld, id: string, suspended: boolean): Promise<void> {
  const { feeds } = await world.configuration();
  const path = join(world.settings.config, "partners.yaml");
  const before = await readFile(path, "utf8");
  const after = withSuspended(before, id, suspended, feeds);
  const changed = changedLines(before, after);
  if (changed.length > 0) await replaceFile(path, after);
  const [, bucket, prefix = ""] = /^s3:\/\/([^/]+)\/?(.*)$/.exec(world.settings.store) ?? [];
  const policy = suspended && bucket !== undefined ? closingPolicy(bucket, prefix, id) : undefined;
  if (world.json) return sayJson({ partner: id, suspended, changed, ...(policy === undefined ? {} : { policy }) });
  if (changed.length === 0)
    return say(`${id} ${suspended ? "is suspended already" : "isn't suspended"}; nothing was changed.`);
  say(`${path}:\n${changed.join("\n")}\nCommit it: the file's history is the audit trail.`);
  if (policy !== undefined) {
    say(`If ${id} reads the bucket itself, add this to the bucket's policy, and take it out when it is resumed:`);
    say(JSON.stringify(policy, undefined, 2));
  }
}

/** Puts the text in the file's place in one step, so that whoever reads it meets the old one or the new one, whole. */
async function replaceFile(path: string, text: string): Promise<void> {
  const { mode } = await stat(path);
  await writeFile(`${path}.new`, text, { mode, flush: true });
  await rename(`${path}.new`, path);
}
