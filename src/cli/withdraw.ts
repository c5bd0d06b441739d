/** `spampots withdraw`: takes back a publication and all others of its period. */
import type { Command } from "commander";
import { SpampotsError } from "../errors.ts";
import { stixObjects } from "../publication/manifest.ts";
import { withdraw } from "../publication/withdraw.ts";
import type { Run } from "./run.ts";
import { count, say, sayJson, size } from "./say.ts";
import type { CliWorld } from "./world.ts";

export function withdrawCommand(program: Command, run: Run): void {
  program
    .command("withdraw")
    .description("Take back a publication and all others of its period: say so in a signed one, delete their files.")
    .argument("<partner>", "the partner, also one that is gone from partners.yaml")
    .argument("<feed>", "the feed")
    .argument("<sequence>", "the number of any publication of the period")
    .requiredOption("--reason <text>", "why, for the partner to read")
    .option("--revoke", "also publish the indicators as revoked, so that machines drop them")
    .action(run(withdrawPeriod));
}

async function withdrawPeriod(
  world: CliWorld,
  partner: string,
  feed: string,
  number: string,
  { reason, revoke = false }: { reason: string; revoke?: boolean },
): Promise<void> {
  const sequence = /^\d{1,8}$/.test(number) ? Number(number) : 0;
  if (sequence === 0) {
    throw new SpampotsError("bad-argument", "This is no number of a publication.", {
      hint: "Publications are numbered from 1 for each partner and feed.",
    });
  }
  const request = { partner, feed, sequence, reason, revoke };
  const { outcome, manifest, deleted, bytes } = await withdraw(await world.publishWorld(), request);
  const sequences = manifest.withdraws?.sequences ?? [];
  if (world.json) {
    return sayJson({
      outcome,
      partner,
      feed,
      period: manifest.period.id,
      by: manifest.sequence,
      sequences,
      deleted,
      bytes,
    });
  }
  const already = outcome === "already" ? "It was withdrawn already: " : "";
  say(
    `${already}${manifest.sequence} withdraws ${sequences.join(", ")} of ${feed} for ${partner}, ${manifest.period.id}.`,
  );
  if (manifest.artifacts.length > 0) {
    const objects = stixObjects(manifest);
    say(`${manifest.artifacts.length} parts with ${count(objects)} objects revoke the indicators.`);
  }
  say(`${count(deleted)} files deleted, ${size(bytes)}; the manifests stay.`);
  say("The period stays closed. `spampots publish --again` publishes it anew, once what was wrong is put right.");
}
