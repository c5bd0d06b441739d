/**
 * One SQL statement over Trino's HTTP protocol, as the fixture needs it: all rows at once. The program's own queries go
 * through `src/lake/trino/`.
 *
 * @see https://trino.io/docs/476/develop/client-protocol.html
 */

/** What a page of the protocol says, as far as it is read here. */
interface Page {
  readonly nextUri?: string;
  readonly data?: readonly (readonly unknown[])[];
  readonly error?: { readonly errorName: string; readonly message: string };
}

/** Who asks, and in which schema names are looked up. */
export interface StatementContext {
  readonly user?: string;
  readonly catalog?: string;
  readonly schema?: string;
  readonly signal?: AbortSignal;
}

/**
 * Runs a statement to its end.
 *
 * @throws Error with Trino's name of the error and its message.
 */
export async function statement(
  url: string,
  sql: string,
  context: StatementContext = {},
): Promise<readonly unknown[][]> {
  const { user = "test", catalog, schema, signal = AbortSignal.timeout(60_000) } = context;
  const headers = {
    "X-Trino-User": user,
    "X-Trino-Source": "test",
    ...(catalog === undefined ? {} : { "X-Trino-Catalog": catalog }),
    ...(schema === undefined ? {} : { "X-Trino-Schema": schema }),
  };
  const rows: unknown[][] = [];
  let answer = await fetch(`${url}/v1/statement`, { method: "POST", body: sql, headers, signal });
  for (;;) {
    if (answer.status !== 200) throw new Error(`Trino answered ${answer.status}: ${await answer.text()}`);
    const page = (await answer.json()) as Page; // the protocol's form, from the server that the test started
    if (page.error !== undefined) throw new Error(`${page.error.errorName}: ${page.error.message}`);
    for (const row of page.data ?? []) rows.push([...row]);
    if (page.nextUri === undefined) return rows;
    answer = await fetch(page.nextUri, { headers, signal });
  }
}
