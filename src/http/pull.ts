/**
 * The pull API `/v1`: feeds, their publications in order, and the files they name. The cursor is the sequence, so that
 * nothing is lost however many are published at one instant.
 *
 * @see `docs/partner-guide.md`, which shows it from the client's side
 */
import { feedRoutes } from "./pull/feeds.ts";
import { fileRoutes } from "./pull/files.ts";
import { proofRoutes } from "./pull/proofs.ts";
import { publicationRoutes } from "./pull/publications.ts";
import type { Routes } from "./route.ts";
import type { HttpWorld } from "./world.ts";

/** Adds the door `/v1`, in the order of its documentation. */
export function pullRoutes(routes: Routes, world: HttpWorld): void {
  feedRoutes(routes, world);
  publicationRoutes(routes, world);
  fileRoutes(routes, world);
  proofRoutes(routes, world);
}
