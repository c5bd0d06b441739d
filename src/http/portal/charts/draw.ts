/**
 * Draws a chart as SVG, by Vega: text of marks only, no `style` attribute or element, no script, no address, so that a page
 * whose policy allows nothing inline shows it as it is. The same chart gives the same bytes. Vega is loaded when the first
 * chart is drawn: a process that draws none doesn't know it.
 *
 * @see docs/decisions/0019-charts.md; SVG 2 §5.8 (title, desc); WAI-ARIA 1.2 `img`
 */
import type { Loader, Spec } from "vega";
import type { Chart } from "./chart.ts";
import { columnsSpec } from "./columns-spec.ts";
import { rowsSpec } from "./rows-spec.ts";
import { type SheetSize, sheetSizes } from "./sheet.ts";

/** What a reader who doesn't see the chart is told of it, and what stands below it. */
export interface Caption {
  /** Distinguishes it from the other charts of its page: letters, digits, hyphens. */
  readonly id: string;
  readonly title: string;
  readonly description: string;
  readonly foot: string;
}

const refuse = () => Promise.reject(new Error("A chart names nothing outside itself."));

/** Vega fetches nothing for us. */
const nothing: Loader = { options: {}, load: refuse, sanitize: refuse, http: refuse, file: refuse } as Loader; // its own methods have overloads

/**
 * The chart on both sheets, as SVG elements of classes `chart-wide` and `chart-narrow`; the stylesheet shows one of them.
 */
export async function drawn(chart: Chart, caption: Caption): Promise<Readonly<Record<SheetSize, string>>> {
  const [wide, narrow] = await Promise.all(sheetSizes.map((size) => sheetOf(chart, size, caption)));
  return { wide: wide ?? "", narrow: narrow ?? "" };
}

async function sheetOf(chart: Chart, size: SheetSize, caption: Caption): Promise<string> {
  const spec = chart.kind === "rows" ? rowsSpec(chart, size, caption.foot) : columnsSpec(chart, size, caption.foot);
  const svg = await svgOf(spec);
  const marks = svg.slice(svg.indexOf(">") + 1);
  const { width, height } = spec;
  const id = `${caption.id}-${size}`;
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" class="chart chart-${size}" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-labelledby="${id}-title" aria-describedby="${id}-desc">` +
    `<title id="${id}-title">${escaped(caption.title)}</title><desc id="${id}-desc">${escaped(caption.description)}</desc>${marks}`
  );
}

async function svgOf(spec: Spec): Promise<string> {
  const { parse, View } = await import("vega");
  const view = new View(parse(spec), { renderer: "none", loader: nothing });
  try {
    return await view.toSVG();
  } finally {
    view.finalize();
  }
}

const escaped = (text: string) => text.replace(/[&<>"']/g, (found) => `&#${found.charCodeAt(0)};`);
