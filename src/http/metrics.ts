/**
 * Metrics for Prometheus, on an address of their own: they name partners, and are the operator's alone.
 *
 * @see Prometheus text exposition format 0.0.4
 */
import { createServer, type Server } from "node:http";
import { Counter, collectDefaultMetrics, Registry } from "prom-client";
import type { Listen } from "../settings.ts";
import { listenOn } from "./listen.ts";

export class Metrics {
  readonly #registry = new Registry();
  readonly #answers = new Counter({
    name: "spampots_http_answers_total",
    help: "Answers by method and status.",
    labelNames: ["method", "status"],
    registers: [this.#registry],
  });
  readonly #tokens = new Counter({
    name: "spampots_tokens_granted_total",
    help: "Access tokens granted.",
    labelNames: ["partner"],
    registers: [this.#registry],
  });
  readonly #files = new Counter({
    name: "spampots_files_handed_out_total",
    help: "Files that partners began to fetch, parts included.",
    labelNames: ["partner", "feed"],
    registers: [this.#registry],
  });
  readonly #bytes = new Counter({
    name: "spampots_bytes_handed_out_total",
    help: "Bytes of those files, or parts, whether or not all arrived.",
    labelNames: ["partner", "feed"],
    registers: [this.#registry],
  });

  constructor() {
    collectDefaultMetrics({ register: this.#registry });
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

  /** All of them as text. */
  text(): Promise<string> {
    return this.#registry.metrics();
  }

  /** Media type of the text. */
  get contentType(): string {
    return this.#registry.contentType;
  }
}

/** Serves `/metrics` and nothing else. @throws SpampotsError `bad-argument` where the address can't be listened on. */
export async function serveMetrics(listen: Listen, metrics: Metrics): Promise<Server> {
  const server = createServer((request, response) => {
    if (request.url !== "/metrics") {
      response.writeHead(404).end();
      return;
    }
    void metrics.text().then((text) => response.writeHead(200, { "Content-Type": metrics.contentType }).end(text));
  });
  await listenOn(server, listen, "SPAMPOTS_METRICS_LISTEN");
  return server;
}
