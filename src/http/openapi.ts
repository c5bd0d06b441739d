/**
 * The OpenAPI document, made from the routes themselves, and a page of it that loads nothing from elsewhere. Pure.
 *
 * @see OpenAPI Specification 3.1.1
 */
import { z } from "zod";
import { type Answer, problemContent, type RouteSpec } from "./route.ts";

type Spec = RouteSpec<z.ZodObject, z.ZodObject>;

/** What any route may answer beside its own. */
const everywhere = {
  404: "Not here, for you.",
  405: "Another method.",
  429: "Too much; wait as Retry-After says.",
  500: "A fault of ours.",
  503: "The store doesn't answer.",
};
const secured = { 401: "No token that counts.", 403: "Your agreement is not in force." };

type Json = Readonly<Record<string, unknown>>;

/** Schemas of a document, by name: those that refer to themselves stand apart. */
class Schemas {
  readonly shared: Record<string, unknown> = {};

  /** JSON Schema of what is sent; its own definitions go to the shared ones, under names that begin with `owner`. */
  of(schema: z.ZodType, owner: string, io: "input" | "output" = "input"): Json {
    const text = JSON.stringify(z.toJSONSchema(schema, { io, unrepresentable: "any" }));
    const { $schema, $defs, ...rest } = JSON.parse(
      text.replaceAll("#/$defs/", `#/components/schemas/${owner}`),
    ) as Record<string, Record<string, unknown>>; // a JSON Schema is an object
    for (const [name, definition] of Object.entries($defs ?? {})) this.shared[`${owner}${name}`] = definition;
    return rest;
  }
}

function answersOf(spec: Spec, schemas: Schemas): Record<string, object> {
  const told = (description: string): Answer => ({ description, content: problemContent });
  const shared = {
    ...everywhere,
    400: "The query isn't one that this route takes.",
    ...(spec.secured ? secured : {}),
    ...(spec.form === undefined ? { 406: "None of the types that you accept." } : { 413: "Too long a body." }),
  };
  const errors = Object.entries(shared).map(([status, description]) => [status, told(description)] as const);
  const all: Readonly<Record<string, Answer>> = { ...Object.fromEntries(errors), ...spec.answers };
  return Object.fromEntries(
    Object.entries(all).map(([status, { description, content }]) => {
      const media = Object.entries(content ?? {}).map(
        ([type, schema]) => [type, schema === null ? {} : { schema: schemas.of(schema, `${spec.id}_`) }] as const,
      );
      return [status, { description, ...(media.length > 0 ? { content: Object.fromEntries(media) } : {}) }] as const;
    }),
  );
}

function parametersOf(spec: Spec, schemas: Schemas): object[] {
  const places = [
    ["path", spec.params],
    ["query", spec.query],
  ] as const;
  return places.flatMap(([place, object]) =>
    Object.entries(object.shape).map(([name, schema]) => {
      // What is sent is text; what is meant is what it becomes.
      const { description, ...form } = schemas.of(schema as z.ZodType, spec.id, "output"); // a member of an object
      const required = place === "path" ? { required: true } : {};
      return { name, in: place, ...required, ...(description === undefined ? {} : { description }), schema: form };
    }),
  );
}

/** The document (OpenAPI 3.1) of these routes, served at `url`. */
export function openApi(specs: readonly Spec[], url: string, version: string): Readonly<Record<string, unknown>> {
  const schemas = new Schemas();
  const paths: Record<string, Record<string, object>> = {};
  for (const spec of specs) {
    const parameters = parametersOf(spec, schemas);
    const body =
      spec.form === undefined
        ? {}
        : {
            requestBody: {
              required: true,
              content: { "application/x-www-form-urlencoded": { schema: schemas.of(spec.form.strict(), spec.id) } },
            },
          };
    const operation = {
      operationId: spec.id,
      summary: spec.summary,
      ...(parameters.length > 0 ? { parameters } : {}),
      ...body,
      responses: answersOf(spec, schemas),
      ...(spec.secured ? { security: [{ bearer: [] }] } : {}),
    };
    paths[spec.path] = { ...paths[spec.path], [spec.method.toLowerCase()]: operation };
  }
  return {
    openapi: "3.1.1",
    info: {
      title: "spampots-feeds pull API",
      version,
      description: "Each partner fetches its own publications: all of them, and nothing else.",
    },
    servers: [{ url }],
    paths,
    components: {
      schemas: schemas.shared,
      securitySchemes: {
        bearer: {
          type: "http",
          scheme: "bearer",
          bearerFormat: "JWT",
          description: "From the token endpoint, or made by the operator. Never in a query.",
        },
      },
    },
  };
}

