/**
 * The connection to an S3 service: its SDK, loaded when first needed (it takes a good part of a second, which commands on
 * a folder shouldn't pay), one client, and calls with tries and a deadline.
 */
import type { S3Client } from "@aws-sdk/client-s3";
import type { S3Settings } from "../settings.ts";
import { callS3 } from "./s3-call.ts";
import { isRefused, skewed } from "./s3-error.ts";

/** How the service is reached and who asks. Without `credentials`, the SDK's default chain finds them (environment, profile, role). */
export interface S3Options extends S3Settings {
  readonly credentials?: {
    readonly accessKeyId: string;
    readonly secretAccessKey: string;
    readonly sessionToken?: string;
  };
}

/** Less than the quarter of an hour that S3 bears with, more than answers take. */
const skewMs = 240_000;

type Sdk = typeof import("@aws-sdk/client-s3");

/** One request of a call. It passes `signal` on to the client. */
export type S3Attempt<T> = (client: S3Client, sdk: Sdk, signal: AbortSignal) => Promise<T>;

/** An open connection. */
export interface S3Session {
  readonly bucket: string;
  readonly deadlineMs: number;
  /** Runs a request, again where its fault may pass: see {@link callS3}. `deadlineMs` is the session's unless another is given. */
  call<T>(operation: string, key: string, attempt: S3Attempt<T>, deadlineMs?: number): Promise<T>;
}

/** A session for one bucket. Nothing is loaded or connected before the first call. */
export function openSession(bucket: string, options: S3Options): S3Session {
  let loaded: Promise<{ sdk: Sdk; client: S3Client }> | undefined;
  const { deadlineMs } = options;
  return {
    bucket,
    deadlineMs,
    async call(operation, key, attempt, ownDeadlineMs = deadlineMs) {
      loaded ??= load(options);
      const { sdk, client } = await loaded;
      return callS3({ operation, key, deadlineMs: ownDeadlineMs }, async (signal) => {
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
  };
}

async function load({ endpoint, region, pathStyle, credentials }: S3Options): Promise<{ sdk: Sdk; client: S3Client }> {
  const sdk = await import("@aws-sdk/client-s3");
  const client = new sdk.S3Client({
    region,
    forcePathStyle: pathStyle,
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(credentials === undefined ? {} : { credentials }),
    // Our own calls try again, by one rule for puts, bodies and lost answers, and keep the deadline.
    maxAttempts: 1,
    // Services other than AWS don't know the newer checksums; the signature covers the bytes that are sent.
    requestChecksumCalculation: "WHEN_REQUIRED",
    responseChecksumValidation: "WHEN_REQUIRED",
  });
  return { sdk, client };
}
