/** Folders with a partners.yaml made for a figure, and the project's own feeds. */
import { mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { projectRoot } from "../source-files.ts";
import type { Bench } from "./bench.ts";

/** An entry of partners.yaml, as far as figures change it. */
export type Entry = Readonly<Record<string, unknown>> & {
  readonly id: string;
  readonly economies: "all" | readonly string[];
};

/** The project's own partners. */
export function projectPartners(): readonly Entry[] {
  const { partners }: { partners: Entry[] } = parse(readFileSync(join(projectRoot, "partners.yaml"), "utf8"));
  return partners;
}

/** A made-up partner: one economy, one label, these subscriptions. */
export function madePartner(id: string, economies: Entry["economies"], subscriptions: readonly object[]): Entry {
  return {
    id,
    name: id,
    economies,
    mou: {
      reference: `MOU-${id}`,
      signed: "2026-01-01",
      expires: "2027-12-31",
      purposes: ["incident response"],
      onward: "constituents",
      retention_days: 365,
    },
    tlp_ceiling: "AMBER",
    contacts: [{ name: "Placeholder", email: "feeds@partner.example" }],
    subscriptions,
  };
}

/** A configuration folder of these partners. JSON is YAML, too, and ends as every configuration file must. */
export function configuration(bench: Bench, name: string, partners: readonly Entry[]): string {
  const folder = join(bench.root, `config_${name}`);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder);
  writeFileSync(join(folder, "partners.yaml"), `${JSON.stringify({ partners })}\n...\n`);
  symlinkSync(join(projectRoot, "feeds"), join(folder, "feeds"));
  return folder;
}
