/** TAXII on a large collection beside the same requests on a small one: what they cost must not grow with it. */
import { join } from "node:path";
import type { Bench } from "../bench.ts";
import { filesIn, kept, warm } from "../data.ts";
import type { Figure, Prepared } from "../figure.ts";
import { type Call, ownTime, run } from "../process.ts";

/** Objects of the small and of the large collection. */
const sizesOf = ({ quick }: Bench) => (quick ? ([10_000, 30_000] as const) : ([10_000, 1_000_000] as const));

const program = (name: string, ...args: readonly string[]): Call => ({
  program: process.execPath,
  args: ["--disable-warning=ExperimentalWarning", join(import.meta.dirname, "../references", name), ...args],
});

async function prepared(bench: Bench, what: "pages" | "objects"): Promise<Prepared> {
  const [small, large] = sizesOf(bench);
  const site = await kept(bench, "taxii", `${small}-${large}`, async (folder) => {
    await run(program("taxii-site.ts", folder, String(small), String(large)));
  });
  const requests = bench.quick ? "5" : "200";
  const asking = (partner: string) => program("taxii-requests.ts", site, partner, what, requests);
  // Indexes are made by the first call.
  for (const partner of ["small", "large"]) await run(asking(partner));
  warm(filesIn(join(site, "store")));
  return {
    size: `${requests} requests each, at places spread over collections of about ${large.toLocaleString("en")} and ${small.toLocaleString("en")} objects`,
    unit: "requests",
    commands: {
      ours: what === "pages" ? "GET objects/?limit=1000&added_after=…" : "GET objects/{id}/",
      reference: "the same of the small collection",
    },
    ours: () => ownTime(asking("large")),
    reference: () => ownTime(asking("small")),
    notes: ["Server and client are one process; memory is that of both. The index is there before the time begins."],
  };
}

/** The same memory, but for what the garbage of one run differs by from that of another. */
const flat = 1.15;

export const taxiiPage: Figure = {
  id: "taxii-page",
  work: "a TAXII page of 1,000 objects, of a collection of a million",
  reference: "the same of a collection of ten thousand",
  bound: { kind: "time", most: 1.5, memory: flat },
  prepare: (bench) => prepared(bench, "pages"),
};

export const taxiiObject: Figure = {
  id: "taxii-object",
  work: "an object by its id by TAXII, of a collection of a million",
  reference: "the same of a collection of ten thousand",
  bound: { kind: "time", most: 1.5, memory: flat },
  prepare: (bench) => prepared(bench, "objects"),
};
