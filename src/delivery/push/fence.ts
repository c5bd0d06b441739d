/**
 * The fence around destinations: which addresses may be asked. Names are resolved here, each address that comes out is
 * judged, and the connection goes to the very address that was judged, so that a name can't mean one thing to the judge
 * and another to the socket (DNS rebinding).
 *
 * @see IANA IPv4 and IPv6 Special-Purpose Address Registries (RFC 6890), IANA IPv6 Address Space (RFC 4291 §2.4)
 */
import { lookup as systemLookup } from "node:dns";
import { BlockList, isIP, type LookupFunction } from "node:net";
import { normaliseAddress } from "../../capture/address.ts";
import { SpampotsError } from "../../errors.ts";

/** What reaches this machine: on Linux the unspecified addresses do, too. */
const ownMachine = ["127.0.0.0/8", "0.0.0.0/8", "::1/128", "::/128"] as const;

/** What isn't the public Internet, beside this machine. */
const special = [
  "10.0.0.0/8", // private
  "100.64.0.0/10", // carriers' NAT; a cloud's metadata at 100.100.100.200
  "168.63.129.16/32", // a cloud's metadata at a public address
  "169.254.0.0/16", // link-local; clouds' metadata at 169.254.169.254
  "172.16.0.0/12", // private
  "192.0.0.0/24", // protocol assignments; a cloud's metadata at 192.0.0.192
  "192.0.2.0/24", // documentation
  "192.31.196.0/24", // AS112
  "192.52.193.0/24", // AMT
  "192.88.99.0/24", // 6to4 relays
  "192.168.0.0/16", // private
  "192.175.48.0/24", // AS112
  "198.18.0.0/15", // benchmarks
  "198.51.100.0/24", // documentation
  "203.0.113.0/24", // documentation
  "224.0.0.0/3", // multicast, reserved, broadcast
  // Of IPv6 only 2000::/3 is global unicast. The rest holds what wraps IPv4 (::/96, NAT64 in 64:ff9b::/96 and
  // 64:ff9b:1::/48), discard-only, segment routing, unique local, link-local, site-local and multicast.
  "::/3",
  "4000::/2",
  "8000::/1",
  "2001::/23", // protocol assignments: Teredo, benchmarks, ORCHID
  "2001:db8::/32", // documentation
  "2002::/16", // 6to4: IPv4 inside
  "2620:4f:8000::/48", // AS112
  "3ffe::/16", // 6bone, given back
  "3fff::/20", // documentation
] as const;

/** What destinations a partner may have. */
export interface Fence {
  /** Networks (CIDR) that aren't public and are allowed all the same. This machine isn't allowed by them. */
  readonly privateNetworks: readonly string[];
  /** Whether this machine is allowed. */
  readonly loopback: boolean;
}

/**
 * True for an address in one of some networks. A list for each family: Node's own takes an IPv4 address for one of
 * `::/3`.
 */
function within(networks: readonly string[]): (address: string) => boolean {
  const lists = { ipv4: new BlockList(), ipv6: new BlockList() };
  for (const network of networks) {
    const [address = "", bits = ""] = network.split("/");
    const family = isIP(address) === 4 ? "ipv4" : "ipv6";
    lists[family].addSubnet(address, Number(bits), family);
  }
  return (address) => {
    const family = isIP(address) === 4 ? "ipv4" : "ipv6";
    return lists[family].check(address, family);
  };
}

const isOwnMachine = within(ownMachine);
const isSpecial = within(special);

/** True where the fence lets an address through. IPv4 mapped into IPv6 is judged as the IPv4 that it is. */
export function mayAsk(address: string, { privateNetworks, loopback }: Fence): boolean {
  // A zone names an interface of this machine: no address of the Internet has one.
  const plain = isIP(address) === 0 || address.includes("%") ? undefined : normaliseAddress(address);
  if (plain === undefined) return false;
  if (isOwnMachine(plain)) return loopback;
  return !isSpecial(plain) || within(privateNetworks)(plain);
}

/** The error for an address outside the fence. `address`, for the operator's log, is what a name was resolved to. */
export function fencedOff(host: string, address?: string): SpampotsError {
  return new SpampotsError("delivery-refused", "A destination's address isn't on the public Internet.", {
    host,
    reason: "not on the public Internet",
    ...(address === undefined ? {} : { address }),
    hint: "If that is meant, add its network to the partner's private_networks; for this machine set SPAMPOTS_PUSH_LOOPBACK.",
  });
}

/**
 * A look-up for `node:net` that gives only addresses inside the fence. A name that also has one outside is refused
 * whole: nobody means that.
 *
 * @param resolve what asks the name servers.
 */
export function fencedLookup(fence: Fence, resolve: typeof systemLookup = systemLookup): LookupFunction {
  return (hostname, options, callback) => {
    resolve(hostname, { ...options, all: true }, (error, addresses) => {
      if (error) {
        callback(error, "");
        return;
      }
      const outside = addresses.find(({ address }) => !mayAsk(address, fence));
      const [first] = addresses;
      if (outside !== undefined || first === undefined) callback(fencedOff(hostname, outside?.address), "");
      else if (options.all) callback(null, addresses);
      else callback(null, first.address, first.family);
    });
  };
}
