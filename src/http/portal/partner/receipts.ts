/** What a partner was handed: when, how, and which digest. A page of the newest, and all of it as CSV. */
import { html } from "hono/html";
import { receiptCsvHead, receiptCsvLines } from "../../../delivery/receipts/csv.ts";
import { readReceipts } from "../../../delivery/receipts/journal.ts";
import { newestReceipts } from "../../../delivery/receipts/newest.ts";
import type { Receipt } from "../../../delivery/receipts/receipt.ts";
import type { Store } from "../../../store/store.ts";
import type { Body } from "../../body.ts";
import type { PublishedFeed } from "../../published.ts";
import { recentMoved } from "../../pull/proofs.ts";
import { feedOf, type OwnFeed } from "../../pull/shared.ts";
import type { HttpWorld } from "../../world.ts";
import type { Html, Page } from "../layout.ts";
import { texts } from "../texts.ts";
import { digestOf, instantOf, others, tableOf, wordOf } from "../words.ts";
import { unsoundCode } from "./checked.ts";
import { type PartnerView, partnerPage, placeOf } from "./partner-page.ts";

/** About as many receipts stand on a page of one feed, and of each where all feeds are shown. */
const [mostOfOne, mostOfEach] = [200, 25];

/** Publications of which a receipt says the period: who has more looks at the publication. */
const mostPeriods = 100;

/** No publication has a greater number. */
const mostSequence = 99_999_998;

/** Receipts that are read at once for the CSV. */
const perRead = 1000;

const words = texts.receipts;

/** The newest receipts of every feed. */
export async function receiptsPage(view: PartnerView): Promise<Page> {
  const { caller, world } = view;
  await recentMoved(world);
  const sections = await Promise.all(
    caller.subscriptions.map(({ feed }) => feedSection(view, feedOf(caller, feed.id), { most: mostOfEach })),
  );
  const main = html`<p class="lead">${words.lead} ${words.unseen}</p>
<p><a href="/portal/receipts.csv" download>${words.csv}</a></p>
${sections}`;
  return partnerPage(view, { title: words.title, at: "/portal/receipts", main });
}

/**
 * Receipts of one feed.
 *
 * @param before only of publications with smaller numbers.
 * @throws SpampotsError `not-found`
 */
export async function feedReceiptsPage(view: PartnerView, id: string, before: number | undefined): Promise<Page> {
  const own = feedOf(view.caller, id);
  await recentMoved(view.world);
  const section = await feedSection(view, own, { most: mostOfOne, before });
  return partnerPage(view, {
    title: words.title,
    path: [
      { href: "/portal", label: texts.home },
      { href: "/portal/receipts", label: words.title },
    ],
    main: html`<p class="lead">${words.unseen}</p>${section}`,
  });
}

async function feedSection(
  { caller, world, now }: PartnerView,
  { subscription, published }: OwnFeed,
  { most, before }: { readonly most: number; readonly before?: number | undefined },
): Promise<Html> {
  const { feed } = subscription;
  const { tip, periods } = await newestPeriods(published, now);
  const store = world.store.under(`receipts/${caller.partner.id}/${feed.id}`);
  const { receipts, next, cut } = await newestReceipts(store, Math.min(before ?? tip + 1, tip + 1), most);
  return html`<section aria-labelledby="of-${feed.id}"><h2 id="of-${feed.id}">${others(feed.title)}</h2>
${receipts.length === 0 ? html`<p>${words.none}</p>` : tableOfReceipts(feed.id, receipts, periods)}
${cut ? html`<p>${words.cut}</p>` : ""}
${next === undefined ? "" : html`<p class="ways"><a rel="next" href="/portal/receipts/${feed.id}?before=${next}">${words.older}</a></p>`}
</section>`;
}

interface Periods {
  /** Number of the newest publication, or what none is greater than. */
  readonly tip: number;
  /** Number of a publication → its period. */
  readonly periods: ReadonlyMap<number, string>;
}

/** Periods of the newest publications. Receipts are shown of a log too that doesn't hold: they are asked for most then. */
async function newestPeriods(published: PublishedFeed, now: number): Promise<Periods> {
  try {
    const tip = await published.tip(now);
    const known = tip === 0 ? [] : await published.publications(now, Math.max(1, tip - mostPeriods));
    return { tip, periods: new Map(known.map(({ sequence, period }) => [sequence, period.id])) };
  } catch (error) {
    if (unsoundCode(error) === undefined) throw error;
    return { tip: mostSequence, periods: new Map() };
  }
}

function tableOfReceipts(feed: string, receipts: readonly Receipt[], periods: Periods["periods"]): Html {
  return tableOf({
    caption: words.caption(feed),
    columns: [words.at, words.publication, texts.log.period, words.what, words.how, words.where, words.sha256],
    rows: receipts.map((receipt) => [
      instantOf(receipt.at),
      html`<a href="${placeOf(feed, receipt.sequence)}">${receipt.sequence}</a>`,
      wordOf(periods.get(receipt.sequence) ?? texts.none),
      whatOf(receipt),
      words.ways[receipt.how],
      others("destination" in receipt ? `${receipt.destination}: ${receipt.to}` : receipt.address),
      digestOf(receipt.sha256),
    ]),
  });
}

function whatOf(receipt: Receipt): string {
  const what = receipt.artifact ?? (receipt.how === "taxii" ? words.objects : words.manifest);
  const [from, to] = ("range" in receipt && receipt.range) || [];
  return from === undefined || to === undefined ? what : `${what}, ${words.part(from, to)}`;
}

/** All receipts of a partner, feed by feed, as they come from the store. */
export async function receiptsCsv(partner: string, world: HttpWorld): Promise<Body> {
  await recentMoved(world);
  const free = world.limits.take(partner);
  return { chunks: csvChunks(world.store.under(`receipts/${partner}`)), free };
}

async function* csvChunks(store: Store): AsyncGenerator<Uint8Array> {
  const encoder = new TextEncoder();
  const line = receiptCsvLines();
  yield encoder.encode(receiptCsvHead);
  let after: string | undefined;
  do {
    const { receipts, next } = await readReceipts(store, { limit: perRead, ...(after === undefined ? {} : { after }) });
    if (receipts.length > 0) yield encoder.encode(receipts.map(line).join(""));
    after = next;
  } while (after !== undefined);
}
