/**
 * The figures of a summary, in the order of the page: for each what it says in a sentence, its chart, and its table with
 * exactly the summary's numbers. Pure.
 *
 * @see `publication/summary.ts`, which counts them
 */
import { leastSources } from "../../../feed/summary-sql.ts";
import type { Figure, Summary } from "../../../publication/summary.ts";
import type { PageFigure } from "./chart.ts";
import { daysFigure } from "./days-figure.ts";
import { comparedColumns, drawnNote, headOf, leads, rankChart } from "./ranks.ts";
import { sourceFigures } from "./source-figures.ts";
import { tableOf } from "./table.ts";
import { counted, defanged, languageName, number, roomyNumber, shown } from "./words.ts";

const nothing = "Nothing was seen.";

/** Every figure, also where nothing was seen. */
export function summaryFigures(summary: Summary): PageFigure[] {
  return [
    totalsFigure(summary),
    daysFigure(summary),
    ...sourceFigures(summary),
    servicesFigure(summary),
    requestsFigure(summary),
    domainsFigure(summary),
    languagesFigure(summary),
  ];
}

/** The totals, which have no unit in common: a table alone. */
function totalsFigure(summary: Summary): PageFigure {
  const { totals, crossing } = summary;
  const rows: readonly (readonly [string, string, Figure])[] = [
    ["captures", "messages", totals.captures],
    ["recipients", "potential recipients", totals.recipients],
    ["connections", "connections", totals.connections],
    ["sources", "source addresses", totals.sources],
    ["asns", "autonomous systems", totals.asns],
    ["economies", "source economies", totals.economies],
    ["crossing_known", "messages with known source and target economy", crossing.known],
    ["crossing_differing", "… of which the two differ", crossing.differing],
  ];
  const { captures, recipients, sources } = totals;
  const seen = `${counted(captures.now, "message")} for ${counted(recipients.now, "potential recipient")}, from ${counted(sources.now, "address", "addresses")}.`;
  return {
    id: "totals",
    title: "The period in numbers",
    finding: captures.now === 0 ? "No message that concerns you was captured." : seen,
    table: tableOf(
      rows.map(([name, label, figure]) => ({ name, label, ...figure })),
      [
        { name: "figure", label: "figure", value: ({ name }) => name, text: ({ label }) => label },
        ...comparedColumns<Figure & { readonly name: string; readonly label: string }>(summary),
      ],
    ),
  };
}

/** Names as people know them; others are shown as they are. */
const serviceNames: Readonly<Record<string, string>> = {
  socks4: "SOCKS4 proxy",
  socks4a: "SOCKS4a proxy",
  socks5: "SOCKS5 proxy",
  http: "HTTP proxy",
  smtp: "SMTP relay",
};

const serviceName = (service: string) =>
  Object.hasOwn(serviceNames, service) ? (serviceNames[service] ?? "") : shown(service);

function servicesFigure(summary: Summary): PageFigure {
  const { services, totals } = summary;
  type Service = (typeof services)[number];
  const label = ({ service, abused_port }: Service) => `${serviceName(service)}, port ${abused_port}`;
  const first = services.find(({ now }) => now > 0);
  const note = drawnNote(services);
  return {
    id: "services",
    title: "Messages by abused service and port of the honeypot",
    finding: first ? leads(summary, label(first), first, totals.captures.now) : nothing,
    ...(note === undefined ? {} : { note }),
    ...(services.length === 0 ? {} : { chart: rankChart(summary, services, label) }),
    table: tableOf(services, [
      {
        name: "service",
        label: "service",
        value: ({ service }) => service,
        text: ({ service }) => serviceName(service),
      },
      { name: "abused_port", label: "port", value: (row) => row.abused_port, text: (row) => String(row.abused_port) },
      ...comparedColumns<Service>(summary),
    ]),
  };
}

function requestsFigure(summary: Summary): PageFigure {
  const { requests } = summary;
  type Asked = (typeof requests)[number];
  const label = ({ request_type, result }: Asked) =>
    `${shown(request_type)}: ${result === "" ? "no answer" : shown(result)}`;
  const total = requests.reduce((sum, { now }) => sum + now, 0);
  const first = requests.find(({ now }) => now > 0);
  const note = drawnNote(requests);
  return {
    id: "requests",
    title: "What clients asked of the honeypots, and what they were answered",
    finding: first ? `${counted(total, "request")}; ${number(first.now)} of them ${label(first)}.` : nothing,
    ...(note === undefined ? {} : { note }),
    ...(requests.length === 0 ? {} : { chart: rankChart(summary, requests, label, "requests") }),
    table: tableOf(requests, [
      {
        name: "request_type",
        label: "request",
        value: (row) => row.request_type,
        text: (row) => shown(row.request_type),
      },
      { name: "result", label: "answer", value: ({ result }) => result, text: ({ result }) => shown(result) },
      ...comparedColumns<Asked>(summary),
    ]),
  };
}

function domainsFigure({ target_domains: domains, period }: Summary): PageFigure {
  const [first] = domains;
  const note = drawnNote(domains);
  return {
    id: "target-domains",
    title: "Your domains that messages were meant for",
    finding: first
      ? `${defanged(first.domain)}: ${counted(first.captures, "message")} from ${counted(first.sources, "address", "addresses")}.`
      : `No domain of yours was named by ${leastSources} sources or more.`,
    ...(note === undefined ? {} : { note }),
    ...(domains.length === 0
      ? {}
      : {
          chart: {
            kind: "rows",
            legend: [{ tone: "now", text: period.id, as: "bar" }],
            heads: ["addresses", "messages"],
            rows: headOf(domains).map((entry) => ({
              label: defanged(entry.domain),
              bars: [{ tone: "now", from: 0, to: entry.captures }],
              cells: [{ text: roomyNumber(entry.sources), tone: "quiet" }, { text: roomyNumber(entry.captures) }],
            })),
          },
        }),
    table: tableOf(domains, [
      { name: "domain", label: "domain", value: ({ domain }) => domain, text: ({ domain }) => defanged(domain) },
      { name: "captures", label: "messages", value: ({ captures }) => captures },
      { name: "recipients", label: "potential recipients", value: ({ recipients }) => recipients },
      { name: "sources", label: "source addresses", value: ({ sources }) => sources },
    ]),
  };
}

function languagesFigure(summary: Summary): PageFigure {
  const { languages, totals } = summary;
  type Language = (typeof languages)[number];
  const first = languages.find(({ now }) => now > 0);
  const note = drawnNote(languages);
  return {
    id: "languages",
    title: "Messages by language",
    finding: first ? leads(summary, sentenceCase(languageName(first.language)), first, totals.captures.now) : nothing,
    ...(note === undefined ? {} : { note }),
    ...(languages.length === 0
      ? {}
      : { chart: rankChart(summary, languages, ({ language }) => sentenceCase(languageName(language))) }),
    table: tableOf(languages, [
      { name: "language", label: "code", value: ({ language }) => language, text: ({ language }) => shown(language) },
      { name: "language_name", label: "language", value: ({ language }) => languageName(language) },
      ...comparedColumns<Language>(summary),
    ]),
  };
}

const sentenceCase = (text: string) => text.slice(0, 1).toUpperCase() + text.slice(1);
