/** What a kit is made from: one partner, and nothing of any other. */
import type { Partner, Subscription } from "../../feed/partners.ts";
import type { PublicKey } from "../../publication/jwk.ts";

/** A bucket of S3 that the partner may read its prefix of. */
export interface KitBucket {
  readonly bucket: string;
  /** Of the store in the bucket; `""` where it is the whole bucket. */
  readonly prefix: string;
  readonly region: string;
  /** Absent with AWS. */
  readonly endpoint?: string;
  readonly pathStyle: boolean;
}

/** Scripts that the partner guide shows, as they are. */
export interface KitScripts {
  readonly newKey: string;
  readonly pullFeed: string;
  readonly fetchFeed: string;
}

/** All that a kit may know. */
export interface KitFacts {
  readonly partner: Partner;
  /** Name of the issuer. */
  readonly issuer: string;
  /** Of the service, without a slash at its end. */
  readonly url: string;
  /** Every public key of the issuer, and which one signs. */
  readonly live: string;
  readonly keys: readonly PublicKey[];
  /** Absent where the store is a folder. */
  readonly bucket?: KitBucket;
  /** Id of the TAXII collection of a feed of this partner. */
  collectionOf(feed: string): string;
  readonly scripts: KitScripts;
  /** Whom the partner calls at the issuer's, a line each. */
  readonly contacts: readonly string[];
  /** ARN of the principal by which the partner reads the bucket. */
  readonly principal?: string;
}

/** Files by path, in the order of the kit. */
export type Kit = ReadonlyMap<string, string>;

/** What stands where the partner's own token goes. */
export const tokenPlace = "PUT-YOUR-TOKEN-HERE";

/** Subscriptions that come as CSV. */
export const asCsv = ({ subscriptions }: Partner): readonly Subscription[] =>
  subscriptions.filter(({ formats }) => formats.includes("csv"));

/** Subscriptions that come as STIX. */
export const asStix = ({ subscriptions }: Partner): readonly Subscription[] =>
  subscriptions.filter(({ formats }) => formats.includes("stix"));

/** Where the newest period of a feed is as CSV. */
export const csvUrl = ({ url }: KitFacts, feed: string): string => `${url}/v1/feeds/${feed}/latest.csv`;

/** True for a file of a kit that is to be run. */
export const isProgram = (path: string): boolean => path.endsWith(".sh");
