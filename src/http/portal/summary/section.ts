/**
 * The figures of one publication's summary, for its page: what changed, then each figure with its chart, table and CSV; and
 * the CSV itself. What is drawn is remembered, since it is the same for the same summary.
 */
import { html } from "hono/html";
import { Recent } from "../../../capture/recent.ts";
import { SpampotsError } from "../../../errors.ts";
import { csvMediaType } from "../../../publication/csv.ts";
import { type Manifest, tlpInName } from "../../../publication/manifest.ts";
import type { Summary } from "../../../publication/summary.ts";
import type { PublishedFeed } from "../../published.ts";
import { notFound } from "../../route.ts";
import { whatChanged } from "../charts/changes.ts";
import type { PageFigure } from "../charts/chart.ts";
import { summaryFigures } from "../charts/figures.ts";
import { attribution, type DrawnFigure, drawFigures, figureSection } from "../charts/section.ts";
import { csvOf } from "../charts/table.ts";
import type { Html } from "../layout.ts";
import { figureTexts } from "../texts/figures.ts";
import { readSummary } from "./read-summary.ts";

/** Drawn figures that are remembered: those of one summary are some 150,000 characters. */
const known = new Recent<readonly DrawnFigure[]>(64, 12 * 1024 * 1024);

/** Where a figure's CSV is. */
const csvPlace = ({ feed, sequence }: Manifest, id: string) => `/portal/feeds/${feed}/${sequence}/figures/${id}.csv`;

/**
 * What the page of a publication shows of its summary; `undefined` where it holds none that can be read here. `now` in
 * milliseconds.
 *
 * @throws SpampotsError `store-unavailable`, `verify-failed`
 */
export async function summarySection(
  published: PublishedFeed,
  manifest: Manifest,
  now: number,
): Promise<Html | undefined> {
  const found = await readSummary(published, manifest, now);
  if (found.state !== "there") return undefined;
  const { summary, artifact } = found;
  const figures = await drawnOf(`${manifest.partner}/${manifest.feed}/${artifact.sha256}`, summary);
  const { before } = summary;
  return html`<section aria-labelledby="changes">
<h2 id="changes">${before === null ? figureTexts.changes.titleAlone : figureTexts.changes.title(before.id)}</h2>
<ul class="changes">${whatChanged(summary).map((sentence) => html`<li>${sentence}</li>`)}</ul>
<p><a href="/portal/trend">${figureTexts.trend.link}</a></p>
</section>
<section aria-labelledby="figures">
<h2 id="figures">${figureTexts.figures}</h2>
<div class="figures">${figures.map((figure) => figureSection(figure, csvPlace(manifest, figure.id)))}</div>
${attribution}
</section>`;
}

/** Figures that are being drawn: who asks meanwhile waits for the same. */
const drawing = new Map<string, Promise<readonly DrawnFigure[]>>();

/** Figures of a summary, drawn once however many ask at the same time. `key` names the partner's log and the digest. */
export async function drawnOf(key: string, summary: Summary): Promise<readonly DrawnFigure[]> {
  const remembered = known.get(key) ?? drawing.get(key);
  if (remembered) return remembered;
  const begun = draw(key, summary).finally(() => drawing.delete(key));
  drawing.set(key, begun);
  return begun;
}

async function draw(key: string, summary: Summary): Promise<readonly DrawnFigure[]> {
  const { tlp, period, simulated } = summary;
  const figures = await drawFigures(summaryFigures(summary), figureTexts.foot(tlp, period.id, simulated));
  const weight = figures.reduce((sum, { svg }) => sum + (svg ? svg.wide.length + svg.narrow.length : 2000), 0);
  known.set(key, figures, weight);
  return figures;
}

/**
 * The table of one figure of a publication's summary, as a CSV file.
 *
 * @throws SpampotsError `not-found`, `gone`, `store-unavailable`, `verify-failed`
 */
export async function figureCsv(
  published: PublishedFeed,
  manifest: Manifest,
  id: string,
  now: number,
): Promise<Response> {
  const found = await readSummary(published, manifest, now);
  if (found.state === "none") throw notFound();
  if (found.state !== "there") {
    throw new SpampotsError("gone", "This summary was withdrawn, or is expired.", {
      hint: "The page of its publication says why.",
    });
  }
  const figure = summaryFigures(found.summary).find((entry) => entry.id === id);
  if (figure === undefined) throw notFound();
  return csvResponse(figure, found.summary);
}

/** The table of a figure as a file whose name says of which period it is, and under which label. */
export function csvResponse(
  { id, table }: PageFigure,
  { feed, period, tlp }: Pick<Summary, "feed" | "period" | "tlp">,
): Response {
  const name = `${feed}_${period.id}_${tlpInName(tlp)}_${id}.csv`;
  return new Response(csvOf(table, tlp), {
    headers: {
      "Content-Type": csvMediaType,
      "Content-Disposition": `attachment; filename="${name}"`,
      "Cache-Control": "no-store",
    },
  });
}
