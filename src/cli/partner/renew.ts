/** `spampots partner renew`: an MoU holds longer. */
import type { Command } from "commander";
import { SpampotsError } from "../../errors.ts";
import { type Partner, parsePartners } from "../../feed/partners.ts";
import { dayId } from "../../feed/period.ts";
import { type Renewal, withRenewal } from "../../partner/registry/changes.ts";
import type { Run } from "../run.ts";
import { say, sayJson } from "../say.ts";
import type { CliWorld } from "../world.ts";
import { change, type Opened, openRegistry, partnerOf, textOf, withTerminal } from "./change.ts";

export function renewCommand(partner: Command, run: Run): void {
  partner
    .command("renew")
    .description("Set a later end of a partner's MoU, and its new reference if it has one.")
    .argument("<partner>", "id of the partner")
    .option("--expires <YYYY-MM-DD>", "last day of the MoU")
    .option("--signed <YYYY-MM-DD>", "first day of the MoU, where it had ended: what was captured before never leaves")
    .option("--reference <text>", "reference of the MoU from now on; as before by default")
    .option("--yes", "don't ask")
    .action(run(renew));
}

async function renew(
  world: CliWorld,
  id: string,
  flags: { expires?: string; signed?: string; reference?: string; yes?: boolean },
): Promise<void> {
  const opened = await openRegistry(world);
  const text = textOf(opened);
  const after = withRenewal(text, id, renewalOf(partnerBefore(text, id, opened), flags, world.clock()), opened.feeds);
  const changed = await withTerminal(world, flags, (asked) => change(world, opened, after, asked));
  const { mou } = partnerOf(after, id, opened);
  const expires = dayId(mou.to - 1);
  if (world.json) return sayJson({ partner: id, expires, reference: mou.reference, changed });
  if (changed.length === 0) return say(`The MoU of ${id} says so already; nothing was changed.`);
  if (mou.suspended) say(`${id} is suspended: it receives again after \`spampots partner resume ${id}\`.`);
}

/** As {@link partnerOf}, of a text that may have problems: those are told by the edit. */
function partnerBefore(text: string, id: string, opened: Opened): Partner | undefined {
  return parsePartners("partners.yaml", text, opened.feeds).value === undefined
    ? undefined
    : partnerOf(text, id, opened);
}

/** @throws SpampotsError `bad-argument` where no later end is given, or it isn't said whether a gap counts. */
function renewalOf(
  partner: Partner | undefined,
  { expires, signed, reference }: { expires?: string; signed?: string; reference?: string },
  now: number,
): Renewal {
  const until = partner === undefined ? undefined : dayId(partner.mou.to - 1);
  if (expires === undefined) {
    throw new SpampotsError("bad-argument", "It must be said until when the MoU holds.", {
      hint: `Give --expires with its last day, as YYYY-MM-DD.${until === undefined ? "" : ` So far it is ${until}.`}`,
    });
  }
  const to = /^\d{4}-\d\d-\d\d$/.test(expires) ? Date.parse(expires) : Number.NaN;
  if (Number.isNaN(to) || dayId(to) < dayId(now)) {
    throw new SpampotsError("bad-argument", "A renewed MoU ends today or later.", {
      expires,
      hint: "Write its last day as YYYY-MM-DD. To end it before, `spampots partner suspend` or `partner remove`.",
    });
  }
  if (partner !== undefined && now >= partner.mou.to && signed === undefined) {
    const from = dayId(partner.mou.from);
    throw new SpampotsError("bad-argument", "The MoU had ended: it must be said whether the time since then counts.", {
      ended: until,
      hint: `Give --signed with the first day of the new one, or --signed ${from} where all since then is covered.`,
    });
  }
  return { expires, ...(signed === undefined ? {} : { signed }), ...(reference === undefined ? {} : { reference }) };
}
