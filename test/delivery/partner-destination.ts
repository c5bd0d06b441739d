/**
 * One partner with one destination, for tests of what is pushed: a real store and log on disk, the real `Deliveries`,
 * and a clock that goes on by a day with each try, so that no pause after a failure is waited for.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { pino } from "pino";
import { Deliveries } from "../../src/delivery/deliver.ts";
import { type Attempt, deliveredTo, failedAttempts, type Lane, receiptsOf } from "../../src/delivery/progress.ts";
import type { PushReceipt } from "../../src/delivery/receipt.ts";
import { type ErrorCode, isError, type SpampotsError } from "../../src/errors.ts";
import { parseFeed } from "../../src/feed/feeds.ts";
import { parsePartners } from "../../src/feed/partners.ts";
import { dayMs } from "../../src/model.ts";
import { readTip } from "../../src/publication/log.ts";
import { feedPrefix } from "../../src/publication/manifest.ts";
import type { Store } from "../../src/store/store.ts";
import { finder, type Issuer, testNow } from "../publication/issuer.ts";
import { projectRoot } from "../source-files.ts";

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

const feedFile = join(projectRoot, "feeds", "spam-sources.yaml");

function partnersOf(delivery: object, privateNetworks: readonly string[]) {
  const feed = parseFeed("spam-sources", feedFile, readFileSync(feedFile, "utf8")).value;
  assert.ok(feed);
  const partner = {
    id: "twcert",
    name: "TWCERT",
    economies: ["TW"],
    mou: {
      ...{ reference: "M", signed: "2026-01-01", expires: "2029-12-31", purposes: ["test"] },
      ...{ onward: "constituents", retention_days: 365 },
    },
    tlp_ceiling: "AMBER",
    contacts: [{ name: "N", email: "n@twcert.example" }],
    private_networks: privateNetworks,
    subscriptions: [{ feed: feed.id, every: "week", formats: ["csv", "stix"], deliveries: [delivery] }],
  };
  const parsed = parsePartners("p.yaml", JSON.stringify({ partners: [partner] }), new Map([[feed.id, feed]]));
  return parsed.value ?? assert.fail(JSON.stringify(parsed.problems));
}

/** Opens a destination of the issuer's partner `twcert`; it is closed after the test. */
export function openPartnerDestination(
  t: Pick<TestContext, "after">,
  issuer: Issuer,
  { delivery, env = {}, store = issuer.store, privateNetworks = [], loopback = true }: DestinationParts,
): PartnerDestination {
  const partners = partnersOf(delivery, privateNetworks);
  const [destination] = partners[0]?.subscriptions[0]?.destinations ?? [];
  assert.ok(destination);
  const lane: Lane = { partner: "twcert", feed: "spam-sources", destination: destination.name };
  const lines: string[] = [];
  let now = testNow;
  let failure: unknown;
  const deliveries = new Deliveries({
    store,
    keyOf: finder(issuer.keyring),
    secret: (variable) => env[variable],
    loopback,
    clock: () => now,
    log: pino({ level: "debug" }, { write: (line: string) => void lines.push(line) }),
    atOnce: 4,
    chance: () => 0,
    onFailed: (_lane, _sequence, error) => {
      failure = error;
    },
  });
  t.after(() => deliveries.close());
  const opened: PartnerDestination = {
    async push() {
      failure = undefined;
      now += dayMs;
      deliveries.look(partners);
      await deliveries.idle();
      if (failure === undefined) return undefined;
      return isError(failure) ? failure : assert.fail(new Error("An error without a code.", { cause: failure }));
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
