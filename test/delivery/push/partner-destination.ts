/**
 * One partner with one destination, for tests of what is pushed: a real store and log on disk, the real `Deliveries`,
 * and a clock that goes on by a day with each try, so that no pause after a failure is waited for.
 */
import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { pino } from "pino";
import {
  type Attempt,
  deliveredTo,
  failedAttempts,
  type Lane,
  receiptsOf,
} from "../../../src/delivery/push/progress.ts";
import type { PushReceipt } from "../../../src/delivery/receipts/receipt.ts";
import { type ErrorCode, isError, type SpampotsError } from "../../../src/errors.ts";
import { dayMs } from "../../../src/model.ts";
import { readTip } from "../../../src/publication/log.ts";
import { feedPrefix } from "../../../src/publication/manifest.ts";
import type { Store } from "../../../src/store/store.ts";
import { partnersOf, projectFeeds } from "../../pipeline.ts";
import { finder, type Issuer } from "../../publication/issuer.ts";
import { delivering } from "./receiving.ts";

/** The destination as `partners.yaml` would state it, and what it meets. */
export interface DestinationParts {
  readonly delivery: object;
  readonly env?: Readonly<Record<string, string>>;
  /** Of which publications are pushed; the issuer's own by default. */
  readonly store?: Store;
  readonly privateNetworks?: readonly string[];
  readonly loopback?: boolean;
}

export interface PartnerDestination {
  /** Brings what can be brought, a day after the last time. @returns the error that it ended with, if any */
  push(): Promise<SpampotsError | undefined>;
  /** Tries that must succeed. */
  pushed(): Promise<void>;
  /** A try that must fail so. */
  fails(code: ErrorCode, reason: RegExp): Promise<SpampotsError>;
  /** Number of the newest publication that the destination took. */
  delivered(): Promise<number>;
  attempts(): Promise<readonly Attempt[]>;
  receipts(sequence: number): Promise<readonly PushReceipt[]>;
  /** All that was logged so far. */
  logged(): string;
  /** Breaks off what is under way. */
  close(): Promise<void>;
}

const feeds = await projectFeeds();

/** Opens a destination of the issuer's partner `twcert`; it is closed after the test. */
export function openPartnerDestination(
  t: Pick<TestContext, "after">,
  issuer: Issuer,
  { delivery, env = {}, store = issuer.store, privateNetworks = [], loopback = true }: DestinationParts,
): PartnerDestination {
  const subscription = { feed: "spam-sources", every: "week", formats: ["csv", "stix"], deliveries: [delivery] };
  const partner = {
    id: "twcert",
    economies: ["TW"],
    mou: { expires: "2029-12-31" },
    private_networks: privateNetworks,
  };
  const partners = partnersOf(feeds, [{ ...partner, subscriptions: [subscription] }]);
  const [destination] = partners[0]?.subscriptions[0]?.destinations ?? [];
  assert.ok(destination);
  const lane: Lane = { partner: "twcert", feed: "spam-sources", destination: destination.name };
  const lines: string[] = [];
  const { deliveries, world } = delivering(t, issuer, {
    store,
    secret: (variable) => env[variable],
    loopback,
    log: pino({ level: "debug" }, { write: (line: string) => void lines.push(line) }),
    chance: () => 0,
  });
  const opened: PartnerDestination = {
    async push() {
      const before = world.failed.length;
      world.now += dayMs;
      deliveries.look(partners);
      await deliveries.idle();
      const failure = world.failed.slice(before).at(-1)?.error;
      if (failure === undefined || isError(failure)) return failure;
      throw new Error("An error without a code.", { cause: failure });
    },
    async pushed() {
      const error = await opened.push();
      if (error !== undefined) throw error;
      const tip = await readTip(store.under(feedPrefix(lane.partner, lane.feed)), finder(issuer.keyring));
      assert.equal(await opened.delivered(), tip?.manifest.sequence ?? 0);
    },
    async fails(code, reason) {
      const error = await opened.push();
      assert.ok(error, "it was delivered");
      assert.equal(error.code, code, `${error.message} ${JSON.stringify(error.facts)}`);
      assert.match(String(error.facts.reason), reason);
      return error;
    },
    delivered: () => deliveredTo(store, lane, 1000),
    attempts: () => failedAttempts(store, lane),
    receipts: async (sequence) => (await receiptsOf(store, lane, sequence)) ?? [],
    logged: () => lines.join(""),
    close: () => deliveries.close(),
  };
  return opened;
}
