/** Routes on files: each that a publication names, and those of the newest period under an address that never changes. */
import { z } from "zod";
import { SpampotsError } from "../../errors.ts";
import { plain } from "../../log.ts";
import { type Artifact, type Manifest, tlpInName } from "../../publication/manifest.ts";
import { type Download, handOut, handOutContent } from "../download.ts";
import { takesGzip } from "../media.ts";
import type { PublishedFeed } from "../published.ts";
import { type Answer, notFound, problemContent, type Routes } from "../route.ts";
import type { HttpWorld } from "../world.ts";
import { feedOf, hrefOf, inFeed, inLog, noQuery, publicationOf } from "./shared.ts";

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

/** File names by the address that never changes. */
const fixedFiles = {
  csv: { suffix: ".csv.gz", type: "text/csv" },
  "csv.gz": { suffix: ".csv.gz", type: "application/gzip" },
  json: { suffix: ".json", type: "application/json" },
  md: { suffix: ".md", type: "text/markdown" },
} as const;

export function fileRoutes(routes: Routes, world: HttpWorld): void {
  const { clock } = world;
  routes.secured(
    {
      method: "GET",
      path: "/v1/feeds/{feed}/publications/{sequence}/{artifact}",
      id: "artifact",
      summary: "A file that a publication names, byte for byte as its digest says.",
      params: inLog.extend({
        artifact: z
          .string()
          .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,179}$/)
          .describe("Its name, as the manifest has it."),
      }),
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
}

/** An artifact that can be handed out. @throws SpampotsError `not-found`, `gone` */
export async function downloadOf(
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
      hint: `Publication ${found.by} of this feed says why: ${plain(found.reason)} Delete your copy, and what you made of it.`,
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
