/**
 * What the pull API is compared with: `/feed` is its route on one feed with nothing before it but Hono, `/file` is a file
 * as Node's own server streams it.
 *
 *     node open-service.ts hono <file with the body>
 *     node open-service.ts node <file to be handed out>
 */
import { createReadStream, readFileSync, statSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { createAdaptorServer } from "@hono/node-server";
import { Hono } from "hono";

const [kind, path = ""] = process.argv.slice(2);

/** The body is made anew for each answer, as the route's is. */
function honoServer(): Server {
  const described: unknown = JSON.parse(readFileSync(path, "utf8"));
  const app = new Hono();
  app.get(
    "/feed",
    () =>
      new Response(JSON.stringify(described), {
        headers: { "Content-Type": "application/json", "Cache-Control": "private, no-cache" },
      }),
  );
  return createAdaptorServer({ fetch: app.fetch, overrideGlobalObjects: false }) as Server; // its default kind
}

function nodeServer(): Server {
  const bytes = statSync(path).size;
  return createServer((_, response) => {
    response.writeHead(200, { "Content-Type": "application/gzip", "Content-Length": bytes });
    createReadStream(path).pipe(response);
  });
}

const server = kind === "hono" ? honoServer() : nodeServer();
server.listen(0, "127.0.0.1", () => {
  const { port } = server.address() as AddressInfo; // it listens on an address
  process.stdout.write(`${JSON.stringify({ url: `http://127.0.0.1:${port}` })}\n`);
});
