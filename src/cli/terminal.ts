/**
 * Questions at a terminal. Where there is none, nothing is asked: the caller says what is missing.
 *
 * @see Node.js, `readline/promises`
 */
import { createInterface } from "node:readline/promises";
import type { Readable, Writable } from "node:stream";
import { SpampotsError } from "../errors.ts";
import { plain } from "../log.ts";

/** Someone who can be asked. */
export interface Terminal {
  /** The answer, trimmed; an empty one is the default, which is shown. @throws SpampotsError `interrupted` */
  ask(question: string, fallback?: string): Promise<string>;
  /** Anything but yes is no. @throws SpampotsError `interrupted` */
  confirm(question: string): Promise<boolean>;
  say(line: string): void;
  close(): void;
}

/** The process's terminal; `undefined` where input or output is none, or the result is for machines. */
export function openTerminal(json: boolean): Terminal | undefined {
  if (json || process.stdin.isTTY !== true || process.stdout.isTTY !== true) return undefined;
  return terminalOn(process.stdin, process.stdout, true);
}

/** A terminal over streams. */
export function terminalOn(input: Readable, output: Writable, terminal: boolean): Terminal {
  const gone = new AbortController();
  const lines = createInterface({ input, output, terminal });
  // Ctrl-C, Ctrl-D, or a window that is closed.
  lines.on("close", () => gone.abort());
  // Lines that nobody asked for yet: several answers pasted at once.
  const ahead: string[] = [];
  lines.on("line", (line) => ahead.push(line));
  const ask = async (question: string, fallback?: string) => {
    const shown = fallback === undefined || fallback === "" ? "" : ` [${plain(fallback)}]`;
    try {
      gone.signal.throwIfAborted();
      const asked = `${plain(question)}${shown}: `;
      const typed = ahead.shift();
      if (typed !== undefined) output.write(`${asked}${plain(typed)}\n`);
      const answer = (typed ?? (await lines.question(asked, { signal: gone.signal }))).trim();
      return answer === "" ? (fallback ?? "") : answer;
    } catch (cause) {
      if (!gone.signal.aborted) throw cause;
      throw new SpampotsError("interrupted", "The questions were broken off; nothing was written.", { cause });
    }
  };
  return {
    ask,
    confirm: async (question) => {
      // What was typed before the question was seen is no answer to it.
      ahead.length = 0;
      return /^y(es)?$/i.test(await ask(`${question} [y/N]`));
    },
    say: (line) => void output.write(`${line.split("\n").map(plain).join("\n")}\n`),
    close: () => lines.close(),
  };
}
