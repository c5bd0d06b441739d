/** The commands of upkeep, started as an operator starts them: what they say, and their exit codes. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { cp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { capturesOf, openOperatorWorld, partnersYaml, sensors } from "../publication/operator-world.ts";

const project = join(import.meta.dirname, "../..");

interface Said {
  readonly code: number;
  readonly out: string;
  readonly errors: string;
}

test("lake batches, exclude, compact, verify; withdraw; sweep", async (t) => {
  const world = await openOperatorWorld(t);
  const config = join(world.root, "config");
  await cp(join(project, "feeds"), join(config, "feeds"), { recursive: true });
  await writeFile(join(config, "partners.yaml"), partnersYaml);
  const listed = sensors.map(({ id, addresses }) => ({ id, addresses: addresses.map(({ address }) => ({ address })) }));
  await writeFile(join(world.root, "sensors.yaml"), JSON.stringify({ sensors: listed }));
  const env = { PATH: process.env.PATH, SPAMPOTS_DATA: world.root, SPAMPOTS_CONFIG: config };
  const run = (...args: string[]) =>
    new Promise<Said>((resolve) => {
      const started = ["bin/spampots.js", "--now", "2026-11-14T08:00:00Z", ...args];
      execFile(process.execPath, started, { cwd: project, env }, (error, out, errors) =>
        resolve({ code: error === null ? 0 : Number(error.code), out, errors }),
      );
    });

  const { batch } = await world.ingest("pot-1", capturesOf("203.0.113.7", "2026-11-10T01:00:00Z", 5));
  await world.ingest("pot-2", capturesOf("203.0.113.8", "2026-11-10T01:00:00Z", 2));
  await world.publish(Date.UTC(2026, 10, 12, 7), { feed: "spam-sources" });

  const batches = await run("lake", "batches");
  assert.match(batches.out, new RegExp(`${batch.slice(0, 16)} +1 +pot-1 +2026-11-10 +5`));
  const [row] = JSON.parse((await run("--json", "lake", "batches")).out);
  assert.deepEqual([row.first_day, row.excluded, row.batch.length], ["2026-11-10", null, 64]);

  const merged = await run("lake", "compact");
  assert.match(merged.out, /^2 files merged into 1;/);
  assert.match((await run("lake", "verify")).out, /^1 files, .*: all are what their records say\.\n$/);

  const unknown = await run("lake", "exclude", "0123456789", "--reason", "x");
  assert.deepEqual([unknown.code, unknown.out], [2, ""]);
  assert.match(unknown.errors, /There is no such batch/);
  assert.equal((await run("lake", "exclude", batch.slice(0, 7), "--reason", "x")).code, 2);
  assert.equal((await run("lake", "exclude", batch.slice(0, 8), "--reason", " ")).code, 2);
  const excluded = await run("lake", "exclude", batch.slice(0, 8), "--reason", "made up\u001b[2J");
  assert.match(excluded.out, /counts no more/);
  assert.match(excluded.out, /twcert +spam-sources +2026-11-10 +2026-11-14T08:00:00Z\nncc +spam-sources/);
  const again = await run("lake", "exclude", batch, "--reason", "another");
  assert.match(again.out, /was excluded already, at 2026-11-14T08:00:00Z: made up\ufffd\[2J/);

  const said = await run("withdraw", "twcert", "spam-sources", "1", "--reason", "Wrong.", "--revoke");
  assert.match(said.out, /^3 withdraws 1 of spam-sources for twcert, 2026-11-10\.\n1 parts with \d+ objects revoke/);
  assert.match(said.out, /\n2 files deleted/);
  const repeated = await run("--json", "withdraw", "twcert", "spam-sources", "1", "--reason", "Wrong.", "--revoke");
  assert.deepEqual([JSON.parse(repeated.out).outcome, JSON.parse(repeated.out).deleted], ["already", 0]);
  assert.equal((await run("withdraw", "twcert", "spam-sources", "x", "--reason", "Wrong.")).code, 2);
  assert.equal((await run("withdraw", "twcert", "spam-sources", "99", "--reason", "Wrong.")).code, 2);

  const sweep = ["--now", "2036-01-01T00:00:00Z", "--json", "sweep"];
  const dry = JSON.parse((await run(...sweep, "--dry-run")).out);
  const swept = JSON.parse((await run(...sweep)).out);
  assert.deepEqual([dry.dry_run, dry.swept], [true, swept.swept]);
  assert.ok(swept.swept.expired_artifacts.files > 0 && swept.swept.expired_lake_files.files === 3);
  assert.match((await run("--now", "2036-01-01T00:00:00Z", "sweep")).out, /There is nothing to delete\./);

  await rm(join(world.lake.root, "captures"), { recursive: true, force: true });
  const damaged = await run("lake", "verify");
  assert.deepEqual([damaged.code, /missing +captures\/day=2026-11-10\/c0001/.test(damaged.out)], [3, true]);
});
