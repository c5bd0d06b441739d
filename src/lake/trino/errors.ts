/**
 * What can go wrong with a Trino cluster, as errors with the next step: it is away (try later), it lost a query (make it
 * again), it refuses one (somebody must change something), or it can't read a file. No error holds a request: that has
 * the credentials in it. Pure.
 *
 * @see https://trino.io/docs/476/develop/client-protocol.html
 */
import type { QueryError } from "trino-client";
import { isError, SpampotsError } from "../../errors.ts";
import { plain } from "../../log.ts";

/** What the protocol says is to be tried again. */
const passing = new Set([429, 502, 503, 504]);

/** Faults of a connection that another try doesn't mend: TLS that doesn't hold, or isn't spoken. */
const lasting = /^(CERT_|DEPTH_ZERO|ERR_TLS_|ERR_SSL_|EPROTO|HOSTNAME_|SELF_SIGNED|UNABLE_TO_|ERR_INVALID)/;

/** True where the same request may succeed in a moment. */
export function mayPass(cause: unknown): boolean {
  if (isError(cause)) return false;
  const status = statusOf(cause);
  return status === undefined ? !lasting.test(systemCodeOf(cause)) : passing.has(status);
}

const noCoordinator = "See that SPAMPOTS_TRINO_URL names the cluster's coordinator; `spampots check` tries it.";

/** What a request that failed for good comes to. @param query its id, where the cluster had taken it. */
export function unanswered(cause: unknown, query: string | undefined): SpampotsError {
  if (isError(cause)) return cause;
  const status = statusOf(cause);
  const facts = { ...(status === undefined ? { cause: plainCause(cause) } : { status }), ...namedQuery(query) };
  if (status === 401 || status === 403) {
    return new SpampotsError("engine-failed", "The Trino cluster refuses this user.", {
      ...facts,
      hint: "See SPAMPOTS_TRINO_USER with SPAMPOTS_TRINO_PASSWORD or SPAMPOTS_TRINO_TOKEN: the user is the one that the token is for, and tokens end.",
    });
  }
  if (lasting.test(systemCodeOf(cause))) {
    return new SpampotsError("engine-failed", "The Trino cluster can't be proven to be the one that is meant.", {
      ...facts,
      hint: "See that SPAMPOTS_TRINO_URL has the scheme and the name that its certificate is for, and that SPAMPOTS_TRINO_CA holds the certificate of who issued it.",
    });
  }
  // Coordinators forget queries when they are started anew.
  if (query !== undefined && status !== undefined && !passing.has(status))
    return new SpampotsError("engine-unavailable", "The Trino cluster lost a query.", {
      ...facts,
      again: true,
      hint: makeAgain,
    });
  if (status !== undefined && status < 500 && !passing.has(status)) return noTrino(status);
  return new SpampotsError("engine-unavailable", "The Trino cluster doesn't answer.", {
    ...facts,
    hint: "See that its coordinator runs, and that SPAMPOTS_TRINO_URL names it; `spampots check` tries it.",
  });
}

/** Something answers, which isn't a coordinator. */
export function noTrino(status?: number): SpampotsError {
  return new SpampotsError("engine-failed", "What answers isn't the coordinator of a Trino cluster.", {
    ...(status === undefined ? {} : { status }),
    hint: noCoordinator,
  });
}

/** Whoever reads rows was asked to stop. */
export function brokenOff(query: string | undefined): SpampotsError {
  return new SpampotsError("engine-failed", "A query was broken off.", namedQuery(query));
}

const namedQuery = (query: string | undefined) => (query === undefined ? {} : { query });
const makeAgain = "It is made again; where it is lost again and again, look at the cluster's workers and their memory.";

/** Names of errors of a cluster that is being started. */
const starting = /^(SERVER_STARTING_UP|NO_NODES_AVAILABLE)$/;

interface Kind {
  readonly names: RegExp;
  readonly code: "engine-failed" | "engine-unavailable" | "lake-damaged";
  readonly message: string;
  readonly hint: string;
  /** Made again at once, it may succeed. */
  readonly again?: true;
}

