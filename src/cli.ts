/** The command line: what commands there are. Each is in `cli/`; this is the only place with argv. */
import { readFileSync } from "node:fs";
import { Command } from "commander";
import { checkCommand } from "./cli/check.ts";
import { demoCommand } from "./cli/demo.ts";
import { ingestCommand } from "./cli/ingest.ts";
import { keysCommand } from "./cli/keys.ts";
import { lakeCommand } from "./cli/lake.ts";
import { publishCommand } from "./cli/publish.ts";
import { runner } from "./cli/run.ts";
import { schemaCommand } from "./cli/schema.ts";
import { simulateCommand } from "./cli/simulate.ts";
import { sweepCommand } from "./cli/sweep.ts";
import { tablesCommand } from "./cli/tables.ts";
import { verifyCommand } from "./cli/verify.ts";
import { withdrawCommand } from "./cli/withdraw.ts";
import { errorTable } from "./errors.ts";

/** The program with all its commands; `docs.test.ts` reads it too. */
export function spampots(env: Readonly<Record<string, string | undefined>>): Command {
  // The file is our own: it has a version.
  const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as {
    version: string;
  };
  const program = new Command("spampots")
    .description(
      "Shares honeypot spam data with partner economies: each gets exactly what is theirs, signed, on time, provably complete.",
    )
    .version(version)
    .option("--json", "say the result as one JSON object, for machines")
    .option("--now <instant>", "take this for the current time, such as 2026-11-16T06:00:00Z")
    .showHelpAfterError("(add --help for the options)")
    .showSuggestionAfterError()
    // A wrong call ends with the exit code of `bad-argument`; commander's own would say that something failed.
    .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : errorTable["bad-argument"].exit));
  const run = runner(env);
  checkCommand(program, run);
  simulateCommand(program, run);
  ingestCommand(program, run);
  publishCommand(program, run);
  verifyCommand(program, run);
  withdrawCommand(program, run);
  lakeCommand(program, run);
  sweepCommand(program, run);
  keysCommand(program, run);
  tablesCommand(program, run);
  schemaCommand(program, run);
  demoCommand(program, run, env);
  return program;
}

if (import.meta.main) await spampots(process.env).parseAsync();
