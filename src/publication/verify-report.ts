/**
 * What `verify` found, as facts for machines and in plain words for people. Nothing is said that wasn't checked. Pure.
 */
import { plain } from "../log.ts";

/** One word for each kind of problem. */
export type ProblemWord =
  /** Nothing to verify is here. */
  | "empty"
  /** The announcements of keys don't hold. */
  | "keys-broken"
  /** No announcement is signed by a trusted key. */
  | "keys-unproven"
  /** A file of the log isn't a signed manifest of ours, or its signature doesn't hold. */
  | "signature"
  /** A manifest is signed by a key that isn't known. */
  | "unknown-key"
  /** A manifest is signed by a key that doesn't count, and nothing signed by one that does reaches it. */
  | "retired-key"
  /** A signed payload isn't of the published schema. */
  | "schema"
  /** A manifest is of another issuer, partner, feed or number than its place. */
  | "misplaced"
  /** Publications are missing from the log. */
  | "gap"
  /** A manifest names another predecessor than the one before it. */
  | "chain"
  /** The log ends before a publication that is known to exist, or holds another one under its number. */
  | "cut-off"
  /** `published_at` doesn't rise. */
  | "time"
  /** Revisions and withdrawals of a period don't fit together. */
  | "revision"
  /** A TLP label isn't as expected, or a file's name says another one than its manifest. */
  | "label"
  /** An artifact is missing that is neither expired nor withdrawn. */
  | "missing"
  /** An artifact's bytes aren't those that were signed. */
  | "damaged"
  /** Nothing new came by the time that was promised. */
  | "silent";

export interface VerifyProblem {
  readonly code: ProblemWord;
  /** A whole sentence. */
  readonly sentence: string;
  /** Key in the store that is meant. */
  readonly where: string;
}

/** What became of the artifacts that manifests name; each file is counted once. */
export interface ArtifactStates {
  /** There, with the bytes that were signed. */
  sound: number;
  /** Gone, as the manifest announced. */
  expired: number;
  /** Gone, as a later manifest says. */
  withdrawn: number;
  missing: number;
  damaged: number;
}

/** One feed of one partner. */
export interface FeedReport {
  /** Prefix in the store that was verified; empty for the store itself. */
  readonly place: string;
  readonly partner?: string;
  readonly feed?: string;
  readonly issuer?: string;
  /** Greatest sequence of the log; 0 for none. */
  readonly tip: number;
  /** SHA-256 of the newest payload: with `tip`, what to remember for `--after`. */
  readonly tipSha256?: string;
  /** Publications whose signature and place hold. */
  readonly publications: number;
  /** Thumbprints of the keys that signed them. */
  readonly kids: readonly string[];
  readonly states: Readonly<ArtifactStates>;
  /** Bytes of artifacts that were read. */
  readonly bytes: number;
  /** `published_at` of the newest, and when the next is promised. */
  readonly publishedAt?: string;
  readonly nextBy?: string | null;
  readonly simulated: boolean;
  /** At most {@link maxProblems}; `problemCount` is how many there were. */
  readonly problems: readonly VerifyProblem[];
  readonly problemCount: number;
  /** What isn't wrong and should be known. */
  readonly notes: readonly string[];
}

/** Problems of a feed that are kept one by one. */
export const maxProblems = 1000;

export interface VerifyReport {
  /** True where something was verified and nothing is wrong. */
  readonly ok: boolean;
  readonly deep: boolean;
  readonly feeds: readonly FeedReport[];
  /** Of keys, or of the store as a whole. */
  readonly problems: readonly VerifyProblem[];
  readonly notes: readonly string[];
  /** What was proven, in plain sentences: only of feeds without problems. */
  readonly proven: readonly string[];
}

/** What was proven of a feed in which nothing is wrong. */
export function provenOf(feed: FeedReport, deep: boolean): string[] {
  if (feed.problemCount > 0 || feed.tip === 0) return [];
  const { sound, expired, withdrawn } = feed.states;
  const gone = [
    ...(expired > 0 ? [`${files(expired)} expired, as announced`] : []),
    ...(withdrawn > 0
      ? [`${files(withdrawn)} ${withdrawn === 1 ? "was" : "were"} withdrawn, as a later publication says`]
      : []),
  ];
  const range = feed.tip === 1 ? "Publication 1 is" : `Publications 1 to ${feed.tip} are all`;
  return [
    `${feed.feed} for ${feed.partner}${feed.simulated ? " (simulated captures)" : ""}: ${range} there, signed by ${feed.issuer}, each naming the one before it: up to there none was left out, added or changed.`,
    `${feed.feed} for ${feed.partner}: ${files(sound)} (${size(feed.bytes)}) ${sound === 1 ? "has" : "have"} exactly the bytes that were signed${deep ? ", and unpacked the content, rows and objects that were stated" : ""}.${gone.length > 0 ? ` ${gone.join("; ")}.` : ""}`,
    `${feed.feed} for ${feed.partner}: the newest was published at ${feed.publishedAt}${feed.nextBy ? `, the next is promised by ${feed.nextBy}` : ", and no next one is promised"}.`,
  ];
}

const files = (count: number) => (count === 1 ? "1 file" : `${count} files`);

function size(bytes: number): string {
  const units = ["bytes", "kB", "MB", "GB", "TB"];
  const power = Math.min(units.length - 1, bytes === 0 ? 0 : Math.floor(Math.log10(bytes) / 3));
  return `${power === 0 ? bytes : (bytes / 1000 ** power).toFixed(1)} ${units[power]}`;
}

/** The report for a terminal: what was proven, what should be known, and everything that is wrong. */
export function sayReport(report: VerifyReport): string {
  const problems = [...report.problems, ...report.feeds.flatMap((feed) => feed.problems)];
  const total = report.problems.length + report.feeds.reduce((sum, feed) => sum + feed.problemCount, 0);
  const notes = [...report.notes, ...report.feeds.flatMap((feed) => feed.notes)];
  const lines = [
    ...heading("Proven", report.proven),
    ...heading("To be known", notes),
    ...heading(
      "Wrong",
      problems.map((problem) => `${problem.where}: ${problem.sentence} [${problem.code}]`),
    ),
    ...(total > problems.length ? [`  and ${total - problems.length} more of the same feeds.`] : []),
    report.ok ? "Nothing is wrong." : `NOT proven: ${total === 1 ? "1 problem" : `${total} problems`}.`,
  ];
  return `${lines.map(plain).join("\n")}\n`;
}

function heading(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : [`${title}:`, ...lines.map((line) => `  ${line}`)];
}
