/**
 * The summary of a period: figures as JSON for machines and portals, and as Markdown for people. Holds no address and
 * no text that a spammer wrote, but for the partner's own recipient domains.
 */
import { createHash } from "node:crypto";
import { type FileHandle, open } from "node:fs/promises";
import { join } from "node:path";
import { purposeOf } from "../feed/due.ts";
import { dayId, previousPeriod, secondsInstant } from "../feed/period.ts";
import { answerCells, type SummaryQuestion, summarySql } from "../feed/summary-sql.ts";
import { coverageOf } from "../lake/coverage.ts";
import { touches } from "../lake/records.ts";
import { type Cell, dayMs, type Tlp } from "../model.ts";
import type { Rendered } from "./compose.ts";
import { fileStem, type RenderedArtifact } from "./render.ts";
import type { SliceJob, SliceWorld } from "./slices.ts";
import { summaryMarkdown } from "./summary-markdown.ts";

/** A figure, the period before's, and the change in whole percent (null where there was nothing before). */
export interface Figure {
  readonly now: number;
  readonly before: number;
  readonly change_percent: number | null;
}

/** The JSON of a summary. Members are snake_case, as published; ranks begin with the largest. */
export interface Summary {
  readonly v: 1;
  readonly feed: string;
  readonly title: string;
  readonly simulated: boolean;
  readonly tlp: Tlp;
  readonly economies: "all" | readonly string[];
  readonly period: { readonly id: string; readonly start: string; readonly end: string };
  readonly covers: { readonly from: string; readonly to: string };
  /** Null where the MoU did not cover the period before: its figures are then 0. */
  readonly before: { readonly id: string; readonly from: string; readonly to: string } | null;
  readonly coverage: {
    readonly sensor_hours_expected: number;
    readonly sensor_hours_seen: number;
    readonly sensor_hours_expected_before: number;
    readonly sensor_hours_seen_before: number;
  };
  readonly totals: {
    readonly captures: Figure;
    readonly recipients: Figure;
    readonly connections: Figure;
    readonly sources: Figure;
    readonly asns: Figure;
    readonly economies: Figure;
  };
  /** Captures whose source and target economies are known, and those of them where they differ. */
  readonly crossing: { readonly known: Figure; readonly differing: Figure };
  readonly days: readonly {
    readonly day: string;
    readonly captures: number;
    readonly recipients: number;
    readonly sources: number;
    readonly sensors_reporting: number;
  }[];
  readonly source_economies: readonly ({ readonly economy: string } & Figure)[];
  readonly source_asns: readonly ({
    readonly asn: number;
    readonly as_name: string;
    readonly economy: string;
    readonly sources: number;
    readonly new_sources: number;
    readonly gone_sources: number;
    readonly persistent_sources: number;
  } & Figure)[];
  readonly services: readonly ({ readonly service: string; readonly abused_port: number } & Figure)[];
  readonly requests: readonly ({ readonly request_type: string; readonly result: string } & Figure)[];
  readonly languages: readonly ({ readonly language: string } & Figure)[];
  readonly target_domains: readonly {
    readonly domain: string;
    readonly captures: number;
    readonly recipients: number;
    readonly sources: number;
  }[];
  readonly top_sources: readonly {
    readonly rank: number;
    readonly asn: number | null;
    readonly as_name: string;
    readonly economy: string;
    readonly captures: number;
    readonly recipients: number;
    readonly days: number;
  }[];
}

/** Rows of answers by the names of their cells. */
type AnswerRow = Readonly<Partial<Record<(typeof answerCells)[number], Cell>>>;
type Answers = (question: SummaryQuestion) => readonly AnswerRow[];

/** Asks the summary's questions and writes its files below `folder`. */
export async function renderSummary(job: SliceJob, folder: string, world: SliceWorld): Promise<Rendered> {
  const answers = await ask(job, world);
  const summary = summaryOf(job, answers);
  const { feed, due } = job;
  const stem = fileStem({ feed: feed.id, period: due.period, tlp: due.policy.tlp });
  const artifacts: RenderedArtifact[] = [];
  if (job.formats.has("json")) {
    artifacts.push(
      await writeText(folder, `${stem}.json`, "application/json", `${JSON.stringify(summary, null, 1)}\n`),
    );
  }
  if (job.formats.has("markdown")) {
    artifacts.push(await writeText(folder, `${stem}.md`, "text/markdown;charset=utf-8", summaryMarkdown(summary)));
  }
  const { captures, sources } = summary.totals;
  return { artifacts, counts: { captures: captures.now, sources: sources.now }, notes: [] };
}

async function ask({ feed, due }: SliceJob, { lake, engine }: SliceWorld): Promise<Answers> {
  const { policy, input, period } = due;
  const from = previousPeriod(period).start;
  using captures = await lake.select("captures", input.batches, from, period.end);
  using requests = await lake.select("requests", input.batches, from, period.end);
  const found = new Map<string, AnswerRow[]>();
  const purpose = purposeOf(feed, due);
  for await (const { rows, columns } of engine.rows({ captures, requests }, summarySql(feed, policy), purpose)) {
    const [questions, , ...cells] = columns;
    for (let row = 0; row < rows; row += 1) {
      const answer = Object.fromEntries(answerCells.map((name, index) => [name, cells[index]?.[row] ?? null]));
      const question = String(questions?.[row]);
      const known = found.get(question);
      if (known) known.push(answer);
      else found.set(question, [answer]);
    }
  }
  return (question) => found.get(question) ?? [];
}

