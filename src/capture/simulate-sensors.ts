/**
 * The sensors of a simulation: ids, addresses reserved for documentation (RFC 5737, RFC 3849) and names under `.example`
 * (RFC 2606), as the operator's private sensors file would list them; and the forms in which a probe names one.
 */
import { dotted } from "./simulate-world.ts";

/** Most sensors that a simulation can have: each needs an address of its own. */
export const mostSensors = 99;

/** A simulated sensor. */
export interface SimulatedSensor {
  readonly id: string;
  /** Address as an unsigned 32-bit integer. */
  readonly address: number;
  readonly ipv6: string;
  readonly name: string;
}

/** TEST-NET-1 to -3. */
const testNets = [0xc0000200, 0xc6336400, 0xcb007100];

/** `count` sensors, `sp01` first, in turn in the three documentation networks. */
export function simulatedSensors(count: number): SimulatedSensor[] {
  return Array.from({ length: count }, (_, index) => {
    const number = String(index + 1).padStart(2, "0");
    return {
      id: `sp${number}`,
      address: (testNets[index % testNets.length] ?? 0) + 11 + index,
      ipv6: `2001:db8:5b:${(index + 1).toString(16)}::25`,
      name: `sp${number}.sensors.example`,
    };
  });
}

/** The sensors file (`SPAMPOTS_SENSORS`) of a simulation: YAML. */
export function sensorsYaml(sensors: readonly SimulatedSensor[]): string {
  const entries = sensors.map(({ id, address, ipv6, name }, index) =>
    [
      `  - id: ${id}`,
      "    economy: BR",
      `    host: Simulated network ${index + 1}`,
      `    addresses: [{ address: ${dotted(address)} }, { address: "${ipv6}" }]`,
      `    names: [${name}]`,
    ].join("\n"),
  );
  return `${simulatedMark}\nsensors:\n${entries.join("\n")}\n...\n`;
}

/** First line of the sensors file of a simulation. */
export const simulatedMark = "# Simulated by `spampots simulate`: no such sensors exist.";

/** The ways in which spammers mail themselves the address of the proxy they found. */
export function probeForms({ address, ipv6, name }: SimulatedSensor): readonly string[] {
  const text = dotted(address);
  return [
    text,
    text.replaceAll(".", "-"),
    text.split(".").reverse().join("."),
    String(address),
    `0x${address.toString(16)}`,
    Buffer.from(text, "latin1").toString("base64"),
    ipv6,
    name,
  ];
}
