/** `spampots partner link|invite`: links that work once, by which a partner's person gets in, or hands in a key. */
import type { Command } from "commander";
import { SpampotsError } from "../../errors.ts";
import { namedPartner } from "../../feed/named-partner.ts";
import { linkTo } from "../../partner/auth/proof.ts";
import { invitationSeconds, signInLinkSeconds } from "../../partner/auth/tokens.ts";
import { minted } from "../minted.ts";
import type { Run } from "../run.ts";
import { say, sayJson } from "../say.ts";
import type { CliWorld } from "../world.ts";

export function linksCommand(partner: Command, run: Run): void {
  partner
    .command("link")
    .description("Make a link by which a partner's person signs in to the portal, once.")
    .argument("<partner>", "id of the partner")
    .action(run(makeLink));
  partner
    .command("invite")
    .description("Make a link by which a partner makes its key and hands in the public half, once.")
    .argument("<partner>", "id of the partner, whose entry may have no keys yet")
    .action(run(invite));
}

async function makeLink(world: CliWorld, id: string): Promise<void> {
  namedPartner((await world.configuration()).partners, id);
  const { url, token, expires } = await minted(world, id, "spampots-sign-in+jwt", signInLinkSeconds);
  const link = linkTo(url, "signIn", token);
  if (world.json) return sayJson({ partner: id, link, expires });
  say(link);
  process.stderr.write(`For ${id}, until ${expires}. It lets whoever has it in, once: hand it over in secret.\n`);
}

async function invite(world: CliWorld, id: string): Promise<void> {
  const { mou } = namedPartner((await world.configuration()).partners, id);
  if (world.clock() >= mou.to) {
    throw new SpampotsError("bad-argument", "The partner's MoU is over: an invitation would not count.", {
      partner: id,
      hint: "Renew it first.",
    });
  }
  const { url, token, expires } = await minted(world, id, "spampots-invitation+jwt", invitationSeconds);
  const link = linkTo(url, "join", token);
  if (world.json) return sayJson({ partner: id, link, expires });
  say(link);
  process.stderr.write(
    `For ${id}, until ${expires}, in a browser or as the argument of spampots join. Whoever has it can hand in a key, which counts only once you approve it: spampots partner requests.\n`,
  );
}
