/**
 * What a withdrawal with `--revoke` publishes: the indicators of the withdrawn parts once more, `revoked`, under their
 * ids and with a later `modified`, so that consumers drop them. Sightings and observed data have nothing to block by
 * and stay as they are.
 *
 * @see STIX 2.1 §3.6 (versioning: a revoked object is its last version)
 */
import { SpampotsError } from "../errors.ts";
import type { RenderContext, RenderedArtifact } from "./render.ts";
import { ObjectLines } from "./stix-lines.ts";
import { StixParts } from "./stix-parts.ts";
import type { Indicator } from "./stix-types.ts";

/**
 * Renders `<feed>_<period>_tlp-<label>_revoked-part-<4 digits>.stix.json.gz`; none where the parts held no indicator.
 *
 * @param parts the uncompressed content of each withdrawn part, verified.
 * @param context that of the withdrawn publication, with `modifiedSteps` that count this revocation; `columns` and the
 *   site key aren't read.
 * @throws SpampotsError `bad-manifest` for content that is no bundle, `disk-failed`.
 */
export async function stixRevocation(
  parts: AsyncIterable<Uint8Array>,
  context: RenderContext,
): Promise<readonly RenderedArtifact[]> {
  const modified = new Date(context.period.end + context.modifiedSteps).toISOString();
  const revoked = new StixParts(context, "revoked-part");
  const lines = new ObjectLines();
  try {
    for await (const part of parts) {
      for (const indicator of indicatorsOf(part)) {
        // A key that filled several parts repeats its indicator in each; a revoked part takes it once.
        const text = JSON.stringify({ ...indicator, modified, revoked: true });
        lines.clear();
        lines.add(indicator.id, text);
        lines.endShared();
        await revoked.add(lines);
      }
    }
    return await revoked.finish();
  } catch (error) {
    await revoked.abort();
    throw error;
  }
}

function indicatorsOf(part: Uint8Array): readonly Indicator[] {
  const bundle: unknown = JSON.parse(Buffer.from(part).toString());
  if (typeof bundle !== "object" || bundle === null || !("objects" in bundle) || !Array.isArray(bundle.objects)) {
    throw new SpampotsError("bad-manifest", "A withdrawn part is no STIX bundle.");
  }
  return bundle.objects.filter(isIndicator);
}

/** The parts are ours and verified: an object of this type has the properties that we gave it. */
function isIndicator(object: unknown): object is Indicator {
  return typeof object === "object" && object !== null && "type" in object && object.type === "indicator";
}
