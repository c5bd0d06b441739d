/**
 * The harness of the fault tests: a small complete site in a folder, the real command line as a process that can be
 * killed or paused, and what there is at the end. A site's stages are made once for each test file and copied for each
 * case, which costs milliseconds where making one costs seconds.
 *
 * The clock is fixed by `--now`, keys and site key are fixed, tables hold documentation addresses (RFC 5737), so that an
 * undisturbed run always gives the same bytes: the end of a disturbed one is compared with it by `end-state.ts`.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { cp, mkdir, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { after } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { importTable } from "../../src/enrich/table-import.ts";
import { newKeys } from "../../src/publication/keys.ts";
import { openDiskStore } from "../../src/store/disk.ts";
import { documentationTables, projectRoot, testKey } from "../pipeline.ts";

/** The clock of every run: the three days of captures are over, and their feeds due. */
export const now = "2026-11-12T08:00:00Z";

/** Days of the captures, and the sensors that took them. */
export const days = ["2026-11-09", "2026-11-10", "2026-11-11"];
export const sensorIds = ["pot-1", "pot-2"];

const sensorsFile = JSON.stringify({
  sensors: sensorIds.map((id, index) => ({
    id,
    economy: "BR",
    addresses: [{ address: `203.0.113.${200 + index}` }],
    names: [`${id}.honeynet.example`],
  })),
});

/** Two partners with equal policies, whose slices are rendered once, and one of another economy. */
export const partnersFile = `partners:
${[
  ["twcert", "TW"],
  ["ncc", "TW"],
  ["jpcert", "JP"],
]
  .map(
    ([id, economy]) => `  - id: ${id}
    name: ${id}
    economies: [${economy}]
    mou:
      reference: M-${id}
      signed: 2026-01-01
      expires: 2027-12-31
      purposes: [incident response]
      onward: constituents
      retention_days: 365
    tlp_ceiling: AMBER+STRICT
    contacts: [{ name: Placeholder, email: feeds@${id}.example }]
    subscriptions:
      - { feed: spam-sources, every: day, formats: [csv, stix] }
      - { feed: ${id === "jpcert" ? "spam-urls" : "summary"}, every: day, formats: [${id === "jpcert" ? "csv" : "json"}] }
`,
  )
  .join("")}...
`;

/** How far a site has come. */
export type Stage = "spooled" | "ingested" | "published";

/**
 * How a process is to be stopped: at one of its requests to the file system, by number or by the text that it holds (see
 * `stop-at.ts`), or after a time.
 */
export interface Stop {
  readonly at?: { readonly how: "before" | "after" | "torn" | "pause"; readonly event: number | string };
  /** SIGKILL from outside after so many milliseconds. */
  readonly afterMs?: number;
  /** Keep a list of the events: {@link Ran.events}. */
  readonly listed?: boolean;
}

/** How a process ended. */
export interface Ran {
  readonly args: readonly string[];
  /** Exit code; null where a signal ended it. */
  readonly code: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly ms: number;
  /** Requests to the file system, where they were listed. */
  readonly events: readonly string[];
}

/** A process that was started. */
export interface Running {
  readonly child: ChildProcess;
  readonly done: Promise<Ran>;
  /** True when it has paused itself, false where it ended first. */
  paused(): Promise<boolean>;
  resume(): void;
}

/** A site in a folder of its own. */
export interface Site {
  readonly root: string;
  readonly data: string;
  readonly config: string;
  /** Starts `spampots --json --now <now> <args>` on this site. */
  start(args: readonly string[], stop?: Stop, env?: Readonly<Record<string, string>>): Running;
  /** Runs it to its end. */
  run(args: readonly string[], stop?: Stop, env?: Readonly<Record<string, string>>): Promise<Ran>;
  /** A copy of the site in a folder of its own. */
  copy(): Promise<Site>;
  remove(): Promise<void>;
}

/** A run that takes this long hangs: it is killed, and fails its test. */
const longestMs = 60_000;

const shared = { folder: undefined as Promise<string> | undefined, stages: new Map<Stage, Promise<Site>>() };
after(async () => {
  if (shared.folder !== undefined) await rm(await shared.folder, { recursive: true, force: true });
});

