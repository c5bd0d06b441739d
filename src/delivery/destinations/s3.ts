/** A bucket of the partner's. */
import type { DestinationOf } from "../../feed/destinations.ts";
import type { Target, TargetWorld } from "../destination.ts";

export async function s3Target(_destination: DestinationOf<"s3">, _world: TargetWorld): Promise<Target> {
  throw new Error("not yet");
}
