/**
 * The summary that a publication holds: its JSON file, read whole within a bound and compared with the digest that was
 * signed before anything in it is looked at. Nothing else is read for charts.
 *
 * @see design §3 points 1, 11 and 15
 */
import { createHash } from "node:crypto";
import { Recent } from "../../../capture/recent.ts";
import { SpampotsError } from "../../../errors.ts";
import { type Artifact, artifactKey, type Manifest } from "../../../publication/manifest.ts";
import type { Summary } from "../../../publication/summary.ts";
import { decodeSummary, maxSummaryBytes } from "../../../publication/summary-schema.ts";
import type { PublishedFeed } from "../../published.ts";

/** Summaries that are remembered, by the log they stand in and the digest that was signed there. */
const known = new Recent<Summary>(256, 8 * 1024 * 1024);

/** A summary, or why there is none: `none` where the publication has no such file. */
export type SummaryState =
  | { readonly state: "there"; readonly summary: Summary; readonly artifact: Artifact }
  | { readonly state: "withdrawn" | "expired" | "none" };

/** The file of a publication that holds its summary as JSON. */
const summaryFile = ({ artifacts, feed_definition: { grain } }: Manifest): Artifact | undefined =>
  grain === "summary"
    ? artifacts.find((entry) => entry.media_type === "application/json" && entry.content_encoding === undefined)
    : undefined;

/**
 * Reads the summary of a publication of this log. `now` in milliseconds.
 *
 * @throws SpampotsError `store-unavailable`; `verify-failed` where the file isn't the one that was signed, or isn't a summary.
 */
export async function readSummary(published: PublishedFeed, manifest: Manifest, now: number): Promise<SummaryState> {
  const artifact = summaryFile(manifest);
  // Whether it can be handed out is asked each time, also of what is remembered.
  const found = artifact && (await published.artifact(manifest, artifact.name, now));
  if (artifact === undefined || found === undefined) return { state: "none" };
  if (found.state !== "there") return { state: found.state };
  // By the partner too: what one partner looked at must not answer faster for another.
  const key = `${manifest.partner}/${manifest.feed}/${artifact.sha256}`;
  const remembered = known.get(key);
  if (remembered) return { state: "there", summary: remembered, artifact };
  const summary = decodeSummary(await bytesOf(published, artifact));
  known.set(key, summary, artifact.bytes);
  return { state: "there", summary, artifact };
}

async function bytesOf(published: PublishedFeed, artifact: Artifact): Promise<Uint8Array> {
  const { bytes, sha256 } = artifact;
  const key = artifactKey(artifact);
  if (bytes > maxSummaryBytes)
    throw new SpampotsError("verify-failed", "A summary is larger than any of ours.", { key });
  const stored = await published.open(key, { start: 0, end: bytes });
  if (stored === undefined)
    throw new SpampotsError("store-unavailable", "An artifact was deleted before it was read.", { key });
  const hash = createHash("sha256");
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of stored.body) {
    length += chunk.length;
    if (length > bytes) break;
    hash.update(chunk);
    chunks.push(chunk);
  }
  if (length !== bytes || hash.digest("hex") !== sha256) {
    throw new SpampotsError("verify-failed", "A summary isn't the file that was signed.", {
      hint: "Somebody changed it in the store: bring it back from a copy. `spampots verify --deep` names all that was changed.",
      key,
    });
  }
  return Buffer.concat(chunks);
}
