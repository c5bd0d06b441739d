/**
 * Routes on summaries: the CSV of a publication's figures, and periods side by side. All of it is made from the signed
 * JSON of the caller's own publications; nothing else is read.
 *
 * @see design §3 points 1 and 15
 */
import type { Hono } from "hono";
import { html } from "hono/html";
import type { Feed } from "../../../feed/feeds.ts";
import { type Tlp, tlpLabels } from "../../../model.ts";
import type { Summary } from "../../../publication/summary.ts";
import type { Caller } from "../../access.ts";
import type { PublishedFeed } from "../../published.ts";
import { feedOf, inFeed, type OwnFeed } from "../../pull/shared.ts";
import { type HttpEnv, notFound } from "../../route.ts";
import type { HttpWorld } from "../../world.ts";
import type { PageFigure } from "../charts/chart.ts";
import { attribution, drawFigures, figureSection } from "../charts/section.ts";
import { trendFigure } from "../charts/trend.ts";
import { type Html, type Page, pageResponse } from "../layout.ts";
import { publicationAsked, viewOf } from "../partner/asked.ts";
import { type PartnerView, partnerPage } from "../partner/partner-page.ts";
import { figureTexts } from "../texts/figures.ts";
import { texts } from "../texts.ts";
import { others } from "../words.ts";
import { csvResponse, figureCsv } from "./section.ts";
import { trendPeriods } from "./trend-periods.ts";

/** Adds the routes to the portal; whoever comes to them is signed in. */
export function summaryRoutes(portal: Hono<HttpEnv>, world: HttpWorld): void {
  const { issuer, clock } = world;
  portal.get("/portal/feeds/:feed/:sequence/figures/:file{[a-z-]+\\.csv}", async (context) => {
    const { published, facts } = await publicationAsked(context, world);
    const { manifest } = await published.read(facts.sequence);
    return figureCsv(published, manifest, context.req.param("file").slice(0, -4), clock());
  });
  portal.get("/portal/trend", async (context) => {
    return pageResponse(issuer, await trendPage(viewOf(context, world)));
  });
  portal.get("/portal/trend/:file{[a-z0-9-]+\\.csv}", async (context) => {
    const { caller } = viewOf(context, world);
    const params = inFeed.safeParse({ feed: context.req.param("file").slice(0, -4) });
    if (!params.success) throw notFound();
    const trend = await trendOf(feedOf(caller, params.data.feed).published, clock());
    if (trend === undefined) throw notFound();
    return csvResponse(trend.figure, trend.strictest);
  });
}

const summaryFeeds = (caller: Caller): OwnFeed[] =>
  caller.subscriptions.filter(({ feed }) => feed.grain === "summary").map(({ feed }) => feedOf(caller, feed.id));

interface Trend {
  readonly figure: PageFigure;
  /** The newest summary's feed and period, under the strictest of all labels. */
  readonly strictest: Pick<Summary, "feed" | "period" | "tlp" | "simulated">;
}

const strictestOf = (all: readonly Pick<Summary, "tlp">[]): Tlp =>
  tlpLabels.findLast((label) => all.some(({ tlp }) => tlp === label)) ?? "RED";

async function trendOf(published: PublishedFeed, now: number): Promise<Trend | undefined> {
  const periods = await trendPeriods(published, now);
  const figure = trendFigure(periods);
  const summaries = periods.flatMap((period) => ("summary" in period ? [period.summary] : []));
  const newest = summaries.at(-1);
  if (figure === undefined || newest === undefined) return undefined;
  const simulated = summaries.some((summary) => summary.simulated);
  return { figure, strictest: { ...newest, tlp: strictestOf(summaries), simulated } };
}

/** Every summary that the caller receives, each over its periods, under the strictest label of all. */
async function trendPage(view: PartnerView): Promise<Page> {
  const sections: Html[] = [];
  const seen: Trend["strictest"][] = [];
  for (const { subscription, published } of summaryFeeds(view.caller)) {
    const trend = await trendOf(published, view.now);
    if (trend) seen.push(trend.strictest);
    sections.push(await trendSection(subscription.feed, trend));
  }
  const main = sections.length === 0 ? html`<p>${figureTexts.trend.none}</p>` : html`${sections}${attribution}`;
  const page = { title: texts.trend, at: "/portal/trend", main };
  return partnerPage(view, seen.length === 0 ? page : { ...page, label: strictestOf(seen) });
}

async function trendSection({ id, title }: Feed, trend: Trend | undefined): Promise<Html> {
  const heading = html`<h2>${others(title)}</h2>`;
  if (trend === undefined) return html`<section>${heading}<p>${figureTexts.trend.none}</p></section>`;
  const { figure, strictest } = trend;
  const drawn = await drawFigures([figure], figureTexts.foot(strictest.tlp, strictest.period.id, strictest.simulated));
  return html`<section>${heading}
${strictest.simulated ? html`<p class="notice">${figureTexts.simulated}</p>` : ""}
${drawn.map((one) => figureSection(one, `/portal/trend/${id}.csv`))}
</section>`;
}
