/**
 * A client's address: what a trusted front states, else the peer's own. A front is trusted by its address alone.
 *
 * @see RFC 7239 §8.1
 */
import type { IncomingMessage } from "node:http";
import { BlockList, isIP } from "node:net";

/** @param trusted addresses and networks of fronts. */
export function clientAddresses(trusted: readonly string[]): (request: Request, env: unknown) => string {
  const fronts = new BlockList();
  for (const entry of trusted) {
    const [address = "", length] = entry.split("/");
    if (length === undefined) fronts.addAddress(address, familyOf(address));
    else fronts.addSubnet(address, Number(length), familyOf(address));
  }
  const isFront = (address: string) => isIP(address) !== 0 && fronts.check(address, familyOf(address));
  return (request, env) => {
    const { incoming } = env as { incoming: IncomingMessage }; // what the adaptor of Node's server binds
    const peer = plainAddress(incoming.socket.remoteAddress ?? "");
    if (!isFront(peer)) return peer;
    // Each hop appends whom it heard from: the last that isn't a front of ours is the client.
    const hops = (request.headers.get("x-forwarded-for") ?? "").split(",").map((hop) => plainAddress(hop.trim()));
    const client = hops.findLast((hop) => !isFront(hop));
    return client !== undefined && isIP(client) !== 0 ? client : peer;
  };
}

const familyOf = (address: string) => (isIP(address) === 6 ? "ipv6" : "ipv4");

/** An IPv4 address as such where it came in the form of IPv6; without a zone, which may be of any length. */
function plainAddress(stated: string): string {
  const address = stated.replace(/%.*$/s, "");
  return /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1] ?? address;
}
