/**
 * A site whose partners have a destination on this machine, for tests of what an operator sees: a real store and lake,
 * real publications, the commands as processes.
 */
import { execFile } from "node:child_process";
import { cp, mkdir, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import type { TestContext } from "node:test";
import {
  capturesOf,
  type OperatorWorld,
  openOperatorWorld,
  partnersYaml,
  sensors,
} from "../publication/operator-world.ts";

const project = join(import.meta.dirname, "../..");

/** What a command said. */
export interface Said {
  readonly code: number;
  readonly out: string;
  readonly errors: string;
}

/** A web server of a partner's, or of whoever wants alerts. */
export interface Inbox {
  readonly url: string;
  /** What it answers with. */
  status: number;
  /** What came, oldest first. */
  readonly taken: { readonly method: string; readonly path: string; readonly body: string }[];
}

export interface PushedSite {
  readonly world: OperatorWorld;
  readonly inbox: Inbox;
  /** Replaces partners.yaml. */
  configure(text: string): Promise<void>;
  /** Runs a command, at this instant. */
  run(now: string, ...args: string[]): Promise<Said>;
  readonly env: Record<string, string | undefined>;
}

/** Opens a server that takes everything; it ends with the test. */
export async function openInbox(t: Pick<TestContext, "after">): Promise<Inbox> {
  const inbox: { -readonly [Key in keyof Inbox]: Inbox[Key] } = { url: "", status: 201, taken: [] };
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      if (request.method !== "HEAD") {
        const body = Buffer.concat(chunks).toString();
        inbox.taken.push({ method: request.method ?? "", path: request.url ?? "", body });
      }
      response.writeHead(request.method === "HEAD" ? 404 : inbox.status).end();
    });
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  inbox.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`; // it listens on a port
  return inbox;
}

/** `twcert` has spam-sources pushed to `inbox`; `ncc` comes for what it wants. */
export async function openPushedSite(
  t: Pick<TestContext, "after">,
  more: Readonly<Record<string, string>> = {},
): Promise<PushedSite> {
  const world = await openOperatorWorld(t);
  const inbox = await openInbox(t);
  const config = join(world.root, "config");
  await mkdir(config);
  await cp(join(project, "feeds"), join(config, "feeds"), { recursive: true });
  const configure = (text: string) => writeFile(join(config, "partners.yaml"), text);
  const pushed = `spam-sources, every: day, formats: [csv, stix], deliveries: [{ kind: webhook, url: "${inbox.url}/in" }]`;
  await configure(partnersYaml.replace("spam-sources, every: day, formats: [csv, stix]", pushed));
  const listed = sensors.map(({ id, addresses }) => ({ id, addresses: addresses.map(({ address }) => ({ address })) }));
  await writeFile(join(world.root, "sensors.yaml"), `${JSON.stringify({ sensors: listed })}\n...\n`);
  const env = {
    PATH: process.env.PATH,
    SPAMPOTS_DATA: world.root,
    SPAMPOTS_CONFIG: config,
    SPAMPOTS_PUSH_LOOPBACK: "true",
    SPAMPOTS_METRICS_LISTEN: "none",
    SPAMPOTS_THREADS: "1",
    ...more,
  };
  const run = (now: string, ...args: string[]) =>
    new Promise<Said>((resolve) => {
      const started = ["bin/spampots.js", "--now", now, ...args];
      execFile(process.execPath, started, { cwd: project, env }, (error, out, errors) =>
        resolve({ code: error === null ? 0 : Number(error.code), out, errors }),
      );
    });
  return { world, inbox, configure, run, env };
}

/** Two days of captures, and what was due of the first one published. */
export async function publishedDay({ world }: PushedSite): Promise<void> {
  await world.ingest("pot-1", capturesOf("203.0.113.7", "2026-11-10T01:00:00Z", 5));
  await world.ingest("pot-2", capturesOf("203.0.113.8", "2026-11-11T01:00:00Z", 2));
}
