/** `spampots partner …`: what commands there are; each owner of some has a file of its own. */
import type { Command } from "commander";
import { addCommand } from "./partner/add.ts";
import { checkPartnerCommand } from "./partner/check.ts";
import { kitCommand } from "./partner/kit.ts";
import { linksCommand } from "./partner/links.ts";
import { listCommands } from "./partner/list.ts";
import { previewCommand } from "./partner/preview.ts";
import { removeCommand } from "./partner/remove.ts";
import { renewCommand } from "./partner/renew.ts";
import { requestsCommand } from "./partner/requests.ts";
import { rotateKeyCommand } from "./partner/rotate-key.ts";
import { suspendCommands } from "./partner/suspend.ts";
import type { Run } from "./run.ts";

export function partnerCommand(program: Command, run: Run): void {
  const partner = program.command("partner").description("Partners, as partners.yaml has them.");
  addCommand(partner, run);
  listCommands(partner, run);
  suspendCommands(partner, run);
  renewCommand(partner, run);
  rotateKeyCommand(partner, run);
  removeCommand(partner, run);
  linksCommand(partner, run);
  previewCommand(partner, run);
  requestsCommand(partner, run);
  kitCommand(partner, run);
  checkPartnerCommand(partner, run);
}
