/** `spampots schema`: the published JSON Schemas and the table of fields, as they stand in docs/. */
import type { Command } from "commander";
import { SpampotsError } from "../errors.ts";
import { fieldsMarkdown, schemas } from "../reference.ts";
import type { Run } from "./run.ts";
import { say } from "./say.ts";
import type { CliWorld } from "./world.ts";

export function schemaCommand(program: Command, run: Run): void {
  program
    .command("schema")
    .description("Print a published JSON Schema, or the documentation of all fields.")
    .argument("<name>", `${Object.keys(schemas).join(", ")} or fields`)
    .action(run(printSchema));
}

async function printSchema(_world: CliWorld, name: string): Promise<void> {
  if (name === "fields") return say(fieldsMarkdown().trimEnd());
  const schema = schemas[name];
  if (schema === undefined) {
    throw new SpampotsError("bad-argument", "There is no such schema.", {
      hint: `Write one of ${Object.keys(schemas).join(", ")} or fields.`,
    });
  }
  say(JSON.stringify(schema(), null, 2));
}
