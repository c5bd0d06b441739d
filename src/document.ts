/**
 * YAML files with all their problems at once: a text becomes a checked value, or a list of problems with file, line and
 * path. Used for partners, feeds, maps and sensors. Pure.
 */
import { LineCounter, parseDocument as parseYaml } from "yaml";
import type { z } from "zod";
import { type Problem, SpampotsError } from "./errors.ts";

type Path = readonly PropertyKey[];

/** A checked document: `value` is there only if `problems` is empty. `at` makes a problem for a path of it. */
export interface Checked<T> {
  readonly value?: T;
  readonly problems: readonly Problem[];
  readonly at: (path: Path, message: string) => Problem;
}

/** `partners[2].mou.expires` from a path's parts. */
export function pathText(path: Path): string {
  const text = path.map((part) => (typeof part === "number" ? `[${part}]` : `.${String(part)}`)).join("");
  return text.startsWith(".") ? text.slice(1) : text;
}

/**
 * Reads YAML 1.2 `text` of `file` against a schema. Aliases that would explode are refused by the parser's own limit;
 * duplicate keys are problems.
 */
export function checkDocument<T>(file: string, text: string, schema: z.ZodType<T>): Checked<T> {
  const lines = new LineCounter();
  const document = parseYaml(text, { lineCounter: lines, uniqueKeys: true, strict: true });
  const at = (path: Path, message: string): Problem => {
    for (let depth = path.length; depth >= 0; depth -= 1) {
      const node = document.getIn(path.slice(0, depth), true);
      const range = typeof node === "object" && node !== null && "range" in node ? node.range : undefined;
      if (Array.isArray(range) && typeof range[0] === "number") {
        return { file, line: lines.linePos(range[0]).line, path: pathText(path), message };
      }
    }
    return { file, path: pathText(path), message };
  };
  if (document.errors.length > 0) {
    const problems = document.errors.map((error) => ({
      file,
      line: lines.linePos(error.pos[0]).line,
      path: "",
      message: (error.message.split("\n")[0] ?? "").replace(/ at line \d+, column \d+:?$/, ""),
    }));
    return { problems, at };
  }
  let content: unknown;
  try {
    content = document.toJS({ maxAliasCount: 100 });
  } catch {
    return { problems: [{ file, path: "", message: "It holds too many aliases; write the values out." }], at };
  }
  const result = schema.safeParse(content);
  if (result.success) return { value: result.data, problems: [], at };
  return { problems: result.error.issues.flatMap((issue) => problemsOf(issue, at)), at };
}

function problemsOf(issue: z.core.$ZodIssue, at: Checked<unknown>["at"]): Problem[] {
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) =>
      at([...issue.path, key], "There is no such key here; remove it or correct its name."),
    );
  }
  return [at(issue.path, issue.message)];
}

/** Problems as the error that refuses them. */
export function refusal(problems: readonly Problem[]): SpampotsError {
  return new SpampotsError("bad-configuration", "The configuration has problems.", {
    problems,
    hint: "Correct what is named above; `spampots check` shows all of it again.",
  });
}
