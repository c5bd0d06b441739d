/** The part of docs/performance.md on scale: sizes that ran, whether time is proportional, and a whole phase. */
import { grouped, markdownTable, megabytes, number } from "./markdown.ts";
import type { Measured } from "./process.ts";
import type { ScalePoint, ScaleResult } from "./results.ts";

/** Captures of the first SpamPots phase, in 466 days. */
export const phaseCaptures = 524_585_779;

/** Megabytes that ingest and publish may take, at any size. */
const mostMemory = 1_500;

/** What is allowed above proportional, for noise: each size runs once. */
const noise = 1.05;

type Work = "ingest" | "publish";

/** Seconds a capture and seconds of start, of the line through two sizes. */
export interface Slope {
  readonly perCapture: number;
  readonly start: number;
}

/** The line through the smallest and the largest size. */
export function slopeOf(small: readonly [number, number], large: readonly [number, number]): Slope {
  const perCapture = (large[1] - small[1]) / (large[0] - small[0]);
  return { perCapture, start: small[1] - perCapture * small[0] };
}

const hours = (seconds: number) => `${number(seconds / 3600)} h`;

interface Sizes {
  /** Sizes of the same partners, by captures. */
  readonly captures: readonly ScalePoint[];
  /** Sizes of the same captures, by partners. */
  readonly partners: readonly ScalePoint[];
}

function sizesOf({ points }: ScaleResult): Sizes {
  const partners = Math.min(...points.map((point) => point.partners));
  const captures = Math.min(...points.map((point) => point.captures));
  return {
    captures: points.filter((point) => point.partners === partners).toSorted((a, b) => a.captures - b.captures),
    partners: points.filter((point) => point.captures === captures).toSorted((a, b) => a.partners - b.partners),
  };
}

/** `9.6x` of the first size's time, and whether that is at most in proportion. */
function growth(
  times: number,
  small: Measured | undefined,
  large: Measured | undefined,
): { text: string; met: boolean } {
  if (small === undefined || large === undefined) return { text: "–", met: true };
  const factor = large.seconds / small.seconds;
  return { text: `${number(factor)}x`, met: factor <= times * noise };
}

export function scaleSection(result: ScaleResult): string {
  const { captures, partners } = sizesOf(result);
  const [first] = captures;
  if (first === undefined) return "";
  const all = [...captures, ...partners.slice(1)];
  const rows = all.map((point) => pointRow(first, point));
  const head = [
    "captures",
    "partners",
    "ingest",
    "of 1x",
    "peak",
    "publish",
    "of 1x",
    "peak",
    "publications",
    "artifacts",
    "lake",
  ];
  return [
    "## Scale",
    "",
    `The same work at 1x, 3x and 10x captures, and at 10x partners with policies of their own. ${result.notes.join(" ")}`,
    `The largest size that really ran: ${grouped(Math.max(...all.map((point) => point.captures)))} captures.`,
    "",
    markdownTable(head, rows, "rrrrrrrrrrr"),
    judgement(first, all),
    "",
    phase(captures),
  ].join("\n");
}

function timesOf(first: ScalePoint, point: ScalePoint): number {
  return (point.captures / first.captures) * (point.partners / first.partners);
}

function pointRow(first: ScalePoint, point: ScalePoint): string[] {
  const { ingest, publish } = point;
  const times = timesOf(first, point);
  return [
    grouped(point.captures),
    grouped(point.partners),
    ingest === undefined ? "–" : `${number(ingest.seconds)} s`,
    growth(times, first.ingest, ingest).text,
    ingest === undefined ? "–" : megabytes(ingest.peak_mb),
    `${number(publish.seconds)} s`,
    growth(times, first.publish, publish).text,
    megabytes(publish.peak_mb),
    grouped(point.publications),
    megabytes(point.artifact_bytes / 1e6),
    megabytes(point.lake_bytes / 1e6),
  ];
}

/** Says plainly what holds and what doesn't. */
function judgement(first: ScalePoint, all: readonly ScalePoint[]): string {
  const works: readonly Work[] = ["ingest", "publish"];
  const steep = works.filter((work) =>
    all.some((point) => !growth(timesOf(first, point), first[work], point[work]).met),
  );
  const large = works.filter((work) => all.some((point) => (point[work]?.peak_mb ?? 0) > mostMemory));
  const said = (wrong: readonly Work[]) => (wrong.length === 0 ? "met" : `**not met** by ${wrong.join(" and ")}`);
  const peaks = works.map((work) => `${work} ${megabytes(Math.max(...all.map((point) => point[work]?.peak_mb ?? 0)))}`);
  return [
    `- Time at most proportional (5 % for noise): ${said(steep)}.`,
    `- Peak memory at most ${grouped(mostMemory)} MB: ${said(large)} (greatest: ${peaks.join(", ")}).`,
  ].join("\n");
}

/** The arithmetic of a whole phase, from the line through the smallest and the largest size. */
function phase(points: readonly ScalePoint[]): string {
  const [small, large] = [points[0], points.at(-1)];
  if (small === undefined || large === undefined || small === large) return "";
  const lines = (["ingest", "publish"] as const).flatMap((work) => {
    const [a, b] = [small[work]?.seconds, large[work]?.seconds];
    if (a === undefined || b === undefined) return [];
    const { perCapture, start } = slopeOf([small.captures, a], [large.captures, b]);
    if (perCapture <= 0) return [`- ${work}: the sizes are too small for a slope.`];
    const total = Math.max(0, start) + perCapture * phaseCaptures;
    return [
      `- ${work}: (${number(b)} s − ${number(a)} s) / (${grouped(large.captures)} − ${grouped(small.captures)}) = ${number(perCapture * 1e6)} µs a capture, and ${number(start)} s at the start; ${number(Math.max(0, start))} s + ${grouped(phaseCaptures)} × ${number(perCapture * 1e6)} µs = ${hours(total)}.`,
    ];
  });
  const perCapture = large.lake_bytes / large.captures;
  return [
    `A whole phase, ${grouped(phaseCaptures)} captures in 466 days, **extrapolated** on this machine, not run:`,
    "",
    ...lines,
    `- lake: ${number(perCapture)} bytes a capture at the largest size; × ${grouped(phaseCaptures)} = ${number((perCapture * phaseCaptures) / 1e9)} GB.`,
    "",
  ].join("\n");
}
