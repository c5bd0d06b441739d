/** Where messages came from: autonomous systems, their source addresses, economies, and the ranks of single sources. Pure. */
import type { Summary } from "../../../publication/summary.ts";
import { figureTexts } from "../texts/figures.ts";
import { number } from "../texts/language.ts";
import type { ChartRow, PageFigure, RowsChart } from "./chart.ts";
import { seenBefore } from "./comparability.ts";
import { caution, comparedColumns, finding, headOf, noted, rankChart } from "./ranks.ts";
import { type Column, tableOf } from "./table.ts";
import { economyName, roomyNumber, share, shown, systemInSentence } from "./words.ts";

type System = Summary["source_asns"][number];
type Source = Summary["top_sources"][number];

/** Figures on where messages came from: systems, turnover of addresses, economies, those that sent most; in that order. */
export function sourceFigures(summary: Summary): PageFigure[] {
  return [systemsFigure(summary), turnoverFigure(summary), economiesFigure(summary), ranksFigure(summary)];
}

/** The economy of a network: its code in the CSV, its name on the page. */
const economyColumn: Column<{ readonly economy: string }> = {
  name: "economy",
  label: figureTexts.columns.economy,
  value: ({ economy }) => economy,
  text: ({ economy }) => economyName(economy),
};

const nameColumn: Column<{ readonly as_name: string }> = {
  name: "as_name",
  label: figureTexts.columns.name,
  value: ({ as_name }) => as_name,
  text: ({ as_name }) => shown(as_name),
};

const systemColumns: readonly Column<System>[] = [
  { name: "asn", label: figureTexts.systems.as, value: ({ asn }) => asn, text: ({ asn }) => `AS${asn}` },
  nameColumn,
  economyColumn,
];

const systemLabel = ({ asn, as_name }: System) => `AS${asn} ${shown(as_name)}`.trimEnd();

function systemsFigure(summary: Summary): PageFigure {
  const { source_asns: systems } = summary;
  return {
    id: "source-asns",
    title: figureTexts.systems.title,
    finding: finding(summary, systems, ({ asn, as_name }) => systemInSentence(asn, as_name)),
    ...noted(systems, ...caution(summary)),
    ...(systems.length === 0 ? {} : { chart: rankChart(summary, systems, systemLabel) }),
    table: tableOf(systems, [...systemColumns, ...comparedColumns<System>(summary)]),
  };
}

/** Source addresses of this period alone, of both, and of the one before alone. */
function turnoverFigure(summary: Summary): PageFigure {
  const { source_asns: systems } = summary;
  const before = seenBefore(summary);
  const uncovered = before === null ? { text: () => figureTexts.none } : {};
  return {
    id: "source-turnover",
    title: figureTexts.turnover.title,
    finding: turnoverFinding(summary),
    ...noted(systems, ...caution(summary)),
    ...(systems.length === 0 ? {} : { chart: turnoverChart(summary) }),
    table: tableOf(systems, [
      ...systemColumns,
      { name: "sources", label: figureTexts.columns.sources, value: (system) => system.sources },
      {
        name: "persistent_sources",
        label: figureTexts.turnover.stayed,
        value: (system) => system.persistent_sources,
        ...uncovered,
      },
      { name: "new_sources", label: figureTexts.turnover.fresh, value: (system) => system.new_sources, ...uncovered },
      { name: "gone_sources", label: figureTexts.turnover.gone, value: (system) => system.gone_sources, ...uncovered },
    ]),
  };
}

function turnoverFinding(summary: Summary): string {
  const { source_asns: systems, totals } = summary;
  const before = seenBefore(summary);
  if (systems.length === 0) return totals.captures.now === 0 ? figureTexts.nothing : figureTexts.unknown;
  const total = (member: "sources" | "new_sources" | "persistent_sources" | "gone_sources") =>
    systems.reduce((sum, system) => sum + system[member], 0);
  if (before === null) return figureTexts.turnover.alone(total("sources"));
  const [fresh, stayed, gone] = [total("new_sources"), total("persistent_sources"), total("gone_sources")];
  if (total("sources") === 0) return figureTexts.turnover.allGone(gone, before.id);
  return figureTexts.turnover.finding(total("sources"), fresh, stayed, gone, before.id);
}

