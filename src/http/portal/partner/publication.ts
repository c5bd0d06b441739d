/**
 * One publication: its files, what its signed manifest says, and its neighbours. What was withdrawn or is expired is said
 * as such; its manifest stays.
 */
import { html } from "hono/html";
import type { Artifact, Manifest } from "../../../publication/manifest.ts";
import type { PublicationFacts, PublishedFeed } from "../../published.ts";
import { feedOf, type OwnFeed, publicationOf } from "../../pull/shared.ts";
import type { Html, Page } from "../layout.ts";
import { summarySection } from "../summary/section.ts";
import { texts } from "../texts.ts";
import { badgeOf, digestOf, instantOf, others, sizeOf, tableOf, termsOf, wordOf } from "../words.ts";
import { type CheckedPublication, readChecked } from "./checked.ts";
import { stateOf } from "./log-page.ts";
import { manifestSection } from "./manifest.ts";
import {
  countsText,
  fileLink,
  holdsText,
  type PartnerView,
  partnerPage,
  placeOf,
  soundBadge,
  whatWasChecked,
} from "./partner-page.ts";

/** Files on a page; a national feed that is split by AS has thousands. */
const filesPerPage = 100;

const words = texts.publication;

/** A publication, with what its page needs to know of those around it. */
interface Around {
  readonly feed: string;
  readonly title: string;
  readonly publication: CheckedPublication;
  /** What withdrew it. */
  readonly withdrawnBy: PublicationFacts | undefined;
  /** The newest publication of the same period. */
  readonly newest: PublicationFacts;
  readonly previous: PublicationFacts | undefined;
  readonly next: PublicationFacts | undefined;
  /** First of the files that are shown, from 0. */
  readonly filesFrom: number;
  readonly now: number;
}

/**
 * @param filesFrom the first of the files that are shown, from 0.
 * @throws SpampotsError `not-found`, and what a log that isn't sound is refused for.
 */
export async function publicationPage(
  view: PartnerView,
  { id, sequence, filesFrom }: { readonly id: string; readonly sequence: string; readonly filesFrom: number },
): Promise<Page> {
  const { caller, now } = view;
  const own = feedOf(caller, id);
  const facts = await publicationOf(own.published, sequence, undefined, now);
  const around = { ...(await aroundOf(own, facts, now)), filesFrom, now };
  const { manifest } = around.publication;
  const title = others(own.subscription.feed.title);
  const [figures, summary] = await Promise.all([
    summarySection(own.published, manifest, now),
    summaryLink(view, manifest),
  ]);
  const main = html`${noticesOf(around)}
${termsOf([
  [texts.feed.published, instantOf(manifest.published_at)],
  [texts.feed.counts, countsText(manifest.counts)],
])}
${summary}
${figures}
${filesSection(around)}
${neighbours(around)}
${manifestSection(around.publication)}
${whatWasChecked(view)}`;
  return partnerPage(view, {
    title: (manifest.kind === "withdrawal" ? words.withdrawal : words.title)(title, manifest.period.id),
    path: [
      { href: "/portal", label: texts.home },
      { href: placeOf(id), label: title },
    ],
    label: manifest.tlp,
    main,
  });
}

async function aroundOf({ subscription, published }: OwnFeed, facts: PublicationFacts, now: number) {
  const known = await published.publications(now, Math.max(1, facts.sequence - 1));
  const at = known.findIndex(({ sequence }) => sequence === facts.sequence);
  return {
    feed: subscription.feed.id,
    title: subscription.feed.title,
    publication: await readChecked(published, facts),
    withdrawnBy: published.withdrawnBy(facts.sequence),
    newest: known.findLast(({ period }) => period.id === facts.period.id) ?? facts,
    previous: known[at - 1],
    next: known[at + 1],
  };
}

/** The badge, and all that a reader must know before anything else. */
function noticesOf({ feed, publication, withdrawnBy, newest, now }: Around): Html {
  const { manifest, facts } = publication;
  const notices: Html[] = [];
  if (manifest.simulated) notices.push(html`<p class="notice">${words.simulated}</p>`);
  if (withdrawnBy) {
    notices.push(html`<p class="notice bad">${words.withdrawn} <a href="${placeOf(feed, withdrawnBy.sequence)}">${withdrawnBy.sequence}</a>.
${words.reason} ${others(withdrawnBy.reason ?? "", 1000)}</p>`);
  } else if (newest.sequence > facts.sequence) {
    notices.push(
      html`<p class="notice">${words.superseded} <a href="${placeOf(feed, newest.sequence)}">${newest.sequence}</a></p>`,
    );
  }
  if (manifest.withdraws) notices.push(withdrawalNotice(feed, manifest.withdraws));
  if (!withdrawnBy && facts.retainUntil <= now && manifest.artifacts.length > 0)
    notices.push(html`<p class="notice">${words.expired} ${instantOf(manifest.retain_until)}</p>`);
  const state = stateOf(facts, { by: withdrawnBy, newest: newest.sequence, now });
  return html`<p>${soundBadge()} ${state}</p>${notices}`;
}

