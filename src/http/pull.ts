/**
 * The pull API `/v1`: feeds, their publications in order, and the files they name. The cursor is the sequence, so that
 * nothing is lost however many are published at one instant.
 *
 * @see `docs/partner-guide.md`, which shows it from the client's side
 */
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { readReceipts } from "../delivery/receipts.ts";
import { SpampotsError } from "../errors.ts";
import type { Subscription } from "../feed/partners.ts";
import { maxJwsBytes, readBounded, sequenceName } from "../publication/log.ts";
import { type Artifact, type Manifest, manifestSchema, tlpInName } from "../publication/manifest.ts";
import { jwsMediaType, readJws } from "../publication/sign.ts";
import type { Caller } from "./access.ts";
import { type Download, handOut, handOutContent } from "./download.ts";
import { preferred, takesGzip } from "./media.ts";
import type { PublicationFacts, PublishedFeed } from "./published.ts";
import { matches } from "./range-header.ts";
import { type Answer, type AskedByCaller, notFound, problemContent, type Routes } from "./route.ts";
import { columnsOf, rowSchema } from "./row-schema.ts";
import type { HttpWorld } from "./world.ts";

/** Most publications in an answer, and how many there are by default. */
const mostListed = 100;

/** Longest wait for a new publication, in seconds. */
const longestWait = 60;

const feedParam = z.string().regex(/^[a-z][a-z0-9-]{0,39}$/);
const noQuery = z.strictObject({});
const whole = (least: number, most: number) =>
  z
    .string()
    .regex(/^\d{1,8}$/, "Write a whole number.")
    .transform(Number)
    .pipe(z.int().min(least, `At least ${least}.`).max(most, `At most ${most}.`));

const inFeed = z.object({ feed: feedParam });
const inLog = inFeed.extend({ sequence: z.string().regex(/^(?:[1-9]\d{0,7}|latest)$/) });

