/** `spampots simulate`: captures that never happened, with the mix of the first SpamPots phase. */
import { resolve } from "node:path";
import type { Command } from "commander";
import { type SpoolCompression, simulate } from "../capture/simulate.ts";
import { type BodyMode, bodyModes } from "../capture/simulate-mailer.ts";
import { SpampotsError } from "../errors.ts";
import { dayMs } from "../model.ts";
import { halfPath, sweepHalves } from "../store/temporary.ts";
import type { Run } from "./run.ts";
import { count, say, sayJson, size } from "./say.ts";
import type { CliWorld } from "./world.ts";

interface SimulateFlags {
  readonly days: string;
  readonly messagesPerDay: string;
  readonly seed: string;
  readonly from?: string;
  readonly out?: string;
  readonly sensors: string;
  readonly bodies: string;
  readonly messages?: readonly string[];
  readonly compression: string;
}

const compressions: readonly SpoolCompression[] = ["none", "gzip", "zstd"];

export function simulateCommand(program: Command, run: Run): void {
  program
    .command("simulate")
    .description(
      "Make simulated spool files with the mix of the first SpamPots phase; marked as simulated wherever they go.",
    )
    .option("--days <n>", "UTC days", "7")
    .option("--messages-per-day <n>", "messages of all sensors together", "10000")
    .option("--seed <n>", "the same seed gives the same captures", "1")
    .option("--from <YYYY-MM-DD>", "first day; by default the days before today")
    .option("--out <folder>", "where to; the spool folder by default")
    .option("--sensors <n>", "number of sensors", "10")
    .option("--bodies <mode>", bodyModes.join(", "), "repeat")
    .option("--messages <path...>", "real messages in place of simulated ones: a file, an mbox, a Maildir or a folder")
    .option("--compression <name>", compressions.join(", "), "gzip")
    .action(run(simulateSpool));
}

function chosen<T extends string>(name: string, values: readonly T[], text: string): T {
  const value = values.find((entry) => entry === text);
  if (value !== undefined) return value;
  throw new SpampotsError("bad-argument", `--${name} has no such choice.`, {
    hint: `Write one of ${values.join(", ")}.`,
  });
}

function whole(name: string, text: string): number {
  if (/^\d{1,12}$/.test(text)) return Number(text);
  throw new SpampotsError("bad-argument", `--${name} needs a whole number.`);
}

function firstDay(text: string | undefined, days: number, now: number): number {
  if (text === undefined) return Math.floor(now / dayMs) * dayMs - days * dayMs;
  const day = /^\d{4}-\d{2}-\d{2}$/.test(text) ? Date.parse(text) : Number.NaN;
  if (!Number.isNaN(day)) return day;
  throw new SpampotsError("bad-argument", "--from needs a day.", { hint: "Write it as 2026-11-09." });
}

async function simulateSpool(world: CliWorld, flags: SimulateFlags): Promise<void> {
  const days = whole("days", flags.days);
  const out = resolve(flags.out ?? world.settings.spool);
  const bodies: BodyMode = chosen("bodies", bodyModes, flags.bodies);
  // What a killed simulation left half-made: this one may not come to the same names.
  await sweepHalves(out);
  const made = await simulate({
    halfPath,
    days,
    messagesPerDay: whole("messages-per-day", flags.messagesPerDay),
    seed: whole("seed", flags.seed),
    firstDay: firstDay(flags.from, days, world.clock()),
    out,
    sensors: whole("sensors", flags.sensors),
    bodies,
    ...(flags.messages === undefined ? {} : { messages: flags.messages.map((path) => resolve(path)) }),
    compression: chosen("compression", compressions, flags.compression),
    onProgress: ({ files, ofFiles, messages }) =>
      world.progress(`file ${files} of ${ofFiles} · ${count(messages)} messages`),
  });
  world.progress("");
  if (world.json) sayJson({ simulated: true, out, ...made });
  else {
    say(
      `SIMULATED: ${count(made.messages)} messages for ${count(made.recipients)} recipients, ${count(made.requests)} other requests, in ${made.files} files (${size(made.bytes)} before compression) in ${out}.`,
    );
    say(
      `The sensors they name stand in ${out}/sensors.yaml: set SPAMPOTS_SENSORS to it, then run \`spampots ingest ${out}\`.`,
    );
  }
}
