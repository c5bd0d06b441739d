/** The first page of a partner: its feeds and how fresh each is, its agreement, and the keys of both sides. */
import { html } from "hono/html";
import { sayError } from "../../../errors.ts";
import { feedOf, type OwnFeed } from "../../pull/shared.ts";
import type { Html, Page } from "../layout.ts";
import { texts } from "../texts.ts";
import { badgeOf, instantOf, others, sizeOf, spanText, termsOf } from "../words.ts";
import { agreementSection } from "./agreement.ts";
import { type CheckedPublication, type FeedState, feedState } from "./checked.ts";
import { keysSection } from "./keys.ts";
import {
  countsText,
  fileLink,
  type PartnerView,
  partnerPage,
  payloadDigest,
  placeOf,
  soundBadge,
  whatWasChecked,
} from "./partner-page.ts";

/** Files of a publication that stand on the first page. */
const mostFiles = 4;

/** The page; a feed that doesn't pass its checks is said so, and doesn't take the others with it. */
export async function homePage(view: PartnerView): Promise<Page> {
  const { caller, now } = view;
  const feeds = await Promise.all(caller.subscriptions.map(({ feed }) => feedCard(view, feedOf(caller, feed.id))));
  const main = html`<p class="lead">${others(caller.partner.name)} · ${caller.partner.mou.reference}</p>
<div class="cards">${feeds.length === 0 ? html`<p>${texts.feed.noFeeds}</p>` : feeds}</div>
${agreementSection(caller.partner, now)}
${keysSection(view)}
${whatWasChecked(view)}`;
  return partnerPage(view, { title: texts.home, at: "/portal", main });
}

async function feedCard({ now, world, caller }: PartnerView, { subscription, published }: OwnFeed): Promise<Html> {
  const { feed, every, tlp } = subscription;
  const found = await feedState(published, now, (error) =>
    world.log.error({ partner: caller.partner.id, feed: feed.id, err: sayError(error) }, "a log isn't sound"),
  );
  return html`<section class="card" aria-labelledby="feed-${feed.id}">
<h2 id="feed-${feed.id}"><a href="${placeOf(feed.id)}">${others(feed.title)}</a></h2>
<p class="quiet">${feed.id} · ${texts.feed.every[every]} · TLP:${tlp}</p>
${stateOf(feed.id, found, now)}
</section>`;
}

function stateOf(feed: string, found: FeedState, now: number): Html {
  if (found.state === "empty") return html`<p>${texts.feed.none}</p>`;
  if (found.state === "unsound") return html`<p role="alert">${texts.feed.unsound(found.code)}</p>`;
  const { tip, latest } = found;
  return html`${latest === undefined ? "" : latestOf(feed, latest)}
${termsOf([[texts.feed.next, nextOf(tip, now)]])}
<p class="ways"><a href="${placeOf(feed)}">${texts.feed.list}</a> <a href="/portal/receipts/${feed}">${texts.receipts.title}</a></p>`;
}

function latestOf(feed: string, latest: CheckedPublication): Html {
  const { manifest } = latest;
  const { artifacts, sequence } = manifest;
  // The whole before its parts by AS.
  const whole = artifacts.filter(({ name }) => !/_AS\d+\.csv/.test(name)).slice(0, mostFiles);
  const files = whole.map(
    (artifact) =>
      html`<li>${fileLink(feed, sequence, artifact)} <span class="quiet">${sizeOf(artifact.bytes)}</span></li>`,
  );
  const more =
    artifacts.length > whole.length
      ? html`<li><a href="${placeOf(feed, sequence)}#files">${texts.feed.moreFiles(artifacts.length)}</a></li>`
      : "";
  return html`<p>${soundBadge()}${manifest.simulated ? html` ${badgeOf("note", texts.feed.simulated)}` : ""}</p>
${termsOf([
  [texts.feed.latest, html`<a class="strong" href="${placeOf(feed, sequence)}">${manifest.period.id}</a>`],
  [texts.feed.published, instantOf(manifest.published_at)],
  [texts.feed.counts, countsText(manifest.counts)],
  [texts.feed.digest, payloadDigest(latest)],
  [texts.feed.files, artifacts.length === 0 ? texts.feed.noFiles : html`<ul class="files">${files}${more}</ul>`],
])}`;
}

/** When the next one is promised, and whether that has passed. */
function nextOf({ manifest }: CheckedPublication, now: number): Html | string {
  if (manifest.next_by === null) return texts.feed.nextNone;
  const late = now - Date.parse(manifest.next_by);
  if (late <= 0) return instantOf(manifest.next_by);
  return html`${instantOf(manifest.next_by)} ${badgeOf("bad", texts.feed.overdue(spanText(late)))} <span class="quiet">${texts.feed.overdueHint}</span>`;
}
