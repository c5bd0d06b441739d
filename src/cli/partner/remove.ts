/** `spampots partner remove`: a partner's entry is taken out, and what else is to be done is said. */
import type { Command } from "commander";
import { withoutPartner } from "../../partner/registry/changes.ts";
import type { Run } from "../run.ts";
import { say, sayJson } from "../say.ts";
import type { CliWorld } from "../world.ts";
import { change, openRegistry, partnerOf, textOf, withTerminal } from "./change.ts";
import { closingPolicy } from "./suspend.ts";

export function removeCommand(partner: Command, run: Run): void {
  partner
    .command("remove")
    .description("Take a partner's entry out; what was published to it stays, and so does its id.")
    .argument("<partner>", "id of the partner")
    .option("--yes", "don't ask")
    .action(run(remove));
}

async function remove(world: CliWorld, id: string, flags: { yes?: boolean }): Promise<void> {
  const opened = await openRegistry(world);
  const text = textOf(opened);
  const after = withoutPartner(text, id, opened.feeds);
  const partner = partnerOf(text, id, opened);
  const changed = await withTerminal(world, flags, (asked) => change(world, opened, after, asked));
  const policy = closingPolicy(world, id);
  const pushed = partner.subscriptions.flatMap(({ destinations }) => destinations);
  if (world.json) return sayJson({ partner: id, removed: true, changed, ...(policy === undefined ? {} : { policy }) });
  say(`\nWhat stays: partners/${id}/ and its receipts in the store. \`spampots receipts ${id}\` and \`spampots verify\` still
work. As long as a log of it exists no other partner can have this id.
What ended: publications, pushes, and every key and token at \`serve\`, within seconds.
What is to be done:
- comments above its entry, if there were any, are still in the file;${
    pushed.length === 0 ? "" : "\n- secrets of its destinations in the runner's environment can go;"
  }
- what ${id} has already it may keep for ${partner.mou.retentionDays} days by its MoU;
- ${
    policy === undefined
      ? "if it reads the store's folder itself, take its permission."
      : "if it reads the bucket itself, take its statements out of the bucket's policy, or close its prefix by these:"
  }`);
  if (policy !== undefined) say(JSON.stringify(policy, undefined, 2));
}
