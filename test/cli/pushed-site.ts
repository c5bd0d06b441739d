/** A site whose partner has a destination on this machine, for tests of what an operator sees. */
import type { TestContext } from "node:test";
import { type Receiver, receiver } from "../delivery/push/receiving.ts";
import { capturesOf, type OperatorWorld, openOperatorWorld, partnersYaml } from "../publication/operator-world.ts";
import { type Ended, type SiteFolder, siteFolder } from "./site-folder.ts";

export interface PushedSite {
  readonly world: OperatorWorld;
  readonly folder: SiteFolder;
  /** The partner's server. */
  readonly inbox: Receiver;
  /** Runs a command, at this instant. */
  run(now: string, ...args: string[]): Promise<Ended>;
}

/** `twcert` has spam-sources pushed to `inbox`; `ncc` comes for what it wants. */
export async function openPushedSite(
  t: Pick<TestContext, "after">,
  more: Readonly<Record<string, string>> = {},
): Promise<PushedSite> {
  const world = await openOperatorWorld(t);
  const inbox = await receiver(t);
  const pushed = `spam-sources, every: day, formats: [csv, stix], deliveries: [{ kind: webhook, url: "${inbox.url}/in" }]`;
  const partners = partnersYaml.replace("spam-sources, every: day, formats: [csv, stix]", pushed);
  const folder = await siteFolder(t, world, partners, { SPAMPOTS_PUSH_LOOPBACK: "true", ...more });
  return { world, folder, inbox, run: (now, ...args) => folder.run(["--now", now, ...args]) };
}

/** Two days of captures. */
export async function captureTwoDays({ world }: PushedSite): Promise<void> {
  await world.ingest("pot-1", capturesOf("203.0.113.7", "2026-11-10T01:00:00Z", 5));
  await world.ingest("pot-2", capturesOf("203.0.113.8", "2026-11-11T01:00:00Z", 2));
}
