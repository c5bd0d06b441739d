/** Artifacts on their way into a log's prefix, before and after the commit that names them. */
import { SpampotsError } from "../errors.ts";
import type { FileBody, Store } from "../store/store.ts";
import type { Rendered } from "./compose.ts";
import { type Artifact, artifactKey, type Manifest } from "./manifest.ts";

/** Puts what a manifest names. What is there already is put again, so that no sweep takes it meanwhile. */
export async function putArtifacts(
  store: Store,
  manifest: Manifest,
  rendered: Pick<Rendered, "artifacts">,
): Promise<void> {
  for (const artifact of manifest.artifacts) {
    const file = rendered.artifacts.find((entry) => entry.name === artifact.name);
    if (file === undefined)
      throw new SpampotsError("internal", "A manifest names a file that was not rendered.", { name: artifact.name });
    await putArtifact(store, artifact, file);
  }
}

/** Puts one artifact under the key and the types that its manifest states. */
export async function putArtifact(store: Store, artifact: Artifact, file: FileBody): Promise<void> {
  await store.putFile(artifactKey(artifact), file, {
    contentType: artifact.media_type,
    ...(artifact.content_encoding === undefined ? {} : { contentEncoding: artifact.content_encoding }),
  });
}

/** A sweep that began before the commit may have taken an artifact: it is looked for once more. */
export async function putMissing(
  store: Store,
  manifest: Manifest,
  rendered: Pick<Rendered, "artifacts">,
): Promise<void> {
  for (const artifact of manifest.artifacts) {
    if ((await store.stat(artifactKey(artifact))) === undefined) return putArtifacts(store, manifest, rendered);
  }
}
