/** The figures of a summary: every number in a table, CSV and chart is the summary's own, and nothing in them is more than text. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { parse } from "csv-parse/sync";
import fc from "fast-check";
import type { ChartRow, PageFigure, RowsChart } from "../../../src/http/portal/charts/chart.ts";
import { drawn } from "../../../src/http/portal/charts/draw.ts";
import { summaryFigures } from "../../../src/http/portal/charts/figures.ts";
import { figureSection } from "../../../src/http/portal/charts/section.ts";
import { chartColours } from "../../../src/http/portal/charts/sheet.ts";
import { csvOf } from "../../../src/http/portal/charts/table.ts";
import { drawnOf } from "../../../src/http/portal/summary/section.ts";
import { plain } from "../../../src/log.ts";
import { unescapeCell } from "../../../src/publication/csv-cells.ts";
import type { Summary } from "../../../src/publication/summary.ts";
import { decodeSummary } from "../../../src/publication/summary-schema.ts";
import { anySummary, figure, largeSummary } from "./summaries.ts";

const ids = [
  "totals",
  "days",
  "source-asns",
  "source-turnover",
  "source-economies",
  "top-sources",
  "services",
  "requests",
  "target-domains",
  "languages",
] as const;

/** The rows of the summary that a figure shows, its own names for their members. */
function rowsOf(summary: Summary, id: (typeof ids)[number]): readonly object[] {
  const { totals, crossing } = summary;
  const named = { ...totals, crossing_known: crossing.known, crossing_differing: crossing.differing };
  return {
    totals: Object.entries(named).map(([name, of]) => ({ figure: name, ...of })),
    days: summary.days,
    "source-asns": summary.source_asns,
    "source-turnover": summary.source_asns,
    "source-economies": summary.source_economies,
    "top-sources": summary.top_sources,
    services: summary.services,
    requests: summary.requests,
    "target-domains": summary.target_domains,
    languages: summary.languages,
  }[id];
}

function figureOf(summary: Summary, id: string): PageFigure {
  const found = summaryFigures(summary).find((entry) => entry.id === id);
  assert.ok(found, id);
  return found;
}

function rowsChartOf(summary: Summary, id: string): RowsChart {
  const { chart } = figureOf(summary, id);
  assert.ok(chart?.kind === "rows", id);
  return chart;
}

/** Names in the CSV that aren members of no row: what codes stand for. */
const added = ["economy_name", "language_name", "tlp"];

test("every table and CSV holds the summary's own numbers and names, all of them", () => {
  fc.assert(
    fc.property(anySummary, (summary) => {
      assert.deepEqual(
        summaryFigures(summary).map(({ id }) => id),
        ids,
      );
      for (const id of ids) {
        const rows = rowsOf(summary, id);
        const records: Record<string, string>[] = parse(csvOf(figureOf(summary, id).table, summary.tlp), {
          columns: true,
        });
        assert.equal(records.length, rows.length, id);
        for (const [index, record] of records.entries()) {
          const members = new Map(Object.entries(rows[index] ?? {}));
          for (const [name, cell] of Object.entries(record)) {
            if (added.includes(name)) continue;
            const value: unknown = members.get(name);
            assert.notEqual(value, undefined, `${id}: ${name}`);
            const told = typeof value === "string" ? plain(value) : value === null ? "" : String(value);
            assert.equal(typeof value === "string" ? unescapeCell(cell) : cell, told, `${id}: ${name}`);
          }
        }
      }
    }),
    { numRuns: 60 },
  );
});

test("no cell of a CSV is a formula, and each record has its label", () => {
  const summary = {
    ...largeSummary,
    source_asns: [{ ...(largeSummary.source_asns[0] as Summary["source_asns"][number]), as_name: "=1+1" }],
  }; // there are twelve
  const csv = csvOf(figureOf(summary, "source-asns").table, "AMBER+STRICT");
  assert.equal(
    csv,
    "asn,as_name,economy,now,before,change_percent,tlp\r\n3462,'=1+1,TW,2911034,2204118,32,AMBER+STRICT\r\n",
  );
});