/** By Trino's names of errors; the first that fits counts. */
const kinds: readonly Kind[] = [
  {
    names: starting,
    code: "engine-unavailable",
    message: "The Trino cluster isn't ready.",
    hint: "See that its workers run and are known to the coordinator: `SELECT * FROM system.runtime.nodes`.",
  },
  {
    names:
      /^(REMOTE_TASK_ERROR|REMOTE_TASK_MISMATCH|REMOTE_HOST_GONE|PAGE_TRANSPORT_ERROR|PAGE_TRANSPORT_TIMEOUT|TOO_MANY_REQUESTS_FAILED|SERVER_SHUTTING_DOWN|ABANDONED_QUERY|ABANDONED_TASK|REMOTE_BUFFER_CLOSE_FAILED|EXCHANGE_\w+)$/,
    code: "engine-unavailable",
    message: "The Trino cluster lost a query.",
    hint: makeAgain,
    again: true,
  },
  {
    names: /^HIVE_(FILESYSTEM_ERROR|CANNOT_OPEN_SPLIT|CURSOR_ERROR|METASTORE_ERROR|UNKNOWN_ERROR)$/,
    code: "engine-unavailable",
    message: "The Trino cluster couldn't read the lake.",
    again: true,
    hint: "See that its catalogue reaches the bucket that SPAMPOTS_LAKE names and its metastore; where both are well, `spampots lake verify` names damaged files.",
  },
  {
    names: /^HIVE_(BAD_DATA|FILE_NOT_FOUND|MISSING_DATA|INVALID_BUCKET_FILES)$/,
    code: "lake-damaged",
    message: "A file of the lake can't be read by the cluster.",
    hint: "`spampots lake verify` names the damaged files.",
  },
  {
    names:
      /^(QUERY_QUEUE_FULL|CLUSTER_OUT_OF_MEMORY|ADMINISTRATIVELY_PREEMPTED|ADMINISTRATIVELY_KILLED|USER_CANCELED|GENERIC_INSUFFICIENT_RESOURCES)$/,
    code: "engine-unavailable",
    message: "The Trino cluster has no room for a query, or its administrator ended it.",
    hint: "It is tried again at the next tick; a resource group of its own for the source spampots-feeds keeps others out of its way.",
  },
  {
    names: /^EXCEEDED_\w*MEMORY\w*$/,
    code: "engine-failed",
    message: "A query needs more memory than the Trino cluster gives one.",
    hint: "Raise query.max-memory and query.max-memory-per-node, add workers, or let queries spill (spill-enabled).",
  },
  {
    names: /^EXCEEDED_\w+$/,
    code: "engine-failed",
    message: "A query exceeds a limit of the Trino cluster.",
    hint: "Raise the limit that it names for the resource group of the source spampots-feeds.",
  },
  {
    // Somebody dropped or altered them since they were proven.
    names: /^((SCHEMA|TABLE|COLUMN)_NOT_FOUND|TYPE_MISMATCH|HIVE_PARTITION_SCHEMA_MISMATCH)$/,
    code: "engine-failed",
    message: "The tables of the lake in the Trino cluster aren't as this release makes them.",
    hint: "The next slice makes again what was dropped. Where it stays so, stop all runners, drop the table that is named, which holds nothing of its own, and start them.",
  },
  {
    names: /^(QUERY_TEXT_TOO_LARGE|QUERY_HAS_TOO_MANY_STAGES)$/,
    code: "engine-failed",
    message: "A query is longer than the Trino cluster takes: it names each file that it may read.",
    hint: "Have fewer files by `spampots lake compact`, or raise query.max-length and query.max-stage-count on the coordinator.",
  },
  {
    names: /^PERMISSION_DENIED$/,
    code: "engine-failed",
    message: "The Trino cluster doesn't let this user do that.",
    hint: 'The operator guide\'s "A Trino cluster" says which rights SPAMPOTS_TRINO_USER needs.',
  },
];

/** What a query that ended with an error comes to. */
export function refused({ errorName, message }: QueryError, query: string): SpampotsError {
  const facts = { cause: new Error(message), error: errorName, said: said(message), query };
  const kind = kinds.find(({ names }) => names.test(errorName));
  if (kind === undefined)
    return new SpampotsError("engine-failed", "The Trino cluster refused a query.", {
      ...facts,
      hint: "The query's page in the cluster's web interface says more; `spampots check` tries its tables, rights and lengths.",
    });
  const { code, hint, again = false } = kind;
  return new SpampotsError(code, kind.message, { ...facts, again, hint });
}

/** What the cluster says itself, of which the first lines tell all. */
const said = (message: string) => plain(message).slice(0, 500);

/** True for an error of a cluster that is being started: the same query succeeds in a moment. */
export const isStarting = (error: unknown): boolean => isNamed(error, starting);

/** True for a query's error of this name. */
export const isNamed = (error: unknown, name: RegExp): boolean =>
  isError(error) && name.test(String(error.facts.error));

/** True where the cluster doesn't let this user do what was asked. */
export const isDenied = (error: unknown): boolean => isNamed(error, /^PERMISSION_DENIED$/);

function statusOf(error: unknown): number | undefined {
  if (!(error instanceof Error) || !("response" in error)) return undefined;
  const { response } = error;
  if (typeof response !== "object" || response === null || !("status" in response)) return undefined;
  return typeof response.status === "number" ? response.status : undefined;
}

const systemCodeOf = (error: unknown): string =>
  error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "";

/** An error without the request that failed. */
const plainCause = (cause: unknown) => new Error(cause instanceof Error ? cause.message : String(cause));
