/**
 * A service that really serves a store of really published data, for tests of clients: behind a proxy in the process, which
 * passes everything on as it is until a test has it break, change or count something.
 */
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { isError } from "../../../src/errors.ts";
import { Registry } from "../../../src/http/registry.ts";
import { serve } from "../../../src/http/serve.ts";
import { openLog } from "../../../src/log.ts";
import { newTokenKey } from "../../../src/partner/auth/token-keys.ts";
import { newClientKey, openClientKey, publicLine } from "../../../src/partner/client/client-key.ts";
import { type FetchReport, type FetchRequest, fetchPublications } from "../../../src/partner/client/fetch.ts";
import { Session } from "../../../src/partner/client/session.ts";
import { listKeys } from "../../../src/publication/keys.ts";
import { readTrust } from "../../../src/publication/trust.ts";
import { verify } from "../../../src/publication/verify.ts";
import { openDiskStore } from "../../../src/store/disk.ts";
import { type OperatorWorld, openOperatorWorld, partnersYaml } from "../../publication/operator-world.ts";

const project = join(import.meta.dirname, "../../..");

/** What the service answered, whole. */
export interface Passed {
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  readonly body: Buffer;
}

/** Sees each request; answers it where it gives true. `pass` asks the service. */
export type Meddle = (
  request: IncomingMessage,
  response: ServerResponse,
  pass: () => Promise<Passed>,
) => Promise<boolean> | boolean;

export interface Service {
  readonly world: OperatorWorld;
  readonly url: string;
  /** Private key files of the partners. */
  readonly keys: Readonly<Record<"twcert" | "ncc", string>>;
  /** Where `fetch` puts what it gets. */
  readonly into: string;
  /** The clock of service and client. */
  now: number;
  meddle: Meddle | undefined;
  /** Paths that were asked for, with query. */
  readonly asked: string[];
  /** What a test's own meddling threw. */
  readonly broken: unknown[];
  /** Of the key that signs manifests. */
  thumbprint(): Promise<string>;
  /** Fetches as `twcert` with its key and the pinned thumbprint. */
  fetch(more?: Partial<FetchRequest>): Promise<FetchReport>;
  /** Proves what `fetch` put there, as the partner does. */
  verify(): Promise<string[]>;
}

/** Sends back what the service answered, changed. */
export function answer(response: ServerResponse, { status, headers, body }: Passed): true {
  const { "transfer-encoding": _, ...rest } = headers;
  response.writeHead(status, { ...rest, "content-length": String(body.length) });
  response.end(body);
  return true;
}

/**
 * Opens an installation with keys for both partners and serves it, until the test ends. Nothing is published yet.
 *
 * @param more lines of `partners.yaml` with further keys of `twcert`
 */
