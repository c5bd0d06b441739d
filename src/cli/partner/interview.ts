/**
 * Asks the questions of a new partner: what flags don't say is asked at a terminal, and every answer is checked by the
 * parser of partners.yaml itself, with stand-ins for what isn't answered yet.
 */
import { isError, type Problem, SpampotsError } from "../../errors.ts";
import { problemsOfEntry } from "../../partner/registry/changes.ts";
import type { Terminal } from "../terminal.ts";
import type { Draft } from "./answers.ts";
import { type Asked, type Question, questions } from "./questions.ts";

/** Stands in for what isn't answered yet, so that what is can be checked as a whole. */
const standIn = {
  id: "new-partner",
  name: "?",
  economies: "all",
  tlp_ceiling: "AMBER+STRICT",
  contacts: [{ name: "?", email: "nobody@example.org" }],
};
const standInMou = {
  reference: "?",
  signed: "0001-01-01",
  expires: "9999-12-31",
  purposes: ["?"],
  onward: "constituents",
  retention_days: 1,
};

/** What `check` would say to a question's answer, beside the other answers so far. */
function problemsOf({ flag, paths }: Question, draft: Draft, { others, feeds }: Asked): Problem[] {
  const candidate = { ...standIn, ...draft, mou: { ...standInMou, ...draft.mou } };
  const isOwn = ({ path }: Problem) => {
    const isDelivery = path.includes("deliveries");
    if (paths.includes("subscriptions[deliveries]")) return isDelivery;
    // Another's problem for our sake is that of the id.
    if (path.startsWith("partners[")) return paths.includes("id");
    return !isDelivery && paths.some((own) => path === own || path.startsWith(`${own}[`) || path.startsWith(`${own}.`));
  };
  return problemsOfEntry(others, candidate, feeds)
    .filter(isOwn)
    .map((problem) => ({ ...problem, file: flagName(flag) }));
}

/** `--tlp-ceiling` for `tlpCeiling`. */
const flagName = (flag: string) => `--${flag.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;

const merged = (draft: Draft, part: Draft): Draft => ({
  ...draft,
  ...part,
  ...(part.mou === undefined ? {} : { mou: { ...draft.mou, ...part.mou } }),
});

/** A draft with one more answer, or what is wrong with that. */
async function answered(
  question: Question,
  answers: readonly string[],
  draft: Draft,
  asked: Asked,
): Promise<{ readonly draft: Draft } | { readonly problems: readonly Problem[] }> {
  try {
    const after = merged(draft, await question.read(answers, draft, asked));
    const problems = problemsOf(question, after, asked);
    return problems.length > 0 ? { problems } : { draft: after };
  } catch (error) {
    if (!isError(error, "bad-argument") && !isError(error, "bad-key")) throw error;
    const message = error.hint === undefined ? error.message : `${error.message} ${error.hint}`;
    return { problems: [{ file: flagName(question.flag), path: "", message }] };
  }
}

/**
 * The answers to all questions: what flags say, and what they don't say asked at the terminal, each wrong answer told at
 * once. Without a terminal everything that is missing or wrong is told in one error.
 *
 * @param given answers by flag.
 * @throws SpampotsError `bad-argument` with all problems; `interrupted`.
 */
export async function interview(
  given: Readonly<Record<string, readonly string[] | undefined>>,
  asked: Asked,
  terminal: Terminal | undefined,
): Promise<Draft> {
  let draft: Draft = {};
  const problems: Problem[] = [];
  for (const question of questions) {
    const answers = given[question.flag];
    const first = answers === undefined ? undefined : await answered(question, answers, draft, asked);
    if (first !== undefined && "draft" in first) draft = first.draft;
    else if (terminal !== undefined && (first !== undefined || question.optional !== true)) {
      for (const { message } of first?.problems ?? []) terminal.say(`  ${message}`);
      draft = await askUntil(question, draft, asked, terminal);
    } else if (first !== undefined) problems.push(...first.problems);
    else if (question.optional !== true && question.flag !== "push") problems.push(missing(question));
  }
  if (problems.length === 0) return draft;
  throw new SpampotsError("bad-argument", "Something is missing or wrong; nothing was written.", {
    problems,
    hint: "Correct what is named above, all of it. At a terminal, `spampots partner add` asks.",
  });
}

const missing = ({ flag, means }: Question): Problem => ({
  file: flagName(flag),
  path: "",
  message: `Missing: ${means}.${flag === "key" ? " Or --invite." : ""}`,
});

async function askUntil(question: Question, draft: Draft, asked: Asked, terminal: Terminal): Promise<Draft> {
  const fallback = question.fallback?.(draft, asked);
  const text = question.means.replace(/; may be given several times/, "");
  const shown = `${text.slice(0, 1).toUpperCase()}${text.slice(1)}${question.several ? " (several: with ; between)" : ""}`;
  for (;;) {
    const answer = await terminal.ask(shown, fallback);
    const answers = question.several
      ? answer
          .split(";")
          .map((part) => part.trim())
          .filter((part) => part !== "")
      : [answer];
    const result = await answered(question, answers, draft, asked);
    if ("draft" in result) return result.draft;
    for (const { message } of result.problems) terminal.say(`  ${message}`);
  }
}
