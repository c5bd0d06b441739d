/**
 * The command line: what commands there are. Each is in `cli/`; this is the only place with argv. A command is loaded when
 * it is called for: reading all the program's sources would take longer than most commands do.
 */
import { Command } from "commander";
import { type Run, runner } from "./cli/run.ts";
import { programVersion } from "./cli/version.ts";
import { errorTable } from "./errors.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** Adds a command to the program. */
type Addition = (program: Command, run: Run, env: Environment) => void;

/** The commands by their names, in the order in which `--help` has them. */
const commands: Readonly<Record<string, () => Promise<Addition>>> = {
  check: async () => (await import("./cli/check.ts")).checkCommand,
  simulate: async () => (await import("./cli/simulate.ts")).simulateCommand,
  ingest: async () => (await import("./cli/ingest.ts")).ingestCommand,
  publish: async () => (await import("./cli/publish.ts")).publishCommand,
  verify: async () => (await import("./cli/verify.ts")).verifyCommand,
  run: async () => (await import("./cli/start.ts")).runCommand,
  start: async () => (await import("./cli/start.ts")).startCommand,
  status: async () => (await import("./cli/status.ts")).statusCommand,
  deliveries: async () => (await import("./cli/deliveries.ts")).deliveriesCommand,
  deliver: async () => (await import("./cli/deliveries.ts")).deliverCommand,
  receipts: async () => (await import("./cli/receipts.ts")).receiptsCommand,
  serve: async () => (await import("./cli/serve.ts")).serveCommand,
  token: async () => (await import("./cli/token.ts")).tokenCommand,
  fetch: async () => (await import("./cli/fetch.ts")).fetchCommand,
  join: async () => (await import("./cli/join.ts")).joinCommand,
  partner: async () => (await import("./cli/partner.ts")).partnerCommand,
  withdraw: async () => (await import("./cli/withdraw.ts")).withdrawCommand,
  lake: async () => (await import("./cli/lake.ts")).lakeCommand,
  sweep: async () => (await import("./cli/sweep.ts")).sweepCommand,
  keys: async () => (await import("./cli/keys.ts")).keysCommand,
  tables: async () => (await import("./cli/tables.ts")).tablesCommand,
  schema: async () => (await import("./cli/schema.ts")).schemaCommand,
  demo: async () => (await import("./cli/demo.ts")).demoCommand,
};

/**
 * The commands that a call may mean: those that it names, wherever (a name may be an option's value, too); all where it
 * names none, for help and for suggestions.
 */
function meant(args: readonly string[]): readonly (() => Promise<Addition>)[] {
  if (args.includes("--version")) return [];
  const help = args.findIndex((arg) => arg === "--help" || arg === "-h");
  // Help that is asked for before any command is that of the program.
  const words = help < 0 ? args : args.slice(0, help);
  const named = Object.entries(commands).filter(([name]) => words.includes(name));
  return named.length > 0 ? named.map(([, load]) => load) : Object.values(commands);
}

/**
 * The program, with the commands that `args` may mean: all of them where none are given, as `docs.test.ts` reads it.
 *
 * @param args the arguments that it will be called with
 */
export async function spampots(env: Environment, args: readonly string[] = []): Promise<Command> {
  const program = new Command("spampots")
    .description(
      "Shares honeypot spam data with partner economies: each gets exactly what is theirs, signed, on time, provably complete.",
    )
    .version(programVersion())
    .option("--json", "say the result as one JSON object, for machines")
    .option("--now <instant>", "take this for the current time, such as 2026-11-16T06:00:00Z")
    .showHelpAfterError("(add --help for the options)")
    .showSuggestionAfterError()
    // A wrong call ends with the exit code of `bad-argument`; commander's own would say that something failed.
    .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : errorTable["bad-argument"].exit));
  const run = runner(env);
  const additions = await Promise.all(meant(args).map((load) => load()));
  for (const add of additions) add(program, run, env);
  return program;
}

if (import.meta.main) await (await spampots(process.env, process.argv.slice(2))).parseAsync();
