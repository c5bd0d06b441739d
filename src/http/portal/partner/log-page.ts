/** The publications of a feed, newest first: revisions, withdrawals and what was withdrawn said as such. */
import { html } from "hono/html";
import type { PublicationFacts, PublishedFeed } from "../../published.ts";
import { feedOf } from "../../pull/shared.ts";
import type { Html, Page } from "../layout.ts";
import { texts } from "../texts.ts";
import { badgeOf, instantOf, others, sizeOf, tableOf, wordOf } from "../words.ts";
import { type PartnerView, partnerPage, placeOf } from "./partner-page.ts";

/** Publications on a page. */
const perPage = 50;

const words = texts.log;

/**
 * @param before only those with smaller numbers.
 * @throws SpampotsError `not-found`
 */
export async function logPage(view: PartnerView, id: string, before: number | undefined): Promise<Page> {
  const { caller, now } = view;
  const { subscription, published } = feedOf(caller, id);
  const { feed } = subscription;
  const tip = await published.tip(now);
  const end = Math.min(before ?? tip + 1, tip + 1);
  const from = Math.max(1, end - perPage);
  const known = tip === 0 ? [] : await published.publications(now, from);
  const shown = known.filter(({ sequence }) => sequence < end);
  const main = html`<p class="lead">${others(feed.description, 2000)}</p>
${shown.length === 0 ? html`<p>${texts.feed.none}</p>` : listOf(feed.title, { feed: id, shown: shown.toReversed(), known, published, now })}
<p class="ways">${from > 1 ? html`<a rel="next" href="${placeOf(id)}?before=${from}">${words.older}</a>` : ""} ${
    end <= tip ? html`<a href="${placeOf(id)}">${words.newer}</a>` : ""
  } <a href="/portal/receipts/${id}">${texts.receipts.title}</a></p>`;
  return partnerPage(view, { title: feed.title, path: [{ href: "/portal", label: texts.home }], main });
}

interface Listed {
  readonly feed: string;
  readonly shown: readonly PublicationFacts[];
  /** All from the oldest that is shown to the newest. */
  readonly known: readonly PublicationFacts[];
  readonly published: PublishedFeed;
  readonly now: number;
}

function listOf(title: string, { feed, shown, known, published, now }: Listed): Html {
  const newest = new Map(known.map(({ period, sequence }) => [period.id, sequence]));
  return tableOf({
    caption: words.caption(others(title)),
    columns: [words.number, words.period, words.revision, words.published, words.files, words.size, words.state],
    rows: shown.map((facts) => [
      html`<a href="${placeOf(feed, facts.sequence)}">${facts.sequence}</a>`,
      wordOf(facts.period.id),
      facts.revision,
      instantOf(facts.publishedAt),
      facts.artifacts,
      sizeOf(facts.bytes),
      stateOf(facts, { by: published.withdrawnBy(facts.sequence), newest: newest.get(facts.period.id), now }),
    ]),
  });
}

interface StateFacts {
  readonly by: PublicationFacts | undefined;
  /** Number of the newest publication of the same period. */
  readonly newest: number | undefined;
  readonly now: number;
}

/** How a publication stands among those after it. */
export function stateOf(facts: PublicationFacts, { by, newest, now }: StateFacts): Html {
  if (by !== undefined) return badgeOf("bad", words.withdrawn(by.sequence));
  if (facts.kind === "withdrawal") return badgeOf("bad", words.withdrawal);
  if (facts.retainUntil <= now) return badgeOf("note", words.expired);
  if (newest !== undefined && newest > facts.sequence) return badgeOf("note", words.superseded(newest));
  return badgeOf("good", words.newest);
}
