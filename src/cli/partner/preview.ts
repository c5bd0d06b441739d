/** `spampots partner preview`: what a partner would get, and what another policy would change in it. */
import type { Command } from "commander";
import { SpampotsError } from "../../errors.ts";
import type { LakeState } from "../../feed/input-set.ts";
import { namedPartner } from "../../feed/named-partner.ts";
import type { Partner, Subscription } from "../../feed/partners.ts";
import { secondsInstant } from "../../feed/period.ts";
import { type Tlp, tlpLabels } from "../../model.ts";
import { type PolicyChange, withPolicy } from "../../partner/registry/changes.ts";
import { lakeState } from "../../publication/plan.ts";
import {
  asIfInForce,
  type FeedPreview,
  lastPeriod,
  type PreviewWorld,
  previewDifference,
  previewFeed,
} from "../../publication/preview.ts";
import type { Run } from "../run.ts";
import { sayJson } from "../say.ts";
import type { CliWorld } from "../world.ts";
import { economiesFrom } from "./answers.ts";
import { openRegistry, textOf } from "./change.ts";
import { mouState } from "./list.ts";
import { type Previewed, tell } from "./preview-text.ts";

interface PreviewFlags {
  readonly feed?: string;
  readonly economies?: string;
  readonly tlp?: string;
  readonly masks?: string;
}

export function previewCommand(partner: Command, run: Run): void {
  partner
    .command("preview")
    .description("Show what a partner would get for the last complete period, and what another policy would change.")
    .argument("<partner>", "id of the partner")
    .option("--feed <id>", "of this feed alone")
    .option("--economies <list>", "with these economies instead, such as TW,HK; or all")
    .option("--tlp <label>", "with this label instead")
    .option("--masks <columns>", "with these columns empty instead; none for no such column")
    .action(run(preview));
}

async function preview(world: CliWorld, id: string, flags: PreviewFlags): Promise<void> {
  const now = world.clock();
  const making = await world.publishWorld();
  const partner = namedPartner(making.partners, id);
  const subscriptions = partner.subscriptions.filter(({ feed }) => flags.feed === undefined || feed.id === flags.feed);
  if (flags.feed !== undefined && subscriptions.length === 0) throw notSubscribed(partner, flags.feed);
  const other = await otherPolicy(world, id, flags);
  const lake = await lakeState(making, now);
  const previewed: Previewed[] = [];
  for (const [index, subscription] of subscriptions.entries()) {
    world.progress(`${index} of ${subscriptions.length} feeds · ${subscription.feed.id}`);
    previewed.push(await previewOne({ making, lake, now }, partner, other, subscription));
  }
  world.progress("");
  if (world.json) return sayJson(previewJson(partner, previewed, now));
  tell(partner, previewed, now);
}

interface Previewing {
  readonly making: PreviewWorld;
  readonly lake: LakeState;
  readonly now: number;
}

async function previewOne(
  { making, lake, now }: Previewing,
  partner: Partner,
  other: Partner | undefined,
  subscription: Subscription,
): Promise<Previewed> {
  const real = lastPeriod(partner, subscription, lake, now);
  const asIf = real === undefined;
  const as = (entry: Partner) => (asIf ? asIfInForce(entry, now) : entry);
  const period = real ?? lastPeriod(as(partner), subscription, lake, now);
  if (period === undefined) return { subscription, asIf };
  const today = await previewFeed(making, lake, { partner: as(partner), subscription, period, now });
  const ofOther = other?.subscriptions.find(({ feed }) => feed.id === subscription.feed.id);
  const changed =
    other === undefined || ofOther === undefined
      ? undefined
      : await previewFeed(making, lake, { partner: as(other), subscription: ofOther, period, now });
  const difference =
    today === undefined || changed === undefined
      ? undefined
      : await previewDifference(making, subscription, today, changed);
  return { subscription, period, asIf, today, changed, difference };
}

function notSubscribed({ id, subscriptions }: Partner, feed: string): SpampotsError {
  return new SpampotsError("bad-argument", "The partner doesn't subscribe to such a feed.", {
    partner: id,
    feed,
    hint: `It subscribes to ${subscriptions.map((item) => item.feed.id).join(", ") || "none"}.`,
  });
}

/** The partner under the policy that the flags ask for; `undefined` where they ask for none. */
async function otherPolicy(world: CliWorld, id: string, flags: PreviewFlags): Promise<Partner | undefined> {
  const { economies, tlp, masks } = flags;
  if (economies === undefined && tlp === undefined && masks === undefined) return undefined;
  const change: PolicyChange = {
    ...(economies === undefined ? {} : { economies: economiesFrom(economies) }),
    ...(tlp === undefined ? {} : { tlp: labelFrom(tlp) }),
    ...(masks === undefined ? {} : { masks: masks === "none" ? [] : masks.split(/[\s,]+/) }),
  };
  const opened = await openRegistry(world);
  return withPolicy(textOf(opened), id, change, opened.feeds);
}

function labelFrom(text: string): Tlp {
  const label = tlpLabels.find((known) => known === text.toUpperCase().replace(/^TLP:/, ""));
  if (label !== undefined) return label;
  throw new SpampotsError("bad-argument", "There is no such label.", {
    tlp: text,
    hint: `Write ${tlpLabels.join(", ")}.`,
  });
}

function previewJson(partner: Partner, previewed: readonly Previewed[], now: number) {
  return {
    partner: partner.id,
    mou_state: mouState(partner, now),
    feeds: previewed.map(({ subscription, period, asIf, today, changed, difference }) => ({
      feed: subscription.feed.id,
      period: period?.id ?? null,
      as_if_in_force: asIf,
      today: today === undefined ? null : feedJson(today),
      ...(changed === undefined ? {} : { changed: feedJson(changed) }),
      ...(difference === undefined ? {} : { difference }),
    })),
  };
}

function feedJson({ due, manifest, sample, withheld }: FeedPreview) {
  const { covers, tlp } = due.policy;
  return {
    tlp,
    covers: { from: secondsInstant(covers.from), to: secondsInstant(covers.to) },
    simulated: due.input.simulated,
    counts: manifest.counts,
    coverage: manifest.coverage,
    artifacts: manifest.artifacts,
    empty_columns: [...withheld],
    sample,
  };
}
