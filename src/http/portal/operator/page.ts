/**
 * The operator's page: what needs a person first, then every partner and feed, then how ingest goes. Whoever looks at it
 * sees names, counts and dates; nothing that was captured.
 */
import { html } from "hono/html";
import type { FoundHealth, LogHealth } from "../../../delivery/watch/health.ts";
import { healthEveryMs, healthRestMs } from "../../../delivery/watch/health.ts";
import type { LogFacts } from "../../../delivery/watch/status.ts";
import { secondsInstant } from "../../../feed/period.ts";
import type { Html, Page } from "../layout.ts";
import { number } from "../texts/language.ts";
import { texts } from "../texts.ts";
import { badgeOf, bareInstantOf, instantOf, others, spanText, tableOf, termsOf, wordOf } from "../words.ts";
import type { Board, Standing } from "./board.ts";
import { ingestSection } from "./ingest.ts";
import { expiring, type FeedRow, isWrong, type PartnerRow } from "./rows.ts";

/** Partners on a page, and entries of each list of what is wrong. */
const partnersPerPage = 50;
const mostListed = 50;

/** A health object older than that is a problem: an hour, ten minutes, and a tick. */
const staleMs = healthEveryMs + 2 * healthRestMs;

const words = texts.site;

/** @param from the first partner that is shown, from 0. `now` in milliseconds. */
export async function operatorPage(
  board: Board,
  { from, key, now }: { readonly from: number; readonly key: string; readonly now: number },
): Promise<Page> {
  const standing = await board.standing();
  const { found, partners } = standing;
  const shown = partners.slice(from, from + partnersPerPage);
  const feeds = shown.flatMap(({ feeds: rows }) => rows);
  const taken = await board.taken(feeds);
  const takenOf = new Map(feeds.map((row, index) => [row, taken[index]]));
  const main = html`${freshness(found, now)}
${overview(standing)}
${wrongSection(partners, now)}
${requestsSection(standing)}
${expiringSection(partners)}
<section aria-labelledby="partners"><h2 id="partners">${words.partners}</h2>
${partners.length === 0 ? html`<p>${words.noPartners}</p>` : partnersTable(shown, takenOf, now)}
${pages(from, partners.length)}
</section>
${ingestSection(found.state === "found" ? found.health : undefined, now)}`;
  return {
    title: words.title,
    who: words.who(key.slice(0, 8)),
    signOut: "/portal/operator/sign-out",
    main,
  };
}

/** How old is what is shown; that there is nothing, or nothing new, is the first problem. */
function freshness(found: FoundHealth, now: number): Html {
  if (found.state === "missing") return html`<p role="alert">${words.missing}</p>`;
  if (found.state === "unreadable")
    return html`<p role="alert">${words.unreadable} <code>${others(found.key)}</code></p>`;
  const { at } = found.health;
  const age = now - Date.parse(at);
  if (age > staleMs) return html`<p role="alert">${words.stale(spanText(age))} ${instantOf(at)}</p>`;
  return html`<p class="lead">${words.asOf} ${instantOf(at)} (${words.ago(spanText(age))}).</p>`;
}

function overview({ partners, requests }: Standing): Html {
  const feeds = partners.flatMap((row) => row.feeds);
  const wrong = feeds.filter(isWrong).length;
  const waiting = requests.length;
  return termsOf([
    [
      words.partners,
      `${number(partners.length)}, ${words.inForce(partners.filter((row) => row.agreement === "in-force").length)}`,
    ],
    [
      words.feeds,
      html`${number(feeds.length)} ${wrong === 0 ? badgeOf("good", words.allWell) : badgeOf("bad", words.wrongCount(wrong))}`,
    ],
    [words.requests, waiting === 0 ? words.noRequests : badgeOf("note", words.waiting(waiting))],
  ]);
}

/** What is listed stands here; how many more there are is said. */
function listed<Row>(rows: readonly Row[], table: (shown: readonly Row[]) => Html): Html {
  const more = rows.length - mostListed;
  return html`${table(rows.slice(0, mostListed))}${more > 0 ? html`<p>${words.more(more)}</p>` : ""}`;
}

function wrongSection(partners: readonly PartnerRow[], now: number): Html {
  const wrong = partners.flatMap(({ feeds }) => feeds.filter(isWrong));
  if (wrong.length === 0) return html``;
  const table = (shown: readonly FeedRow[]) =>
    tableOf({
      caption: words.wrongCaption,
      columns: [words.partner, words.feed, words.what],
      rows: shown.map((row) => [
        wordOf(row.partner),
        wordOf(row.feed),
        html`<ul>${troublesOf(row, now).map((said) => html`<li>${said}</li>`)}</ul>`,
      ]),
    });
  return html`<section aria-labelledby="wrong"><h2 id="wrong">${words.wrong}</h2>${listed(wrong, table)}</section>`;
}

