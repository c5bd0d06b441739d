/** Runs a command's work: opens the world, says what went wrong, sets the exit code. The only place with exit codes. */
import type { Command } from "commander";
import type { CliWorld, CommonFlags } from "./world.ts";

/** A command's work. Commander passes arguments, then flags, then the command. */
type Work<Arguments extends unknown[]> = (world: CliWorld, ...rest: Arguments) => Promise<void>;

/** Turns a command's work into a commander action. */
export type Run = <Arguments extends unknown[]>(work: Work<Arguments>) => (...given: unknown[]) => Promise<void>;

/** Makes the runner of all commands over an environment. */
export function runner(env: Readonly<Record<string, string | undefined>>): Run {
  return <Arguments extends unknown[]>(work: Work<Arguments>) =>
    async (...given: unknown[]) => {
      const command = given.at(-1) as Command; // commander's last argument is the command itself
      const flags = command.optsWithGlobals<CommonFlags>();
      const { errorJson, errorText, exitCodeOf, sayJson } = await import("./say.ts");
      let world: CliWorld | undefined;
      try {
        const { openWorld } = await import("./world.ts");
        world = await openWorld(flags, env);
        await work(world, ...(given.slice(0, -1) as Arguments)); // the command declares what commander passes
      } catch (error) {
        world?.progress("");
        if (flags.json) sayJson(errorJson(error));
        else process.stderr.write(`${errorText(error)}\n`);
        if (env.SPAMPOTS_LOG === "debug" || env.SPAMPOTS_LOG === "trace") world?.log.debug({ err: error }, "failed");
        process.exitCode = exitCodeOf(error);
      } finally {
        await world?.close();
      }
    };
}
