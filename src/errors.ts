/**
 * The one error class of the project and the one table of its codes.
 *
 * Throw for a broken contract, `undefined` for normal absence, quarantine for hostile input. A message is a constant
 * sentence about the contract; what varies stands in `facts`. Facts are ours or escaped: nothing written by a spammer
 * reaches a message, a log or a terminal unescaped.
 */

/** How each code shows at the edges. `http` is the status of an answer, `exit` the process's code, `retry` whether the same call may succeed later. */
export interface ErrorRow {
  readonly http: number;
  readonly exit: number;
  readonly retry: boolean;
}

/** Exit codes: 1 something failed, 2 the call or a file is wrong, 3 a proof failed, 4 the world (disk, S3, cluster) is not there, 130 interrupted. */
export const errorTable = {
  /** A setting, flag or argument is wrong. */
  "bad-argument": { http: 400, exit: 2, retry: false },
  /** `partners.yaml`, a feed or a map has problems; all of them are in `problems`. */
  "bad-configuration": { http: 500, exit: 2, retry: false },
  /** A spool file's first line is not a version 1 header, or its compression is broken at the start. */
  "spool-header": { http: 400, exit: 1, retry: false },
  /** A spool file names a sensor that the sensors file doesn't hold. */
  "unknown-sensor": { http: 400, exit: 1, retry: false },
  /** A line of a spool file isn't JSON, is too long or breaks the schema: quarantined. */
  "bad-line": { http: 400, exit: 1, retry: false },
  /** A line's instant is outside 2000-2100 or in another order than time: quarantined. */
  "bad-instant": { http: 400, exit: 1, retry: false },
  /** A line's address isn't an IP address: quarantined. */
  "bad-address": { http: 400, exit: 1, retry: false },
  /** Base64 of a message is broken, or the message is larger than the limit: quarantined. */
  "bad-message": { http: 400, exit: 1, retry: false },
  /** A compressed spool file ends early or is corrupt after its start: quarantined. */
  "bad-compression": { http: 400, exit: 1, retry: false },
  /** A table of addresses can't be read. */
  "bad-table": { http: 400, exit: 2, retry: false },
  /** No table of this kind is loaded. */
  "no-table": { http: 500, exit: 2, retry: false },
  /** A file of the lake is missing or not what its batch record says. */
  "lake-damaged": { http: 500, exit: 3, retry: false },
  /** The query engine refused a query. */
  "engine-failed": { http: 500, exit: 1, retry: true },
  /** The cluster that answers slices is away, or lost a query, and asking again didn't help. */
  "engine-unavailable": { http: 503, exit: 4, retry: true },
  /** A text that would leave names a sensor: nothing is published. */
  "sensor-exposed": { http: 500, exit: 3, retry: false },
  /** A key is missing, unreadable or of the wrong kind. */
  "bad-key": { http: 500, exit: 2, retry: false },
  /** A signature, digest, size, sequence or chain doesn't hold. */
  "verify-failed": { http: 500, exit: 3, retry: false },
  /** A manifest isn't of the published schema. */
  "bad-manifest": { http: 500, exit: 3, retry: false },
  /** The newest publication of a log is of the future: this clock or a publisher's was wrong. */
  "clock-behind": { http: 500, exit: 4, retry: false },
  /** The store holds traces of a later sequence than its log: it was restored from an old copy. */
  "log-behind": { http: 500, exit: 3, retry: false },
  /** A key of the store exists already and holds other bytes. */
  "already-exists": { http: 409, exit: 1, retry: false },
  /** A file was changed since it was read, or is being edited: nothing was written. */
  "changed-meanwhile": { http: 409, exit: 1, retry: true },
  /** Nothing is stored under this key. */
  "not-found": { http: 404, exit: 2, retry: false },
  /** The store refused us: credentials or permissions. */
  "store-denied": { http: 502, exit: 4, retry: false },
  /** The store doesn't answer, or answers with a fault of its own, and retries didn't help. */
  "store-unavailable": { http: 503, exit: 4, retry: true },
  /** Disk full, read-only or permission lost. */
  "disk-failed": { http: 503, exit: 4, retry: true },
  /** The store doesn't honour put-if-absent. */
  "store-unfit": { http: 500, exit: 4, retry: false },
  /** No token, or none that holds. Why it doesn't is never told. */
  unauthenticated: { http: 401, exit: 2, retry: false },
  /** The partner is known and may not come in today: its MoU is suspended or not in force. */
  forbidden: { http: 403, exit: 2, retry: false },
  /** A route knows other methods than the one called. */
  "method-not-allowed": { http: 405, exit: 2, retry: false },
  /** None of the media types that the client takes is one that the route has. */
  "not-acceptable": { http: 406, exit: 2, retry: false },
  /** An artifact was withdrawn or is expired; its manifest says so for good. */
  gone: { http: 410, exit: 1, retry: false },
  /** The body of a request is longer than any that is needed. */
  "too-large": { http: 413, exit: 2, retry: false },
  /** More requests, or more at once, than a partner or address may make: `retryAfter` seconds help. */
  "too-many-requests": { http: 429, exit: 4, retry: true },
  /** A service that publications are fetched from doesn't answer, or answers with a fault of its own, and retries didn't help. */
  unreachable: { http: 502, exit: 4, retry: true },
  /** What is asked for is being made from what was published: `retryAfter` seconds help. */
  "not-ready": { http: 503, exit: 4, retry: true },
  /** A destination doesn't answer, or answers with a fault of its own; it is tried again. */
  "delivery-failed": { http: 502, exit: 4, retry: true },
  /** A destination refuses what is brought, or isn't to be trusted with it: somebody must change something. */
  "delivery-refused": { http: 502, exit: 4, retry: false },
  /** Several things failed; each was reported where it happened. */
  "some-failed": { http: 500, exit: 1, retry: true },
  /** The operator asked to stop. */
  interrupted: { http: 503, exit: 130, retry: true },
  /** A fault of ours. */
  internal: { http: 500, exit: 1, retry: false },
} as const satisfies Record<string, ErrorRow>;