function sharedFolder(): Promise<string> {
  shared.folder ??= mkdtemp(join(tmpdir(), "spampots-faults-"));
  return shared.folder;
}

/** A fresh site at a stage, made for this case alone; the caller removes it. */
export async function openSite(stage: Stage): Promise<Site> {
  return (await template(stage)).copy();
}

/** The site that all copies of a stage come from. */
function template(stage: Stage): Promise<Site> {
  const made = shared.stages.get(stage) ?? makeTemplate(stage);
  shared.stages.set(stage, made);
  return made;
}

async function makeTemplate(stage: Stage): Promise<Site> {
  if (stage === "spooled") return makeSpooled(join(await sharedFolder(), stage));
  const site = await (await template(stage === "ingested" ? "spooled" : "ingested")).copy();
  expectDone(await site.run([stage === "ingested" ? "ingest" : "publish"]));
  return site;
}

/** Everything that `ingest` and `publish` need, and a spool full of files. */
async function makeSpooled(root: string): Promise<Site> {
  const site = siteAt(root);
  await mkdir(join(site.data, "spool"), { recursive: true });
  await writeFile(join(site.data, "sensors.yaml"), sensorsFile);
  await cp(join(projectRoot, "feeds"), join(site.config, "feeds"), { recursive: true });
  await writeFile(join(site.config, "partners.yaml"), partnersFile);
  const tables = openDiskStore(join(site.data, "tables"));
  for (const kind of ["economy", "asn"] as const) {
    const file = join(root, `${kind}.csv`);
    await writeFile(file, documentationTables[kind]);
    await importTable({ files: [file], kind, name: "documentation", date: "2026-01-01", store: tables });
  }
  const keys = join(site.data, "keys");
  await mkdir(keys, { mode: 0o700 });
  await writeFile(join(keys, "site.key"), `${"5b".repeat(32)} 376843d7\n`, { mode: 0o600 });
  await writeFile(join(keys, `${testKey.kid}.jwk`), `${JSON.stringify(testKey, undefined, 2)}\n`, { mode: 0o600 });
  await newKeys({ folder: keys }, { now: Date.UTC(2026, 0, 1) });
  for (const [index, day] of days.entries())
    for (const sensor of sensorIds)
      await writeFile(join(site.data, "spool", `${sensor}-${day}.ndjson`), spoolText(sensor, day, index));
  return site;
}

const sources = ["192.0.2.7", "192.0.2.200", "198.51.100.9", "198.51.100.77", "203.0.113.5", "203.0.113.140"];
const bodies = [
  "Buy our fine watches today at http://shop.example.com/a and be happy.",
  "Your loan is approved: http://198.51.100.80/login waits for you.",
  "Win a prize, https://www.deals.com.tw/x is the place.",
];

/** Id of the batch that a spool file of the sites is. */
export function batchOf(sensor: string, day: string): string {
  return createHash("sha256")
    .update(spoolText(sensor, day, days.indexOf(day)))
    .digest("hex");
}

/** A spool file of one sensor and day: messages of a few sources, with one line that goes to quarantine. */
export function spoolText(sensor: string, day: string, salt: number, count = 24): string {
  const start = Date.parse(day);
  const instant = (ms: number) => new Date(start + ms).toISOString();
  const lines: unknown[] = [{ v: 1, sensor, sealed_at: instant(86_400_000) }];
  for (let hour = 0; hour < 24; hour += 1) lines.push({ kind: "heartbeat", at: instant(hour * 3_600_000) });
  for (let index = 0; index < count; index += 1) {
    const at = index * 3_000_000 + salt * 60_000 + sensor.length;
    const body = bodies[(index + salt) % bodies.length];
    lines.push({
      kind: "message",
      id: `${day}-${index}`,
      session: `${day}-${index >> 1}`,
      connected_at: instant(at),
      captured_at: instant(at + 2_000),
      handshake: true,
      source: { ip: sources[(index * 7 + salt) % sources.length], port: 40_000 + index },
      service: { name: "socks5", port: 1080 },
      request: { type: "connect-25", ip: "198.51.100.25", port: 25, result: "granted" },
      envelope: {
        helo: "friend",
        mail_from: "a@example.com",
        rcpt_to: ["chen@mail.example.tw", "info@mail.example.jp"],
      },
      message: Buffer.from(`From: a@example.com\r\nSubject: Offer ${index % 3}\r\n\r\n${body}\r\n`).toString("base64"),
    });
  }
  return `${lines.map((line) => JSON.stringify(line)).join("\n")}\nthis is no JSON\n`;
}

