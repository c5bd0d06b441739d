/** Many partners: those of equal policy share what is rendered, so that a thousand cost little more than ten. */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { type Bench, spampots } from "../bench.ts";
import { configuration, madePartner } from "../configurations.ts";
import { emptied, filesIn, site } from "../data.ts";
import type { Figure } from "../figure.ts";
import { type Measured, run } from "../process.ts";
import { publishAfresh } from "./publish.ts";

/** Ten policies: an economy each. */
const economies = ["TW", "JP", "AU", "UY", "PL", "HK", "US", "BR", "CN", "KR"];

const subscriptions = [
  { feed: "spam-sources", every: "week", formats: ["csv", "stix"] },
  { feed: "summary", every: "week", formats: ["json", "markdown"] },
];

const partners = (count: number) =>
  Array.from({ length: count }, (_, index) =>
    madePartner(
      `partner-${String(index + 1).padStart(4, "0")}`,
      [economies[index % economies.length] ?? "TW"],
      subscriptions,
    ),
  );

export const sharedPolicies: Figure = {
  id: "partners",
  work: "1,000 partners that share ten policies",
  reference: "ten partners",
  bound: { kind: "time", most: 3 },
  async prepare(bench: Bench) {
    const place = await site(bench, bench.captures);
    const many = bench.quick ? 30 : 1000;
    const places = {
      ours: { ...place, config: configuration(bench, "many", partners(many)) },
      reference: { ...place, config: configuration(bench, "ten", partners(10)) },
    };
    return {
      size: `${many.toLocaleString("en")} partners and 10, each with spam-sources (CSV and STIX) and summary, of a week of ${bench.captures.toLocaleString("en")} captures`,
      unit: "captures of the week",
      commands: {
        ours: `spampots publish, of ${many.toLocaleString("en")} partners`,
        reference: "spampots publish, of 10 partners",
      },
      ours: () => publishAfresh(bench, places.ours, bench.captures),
      reference: () => publishAfresh(bench, places.reference, bench.captures),
      notes: ["Every partner gets files, signed manifests and a log of its own, on a disk that is told to flush them."],
    };
  },
};

export const unchanged: Figure = {
  id: "unchanged",
  work: "rebuild of an unchanged week (nothing due)",
  reference: "–",
  bound: { kind: "cpu", most: 1 },
  async prepare(bench: Bench) {
    const place = { ...(await site(bench, bench.captures)), store: emptied(bench, "unchanged") };
    rmSync(join(place.data, "tips"), { recursive: true, force: true });
    await run(spampots(bench, place, "publish"));
    const before = filesIn(place.store);
    return {
      size: `${before.length.toLocaleString("en")} files published from a week of ${bench.captures.toLocaleString("en")} captures`,
      unit: "captures of the week",
      commands: { ours: "spampots publish, a second time" },
      async ours(): Promise<Measured> {
        const { stdout, ...taken } = await run(spampots(bench, place, "--json", "publish"));
        const said: { published: readonly unknown[] } = JSON.parse(stdout);
        const after = filesIn(place.store);
        if (said.published.length > 0 || after.join() !== before.join())
          throw new Error("something was published again");
        return { ...taken, units: bench.captures };
      },
      notes: ["Each run is checked to publish nothing and to leave the store's files as they were."],
    };
  },
};
