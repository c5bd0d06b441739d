/**
 * The connection to an S3 service: its SDK, loaded when first needed (it takes a good part of a second, which commands on
 * a folder shouldn't pay), one client, and calls with tries and a deadline.
 */
import type { S3Client } from "@aws-sdk/client-s3";
import type { S3Settings } from "../settings.ts";
import { callS3 } from "./s3-call.ts";
import { isRefused, skewed } from "./s3-error.ts";
import type { ForeignService } from "./s3-foreign.ts";

/** Keys that requests are signed with. */
export interface S3Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

/** How the service is reached and who asks. Without `credentials`, the SDK's default chain finds them (environment, profile, role). */
export interface S3Options extends S3Settings {
  readonly credentials?: S3Credentials;
  /** Where the service isn't ours. */
  readonly foreign?: ForeignService;
}

/** Less than the quarter of an hour that S3 bears with, more than answers take. */
const skewMs = 240_000;

type Sdk = typeof import("@aws-sdk/client-s3");

/** One request of a call. It passes `signal` on to the client. */
export type S3Attempt<T> = (client: S3Client, sdk: Sdk, signal: AbortSignal) => Promise<T>;

/** An open connection. */
export interface S3Session {
  readonly bucket: string;
  /** Put with each object. */
  readonly acl?: "bucket-owner-full-control" | undefined;
  readonly deadlineMs: number;
  /** Runs a request, again where its fault may pass: see {@link callS3}. `deadlineMs` is the session's unless another is given. */
  call<T>(operation: string, key: string, attempt: S3Attempt<T>, deadlineMs?: number): Promise<T>;
  /** The same connection for calls that `signal` breaks off. */
  during(signal: AbortSignal): S3Session;
  /** Ends its connections. */
  close(): void;
}

interface Loaded {
  readonly sdk: Sdk;
  readonly client: S3Client;
  close(): void;
}

/** A session for one bucket. Nothing is loaded or connected before the first call. */
export function openSession(bucket: string, options: S3Options): S3Session {
  let loading: Promise<Loaded> | undefined;
  const loaded = () => {
    loading ??= load(options);
    return loading;
  };
  const close = () => void loading?.then((way) => way.close());
  return sessionOver({ bucket, deadlineMs: options.deadlineMs, acl: options.foreign?.acl, loaded, close });
}

interface Connection extends Pick<S3Session, "bucket" | "deadlineMs" | "acl" | "close"> {
  loaded(): Promise<Loaded>;
}

function sessionOver(connection: Connection, ending?: AbortSignal): S3Session {
  const { bucket, deadlineMs, acl } = connection;
  return {
    bucket,
    deadlineMs,
    acl,
    async call(operation, key, attempt, ownDeadlineMs = deadlineMs) {
      const { sdk, client } = await connection.loaded();
      return callS3({ operation, key, deadlineMs: ownDeadlineMs, signal: ending }, async (signal) => {
        const offset = client.config.systemClockOffset;
        try {
          return await attempt(client, sdk, signal);
        } catch (error) {
          // The client sets its clock by each answer. Where that made a difference, the request was signed for another time.
          const set = Math.abs(client.config.systemClockOffset - offset);
          throw set > skewMs && isRefused(error) ? skewed(operation, key, error) : error;
        }
      });
    },
    during: (signal) => sessionOver(connection, signal),
    close: () => connection.close(),
  };
}

async function load({ endpoint, region, pathStyle, credentials, foreign }: S3Options): Promise<Loaded> {
  const sdk = await import("@aws-sdk/client-s3");
  const place = { region, ...(endpoint === undefined ? {} : { endpoint }) };
  const own = credentials === undefined ? {} : { credentials };
  const ways = foreign && (await import("./s3-foreign.ts")).openForeign(foreign, { ...place, ...own });
  const client = new sdk.S3Client({
    ...place,
    forcePathStyle: pathStyle,
    ...own,
    ...ways?.configuration,
    // Our own calls try again, by one rule for puts, bodies and lost answers, and keep the deadline.
    maxAttempts: 1,
    // Services other than AWS don't know the newer checksums; the signature covers the bytes that are sent.
    requestChecksumCalculation: "WHEN_REQUIRED",
    responseChecksumValidation: "WHEN_REQUIRED",
  });
  ways?.bound(client);
  const close = () => {
    client.destroy();
    ways?.close();
  };
  return { sdk, client, close };
}