let copies = 0;

/** Folder of the marks of a site's own store. */
export function marksOf(data: string): string {
  return join(data, "tips", createHash("sha256").update(join(data, "store")).digest("hex").slice(0, 16));
}

function siteAt(root: string): Site {
  const data = join(root, "data");
  const config = join(root, "config");
  const site: Site = {
    root,
    data,
    config,
    start: (args, stop = {}, env = {}) => start({ root, data, config }, args, stop, env),
    run: (args, stop, env) => site.start(args, stop, env).done,
    async copy() {
      const folder = await sharedFolder();
      copies += 1;
      const to = join(folder, `case-${copies}`);
      await cp(root, to, { recursive: true, preserveTimestamps: true });
      const copied = siteAt(to);
      // Marks stand below a name made of the store's place: they move with it.
      await rename(join(copied.data, "tips", basename(marksOf(data))), marksOf(copied.data)).catch(() => undefined);
      return copied;
    },
    remove: () => rm(root, { recursive: true, force: true }),
  };
  return site;
}

let starts = 0;

function start(
  { root, data, config }: Pick<Site, "root" | "data" | "config">,
  args: readonly string[],
  { at, afterMs, listed = false }: Stop,
  more: Readonly<Record<string, string>>,
): Running {
  starts += 1;
  const events = join(root, `events-${starts}`);
  const env = {
    PATH: process.env.PATH ?? "",
    SPAMPOTS_DATA: data,
    SPAMPOTS_CONFIG: config,
    SPAMPOTS_THREADS: "1",
    SPAMPOTS_LOG: "error",
    // Half of a start is reading the program's own sources.
    NODE_COMPILE_CACHE: join(root, "..", "compiled"),
    ...(at === undefined ? {} : { FAULTS_STOP: `${at.how}:${at.event}` }),
    ...(listed ? { FAULTS_EVENTS: events } : {}),
    ...more,
  };
  const watched = at === undefined && !listed ? [] : ["--import", join(import.meta.dirname, "stop-at.ts")];
  const program = [...watched, join(projectRoot, "bin", "spampots.js"), "--json", "--now", now, ...args];
  const began = performance.now();
  const child = spawn(process.execPath, program, { cwd: root, env, stdio: ["ignore", "pipe", "pipe"] });
  const said = { stdout: "", stderr: "" };
  child.stdout.setEncoding("utf8").on("data", (text: string) => (said.stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (said.stderr += text));
  const timers = [setTimeout(() => child.kill("SIGKILL"), longestMs)];
  if (afterMs !== undefined) timers.push(setTimeout(() => child.kill("SIGKILL"), afterMs));
  const ended = once(child, "close");
  const done = ended.then(async ([code, signal]): Promise<Ran> => {
    for (const timer of timers) clearTimeout(timer);
    const ms = performance.now() - began;
    if (ms >= longestMs) throw new Error(`It hangs: spampots ${args.join(" ")}\n${said.stderr}`);
    const list = listed ? (await readFile(events, "utf8").catch(() => "")).split("\n").slice(0, -1) : [];
    return { args, code, signal, ...said, ms, events: list };
  });
  return { child, done, paused: () => paused(child), resume: () => void child.kill("SIGCONT") };
}

/** Waits until the process stands still (state T of proc(5)) or is gone. */
async function paused(child: ChildProcess): Promise<boolean> {
  for (;;) {
    if (child.exitCode !== null || child.signalCode !== null) return false;
    try {
      const text = readFileSync(`/proc/${child.pid}/stat`, "utf8");
      if (text.slice(text.lastIndexOf(")") + 2).startsWith("T")) return true;
    } catch {
      return false;
    }
    await sleep(2);
  }
}

/** Refuses a run that didn't end with exit code 0. */
export function expectDone(ran: Ran): Ran {
  if (ran.code === 0) return ran;
  throw new Error(`spampots ${ran.args.join(" ")} ended with ${ran.code ?? ran.signal}:\n${ran.stdout}\n${ran.stderr}`);
}
