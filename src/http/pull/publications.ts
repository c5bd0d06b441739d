/** Routes on publications: those after a sequence, waiting for the next one, and each as it was signed. */
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { SpampotsError } from "../../errors.ts";
import { secondsInstant } from "../../feed/period.ts";
import { manifestSchema } from "../../publication/manifest.ts";
import { jwsMediaType, readJws } from "../../publication/sign.ts";
import type { Caller } from "../access.ts";
import { type Request, wayOf } from "../download.ts";
import { preferred } from "../media.ts";
import type { PublicationFacts, PublishedFeed } from "../published.ts";
import { matches } from "../range-header.ts";
import type { AskedByCaller, Routes } from "../route.ts";
import type { HttpWorld } from "../world.ts";
import {
  answerOf,
  feedOf,
  hrefOf,
  inFeed,
  inLog,
  itemOf,
  json,
  publicationItem,
  publicationOf,
  whole,
} from "./shared.ts";

/** Most publications in an answer, and how many there are by default. */
const mostListed = 100;

/** Longest wait for a new publication, in seconds. */
const longestWait = 60;

const listing = z.object({ publications: z.array(publicationItem), next: z.int(), more: z.boolean() });

export function publicationRoutes(routes: Routes, world: HttpWorld): void {
  const { clock } = world;
  routes.secured(
    {
      method: "GET",
      path: "/v1/feeds/{feed}/publications",
      id: "publications",
      summary: "Publications after a sequence, oldest first. With `wait`, the answer waits for one.",
      params: inFeed,
      query: z.strictObject({
        after: whole(0, 99_999_999).default(0).describe("The sequence you have; the `next` of the last answer."),
        limit: whole(1, mostListed).default(mostListed).describe("Publications in the answer."),
        wait: whole(0, longestWait).default(0).describe("Seconds to wait where there is nothing new."),
      }),
      secured: true,
      answers: answerOf("Publications.", listing),
    },
    async ({ caller, params, query, context }) => {
      const feed = feedOf(caller, params.feed);
      const after = () => feed.published.publications(clock(), query.after + 1);
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

async function manifestAnswer(
  asked: AskedByCaller<{ feed: string; sequence: string }, unknown>,
  published: PublishedFeed,
  facts: PublicationFacts,
  world: HttpWorld,
): Promise<Response> {
  const { context, params } = asked;
  const { sequence, payloadSha256 } = facts;
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
  return handOutManifest(asked, { feed: params.feed, published, facts, headers }, world);
}

/** A signed manifest that is handed out. */
interface ManifestDownload {
  readonly feed: string;
  readonly published: PublishedFeed;
  readonly facts: Pick<PublicationFacts, "sequence" | "payloadSha256">;
  /** `Content-Type` says whether the payload is wanted, or all of the JWS. */
  readonly headers: Readonly<Record<string, string>> & { readonly "Content-Type": string };
}

/** A signed manifest, or its payload, with a receipt for it. */
export async function handOutManifest(
  { context, caller, address }: Request,
  { feed, published, facts, headers }: ManifestDownload,
  { journal, clock }: HttpWorld,
): Promise<Response> {
  const bytes = await published.signed(facts.sequence);
  const body = headers["Content-Type"] === jwsMediaType ? bytes : readJws(bytes, "spampots-manifest+jws").payload;
  if (context.req.method !== "HEAD") {
    await journal.note(caller.partner.id, {
      at: secondsInstant(clock()),
      feed,
      sequence: facts.sequence,
      sha256: facts.payloadSha256,
      how: wayOf(caller),
      token: caller.token.id,
      address,
    });
  }
  const length = { "Content-Length": String(body.length) };
  return new Response(new Uint8Array(body), { headers: { ...headers, ...length } });
}
