/**
 * Routes on summaries: the CSV of a publication's figures, and periods side by side. All of it is made from the signed JSON of the caller's own publications; nothing else is read.
 *
 * @see design §3 points 1 and 15
 */
import type { Hono } from "hono";
import { html } from "hono/html";
import { tlpLabels } from "../../model.ts";
import type { Summary } from "../../publication/summary.ts";
import type { Caller } from "../access.ts";
import { feedOf, inFeed, type OwnFeed } from "../pull/shared.ts";
import { type HttpEnv, notFound } from "../route.ts";
import type { HttpWorld } from "../world.ts";
import { publicationAsked, viewOf } from "./asked.ts";
import type { PageFigure } from "./charts/chart.ts";
import { drawFigures, figureSection } from "./charts/section.ts";
import { texts } from "./charts/texts.ts";
import { type TrendPeriod, trendFigure } from "./charts/trend.ts";
import { type Html, pageResponse } from "./layout.ts";
import { partnerPage } from "./partner-page.ts";
import { csvResponse, figureCsv } from "./summary-section.ts";
import { texts as portalTexts } from "./texts.ts";
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
    const view = viewOf(context, world);
    const sections: Html[] = [];
    for (const own of summaryFeeds(view.caller)) sections.push(await trendSection(own, clock()));
    const main = sections.length === 0 ? html`<p>${texts.trend.none}</p>` : html`${sections}`;
    return pageResponse(issuer, partnerPage(view, { title: portalTexts.trend, at: "/portal/trend", main }));
  });
  portal.get("/portal/trend/:file{[a-z0-9-]+\\.csv}", async (context) => {
    const { caller } = viewOf(context, world);
    const params = inFeed.safeParse({ feed: context.req.param("file").slice(0, -4) });
    if (!params.success) throw notFound();
    const { trend } = await trendOf(feedOf(caller, params.data.feed), clock());
    if (trend === undefined) throw notFound();
    return csvResponse(trend.figure, trend.strictest);
  });
}

const labels = ({ tlp, simulated }: Pick<Summary, "tlp" | "simulated">): Html =>
  html`<p><strong>TLP:${tlp}</strong></p>${simulated ? html`<p><strong>${texts.simulated}</strong></p>` : ""}`;

const summaryFeeds = (caller: Caller): OwnFeed[] =>
  caller.subscriptions.filter(({ feed }) => feed.grain === "summary").map(({ feed }) => feedOf(caller, feed.id));

interface Trend {
  readonly figure: PageFigure;
  /** The newest summary's feed and period, under the strictest of all labels. */
  readonly strictest: Pick<Summary, "feed" | "period" | "tlp" | "simulated">;
}

async function trendOf({ published }: OwnFeed, now: number): Promise<{ readonly trend?: Trend }> {
  const periods = await trendPeriods(published, now);
  const figure = trendFigure(periods);
  const summaries = periods.flatMap((period: TrendPeriod) => ("summary" in period ? [period.summary] : []));
  const newest = summaries.at(-1);
  if (figure === undefined || newest === undefined) return {};
  const tlp = tlpLabels.findLast((label) => summaries.some((summary) => summary.tlp === label)) ?? newest.tlp;
  const simulated = summaries.some((summary) => summary.simulated);
  return { trend: { figure, strictest: { ...newest, tlp, simulated } } };
}

async function trendSection(own: OwnFeed, now: number): Promise<Html> {
  const { feed } = own.subscription;
  const { trend } = await trendOf(own, now);
  if (trend === undefined) return html`<section><h2>${feed.title}</h2><p>${texts.trend.none}</p></section>`;
  const { figure, strictest } = trend;
  const drawn = await drawFigures([figure], texts.foot(strictest.tlp, strictest.period.id, strictest.simulated));
  return html`<section><h2>${feed.title}</h2>
${labels(strictest)}
${drawn.map((one) => figureSection(one, `/portal/trend/${feed.id}.csv`))}
</section>`;
}
