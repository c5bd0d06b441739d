/** How ingest goes, for the operator's page: counts and dates alone. */
import { html } from "hono/html";
import type { Health, IngestHealth } from "../../../delivery/watch/health.ts";
import { oldTableDays } from "../../../enrich/attribution.ts";
import { dayMs } from "../../../model.ts";
import type { Html } from "../layout.ts";
import { texts } from "../texts.ts";
import { badgeOf, dayOf, instantOf, others, spanText, tableOf, termsOf } from "../words.ts";

const words = texts.site;

/** A sensor that sends a file each hour is late by then, in milliseconds. */
const quietMs = 3 * 3_600_000;

/** The section on ingest, as the newest health object says it; `now` in milliseconds. */
export function ingestSection(health: Health | undefined, now: number): Html {
  if (health === undefined) return html``;
  const { ingest, tables } = health;
  return html`<section aria-labelledby="ingest"><h2 id="ingest">${words.ingest}</h2>
${ingest === undefined ? html`<p role="alert">${words.noIngest}</p>` : ingestTables(ingest, now)}
${tablesTable(tables, now)}
</section>`;
}

function ingestTables(ingest: IngestHealth, now: number): Html {
  const { days, sensors, coverage, quarantine, newest_seal, excluded } = ingest;
  return html`${termsOf([
    [words.sensors, sensorsOf(sensors)],
    [words.coverage, texts.manifest.hours(coverage.seen, coverage.expected, percentOf(coverage))],
    [words.newestSeal, sealOf(newest_seal, now)],
    [words.excluded, excluded === 0 ? undefined : excluded],
  ])}
${tableOf({
  caption: words.daysCaption,
  columns: [words.day, words.captures, words.requestsOf, words.sensorsOf],
  rows: days.toReversed().map((day) => [dayOf(day.day), day.captures, day.requests, day.sensors]),
})}
${
  quarantine.length === 0
    ? html`<p>${words.noQuarantine}</p>`
    : tableOf({
        caption: words.quarantineCaption,
        columns: [words.code, words.lastDay, words.lastDays(days.length)],
        rows: quarantine.map(({ code, last_day, last_days }) => [
          html`<code>${others(code)}</code>`,
          last_day,
          last_days,
        ]),
      })
}`;
}

function sensorsOf({ known, last_day, last_days }: IngestHealth["sensors"]): Html {
  const said = words.reporting(last_day, Math.max(known, last_days));
  return last_day < last_days ? html`${said} ${badgeOf("bad", words.silent(last_days - last_day))}` : html`${said}`;
}

const percentOf = ({ expected, seen }: IngestHealth["coverage"]) =>
  expected === 0 ? texts.none : `${Math.floor((seen * 100) / expected)} %`;

function sealOf(newest: string | undefined, now: number): Html | string {
  if (newest === undefined) return words.noSeal;
  const age = now - Date.parse(newest);
  const ago = words.ago(spanText(age));
  return html`${instantOf(newest)} ${age > quietMs ? badgeOf("bad", ago) : html`<span class="quiet">${ago}</span>`}`;
}

function tablesTable(tables: Health["tables"], now: number): Html {
  if (tables.length === 0) return html`<p role="alert">${words.noTables}</p>`;
  return tableOf({
    caption: words.tablesCaption,
    columns: [texts.manifest.kind, texts.manifest.name, texts.manifest.date, texts.manifest.tableRows, words.age],
    rows: tables.map(({ kind, name, date, rows }) => {
      const days = Math.floor((now - Date.parse(date)) / dayMs);
      const age = texts.span.days(days);
      return [others(kind), others(name), dayOf(date), rows, days > oldTableDays ? badgeOf("bad", age) : age];
    }),
  });
}
