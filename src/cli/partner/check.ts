/** `spampots partner check`: everything that a partner's deliveries need, tried. */
import type { Command } from "commander";
import { namedPartner } from "../../feed/named-partner.ts";
import type { Run } from "../run.ts";
import { say, sayJson } from "../say.ts";
import type { CliWorld } from "../world.ts";

export function checkPartnerCommand(partner: Command, run: Run): void {
  partner
    .command("check")
    .description("Try a partner's destinations with a harmless file, and look at its keys, clocks, MoU and feeds.")
    .argument("<partner>", "id of the partner")
    .action(run(checkPartner));
}

/** Milliseconds that one destination may take. */
const patienceMs = 45_000;

async function checkPartner(world: CliWorld, id: string): Promise<void> {
  const { checkEntry } = await import("../../partner/check/check.ts");
  const { checkDestinations } = await import("../../partner/check/destinations.ts");
  const { partners } = await world.configuration();
  const partner = namedPartner(partners, id);
  const others = partners.filter((other) => other.id !== id);
  const findings = [
    ...checkEntry(partner, others, world.clock()),
    ...(await checkDestinations(partner, {
      secret: (variable) => world.environment[variable],
      loopback: world.settings.run.pushLoopback,
      issuer: world.settings.issuer,
      // What other machines' clocks are compared with is the time that it really is.
      clock: Date.now,
      patienceMs,
    })),
  ];
  const problems = findings.filter(({ level }) => level === "problem").length;
  if (problems > 0) process.exitCode = 1;
  if (world.json) return sayJson({ partner: id, problems, findings });
  for (const { level, about, says, next } of findings)
    say(`${level.padEnd(9)}${about.padEnd(13)}${says}${next === undefined ? "" : ` ${next}`}`);
}
