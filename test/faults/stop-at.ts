/**
 * Loaded into the program's own process before it starts (`node --import`): it counts what the process asks of the file
 * system and stops it at one of these events, so that windows of microseconds are hit, and hit again by the same number.
 *
 *     FAULTS_STOP=<how>:<n>   at the n-th event, counted from 1
 *     FAULTS_STOP=<how>:<text>  at the first event whose name and path hold this text, such as `link /site/data/done/`
 *       before   SIGKILL before it takes place
 *       after    SIGKILL when it has taken place, before the program hears of it
 *       torn     a write: SIGKILL when half of it is written; any other event: as `after`
 *       pause    SIGSTOP before it takes place; whoever paused it sends SIGCONT
 *     FAULTS_EVENTS=<file>    gets one line an event: its name and path
 *
 * Nothing of the program is replaced: each call goes on to the real one. Native code (the engine writes its own files,
 * all of them temporary) isn't counted; kills at random moments reach it.
 */
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { isMainThread } from "node:worker_threads";

type Call = (...given: unknown[]) => Promise<unknown>;

const [how = "", at = ""] = (process.env.FAULTS_STOP ?? "").split(":");
const events = process.env.FAULTS_EVENTS;
const append = fs.appendFileSync;
let count = 0;
let stopped = false;

function isTheOne(said: string): boolean {
  if (stopped || at === "") return false;
  stopped = /^\d+$/.test(at) ? count === Number(at) : said.includes(at);
  return stopped;
}

/** Does what is asked at this event; `torn` gets the bytes of a write. */
async function event(name: string, path: unknown, take: () => Promise<unknown>, tear?: () => Promise<unknown>) {
  count += 1;
  const said = `${name} ${String(path)}`;
  if (events !== undefined) append(events, `${said}\n`);
  if (!isTheOne(said)) return take();
  if (how === "pause") process.kill(process.pid, "SIGSTOP");
  else if (how === "before") process.kill(process.pid, "SIGKILL");
  else {
    await (how === "torn" && tear !== undefined ? tear() : take());
    process.kill(process.pid, "SIGKILL");
  }
  return take();
}

const half = (body: unknown) =>
  typeof body === "string" || body instanceof Uint8Array ? body.slice(0, body.length / 2) : body;

function watch(
  target: Record<string, unknown>,
  name: string,
  pathOf: (self: unknown, given: unknown[]) => unknown,
  body?: number,
) {
  const real = target[name] as Call; // every name below is an asynchronous function
  target[name] = function (this: unknown, ...given: unknown[]) {
    const tear = body === undefined ? undefined : () => real.apply(this, given.with(body, half(given[body])));
    return event(name, pathOf(this, given), () => real.apply(this, given), tear);
  };
}

if (isMainThread && (at !== "" || events !== undefined)) {
  const promises = fs.promises as unknown as Record<string, unknown>; // a module of functions, seen as one
  const first = (_: unknown, given: unknown[]) => given[0];
  const second = (_: unknown, given: unknown[]) => given[1];
  for (const name of ["mkdir", "rmdir", "unlink", "rm", "readdir", "open"]) watch(promises, name, first);
  for (const name of ["link", "rename", "copyFile"]) watch(promises, name, second);
  for (const name of ["writeFile", "appendFile"]) watch(promises, name, first, 1);
  const opened = await fs.promises.open(import.meta.filename);
  const prototype = Object.getPrototypeOf(opened) as Record<string, unknown>; // of every file handle
  await opened.close();
  watch(prototype, "sync", () => "");
  watch(prototype, "writeFile", () => "", 0);
  syncBuiltinESMExports();
}