const withdrawalNotice = (feed: string, { sequences, reason, revoked }: NonNullable<Manifest["withdraws"]>) =>
  html`<p class="notice bad">${words.withdraws} ${sequences
    .slice(0, 100)
    .map((sequence) => html`<a href="${placeOf(feed, sequence)}">${sequence}</a> `)}
${words.reason} ${others(reason, 1000)} ${revoked ? words.revoked : words.notRevoked}</p>`;

function filesSection({ feed, publication, withdrawnBy, filesFrom, now }: Around): Html {
  const { manifest, facts } = publication;
  const { artifacts, sequence } = manifest;
  const shown = artifacts.slice(filesFrom, filesFrom + filesPerPage);
  const gone = withdrawnBy !== undefined || facts.retainUntil <= now;
  const rows = shown.map((artifact) => [
    gone ? html`${artifact.name} ${badgeOf("note", words.gone)}` : fileLink(feed, sequence, artifact),
    wordOf(holdsText(artifact)),
    sizeOf(artifact.bytes),
    digestsOf(artifact),
  ]);
  const table = tableOf({
    caption: words.filesCaption,
    columns: [words.file, words.holds, words.size, words.sha256],
    rows,
  });
  return html`<section aria-labelledby="files"><h2 id="files">${texts.feed.files}</h2>
${shown.length === 0 ? html`<p>${texts.feed.noFiles}</p>` : table}
${pagesOf(placeOf(feed, sequence), filesFrom, artifacts.length)}
<p><a href="${placeOf(feed, sequence, "signed")}" download>${words.signed}</a> <span class="quiet">${words.signedHint}</span></p>
</section>`;
}

/** Of what is stored compressed, both: what is fetched, and what is in it. */
const digestsOf = ({ content_encoding, sha256, content_sha256 }: Artifact) =>
  content_encoding === undefined
    ? digestOf(sha256)
    : html`<div class="number">${digestOf(sha256)} <span class="quiet">${words.ofFile}</span></div>
<div class="number">${digestOf(content_sha256)} <span class="quiet">${words.ofContent}</span></div>`;

function pagesOf(place: string, from: number, all: number): Html {
  if (all <= filesPerPage) return html``;
  const to = Math.min(all, from + filesPerPage);
  return html`<p>${words.filesFrom(from + 1, to, all)} ${
    to < all ? html`<a href="${place}?files=${to}#files">${words.moreFiles}</a>` : ""
  }</p>`;
}

/** To the summary of the same period, where the partner has one that is there. */
async function summaryLink({ caller, now }: PartnerView, { feed, period }: Manifest): Promise<Html> {
  const own = caller.subscriptions.find((entry) => entry.feed.grain === "summary" && entry.every === period.every);
  if (own === undefined || own.feed.id === feed) return html``;
  const { published } = feedOf(caller, own.feed.id);
  if (!(await wasPublished(published, period, now))) return html``;
  const facts = await published.latest(now, period.id);
  if (facts === undefined) return html``;
  return html`<p><a href="${placeOf(own.feed.id, facts.sequence)}">${words.summaryOf}</a></p>`;
}

/** By the newest manifest alone: a log isn't read to its beginning for a period that was never in it. */
async function wasPublished(published: PublishedFeed, { start, end }: Manifest["period"], now: number) {
  const tip = await published.tip(now);
  if (tip === 0) return false;
  const { manifest } = await published.read(tip);
  return manifest.published_periods.some(([from, to]) => from <= start && end <= to);
}

function neighbours({ feed, previous, next }: Around): Html {
  if (previous === undefined && next === undefined) return html``;
  return html`<nav class="ways" aria-label="${words.neighbours}">${
    previous &&
    html`<a rel="prev" href="${placeOf(feed, previous.sequence)}">${words.previous(previous.sequence, previous.period.id)}</a>`
  } ${next && html`<a rel="next" href="${placeOf(feed, next.sequence)}">${words.next(next.sequence, next.period.id)}</a>`}</nav>`;
}
