/**
 * Every sentence of the figures, in the portal's language: another language is another object of this type. What stands in
 * the place of an argument is a number or name as `charts/words.ts` writes it.
 */
import { type Compared, rate } from "../charts/words.ts";
import { counted, number } from "./language.ts";

const messages = (count: number) => counted(count, "message");
const addresses = (count: number) => counted(count, "address", "addresses");
const periodsBefore = (periods: number) =>
  periods === 1 ? "the one comparable period before it" : `the ${number(periods)} comparable periods before it`;
const averageOf = (periods: number) => `${periods === 1 ? "" : "the average of "}${periodsBefore(periods)}`;

/** What stands with every figure, then figure by figure. */
export const figureTexts = {
  none: "–",
  nothing: "Nothing was seen.",
  unknown: "Not known for any message.",
  caution: "The two periods weren't seen alike: their counts can't be compared, as said above.",
  drawn: (drawn: number, all: number) => `The chart shows the first ${drawn}; the table has ${all}.`,
  foot: (tlp: string, period: string, simulated: boolean) => `TLP:${tlp} · ${period}${simulated ? " · SIMULATED" : ""}`,
  figures: "In figures",
  table: "Table",
  csv: "CSV",
  tablesOf:
    "Economies and autonomous systems are those of the tables that the signed manifest names. The default ones are made from data of the NRO, Route Views and",
  tablesUnder: "under CC BY 4.0.",
  csvOf: (title: string) => `CSV of: ${title}`,
  simulated: "SIMULATED: its captures were made by a program. None of this happened.",
  columns: {
    messages: "messages",
    recipients: "potential recipients",
    sources: "source addresses",
    change: "change",
    before: "before",
    code: "code",
    economy: "economy",
    name: "name",
  },
  leads: {
    of: (name: string, share: string, count: number, against: string) =>
      `${name}: ${share} of messages (${number(count)})${against}.`,
    new: (period: string) => `, new since ${period}`,
    same: (period: string) => `, about as in ${period}`,
    up: (percent: number, period: string) => `, up ${number(percent)} % on ${period}`,
    down: (percent: number, period: string) => `, down ${number(percent)} % on ${period}`,
  },
  totals: {
    title: "The period in numbers",
    nothing: "No message that concerns you was captured.",
    finding: (captures: number, recipients: number, sources: number) =>
      `${messages(captures)} for ${counted(recipients, "potential recipient")}, from ${addresses(sources)}.`,
    figure: "figure",
    rows: {
      captures: "messages",
      recipients: "potential recipients",
      connections: "connections",
      sources: "source addresses",
      asns: "autonomous systems",
      economies: "source economies",
      crossing_known: "messages with known source and target economy",
      crossing_differing: "… of which the two differ",
    },
  },
  days: {
    title: "Messages, source addresses and sensors, by day (UTC)",
    none: "No sensor reported on any day: what happened is not known.",
    nothing: "Nothing was seen on any day.",
    top: (day: string, captures: number, sources: number) =>
      `${day}: ${messages(captures)} from ${addresses(sources)}.`,
    range: (top: string, day: string, captures: number) =>
      `Most on ${top.slice(0, -1)}; fewest on ${day}: ${number(captures)}.`,
    gaps: (days: number) => ` No sensor reported on ${counted(days, "day")}: what happened then is not known.`,
    gap: "no sensor",
    day: "day (UTC)",
    messages: "Messages",
    sources: "Source addresses",
    sensors: "Sensors reporting",
    sensorsColumn: "sensors reporting",
  },
  systems: {
    title: "Messages by autonomous system of the source",
    as: "AS",
    unknown: "AS unknown",
  },
  turnover: {
    title: "Source addresses by autonomous system: still there, new, gone",
    finding: (all: number, fresh: number, stayed: number, gone: number, period: string) =>
      `Of ${counted(all, "source address", "source addresses")} in the systems listed, ${number(fresh)} are new since ${period} and ${number(stayed)} were there before; ${number(gone)} others are gone.`,
    allGone: (gone: number, period: string) =>
      `None of the ${counted(gone, "source address", "source addresses")} of ${period} in the systems listed is there any more.`,
    alone: (all: number) =>
      `${counted(all, "source address", "source addresses")} in the systems listed; which of them are new isn't known.`,
    gone: "gone",
    stayed: "still there",
    fresh: "new",
    addresses: "addresses",
  },
  economies: { title: "Messages by economy in which the source's network is registered" },
  sources: {
    title: "Sources that sent most, without their addresses",
    finding: (count: number, share: string) =>
      count === 1
        ? `The source that sent most accounts for ${share} of messages.`
        : `The ${number(count)} sources that sent most account for ${share} of messages.`,
    note: "The feed spam-sources names the addresses to those who receive it.",
    rank: "rank",
    days: "days seen",
  },
  services: {
    title: "Messages by abused service and port of the honeypot",
    of: (service: string, port: number) => `${service}, port ${port}`,
    service: "service",
    port: "port",
    /** Names as people know them; others are shown as they are. */
    names: new Map([
      ["socks4", "SOCKS4 proxy"],
      ["socks4a", "SOCKS4a proxy"],
      ["socks5", "SOCKS5 proxy"],
      ["http", "HTTP proxy"],
      ["smtp", "SMTP relay"],
    ]),
  },
  requests: {
    title: "What clients asked of the honeypots, and what they were answered",
    finding: (all: number, first: number, of: string) => `${counted(all, "request")}; ${number(first)} of them ${of}.`,
    of: (type: string, result: string) => `${type}: ${result === "" ? "no answer" : result}`,
    requests: "requests",
    request: "request",
    answer: "answer",
  },
  domains: {
    title: "Your domains that messages were meant for",
    finding: (domain: string, captures: number, sources: number) =>
      `${domain}: ${messages(captures)} from ${addresses(sources)}.`,
    none: (least: number) => `No domain of yours was named by ${least} sources or more.`,
    domain: "domain",
    addresses: "addresses",
  },
  languages: { title: "Messages by language", language: "language" },
  changes: {
    title: (period: string) => `What changed since ${period}`,
    titleAlone: "What changed",
    alone: "Your MoU did not cover the period before: there is nothing to compare with.",
    covers: (now: number, period: string, then: number, before: string) =>
      `Your MoU covers ${counted(now, "hour")} of ${period} and ${counted(then, "hour")} of ${before}.`,
    blind: (period: string) => `No sensor reported in ${period}: nothing was seen then, whatever there was.`,
    hours: (seen: number, period: string, share: string) =>
      `${counted(seen, "sensor hour")} in ${period} (${share} of those expected)`,
    sawLess: (now: string, then: string) => `The honeypots saw less: ${now}, after ${then}.`,
    sawMore: (now: string, then: string) => `The honeypots saw more: ${now}, after ${then}.`,
    shares: "So the counts of the two periods can't be compared. Shares of each period's messages can:",
    nothing: "Nothing was seen in either period.",
    messages: "Messages",
    sources: "Source addresses",
    total: (of: string, { now, before, change_percent: percent }: Compared, period: string) => {
      if (now === before) return `${of} are as many as in ${period}: ${number(now)}.`;
      const by = percent === null || percent === 0 ? "" : ` ${number(Math.abs(percent))} %`;
      return `${of} ${now > before ? "rose" : "fell"}${by}, from ${number(before)} to ${number(now)}.`;
    },
    rose: (name: string, { now, before }: Compared) => `${name} rose from ${number(before)} to ${messages(now)}.`,
    fell: (name: string, { now, before }: Compared) => `${name} fell from ${number(before)} to ${messages(now)}.`,
    appeared: (name: string, { now }: Compared, period: string) =>
      `${name} is new since ${period}, with ${messages(now)}.`,
    vanished: (name: string, { before }: Compared, period: string) =>
      `${name} is gone: ${messages(before)} in ${period}, none now.`,
    shareRose: (name: string, then: string, now: string) => `${name} rose from ${then} of messages to ${now}.`,
    shareFell: (name: string, then: string, now: string) => `${name} fell from ${then} of messages to ${now}.`,
    crossing: (now: string) => `In ${now} of the messages where both are known, source and target economy differ.`,
    crossingBoth: (now: string, then: string, period: string) =>
      `In ${now} of the messages where both are known, source and target economy differ (${then} in ${period}).`,
    comparable: (now: number, then: number) =>
      `The honeypots reported for ${now} % of their hours, ${then} % before: the two periods can be compared.`,
  },
  trend: {
    title: "Messages, source addresses and autonomous systems, period by period",
    link: "Are we getting cleaner? Periods side by side",
    none: "Nothing was published yet.",
    single: (period: string) =>
      `${period} is the only period that was seen whole: there is nothing to compare it with yet.`,
    unseen: (period: string) =>
      `${period} was not seen whole, or not all covered by your MoU: it can't be compared with the periods before it.`,
    same: (period: string, now: number, periods: number) =>
      `As before: ${period} had ${rate(now)} messages per sensor hour, about as many as ${averageOf(periods)}.`,
    cleaner: (period: string, now: number, percent: number, periods: number) =>
      `Cleaner: ${period} had ${rate(now)} messages per sensor hour, ${number(percent)} % less than ${averageOf(periods)}.`,
    dirtier: (period: string, now: number, percent: number, periods: number) =>
      `Not cleaner: ${period} had ${rate(now)} messages per sensor hour, ${number(percent)} % more than ${averageOf(periods)}.`,
    risen: (period: string, now: number, periods: number) =>
      `Not cleaner: ${period} had ${rate(now)} messages per sensor hour, where ${periodsBefore(periods)} had none.`,
    note: "What is hollow was seen in part: for less than 95 % of sensor hours, or not all covered by your MoU. Messages per sensor hour allow for missing hours, not for how well a sensor is placed.",
    different:
      "Periods of other economies, or of simulated captures beside real ones, are hollow too, and not in the average.",
    gap: { missing: "none", withdrawn: "withdrawn", expired: "expired" },
    messages: "Messages",
    sources: "Source addresses",
    systems: "Autonomous systems",
    coverage: "Sensor hours seen, in %",
    rate: "Messages per sensor hour",
    period: "period",
    from: "from",
    to: "to",
    seen: "sensor hours seen",
    expected: "sensor hours expected",
    coverageColumn: "coverage, %",
    state: "state",
    states: { whole: "seen whole", part: "seen in part", different: "not comparable" },
  },
} as const;
