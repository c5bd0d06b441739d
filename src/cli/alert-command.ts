/** Alerts for a program of the operator's: JSON on its standard input. No shell has a part in it. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import type { Tell } from "../delivery/watch/alert-book.ts";
import { SpampotsError } from "../errors.ts";
import { shownJson } from "../log.ts";

/** Characters of what it says on standard error that are kept for the log. */
const mostSaid = 300;

/**
 * Tells by running a program. Exit code 0 is success. It is given the environment, but for our own settings: the
 * signing key may be among them.
 *
 * @param words the program and its arguments
 * @param timeLimit milliseconds after which the program is ended, and all that it started
 */
export function tellCommand(
  words: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  timeLimit = 10_000,
): Tell {
  const [program = "", ...args] = words;
  const given = Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith("SPAMPOTS_")));
  return async (message, signal) => {
    // A group of its own: what it started ends with it.
    const child = spawn(program, args, { env: given, stdio: ["pipe", "ignore", "pipe"], detached: true });
    const stop = AbortSignal.any([signal, AbortSignal.timeout(timeLimit)]);
    const end = () => endGroup(child);
    stop.addEventListener("abort", end, { once: true });
    let said = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      said = (said + text).slice(0, mostSaid);
    });
    // It needn't read what it is told.
    child.stdin.on("error", () => undefined).end(`${shownJson(JSON.stringify(message))}\n`);
    try {
      const [code, signalName] = await once(child, "exit");
      if (code !== 0) throw failed({ exit: code ?? signalName, ...(said === "" ? {} : { said }) });
    } catch (cause) {
      throw cause instanceof SpampotsError ? cause : failed({ cause });
    } finally {
      stop.removeEventListener("abort", end);
      end();
      child.stderr.destroy();
    }
  };
}

function endGroup({ pid }: ChildProcess): void {
  try {
    if (pid !== undefined) process.kill(-pid, "SIGKILL");
  } catch {
    // It ended by itself.
  }
}

const failed = (facts: Readonly<Record<string, unknown>>) =>
  new SpampotsError("some-failed", "The alert command failed.", facts);