function troublesOf({ seen, overdueSince, failing }: FeedRow, now: number): string[] {
  const stopped = seen?.stopped;
  return [
    ...(stopped === undefined ? [] : [words.stopped(stopped.code)]),
    ...(overdueSince === undefined ? [] : [texts.feed.overdue(spanText(now - overdueSince))]),
    ...failing.flatMap(({ destination, behind, failing: why }) =>
      why === undefined
        ? []
        : [words.failing(destination, spanText(now - Date.parse(why.since)), behind, failureText(why))],
    ),
  ];
}

/** A code, and the beginning of the reason; a destination's own words are others' words. */
const failureText = ({ code, reason }: { readonly code: string; readonly reason?: string }) =>
  reason === undefined ? code : `${code} (${others(reason, 100)})`;

function requestsSection({ requests }: Standing): Html {
  if (requests.length === 0) return html``;
  const table = (shown: Standing["requests"]) =>
    tableOf({
      caption: words.requestsCaption,
      columns: [words.request, words.partner, words.fingerprint, words.at, texts.keys.state],
      rows: shown.map(({ id, partner, fingerprint, requestedAt, proven }) => [
        html`<code>${others(id)}</code>`,
        others(partner),
        html`<code>${fingerprint}</code>`,
        instantOf(requestedAt),
        proven ? words.proven : badgeOf("bad", words.notProven),
      ]),
    });
  return html`<section aria-labelledby="requests"><h2 id="requests">${words.requests}</h2>
<p>${words.approve} <code>${words.approveCommand}</code></p>${listed(requests, table)}</section>`;
}

function expiringSection(partners: readonly PartnerRow[]): Html {
  const soon = expiring(partners);
  if (soon.length === 0) return html``;
  const table = (shown: readonly PartnerRow[]) =>
    tableOf({
      caption: words.expiringCaption,
      columns: [words.partner, words.name, texts.agreement.left],
      rows: shown.map(({ id, name, daysLeft }) => [
        id,
        others(name),
        daysLeft === 0 ? texts.agreement.lastDay : daysLeft,
      ]),
    });
  return html`<section aria-labelledby="expiring"><h2 id="expiring">${words.expiring}</h2>${listed(soon, table)}</section>`;
}

type TakenOf = ReadonlyMap<FeedRow, LogFacts["taken"]>;

function partnersTable(shown: readonly PartnerRow[], takenOf: TakenOf, now: number): Html {
  const columns = [
    words.partner,
    words.feed,
    texts.keys.state,
    words.last,
    words.published,
    words.next,
    words.sent,
    words.taken,
  ];
  const rows = shown.flatMap((partner) =>
    partner.feeds.length === 0
      ? [[wordOf(partner.id), texts.none, agreementBadge(partner), "", "", "", "", ""]]
      : partner.feeds.map((row) => [
          wordOf(partner.id),
          wordOf(row.feed),
          stateOf(partner, row, now),
          ...feedCells(row, takenOf.get(row)),
        ]),
  );
  return tableOf({ caption: words.partnersCaption, columns, rows });
}

function feedCells({ seen }: FeedRow, taken: LogFacts["taken"]): (Html | string)[] {
  const instant = (at: string | undefined) => (at === undefined ? texts.none : bareInstantOf(at));
  return [
    seen?.period === undefined ? texts.none : wordOf(`${seen.period} (${seen.sequence})`),
    instant(seen?.published_at),
    instant(seen?.next_due),
    seen === undefined || seen.lanes.length === 0
      ? texts.none
      : html`<ul class="files">${seen.lanes.map(laneText)}</ul>`,
    taken === undefined
      ? texts.none
      : html`${instant(secondsInstant(taken.at))} <span class="quiet">(${taken.sequence})</span>`,
  ];
}

const laneText = ({ destination, behind }: LogHealth["lanes"][number]) =>
  html`<li>${others(destination)}: ${behind === 0 ? words.all : words.behind(behind)}</li>`;

function stateOf(partner: PartnerRow, row: FeedRow, now: number): Html {
  if (partner.agreement !== "in-force") return agreementBadge(partner);
  if (row.seen === undefined) return badgeOf("note", words.notSeen);
  const [first] = troublesOf(row, now);
  if (first === undefined) return badgeOf("good", words.well);
  return badgeOf(
    "bad",
    row.overdueSince === undefined ? words.wrongWord : texts.feed.overdue(spanText(now - row.overdueSince)),
  );
}

const agreementBadge = ({ agreement }: PartnerRow) => badgeOf("note", words.agreements[agreement]);

function pages(from: number, all: number): Html {
  if (all <= partnersPerPage) return html``;
  const to = Math.min(all, from + partnersPerPage);
  return html`<p>${words.partnersFrom(from + 1, to, all)}</p><p class="ways">${
    from > 0
      ? html`<a rel="prev" href="/portal/operator?from=${Math.max(0, from - partnersPerPage)}#partners">${words.before}</a>`
      : ""
  } ${to < all ? html`<a rel="next" href="/portal/operator?from=${to}#partners">${words.after}</a>` : ""}</p>`;
}
