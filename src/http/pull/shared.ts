/** What the routes of the pull API share: shapes of what they answer, and the way to a caller's feed. */
import { z } from "zod";
import type { Subscription } from "../../feed/partners.ts";
import type { Caller } from "../access.ts";
import type { PublicationFacts, PublishedFeed } from "../published.ts";
import { type Answer, notFound } from "../route.ts";

export const noParams = z.object({});
export const noQuery = z.strictObject({});

/** A whole number in a query. */
export const whole = (least: number, most: number) =>
  z
    .string()
    .regex(/^\d{1,8}$/, "Write a whole number.")
    .transform(Number)
    .pipe(z.int().min(least, `At least ${least}.`).max(most, `At most ${most}.`));

/** Parameters of a path. */
export const inFeed = z.object({
  feed: z
    .string()
    .regex(/^[a-z][a-z0-9-]{0,39}$/)
    .describe("Its id, such as `spam-sources`."),
});
export const inLog = inFeed.extend({
  sequence: z
    .string()
    .regex(/^(?:[1-9]\d{0,7}|latest)$/)
    .describe("Its number, or `latest`: the newest period's."),
});

/** A publication in a listing. */
export const publicationItem = z.object({
  sequence: z.int(),
  kind: z.enum(["publication", "withdrawal"]),
  period: z.object({ every: z.string(), id: z.string(), start: z.string(), end: z.string() }),
  revision: z.int(),
  published_at: z.string(),
  payload_sha256: z.string(),
  artifacts: z.int(),
  bytes: z.int(),
  withdrawn_by: z.int().optional(),
  href: z.string(),
});

export type PublicationItem = z.infer<typeof publicationItem>;

/** An answer in JSON, which is the caller's alone. */
export const json = (body: unknown): Response =>
  new Response(JSON.stringify(body), {
    headers: { "Content-Type": "application/json", "Cache-Control": "private, no-cache" },
  });

/** The one answer of a route, for the document. */
export const answerOf = (description: string, schema: z.ZodType): Record<number, Answer> => ({
  200: { description, content: { "application/json": schema } },
});

/** A feed that a caller receives. */
export interface OwnFeed {
  readonly subscription: Subscription;
  readonly published: PublishedFeed;
}

/** One of the caller's feeds. @throws SpampotsError `not-found` */
export function feedOf(caller: Caller, id: string): OwnFeed {
  const feed = caller.feed(id);
  if (feed === undefined) throw notFound();
  return feed;
}

/** The path of a publication, or of a file of it. */
export const hrefOf = (feed: string, ...rest: readonly (string | number)[]) =>
  ["/v1/feeds", feed, "publications", ...rest].join("/");

/** A publication as it stands in a listing. */
export function itemOf(feed: string, published: PublishedFeed, facts: PublicationFacts): PublicationItem {
  const { sequence, kind, period, revision, publishedAt, payloadSha256, artifacts, bytes } = facts;
  const by = published.withdrawnBy(sequence);
  return {
    sequence,
    kind,
    period,
    revision,
    published_at: publishedAt,
    payload_sha256: payloadSha256,
    artifacts,
    bytes,
    ...(by === undefined ? {} : { withdrawn_by: by.sequence }),
    href: hrefOf(feed, sequence),
  };
}

/** The publication that a path names. @throws SpampotsError `not-found` */
export async function publicationOf(
  published: PublishedFeed,
  sequence: string,
  period: string | undefined,
  now: number,
): Promise<PublicationFacts> {
  const facts =
    sequence === "latest"
      ? await published.latest(now, period)
      : (await published.publications(now, Number(sequence)))[0];
  if (facts === undefined || (period !== undefined && facts.period.id !== period)) throw notFound();
  return facts;
}
