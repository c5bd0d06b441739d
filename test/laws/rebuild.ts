/**
 * A process of its own for `laws.test.ts`: builds a site from the spool files on standard input, publishes, and prints
 * digests of every content and payload as JSON.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { loadMaps } from "../../src/enrich/maps.ts";
import {
  documentationTables,
  openSite,
  openWorkshop,
  partnersOf,
  projectFeeds,
  projectRoot,
  sha256,
} from "../pipeline.ts";
import { sensorsFile } from "./captures.ts";

// The parent writes just this.
const { files, now } = JSON.parse(readFileSync(0, "utf8")) as { files: readonly string[]; now: number };
const ends: (() => unknown)[] = [];
const t = { after: (end: () => unknown) => ends.push(end) };
const maps = await loadMaps(join(projectRoot, "feeds", "maps"));
const workshop = await openWorkshop(t, { maps, sensors: sensorsFile, tables: documentationTables });
const site = await openSite(t, workshop);
for (const [index, file] of files.entries()) await site.ingest(`${index}.ndjson`, file);

const subscription = (feed: string) => ({ feed, every: "week", formats: ["csv", "stix"] });
const partners = partnersOf(await projectFeeds(), [
  {
    id: "somebody",
    economies: ["TW", "JP"],
    subscriptions: [
      ...["spam-sources", "spam-targets", "spam-urls", "spam-events"].map(subscription),
      { feed: "summary", every: "week", formats: ["json", "markdown"] },
    ],
  },
]);
await site.publish(partners, now);
const said: Record<string, string> = {};
for (const { feed, manifest, payload, files: contents } of await site.publications()) {
  said[`${feed} ${manifest.period.id} payload`] = sha256(payload);
  for (const [name, content] of contents) said[`${feed} ${manifest.period.id} ${name}`] = sha256(content);
}
for (const end of ends.reverse()) await end();
process.stdout.write(JSON.stringify(said));
