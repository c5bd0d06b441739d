/** The reading thread: paths in, parts of spool files out. See `reading.ts`. */
import { type MessagePort, parentPort } from "node:worker_threads";
import { type SpoolPart, spoolBlocks } from "../../capture/spool-file.ts";
import { partsAhead, type ReadWork, type Said, type SentPart, sent } from "./reading.ts";

/** Reads a file as fast as its parts are wanted; stops where nobody wants them any more. */
async function read({ path, port }: ReadWork): Promise<void> {
  let ahead = 0;
  let isClosed = false;
  let wake = () => {};
  port.on("message", () => {
    ahead -= 1;
    wake();
  });
  port.on("close", () => {
    isClosed = true;
    wake();
  });
  for await (const part of spoolBlocks(path)) {
    say(port, { part: sentPart(part) }, part.kind === "block" ? [part.bytes.buffer] : []);
    ahead += 1;
    while (ahead >= partsAhead && !isClosed) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
    if (isClosed) return;
  }
  say(port, { done: true });
}

function sentPart(part: SpoolPart): SentPart {
  return part.kind === "fault" ? { ...part, error: sent(part.error) } : part;
}

function say(port: MessagePort, said: Said, moved: readonly ArrayBuffer[] = []): void {
  port.postMessage(said, moved);
}

parentPort?.on("message", (work: ReadWork) => {
  read(work)
    .catch((error) => say(work.port, { error: sent(error) }))
    .finally(() => work.port.close());
});