const count = (cell: Cell | undefined): number => Number(cell ?? 0);
const text = (cell: Cell | undefined): string => (typeof cell === "string" ? cell : "");

function figure(now: number, before: number): Figure {
  return { now, before, change_percent: before === 0 ? null : Math.round(((now - before) * 100) / before) };
}

type CellName = (typeof answerCells)[number];

/** A cell of rows whose `n1` says whether they are of this period, as a figure. */
function bothOf(rows: readonly AnswerRow[], cell: CellName): Figure {
  const of = (isNow: number) => count(rows.find((row) => row.n1 === isNow)?.[cell]);
  return figure(of(1), of(0));
}

const figureOf = (row: AnswerRow): Figure => figure(count(row.n1), count(row.n2));

function summaryOf({ feed, due }: SliceJob, answers: Answers): Summary {
  const { period, policy, input } = due;
  const last = previousPeriod(period);
  const now = coverageOf(input.batches, period.start, period.end);
  const before = coverageOf(input.batches, last.start, last.end);
  return {
    v: 1,
    feed: feed.id,
    title: feed.title,
    simulated: input.simulated,
    tlp: policy.tlp,
    economies: policy.economies === "all" ? "all" : policy.economies.map((economy) => economy.code),
    period: { id: period.id, start: secondsInstant(period.start), end: secondsInstant(period.end) },
    covers: { from: secondsInstant(policy.covers.from), to: secondsInstant(policy.covers.to) },
    before: policy.before
      ? { id: last.id, from: secondsInstant(policy.before.from), to: secondsInstant(policy.before.to) }
      : null,
    coverage: {
      sensor_hours_expected: now.expected,
      sensor_hours_seen: now.seen,
      sensor_hours_expected_before: before.expected,
      sensor_hours_seen_before: before.seen,
    },
    totals: {
      captures: bothOf(answers("totals"), "n2"),
      recipients: bothOf(answers("totals"), "n3"),
      connections: bothOf(answers("connections"), "n2"),
      sources: bothOf(answers("totals"), "n4"),
      asns: bothOf(answers("totals"), "n5"),
      economies: bothOf(answers("totals"), "n6"),
    },
    crossing: { known: bothOf(answers("totals"), "n7"), differing: bothOf(answers("totals"), "n8") },
    days: daysOf(due, answers("days")),
    source_economies: answers("economies").map((row) => ({ economy: text(row.t1), ...figureOf(row) })),
    source_asns: answers("systems").map((row) => ({
      asn: count(row.n3),
      as_name: text(row.t1),
      economy: text(row.t2),
      sources: count(row.n4),
      new_sources: count(row.n5),
      gone_sources: count(row.n6),
      persistent_sources: count(row.n7),
      ...figureOf(row),
    })),
    services: answers("services").map((row) => ({
      service: text(row.t1),
      abused_port: count(row.n3),
      ...figureOf(row),
    })),
    requests: answers("requests").map((row) => ({
      request_type: text(row.t1),
      result: text(row.t2),
      ...figureOf(row),
    })),
    languages: answers("languages").map((row) => ({ language: text(row.t1), ...figureOf(row) })),
    target_domains: answers("domains").map((row) => ({
      domain: text(row.t1),
      captures: count(row.n1),
      recipients: count(row.n2),
      sources: count(row.n3),
    })),
    top_sources: answers("sources").map((row, index) => ({
      rank: index + 1,
      asn: row.n3 === null ? null : count(row.n3),
      as_name: text(row.t1),
      economy: text(row.t2),
      captures: count(row.n1),
      recipients: count(row.n2),
      days: count(row.n4),
    })),
  };
}

/** Every day that is covered, also those on which nothing was captured; sensors by their heartbeats and captures. */
function daysOf({ policy, input }: SliceJob["due"], rows: readonly AnswerRow[]): Summary["days"] {
  const days: Summary["days"][number][] = [];
  for (let day = policy.covers.from; day < policy.covers.to; day += dayMs) {
    const row = rows.find((answer) => answer.n1 === day);
    const reporting = input.batches.filter((record) => touches(record.hours, day, day + dayMs));
    days.push({
      day: dayId(day),
      captures: count(row?.n2),
      recipients: count(row?.n3),
      sources: count(row?.n4),
      sensors_reporting: new Set(reporting.map((record) => record.sensor)).size,
    });
  }
  return days;
}

async function writeText(folder: string, name: string, mediaType: string, content: string): Promise<RenderedArtifact> {
  const path = join(folder, name);
  const bytes = Buffer.from(content, "utf8");
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  const file: FileHandle = await open(path, "w");
  try {
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
  return { name, mediaType, path, bytes: bytes.length, sha256, contentBytes: bytes.length, contentSha256: sha256 };
}
