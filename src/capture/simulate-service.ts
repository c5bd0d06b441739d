/**
 * What a simulated client used of a sensor and what it asked the proxy for, as pieces of a spool line.
 *
 * Specification: spool version 1, members `service` and `request`.
 */
import type { ServiceName } from "../model.ts";
import { type IdleRequest, type PortFamily, sensorPorts, socksServices } from "./simulate-mix.ts";
import { around, type Random, WeightedTable } from "./simulate-random.ts";
import type { RecipientList } from "./simulate-world.ts";

/** What the sensor posed as on the port that was used. */
export interface Posed {
  readonly family: PortFamily;
  readonly name: ServiceName;
  readonly port: number;
}

const portTable = new WeightedTable(sensorPorts.map(({ percent }) => percent));
const socksTable = new WeightedTable(socksServices.map(({ weight }) => weight));
const familyTables = new Map(
  (["socks", "http"] as const).map((family) => [
    family,
    new WeightedTable(sensorPorts.map((row) => (row.family === family ? row.percent : 0))),
  ]),
);

/** A port of the sensor, of any family or of one. */
export function posed(random: Random, family?: "socks" | "http"): Posed {
  const table = family === undefined ? portTable : (familyTables.get(family) ?? portTable);
  const row = around(sensorPorts, table.pick(random));
  const name = row.family === "socks" ? around(socksServices, socksTable.pick(random)).name : row.family;
  return { family: row.family, name, port: row.port };
}

/** True where the client names the mail server rather than giving its address: SOCKS4 can't, SOCKS4a must. */
function asksByName(name: ServiceName, random: Random): boolean {
  if (name === "socks4" || name === "socks4a") return name === "socks4a";
  return random.chance(name === "http" ? 0.4 : 0.2);
}

/** `request` of a connection to a mail server of a list, granted: JSON. */
export function mailRequest(service: Posed, list: RecipientList, random: Random): string {
  const server = random.below(list.servers.length);
  const target = asksByName(service.name, random)
    ? `"host":"mx${server + 1}.${list.domain}"`
    : `"ip":"${around(list.servers, server)}"`;
  return `{"type":"connect-25",${target},"port":25,"result":"granted"}`;
}

const otherPorts = [443, 6667, 80, 5190, 587];
const failures = ["malformed", "malformed", "malformed", "timeout", "auth"];

/** `request` of a connection that brought no message: JSON. Only mail is let through, and pages that test proxies. */
export function idleRequestText(idle: IdleRequest, service: Posed, list: RecipientList, random: Random): string {
  switch (idle.type) {
    case "connect-25":
      return mailRequest(service, list, random);
    case "connect-other": {
      const port = around(otherPorts, random.below(otherPorts.length));
      return `{"type":"connect-other","ip":"${around(list.servers, random.below(4))}","port":${port},"result":"refused"}`;
    }
    case "get":
      return `{"type":"get","method":"GET","host":"proxy-check-${random.below(20)}.example","port":80,"result":"granted"}`;
    case "error":
      return `{"type":"error","result":"${around(failures, random.below(failures.length))}"}`;
  }
}