/** Every code an error of this project can have. */
export type ErrorCode = keyof typeof errorTable;

/** One thing wrong with a file: where it stands and what to write instead. */
export interface Problem {
  readonly file: string;
  /** 1-based; absent where the file as a whole is meant. */
  readonly line?: number;
  /** Path inside the document, such as `partners[2].mou.expires`. */
  readonly path: string;
  readonly message: string;
}

/** What an error says beside its message: the cause, the next step, and facts that tests and logs read. */
export interface ErrorFacts {
  readonly cause?: unknown;
  /** The next step, a sentence. */
  readonly hint?: string;
  readonly problems?: readonly Problem[];
  readonly [fact: string]: unknown;
}

/** The only error class thrown on purpose. `code` is stable, `message` is a constant sentence, `facts` say the rest. */
export class SpampotsError extends Error {
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  readonly problems: readonly Problem[];
  readonly facts: Readonly<Record<string, unknown>>;

  constructor(code: ErrorCode, message: string, { cause, hint, problems, ...facts }: ErrorFacts = {}) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = "SpampotsError";
    this.code = code;
    this.hint = hint;
    this.problems = problems ?? [];
    this.facts = facts;
  }
}

/** True for a {@link SpampotsError}, of the given code where one is named. */
export function isError(error: unknown, code?: ErrorCode): error is SpampotsError {
  return error instanceof SpampotsError && (code === undefined || error.code === code);
}

/** The code of anything thrown: `internal` for what isn't an error of ours. */
export function codeOf(error: unknown): ErrorCode {
  return isError(error) ? error.code : "internal";
}

/** A message for people from anything thrown: one line, no stack. */
export function sayError(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