function turnoverChart(summary: Summary): RowsChart {
  const rows = headOf(summary.source_asns);
  if (seenBefore(summary) === null) {
    return { kind: "rows", legend: [], heads: [figureTexts.turnover.addresses], rows: rows.map(sourcesRow) };
  }
  const { gone, stayed, fresh } = figureTexts.turnover;
  return {
    kind: "rows",
    legend: [
      { tone: "gone", text: gone, as: "hollow" },
      { tone: "now", text: stayed, as: "bar" },
      { tone: "fresh", text: fresh, as: "bar" },
    ],
    heads: [gone, stayed, fresh],
    rows: rows.map(turnoverRow),
  };
}

const sourcesRow = (system: System): ChartRow => ({
  label: systemLabel(system),
  bars: [{ tone: "now", from: 0, to: system.sources }],
  cells: [{ text: roomyNumber(system.sources) }],
});

/** What is gone stands left of the line, what is there right of it. */
const turnoverRow = (system: System): ChartRow => ({
  label: systemLabel(system),
  bars: [
    { tone: "gone", from: -system.gone_sources, to: 0, hollow: true },
    { tone: "now", from: 0, to: system.persistent_sources },
    { tone: "fresh", from: system.persistent_sources, to: system.persistent_sources + system.new_sources },
  ],
  cells: [
    { text: roomyNumber(system.gone_sources), tone: "gone" },
    { text: roomyNumber(system.persistent_sources), tone: "now" },
    { text: roomyNumber(system.new_sources), tone: "fresh" },
  ],
});

function economiesFigure(summary: Summary): PageFigure {
  const { source_economies: economies } = summary;
  type Economy = (typeof economies)[number];
  const name = ({ economy }: Economy) => economyName(economy);
  return {
    id: "source-economies",
    title: figureTexts.economies.title,
    finding: finding(summary, economies, name),
    ...noted(economies, ...caution(summary)),
    ...(economies.length === 0 ? {} : { chart: rankChart(summary, economies, name) }),
    table: tableOf(economies, [
      {
        name: "economy",
        label: figureTexts.columns.code,
        value: (row) => row.economy,
        text: (row) => shown(row.economy),
      },
      { name: "economy_name", label: figureTexts.columns.economy, value: name },
      ...comparedColumns<Economy>(summary),
    ]),
  };
}

const sourceLabel = ({ rank, asn, as_name }: Source) =>
  `${rank}. ${asn === null ? figureTexts.systems.unknown : `AS${asn} ${shown(as_name)}`}`.trimEnd();

function ranksFigure({ top_sources: sources, totals }: Summary): PageFigure {
  const sum = sources.reduce((total, { captures }) => total + captures, 0);
  const { messages, recipients } = figureTexts.columns;
  return {
    id: "top-sources",
    title: figureTexts.sources.title,
    finding:
      sources.length === 0
        ? figureTexts.nothing
        : figureTexts.sources.finding(sources.length, share(sum, totals.captures.now)),
    ...noted(sources, figureTexts.sources.note),
    ...(sources.length === 0 ? {} : { chart: ranksChart(sources) }),
    table: tableOf(sources, [
      { name: "rank", label: figureTexts.sources.rank, value: ({ rank }) => rank },
      {
        name: "asn",
        label: figureTexts.systems.as,
        value: ({ asn }) => asn,
        text: ({ asn }) => (asn === null ? figureTexts.systems.unknown : `AS${asn}`),
      },
      nameColumn,
      economyColumn,
      { name: "captures", label: messages, value: ({ captures }) => captures },
      { name: "recipients", label: recipients, value: (row) => row.recipients },
      { name: "days", label: figureTexts.sources.days, value: ({ days }) => days },
    ]),
  };
}

const ranksChart = (sources: readonly Source[]): RowsChart => ({
  kind: "rows",
  legend: [],
  heads: [figureTexts.sources.days, figureTexts.columns.messages],
  rows: headOf(sources).map((source) => ({
    label: sourceLabel(source),
    bars: [{ tone: "now", from: 0, to: source.captures }],
    cells: [{ text: number(source.days), tone: "quiet" }, { text: roomyNumber(source.captures) }],
  })),
});
