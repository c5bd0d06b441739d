/** Logs that are read from their end back: what an answer reads, and that it says what the whole log says. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isError } from "../../src/errors.ts";
import { PublishedFeed } from "../../src/http/published.ts";
import { hourMs } from "../../src/model.ts";
import { logKey } from "../../src/publication/log.ts";
import { feedPrefix } from "../../src/publication/manifest.ts";
import type { Store } from "../../src/store/store.ts";
import { finder, type Issuer, newIssuer, testNow } from "../publication/issuer.ts";
import { appendLog, type Entry, hourly } from "./logs.ts";
import { openServed } from "./served.ts";

const whose = { partner: "twcert", feed: "spam-sources" };
const own = ({ store }: Issuer) => store.under(feedPrefix(whose.partner, whose.feed));

/** A store that notes which manifests are opened. */
function noting(store: Store, opened: string[]): Store {
  return {
    ...store,
    under: (prefix) => noting(store.under(prefix), opened),
    open: (key, ...rest) => {
      if (key.startsWith("log/")) opened.push(key);
      return store.open(key, ...rest);
    },
  };
}

const reader = (issuer: Issuer, log = whose) =>
  new PublishedFeed(issuer.store, { find: finder(issuer.keyring), look: async () => {} }, log);

test("of a long log, an answer on its end reads its end", async (t) => {
  const opened: string[] = [];
  const served = await openServed(t, { wrap: (store) => noting(store, opened) });
  await appendLog(served, whose, hourly(150));
  const token = await served.token("twcert");
  const get = async (path: string) =>
    (await served.get(`/v1/feeds/spam-sources${path}`, token, { Accept: "application/json" })).json();
  assert.equal((await get("")).publications, 150);
  const page = await get("/publications?after=147");
  assert.deepEqual([page.next, page.more], [150, false]);
  assert.equal((await get("/publications/latest")).sequence, 150);
  assert.ok(opened.length <= 40, String(opened.length));
  assert.ok(!opened.includes(logKey(50)));
  assert.equal((await get("/publications/1")).sequence, 1);
  assert.ok(opened.includes(logKey(50)));
});

test("what is asked first changes nothing: the answers are those of the whole log", async (t) => {
  const issuer = await newIssuer(t);
  let made = 0;
  const step = fc.record({
    hours: fc.constantFrom(0, 1, 20),
    every: fc.constantFrom("hour" as const, "hour" as const, "day" as const),
    back: fc.constantFrom(0, 0, 1, 5),
    withdraws: fc.option(fc.nat(30), { freq: 3 }),
  });
  const question = fc.oneof(fc.constant("latest" as const), fc.nat(40));
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 40 }), fc.array(question), async (steps, questions) => {
      let now = testNow;
      const entries = steps.map(({ hours, every, back, withdraws }, at): Entry => {
        now += hours * hourMs;
        return { now, every, back, ...(withdraws === null || at === 0 ? {} : { withdraws: (withdraws % at) + 1 }) };
      });
      made += 1;
      const log = { partner: `p${made}`, feed: "spam-sources" };
      const manifests = await appendLog(issuer, log, entries);
      const standing = manifests.filter(
        ({ kind, sequence }) =>
          kind === "publication" && !manifests.some(({ withdraws }) => withdraws?.sequences.includes(sequence)),
      );
      const newest = standing.reduce(
        (best: number | undefined, { period, sequence }) =>
          best === undefined || (manifests[best - 1]?.period.start ?? "") <= period.start ? sequence : best,
        undefined,
      );
      const published = reader(issuer, log);
      await Promise.all(
        questions.map(async (asked) => {
          if (asked === "latest") return assert.equal((await published.latest(now))?.sequence, newest);
          const found = await published.publications(now, asked + 1);
          assert.deepEqual(
            found.map(({ sequence }) => sequence),
            manifests.map(({ sequence }) => sequence).slice(asked),
          );
          for (const { sequence } of found) {
            const gone = manifests.some(({ withdraws }) => withdraws?.sequences.includes(sequence));
            assert.equal(published.withdrawnBy(sequence) !== undefined, gone);
          }
        }),
      );
      for (const { period } of manifests.slice(0, 5)) {
        const expected = standing.filter((each) => each.period.id === period.id).at(-1)?.sequence;
        assert.equal((await published.latest(now, period.id))?.sequence, expected);
      }
      assert.equal((await published.latest(now))?.sequence, newest);
    }),
    { numRuns: 60 },
  );
});

test("a log that grows while its beginning is read is one log", async (t) => {
  const issuer = await newIssuer(t);
  await appendLog(issuer, whose, hourly(50));
  const published = reader(issuer);
  assert.equal(await published.tip(testNow), 50);
  await appendLog(issuer, whose, hourly(3, 50));
  const later = testNow + 5000;
  const [all, tail] = await Promise.all([published.publications(later, 1), published.publications(later, 45)]);
  for (const found of [await published.publications(later, 1), all, tail]) {
    const first = 53 - found.length + 1;
    assert.deepEqual(
      found.map(({ sequence }) => sequence),
      Array.from(found, (_, index) => first + index),
    );
  }
  assert.deepEqual([all.length, tail.length], [53, 9]);
});

test("what comes before or after a publication that doesn't follow isn't told", async (t) => {
  const issuer = await newIssuer(t);
  await appendLog(issuer, whose, hourly(60));
  // Signed by the issuer, and saying that they are of this log; what they name as the one before them isn't in it.
  const other = { partner: "other", feed: "spam-sources" };
  await appendLog(issuer, other, hourly(61), whose);
  const forge = async (sequence: number) => {
    const forged = await issuer.store.under(feedPrefix(other.partner, other.feed)).get(logKey(sequence));
    assert.ok(forged);
    await own(issuer).delete(logKey(sequence));
    await own(issuer).putOnce(logKey(sequence), forged);
  };
  await forge(30);
  const published = reader(issuer);
  assert.equal((await published.publications(testNow, 60)).length, 1);
  const refused = (found: Promise<unknown>) => assert.rejects(found, (error) => isError(error, "verify-failed"));
  await refused(published.publications(testNow, 1));
  assert.equal((await published.latest(testNow))?.sequence, 60);
  await forge(61);
  await refused(published.publications(testNow + 5000, 60));
});
