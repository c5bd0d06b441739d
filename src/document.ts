/**
 * YAML files with all their problems at once: a text becomes a checked value, or a list of problems with file, line and
 * path. Used for partners, feeds, maps and sensors. Pure.
 */
import { type Document, isScalar, LineCounter, parseDocument as parseYaml, visit } from "yaml";
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

/** Bytes of the largest file that is read, enough for thousands of partners: a larger one is there by mistake. */
const maxFileBytes = 4 * 1024 * 1024;

/** Problems that are told of one file: nobody reads more. */
const maxProblems = 100;

/** A last line `...`, or a whole document in brackets, which isn't YAML before the last one is closed. */
const whole = /(^|\n)\.\.\.\s*$|^(\s|#.*\n|---\s)*[[{]/;

/** What YAML 1.2 §5.1 allows in no file, but for DEL, which is as invisible. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are looked for
const control = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u0084\u0086-\u009f\ufffe\uffff]/;

/**
 * The text of a file, or what is wrong with it as a whole. A file that was cut while it was written is often valid YAML
 * that says less: a feed without its last filter, a label without its last word. Therefore its last line is `...`, YAML's
 * own end of a document.
 *
 * @see YAML 1.2.2 §9.1.2 (document markers)
 */
export function documentText(
  file: string,
  bytes: Uint8Array,
): { readonly text: string } | { readonly problem: Problem } {
  const problem = (message: string, line?: number) => ({
    problem: { file, ...(line === undefined ? {} : { line }), path: "", message },
  });
  if (bytes.length > maxFileBytes)
    return problem(`It has ${bytes.length} bytes; a file of the configuration has at most ${maxFileBytes}.`);
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return problem("It isn't UTF-8; write it again with an editor that saves UTF-8.");
  }
  const lineOf = (index: number) => text.slice(0, index).split("\n").length;
  const at = control.exec(text)?.index;
  if (at !== undefined) return problem("A control character stands here; remove it.", lineOf(at));
  if (whole.test(text)) return { text };
  return problem(
    "The file may be cut: its last line must be `...`, so that nothing is lost unnoticed.",
    lineOf(text.length),
  );
}

/** Keys that stand twice in a mapping. The parser's own check takes a time that grows with the square of their number. */
function repeatedKeys(document: Document, problem: (offset: number, message: string) => Problem): Problem[] {
  const problems: Problem[] = [];
  visit(document, {
    Map(_, { items }) {
      const seen = new Set<unknown>();
      for (const { key } of items) {
        if (!isScalar(key)) continue;
        if (seen.has(key.value)) problems.push(problem(key.range?.[0] ?? 0, "Map keys must be unique"));
        seen.add(key.value);
      }
    },
  });
  return problems;
}

function firstAlias(document: Document): number {
  let offset = 0;
  visit(document, {
    Alias(_, { range }) {
      offset = range?.[0] ?? 0;
      return visit.BREAK;
    },
  });
  return offset;
}

/**
 * Reads YAML 1.2 `text` of `file` against a schema. Aliases that would explode are refused by the parser's own limit;
 * duplicate keys are problems.
 */
export function checkDocument<T>(file: string, text: string, schema: z.ZodType<T>): Checked<T> {
  const lines = new LineCounter();
  const document = parseYaml(text, { lineCounter: lines, uniqueKeys: false, strict: true, prettyErrors: false });
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
  const inLine = (offset: number, message: string) => ({
    file,
    line: lines.linePos(offset).line,
    path: "",
    // What the parser says where its recursion ends.
    message: message.includes("call stack") ? "It is nested too deeply." : (message.split("\n")[0] ?? ""),
  });
  const broken = document.errors.map((error) => inLine(error.pos[0], error.message));
  const problems = broken.length > 0 ? broken : repeatedKeys(document, inLine);
  if (problems.length > 0) return { problems: problems.slice(0, maxProblems), at };
  let content: unknown;
  try {
    content = document.toJS({ maxAliasCount: 100 });
  } catch {
    return { problems: [inLine(firstAlias(document), "It holds too many aliases; write the values out.")], at };
  }
  const result = schema.safeParse(content);
  if (result.success) return { value: result.data, problems: [], at };
  return { problems: result.error.issues.slice(0, maxProblems).flatMap((issue) => problemsOf(issue, at)), at };
}

function problemsOf(issue: z.core.$ZodIssue, at: Checked<unknown>["at"]): Problem[] {
  if (issue.code === "unrecognized_keys") {
    // Bounded: whoever sends a hundred thousand keys need not read each of them, nor we look each one up.
    return issue.keys
      .slice(0, maxProblems)
      .map((key) => at([...issue.path, key], "There is no such key here; remove it or correct its name."));
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
