/** Publishing to many partners at once: order, independence, and an MoU that lapses while it goes on. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { SpampotsError } from "../../src/errors.ts";
import { publish } from "../../src/publication/publish.ts";
import type { Store } from "../../src/store/store.ts";
import { capturesOf, openOperatorWorld, partnersOf } from "./operator-world.ts";

const now = Date.UTC(2026, 10, 12, 12);

/** So many partners of one policy, with one feed by day; the last one's MoU ends as told. */
const manyYaml = (count: number, lastExpires = "2027-12-31") =>
  `partners:\n${Array.from({ length: count }, (_, n) => {
    const id = `team-${String(n).padStart(2, "0")}`;
    const expires = n === count - 1 ? lastExpires : "2027-12-31";
    return `  - id: ${id}
    name: ${id}
    economies: [TW]
    mou: { reference: M, signed: 2026-01-01, expires: ${expires}, purposes: [test], onward: constituents, retention_days: 365 }
    tlp_ceiling: AMBER+STRICT
    contacts: [{ name: Placeholder, email: feeds@${id}.example }]
    subscriptions: [{ feed: spam-sources, every: day, formats: [csv] }]
`;
  }).join("")}...\n`;

async function worldOf(t: Parameters<typeof openOperatorWorld>[0], yaml: string) {
  const world = await openOperatorWorld(t);
  await world.ingest("pot-1", capturesOf("203.0.113.7", "2026-11-10T01:00:00Z", 3));
  await world.ingest("pot-2", capturesOf("203.0.113.8", "2026-11-11T01:00:00Z", 3));
  return { world, partners: partnersOf(yaml, world.feeds) };
}

/** The store, with `putFile` below one partner's prefix failing. */
function refusing(store: Store, partner: string): Store {
  const refuse = (prefix: string): Store => ({
    ...store.under(prefix),
    putFile: async () => {
      throw new SpampotsError("store-denied", "Not here.");
    },
  });
  return {
    ...store,
    under: (prefix) => (prefix.startsWith(`partners/${partner}/`) ? refuse(prefix) : store.under(prefix)),
  };
}

test("what is said of many partners keeps the order of partners.yaml, oldest period first", async (t) => {
  const { world, partners } = await worldOf(t, manyYaml(20));
  const { published, failures } = await publish(world.publishWorld(now, { partners }));
  assert.deepEqual(failures, []);
  const expected = ["2026-11-10", "2026-11-11"].flatMap((period) => partners.map(({ id }) => `${period} ${id} `));
  assert.deepEqual(
    published.map(({ partner, manifest }) => `${manifest.period.id} ${partner} `),
    expected,
  );
  assert.ok(published.every(({ manifest }) => manifest.sequence === (manifest.period.id === "2026-11-10" ? 1 : 2)));
});

test("a partner whose store refuses stops its own log alone", async (t) => {
  const { world, partners } = await worldOf(t, manyYaml(12));
  const store = refusing(world.store, "team-05");
  const { published, failures } = await publish(world.publishWorld(now, { partners, store }));
  assert.deepEqual(
    failures.map(({ partner, period }) => [partner, period]),
    [["team-05", "2026-11-10"]],
  );
  assert.equal(published.length, 22);
  assert.ok(published.every(({ partner }) => partner !== "team-05"));
  const again = await publish(world.publishWorld(now, { partners }));
  assert.deepEqual(
    again.published.map(({ partner, manifest }) => [partner, manifest.period.id, manifest.sequence]),
    [
      ["team-05", "2026-11-10", 1],
      ["team-05", "2026-11-11", 2],
    ],
  );
});

test("a partner whose MoU lapses mid-run gets nothing more, and that is no failure", async (t) => {
  const { world, partners } = await worldOf(t, manyYaml(3, "2026-11-12"));
  let clock = now;
  const { published, failures } = await publish(
    world.publishWorld(now, {
      partners,
      clock: () => clock,
      // The second slice begins after midnight.
      onProgress: ({ done }) => {
        if (done > 0) clock = Date.UTC(2026, 10, 13, 0, 0, 1);
      },
    }),
  );
  assert.deepEqual(failures, []);
  assert.deepEqual(
    published.filter(({ partner }) => partner === "team-02").map(({ manifest }) => manifest.period.id),
    ["2026-11-10"],
  );
  assert.equal(published.length, 5);
});
