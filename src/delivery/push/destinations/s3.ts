/**
 * Files into a bucket of the partner's, laid out as the partner's prefix of our own store is, so that
 * `spampots verify s3://<bucket>/<prefix>` proves it:
 *
 *     <prefix>/keys/00000001.jws   <prefix>/<feed>/artifacts/<16 hex>-<name>   <prefix>/<feed>/log/00000001.jws
 *
 * What is signed is put once, by a conditional put; a file whose name holds its digest is put unless it is there whole.
 * So nothing is written twice. Whatever answers there isn't trusted.
 *
 * @see docs/decisions/0016-how-publications-are-pushed.md
 */
import { isError, SpampotsError } from "../../../errors.ts";
import type { DestinationOf } from "../../../feed/destinations.ts";
import { plain } from "../../../log.ts";
import { logKey } from "../../../publication/log.ts";
import { type Artifact, artifactKey } from "../../../publication/manifest.ts";
import { jwsMediaType } from "../../../publication/sign.ts";
import { openS3Place, type S3PlaceStore } from "../../../store/s3-place.ts";
import { secretOf } from "../credentials.ts";
import type { Outgoing, Target, TargetWorld, Trial } from "../destination.ts";
import { fencedLookup } from "../fence.ts";
import { checkPlace, clockOf, isUntrusted, openOutbound } from "../outbound.ts";

/** Milliseconds for a call, its tries included; what is sent has more time, by its size. */
const deadlineMs = 60_000;

/**
 * Opens a bucket.
 *
 * @throws SpampotsError `delivery-refused` where a secret is missing, or the endpoint is outside the fence.
 */
export async function s3Target(destination: DestinationOf<"s3">, world: TargetWorld): Promise<Target> {
  const { bucket, prefix = "", endpoint, region, acl, path_style: pathStyle = endpoint !== undefined } = destination;
  if (endpoint !== undefined) checkPlace(new URL(endpoint), world);
  const place = openS3Place({
    bucket,
    prefix,
    region,
    pathStyle,
    deadlineMs,
    ...(endpoint === undefined ? {} : { endpoint }),
    ...credentialsOf(destination, world),
    foreign: { lookup: fencedLookup(world), ...(acl === undefined ? {} : { acl }), ...roleOf(destination, world) },
  });
  const announced = new Set<string>();
  return {
    async deliver(outgoing, signal) {
      const there = place.during(signal, (error) => refusedOrFailed(error, bucket));
      const { manifest, signed } = outgoing;
      for await (const { name, signed: announcement } of outgoing.announcements()) {
        if (!announced.has(name)) await putSigned(there, name, announcement);
        announced.add(name);
      }
      for (const artifact of outgoing.artifacts) await putUnlessThere(there, outgoing, artifact);
      await putSigned(there, `${manifest.feed}/${logKey(manifest.sequence)}`, signed);
    },
    async try(trial, signal) {
      const there = place.during(signal, (error) => refusedOrFailed(error, bucket));
      return { did: await tryObject(there, trial), ...(await clockAt(destination, world, signal)) };
    },
    close: () => place.close(),
  };
}

/** Puts an object, reads it back, and takes it away where we may. @returns what was done */
async function tryObject(there: S3PlaceStore, { name, text }: Trial): Promise<string> {
  await there.putOnce(name, Buffer.from(text), { contentType: "text/plain; charset=utf-8" });
  const found = await there.get(name);
  if (found === undefined || Buffer.compare(found, Buffer.from(text)) !== 0) {
    throw new SpampotsError("delivery-failed", "A bucket doesn't have what it took.", { key: name });
  }
  const removed = await there.delete(name).then(
    () => true,
    () => false,
  );
  return `It took ${name} and gives it back; ${removed ? "it was removed again." : "it stays: we may not delete there, and needn't."}`;
}

/** The service's clock, by an answer to whoever asks, be it a refusal. */
async function clockAt({ endpoint, region }: DestinationOf<"s3">, world: TargetWorld, signal: AbortSignal) {
  const outbound = await openOutbound({ world });
  try {
    const url = new URL(endpoint ?? `https://s3.${region}.amazonaws.com`);
    return clockOf(await outbound.call({ method: "HEAD", url, signal }));
  } catch {
    // What matters was shown by then.
    return {};
  } finally {
    outbound.close();
  }
}

