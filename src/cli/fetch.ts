import type { Command } from "commander";
import type { Run } from "./run.ts";
export function fetchCommand(program: Command, _run: Run): void {
  program.command("fetch").description("x");
}
