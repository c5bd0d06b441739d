/** Routes of a partner's pages. Whoever comes here is signed in; each page is made from the caller's own feeds alone. */
import type { Context, Hono } from "hono";
import { z } from "zod";
import { jwsMediaType } from "../../../publication/sign.ts";
import { handOut } from "../../download.ts";
import { downloadOf } from "../../pull/files.ts";
import { handOutManifest } from "../../pull/publications.ts";
import { whole } from "../../pull/shared.ts";
import { type HttpEnv, notFound } from "../../route.ts";
import type { HttpWorld } from "../../world.ts";
import { type Page, pageResponse } from "../layout.ts";
import { paramsOf, publicationAsked, viewOf } from "./asked.ts";
import { homePage } from "./home.ts";
import { logPage } from "./log-page.ts";
import type { PartnerView } from "./partner-page.ts";
import { publicationPage } from "./publication.ts";
import { feedReceiptsPage, receiptsCsv, receiptsPage } from "./receipts.ts";

const pageQuery = z.object({
  before: whole(1, 99_999_999).optional(),
  files: whole(0, 99_999).default(0),
});

/** A browser on a desk that others use keeps nothing of it, once who took it has signed out. */
const fileCache = { "Cache-Control": "no-store" };

/** Adds the routes to the portal; whoever comes to them is signed in. */
export function partnerRoutes(portal: Hono<HttpEnv>, world: HttpWorld): void {
  const page = (path: string, make: (view: PartnerView, context: Context<HttpEnv>) => Promise<Page>) =>
    portal.get(path, async (context) => pageResponse(world.issuer, await make(viewOf(context, world), context)));

  page("/portal", homePage);
  page("/portal/receipts", receiptsPage);
  portal.get("/portal/receipts.csv", async (context) => {
    const { caller } = viewOf(context, world);
    if (context.req.method !== "HEAD") context.set("body", await receiptsCsv(caller.partner.id, world));
    return new Response(null, {
      headers: {
        "Content-Type": "text/csv; charset=utf-8; header=present",
        "Content-Disposition": 'attachment; filename="receipts.csv"',
        "Cache-Control": "no-store",
      },
    });
  });
  page("/portal/receipts/:feed", (view, context) =>
    feedReceiptsPage(view, paramsOf(context).feed, queryOf(context).before),
  );
  page("/portal/feeds/:feed", (view, context) => logPage(view, paramsOf(context).feed, queryOf(context).before));
  page("/portal/feeds/:feed/:sequence", (view, context) => {
    const { feed, sequence } = paramsOf(context);
    return publicationPage(view, { id: feed, sequence, filesFrom: queryOf(context).files });
  });
  portal.get("/portal/feeds/:feed/:sequence/signed", async (context) => {
    const asked = await publicationAsked(context, world);
    const { feed, published, facts } = asked;
    const name = `${feed}_${facts.period.id}_${facts.sequence}.jws`;
    const headers = {
      ...fileCache,
      "Content-Type": jwsMediaType,
      "Content-Disposition": `attachment; filename="${name}"`,
    };
    return handOutManifest(asked, { feed, published, facts, headers }, world);
  });
  portal.get("/portal/feeds/:feed/:sequence/files/:artifact", async (context) => {
    const asked = await publicationAsked(context, world);
    const { feed, published, facts } = asked;
    const { manifest } = await published.read(facts.sequence);
    const download = await downloadOf(feed, published, manifest, context.req.param("artifact"), world.clock());
    const headers = { ...download.headers, ...fileCache };
    return handOut(asked, { ...download, headers }, world);
  });
}

function queryOf(context: Context<HttpEnv>): z.infer<typeof pageQuery> {
  const query = pageQuery.safeParse(context.req.query());
  if (!query.success) throw notFound();
  return query.data;
}