/** None where our own principal is let in: the SDK's default chain knows it. */
function credentialsOf({ credentials }: DestinationOf<"s3">, world: TargetWorld) {
  if (credentials === undefined) return {};
  const { access_key: accessKey, secret_key: secretKey, session_token: sessionToken } = credentials;
  return {
    credentials: {
      accessKeyId: secretOf(world, accessKey),
      secretAccessKey: secretOf(world, secretKey),
      ...(sessionToken === undefined ? {} : { sessionToken: secretOf(world, sessionToken) }),
    },
  };
}

function roleOf({ role }: DestinationOf<"s3">, world: TargetWorld) {
  if (role === undefined) return {};
  const { arn, external_id: externalId } = role;
  return { role: { arn, ...(externalId === undefined ? {} : { externalId: secretOf(world, externalId) }) } };
}

/** Announcements and manifests never change: other bytes under their name are somebody else's. */
async function putSigned(there: S3PlaceStore, key: string, signed: Uint8Array): Promise<void> {
  if ((await there.putOnce(key, signed, { contentType: jwsMediaType })) === "created") return;
  const found = await there.get(key);
  if (found === undefined) {
    throw new SpampotsError("delivery-failed", "A bucket says that a name is taken, and has nothing there.", { key });
  }
  if (Buffer.compare(found, signed) === 0) return;
  throw new SpampotsError("delivery-refused", "A destination has something else under the name of what is brought.", {
    key,
    reason: "somebody else writes there",
    hint: "Ask the partner who writes there, and give this destination a prefix of its own.",
  });
}

/** S3 shows objects whole or not at all, and the name holds the digest: one of its length is it. */
async function putUnlessThere(there: S3PlaceStore, outgoing: Outgoing, artifact: Artifact): Promise<void> {
  const { bytes, sha256, media_type: contentType, content_encoding: contentEncoding } = artifact;
  const key = `${outgoing.manifest.feed}/${artifactKey(artifact)}`;
  if ((await there.stat(key))?.bytes === bytes) return;
  // Opened when it is read: what is never read would never be closed.
  const chunks = (async function* () {
    yield* await outgoing.open(artifact);
  })();
  const types = { contentType, ...(contentEncoding === undefined ? {} : { contentEncoding }) };
  await there.putStream(key, { bytes, sha256, chunks }, types);
}

/** Where somebody has to change something, and what. */
const askPartner =
  "See that bucket, region, endpoint and credentials are right, and ask the partner whether we may: s3:PutObject, s3:GetObject, s3:AbortMultipartUpload, and s3:ListBucket.";

/**
 * What an error of the store's code means for a delivery. What the service said stays out of it: it may repeat what was
 * sent to it, tokens included.
 */
function refusedOrFailed(error: unknown, bucket: string): unknown {
  if (!isError(error))
    return new SpampotsError("delivery-failed", "A bucket's answer can't be understood.", { bucket });
  const { operation, attempts, status, retryAfterMs } = error.facts;
  const reason = reasonOf(error);
  const facts = { bucket, operation, attempts, status, reason };
  if (isUntrusted(error.cause)) {
    return new SpampotsError("delivery-refused", "A bucket's certificate doesn't hold.", {
      ...facts,
      hint: "Ask the partner; a private authority is made known by NODE_EXTRA_CA_CERTS.",
    });
  }
  if (error.code === "store-unavailable") {
    const asked = retryAfterMs === undefined ? {} : { retryAfterMs };
    return new SpampotsError("delivery-failed", "A bucket can't take a delivery now.", { ...facts, ...asked });
  }
  if (error.code === "store-unfit") {
    const hint =
      "It must honour If-None-Match on PutObject, and answer as S3 does. Ask the partner, or bring files by https.";
    return new SpampotsError("delivery-refused", "A bucket's service can't do what is needed.", { ...facts, hint });
  }
  if (error.code !== "store-denied") return error;
  return new SpampotsError("delivery-refused", "A bucket refuses a delivery.", { ...facts, hint: askPartner });
}

/** Such as `AccessDenied, HTTP 403`: the name is the service's own word. */
function reasonOf({ facts: { name, status, system }, message }: SpampotsError): string {
  const said = typeof system === "string" ? system : name;
  const words = typeof said === "string" ? plain(said.slice(0, 80)) : message;
  return status === undefined ? words : `${words}, HTTP ${status}`;
}
