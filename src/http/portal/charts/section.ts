/**
 * Figures as HTML: each with what it says as its heading, its chart on two sheets (the stylesheet shows one), its table
 * behind a summary, and its CSV. Everything that isn't a drawn chart is escaped by `hono/html`.
 *
 * @see WCAG 2.2 §1.1.1 (text alternatives), §1.4.1 (not by colour alone)
 */
import { setImmediate } from "node:timers/promises";
import { html, raw } from "hono/html";
import type { Html } from "../layout.ts";
import { figureTexts } from "../texts/figures.ts";
import type { PageFigure } from "./chart.ts";
import { drawn } from "./draw.ts";
import type { SheetSize } from "./sheet.ts";
import type { FigureTable } from "./table.ts";

/** A chart on both sheets; nothing where a figure has none. */
export type DrawnFigure = PageFigure & { readonly svg?: Readonly<Record<SheetSize, string>> };

/** Draws the charts of figures, one after the other, so that other requests are answered in between. */
export async function drawFigures(figures: readonly PageFigure[], foot: string): Promise<DrawnFigure[]> {
  const finished: DrawnFigure[] = [];
  for (const figure of figures) {
    const { id, title, finding, chart } = figure;
    await setImmediate();
    finished.push(chart ? { ...figure, svg: await drawn(chart, { id, title, description: finding, foot }) } : figure);
  }
  return finished;
}

/** Whom the names of systems and economies come from: the terms of DB-IP's table ask for the link. @see NOTICE */
export const attribution: Html = html`<p class="quiet">${figureTexts.tablesOf} <a href="https://db-ip.com/">DB-IP</a>, ${figureTexts.tablesUnder}</p>`;

/** A section of one figure. */
export function figureSection(figure: DrawnFigure, csv: string): Html {
  const { id, title, finding, note, svg, table } = figure;
  return html`<section class="figure" id="${id}" aria-labelledby="${id}-finding">
<h3 id="${id}-finding">${finding}</h3>
<p>${title}</p>
${svg ? raw(svg.wide + svg.narrow) : ""}
${note === undefined ? "" : html`<p class="note">${note}</p>`}
${svg ? html`<details><summary>${figureTexts.table}</summary>${tableSection(table, title)}</details>` : tableSection(table, title)}
<p class="csv"><a href="${csv}" download aria-label="${figureTexts.csvOf(title)}">${figureTexts.csv}</a></p>
</section>
`;
}

function tableSection({ head, rows }: FigureTable, title: string): Html {
  const classOf = (column: number) => (head[column]?.numeric === true ? html` class="n"` : "");
  return html`<div class="scroll" role="region" aria-label="${title}" tabindex="0"><table>
<thead><tr>${head.map(({ label }, column) => html`<th scope="col"${classOf(column)}>${label}</th>`)}</tr></thead>
<tbody>${rows.map(
    (row) => html`<tr>${row.map(({ text }, column) => html`<td${classOf(column)}><bdi>${text}</bdi></td>`)}</tr>
`,
  )}</tbody>
</table></div>`;
}
