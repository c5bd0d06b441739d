/**
 * What a destination is to the runner: something that takes publications, each whole, and again without harm. One file
 * for each kind below `destinations/`.
 */
import type { Destination } from "../../feed/destinations.ts";
import type { Artifact, Manifest } from "../../publication/manifest.ts";
import type { Bounds } from "./destinations/taxii-envelopes.ts";

/** A publication on its way, as its destination takes it: artifacts first, the signed manifest last. */
export interface Outgoing {
  readonly manifest: Manifest;
  /** Hex SHA-256 of the manifest's payload. */
  readonly payloadSha256: string;
  /** The manifest as it was signed: a flattened JWS. */
  readonly signed: Uint8Array;
  /** Files to be sent, in the manifest's order: none of what was withdrawn or expired. */
  readonly artifacts: readonly Artifact[];
  /**
   * True where an earlier attempt, perhaps another process's, may have brought a part of it: it is worth asking what is
   * there.
   */
  readonly again: boolean;
  /**
   * The stored bytes of an artifact, checked while they are read: the last chunk comes only if all are what was signed.
   * Who sends them on announces their length first, so that what ends early isn't taken for whole.
   *
   * @throws SpampotsError `verify-failed` where it is missing or damaged, also while it is read; and the store's own.
   */
  open(artifact: Artifact): Promise<AsyncIterable<Uint8Array>>;
  /**
   * Announcements of keys in the partner's prefix, each with its name (`keys/00000001.jws`), in order; those behind
   * `after`.
   */
  announcements(after?: string): AsyncGenerator<{ readonly name: string; readonly signed: Uint8Array }>;
}

/** Objects that a destination refused of a publication that it took all the same. */
export interface RefusedObjects {
  readonly count: number;
  /** Some of them, with what the destination says, escaped. */
  readonly first: readonly { readonly id: string; readonly message: string }[];
}

/** A harmless file or message that a destination is tried with: nobody takes it for a publication. */
export interface Trial {
  /** File name, never used before. */
  readonly name: string;
  /** Says what it is. */
  readonly text: string;
}

/** What trying a destination showed. */
export interface Tried {
  /** What was done there, as a sentence. Nothing that the destination says stands in it. */
  readonly did: string;
  /** What isn't as it might be, and what to do, where there is something. */
  readonly warning?: string;
  /** The destination's clock, in milliseconds since 1970 UTC, to the second; absent where it doesn't state it. */
  readonly clock?: number;
}

/** A destination that publications are brought to. */
export interface Target {
  /**
   * Brings one publication. Afterwards the destination has every byte of it, but for the objects that are given back.
   * May be called again for what it has: nothing is then doubled there, and little is sent.
   *
   * @throws SpampotsError `delivery-failed` (worth another try; `retryAfterMs` in its facts where the destination said so),
   *   `delivery-refused` (not before somebody changes something), and the store's own.
   */
  deliver(outgoing: Outgoing, signal: AbortSignal): Promise<RefusedObjects | undefined>;
  /**
   * Tries whether it would take something, by the same way in: with what the trial holds, which is removed again where
   * that is possible; a TAXII collection is only looked at.
   *
   * @throws SpampotsError `delivery-failed`, `delivery-refused`
   */
  try(trial: Trial, signal: AbortSignal): Promise<Tried>;
  /** Ends its connections. */
  close(): void;
}

/** How far a publication is that goes to a destination in many calls, as this process knows. */
export interface PartlySent {
  /** Hex SHA-256 of the manifest's payload. */
  readonly publication: string;
  /** Objects from its beginning that the destination is done with. */
  done: number;
  refused: number;
  readonly first: RefusedObjects["first"][number][];
}

/** What is remembered of a destination from one target to the next. */
export interface TargetMemory {
  partlySent?: PartlySent;
  /** What a TAXII server takes at once, by its own word and by what it found too large. */
  bounds?: Bounds;
}

/** What targets are made with. */
export interface TargetWorld {
  readonly memory: TargetMemory;
  /** A secret of the environment, by the variable's name. */
  secret(variable: string): string | undefined;
  /** Networks (CIDR) of this partner that aren't public and may be asked all the same. */
  readonly privateNetworks: readonly string[];
  /** Whether destinations on this machine are allowed, by http too. */
  readonly loopback: boolean;
}

/**
 * Opens a destination. Nothing is asked of it yet.
 *
 * @throws SpampotsError `delivery-refused` where a secret is missing.
 */
export async function openTarget(destination: Destination, world: TargetWorld): Promise<Target> {
  switch (destination.kind) {
    case "https":
      return (await import("./destinations/https.ts")).httpsTarget(destination, world);
    case "s3":
      return (await import("./destinations/s3.ts")).s3Target(destination, world);
    case "webhook":
      return (await import("./destinations/webhook.ts")).webhookTarget(destination, world);
    case "taxii":
      return (await import("./destinations/taxii.ts")).taxiiTarget(destination, world);
  }
}
