/**
 * What changed between two texts, by lines, as a person reads it before the file is committed: numbers, a few lines around,
 * and what goes and comes. Pure.
 *
 * @see Hunt & Szymanski 1976 (longest common subsequence of lines)
 */

/** One line of a difference; its number is that in the old text for `-`, else that in the new one. */
export interface DiffLine {
  readonly mark: "-" | "+" | " ";
  readonly number: number;
  readonly text: string;
}

/** Cells of the table that finds common lines: what lies between two distant changes of a huge file is shown as changed. */
const mostCells = 4_000_000;

/** Runs of changed lines with `around` lines of context, in order. */
export function difference(before: string, after: string, around = 3): readonly (readonly DiffLine[])[] {
  const linesOf = (text: string) => (text === "" ? [] : text.replace(/\r?\n$/, "").split(/\r?\n/));
  const lines = allLines(linesOf(before), linesOf(after));
  const changed = lines.flatMap(({ mark }, index) => (mark === " " ? [] : [index]));
  const hunks: { from: number; to: number }[] = [];
  for (const index of changed) {
    const last = hunks.at(-1);
    if (last !== undefined && index - around <= last.to) last.to = index + around + 1;
    else hunks.push({ from: Math.max(0, index - around), to: index + around + 1 });
  }
  return hunks.map(({ from, to }) => lines.slice(from, to));
}

/** Both texts as one list of lines: common ones once. */
function allLines(old: readonly string[], fresh: readonly string[]): DiffLine[] {
  let start = 0;
  while (start < old.length && start < fresh.length && old[start] === fresh[start]) start += 1;
  let tail = 0;
  while (tail < old.length - start && tail < fresh.length - start && old.at(-1 - tail) === fresh.at(-1 - tail))
    tail += 1;
  const kept = (from: number, to: number) =>
    fresh.slice(from, to).map((text, index): DiffLine => ({ mark: " ", number: from + index + 1, text }));
  return [
    ...kept(0, start),
    ...changedPart(old.slice(start, old.length - tail), fresh.slice(start, fresh.length - tail), start),
    ...kept(fresh.length - tail, fresh.length),
  ];
}

function changedPart(old: readonly string[], fresh: readonly string[], start: number): DiffLine[] {
  const width = fresh.length + 1;
  const isFound = (old.length + 1) * width <= mostCells;
  // How many lines the rests of both have in common.
  const common = new Uint32Array(isFound ? (old.length + 1) * width : 0);
  const rest = (i: number, j: number) => common[i * width + j] ?? 0;
  for (let i = old.length - 1; isFound && i >= 0; i -= 1)
    for (let j = fresh.length - 1; j >= 0; j -= 1)
      common[i * width + j] = old[i] === fresh[j] ? rest(i + 1, j + 1) + 1 : Math.max(rest(i + 1, j), rest(i, j + 1));
  const lines: DiffLine[] = [];
  let [i, j] = [0, 0];
  while (i < old.length || j < fresh.length) {
    const [gone, come] = [old[i], fresh[j]];
    if (isFound && gone !== undefined && gone === come) {
      lines.push({ mark: " ", number: start + j + 1, text: gone });
      i += 1;
      j += 1;
    } else if (gone !== undefined && (come === undefined || rest(i + 1, j) >= rest(i, j + 1))) {
      lines.push({ mark: "-", number: start + i + 1, text: gone });
      i += 1;
    } else if (come !== undefined) {
      lines.push({ mark: "+", number: start + j + 1, text: come });
      j += 1;
    }
  }
  return lines;
}

/** For people: `+ 12  text`, runs apart by `…`. */
export function differenceText(hunks: readonly (readonly DiffLine[])[]): string {
  const width = Math.max(...hunks.flat().map(({ number }) => String(number).length));
  const line = ({ mark, number, text }: DiffLine) => `${mark} ${String(number).padStart(width)}  ${text}`.trimEnd();
  return hunks.map((hunk) => hunk.map(line).join("\n")).join(`\n${" ".repeat(width + 2)}…\n`);
}

/** For machines: the changed lines alone, as `- old` and `+ new`. */
export function changedLines(before: string, after: string): readonly string[] {
  return difference(before, after, 0).flatMap((hunk) => hunk.map(({ mark, text }) => `${mark} ${text}`));
}
