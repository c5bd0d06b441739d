/** `spampots token`: a token for a partner whose client knows no OAuth. */
import type { Command } from "commander";
import { SpampotsError } from "../errors.ts";
import { namedPartner } from "../feed/named-partner.ts";
import { inForce } from "../feed/policy.ts";
import { dayMs, hourMs } from "../model.ts";
import { partnerTokenSeconds } from "../partner/auth/tokens.ts";
import { minted } from "./minted.ts";
import type { Run } from "./run.ts";
import { say, sayJson } from "./say.ts";
import type { CliWorld } from "./world.ts";

export function tokenCommand(program: Command, run: Run): void {
  program
    .command("token")
    .description(
      "Make a token for a partner whose client knows no OAuth; `tokens_not_before` in partners.yaml revokes it.",
    )
    .argument("<partner>", "id of the partner")
    .option("--ttl <time>", `how long it holds, such as 12h or 30d; at most ${partnerTokenSeconds / 86_400}d`, "30d")
    .action(run(makeToken));
}

async function makeToken(world: CliWorld, id: string, flags: { ttl: string }): Promise<void> {
  const partner = namedPartner((await world.configuration()).partners, id);
  const seconds = secondsOf(flags.ttl);
  const { url, token, expires } = await minted(world, id, "spampots-token+jwt", seconds);
  if (world.json) return sayJson({ partner: id, url, expires, token });
  say(token);
  const notYet = inForce(partner, world.clock())
    ? ""
    : " The partner's MoU is not in force: until it is, the token opens nothing.";
  process.stderr.write(
    `For ${id} at ${url}, until ${expires}. Hand it over in secret; it can't be shown again.${notYet}\n`,
  );
}

function secondsOf(text: string): number {
  const [, number, unit] = /^(\d{1,6})([hd])$/.exec(text) ?? [];
  const seconds = (Number(number) * (unit === "h" ? hourMs : dayMs)) / 1000;
  if (seconds > 0 && seconds <= partnerTokenSeconds) return seconds;
  throw new SpampotsError("bad-argument", "--ttl needs a length of time.", {
    hint: `Write hours or days, such as 12h or 30d, up to ${partnerTokenSeconds / 86_400}d.`,
  });
}