export async function openService(
  t: Pick<TestContext, "after">,
  now: number,
  more: readonly string[] = [],
): Promise<Service> {
  let close = async () => {};
  // Hooks run in the order in which they were set up: what serves ends before what it serves is removed.
  t.after(() => close());
  const world = await openOperatorWorld(t);
  const own = await mkdtemp(join(tmpdir(), "spampots-partner-"));
  t.after(() => rm(own, { recursive: true, force: true }));
  const keys = { twcert: join(own, "twcert.jwk"), ncc: join(own, "ncc.jwk") };
  const lines = {
    twcert: publicLine(await newClientKey(keys.twcert, { alg: "EdDSA", partner: "twcert" })),
    ncc: publicLine(await newClientKey(keys.ncc, { alg: "ES256", partner: "ncc" })),
  };
  const config = join(world.root, "config");
  await mkdir(config);
  await cp(join(project, "feeds"), join(config, "feeds"), { recursive: true });
  const all = { twcert: [lines.twcert, ...more], ncc: [lines.ncc] };
  const yaml = Object.entries(all).reduce(
    (text, [id, own]) =>
      text.replace(`name: ${id}\n`, `name: ${id}\n    keys:\n${own.map((line) => `      ${line}\n`).join("")}`),
    // In force on the day of the test, whatever day that is.
    partnersYaml.replaceAll("2026-01-01", "2000-01-01").replaceAll("2027-12-31", "2099-12-31"),
  );
  await writeFile(join(config, "partners.yaml"), yaml);
  const { settings } = world;
  await newTokenKey(settings.tokenKeys, now);
  const log = openLog("silent");
  const registry = await Registry.open({ config, keys: settings.keys, tokenKeys: settings.tokenKeys }, log);

  const proxy = createServer();
  await new Promise<void>((done) => proxy.listen(0, "127.0.0.1", done));
  const { port } = proxy.address() as AddressInfo; // it listens on an address
  const url = `http://127.0.0.1:${port}`;
  const service: Service = {
    world,
    url,
    keys,
    into: join(own, "twcert"),
    now,
    meddle: undefined,
    asked: [],
    broken: [],
    thumbprint: async () => (await listKeys(settings.keys)).live,
    async fetch(more = {}) {
      const { into = service.into, partner = "twcert", trust = readTrust(await service.thumbprint()) } = more;
      const session = await sessionAt(service, () => service.now);
      return fetchPublications({
        session,
        partner,
        trust,
        into,
        feeds: [],
        now: service.now,
        onProgress: () => {},
        ...more,
      });
    },
    async verify() {
      const trust = readTrust(await service.thumbprint());
      const report = await verify(openDiskStore(service.into), {
        trust,
        partner: "twcert",
        now: service.now,
        deep: true,
      });
      return [...report.problems, ...report.feeds.flatMap((feed) => feed.problems)].map(({ code }) => code);
    },
  };
  const { metrics: _, ...silent } = settings.serve;
  const serving = await serve({
    settings: {
      ...silent,
      listen: { host: "127.0.0.1", port: 0 },
      url,
      limits: { requests: 100_000, downloads: 100, strangers: 100_000 },
    },
    issuer: "CERT.br",
    version: "0.0.0",
    store: world.store,
    registry,
    receipts: join(world.root, "receipts"),
    index: join(world.root, "index"),
    clock: () => service.now,
    log,
  });
  proxy.on("request", async (from, to) => {
    service.asked.push(from.url ?? "");
    // Read first: what the test sees, and what goes on.
    const sent: Buffer[] = [];
    for await (const chunk of from) sent.push(chunk);
    const pass = () => passOn(from, Buffer.concat(sent), serving.port);
    try {
      if (!(await service.meddle?.(from, to, pass))) answer(to, await pass());
    } catch (error) {
      service.broken.push(error);
      to.destroy();
    }
  });
  close = async () => {
    proxy.closeAllConnections();
    await new Promise((done) => proxy.close(done));
    await serving.close();
  };
  return service;
}

function passOn({ method, url, headers }: IncomingMessage, body: Buffer, port: number): Promise<Passed> {
  return new Promise((done, fail) => {
    const passing = request({ host: "127.0.0.1", port, method, path: url, headers, agent: false }, async (answered) => {
      const chunks: Buffer[] = [];
      try {
        for await (const chunk of answered) chunks.push(chunk);
        done({ status: answered.statusCode ?? 0, headers: answered.headers, body: Buffer.concat(chunks) });
      } catch (error) {
        fail(error);
      }
    });
    passing.on("error", fail);
    passing.end(body);
  });
}

/** Every file below a folder but temporary ones, with its text in hex. */
export async function filesIn(folder: string): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>();
  for await (const { key } of openDiskStore(folder).list("")) found.set(key, await readFile(join(folder, key), "hex"));
  return found;
}

/** A session of `twcert` with a clock and pauses of the test's. */
export async function sessionAt(
  { url, keys }: Service,
  clock: () => number,
  sleep: (ms: number) => Promise<void> = async () => {},
): Promise<Session> {
  return new Session(url, { key: await openClientKey(keys.twcert) }, { clock, sleep });
}

/** Code of an error of ours. */
export function codeOf(error: unknown): string {
  return isError(error) ? error.code : String(error);
}
