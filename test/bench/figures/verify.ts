/** Verifying everything that was published beside programs that only hash, or only unpack, the same files. */
import { join } from "node:path";
import { type Bench, spampots } from "../bench.ts";
import { bytesOf, filesIn, publishedSite, warm } from "../data.ts";
import type { Figure, Prepared } from "../figure.ts";
import { type Call, wholeProcess } from "../process.ts";
import type { Bound } from "../results.ts";

/** How a side reads file names from its standard input. */
const named = (files: readonly string[]) => files.map((path) => `${path}\0`).join("");

interface Check {
  readonly id: string;
  readonly flags: readonly string[];
  readonly wanted: RegExp;
  readonly said: string;
  readonly shell: string;
}

async function prepared(bench: Bench, { flags, wanted, said, shell }: Check): Promise<Prepared> {
  const place = await publishedSite(bench, bench.captures);
  const files = filesIn(join(place.store, "partners"), wanted);
  const bytes = bytesOf(files);
  warm(filesIn(place.store));
  const reference: Call = { program: "sh", args: ["-c", shell], input: named(files) };
  return {
    size: `${files.length.toLocaleString("en")} files of ${(bytes / 1e6).toFixed(1)} MB, published from a week of ${bench.captures.toLocaleString("en")} captures`,
    unit: "bytes of files",
    commands: { ours: ["spampots", "verify", ...flags].join(" "), reference: said },
    ours: () => wholeProcess(spampots(bench, place, "verify", ...flags), bytes),
    reference: () => wholeProcess(reference, bytes),
    notes: ["Both are whole processes; ours also checks every signature, chain and manifest."],
  };
}

const figure = (check: Check, work: string, reference: string, bound: Bound): Figure => ({
  id: check.id,
  work,
  reference,
  bound,
  prepare: (bench) => prepared(bench, check),
});

export const verify = figure(
  {
    id: "verify",
    flags: [],
    wanted: /./,
    said: "openssl dgst -sha256 <all files>",
    shell: "xargs -0 openssl dgst -sha256 > /dev/null",
  },
  "`verify` of all that",
  "streaming SHA-256 of the same bytes (`openssl dgst`)",
  { kind: "rate", least: 0.8 },
);

export const verifyDeep = figure(
  {
    id: "verify-deep",
    flags: ["--deep"],
    wanted: /\.gz$/,
    said: "zcat <all .gz files> | wc -l",
    shell: "xargs -0 zcat | wc -l > /dev/null",
  },
  "`verify --deep`",
  "`zcat \\| wc -l` of the same files",
  { kind: "rate", least: 0.5 },
);
