/** Routes on feeds: which there are, and what their rows are. */
import { z } from "zod";
import type { Routes } from "../route.ts";
import { columnsOf, rowSchema } from "../row-schema.ts";
import type { HttpWorld } from "../world.ts";
import { answerOf, feedOf, inFeed, itemOf, json, noParams, noQuery, type OwnFeed, publicationItem } from "./shared.ts";

const feedItem = z.object({
  id: z.string(),
  title: z.string(),
  description: z.string(),
  every: z.string(),
  formats: z.array(z.string()),
  tlp: z.string(),
  publications: z.int().describe("Sequence of the newest."),
  latest: publicationItem.nullable(),
  href: z.string(),
  schema: z.string(),
});

export function feedRoutes(routes: Routes, { clock }: HttpWorld): void {
  routes.secured(
    {
      method: "GET",
      path: "/v1/feeds",
      id: "feeds",
      summary: "The feeds that you receive.",
      params: noParams,
      query: noQuery,
      secured: true,
      answers: answerOf("Feeds.", z.object({ feeds: z.array(feedItem) })),
    },
    async ({ caller }) => {
      const feeds = caller.subscriptions.map(({ feed }) => feedOf(caller, feed.id));
      return json({ feeds: await Promise.all(feeds.map((feed) => describe(feed, clock()))) });
    },
  );
  routes.secured(
    {
      method: "GET",
      path: "/v1/feeds/{feed}",
      id: "feed",
      summary: "One feed.",
      params: inFeed,
      query: noQuery,
      secured: true,
      answers: answerOf("The feed.", feedItem),
    },
    async ({ caller, params }) => json(await describe(feedOf(caller, params.feed), clock())),
  );
  routes.secured(
    {
      method: "GET",
      path: "/v1/feeds/{feed}/schema",
      id: "feedSchema",
      summary: "JSON Schema of a row, and the documentation of each column.",
      params: inFeed,
      query: noQuery,
      secured: true,
      answers: answerOf(
        "The schema.",
        z.object({ feed: z.string(), columns: z.array(z.looseObject({})), row: z.looseObject({}) }),
      ),
    },
    ({ caller, params }) => {
      const { feed } = feedOf(caller, params.feed).subscription;
      return json({ feed: feed.id, title: feed.title, columns: columnsOf(feed), row: rowSchema(feed) });
    },
  );
}

async function describe({ subscription, published }: OwnFeed, now: number): Promise<z.infer<typeof feedItem>> {
  const { feed, every, formats, tlp } = subscription;
  const latest = await published.latest(now);
  return {
    id: feed.id,
    title: feed.title,
    description: feed.description,
    every,
    formats: [...formats],
    tlp,
    publications: await published.tip(now),
    latest: latest === undefined ? null : itemOf(feed.id, published, latest),
    href: `/v1/feeds/${feed.id}`,
    schema: `/v1/feeds/${feed.id}/schema`,
  };
}
