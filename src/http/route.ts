/**
 * Routes: each is one object that says what it takes and answers, from which the routing, the checks of its parameters
 * and the OpenAPI document all come.
 *
 * @see RFC 9110 §15.5.6 (405 with Allow)
 */
import type { HttpBindings } from "@hono/node-server";
import type { Context, Hono } from "hono";
import { z } from "zod";
import { SpampotsError } from "../errors.ts";
import type { Caller } from "./access.ts";
import type { Body } from "./body.ts";

/** What the middleware leaves for routes. */
export interface HttpEnv {
  Bindings: HttpBindings;
  Variables: { caller: Caller | undefined; address: string; body: Body | undefined };
}

/** One answer, for the document. `schema` as JSON Schema by media type; `null` for bytes. */
export interface Answer {
  readonly description: string;
  readonly content?: Readonly<Record<string, z.ZodType | null>>;
}

/** What errors are told as. */
export const problemContent = {
  "application/problem+json": z.object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string().describe("What is wrong, and what to do."),
    code: z.string(),
    problems: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
  }),
};

/** What a route is. Parameters of the path stand in braces. */
export interface RouteSpec<Params extends z.ZodObject, Query extends z.ZodObject> {
  readonly method: "GET" | "POST";
  readonly path: string;
  readonly id: string;
  readonly summary: string;
  readonly params: Params;
  readonly query: Query;
  /** False where it is open to everyone. */
  readonly secured: boolean;
  readonly answers: Readonly<Record<number, Answer>>;
  /** A form that is sent, for the document. */
  readonly form?: z.ZodObject;
}

/** What a handler is given. */
export interface Asked<Params, Query> {
  readonly params: Params;
  readonly query: Query;
  /** Address of the client, as far as it can be known. */
  readonly address: string;
  readonly context: Context<HttpEnv>;
}

/** What a handler of a secured route is given. */
export interface AskedByCaller<Params, Query> extends Asked<Params, Query> {
  readonly caller: Caller;
}

/** The one error for everything that isn't there for a caller, whether or not it is for another. */
export function notFound(): SpampotsError {
  return new SpampotsError("not-found", "There is nothing here for you.", {
    hint: "`GET /v1/feeds` lists what you can fetch.",
  });
}

type Spec = RouteSpec<z.ZodObject, z.ZodObject>;

/** The routes of an application, in the order of their documentation. */
export class Routes {
  readonly #app: Hono<HttpEnv>;
  readonly #specs: Spec[] = [];

  constructor(app: Hono<HttpEnv>) {
    this.#app = app;
  }

  get specs(): readonly Spec[] {
    return this.#specs;
  }

  /** A route that anyone may call. */
  open<Params extends z.ZodObject, Query extends z.ZodObject>(
    spec: RouteSpec<Params, Query>,
    answer: (asked: Asked<z.infer<Params>, z.infer<Query>>) => Promise<Response> | Response,
  ): void {
    this.#add(spec, (context) => answer(this.#asked(spec, context)));
  }

  /** A route for callers who were admitted. */
  secured<Params extends z.ZodObject, Query extends z.ZodObject>(
    spec: RouteSpec<Params, Query>,
    answer: (asked: AskedByCaller<z.infer<Params>, z.infer<Query>>) => Promise<Response> | Response,
  ): void {
    this.#add(spec, (context) => {
      const caller = context.get("caller");
      if (caller === undefined) throw notFound();
      return answer({ ...this.#asked(spec, context), caller });
    });
  }

  #asked<Params extends z.ZodObject, Query extends z.ZodObject>(
    spec: RouteSpec<Params, Query>,
    context: Context<HttpEnv>,
  ): Asked<z.infer<Params>, z.infer<Query>> {
    const params = spec.params.safeParse(context.req.param());
    if (!params.success) throw notFound();
    const repeated = Object.entries(context.req.queries()).filter(([, values]) => values.length > 1);
    const query = spec.query.safeParse(context.req.query());
    if (!query.success || repeated.length > 0) {
      const issues = query.success ? [] : query.error.issues;
      throw new SpampotsError("bad-argument", "The query isn't one that this route takes.", {
        hint: "`/openapi.json` says what each route takes.",
        problems: [
          ...issues.map(({ path, message }) => ({ file: "query", path: path.join("."), message })),
          ...repeated.map(([name]) => ({ file: "query", path: name, message: "Give it once." })),
        ],
      });
    }
    return { params: params.data, query: query.data, address: context.get("address"), context };
  }

  #add(spec: Spec, answer: (context: Context<HttpEnv>) => Promise<Response> | Response): void {
    this.#specs.push(spec);
    const path = spec.path.replaceAll(/\{(\w+)\}/g, ":$1");
    this.#app.on(spec.method, [path], (context) => answer(context));
    const allow = spec.method === "GET" ? "GET, HEAD" : spec.method;
    this.#app.all(path, () => {
      throw new SpampotsError("method-not-allowed", "This route doesn't know that method.", {
        hint: `It knows ${allow}.`,
        allow,
      });
    });
  }
}
