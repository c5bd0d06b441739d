/** Alerts as messages to a URL of the operator's: POST of JSON. */
import { shownJson } from "../../log.ts";
import { checkTaken, openOutbound } from "../push/outbound.ts";
import type { Tell } from "./alert-book.ts";

/** The operator's own networks may be where alerts go; a machine's link-local services may not. */
const ownNetworks = ["10.0.0.0/8", "100.64.0.0/10", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"];

/** Milliseconds after which a message is given up. */
const timeLimit = 10_000;

/**
 * Tells by POST of `application/json`. Any 2xx is success.
 *
 * @param loopback whether the URL may be on this machine
 */
export async function tellUrl(url: string, loopback: boolean): Promise<Tell> {
  const world = { secret: () => undefined, privateNetworks: ownNetworks, loopback };
  const outbound = await openOutbound({ world });
  const place = new URL(url);
  return async (message, signal) => {
    const answer = await outbound.call({
      method: "POST",
      url: place,
      headers: { "content-type": "application/json" },
      body: new TextEncoder().encode(shownJson(JSON.stringify(message))),
      signal: AbortSignal.any([signal, AbortSignal.timeout(timeLimit)]),
    });
    checkTaken(answer, place);
  };
}
