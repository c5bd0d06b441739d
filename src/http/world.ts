/** What the doors work with. Made once for a process, by `serve`. */
import type { Collections } from "../delivery/collection/collections.ts";
import type { ReceiptJournal } from "../delivery/receipts/journal.ts";
import type { Log } from "../log.ts";
import type { TokenRealm } from "../partner/auth/tokens.ts";
import type { Store } from "../store/store.ts";
import type { Access } from "./access.ts";
import type { Limits } from "./limits.ts";
import type { Metrics } from "./metrics.ts";
import type { Published } from "./published.ts";
import type { Registry } from "./registry.ts";

export interface HttpWorld {
  readonly realm: TokenRealm;
  /** Name of the issuer. */
  readonly issuer: string;
  readonly store: Store;
  readonly registry: Registry;
  readonly published: Published;
  readonly access: Access;
  readonly limits: Limits;
  readonly metrics: Metrics;
  /** True where files are handed out by links into the store. */
  readonly redirect: boolean;
  readonly journal: ReceiptJournal;
  readonly collections: Collections;
  /** True where a runner in this process is behind with what is due. */
  behind(): boolean;
  /** Milliseconds since 1970 UTC. */
  clock(): number;
  /** When the process began to listen, by the same clock. */
  readonly since: number;
  readonly log: Log;
  /** Aborted when the service stops: whoever waits is answered. */
  readonly stopping: AbortSignal;
}
