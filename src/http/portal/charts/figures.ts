/**
 * The figures of a summary, in the order of the page: for each what it says in a sentence, its chart, and its table with
 * exactly the summary's numbers. Pure.
 *
 * @see `publication/summary.ts`, which counts them
 */
import { leastSources } from "../../../feed/summary-sql.ts";
import type { Figure, Summary } from "../../../publication/summary.ts";
import { figureTexts } from "../texts/figures.ts";
import type { PageFigure, RowsChart } from "./chart.ts";
import { daysFigure } from "./days-figure.ts";
import { caution, comparedColumns, finding, headOf, noted, rankChart } from "./ranks.ts";
import { sourceFigures } from "./source-figures.ts";
import { tableOf } from "./table.ts";
import { defanged, languageName, roomyNumber, sentenceCase, shown } from "./words.ts";

type Domain = Summary["target_domains"][number];

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
  const { rows } = figureTexts.totals;
  type Total = Figure & { readonly name: string; readonly label: string };
  const total = (name: keyof typeof rows, figure: Figure): Total => ({ name, label: rows[name], ...figure });
  const { captures, recipients, connections, sources, asns, economies } = totals;
  return {
    id: "totals",
    title: figureTexts.totals.title,
    finding:
      captures.now === 0
        ? figureTexts.totals.nothing
        : figureTexts.totals.finding(captures.now, recipients.now, sources.now),
    ...noted([], ...caution(summary)),
    table: tableOf(
      [
        total("captures", captures),
        total("recipients", recipients),
        total("connections", connections),
        total("sources", sources),
        total("asns", asns),
        total("economies", economies),
        total("crossing_known", crossing.known),
        total("crossing_differing", crossing.differing),
      ],
      [
        { name: "figure", label: figureTexts.totals.figure, value: ({ name }) => name, text: ({ label }) => label },
        ...comparedColumns<Total>(summary),
      ],
    ),
  };
}

const serviceName = (service: string) => figureTexts.services.names.get(service) ?? shown(service);

function servicesFigure(summary: Summary): PageFigure {
  const { services } = summary;
  type Service = (typeof services)[number];
  const label = ({ service, abused_port }: Service) => figureTexts.services.of(serviceName(service), abused_port);
  return {
    id: "services",
    title: figureTexts.services.title,
    finding: finding(summary, services, label),
    ...noted(services, ...caution(summary)),
    ...(services.length === 0 ? {} : { chart: rankChart(summary, services, label) }),
    table: tableOf(services, [
      {
        name: "service",
        label: figureTexts.services.service,
        value: ({ service }) => service,
        text: ({ service }) => serviceName(service),
      },
      {
        name: "abused_port",
        label: figureTexts.services.port,
        value: (row) => row.abused_port,
        text: (row) => String(row.abused_port),
      },
      ...comparedColumns<Service>(summary),
    ]),
  };
}

function requestsFigure(summary: Summary): PageFigure {
  const { requests } = summary;
  type Asked = (typeof requests)[number];
  const label = ({ request_type, result }: Asked) => figureTexts.requests.of(shown(request_type), shown(result));
  const total = requests.reduce((sum, { now }) => sum + now, 0);
  const first = requests.find(({ now }) => now > 0);
  return {
    id: "requests",
    title: figureTexts.requests.title,
    finding: first ? figureTexts.requests.finding(total, first.now, label(first)) : figureTexts.nothing,
    ...noted(requests, ...caution(summary)),
    ...(requests.length === 0 ? {} : { chart: rankChart(summary, requests, label, figureTexts.requests.requests) }),
    table: tableOf(requests, [
      {
        name: "request_type",
        label: figureTexts.requests.request,
        value: (row) => row.request_type,
        text: (row) => shown(row.request_type),
      },
      {
        name: "result",
        label: figureTexts.requests.answer,
        value: ({ result }) => result,
        text: (row) => shown(row.result),
      },
      ...comparedColumns<Asked>(summary),
    ]),
  };
}

function domainsFigure({ target_domains: domains }: Summary): PageFigure {
  const [first] = domains;
  const { messages, recipients, sources } = figureTexts.columns;
  return {
    id: "target-domains",
    title: figureTexts.domains.title,
    finding: first
      ? figureTexts.domains.finding(defanged(first.domain), first.captures, first.sources)
      : figureTexts.domains.none(leastSources),
    ...noted(domains),
    ...(domains.length === 0 ? {} : { chart: domainsChart(domains) }),
    table: tableOf(domains, [
      {
        name: "domain",
        label: figureTexts.domains.domain,
        value: ({ domain }) => domain,
        text: ({ domain }) => defanged(domain),
      },
      { name: "captures", label: messages, value: ({ captures }) => captures },
      { name: "recipients", label: recipients, value: (row) => row.recipients },
      { name: "sources", label: sources, value: (row) => row.sources },
    ]),
  };
}

const domainsChart = (domains: readonly Domain[]): RowsChart => ({
  kind: "rows",
  legend: [],
  heads: [figureTexts.domains.addresses, figureTexts.columns.messages],
  rows: headOf(domains).map(({ domain, captures, sources }) => ({
    label: defanged(domain),
    bars: [{ tone: "now", from: 0, to: captures }],
    cells: [{ text: roomyNumber(sources), tone: "quiet" }, { text: roomyNumber(captures) }],
  })),
});

function languagesFigure(summary: Summary): PageFigure {
  const { languages } = summary;
  type Language = (typeof languages)[number];
  const name = ({ language }: Language) => sentenceCase(languageName(language));
  return {
    id: "languages",
    title: figureTexts.languages.title,
    finding: finding(summary, languages, name),
    ...noted(languages, ...caution(summary)),
    ...(languages.length === 0 ? {} : { chart: rankChart(summary, languages, name) }),
    table: tableOf(languages, [
      {
        name: "language",
        label: figureTexts.columns.code,
        value: (row) => row.language,
        text: (row) => shown(row.language),
      },
      { name: "language_name", label: figureTexts.languages.language, value: name },
      ...comparedColumns<Language>(summary),
    ]),
  };
}
