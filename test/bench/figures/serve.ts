/** The pull API beside the same without its work: what authentication, limits, receipts and digests cost. */
import { existsSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Bench, type Place, spampots } from "../bench.ts";
import { filesIn, publishedSite, warm } from "../data.ts";
import type { Figure, Prepared } from "../figure.ts";
import { type Call, type Measured, ownTime, run } from "../process.ts";
import { type Service, start } from "../service.ts";

const beside = (name: string) => join(import.meta.dirname, "../references", name);
const port = 18_470;
const partner = "twcert-cc";

/** Limits that nobody meets here. */
const unlimited = { SPAMPOTS_LIMIT_REQUESTS: "1000000", SPAMPOTS_LIMIT_DOWNLOADS: "10000" };

interface Running {
  readonly ours: Service;
  readonly token: string;
  readonly place: Place & { readonly store: string };
  stop(): Promise<void>;
}

function served(bench: Bench, place: Place, ...args: readonly string[]): Call {
  const call = spampots(bench, place, ...args);
  const env = { ...call.env, ...unlimited, SPAMPOTS_LISTEN: `127.0.0.1:${port}`, SPAMPOTS_METRICS_LISTEN: "none" };
  return { ...call, env };
}

async function running(bench: Bench): Promise<Running> {
  const place = await publishedSite(bench, bench.captures);
  if (!existsSync(join(place.data, "token-keys"))) await run(served(bench, place, "keys", "new", "--tokens"));
  const token = (await run(served(bench, place, "token", partner))).stdout.trim();
  const ours = await start(served(bench, place, "--json", "serve"));
  return { ours, token, place, stop: () => ours.stop() };
}

const asking = (url: string, token: string, requests: number, connections: number): Call => ({
  program: process.execPath,
  args: [beside("ask.ts"), url, token, String(requests), String(connections)],
});

/** The file nearest to a size, of those that were published to the partner: its path in the store, and in the API. */
function fileOf(
  { place }: Running,
  wanted: number,
): { readonly path: string; readonly route: string; readonly bytes: number } {
  const files = filesIn(join(place.store, "partners", partner), /\/artifacts\//);
  const off = (path: string) => Math.abs(statSync(path).size - wanted);
  const [path = ""] = files.sort((a, b) => off(a) - off(b));
  warm([path]);
  const [, feed = "", name = ""] = /\/([^/]+)\/artifacts\/[0-9a-f]{16}-(.+)$/.exec(path) ?? [];
  return { path, route: `/v1/feeds/${feed}/publications/1/${name}`, bytes: statSync(path).size };
}

export const smallRequests: Figure = {
  id: "serve-small",
  work: "small authenticated request of the pull API",
  reference: "the same Hono route without authentication",
  bound: { kind: "rate", least: 0.6 },
  async prepare(bench: Bench): Promise<Prepared> {
    const service = await running(bench);
    const url = `${service.ours.url}/v1/feeds/spam-sources`;
    const requests = bench.quick ? 200 : 30_000;
    const body = await (await fetch(url, { headers: { Authorization: `Bearer ${service.token}` } })).text();
    const file = join(bench.root, "serve-small.json");
    writeFileSync(file, body);
    const open = await start({ program: process.execPath, args: [beside("open-service.ts"), "hono", file] });
    const counted = async (measured: Promise<Measured>): Promise<Measured> => ({
      ...(await measured),
      units: requests,
    });
    return {
      size: `${requests.toLocaleString("en")} requests of ${body.length} bytes over 8 connections that stay`,
      unit: "requests",
      commands: { ours: "GET /v1/feeds/spam-sources with a partner token", reference: "GET /feed of a bare Hono app" },
      ours: () => counted(ownTime(asking(url, service.token, requests, 8))),
      reference: () => counted(ownTime(asking(`${open.url}/feed`, "none", requests, 8))),
      notes: [
        "One client process asks, on the other core. The reference makes the same body anew each time, and does nothing else.",
        "Processor time and memory are the client's.",
      ],
      end: async () => {
        await service.stop();
        await open.stop();
      },
    };
  },
};

export const downloads: Figure = {
  id: "serve-download",
  work: "download of an artifact from the pull API",
  reference: "the same file streamed by plain `node:http`",
  bound: { kind: "rate", least: 0.85 },
  async prepare(bench: Bench): Promise<Prepared> {
    const service = await running(bench);
    const file = fileOf(service, 1e9);
    const times = bench.quick ? 3 : Math.max(3, Math.round(3e9 / file.bytes));
    const plain = await start({ program: process.execPath, args: [beside("open-service.ts"), "node", file.path] });
    return {
      size: `a file of ${(file.bytes / 1e6).toFixed(1)} MB, ${times} times over 2 connections`,
      unit: "bytes",
      commands: { ours: `GET ${file.route}`, reference: "createReadStream(path).pipe(response)" },
      ours: () => ownTime(asking(service.ours.url + file.route, service.token, times, 2)),
      reference: () => ownTime(asking(plain.url, "none", times, 2)),
      notes: ["Ours checks the token, notes a receipt and flushes it, and states the digest, each time."],
      end: async () => {
        await service.stop();
        await plain.stop();
      },
    };
  },
};

export const parallelDownloads: Figure = {
  id: "serve-parallel",
  work: "200 downloads at once, time and memory of `serve`",
  reference: "the same downloads, ten at once",
  bound: { kind: "time", most: 1.5, memory: 1.5 },
  async prepare(bench: Bench): Promise<Prepared> {
    const service = await running(bench);
    const file = fileOf(service, 5e6);
    const times = bench.quick ? 200 : Math.max(400, Math.round(3e9 / file.bytes));
    const measured = async (connections: number): Promise<Measured> => {
      service.ours.resetPeak();
      const taken = await ownTime(asking(service.ours.url + file.route, service.token, times, connections));
      return { ...taken, peak_mb: service.ours.peakMb() };
    };
    return {
      size: `a file of ${(file.bytes / 1e6).toFixed(1)} MB, ${times.toLocaleString("en")} times`,
      unit: "bytes",
      commands: { ours: `GET ${file.route} over 200 connections`, reference: "the same over 10" },
      ours: () => measured(200),
      reference: () => measured(10),
      notes: ["Memory is the service's, the greatest during each run."],
      end: () => service.stop(),
    };
  },
};
