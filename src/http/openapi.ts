/**
 * The OpenAPI document, made from the routes themselves, and a page of it that loads nothing from elsewhere. Pure.
 *
 * @see OpenAPI Specification 3.1.1
 */
import { z } from "zod";
import type { RouteSpec } from "./route.ts";

type Spec = RouteSpec<z.ZodObject, z.ZodObject>;

const problem = {
  type: "object",
  properties: {
    type: { type: "string" },
    title: { type: "string" },
    status: { type: "integer" },
    detail: { type: "string", description: "What is wrong and what to do." },
    code: { type: "string" },
    problems: {
      type: "array",
      items: { type: "object", properties: { path: { type: "string" }, message: { type: "string" } } },
    },
  },
  required: ["type", "title", "status", "detail", "code"],
};

/** What any route may answer beside its own. */
const everywhere = {
  404: "Not here, for you.",
  405: "Another method.",
  429: "Too much; wait as Retry-After says.",
  500: "A fault of ours.",
  503: "The store doesn't answer.",
};
const secured = { 401: "No token that counts.", 403: "Your agreement is not in force." };

const jsonSchemaOf = (schema: z.ZodType): object => {
  const { $schema, ...rest } = z.toJSONSchema(schema, { io: "input", unrepresentable: "any" });
  return rest;
};

function answersOf(spec: Spec): Record<string, object> {
  const own = Object.entries(spec.answers).map(([status, { description, content }]) => {
    const media = Object.entries(content ?? {}).map(
      ([type, schema]) => [type, schema === null ? {} : { schema: jsonSchemaOf(schema) }] as const,
    );
    return [status, { description, ...(media.length > 0 ? { content: Object.fromEntries(media) } : {}) }] as const;
  });
  const shared = Object.entries({
    ...everywhere,
    400: "The query isn't one that this route takes.",
    ...(spec.secured ? secured : {}),
    ...(spec.form === undefined ? { 406: "None of the types that you accept." } : { 413: "Too long a body." }),
  }).map(([status, description]) => {
    const content = { "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } } };
    return [status, { description, content }] as const;
  });
  return { ...Object.fromEntries(shared), ...Object.fromEntries(own) };
}

function parametersOf(spec: Spec): object[] {
  const places = [
    ["path", spec.params],
    ["query", spec.query],
  ] as const;
  return places.flatMap(([place, object]) =>
    Object.entries(object.shape).map(([name, schema]) => {
      const { description, ...form } = jsonSchemaOf(schema as z.ZodType) as { description?: string }; // a member of an object
      const required = place === "path" ? { required: true } : {};
      return { name, in: place, ...required, ...(description === undefined ? {} : { description }), schema: form };
    }),
  );
}

/** The document (OpenAPI 3.1) of these routes, served at `url`. */
export function openApi(specs: readonly Spec[], url: string, version: string): Readonly<Record<string, unknown>> {
  const paths: Record<string, Record<string, object>> = {};
  for (const spec of specs) {
    const parameters = parametersOf(spec);
    const body =
      spec.form === undefined
        ? {}
        : {
            requestBody: {
              required: true,
              content: { "application/x-www-form-urlencoded": { schema: jsonSchemaOf(spec.form) } },
            },
          };
    const operation = {
      operationId: spec.id,
      summary: spec.summary,
      ...(parameters.length > 0 ? { parameters } : {}),
      ...body,
      responses: answersOf(spec),
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
      schemas: { Problem: problem },
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

/** A reference page for people: HTML without scripts, its style in itself. */
export function referencePage(specs: readonly Spec[]): string {
  const section = (spec: Spec) => {
    const parameters = parametersOf(spec) as { name: string; in: string; description?: string }[]; // as made above
    const rows = parameters.map(
      ({ name, in: place, description }) =>
        `<tr><td><code>${escaped(name)}</code></td><td>${place}</td><td>${escaped(description ?? "")}</td></tr>`,
    );
    const table =
      rows.length > 0 ? `<table><tr><th>parameter</th><th>in</th><th>meaning</th></tr>${rows.join("")}</table>` : "";
    const answers = Object.entries(spec.answers).map(
      ([status, { description }]) => `<li><code>${status}</code> ${escaped(description)}</li>`,
    );
    return `<section id="${spec.id}"><h2><code>${spec.method} ${escaped(spec.path)}</code></h2><p>${escaped(spec.summary)}${spec.secured ? "" : " <em>Open to all.</em>"}</p>${table}<ul>${answers.join("")}</ul></section>`;
  };
  const contents = specs.map(
    ({ id, method, path }) => `<li><a href="#${id}"><code>${method} ${escaped(path)}</code></a></li>`,
  );
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Pull API</title>
<style>${pageStyle}</style></head>
<body><h1>Pull API</h1>
<p>Send a token in the header <code>Authorization: Bearer</code>. For machines: <a href="/openapi.json">/openapi.json</a> (OpenAPI 3.1). Errors are <code>application/problem+json</code>.</p>
<ul>${contents.join("")}</ul>
${specs.map(section).join("\n")}
</body></html>
`;
}

/** The one style of the page; `app.ts` allows it by its digest. */
export const pageStyle =
  ":root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}h2{font-size:1.1rem;margin-top:2rem}table{border-collapse:collapse}td,th{border:1px solid;padding:.2rem .6rem;text-align:left;vertical-align:top}";
