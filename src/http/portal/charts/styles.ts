/** The stylesheet's part for figures: colours of the tones in light, dark and print, and which sheet of a chart is shown. Pure. */
import { chartColours, sheetWidth } from "./sheet.ts";

const colours = (which: 0 | 1): string =>
  Object.entries(chartColours)
    .map(([tone, both]) => `--chart-${tone}:${both[which]}`)
    .join(";");

/** CSS for the portal's stylesheet. */
export const figureStyles = `
:root{${colours(0)}}
@media (prefers-color-scheme:dark){:root{${colours(1)}}}
@media print{:root{color-scheme:light;${colours(0)}}.figure .csv,.figure details:not([open]){display:none}}
.figure{max-width:${sheetWidth.wide}px;margin:2.5rem 0;break-inside:avoid}
.figure h3{margin:0 0 .2rem;font-size:1.15rem;line-height:1.3;overflow-wrap:anywhere}
.figure>p{margin:0 0 .9rem;color:var(--chart-quiet)}
.chart{display:block;width:100%;height:auto;font-variant-numeric:tabular-nums}
.chart-narrow{display:none;max-width:${sheetWidth.narrow * 1.3}px}
.figure table{border-collapse:collapse;font-variant-numeric:tabular-nums}
.figure th,.figure td{padding:.25rem .75rem .25rem 0;text-align:left;vertical-align:top;border-bottom:1px solid var(--chart-rule);overflow-wrap:normal}
.figure .n{text-align:right;white-space:nowrap}
.figure .scroll{overflow-x:auto}
.figure nav,.figure summary{color:var(--chart-quiet)}
.changes li{margin:.35rem 0;overflow-wrap:anywhere}
@media screen and (min-width:${2 * sheetWidth.wide}px){
body:has(.figures){max-width:${2 * sheetWidth.wide + 80}px}
.figures{display:grid;grid-template-columns:repeat(2,minmax(0,1fr));gap:0 3rem;align-items:start}
}
@media screen and (max-width:44rem){.chart-wide{display:none}.chart-narrow{display:block}}
`;
