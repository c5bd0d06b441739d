/** Whether the service lives, and whether it can answer: for who watches it. Says nothing of any partner. */
import { z } from "zod";
import { SpampotsError } from "../errors.ts";
import type { Routes } from "./route.ts";
import type { HttpWorld } from "./world.ts";

const nothing = z.object({});
const noQuery = z.strictObject({});
const state = z.object({ status: z.literal("ok") });

/** How long an answer on the store is good for, in milliseconds: asking often must not cost. */
const goodMs = 2000;

export function healthRoutes(routes: Routes, { store, behind, clock, stopping }: HttpWorld): void {
  const ok = () =>
    new Response(JSON.stringify({ status: "ok" }), {
      headers: { "Content-Type": "application/json", "Cache-Control": "no-store" },
    });
  const route = { method: "GET", params: nothing, query: noQuery, secured: false } as const;
  const answers = { 200: { description: "It does.", content: { "application/json": state } } };
  let looked: { readonly at: number; readonly found: Promise<unknown> } | undefined;
  routes.open({ ...route, path: "/healthz", id: "healthz", summary: "Whether the service lives.", answers }, ok);
  routes.open(
    {
      ...route,
      path: "/readyz",
      id: "readyz",
      summary: "Whether it can answer: the store does, what is due is published, and it isn't stopping.",
      answers,
    },
    async () => {
      if (stopping.aborted) throw new SpampotsError("interrupted", "The service is stopping.");
      if (looked === undefined || Math.abs(clock() - looked.at) > goodMs)
        looked = { at: clock(), found: store.stat("keys/00000001.jws") };
      await looked.found;
      if (behind()) throw new SpampotsError("not-ready", "What is due isn't published yet.");
      return ok();
    },
  );
}
