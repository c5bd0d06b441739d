/**
 * Which query the cluster is in the middle of, as the coordinator's own page asks it. By the page rather than by SQL:
 * `system.runtime.tasks` is asked of every worker, and those whom a test has paused don't answer.
 *
 * @see https://trino.io/docs/476/admin/web-interface.html
 */
import { until } from "./site-process.ts";
import type { Cluster, TrinoNode } from "./trino.ts";

/** A slice's query that runs, and where. */
export interface RunningQuery {
  readonly id: string;
  readonly user: string;
  readonly tags: readonly string[];
  /** Workers that have tasks of it. */
  readonly workers: readonly TrinoNode[];
}

/** The part of the page's answer that is read here. */
interface QueryOfPage {
  readonly queryId: string;
  readonly state: string;
  readonly query: string;
  readonly session: { readonly user: string; readonly clientTags: readonly string[] };
}

const headers = { "X-Trino-User": "test" };

/** Waits for a slice's query, of `user` where one is given, that has begun on a worker and hasn't ended. */
export function untilMidQuery(cluster: Cluster, user?: string, withinMs = 300_000): Promise<RunningQuery> {
  return until(`a running query of ${user ?? "anyone"}`, withinMs, () => midQuery(cluster, user));
}

/** Such a query, where there is one now. */
export async function midQuery(cluster: Cluster, user?: string): Promise<RunningQuery | undefined> {
  const queries = (await page(cluster, "")) as QueryOfPage[]; // the page's form, from the cluster that the test started
  for (const { queryId, state, query, session } of queries) {
    // Its first line is a comment: what it is for.
    if (state !== "RUNNING" || !query.includes("\nWITH FUNCTION")) continue;
    if (user !== undefined && session.user !== user) continue;
    const whole = JSON.stringify(await page(cluster, `/${queryId}`));
    const workers = cluster.workers.filter(({ port }) => whole.includes(`//127.0.0.1:${port}/v1/task/`));
    if (workers.length > 0) return { id: queryId, user: session.user, tags: session.clientTags, workers };
  }
  return undefined;
}

async function page(cluster: Cluster, path: string): Promise<unknown> {
  // A query that ended a while ago is there no more, and a coordinator that is being started has none.
  const answer = await fetch(`${cluster.url}/v1/query${path}`, { headers, signal: AbortSignal.timeout(10_000) }).catch(
    () => undefined,
  );
  return answer?.ok === true ? answer.json() : [];
}
