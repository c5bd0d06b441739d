/** `spampots partner suspend|resume`: a partner receives nothing for now, and again. */
import type { Command } from "commander";
import { prefixPolicy } from "../../partner/kit/s3.ts";
import { withSuspended } from "../../partner/registry/changes.ts";
import { bucketOf } from "../../store/s3-url.ts";
import type { Run } from "../run.ts";
import { say, sayJson } from "../say.ts";
import type { CliWorld } from "../world.ts";
import { change, openRegistry, textOf } from "./change.ts";

export function suspendCommands(partner: Command, run: Run): void {
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
}

/** The policy that closes the partner's prefix of the bucket; `undefined` where the store is a folder. */
export function closingPolicy({ settings }: CliWorld, id: string): object | undefined {
  const place = bucketOf(settings.store);
  return place && prefixPolicy("Deny", place, id);
}

async function suspend(world: CliWorld, id: string, suspended: boolean): Promise<void> {
  const opened = await openRegistry(world);
  // Not asked: it is urgent, and taken back as fast.
  const changed = await change(world, opened, withSuspended(textOf(opened), id, suspended, opened.feeds));
  const policy = suspended ? closingPolicy(world, id) : undefined;
  if (world.json) return sayJson({ partner: id, suspended, changed, ...(policy === undefined ? {} : { policy }) });
  if (changed.length === 0)
    return say(`${id} ${suspended ? "is suspended already" : "isn't suspended"}; nothing was changed.`);
  if (policy !== undefined) {
    say(`If ${id} reads the bucket itself, add this to the bucket's policy, and take it out when it is resumed:`);
    say(JSON.stringify(policy, undefined, 2));
  }
}
