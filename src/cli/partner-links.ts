/** `spampots partner link`: a one-time link that lets a partner's person into the portal. */
import { randomUUID } from "node:crypto";
import type { Command } from "commander";
import { SpampotsError } from "../errors.ts";
import { secondsInstant } from "../feed/period.ts";
import { openTokenKeys } from "../partner/token-keys.ts";
import { mint, signInLinkSeconds } from "../partner/tokens.ts";
import { serviceUrl } from "../settings.ts";
import type { Run } from "./run.ts";
import { say, sayJson } from "./say.ts";
import type { CliWorld } from "./world.ts";

export function linksCommand(partner: Command, run: Run): void {
  partner
    .command("link")
    .description("Make a link by which a partner's person signs in to the portal, once.")
    .argument("<partner>", "id of the partner")
    .action(run(makeLink));
}

async function makeLink(world: CliWorld, id: string): Promise<void> {
  if (!(await world.configuration()).partners.some((entry) => entry.id === id)) {
    throw new SpampotsError("bad-argument", "There is no such partner.", {
      partner: id,
      hint: "partners.yaml names them all.",
    });
  }
  const now = world.clock();
  const { signer } = await openTokenKeys(world.settings.tokenKeys);
  const url = serviceUrl(world.settings.serve);
  const token = await mint({ url }, signer, "spampots-sign-in+jwt", { sub: id, jti: randomUUID() }, { now });
  const link = `${url}/portal/sign-in?link=${token}`;
  const expires = secondsInstant(now + signInLinkSeconds * 1000);
  if (world.json) return sayJson({ partner: id, link, expires });
  say(link);
  process.stderr.write(`For ${id}, until ${expires}. It lets whoever has it in, once: hand it over in secret.\n`);
}
