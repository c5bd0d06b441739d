/**
 * The mix of the first SpamPots phase as tables: what the simulator draws from. Counts and shares are CERT.br's figures of
 * that phase; what it didn't publish (messages per connection, hours of the day, shapes of distributions) is assumed, and
 * said to be. Source networks stand in `simulate-networks.ts`.
 */
import type { ServiceName } from "../model.ts";

/** Figures of the first phase: 10 sensors, 466 days. Its words "SOCKS" and "HTTP" are the families below. */
export const firstPhase = {
  messages: 524_585_779,
  messagesByEconomy: {
    TW: 385_189_756,
    CN: 82_884_642,
    US: 29_764_293,
    CA: 6_684_667,
    JP: 5_381_192,
    HK: 4_383_999,
    KR: 4_093_365,
    UA: 1_806_210,
    DE: 934_417,
    BR: 863_657,
  },
  requests: {
    socks: { "connect-25": 46_776_884, "connect-other": 1_055_081, get: 0, error: 5_741_908 },
    http: { "connect-25": 89_496_969, "connect-other": 106_615, get: 225_802, error: 1_847_869 },
  },
} as const;

/** What a port of the sensor poses as. */
export type PortFamily = "socks" | "http" | "smtp";

/** Ports of the sensors with their shares of messages in per cent. 3127 is MyDoom's SOCKS proxy. */
export const sensorPorts: readonly { readonly port: number; readonly family: PortFamily; readonly percent: number }[] =
  [
    { port: 1080, family: "socks", percent: 37.31 },
    { port: 8080, family: "http", percent: 34.79 },
    { port: 80, family: "http", percent: 10.92 },
    { port: 3128, family: "http", percent: 6.17 },
    { port: 8000, family: "http", percent: 2.76 },
    { port: 6588, family: "http", percent: 2.29 },
    { port: 25, family: "smtp", percent: 1.46 },
    { port: 4480, family: "http", percent: 1.38 },
    { port: 3127, family: "socks", percent: 1.0 },
    { port: 3382, family: "http", percent: 0.96 },
    { port: 81, family: "http", percent: 0.96 },
  ];

/** Protocols inside the SOCKS family, weights assumed. */
export const socksServices: readonly { readonly name: ServiceName; readonly weight: number }[] = [
  { name: "socks4", weight: 55 },
  { name: "socks5", weight: 38 },
  { name: "socks4a", weight: 7 },
];

/** Weights by size: `[size, weight]`. */
type Sizes = readonly (readonly [size: number, weight: number])[];

/** Recipients of a message: mean 9.16, as in the phase; the shape is assumed. */
export const recipientSizes: Sizes = [
  [1, 3441],
  [2, 500],
  [3, 300],
  [4, 200],
  [5, 600],
  [6, 200],
  [8, 250],
  [10, 1600],
  [12, 250],
  [15, 500],
  [20, 1300],
  [25, 200],
  [30, 559],
  [50, 100],
];

/** Messages over one connection (RSET, and again): assumed, except that connections and messages agree with the phase. */
export const connectionSizes: Sizes = [
  [1, 300],
  [2, 80],
  [3, 70],
  [4, 60],
  [5, 100],
  [6, 50],
  [7, 40],
  [8, 40],
  [9, 40],
  [10, 120],
  [12, 30],
  [15, 30],
  [20, 30],
  [30, 10],
];

/** Mean of a table of sizes. */
export function meanSize(sizes: Sizes): number {
  const total = sizes.reduce((sum, [, weight]) => sum + weight, 0);
  return sizes.reduce((sum, [size, weight]) => sum + size * weight, 0) / total;
}

/** What comes without a message, with how often it comes for each message. */
export interface IdleRequest {
  readonly family: "socks" | "http";
  readonly type: "connect-25" | "connect-other" | "get" | "error";
  readonly perMessage: number;
}

/** Connections of a family that brought messages, for each message of the phase. */
function busyConnections(family: PortFamily): number {
  const percent = sensorPorts.filter((row) => row.family === family).reduce((sum, row) => sum + row.percent, 0);
  return percent / 100 / meanSize(connectionSizes);
}

/** Requests without a message: those of the phase, less the connections that the messages need. */
export const idleRequests: readonly IdleRequest[] = (["socks", "http"] as const).flatMap((family) =>
  (["connect-25", "connect-other", "get", "error"] as const).map((type) => {
    const all = firstPhase.requests[family][type] / firstPhase.messages;
    return { family, type, perMessage: type === "connect-25" ? all - busyConnections(family) : all };
  }),
);

/** Weight of each UTC hour: quiet at night in East Asia (16-22 UTC), assumed. */
export const hourWeights: readonly number[] = [
  44, 46, 48, 48, 46, 46, 47, 48, 48, 47, 45, 44, 43, 42, 40, 37, 34, 31, 29, 28, 29, 32, 36, 40,
];
