/** What a page is asked for: by whom, and which of its own publications. */
import type { Context } from "hono";
import type { z } from "zod";
import type { PublicationFacts, PublishedFeed } from "../../published.ts";
import { feedOf, inLog, publicationOf } from "../../pull/shared.ts";
import { type AskedByCaller, type HttpEnv, notFound } from "../../route.ts";
import type { HttpWorld } from "../../world.ts";
import type { PartnerView } from "./partner-page.ts";

/** Whom a page is made for. @throws SpampotsError `not-found` where nobody is signed in. */
export function viewOf(context: Context<HttpEnv>, world: HttpWorld): PartnerView {
  const caller = context.get("caller");
  if (caller === undefined) throw notFound();
  return { caller, world, now: world.clock() };
}

/** Parameters of the path. What can't name anything is nothing. @throws SpampotsError `not-found` */
export function paramsOf(context: Context<HttpEnv>): z.infer<typeof inLog> {
  const params = inLog.safeParse({ sequence: "latest", ...context.req.param() });
  if (!params.success) throw notFound();
  return params.data;
}

/** One of the caller's publications, and how it was asked for. */
export interface AskedPublication extends Pick<AskedByCaller<unknown, unknown>, "context" | "caller" | "address"> {
  readonly feed: string;
  readonly published: PublishedFeed;
  readonly facts: PublicationFacts;
}

/** The caller's publication that a path names. @throws SpampotsError `not-found` */
export async function publicationAsked(context: Context<HttpEnv>, world: HttpWorld): Promise<AskedPublication> {
  const { caller, now } = viewOf(context, world);
  const { feed, sequence } = paramsOf(context);
  const { published } = feedOf(caller, feed);
  const facts = await publicationOf(published, sequence, undefined, now);
  return { context, caller, address: context.get("address"), feed, published, facts };
}
