/** A summary as Markdown (CommonMark with tables), for people: what a manager reads first stands first. Pure. */
import { plain } from "../log.ts";
import type { Figure, Summary } from "./summary.ts";

/** Text in a cell: nothing of it is markup, a link or a line break. */
function safe(text: string): string {
  const unlinked = text.startsWith("www.") ? `www&#46;${safe(text.slice(4))}` : undefined;
  return (
    unlinked ?? plain(text).replace(/[\\`*_{}[\]()#+!|<>~^$&:/@]/g, (character) => `&#${character.codePointAt(0)};`)
  );
}

const number = (value: number) => value.toLocaleString("en-US");

function change({ before, change_percent: percent }: Figure): string {
  if (percent === null) return before === 0 ? "new" : "";
  return percent > 0 ? `+${percent} %` : `${percent} %`;
}

function table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  if (rows.length === 0) return "Nothing seen.\n";
  const cells = (row: readonly (string | number)[]) =>
    `| ${row.map((cell) => (typeof cell === "number" ? number(cell) : cell)).join(" | ")} |`;
  const align = rows[0]?.map((cell) => (typeof cell === "number" ? "--:" : ":--")) ?? [];
  return `${[cells(head), cells(align), ...rows.map(cells)].join("\n")}\n`;
}

const both = (entry: Figure) =>
  [entry.now, entry.before, entry.before === 0 && entry.now === 0 ? "" : change(entry)] as const;

/** The whole document. Figures of the period stand beside those of the period before. */
export function summaryMarkdown(summary: Summary): string {
  const { totals, coverage } = summary;
  const economies = summary.economies === "all" ? "all economies" : summary.economies.join(", ");
  const head = ["", "this period", "before", "change"];
  const share = (part: number, whole: number) =>
    whole === 0 ? "no sensor hours" : `${Math.floor((part * 100) / whole)} %`;
  const sections = [
    `# ${safe(summary.title)}: ${economies}, ${summary.period.id}\n\nTLP:${summary.tlp}${summary.simulated ? " · **SIMULATED: none of this happened**" : ""}\n`,
    lead(summary),
    `Coverage: ${share(coverage.sensor_hours_seen, coverage.sensor_hours_expected)} of sensor hours (${number(coverage.sensor_hours_seen)} of ${number(coverage.sensor_hours_expected)}); the period before: ${share(coverage.sensor_hours_seen_before, coverage.sensor_hours_expected_before)}.\n`,
    `## Totals\n\n${table(head, [
      ["messages captured", ...both(totals.captures)],
      ["potential recipients", ...both(totals.recipients)],
      ["connections", ...both(totals.connections)],
      ["source addresses", ...both(totals.sources)],
      ["autonomous systems", ...both(totals.asns)],
      ["source economies", ...both(totals.economies)],
      ["source and target economy differ", ...both(summary.crossing.differing)],
      ["… of messages with both known", ...both(summary.crossing.known)],
    ])}`,
    `## By day\n\n${table(
      ["day (UTC)", "messages", "recipients", "sources", "sensors"],
      summary.days.map((day) => [day.day, day.captures, day.recipients, day.sources, day.sensors_reporting]),
    )}`,
    `## Source economies\n\n${table(
      ["economy", ...head.slice(1)],
      summary.source_economies.map((entry) => [safe(entry.economy), ...both(entry)]),
    )}`,
    `## Autonomous systems\n\n${table(
      ["AS", "name", "economy", "messages", "before", "change", "sources", "new", "gone", "persistent"],
      summary.source_asns.map((entry) => [
        `AS${entry.asn}`,
        safe(entry.as_name),
        safe(entry.economy),
        ...both(entry),
        entry.sources,
        entry.new_sources,
        entry.gone_sources,
        entry.persistent_sources,
      ]),
    )}`,
    `## Abused services\n\n${table(
      ["service", "port", ...head.slice(1)],
      summary.services.map((entry) => [entry.service, String(entry.abused_port), ...both(entry)]),
    )}`,
    `## Requests\n\n${table(
      ["request", "answer", ...head.slice(1)],
      summary.requests.map((entry) => [entry.request_type, entry.result, ...both(entry)]),
    )}`,
    `## Languages\n\n${table(
      ["language", ...head.slice(1)],
      summary.languages.map((entry) => [entry.language === "" ? "unknown" : safe(entry.language), ...both(entry)]),
    )}`,
    `## Your recipient domains\n\n${table(
      ["domain", "messages", "recipients", "sources"],
      summary.target_domains.map((entry) => [safe(entry.domain), entry.captures, entry.recipients, entry.sources]),
    )}`,
    `## Largest sources\n\nBy rank, without address: spam-sources names them.\n\n${table(
      ["rank", "AS", "name", "economy", "messages", "recipients", "days"],
      summary.top_sources.map((entry) => [
        String(entry.rank),
        entry.asn === null ? "unknown" : `AS${entry.asn}`,
        safe(entry.as_name),
        safe(entry.economy),
        entry.captures,
        entry.recipients,
        String(entry.days),
      ]),
    )}`,
  ];
  return sections.join("\n");
}

/** The period in two sentences. */
function lead({ totals, period, before }: Summary): string {
  const { captures, sources, recipients } = totals;
  if (captures.now === 0) return `No message that concerns you was captured in ${period.id}.\n`;
  const compared =
    before === null || captures.change_percent === null
      ? "There is nothing to compare with."
      : `That is ${change(captures)} against ${before.id} (${number(captures.before)}).`;
  return `${number(captures.now)} messages for ${number(recipients.now)} potential recipients were captured, from ${number(sources.now)} addresses. ${compared}\n`;
}
