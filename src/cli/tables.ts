/** `spampots tables import|list`: tables of addresses for economies and ASNs. */
import type { Command } from "commander";
import { oldTableDays, tableAgeDays } from "../enrich/attribution.ts";
import { tableKinds } from "../enrich/table.ts";
import { importTable } from "../enrich/table-import.ts";
import { listTables } from "../enrich/table-list.ts";
import { SpampotsError } from "../errors.ts";
import type { Run } from "./run.ts";
import { count, say, sayJson, table } from "./say.ts";
import type { CliWorld } from "./world.ts";

export function tablesCommand(program: Command, run: Run): void {
  const tables = program
    .command("tables")
    .description("Tables that say where networks are registered and which AS originates them.");
  tables
    .command("import")
    .description("Import RIR delegated-extended files, `start,end,value` CSV or an MMDB as one dated table.")
    .argument("<file...>", "the files: several make one table")
    .requiredOption("--kind <kind>", tableKinds.join(" or "))
    .requiredOption("--name <name>", "a name for manifests, such as nro-delegated")
    .option("--date <YYYY-MM-DD>", "the day from which it is in force; read from the files where they state one")
    .action(run(importFiles));
  tables.command("list").description("Show the tables with date, rows, coverage and age.").action(run(showTables));
}

async function importFiles(
  world: CliWorld,
  files: string[],
  flags: { kind: string; name: string; date?: string },
): Promise<void> {
  const kind = tableKinds.find((name) => name === flags.kind);
  if (kind === undefined)
    throw new SpampotsError("bad-argument", "There is no such kind of table.", {
      hint: `Write ${tableKinds.join(" or ")}.`,
    });
  const date = flags.date === undefined ? {} : { date: flags.date };
  const made = await importTable({ files, kind, name: flags.name, store: world.tableStore(), ...date });
  if (world.json) sayJson(made);
  else {
    say(
      `${made.outcome === "created" ? "Imported" : "Known already"}: ${made.kind} table ${made.name} of ${made.date}, ${count(made.rows)} ranges${made.malformed > 0 ? `, ${count(made.malformed)} lines could not be read` : ""}.`,
    );
    say("New captures are attributed by it. `spampots ingest --again` goes over those that are in the lake already.");
  }
}

async function showTables(world: CliWorld): Promise<void> {
  const tables = await listTables(world.tableStore());
  const now = world.clock();
  if (world.json) return sayJson(tables.map((entry) => ({ ...entry, age_days: tableAgeDays(entry, now) })));
  if (tables.length === 0)
    return say(
      "No tables yet: the first `spampots ingest` makes default ones, and `spampots tables import` better ones.",
    );
  const rows = tables.map((entry) => {
    const age = tableAgeDays(entry, now);
    const state = entry.used
      ? age > oldTableDays
        ? `OLD: more than ${oldTableDays} days`
        : "in use"
      : "not used: others were imported";
    return [
      entry.kind,
      entry.name,
      entry.date,
      entry.rows,
      `${((entry.addresses * 100) / 2 ** 32).toFixed(1)} %`,
      `${age} days`,
      state,
    ];
  });
  say(table(["kind", "name", "date", "ranges", "of IPv4", "age", "state"], rows));
  if (tables.some((entry) => entry.used && entry.source === "default")) {
    say(
      "\nDefault tables are for a first run; for production import the registries' delegated-extended files every month.",
    );
  }
}
