/** Every figure, in the order of the table. */
import type { Figure } from "./figure.ts";
import { distinctBodies, repeatedBodies } from "./figures/bodies.ts";
import { deliveries, deliveriesMemory } from "./figures/deliveries.ts";
import { ingest } from "./figures/ingest.ts";
import { sharedPolicies, unchanged } from "./figures/partners.ts";
import { events, everything, sources } from "./figures/publish.ts";
import { downloads, parallelDownloads, smallRequests } from "./figures/serve.ts";
import { stix } from "./figures/stix.ts";
import { taxiiObject, taxiiPage } from "./figures/taxii.ts";
import { tick } from "./figures/tick.ts";
import { verify, verifyDeep } from "./figures/verify.ts";

export const figures: readonly Figure[] = [
  ingest,
  repeatedBodies,
  distinctBodies,
  sources,
  events,
  everything,
  stix,
  verify,
  verifyDeep,
  sharedPolicies,
  unchanged,
  smallRequests,
  downloads,
  parallelDownloads,
  taxiiPage,
  taxiiObject,
  deliveries,
  deliveriesMemory,
  tick,
];
