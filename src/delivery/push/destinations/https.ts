/**
 * Files into a folder of the partner's by PUT, as WebDAV servers take them, laid out as the partner's prefix is, so
 * that `spampots verify` and `openssl` prove the folder:
 *
 *     <url>/keys/00000001.jws   <url>/<feed>/artifacts/<16 hex>-<name>   <url>/<feed>/log/00000001.jws
 *
 * @see RFC 9110 §9.3.4 (PUT), RFC 9530 (Content-Digest), RFC 4918 §9.3 (MKCOL)
 */
import { createHash } from "node:crypto";
import type { DestinationOf } from "../../../feed/destinations.ts";
import { logKey } from "../../../publication/log.ts";
import { artifactKey } from "../../../publication/manifest.ts";
import { jwsMediaType } from "../../../publication/sign.ts";
import { digestField } from "../../../store/digest.ts";
import type { Outgoing, Target, TargetWorld, Trial, Tried } from "../destination.ts";
import {
  checkTaken,
  clockOf,
  type Outbound,
  type OutboundAnswer,
  type OutboundCall,
  openOutbound,
} from "../outbound.ts";

/** One file to be put. */
interface OutgoingFile {
  /** Below the base URL. */
  readonly name: string;
  readonly bytes: number;
  /** Hex. */
  readonly sha256: string;
  readonly mediaType: string;
  readonly body: NonNullable<OutboundCall["body"]>;
}

/** Opens a base URL. @throws SpampotsError `delivery-refused` where a secret is missing. */
export async function httpsTarget({ url, auth, tls }: DestinationOf<"https">, world: TargetWorld): Promise<Target> {
  const outbound = await openOutbound({ auth, tls, world });
  const base = url.replace(/\/*$/, "/");
  /** The last one that was put: who reads a manifest then has the key that signed it. */
  let announced: string | undefined;
  return {
    async deliver(outgoing, signal) {
      const { manifest, signed } = outgoing;
      const place = { outbound, base, signal };
      for await (const { name, signed: announcement } of outgoing.announcements(announced)) {
        await putFile(place, signedFile(name, announcement));
        announced = name;
      }
      for (const artifact of outgoing.artifacts) {
        const file = artifactFile(outgoing, artifact);
        if (!(outgoing.again && (await isThere(place, file)))) await putFile(place, file);
      }
      await putFile(place, signedFile(`${manifest.feed}/${logKey(manifest.sequence)}`, signed));
    },
    try: (trial, signal) => tryFile({ outbound, base, signal }, trial),
    close: () => outbound.close(),
  };
}

/** Puts a file and takes it away again; a server that takes files needn't let us delete any. */
async function tryFile(place: Place, { name, text }: Trial): Promise<Tried> {
  const body = Buffer.from(text);
  const sha256 = createHash("sha256").update(body).digest("hex");
  const answer = await putFile(place, {
    name,
    bytes: body.length,
    sha256,
    mediaType: "text/plain; charset=utf-8",
    body,
  });
  const url = new URL(place.base + name);
  const removed = await place.outbound.call({ method: "DELETE", url, signal: place.signal }).then(
    ({ status }) => (status >= 200 && status < 300) || status === 404,
    () => false,
  );
  return {
    did: `It took ${name} (HTTP ${answer.status}), ${removed ? "and it was removed again." : "which stays: we may not delete there, and needn't."}`,
    ...clockOf(answer),
  };
}

function signedFile(name: string, signed: Uint8Array): OutgoingFile {
  const sha256 = createHash("sha256").update(signed).digest("hex");
  return { name, bytes: signed.length, sha256, mediaType: jwsMediaType, body: signed };
}

function artifactFile(outgoing: Outgoing, artifact: Outgoing["artifacts"][number]): OutgoingFile {
  const { bytes, sha256, content_encoding, media_type } = artifact;
  return {
    name: `${outgoing.manifest.feed}/${artifactKey(artifact)}`,
    bytes,
    sha256,
    // The file is what is put, packed as it is.
    mediaType: content_encoding === "gzip" ? "application/gzip" : media_type,
    body: { bytes, chunks: reopened(() => outgoing.open(artifact)) },
  };
}

interface Place {
  readonly outbound: Outbound;
  readonly base: string;
  readonly signal: AbortSignal;
}

/** A file whose name holds its digest is there if one of its length is: half a file is shorter. */
async function isThere({ outbound, base, signal }: Place, { name, bytes }: OutgoingFile): Promise<boolean> {
  const { status, headers } = await outbound.call({ method: "HEAD", url: new URL(base + name), signal });
  return status === 200 && headers["content-length"] === String(bytes);
}

/** A stream that begins anew each time that it is iterated: a file may have to be put twice. */
const reopened = (open: () => Promise<AsyncIterable<Uint8Array>>): AsyncIterable<Uint8Array> => ({
  async *[Symbol.asyncIterator]() {
    yield* await open();
  },
});

async function putFile(place: Place, file: OutgoingFile): Promise<OutboundAnswer> {
  const { outbound, base, signal } = place;
  const url = new URL(base + file.name);
  const put = async () =>
    outbound.call({
      method: "PUT",
      url,
      headers: { "content-type": file.mediaType, "content-digest": digestField(file.sha256) },
      body: file.body,
      signal,
    });
  let answer = await put();
  if (noFolder.has(answer.status) && (await makeFolders(place, file.name))) answer = await put();
  checkTaken(answer, url);
  return answer;
}

/** How servers that don't make folders by themselves say so: RFC 4918 §9.7.1 has 409, others answer 404, nginx 500. */
const noFolder = new Set([404, 409, 500]);

/**
 * Makes the folders of a file below the base. True where they are there now: made (201), or there already (405),
 * perhaps since another lane that goes to the same place made them a moment ago.
 */
async function makeFolders({ outbound, base, signal }: Place, name: string): Promise<boolean> {
  const folders = name.split("/").slice(0, -1);
  for (let depth = 1; depth <= folders.length; depth += 1) {
    const url = new URL(`${base}${folders.slice(0, depth).join("/")}/`);
    const { status } = await outbound.call({ method: "MKCOL", url, signal });
    if (status !== 201 && status !== 405) return false;
  }
  return true;
}
