/** A port for a server that can't be told to choose one itself. */
import { randomInt } from "node:crypto";
import { createServer } from "node:net";

/** Ports that this process had: their servers may not listen yet. */
const given = new Set<number>();

/**
 * A port of loopback that nobody listens on, below those that the kernel gives to clients' connections (32768 and up on
 * Linux): nobody takes it before its server listens, or while that is away.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(10_000, 32_000);
    if (given.has(port)) continue;
    given.add(port);
    const server = createServer();
    const free = await new Promise<boolean>((done) => {
      server.once("error", () => done(false));
      server.listen(port, "127.0.0.1", () => server.close(() => done(true)));
    });
    if (free) return port;
  }
}
