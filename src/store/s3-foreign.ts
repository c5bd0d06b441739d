/**
 * What is different where an S3 service isn't ours but a partner's: names are looked up behind the fence of
 * destinations, answers are short or not read to their end, nothing of our own settings for AWS applies, and a role may
 * be assumed. The service that hands out the role's credentials (STS) is as foreign.
 *
 * @see AWS Security Token Service API Reference, AssumeRole
 */
import { Agent as HttpAgent } from "node:http";
import { Agent as HttpsAgent } from "node:https";
import type { LookupFunction } from "node:net";
import { pipeline, Readable, Transform } from "node:stream";
import type { S3Client, S3ClientConfig } from "@aws-sdk/client-s3";
import { SpampotsError } from "../errors.ts";
import { senseless } from "./s3-error.ts";
import type { S3Credentials } from "./s3-session.ts";

/** How a service is reached that isn't ours. */
export interface ForeignService {
  /** Looks up every host that is connected to. */
  readonly lookup: LookupFunction;
  /** A role that is assumed with our credentials. */
  readonly role?: { readonly arn: string; readonly externalId?: string };
  /** Gives what is put to the bucket's owner. */
  readonly acl?: "bucket-owner-full-control";
}

/** Of the service and of who asks, as in `S3Options`. */
interface Asking {
  readonly region: string;
  readonly endpoint?: string;
  readonly credentials?: S3Credentials;
}

/** Milliseconds until a connection must stand, and for which one may be silent. */
const connectMs = 15_000;
const silentMs = 60_000;

/** Bytes of an answer that are read at most: signed manifests, and errors. */
const mostAnswer = 2 * 1024 * 1024;

/** Shows in the partner's logs. */
const sessionName = "spampots-feeds";

/** The ways to a foreign service. */
export interface ForeignWays {
  /** What of the client's configuration they are. */
  readonly configuration: Pick<S3ClientConfig, "requestHandler" | "ignoreConfiguredEndpointUrls" | "credentials">;
  /** Bounds the answers that a client reads. */
  bound(client: S3Client): void;
  close(): void;
}

/** Opens the ways. Nothing is connected yet. */
export function openForeign({ lookup, role }: ForeignService, asking: Asking): ForeignWays {
  const httpAgent = new HttpAgent({ keepAlive: true, lookup });
  const httpsAgent = new HttpsAgent({ keepAlive: true, lookup, minVersion: "TLSv1.2" });
  const timeouts = { connectionTimeout: connectMs, socketTimeout: silentMs };
  const ways = {
    requestHandler: { httpAgent, httpsAgent, ...timeouts },
    // AWS_ENDPOINT_URL and profiles are for the operator's own store.
    ignoreConfiguredEndpointUrls: true,
  };
  const assumed = role && { credentials: () => assume(role, { ...asking, ...ways }) };
  return {
    configuration: { ...ways, ...assumed },
    bound: ({ middlewareStack }) => middlewareStack.add(boundAnswers, nearest),
    close() {
      httpAgent.destroy();
      httpsAgent.destroy();
    },
  };
}

/** Middleware of any client of the SDK. */
const boundAnswers =
  <Asked, Output extends { response: unknown }>(next: (asked: Asked) => Promise<Output>) =>
  async (asked: Asked): Promise<Output> => {
    const output = await next(asked);
    const { response } = output;
    const held = typeof response === "object" && response !== null && "body" in response ? response : undefined;
    if (held?.body instanceof Readable) held.body = bounded(held.body);
    return output;
  };

/** Nearest to the wire: before anything is read of an answer, errors included. */
const nearest = { step: "deserialize", priority: "low", name: "boundAnswers" } as const;

function bounded(body: Readable): Readable {
  let left = mostAnswer;
  const limit = new Transform({
    transform(chunk: Uint8Array, _encoding, done) {
      left -= chunk.length;
      if (left < 0) done(tooLong());
      else done(null, chunk);
    },
  });
  // What goes wrong with either reaches whoever reads the limit.
  pipeline(body, limit, () => undefined);
  return limit;
}

/** Not to be asked for once more: it would be read once more. */
function tooLong(): SpampotsError {
  return new SpampotsError("store-unfit", "An S3 service's answer is longer than any that is needed.", {
    name: "an endless answer",
    hint: "Look what answers there.",
  });
}

/** Credentials of a role, good until their `expiration`; the client asks for new ones in time. */
async function assume(
  { arn, externalId }: NonNullable<ForeignService["role"]>,
  asking: Asking & Pick<S3ClientConfig, "requestHandler" | "ignoreConfiguredEndpointUrls">,
): Promise<S3Credentials & { readonly expiration?: Date }> {
  const { AssumeRoleCommand, STSClient } = await import("@aws-sdk/client-sts");
  const client = new STSClient({ ...asking, maxAttempts: 1 });
  client.middlewareStack.add(boundAnswers, nearest);
  const { Credentials } = await client.send(
    new AssumeRoleCommand({
      RoleArn: arn,
      RoleSessionName: sessionName,
      ...(externalId === undefined ? {} : { ExternalId: externalId }),
    }),
  );
  const { AccessKeyId, SecretAccessKey, SessionToken, Expiration } = Credentials ?? {};
  if (AccessKeyId === undefined || SecretAccessKey === undefined) throw senseless("AssumeRole", "");
  return {
    accessKeyId: AccessKeyId,
    secretAccessKey: SecretAccessKey,
    ...(SessionToken === undefined ? {} : { sessionToken: SessionToken }),
    ...(Expiration === undefined ? {} : { expiration: Expiration }),
  };
}
