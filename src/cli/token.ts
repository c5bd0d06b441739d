/** `spampots token`: a token for a partner whose client knows no OAuth. */
import { randomUUID } from "node:crypto";
import type { Command } from "commander";
import { SpampotsError } from "../errors.ts";
import { namedPartner } from "../feed/named-partner.ts";
import { secondsInstant } from "../feed/period.ts";
import { inForce } from "../feed/policy.ts";
import { dayMs, hourMs } from "../model.ts";
import { openTokenKeys } from "../partner/auth/token-keys.ts";
import { mintPartnerToken, partnerTokenSeconds } from "../partner/auth/tokens.ts";
import { serviceUrl } from "../settings.ts";
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
  const { settings } = world;
  const partner = namedPartner((await world.configuration()).partners, id);
  const seconds = secondsOf(flags.ttl);
  const now = world.clock();
  const { signer } = await openTokenKeys(settings.tokenKeys);
  const url = serviceUrl(settings.serve);
  const token = await mintPartnerToken({ url }, signer, { partner: id, seconds, id: randomUUID(), now });
  const expires = secondsInstant(now + seconds * 1000);
  if (world.json) return sayJson({ partner: id, url, expires, token });
  say(token);
  const notYet = inForce(partner, now)
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
