/** `spampots check`: everything that can be wrong before it goes wrong. */
import { randomUUID } from "node:crypto";
import type { Command } from "commander";
import { mouDaysLeft, mouWarningDays } from "../delivery/watch/status.ts";
import { oldTableDays, tableAgeDays } from "../enrich/attribution.ts";
import { listTables } from "../enrich/table-list.ts";
import { SpampotsError } from "../errors.ts";
import { loadConfiguration } from "../feed/configuration.ts";
import { inForce } from "../feed/policy.ts";
import { openKeyring, readSiteKey } from "../publication/keys.ts";
import { probeStore } from "../store/open.ts";
import { checkLake } from "./check-lake.ts";
import { attempt, type Findings } from "./findings.ts";
import type { Run } from "./run.ts";
import { problemText, say, sayJson } from "./say.ts";
import type { CliWorld } from "./world.ts";

export function checkCommand(program: Command, run: Run): void {
  program
    .command("check")
    .description("Check partners, feeds, maps, sensors, keys, tables, store, lake and cluster; all problems at once.")
    .option("--configuration", "partners.yaml and feeds/ alone")
    .action(run(check));
}

async function check(world: CliWorld, flags: { configuration?: boolean }): Promise<void> {
  const found: Findings = { problems: [], warnings: [], fine: [] };
  await checkConfiguration(world, found);
  if (!flags.configuration) {
    await attempt(found, "sensors", async () => `${(await world.sensors()).length} sensors are known.`);
    await attempt(found, "keys", () => checkKeys(world));
    await attempt(found, "store", async () => {
      const store = await world.store();
      await probeStore(store, randomUUID());
      return `The store ${store.url} honours put-if-absent.`;
    });
    await checkLake(world, found);
    await checkTables(world, found);
  }
  report(world, found);
  if (found.problems.length > 0) {
    throw new SpampotsError("bad-configuration", `${found.problems.length} problems were found.`, {
      hint: "Nothing is published before they are corrected.",
    });
  }
}

async function checkConfiguration(world: CliWorld, found: Findings): Promise<void> {
  await attempt(found, "partners.yaml", async () => {
    const { partners, feeds } = await loadConfiguration(world.settings.config);
    const now = world.clock();
    for (const partner of partners) {
      if (!inForce(partner, now)) found.warnings.push(`${partner.id}: the MoU is not in force; nothing is published.`);
      else if (mouDaysLeft(partner, now) <= mouWarningDays) {
        found.warnings.push(`${partner.id}: the MoU expires in ${mouDaysLeft(partner, now)} days.`);
      }
      if (partner.keys.some((key) => String(key.kid ?? "").startsWith("placeholder"))) {
        found.warnings.push(`${partner.id}: its key is a placeholder.`);
      }
    }
    const subscriptions = partners.reduce((sum, partner) => sum + partner.subscriptions.length, 0);
    return `${partners.length} partners with ${subscriptions} subscriptions to ${feeds.size} feeds.`;
  });
}

async function checkKeys({ settings }: CliWorld): Promise<string> {
  const environmentKey = settings.signingKey === undefined ? {} : { environmentKey: settings.signingKey };
  const keyring = await openKeyring({ folder: settings.keys, ...environmentKey });
  await readSiteKey(settings.keys);
  return `The live key is ${keyring.live}.`;
}

async function checkTables(world: CliWorld, found: Findings): Promise<void> {
  const tables = await listTables(world.tableStore());
  if (tables.length === 0)
    found.warnings.push("No tables are loaded: the first ingest uses default ones, good for a first run only.");
  for (const table of tables.filter((entry) => entry.used)) {
    const age = tableAgeDays(table, world.clock());
    if (age > oldTableDays)
      found.warnings.push(`The ${table.kind} table ${table.name} is ${age} days old: import a newer one.`);
  }
}

function report(world: CliWorld, { problems, warnings, fine }: Findings): void {
  if (world.json) {
    sayJson({ problems, warnings, fine });
    return;
  }
  for (const sentence of fine) say(`fine     ${sentence}`);
  for (const sentence of warnings) say(`warning  ${sentence}`);
  for (const problem of problems) say(`problem  ${problemText(problem)}`);
}
