/**
 * Trino's client protocol: a statement is posted, and its pages are fetched one after another by the `nextUri` that the
 * page before names. `trino-client` makes the requests; its own iterator can't be broken off before the first row,
 * gives up at the first answer that the protocol says is to be tried again, and rounds numbers beyond 53 bits.
 *
 * A page is asked for when its reader wants it: the cluster waits meanwhile, and this process holds one page.
 *
 * @see https://trino.io/docs/476/develop/client-protocol.html
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { QueryData } from "trino-client";
import { isStarting, refused } from "./errors.ts";
import { ask, type Cluster, cancel, pathOf } from "./request.ts";

/** A statement, and what is said with it. */
export interface Statement {
  readonly sql: string;
  /** What it is for: shown with it in Trino's own page. Letters, digits and `.:_-`. */
  readonly tags: readonly string[];
  readonly signal?: AbortSignal | undefined;
}

/** One page of an answer. */
export interface Page {
  readonly columns: readonly { readonly name: string; readonly type: string }[];
  readonly rows: readonly QueryData[];
}

const startingPauseMs = 500;

/**
 * Streams the pages that have rows. A query is cancelled when its pages are no longer asked for.
 *
 * @throws SpampotsError as `ask` and `refused`: with `query`, Trino's id of it, where the cluster had taken it.
 */
export async function* pages(cluster: Cluster, statement: Statement): AsyncGenerator<Page> {
  const end = performance.now() + cluster.patienceMs;
  for (let begun = false; ; ) {
    try {
      for await (const page of pagesOnce(cluster, statement)) {
        begun = true;
        yield page;
      }
      return;
    } catch (error) {
      if (begun || !isStarting(error) || performance.now() > end) throw error;
    }
    await sleep(startingPauseMs);
  }
}

async function* pagesOnce(cluster: Cluster, { sql, tags, signal }: Statement): AsyncGenerator<Page> {
  const headers = { "X-Trino-Client-Tags": tags.join(","), "X-Trino-Client-Info": tags.join(" ") };
  // In lists of queries their first line is what people see.
  const data = `-- ${tags.join(" ")}\n${sql}`;
  let answer = await ask(cluster, { method: "POST", url: "/v1/statement", data, headers }, { signal });
  /** Path of the page after this one. */
  let next: string | undefined;
  try {
    for (;;) {
      const { id, error, columns, data: rows, nextUri } = answer;
      next = nextUri === undefined ? undefined : pathOf(nextUri);
      if (error !== undefined) throw refused(error, id);
      if (columns !== undefined && rows !== undefined && rows.length > 0) yield { columns, rows };
      if (next === undefined) return;
      answer = await ask(cluster, { method: "GET", url: next }, { signal, query: id });
    }
  } finally {
    if (next !== undefined) await cancel(cluster, next);
  }
}

/** All rows of a short answer. @throws SpampotsError as {@link pages} */
export async function rowsOf(cluster: Cluster, statement: Statement): Promise<readonly QueryData[]> {
  const rows: QueryData[] = [];
  for await (const page of pages(cluster, statement)) for (const row of page.rows) rows.push(row);
  return rows;
}