test("the bars of a chart are as long as the numbers beside them say", () => {
  const rows = rowsChartOf(largeSummary, "source-asns").rows;
  assert.deepEqual(
    rows.map(({ bars, tick, cells }) => [bars[0]?.to, tick, cells[0]?.text, cells[1]?.text]),
    largeSummary.source_asns
      .slice(0, 10)
      .map(({ now, before, change_percent: percent }) => [
        now,
        before === 0 ? undefined : before,
        now.toLocaleString("en"),
        percent === null ? "new" : percent > 0 ? `+${percent} %` : percent < 0 ? `−${-percent} %` : "0 %",
      ]),
  );
  const turnover = rowsChartOf(largeSummary, "source-turnover").rows.map(({ bars }: ChartRow) =>
    bars.map(({ from, to }) => to - from),
  );
  assert.deepEqual(
    turnover,
    largeSummary.source_asns.slice(0, 10).map((row) => [row.gone_sources, row.persistent_sources, row.new_sources]),
  );
});

test("drawn bars and columns are in proportion to the summary's numbers", async () => {
  const caption = { id: "a", title: "t", description: "d", foot: "f" };
  const chart = rowsChartOf(largeSummary, "source-economies");
  const { wide } = await drawn(chart, caption);
  const widths = [...wide.matchAll(/<path d="M250,[\d.]+h([\d.]+)v15/g)].map(([, width]) => Number(width));
  const counts = largeSummary.source_economies.map(({ now }) => now);
  assert.equal(widths.length, counts.length);
  for (const [index, width] of widths.entries()) {
    assert.ok(Math.abs(width / (widths[0] ?? 0) - (counts[index] ?? 0) / (counts[0] ?? 0)) < 1e-9, `row ${index}`);
  }
  const days = figureOf(largeSummary, "days").chart;
  assert.ok(days);
  const columns = [...(await drawn(days, caption)).wide.matchAll(/h[\d.]+v([\d.]+)h-[\d.]+Z" fill="var\(--chart-now/g)];
  const heights = columns.map(([, height]) => Number(height));
  const seen = largeSummary.days.filter(({ sensors_reporting: sensors }) => sensors > 0);
  assert.equal(heights.length, 2 * seen.length, "a column for each day that was seen, in both panels");
  const most = Math.max(...seen.map(({ captures }) => captures));
  for (const [index, day] of seen.entries()) {
    assert.ok(Math.abs((heights[index] ?? 0) / 120 - day.captures / most) < 1e-9, day.day);
  }
});

/** Everything of a figure as it goes into a page. */
async function written(summary: Summary): Promise<string[]> {
  const all: string[] = [];
  for (const entry of summaryFigures(summary)) {
    const { id, title, finding: description, chart } = entry;
    const svg = chart && (await drawn(chart, { id, title, description, foot: "TLP:GREEN" }));
    all.push(String(await figureSection(svg ? { ...entry, svg } : entry, `/portal/${id}.csv`)));
  }
  return all;
}

/** Elements in the order of their tags, each closed by its own: what an XML parser would insist on, for what we write. */
function unbalanced(markup: string): string | undefined {
  const open: string[] = [];
  for (const [tag, end, name = "", self] of markup.matchAll(
    /<(\/?)([a-z][a-z0-9]*)(?:\s+[a-z-]+(?:="[^"<]*")?)*\s*(\/?)>/gi,
  )) {
    if (self) continue;
    if (end && open.pop() !== name) return tag;
    if (!end) open.push(name);
  }
  return open.at(-1);
}

const tags =
  /<(?!\/?(?:section|h3|p|svg|title|desc|g|path|text|tspan|line|details|summary|div|table|thead|tbody|tr|th|td|bdi|a)\b)/;

test("whatever names hold, a figure is text: no markup of theirs, nothing inline, no address, nothing that turns the eye", async () => {
  await fc.assert(
    fc.asyncProperty(anySummary, async (summary) => {
      for (const markup of await written(summary)) {
        assert.doesNotMatch(markup, tags);
        assert.equal(unbalanced(markup), undefined, markup);
        // Tags alone: texts may say what they like.
        const marks = [...markup.matchAll(/<[^<]*?>/g)].join("");
        assert.doesNotMatch(marks, /\sstyle=|\son[a-z]+=|url\(|xlink|<script|<style|<image|<foreignObject/i);
        const addresses = [...marks.matchAll(/(?:href|src)="([^"]*)"/g)].map(([, address]) => address);
        assert.equal(addresses.length, 1);
        assert.match(addresses[0] ?? "", /^\/portal\/[a-z-]+\.csv$/);
        assert.doesNotMatch(
          markup.replaceAll("\n", ""),
          /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Noncharacter_Code_Point}]/u,
        );
        assert.doesNotMatch(markup, /NaN|Infinity|undefined/);
      }
    }),
    { numRuns: 25 },
  );
});

test("the same summary gives the same bytes, whatever was drawn in between", async () => {
  const first = await written(largeSummary);
  await written({ ...largeSummary, source_asns: [], days: [] });
  assert.deepEqual(await written(largeSummary), first);
});

test("domains are defanged wherever they are read, and whole in the CSV", async () => {
  const markup = (await written(largeSummary))[ids.indexOf("target-domains")] ?? "";
  assert.match(markup, /yahoo\[\.\]com\[\.\]tw/);
  assert.doesNotMatch(markup, /yahoo\.com/);
  assert.match(csvOf(figureOf(largeSummary, "target-domains").table, "GREEN"), /^yahoo\.com\.tw,2310441,/m);
});

test("a day without a sensor is a gap, not a zero; a day on which nothing came is a zero", () => {
  const { chart, finding } = figureOf(largeSummary, "days");
  assert.ok(chart?.kind === "columns");
  assert.deepEqual(
    chart.columns.map(({ gap }) => gap),
    [undefined, undefined, "no sensor", undefined, undefined, undefined, undefined],
  );
  assert.equal(chart.panels[0]?.values[2], null);
  assert.match(finding, /Most on Thu 12 Nov: 1,204,118 messages.*fewest on Mon 9 Nov.*No sensor reported on 1 day/);
  const quiet = {
    ...largeSummary.days[0],
    day: "2026-11-09",
    captures: 0,
    recipients: 0,
    sources: 0,
    sensors_reporting: 9,
  };
  assert.equal(figureOf({ ...largeSummary, days: [quiet] }, "days").finding, "Nothing was seen on any day.");
  assert.equal(figureOf({ ...largeSummary, days: [quiet] }, "days").chart, undefined, "one day is no comparison");
  const blind = { ...quiet, sensors_reporting: 0 };
  assert.match(figureOf({ ...largeSummary, days: [blind, blind] }, "days").finding, /not known/);
});

test("where the period before wasn't covered, nothing is said of it", () => {
  const summary: Summary = {
    ...largeSummary,
    before: null,
    source_asns: largeSummary.source_asns.map((row) => ({
      ...row,
      ...figure(row.now, 0),
      new_sources: row.sources,
      gone_sources: 0,
    })),
  };
  for (const { finding, table, chart } of summaryFigures(summary)) {
    assert.doesNotMatch(finding, /new since|gone since|up \d|down \d/);
    const at = table.head.findIndex(({ name }) => name === "before");
    if (at >= 0) assert.ok(table.rows.every((row) => row[at]?.text === "–"));
    if (chart?.kind === "rows") assert.ok(chart.rows.every(({ tick }) => tick === undefined));
  }
});

test("where the period before was seen otherwise, figures say so, and nobody rose or fell", () => {
  const { coverage } = largeSummary;
  const half = { ...largeSummary, coverage: { ...coverage, sensor_hours_seen: 840 } };
  for (const { id, finding, note, chart } of summaryFigures(half)) {
    assert.doesNotMatch(finding, /, up |, down |, new since/);
    const compares = !["days", "top-sources", "target-domains"].includes(id);
    assert.equal(/can't be compared/.test(note ?? ""), compares, id);
    if (chart?.kind === "rows")
      assert.ok(chart.rows.every(({ cells }) => cells.every(({ tone }) => tone !== "up" && tone !== "down")));
  }
  const blind = { ...largeSummary, coverage: { ...coverage, sensor_hours_seen_before: 0 } };
  for (const { finding, table } of summaryFigures(blind)) {
    assert.doesNotMatch(finding, /new since|are gone/);
    assert.ok(!table.rows.flat().some(({ text }) => text === "new"), "what nobody looked for wasn't absent");
  }
});

test("a count that is known for no message isn't told as nothing seen", () => {
  const gone = largeSummary.source_asns.map((row) => ({
    ...row,
    ...{ ...figure(0, row.before), sources: 0, new_sources: 0, persistent_sources: 0, gone_sources: 4 },
  }));
  const summary = { ...largeSummary, source_asns: gone };
  assert.equal(figureOf(summary, "source-asns").finding, "Not known for any message.");
  assert.match(figureOf(summary, "source-turnover").finding, /^None of the 48 source addresses of 2026-W45 in the/);
});

test("a summary without anything has every figure, in words", async () => {
  const none = figure(0, 0);
  const { captures: _, ...totals } = largeSummary.totals;
  const empty: Summary = {
    ...largeSummary,
    economies: "all",
    totals: { ...totals, captures: none, recipients: none, sources: none },
    days: [],
    source_economies: [],
    source_asns: [],
    services: [],
    requests: [],
    languages: [],
    target_domains: [],
    top_sources: [],
  };
  const figures = summaryFigures(empty);
  assert.equal(figures.length, ids.length);
  assert.ok(figures.every(({ chart }) => chart === undefined));
  assert.ok((await written(empty)).every((markup) => unbalanced(markup) === undefined));
});

test("every colour of a text can be read, in the light and in the dark", () => {
  const luminance = (hex: string) => {
    const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((at) => {
      const part = Number.parseInt(hex.slice(at, at + 2), 16) / 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const contrast = (one: string, other: string) => {
    const [light = 0, dark = 0] = [luminance(one), luminance(other)].sort((a, b) => b - a);
    return (light + 0.05) / (dark + 0.05);
  };
  for (const [index, page] of ["#ffffff", "#1c1c1f"].entries()) {
    for (const tone of ["ink", "quiet", "now", "fresh", "gone", "up", "down"] as const) {
      const text = chartColours[tone][index] ?? "";
      assert.ok(contrast(text, page) >= 4.5, `${tone} on ${page}: ${contrast(text, page)}`);
    }
    const gap = chartColours.gap[index] ?? "";
    assert.ok(contrast(chartColours.quiet[index] ?? "", gap) >= 4.5, `quiet on ${gap}`);
  }
});

test("a summary is read back as it was written, and nothing else is taken for one", () => {
  const bytes = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
  assert.deepEqual(decodeSummary(bytes(largeSummary)), largeSummary);
  for (const wrong of [
    {},
    { ...largeSummary, v: 2 },
    { ...largeSummary, tlp: "GREEN<b>" },
    { ...largeSummary, period: { ...largeSummary.period, id: "<b>" } },
    { ...largeSummary, services: [{ service: "http", abused_port: "80", ...figure(1, 1) }] },
    { ...largeSummary, days: Array.from({ length: 400 }, () => largeSummary.days[0]) },
  ]) {
    assert.throws(() => decodeSummary(bytes(wrong)), { code: "verify-failed" });
  }
  assert.throws(() => decodeSummary(new Uint8Array([0xff])), { code: "verify-failed" });
});

test("figures of a summary are drawn once, however many ask at the same time, and anew after a failure", async () => {
  const [first, ...others] = await Promise.all(
    Array.from({ length: 50 }, () => drawnOf("twcert/summary/1", largeSummary)),
  );
  for (const other of [...others, await drawnOf("twcert/summary/1", largeSummary)]) assert.equal(other, first);
  // The type is the decoder's business: what isn't one can't be drawn.
  const broken = { ...largeSummary, period: undefined } as unknown as Summary;
  await assert.rejects(drawnOf("twcert/summary/2", broken));
  assert.equal((await drawnOf("twcert/summary/2", largeSummary)).length, first?.length);
});
