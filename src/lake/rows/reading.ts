/**
 * Spool files read in a thread of their own. Decompressed bytes are garbage as soon as they are blocks, and the more
 * memory passes through a thread the more often all its objects are gone over: in a thread that has few, that is nothing.
 *
 * Flow: path -> `read-thread.ts` (decompressed, hashed, cut into blocks) -> here -> `threads.ts`.
 */
import { extname } from "node:path";
import { MessageChannel, type MessagePort, Worker } from "node:worker_threads";
import type { SpoolPart } from "../../capture/spool-file.ts";
import { type ErrorCode, SpampotsError } from "../../errors.ts";

/** An error as it goes from thread to thread: classes and codes wouldn't come along. */
export interface SentError {
  readonly message: string;
  readonly code: string | undefined;
  /** Present for a {@link SpampotsError}. */
  readonly facts?: Readonly<Record<string, unknown>>;
}

/** A part of a file as it is sent. */
export type SentPart = Exclude<SpoolPart, { kind: "fault" }> | { kind: "fault"; line: number; error: SentError };

/** What the reading thread says: a part, an error that ended the reading, or that all was said. */
export type Said = { readonly part: SentPart } | { readonly error: SentError } | { readonly done: true };

/** A file to be read. What is said of it goes to the port; for each part, a message comes back when more may be sent. */
export interface ReadWork {
  readonly path: string;
  readonly port: MessagePort;
}

/** Parts that may be on their way: bounds memory. */
export const partsAhead = 3;

export interface Reader {
  /** As `spoolBlocks`, from the other thread. */
  parts(path: string): AsyncGenerator<SpoolPart>;
  close(): Promise<void>;
}

/** Opens a reader; its thread is started with the first file. */
export function openReader(): Reader {
  let worker: Worker | undefined;
  const start = () => {
    // The sources run as they are in a checkout, as JavaScript where installed.
    const started = new Worker(new URL(`./read-thread${extname(import.meta.url)}`, import.meta.url));
    // Each file's port closes too, which tells whoever waits.
    started.on("error", () => {
      worker = undefined;
    });
    return started;
  };
  return {
    async *parts(path) {
      worker ??= start();
      const { port1, port2 } = new MessageChannel();
      worker.postMessage({ path, port: port2 } satisfies ReadWork, [port2]);
      try {
        for await (const said of messages(port1)) {
          if ("done" in said) return;
          if ("error" in said) throw received(said.error);
          const { part } = said;
          yield part.kind === "fault" ? { ...part, error: asSpampotsError(received(part.error)) } : part;
          port1.postMessage("more");
        }
        throw new SpampotsError("internal", "A reading thread failed.", { path });
      } finally {
        port1.close();
      }
    },
    async close() {
      await worker?.terminate();
    },
  };
}

/** What comes from a port until it closes. */
async function* messages(port: MessagePort): AsyncGenerator<Said> {
  const come: Said[] = [];
  let isClosed = false;
  let wake = () => {};
  port.on("message", (said: Said) => {
    come.push(said);
    wake();
  });
  port.on("close", () => {
    isClosed = true;
    wake();
  });
  for (;;) {
    for (let said = come.shift(); said !== undefined; said = come.shift()) yield said;
    if (isClosed) return;
    await new Promise<void>((resolve) => {
      wake = resolve;
    });
  }
}

/** An error in the form that can be sent. */
export function sent(error: unknown): SentError {
  if (error instanceof SpampotsError) {
    const { message, code, facts, hint, problems } = error;
    return { message, code, facts: { ...plainFacts(facts), hint, problems } };
  }
  // Errors of the file system have one of Node's codes.
  const { message, code } = error as NodeJS.ErrnoException;
  return { message, code };
}

/** Facts that another thread can be given: texts, numbers and flags. */
function plainFacts(facts: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(facts).filter(([, fact]) => ["string", "number", "boolean"].includes(typeof fact)),
  );
}

function received({ message, code, facts }: SentError): Error {
  if (facts === undefined) return Object.assign(new Error(message), { code });
  // Only sent() makes facts, and of an error whose code is one of ours.
  return new SpampotsError(code as ErrorCode, message, facts);
}

function asSpampotsError(error: Error): SpampotsError {
  return error instanceof SpampotsError ? error : new SpampotsError("internal", error.message, { cause: error });
}
