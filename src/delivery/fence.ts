/**
 * The fence around destinations: which addresses may be asked. Names are resolved here, each address that comes out is
 * judged, and the connection goes to the very address that was judged.
 *
 * @see IANA IPv4 and IPv6 Special-Purpose Address Registries (RFC 6890)
 */
import { lookup as systemLookup } from "node:dns";
import { BlockList, isIP, type LookupFunction } from "node:net";
import { SpampotsError } from "../errors.ts";

/** What isn't the public Internet: loopback is apart. */
const special = [
  "0.0.0.0/8",
  "10.0.0.0/8",
  "100.64.0.0/10",
  "169.254.0.0/16",
  "172.16.0.0/12",
  "192.0.0.0/24",
  "192.0.2.0/24",
  "192.88.99.0/24",
  "192.168.0.0/16",
  "198.18.0.0/15",
  "198.51.100.0/24",
  "203.0.113.0/24",
  "224.0.0.0/3",
  "::/3",
  "4000::/2",
  "8000::/1",
  "2001::/23",
  "2001:db8::/32",
  "2002::/16",
  "3fff::/20",
] as const;

/** What destinations a partner may have. */
export interface Fence {
  /** Networks (CIDR) that aren't public and are allowed all the same. */
  readonly privateNetworks: readonly string[];
  /** Whether this machine is allowed. */
  readonly loopback: boolean;
}

function listOf(networks: readonly string[]): BlockList {
  const list = new BlockList();
  for (const network of networks) {
    const [address = "", bits = ""] = network.split("/");
    list.addSubnet(address, Number(bits), isIP(address) === 4 ? "ipv4" : "ipv6");
  }
  return list;
}

const specialList = listOf(special);
const loopbackList = listOf(["127.0.0.0/8", "::1/128"]);

/** True where the fence lets an address through. An address of IPv4 inside one of IPv6 is judged as what it is. */
export function mayAsk(address: string, { privateNetworks, loopback }: Fence): boolean {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  const plainAddress = mapped ?? address;
  const kind = isIP(plainAddress);
  if (kind === 0) return false;
  const family = kind === 4 ? "ipv4" : "ipv6";
  if (loopbackList.check(plainAddress, family)) return loopback;
  return !specialList.check(plainAddress, family) || listOf(privateNetworks).check(plainAddress, family);
}

/** The error for an address outside the fence. */
export function fencedOff(host: string): SpampotsError {
  return new SpampotsError("delivery-refused", "A destination's address isn't on the public Internet.", {
    host,
    hint: "If that is meant, add its network to the partner's private_networks; for this machine set SPAMPOTS_PUSH_LOOPBACK.",
  });
}

/** A look-up for `node:net` that gives only addresses inside the fence. */
export function fencedLookup(fence: Fence): LookupFunction {
  return (hostname, options, callback) => {
    systemLookup(hostname, { ...options, all: true }, (error, addresses) => {
      const allowed = error ? [] : addresses.filter(({ address }) => mayAsk(address, fence));
      const [first] = allowed;
      if (error) callback(error, "");
      else if (first === undefined || allowed.length < addresses.length) callback(fencedOff(hostname), "");
      else if (options.all) callback(null, allowed);
      else callback(null, first.address, first.family);
    });
  };
}
