/** Routes on what a partner proves by: its receipts, and the keys that sign its publications. */
import { z } from "zod";
import { type ReceiptJournal, readReceipts } from "../../delivery/receipts/journal.ts";
import { maxJwsBytes, readBounded, sequenceName } from "../../publication/log.ts";
import { jwsMediaType } from "../../publication/sign.ts";
import type { Caller } from "../access.ts";
import { notFound, type Routes } from "../route.ts";
import type { HttpWorld } from "../world.ts";
import { answerOf, json, noParams, noQuery, whole } from "./shared.ts";

const keyStore = ({ store }: HttpWorld, caller: Caller) => store.under(`partners/${caller.partner.id}`);

/** What no book of ours can hold. */
const note = "What you read from your S3 prefix yourself, or by a link into the store, leaves no receipt.";

const movedAt = new WeakMap<ReceiptJournal, number>();

/** Sees to it that receipts up to a second ago can be read: objects hold many, and nobody waits for what others do. */
export async function recentMoved({ journal, clock }: HttpWorld): Promise<void> {
  if (Math.abs(clock() - (movedAt.get(journal) ?? Number.NEGATIVE_INFINITY)) < 1000) return;
  movedAt.set(journal, clock());
  await journal.move();
}

export function proofRoutes(routes: Routes, world: HttpWorld): void {
  routes.secured(
    {
      method: "GET",
      path: "/v1/receipts",
      id: "receipts",
      summary: "What you were handed, and when: by feed, in order.",
      params: noParams,
      query: z.strictObject({
        after: z
          .string()
          .max(200)
          .regex(/^[\w./-]*$/, "Write the `next` of the last answer.")
          .optional()
          .describe("The `next` of the last answer."),
        limit: whole(1, 10_000).default(1000).describe("Receipts in the answer."),
      }),
      secured: true,
      answers: answerOf(
        "Receipts, and the cursor of the next page.",
        z.object({ receipts: z.array(z.looseObject({})), next: z.string().optional(), note: z.string() }),
      ),
    },
    async ({ caller, query }) => {
      await recentMoved(world);
      const { after, limit } = query;
      const store = world.store.under(`receipts/${caller.partner.id}`);
      return json({ ...(await readReceipts(store, { limit, ...(after === undefined ? {} : { after }) })), note });
    },
  );
  routes.secured(
    {
      method: "GET",
      path: "/v1/keys",
      id: "keys",
      summary:
        "The issuer's keys, which sign publications, and how many announcements of them there are. Compare the thumbprint with the one you were told.",
      params: noParams,
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
      params: z.object({
        n: z
          .string()
          .regex(/^[1-9]\d{0,7}$/)
          .describe("Its number."),
      }),
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
