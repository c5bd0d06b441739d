/** Listening on an address, with an error that says what to do. */
import type { AddressInfo, Server } from "node:net";
import { SpampotsError, sayError } from "../errors.ts";
import type { Listen } from "../settings.ts";

/**
 * Begins to listen; the port that it is, where the system chose one.
 *
 * @param setting name of the variable that says the address.
 * @throws SpampotsError `bad-argument` where the address can't be listened on.
 */
export async function listenOn(
  server: Pick<Server, "once" | "off" | "listen" | "address">,
  { host, port }: Listen,
  setting: string,
): Promise<number> {
  await new Promise<void>((done, fail) => {
    const refuse = (cause: Error) =>
      fail(
        new SpampotsError("bad-argument", "The address can't be listened on.", {
          cause,
          listen: `${host}:${port}`,
          hint: `${sayError(cause)}. Choose another in ${setting}, or stop what listens there.`,
        }),
      );
    server.once("error", refuse);
    server.listen(port, host, () => {
      server.off("error", refuse);
      done();
    });
  });
  return (server.address() as AddressInfo).port; // it listens on an address, not on a pipe
}
