/**
 * Metrics of the doors, and the address that metrics are served on: they name partners, and are the operator's alone.
 *
 * @see Prometheus text exposition format 0.0.4
 */
import { createServer, type Server } from "node:http";
import { Counter, type Registry } from "prom-client";
import type { Listen } from "../settings.ts";
import { listenOn } from "./listen.ts";

export class Metrics {
  readonly #answers: Counter<"method" | "status">;
  readonly #tokens: Counter<"partner">;
  readonly #files: Counter<"partner" | "feed">;
  readonly #bytes: Counter<"partner" | "feed">;

  /** @param registry takes them; others may stand in it too. */
  constructor(registry: Registry) {
    const registers = [registry];
    this.#answers = new Counter({
      name: "spampots_http_answers_total",
      help: "Answers by method and status.",
      labelNames: ["method", "status"],
      registers,
    });
    this.#tokens = new Counter({
      name: "spampots_tokens_granted_total",
      help: "Access tokens granted.",
      labelNames: ["partner"],
      registers,
    });
    this.#files = new Counter({
      name: "spampots_files_handed_out_total",
      help: "Files that partners began to fetch, parts included.",
      labelNames: ["partner", "feed"],
      registers,
    });
    this.#bytes = new Counter({
      name: "spampots_bytes_handed_out_total",
      help: "Bytes of those files, or parts, whether or not all arrived.",
      labelNames: ["partner", "feed"],
      registers,
    });
  }

  answered(method: string, status: number): void {
    // What a stranger calls a method is no label.
    this.#answers.inc({ method: /^(GET|HEAD|POST)$/.test(method) ? method : "other", status });
  }

  granted(partner: string): void {
    this.#tokens.inc({ partner });
  }

  handedOut(partner: string, feed: string, bytes: number): void {
    this.#files.inc({ partner, feed });
    this.#bytes.inc({ partner, feed }, bytes);
  }
}

/** What is served beside the doors. */
export interface Watched {
  readonly registry: Registry;
  /** False where the runner is behind; absent where none is in this process. */
  ready?(): boolean;
}

/**
 * Serves `/metrics`, `/healthz` and `/readyz`, and nothing else.
 *
 * @throws SpampotsError `bad-argument` where the address can't be listened on.
 */
export async function serveMetrics(listen: Listen, { registry, ready }: Watched): Promise<Server> {
  const server = createServer((request, response) => {
    const say = (status: number, text: string, type = "application/json") =>
      response.writeHead(status, { "Content-Type": type, "Cache-Control": "no-store" }).end(text);
    const state = (ok: boolean) => say(ok ? 200 : 503, JSON.stringify({ status: ok ? "ok" : "behind" }));
    if (request.url === "/healthz") return state(true);
    if (request.url === "/readyz") return state(ready?.() ?? true);
    if (request.url !== "/metrics") return response.writeHead(404).end();
    return void registry.metrics().then(
      (text) => say(200, text, registry.contentType),
      () => say(500, ""),
    );
  });
  await listenOn(server, listen, "SPAMPOTS_METRICS_LISTEN");
  return server;
}
