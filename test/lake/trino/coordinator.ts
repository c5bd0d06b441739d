/**
 * An HTTP server that speaks Trino's client protocol by a script: what a real coordinator answers only now and then, in
 * the order that a test wants. `test/cluster/` asks real ones.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { TestContext } from "node:test";

/** What was asked. */
export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

/** An answer: a page as JSON, a status, a body as it is, a broken connection, or nothing at all. */
export type Answer =
  | { readonly page: Readonly<Record<string, unknown>> }
  | { readonly status: number; readonly headers?: Readonly<Record<string, string>>; readonly body?: string }
  | "reset"
  | "silence";

export interface Coordinator {
  readonly url: string;
  readonly asked: readonly Asked[];
}

/** Gives the answers one after another, the last again and again; a DELETE has none of them. */
export async function startCoordinator(
  t: TestContext,
  answers: readonly Answer[] | ((asked: Asked) => Answer),
): Promise<Coordinator> {
  const asked: Asked[] = [];
  let given = 0;
  const next = (request: Asked): Answer => {
    if (typeof answers === "function") return answers(request);
    const answer = answers[Math.min(given, answers.length - 1)];
    given += 1;
    return answer ?? "reset";
  };
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += String(chunk);
    const { method = "", url = "", headers } = request;
    const one = { method, path: url, headers, body };
    asked.push(one);
    if (method === "DELETE") response.writeHead(204).end();
    else give(response, next(one));
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  // An address of TCP, since it listens on a port.
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, asked };
}

function give(response: ServerResponse, answer: Answer): void {
  if (answer === "silence") return;
  if (answer === "reset") response.destroy();
  else if ("page" in answer)
    response.writeHead(200, { "Content-Type": "application/json" }).end(JSON.stringify(answer.page));
  else response.writeHead(answer.status, answer.headers).end(answer.body ?? "");
}

/** A page of numbers; `next` is the token of the one after it. */
export function numbers(values: readonly number[], next?: number, host = "http://elsewhere.invalid"): Answer {
  const nextUri = next === undefined ? {} : { nextUri: `${host}/v1/statement/executing/q1/slug/${next}` };
  const columns = [{ name: "n", type: "bigint" }];
  return { page: { id: "q1", columns, data: values.map((value) => [value]), ...nextUri } };
}

/** A query that ended with an error of this name. */
export const failed = (errorName: string): Answer => ({
  page: { id: "q1", error: { errorName, message: `it was ${errorName}`, errorCode: 1, errorType: "INTERNAL_ERROR" } },
});
