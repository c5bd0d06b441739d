/**
 * What an S3 service's refusal means: nothing there, name taken, worth another try, or an error of ours with the next
 * step in it. The service's own words stay in `cause`.
 *
 * @see Amazon S3 API Reference, "Error responses"
 */
import { errorTable, SpampotsError } from "../errors.ts";

/** What was asked of the service, for the facts of an error. */
export interface S3Request {
  /** Name of the operation, such as `PutObject`. */
  readonly operation: string;
  /** A checked key or a prefix. */
  readonly key: string;
}

/** Faults of the network that may pass. A name that doesn't resolve, or a certificate that doesn't hold, won't. */
const passing = new Set([
  "ECONNRESET",
  "ECONNREFUSED",
  "ECONNABORTED",
  "EPIPE",
  "ETIMEDOUT",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "EAI_AGAIN",
]);

/**
 * Answers that ask to come again, beside those of 500 and above: the service is busy, the client has
 * set its clock by then, or bytes were lost or changed on the way.
 */
const comeAgain = new Set([
  "SlowDown",
  "RequestTimeout",
  "RequestTimeTooSkewed",
  "ConditionalRequestConflict",
  "OperationAborted",
  "XAmzContentSHA256Mismatch",
  "BadDigest",
  "IncompleteBody",
]);

interface Refusal {
  readonly name: string;
  /** HTTP status; undefined where no answer came. */
  readonly status: number | undefined;
  /** The system's code of a network fault. */
  readonly code: string | undefined;
}

function read(error: unknown): Refusal {
  if (!(error instanceof Error)) return { name: String(error), status: undefined, code: undefined };
  const code = "code" in error && typeof error.code === "string" ? error.code : undefined;
  return { name: error.name, status: statusOf(error), code };
}

function statusOf(error: Error): number | undefined {
  const metadata: unknown = "$metadata" in error ? error.$metadata : undefined;
  if (typeof metadata !== "object" || metadata === null || !("httpStatusCode" in metadata)) return undefined;
  return typeof metadata.httpStatusCode === "number" ? metadata.httpStatusCode : undefined;
}

/** True where the key isn't there, and the bucket is. (HEAD has no body to tell the two apart: then it's the key.) */
export function isMissing(error: unknown): boolean {
  const { name, status } = read(error);
  return status === 404 && name !== "NoSuchBucket";
}

/** True where the service refused us, whether or not it says why: the answer to HEAD has no body. */
export function isRefused(error: unknown): boolean {
  return read(error).status === 403;
}

/** True where a conditional put found the key taken. */
export function isTaken(error: unknown): boolean {
  return read(error).status === 412;
}

/** True where the same request may succeed later. */
export function isPassing(error: unknown): boolean {
  if (error instanceof SpampotsError) return errorTable[error.code].retry;
  const { name, status, code } = read(error);
  if (name === "AbortError" || name === "TimeoutError") return true;
  if (status === undefined) return code !== undefined && passing.has(code);
  return comeAgain.has(name) || status === 429 || (status >= 500 && status !== 501);
}

/**
 * Milliseconds that the service asks us to wait (`Retry-After`: seconds, or a date, taken against that of the answer).
 */
export function askedPauseMs(error: unknown): number | undefined {
  if (error instanceof SpampotsError) {
    const { retryAfterMs } = error.facts;
    return typeof retryAfterMs === "number" ? retryAfterMs : undefined;
  }
  const asked = headerOf(error, "retry-after");
  if (asked === undefined) return undefined;
  if (/^\d{1,9}$/.test(asked)) return Number(asked) * 1000;
  const pause = Date.parse(asked) - Date.parse(headerOf(error, "date") ?? "");
  return Number.isNaN(pause) ? undefined : Math.max(0, pause);
}

/** A header of the answer that the SDK made an error of. */
function headerOf(error: unknown, name: string): string | undefined {
  const member = (of: unknown, key: string): unknown =>
    typeof of === "object" && of !== null && key in of ? Reflect.get(of, key) : undefined;
  const value = member(member(member(error, "$response"), "headers"), name);
  return typeof value === "string" ? value : undefined;
}

/** The error to throw once no further try is made; a fault of ours comes back as it is. */
export function s3Error(error: unknown, request: S3Request, attempts: number): unknown {
  if (error instanceof SpampotsError) return error;
  const { name, status, code } = read(error);
  const retryAfterMs = askedPauseMs(error);
  const asked = retryAfterMs === undefined ? {} : { retryAfterMs };
  const facts = { cause: error, ...request, attempts, name, status, system: code, ...asked };
  if (isPassing(error) || (status === undefined && code !== undefined)) {
    return new SpampotsError("store-unavailable", "The S3 store doesn't answer as it should.", {
      ...facts,
      hint: "Look whether the service is up and SPAMPOTS_S3_ENDPOINT is right, then run the same command again.",
    });
  }
  if (status === 501) {
    return new SpampotsError("store-unfit", "The S3 store can't do what is needed.", {
      ...facts,
      hint: "It must honour If-None-Match on PutObject: use another service, or a folder.",
    });
  }
  const hint = deniedHint(name, status);
  return hint === undefined ? error : new SpampotsError("store-denied", "The S3 store refused.", { ...facts, hint });
}

function deniedHint(name: string, status: number | undefined): string | undefined {
  if (name === "NoSuchBucket") return "There is no such bucket: make it, or correct SPAMPOTS_STORE or SPAMPOTS_LAKE.";
  if (status === 404) return "Something else deletes objects or uploads of the store while it is written: find it.";
  if (name.endsWith("ProviderError")) {
    return "No credentials were found: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a profile.";
  }
  if (status === 401 || status === 403 || name.includes("Token")) {
    return "Look at the credentials and their rights: s3:GetObject, s3:PutObject, s3:DeleteObject, s3:AbortMultipartUpload, and s3:ListBucket (without which S3 answers 403 for a missing key).";
  }
  if (status === undefined) return undefined;
  return "Look at SPAMPOTS_STORE or SPAMPOTS_LAKE, SPAMPOTS_S3_REGION and SPAMPOTS_S3_PATH_STYLE: bucket, region and form of address must fit together.";
}

/** For a refusal that may be of a signature alone: this machine's clock is wrong, and the client knows the right time by now. */
export function skewed(operation: string, key: string, cause: unknown): SpampotsError {
  return new SpampotsError("store-unavailable", "The clocks of the S3 store and of this machine differ.", {
    cause,
    operation,
    key,
    hint: "Set the clock that is wrong, then run the same command again.",
  });
}

/** For an answer that looks like a success and can't be one. */
export function senseless(operation: string, key: string): SpampotsError {
  return new SpampotsError("store-unavailable", "The S3 store's answer isn't one of S3.", {
    operation,
    key,
    hint: "Look what answers at SPAMPOTS_S3_ENDPOINT.",
  });
}
