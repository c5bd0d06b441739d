/** A TAXII 2.1 collection of the partner's. */
import type { DestinationOf } from "../../feed/destinations.ts";
import type { Target, TargetWorld } from "../destination.ts";

export async function taxiiTarget(_destination: DestinationOf<"taxii">, _world: TargetWorld): Promise<Target> {
  throw new Error("not yet");
}
