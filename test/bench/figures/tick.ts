/** A tick of the runner with nothing due, beside a bare recursive listing of the same store. */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { type Bench, spampots, week } from "../bench.ts";
import { configuration, madePartner } from "../configurations.ts";
import { kept, sourcesDigest } from "../data.ts";
import type { Figure } from "../figure.ts";
import { type Call, ownTime, run } from "../process.ts";

/** 1,000 pairs of 46 economies: each partner has a policy of its own. */
const economies =
  "AR AT AU BE BG BO BR CA CH CL CN CO CR CZ DE DK EC EE ES FI FR GB GR HK HU ID IE IL IN IT JP KR LT LV MX MY NL NO NZ PE PL PT SE TW US UY".split(
    " ",
  );

const pairs = economies.flatMap((one, index) => economies.slice(index + 1).map((other) => [one, other]));

const subscriptions = ["spam-events", "spam-sources", "spam-targets", "spam-urls", "summary"].map((feed) => ({
  feed,
  every: "week",
  formats: [feed === "summary" ? "json" : "csv"],
}));

const partners = (count: number) =>
  pairs
    .slice(0, count)
    .map((pair, index) => madePartner(`partner-${String(index + 1).padStart(4, "0")}`, pair, subscriptions));

const reference = (name: string) => join(import.meta.dirname, "../references", name);

export const tick: Figure = {
  id: "tick",
  work: "a tick with nothing due, of 1,000 partners with five feeds each",
  reference: "a bare recursive listing of the same store on disk",
  bound: { kind: "time", most: 2 },
  async prepare(bench: Bench) {
    const count = bench.quick ? 20 : 1000;
    const config = configuration(bench, "ticks", partners(count));
    const made = `${count}-${sourcesDigest(/^src\/(publication|feed|lake|store)\/|^feeds\//)}`;
    const site = await kept(bench, "ticks", made, async (folder) => {
      await run({ program: process.execPath, args: [reference("tick-site.ts"), folder, config, week.now] });
    });
    const store = join(site, "store");
    const files = readdirSync(store, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).length;
    const { env } = spampots(bench, { data: site, sensors: join(site, "sensors.yaml"), config, store });
    const node = (...args: readonly string[]): Call => ({
      program: process.execPath,
      args: ["--disable-warning=ExperimentalWarning", ...args],
      ...(env === undefined ? {} : { env }),
    });
    const { stdout } = await run(node(reference("ticks.ts"), week.now));
    const { cold }: { cold: number } = JSON.parse(stdout.trim().split("\n").at(-1) ?? "");
    return {
      size: `${(count * subscriptions.length).toLocaleString("en")} logs of four weeks, each partner with a policy of its own; ${files.toLocaleString("en")} files in the store, 280 batches in the lake`,
      unit: "logs",
      commands: { ours: "a tick of spampots run", reference: "fs.readdirSync(store, { recursive: true })" },
      ours: () => ownTime(node(reference("ticks.ts"), week.now)),
      reference: () => ownTime(node(reference("list-files.ts"), store)),
      notes: [
        "A runner's third tick or later: logs are remembered from the ones before, configuration, lake and clock are looked at again.",
        `The first tick of a runner, which reads the newest manifest of every log and proves its signature, takes ${cold.toFixed(1)} s.`,
      ],
    };
  },
};
