/** Where messages came from: autonomous systems, their source addresses, economies, and the ranks of single sources. Pure. */
import type { Summary } from "../../../publication/summary.ts";
import type { PageFigure, RowsChart } from "./chart.ts";
import { comparedColumns, drawnNote, headOf, leads, rankChart } from "./ranks.ts";
import { type Column, tableOf } from "./table.ts";
import { counted, economyName, number, roomyNumber, share, shown, systemInSentence } from "./words.ts";

type System = Summary["source_asns"][number];
type Source = Summary["top_sources"][number];

const nothing = "Nothing was seen.";

const systemColumns: readonly Column<System>[] = [
  { name: "asn", label: "AS", value: ({ asn }) => asn, text: ({ asn }) => `AS${asn}` },
  { name: "as_name", label: "name", value: ({ as_name }) => as_name, text: ({ as_name }) => shown(as_name) },
  { name: "economy", label: "economy", value: ({ economy }) => economy, text: ({ economy }) => economyName(economy) },
];

const systemLabel = ({ asn, as_name }: System) => `AS${asn} ${shown(as_name)}`.trimEnd();

/** A note only where there is one. */
const noted = (...notes: readonly (string | undefined)[]) => {
  const text = notes.filter((note) => note !== undefined).join(" ");
  return text === "" ? {} : { note: text };
};

export function sourceFigures(summary: Summary): PageFigure[] {
  return [systemsFigure(summary), turnoverFigure(summary), economiesFigure(summary), ranksFigure(summary)];
}

function systemsFigure(summary: Summary): PageFigure {
  const { source_asns: systems, totals } = summary;
  const first = systems.find(({ now }) => now > 0);
  const name = first && systemInSentence(first.asn, first.as_name);
  return {
    id: "source-asns",
    title: "Messages by autonomous system of the source",
    finding: first && name ? leads(summary, name, first, totals.captures.now) : nothing,
    ...noted(drawnNote(systems)),
    ...(systems.length === 0 ? {} : { chart: rankChart(summary, systems, systemLabel) }),
    table: tableOf(systems, [...systemColumns, ...comparedColumns<System>(summary)]),
  };
}

/** Source addresses of this period alone, of both, and of the one before alone. */
function turnoverFigure(summary: Summary): PageFigure {
  const { source_asns: systems, before } = summary;
  const compared = before !== null;
  const total = (member: "sources" | "new_sources" | "persistent_sources" | "gone_sources") =>
    systems.reduce((sum, system) => sum + system[member], 0);
  const sources = total("sources");
  const finding = !compared
    ? `${counted(sources, "source address", "source addresses")} in the systems listed; which of them are new isn't known.`
    : `Of ${counted(sources, "source address", "source addresses")} in the systems listed, ${number(total("new_sources"))} are new since ${before.id}, ${number(total("persistent_sources"))} are still there and ${number(total("gone_sources"))} are gone.`;
  return {
    id: "source-turnover",
    title: "Source addresses by autonomous system: still there, new, gone",
    finding: systems.length === 0 ? nothing : finding,
    ...noted(drawnNote(systems)),
    ...(systems.length === 0 ? {} : { chart: turnoverChart(summary) }),
    table: tableOf(systems, [
      ...systemColumns,
      { name: "sources", label: "source addresses", value: (system) => system.sources },
      ...(["persistent_sources", "new_sources", "gone_sources"] as const).map((member) => ({
        name: member,
        label: { persistent_sources: "still there", new_sources: "new", gone_sources: "gone" }[member],
        value: (system: System) => system[member],
        ...(compared ? {} : { text: () => "–" }),
      })),
    ]),
  };
}

function turnoverChart({ source_asns: systems, before }: Summary): RowsChart {
  if (before === null) {
    return {
      kind: "rows",
      legend: [],
      heads: ["addresses"],
      rows: headOf(systems).map((system) => ({
        label: systemLabel(system),
        bars: [{ tone: "now", from: 0, to: system.sources }],
        cells: [{ text: roomyNumber(system.sources) }],
      })),
    };
  }
  return {
    kind: "rows",
    legend: [
      { tone: "gone", text: "gone", as: "hollow" },
      { tone: "now", text: "still there", as: "bar" },
      { tone: "fresh", text: "new", as: "bar" },
    ],
    heads: ["gone", "still there", "new"],
    rows: headOf(systems).map((system) => ({
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
    })),
  };
}

function economiesFigure(summary: Summary): PageFigure {
  const { source_economies: economies, totals } = summary;
  const first = economies.find(({ now }) => now > 0);
  return {
    id: "source-economies",
    title: "Messages by economy in which the source's network is registered",
    finding: first ? leads(summary, economyName(first.economy), first, totals.captures.now) : nothing,
    ...noted(drawnNote(economies)),
    ...(economies.length === 0 ? {} : { chart: rankChart(summary, economies, ({ economy }) => economyName(economy)) }),
    table: tableOf(economies, [
      { name: "economy", label: "code", value: ({ economy }) => economy, text: ({ economy }) => shown(economy) },
      { name: "economy_name", label: "economy", value: ({ economy }) => economyName(economy) },
      ...comparedColumns<Summary["source_economies"][number]>(summary),
    ]),
  };
}

const sourceLabel = ({ rank, asn, as_name }: Source) =>
  `${rank}. ${asn === null ? "AS unknown" : `AS${asn} ${shown(as_name)}`}`.trimEnd();

function ranksFigure({ top_sources: sources, totals, period }: Summary): PageFigure {
  const sum = sources.reduce((total, { captures }) => total + captures, 0);
  const finding = `The ${counted(sources.length, "source")} that sent most account for ${share(sum, totals.captures.now)} of messages.`;
  return {
    id: "top-sources",
    title: "Sources that sent most, without their addresses",
    finding: sources.length === 0 ? nothing : finding,
    ...noted("The feed spam-sources names the addresses to those who receive it.", drawnNote(sources)),
    ...(sources.length === 0
      ? {}
      : {
          chart: {
            kind: "rows",
            legend: [{ tone: "now", text: period.id, as: "bar" }],
            heads: ["days seen", "messages"],
            rows: headOf(sources).map((source) => ({
              label: sourceLabel(source),
              bars: [{ tone: "now", from: 0, to: source.captures }],
              cells: [{ text: number(source.days), tone: "quiet" }, { text: roomyNumber(source.captures) }],
            })),
          },
        }),
    table: tableOf(sources, [
      { name: "rank", label: "rank", value: ({ rank }) => rank },
      { name: "asn", label: "AS", value: ({ asn }) => asn, text: ({ asn }) => (asn === null ? "unknown" : `AS${asn}`) },
      { name: "as_name", label: "name", value: ({ as_name }) => as_name, text: ({ as_name }) => shown(as_name) },
      {
        name: "economy",
        label: "economy",
        value: ({ economy }) => economy,
        text: ({ economy }) => economyName(economy),
      },
      { name: "captures", label: "messages", value: ({ captures }) => captures },
      { name: "recipients", label: "potential recipients", value: ({ recipients }) => recipients },
      { name: "days", label: "days seen", value: ({ days }) => days },
    ]),
  };
}