const publicationItem = z.object({
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

const listing = z.object({ publications: z.array(publicationItem), next: z.int(), more: z.boolean() });

const json = (body: unknown, cache = "private, no-cache"): Response =>
  new Response(JSON.stringify(body), { headers: { "Content-Type": "application/json", "Cache-Control": cache } });

const answerOf = (description: string, schema: z.ZodType): Record<number, Answer> => ({
  200: { description, content: { "application/json": schema } },
});

/** What a file answers, which is of one of these types. */
const fileAnswers = (...types: readonly string[]): Record<number, Answer> => {
  const content = Object.fromEntries(types.map((type) => [type, null]));
  return {
    200: { description: "The file, with its digest.", content },
    206: { description: "A part of it, with the digest of the whole.", content },
    302: { description: "Where the file is, for a minute." },
    304: { description: "You have it." },
    410: { description: "It was withdrawn, or is expired.", content: problemContent },
    416: { description: "The file has no such part." },
  };
};

type Feed = { readonly subscription: Subscription; readonly published: PublishedFeed };

export function pullRoutes(routes: Routes, world: HttpWorld): void {
  const { clock } = world;
  const feedOf = (caller: Caller, id: string): Feed => {
    const feed = caller.feed(id);
    if (feed === undefined) throw notFound();
    return feed;
  };

  routes.secured(
    {
      method: "GET",
      path: "/v1/feeds",
      id: "feeds",
      summary: "The feeds that you receive.",
      params: z.object({}),
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
  routes.secured(
    {
      method: "GET",
      path: "/v1/feeds/{feed}/publications",
      id: "publications",
      summary: "Publications after a sequence, oldest first. With `wait`, the answer waits for one.",
      params: inFeed,
      query: z.strictObject({
        after: whole(0, 99_999_999).default(0).describe("The sequence you have; the `next` of the last answer."),
        limit: whole(1, mostListed).default(mostListed),
        wait: whole(0, longestWait).default(0).describe("Seconds to wait where there is nothing new."),
      }),
      secured: true,
      answers: answerOf("Publications.", listing),
    },
    async ({ caller, params, query, context }) => {
      const feed = feedOf(caller, params.feed);
      const after = async (): Promise<readonly PublicationFacts[]> =>
        (await feed.published.publications(clock())).slice(query.after);
      let found = await after();
      if (found.length === 0 && query.wait > 0) {
        found = await waitFor(after, query.wait, caller, context.req.raw.signal, world);
        // Whatever was true when the wait began: who may come in is decided now.
        feedOf(world.access.again(caller, clock()), params.feed);
      }
      const page = found.slice(0, query.limit);
      const next = page.at(-1)?.sequence ?? query.after;
      return json({
        publications: page.map((facts) => itemOf(params.feed, feed.published, facts)),
        next,
        more: found.length > page.length,
      });
    },
  );
  routes.secured(
    {
      method: "GET",
      path: "/v1/feeds/{feed}/publications/{sequence}",
      id: "publication",
      summary: "A publication: as it was signed (`application/jose+json`), or its payload (`application/json`).",
      params: inLog,
      query: z.strictObject({ period: z.string().max(20).optional().describe("Of this period, such as 2026-W46.") }),
      secured: true,
      answers: {
        200: {
          description: "The publication.",
          content: { [jwsMediaType]: z.looseObject({}), "application/json": manifestSchema },
        },
        304: { description: "You have it." },
      },
    },
    async (asked) => {
      const { published } = feedOf(asked.caller, asked.params.feed);
      const facts = await publicationOf(published, asked.params.sequence, asked.query.period, clock());
      return manifestAnswer(asked, published, facts, world);
    },
  );
  routes.secured(
    {
      method: "GET",
      path: "/v1/feeds/{feed}/publications/{sequence}/{artifact}",
      id: "artifact",
      summary: "A file that a publication names, byte for byte as its digest says.",
      params: inLog.extend({ artifact: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,179}$/) }),
      query: noQuery,
      secured: true,
      answers: fileAnswers("application/gzip", "application/json", "text/markdown"),
    },
    async (asked) => {
      const { caller, params } = asked;
      const { published } = feedOf(caller, params.feed);
      const { sequence } = await publicationOf(published, params.sequence, undefined, clock());
      const { manifest } = await published.read(sequence);
      const download = await downloadOf(params.feed, published, manifest, params.artifact, clock());
      const cache = params.sequence === "latest" ? "private, no-cache" : "private, max-age=31536000, immutable";
      return handOut(asked, { ...download, headers: { ...download.headers, "Cache-Control": cache } }, world);
    },
  );
  for (const [extension, { suffix, type }] of Object.entries(fixedFiles)) {
    routes.secured(
      {
        method: "GET",
        path: `/v1/feeds/{feed}/latest.${extension}`,
        id: `latest_${extension.replace(".", "_")}`,
        summary: `The newest period's whole ${suffix.slice(1)}${extension === "csv" ? ", compressed as `Accept-Encoding` allows" : ""}: one address for tools that know no other.`,
        params: inFeed,
        query: z.strictObject({
          period: z.string().max(20).optional().describe("Such as 2026-W46; the newest by default."),
        }),
        secured: true,
        answers: fileAnswers(type),
      },
      async (asked) => {
        const { caller, params, query } = asked;
        const { subscription, published } = feedOf(caller, params.feed);
        const facts = await publicationOf(published, "latest", query.period, clock());
        const { manifest } = await published.read(facts.sequence);
        const name = `${subscription.feed.id}_${manifest.period.id}_${tlpInName(manifest.tlp)}${suffix}`;
        const download = await downloadOf(params.feed, published, manifest, name, clock());
        const headers = {
          ...download.headers,
          "Cache-Control": "private, no-cache",
          "Content-Location": hrefOf(params.feed, facts.sequence, name),
        };
        if (extension !== "csv") return handOut(asked, { ...download, headers }, world);
        const plain = {
          ...headers,
          Vary: "Accept-Encoding",
          "Content-Type": download.artifact.media_type,
          "Content-Disposition": `attachment; filename="${name.slice(0, -3)}"`,
        };
        return takesGzip(asked.context.req.header("accept-encoding"))
          ? handOut(asked, { ...download, headers: { ...plain, "Content-Encoding": "gzip" } }, world)
          : handOutContent(asked, { ...download, headers: plain }, world);
      },
    );
  }
  routes.secured(
    {
      method: "GET",
      path: "/v1/receipts",
      id: "receipts",
      summary: "What you were handed, and when: by feed, in order.",
      params: z.object({}),
      query: z.strictObject({
        after: z
          .string()
          .max(200)
          .regex(/^[\w./-]*$/, "Write the `next` of the last answer.")
          .optional(),
        limit: whole(1, 10_000).default(1000),
      }),
      secured: true,
      answers: answerOf(
        "Receipts, and the cursor of the next page.",
        z.object({ receipts: z.array(z.looseObject({})), next: z.string().optional() }),
      ),
    },
    async ({ caller, query }) => {
      await world.journal.move();
      const { after, limit } = query;
      const store = world.store.under(`receipts/${caller.partner.id}`);
      return json(await readReceipts(store, { limit, ...(after === undefined ? {} : { after }) }));
    },
  );
  routes.secured(
    {
      method: "GET",
      path: "/v1/keys",
      id: "keys",
      summary:
        "The issuer's keys, which sign publications, and how many announcements of them there are. Compare the thumbprint with the one you were told.",
      params: z.object({}),
      query: noQuery,
      secured: true,
      answers: answerOf(
        "Keys.",
        z.object({ live: z.string(), keys: z.array(z.looseObject({})), announcements: z.int() }),
      ),
    },
    async ({ caller }) => {
      const { live, keys } = world.registry.issuer;
      let announcements = 0;
      for await (const _ of keyStore(world, caller).list("keys/")) announcements += 1;
      return json({ live, keys, announcements });
    },
  );
  routes.secured(
    {
      method: "GET",
      path: "/v1/keys/{n}",
      id: "keyAnnouncement",
      summary: "One announcement of keys as it was signed; from 1 without gaps.",
      params: z.object({ n: z.string().regex(/^[1-9]\d{0,7}$/) }),
      query: noQuery,
      secured: true,
      answers: { 200: { description: "The announcement.", content: { [jwsMediaType]: z.looseObject({}) } } },
    },
    async ({ caller, params }) => {
      const key = `keys/${sequenceName(Number(params.n))}.jws`;
      const bytes = await readBounded(keyStore(world, caller), key, maxJwsBytes);
      if (bytes === undefined) throw notFound();
      return new Response(new Uint8Array(bytes), {
        headers: { "Content-Type": jwsMediaType, "Cache-Control": "private, max-age=31536000, immutable" },
      });
    },
  );
}

/** File names by the address that never changes. */
const fixedFiles = {
  csv: { suffix: ".csv.gz", type: "text/csv" },
  "csv.gz": { suffix: ".csv.gz", type: "application/gzip" },
  json: { suffix: ".json", type: "application/json" },
  md: { suffix: ".md", type: "text/markdown" },
} as const;

const keyStore = ({ store }: HttpWorld, caller: Caller) => store.under(`partners/${caller.partner.id}`);

const hrefOf = (feed: string, ...rest: readonly (string | number)[]) =>
  ["/v1/feeds", feed, "publications", ...rest].join("/");

async function describe({ subscription, published }: Feed, now: number): Promise<z.infer<typeof feedItem>> {
  const { feed, every, formats, tlp } = subscription;
  const all = await published.publications(now);
  const latest = published.latest();
  return {
    id: feed.id,
    title: feed.title,
    description: feed.description,
    every,
    formats: [...formats],
    tlp,
    publications: all.length,
    latest: latest === undefined ? null : itemOf(feed.id, published, latest),
    href: `/v1/feeds/${feed.id}`,
    schema: `/v1/feeds/${feed.id}/schema`,
  };
}

function itemOf(feed: string, published: PublishedFeed, facts: PublicationFacts): z.infer<typeof publicationItem> {
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

/** Looks each second until something is there, the time is over, or the client is gone. */
async function waitFor(
  look: () => Promise<readonly PublicationFacts[]>,
  seconds: number,
  caller: Caller,
  signal: AbortSignal,
  { limits, stopping }: HttpWorld,
): Promise<readonly PublicationFacts[]> {
  const free = limits.take(caller.partner.id);
  try {
    for (let left = seconds; left > 0 && !signal.aborted && !stopping.aborted; left -= 1) {
      await sleep(1000, undefined, { signal: AbortSignal.any([signal, stopping]) }).catch(() => undefined);
      const found = await look();
      if (found.length > 0) return found;
    }
    return [];
  } finally {
    free();
  }
}

/** The publication that a path names. @throws SpampotsError `not-found` */
async function publicationOf(
  published: PublishedFeed,
  sequence: string,
  period: string | undefined,
  now: number,
): Promise<PublicationFacts> {
  const all = await published.publications(now);
  const facts = sequence === "latest" ? published.latest(period) : all[Number(sequence) - 1];
  if (facts === undefined || (period !== undefined && facts.period.id !== period)) throw notFound();
  return facts;
}

async function manifestAnswer(
  { context, caller, params, address }: AskedByCaller<{ feed: string; sequence: string }, unknown>,
  published: PublishedFeed,
  { sequence, payloadSha256 }: PublicationFacts,
  { journal, clock }: HttpWorld,
): Promise<Response> {
  const type = preferred(context.req.header("accept"), [jwsMediaType, "application/json"]);
  if (type === undefined) {
    throw new SpampotsError("not-acceptable", "A publication has none of the types that you accept.", {
      hint: `It is there as ${jwsMediaType} and as application/json.`,
    });
  }
  const etag = `"${payloadSha256}${type === jwsMediaType ? "" : "-json"}"`;
  const fixed = params.sequence !== "latest";
  const headers = {
    "Content-Type": type,
    "Cache-Control": fixed ? "private, max-age=31536000, immutable" : "private, no-cache",
    "Content-Location": hrefOf(params.feed, sequence),
    ETag: etag,
    Vary: "Accept",
  };
  if (matches(context.req.header("if-none-match"), etag)) return new Response(null, { status: 304, headers });
  const bytes = await published.signed(sequence);
  const body = type === jwsMediaType ? bytes : readJws(bytes, "spampots-manifest+jws").payload;
  if (context.req.method !== "HEAD") {
    await journal.note(caller.partner.id, {
      at: `${new Date(clock()).toISOString().slice(0, 19)}Z`,
      feed: params.feed,
      sequence,
      sha256: payloadSha256,
      how: "pull",
      token: caller.token.id,
      address,
    });
  }
  const length = { "Content-Length": String(body.length) };
  return new Response(new Uint8Array(body), { headers: { ...headers, ...length } });
}

/** An artifact that can be handed out. @throws SpampotsError `not-found`, `gone` */
async function downloadOf(
  feed: string,
  published: PublishedFeed,
  manifest: Manifest,
  name: string,
  now: number,
): Promise<Download> {
  const found = await published.artifact(manifest, name, now);
  if (found === undefined) throw notFound();
  if (found.state === "withdrawn") {
    throw new SpampotsError("gone", "This file was withdrawn.", {
      hint: `Publication ${found.by} of this feed says why: delete your copy, and what you made of it.`,
    });
  }
  if (found.state === "expired") {
    throw new SpampotsError("gone", "This file is expired.", {
      hint: `It was kept until ${found.until}; its manifest stays.`,
    });
  }
  const { artifact, key } = found;
  return { feed, published, sequence: manifest.sequence, artifact, key, headers: fileHeaders(artifact) };
}

/** A compressed file is handed out as the file it is, so that no client unpacks it before its digest is compared. */
function fileHeaders(artifact: Artifact): Record<string, string> {
  return {
    "Content-Type": artifact.content_encoding === "gzip" ? "application/gzip" : artifact.media_type,
    "Content-Disposition": `attachment; filename="${artifact.name}"`,
  };
}