const escaped = (text: string) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");

/** A sentence, with what stands between backticks as code. */
const prose = (text: string) => escaped(text).replaceAll(/`([^`]+)`/g, "<code>$1</code>");

/** What the page says of a parameter. */
interface Shown {
  readonly name: string;
  readonly in: string;
  readonly description?: string;
  readonly schema: Readonly<{ minimum?: number; maximum?: number; default?: unknown; const?: unknown }>;
}

function shownOf(spec: Spec): Shown[] {
  const form = Object.entries(spec.form?.shape ?? {}).map(([name, schema]) => {
    const { description, ...rest } = new Schemas().of(schema as z.ZodType, spec.id); // a member of an object
    return { name, in: "form", ...(description === undefined ? {} : { description }), schema: rest };
  });
  return [...parametersOf(spec, new Schemas()), ...form] as Shown[]; // as made here and above
}

function parameterRow({ name, in: place, description = "", schema }: Shown): string {
  const { minimum, maximum } = schema;
  const bounds = minimum === undefined || maximum === undefined ? [] : [`${minimum} to ${maximum}.`];
  const usual = schema.default === undefined ? [] : [`By default \`${String(schema.default)}\`.`];
  const only = schema.const === undefined ? [] : [`Always \`${String(schema.const)}\`.`];
  const meaning = [description, ...bounds, ...only, ...usual].join(" ").trim();
  return `<tr><th scope="row"><code>${escaped(name)}</code></th><td>${place}</td><td>${prose(meaning)}</td></tr>`;
}

const answerList = (answers: readonly (readonly [string, string])[]) =>
  `<ul>${answers.map(([status, description]) => `<li><code>${status}</code> ${prose(description)}</li>`).join("")}</ul>`;

function routeSection(spec: Spec): string {
  const rows = shownOf(spec).map(parameterRow).join("");
  const head = '<tr><th scope="col">parameter</th><th scope="col">in</th><th scope="col">meaning</th></tr>';
  const table = rows === "" ? "" : `<table>${head}${rows}</table>`;
  const answers = Object.entries(spec.answers).map(([status, { description }]) => [status, description] as const);
  const open = spec.secured ? "" : " <em>Open to all.</em>";
  return `<section id="${spec.id}"><h2><code>${spec.method} ${escaped(spec.path)}</code></h2><p>${prose(spec.summary)}${open}</p>${table}${answerList(answers)}</section>`;
}

/** A reference page for people: HTML without scripts, its style in itself. */
export function referencePage(specs: readonly Spec[]): string {
  const contents = specs.map(
    ({ id, method, path }) => `<li><a href="#${id}"><code>${method} ${escaped(path)}</code></a></li>`,
  );
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>Pull API</title>
<style>${pageStyle}</style></head>
<body><main><h1>Pull API</h1>
<p>Send a token in the header <code>Authorization: Bearer</code>. For machines: <a href="/openapi.json">/openapi.json</a> (OpenAPI 3.1). TAXII 2.1 clients begin at <code>/taxii2/</code>.</p>
<nav aria-label="Routes"><ul>${contents.join("")}</ul></nav>
${specs.map(routeSection).join("\n")}
<section id="errors"><h2>Any route</h2><p>Errors are <code>application/problem+json</code> (RFC 9457), and say what to do.</p>${answerList(Object.entries({ ...everywhere, ...secured }))}</section>
</main></body></html>
`;
}

/** The one style of the page; `app.ts` allows it by its digest. */
export const pageStyle = `:root{color-scheme:light dark}
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;overflow-wrap:break-word}
h2{font-size:1.1rem;margin-top:2rem}
ul{padding-left:1.2rem}
table{border-collapse:collapse}
td,th{border:1px solid #8888;padding:.2rem .6rem;text-align:left;vertical-align:top;font-weight:normal}
th[scope=col]{font-weight:bold}
@media(max-width:36rem){tr{display:block;border:1px solid #8888;padding:.2rem .6rem}td,th{display:inline;border:0;padding:0 .4rem 0 0}td:last-child{display:block}tr:has(th[scope=col]){display:none}}
section:target h2{text-decoration:underline}
@media print{section{break-inside:avoid}a{color:inherit}}`;
