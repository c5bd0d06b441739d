/** What `check` finds: sentences and problems, collected so that all of them are told at once. */
import { isError, type Problem } from "../errors.ts";
import { errorText } from "./say.ts";

/** Problems are to be corrected, warnings to be known. */
export interface Findings {
  readonly problems: Problem[];
  readonly warnings: string[];
  readonly fine: string[];
}

/** Does one part of the check. Its errors become problems of `file`. */
export async function attempt(found: Findings, file: string, work: () => Promise<string>): Promise<void> {
  try {
    found.fine.push(await work());
  } catch (error) {
    found.problems.push(...problemsOf(error, file));
  }
}

/** An error as problems. @throws what isn't an error of ours */
export function problemsOf(error: unknown, file: string): readonly Problem[] {
  if (!isError(error)) throw error;
  if (error.problems.length > 0) return error.problems;
  const message = errorText(error)
    .replace(/^spampots: /, "")
    .replaceAll(/\s*\n\s*/g, " ");
  return [{ file, path: "", message }];
}
