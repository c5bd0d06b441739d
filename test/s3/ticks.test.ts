/**
 * What a tick asks of an S3 service while nothing is due: as much of a log of 1,000 publications as of one of 10, by a
 * cold runner; by a warm one nothing.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { deliveredTo, failedAttempts, noteAttempt, noteDelivered } from "../../src/delivery/push/progress.ts";
import { newestTaken } from "../../src/delivery/watch/status-read.ts";
import { SpampotsError } from "../../src/errors.ts";
import { periodAt } from "../../src/feed/period.ts";
import { ensureAnnounced } from "../../src/publication/announce.ts";
import { openKeyring } from "../../src/publication/keys.ts";
import { append, logKey } from "../../src/publication/log.ts";
import { feedPrefix } from "../../src/publication/manifest.ts";
import { openS3Store } from "../../src/store/s3.ts";
import type { Store } from "../../src/store/store.ts";
import { openRunner, openSite } from "../delivery/runner-world.ts";
import { type S3Proxy, startS3Proxy } from "../faults/s3-proxy.ts";
import { aManifest } from "../publication/issuer.ts";
import { capturesOf } from "../publication/operator-world.ts";
import { type Gateway, startGateway } from "./gateway.ts";

let gateway: Gateway;
let proxy: S3Proxy;
let store: Store;

before(async () => {
  gateway = await startGateway();
  await gateway.bucket("ticks");
  proxy = await startS3Proxy(gateway.endpoint);
  store = openS3Store({
    bucket: "ticks",
    prefix: "",
    endpoint: proxy.endpoint,
    region: "us-east-1",
    pathStyle: true,
    deadlineMs: 20_000,
    credentials: { accessKeyId: gateway.accessKey, secretAccessKey: gateway.secretKey },
  });
});
after(async () => {
  await proxy?.stop();
  await gateway?.stop();
});

test("a tick with nothing due asks as little of a long log as of a short one, and a warm runner nothing", async (t) => {
  const site = await openSite(t);
  await site.world.ingest("pot-1", capturesOf("203.0.113.7", "2026-11-10T01:00:00Z", 3));
  const keyring = await openKeyring({ folder: site.world.settings.keys });
  const lengths = new Map([
    ["twcert", 10],
    ["ncc", 1000],
  ]);
  const { id, start, end, every } = periodAt("day", Date.parse("2026-11-10T12:00:00Z"));
  const at = (instant: number) => `${new Date(instant).toISOString().slice(0, 19)}Z`;
  for (const [partner, length] of lengths) {
    await ensureAnnounced(store, partner, { issuer: "CERT.br", keyring, now: site.now - 3_600_000 });
    for (const feed of ["spam-sources", "summary"]) {
      const place = store.under(feedPrefix(partner, feed));
      const older = Array.from({ length: length - 1 }, (_, index) => index + 1);
      for (let from = 0; from < older.length; from += 50) {
        // Of all but the newest only the names are looked at.
        await Promise.all(
          older.slice(from, from + 50).map((n) => place.putOnce(logKey(n), new Uint8Array([123, 125]))),
        );
      }
      const newest = aManifest({
        partner,
        feed,
        sequence: length,
        previous_sha256: "0".repeat(64),
        period: { every, id, start: at(start), end: at(end) },
        covers: { from: at(start), to: at(end) },
        published_at: `${at(site.now - 3_600_000).slice(0, -1)}.000000Z`,
        published_periods: [[at(start), at(end)]],
      });
      assert.equal(await append(place, newest, keyring.signer), "appended");
    }
  }
  /** Requests of a tick by the partner that they are for. */
  const asked = async (runner: Awaited<ReturnType<typeof openRunner>>) => {
    proxy.plan();
    const { outcome } = await runner.runner.tick();
    assert.deepEqual([outcome.published.length, outcome.failures.length], [0, 0]);
    return [...lengths.keys()].map(
      (partner) => proxy.log.filter(({ seen }) => seen.key.startsWith(`partners/${partner}/`)).length,
    );
  };
  const first = await openRunner(site, "a", { store });
  // The sweep of the day reads whole logs; it isn't part of looking for what is due.
  await store.putOnce("leases/swept/2026-11-11", new Uint8Array());
  const [short = 0, long = 0] = await asked(first);
  assert.equal(long, short, "cold, on a machine that never published");
  assert.ok(short <= 2 * 3 + 2, `${short} requests for two feeds`);
  assert.deepEqual(await asked(first), [0, 0]);
  assert.equal(proxy.log.length, 0, "warm: not one request");
  const again = await openRunner(site, "a", { store });
  const [nextShort = 0, nextLong = 0] = await asked(again);
  assert.equal(nextLong, nextShort, "cold, with marks");
  const listings = proxy.log.filter(({ seen }) => seen.key.endsWith("/log/"));
  assert.equal(listings.length, 4);
  assert.ok(
    listings.every(({ seen }) => seen.url.includes("start-after=")),
    "what a mark names isn't listed again",
  );
  t.diagnostic(`requests for two feeds of a partner: cold ${short}, cold with marks ${nextShort}, warm 0`);
});

test("receipts and notes of failures are found by names in a bucket as in a folder", async () => {
  const lane = { partner: "other", feed: "f", destination: "https" };
  const place = store.under("receipts/other/f");
  for (let n = 1; n <= 30; n += 1) await noteDelivered(store, lane, n, [receiptOf(n)]);
  await place.putOnce("00000012-20261112T060000Z-0123456789abcdef.jsonl", new Uint8Array());
  assert.deepEqual(await newestTaken(store, "other", "f", 90), {
    sequence: 30,
    at: Date.parse("2026-11-12T07:00:00Z"),
    how: "https",
  });
  await place.putOnce("00000041-20261113T060000Z-0123456789abcdef.jsonl", new Uint8Array());
  const pulled = { sequence: 41, at: Date.parse("2026-11-13T06:00:00Z"), how: "pull" };
  assert.deepEqual(await newestTaken(store, "other", "f", 90), pulled);
  assert.equal(await newestTaken(store, "other", "g", 90), undefined);
  assert.equal(await deliveredTo(store, lane, 90), 30);
  const error = new SpampotsError("delivery-failed", "It failed.", { reason: "HTTP 500" });
  await noteAttempt(store, lane, 31, { error, now: Date.parse("2026-11-12T08:00:00Z") });
  await store.putOnce("attempts/other/f/https/00000031-delivery-refused.json", Buffer.from("torn"));
  assert.deepEqual((await failedAttempts(store, lane)).map(({ code }) => code).sort(), [
    "delivery-failed",
    "delivery-refused",
  ]);
});

const receiptOf = (sequence: number) => ({
  ...{ at: "2026-11-12T07:00:00Z", feed: "f", sequence, sha256: "0".repeat(64) },
  ...{ how: "push-https" as const, destination: "https", to: "https://feeds.partner.example/in" },
});
