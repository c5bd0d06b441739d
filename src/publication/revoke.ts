/**
 * The signed parts of a withdrawal with `--revoke`: every indicator of the withdrawn publications once more, as revoked.
 * They depend on the withdrawn parts alone, so that a run that was killed makes the same again, and partners who were
 * given the same parts share them.
 *
 * @see design §3 points 12 and 13; stix.md (times)
 */
import { createHash } from "node:crypto";
import { gunzipSync } from "node:zlib";
import { z } from "zod";
import { SpampotsError } from "../errors.ts";
import { parsePeriod } from "../feed/period.ts";
import { grains } from "../fields.ts";
import type { Store } from "../store/store.ts";
import { readBounded } from "./log.ts";
import { type Artifact, artifactKey, type Manifest } from "./manifest.ts";
import { putSliceRecord, readSliceRecords } from "./records.ts";
import type { RenderContext, RenderedArtifact } from "./render.ts";
import type { SliceWorld } from "./slices.ts";
import { stixRevocation } from "./stix-revocation.ts";

/** What a revocation comes to: its parts, and how many `revoke` records the slice has. */
export interface Revocation {
  readonly artifacts: readonly RenderedArtifact[];
  readonly revokes: number;
}

/** What revoking works with. `place` is the store confined to the feed's prefix. */
export interface RevokeWorld extends Pick<SliceWorld, "issuer" | "siteKey" | "sensors"> {
  readonly store: Store;
  readonly place: Store;
}

/**
 * Puts the `revoke` record of the slice and renders the parts into `folder`, which exists. Without any indicator there
 * is neither record nor part.
 *
 * @param publications those to be withdrawn, newest first: of an indicator the newest version counts.
 * @throws SpampotsError `not-found` where a part is gone, `verify-failed` where it isn't what its manifest says.
 */
export async function renderRevocation(
  newest: Manifest,
  publications: readonly Manifest[],
  folder: string,
  world: RevokeWorld,
): Promise<Revocation> {
  const parts = publications.flatMap(({ artifacts }) => artifacts).filter((artifact) => artifact.objects !== undefined);
  const period = parsePeriod(newest.period.id);
  const latest = await latestIndicator(parts, world.place);
  const slice = { feed: newest.feed, policyDigest: newest.policy.digest, period: period.id };
  const own = latest === undefined ? [] : [await putSliceRecord(world.store, "revoke", slice, purposeOf(parts))];
  const { revokes } = await readSliceRecords(world.store, slice, { own, stated: [newest] });
  if (latest === undefined) return { artifacts: [], revokes };
  const context: RenderContext = {
    feed: newest.feed,
    grain: grainOf(newest),
    period,
    tlp: newest.tlp,
    columns: [],
    policyDigest: newest.policy.digest,
    economies: newest.policy.economies === "all" ? "all" : newest.policy.economies.map((economy) => economy.code),
    siteKey: world.siteKey,
    threads: 1,
    issuer: world.issuer,
    // One step after the newest version of any of them: the record that was just put.
    modifiedSteps: latest + 1 - period.end,
    revokes,
    stixMaxRows: 0,
    folder,
    hits: (text) => world.sensors.hits(text),
  };
  return { artifacts: await stixRevocation(contents(parts, world.place), context), revokes };
}

/** Named by the parts that are revoked: the same again for partners who have the same. */
function purposeOf(parts: readonly Artifact[]): string {
  return `revoke ${parts.map((part) => part.content_sha256).join(" ")}`;
}

function grainOf({ feed_definition }: Manifest): RenderContext["grain"] {
  const grain = grains.find((known) => known === feed_definition.grain);
  if (grain !== undefined) return grain;
  throw new SpampotsError("bad-manifest", "A manifest's feed has no grain that is known.");
}

async function* contents(parts: readonly Artifact[], place: Store): AsyncGenerator<Uint8Array> {
  for (const part of parts) yield await contentOf(part, place);
}

/** `modified` of the newest indicator in the parts, in milliseconds; `undefined` where there is none. */
async function latestIndicator(parts: readonly Artifact[], place: Store): Promise<number | undefined> {
  let latest: number | undefined;
  for await (const content of contents(parts, place)) {
    const bundle = bundleSchema.safeParse(JSON.parse(Buffer.from(content).toString()));
    if (!bundle.success) throw new SpampotsError("bad-manifest", "A withdrawn part is no STIX bundle.");
    for (const { type, modified } of bundle.data.objects) {
      if (type === "indicator") latest = Math.max(latest ?? 0, Date.parse(modified ?? ""));
    }
  }
  return latest;
}

/** As much of a part as must be known to revoke it. */
const bundleSchema = z.object({ objects: z.array(z.object({ type: z.string(), modified: z.string().optional() })) });

async function contentOf(part: Artifact, place: Store): Promise<Uint8Array> {
  const key = artifactKey(part);
  const read = () => readBounded(place, key, part.bytes);
  // Asked again: a service that is ill may deny what it holds, and without --revoke machines would go on using the part.
  const file = (await read()) ?? (await read());
  if (file === undefined) {
    throw new SpampotsError("not-found", "A part whose indicators were to be revoked is gone.", {
      key,
      hint: "Run it again; if that stays, it expired or was deleted: withdraw without --revoke.",
    });
  }
  if (createHash("sha256").update(file).digest("hex") === part.sha256) {
    return part.content_encoding === "gzip" ? gunzipSync(file, { maxOutputLength: part.content_bytes }) : file;
  }
  throw new SpampotsError("verify-failed", "A part whose indicators were to be revoked isn't what was published.", {
    key,
    hint: "`spampots verify` names everything that was changed: bring it back from a copy, or withdraw without --revoke.",
  });
}
