/** Alerts: when a trouble is told, and that it is told once by however many runners, and again when it recurs. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { AlertBook, type AlertMessage } from "../../../src/delivery/watch/alert-book.ts";
import { type Alert, alertKinds, logAlerts, patience, tickAlert } from "../../../src/delivery/watch/alerts.ts";
import type { LogFacts } from "../../../src/delivery/watch/status.ts";
import { SpampotsError } from "../../../src/errors.ts";
import { openLog } from "../../../src/log.ts";
import { dayMs, hourMs } from "../../../src/model.ts";
import { openDiskStore } from "../../../src/store/disk.ts";
import type { Store } from "../../../src/store/store.ts";
import { partnersOf, projectFeeds } from "../../pipeline.ts";
import { aManifest, testNow } from "../../publication/issuer.ts";
import { temporaryFolder } from "../../temporary-folder.ts";

const feeds = await projectFeeds();

function factsOf(more: Partial<LogFacts> = {}, mou: object = {}): LogFacts {
  const subscription = { feed: "spam-sources", every: "week", formats: ["csv"] };
  const [partner] = partnersOf(feeds, [{ id: "twcert", economies: ["TW"], subscriptions: [subscription], mou }]);
  const [only] = partner?.subscriptions ?? [];
  assert.ok(partner && only);
  return { partner, subscription: only, tip: aManifest({}), due: [], lanes: [], late: 0, ...more };
}

const ripe = (alerts: readonly Alert[]) =>
  alerts.filter((alert) => alert.ripe).map(({ kind, subject }) => `${kind}/${subject}`);

test("what won't pass by itself is told at once, what may after an hour", () => {
  const stopped = (code: string) => [factsOf({ stopped: { code, since: testNow } })];
  assert.deepEqual(ripe(logAlerts(stopped("verify-failed"), testNow)), ["publishing-stopped/twcert/spam-sources"]);
  assert.deepEqual(ripe(logAlerts(stopped("store-unavailable"), testNow + patience - 1)), []);
  assert.equal(logAlerts(stopped("store-unavailable"), testNow).length, 1);
  assert.equal(ripe(logAlerts(stopped("store-unavailable"), testNow + patience)).length, 1);
  const failing = (code: string) => {
    const lane = { destination: "hook", to: "https://x.example", delivered: 0, failing: { since: testNow, code } };
    return [factsOf({ lanes: [lane] })];
  };
  assert.deepEqual(ripe(logAlerts(failing("delivery-refused"), testNow)), [
    "delivery-failing/twcert/spam-sources/hook",
  ]);
  assert.deepEqual(ripe(logAlerts(failing("delivery-failed"), testNow + patience - 1)), []);
  assert.equal(ripe(logAlerts(failing("delivery-failed"), testNow + patience)).length, 1);
});

test("an MoU's end is told at 60, 30 and 7 days, the nearest alone, for a partner once", () => {
  const last = Date.UTC(2027, 0, 31);
  const facts = factsOf({}, { expires: "2027-01-31" });
  const at = (days: number) =>
    logAlerts([facts, facts], last - days * dayMs)
      .filter(({ kind }) => kind === "mou-expires")
      .map(({ subject }) => subject);
  assert.deepEqual(
    [61, 60, 31, 30, 8, 7, 0, -1].map((days) => at(days)),
    [[], ["60"], ["60"], ["30"], ["30"], ["7"], ["7"], []].map((steps) =>
      steps.map((step) => `twcert/2027-01-31-${step}`),
    ),
  );
});

test("a broken configuration is told at once, a tick that fails otherwise after an hour", () => {
  const broken = new SpampotsError("bad-configuration", "It is broken.");
  assert.deepEqual(ripe([tickAlert(broken, testNow, testNow)]), ["configuration-broken/all"]);
  const away = new SpampotsError("store-unavailable", "It is away.");
  assert.deepEqual(ripe([tickAlert(away, testNow, testNow + 1)]), []);
  assert.deepEqual(ripe([tickAlert(away, testNow, testNow + hourMs)]), ["tick-failing/all"]);
});

/** A hook that keeps what it is told, and fails where it is to. */
function openHook() {
  const hook = {
    told: [] as AlertMessage[],
    fails: false,
    tell: async (message: AlertMessage) => {
      if (hook.fails) throw new Error("the hook is away");
      hook.told.push(message);
    },
    states: () => hook.told.map(({ alert, state }) => `${alert} ${state}`),
  };
  return hook;
}

async function openBooks(t: Parameters<typeof temporaryFolder>[0]) {
  const store = openDiskStore(await temporaryFolder(t));
  const hook = openHook();
  const clock = { now: testNow };
  const open = (over: Store = store) =>
    new AlertBook({ store: over, tell: hook.tell, clock: () => clock.now, log: openLog("silent") });
  return { store, hook, clock, open };
}

const anAlert = (more: Partial<Alert> = {}): Alert => ({
  kind: "overdue",
  subject: "twcert/spam-sources",
  ripe: true,
  facts: { partner: "twcert", feed: "spam-sources" },
  text: "It is due.",
  ...more,
});
const { signal } = new AbortController();
const settle = (book: AlertBook, ...alerts: Alert[]) => book.settle(alerts, alertKinds, signal);

test("several runners, started again and again, tell once; its end once, and once more when it recurs", async (t) => {
  const { hook, open } = await openBooks(t);
  const [one, two, slow] = [open(), open(), open()];
  await settle(slow);
  await Promise.all([settle(one, anAlert()), settle(two, anAlert())]);
  await settle(one, anAlert());
  await settle(open(), anAlert());
  await settle(slow, anAlert());
  assert.deepEqual(hook.states(), ["overdue firing"]);
  assert.deepEqual(
    [hook.told[0]?.at, hook.told[0]?.partner, hook.told[0]?.text],
    ["2026-11-16T06:00:00Z", "twcert", "It is due."],
  );
  // Who knows of it from the store alone sees its end, too; who still believes in it begins nothing anew.
  await settle(open());
  await settle(two, anAlert());
  await settle(one);
  assert.deepEqual(hook.states(), ["overdue firing", "overdue recovered"]);
  await settle(one, anAlert());
  await settle(open(), anAlert());
  assert.deepEqual(hook.states(), ["overdue firing", "overdue recovered", "overdue firing"]);
});

test("what isn't ripe is neither told nor over; what wasn't looked at isn't over; an MoU's step has no end", async (t) => {
  const { hook, open } = await openBooks(t);
  const book = open();
  await settle(book, anAlert({ ripe: false }));
  assert.deepEqual(hook.states(), []);
  await settle(book, anAlert());
  await settle(book, anAlert({ ripe: false }));
  await book.settle([], ["configuration-broken"], signal);
  assert.deepEqual(hook.states(), ["overdue firing"]);
  const mou = anAlert({ kind: "mou-expires", subject: "twcert/2027-01-31-30" });
  await settle(book, anAlert(), mou);
  await settle(book, anAlert());
  await settle(open(), anAlert(), mou);
  assert.deepEqual(hook.states(), ["overdue firing", "mou-expires firing"]);
});

test("a hook that fails is tried again; an alert whose runner was killed is told by another after ten minutes", async (t) => {
  const { hook, open, clock } = await openBooks(t);
  const book = open();
  hook.fails = true;
  await settle(book, anAlert());
  hook.fails = false;
  const other = open();
  await settle(other, anAlert());
  assert.deepEqual(hook.states(), []);
  clock.now += 600_000;
  await settle(other, anAlert());
  assert.deepEqual(hook.states(), ["overdue firing"]);
  const third = open();
  hook.fails = true;
  await settle(third, anAlert(), anAlert({ subject: "ncc/summary" }));
  hook.fails = false;
  await settle(third, anAlert(), anAlert({ subject: "ncc/summary" }));
  assert.deepEqual(
    hook.told.map(({ subject }) => subject),
    ["twcert/spam-sources", "ncc/summary"],
  );
});

test("a hook that is away isn't asked for every alert of a tick", async (t) => {
  const { hook, open } = await openBooks(t);
  let asked = 0;
  const tell = hook.tell;
  hook.tell = async (message) => {
    asked += 1;
    await tell(message);
  };
  hook.fails = true;
  await settle(open(), ...Array.from({ length: 20 }, (_, n) => anAlert({ subject: `p${n}/summary` })));
  assert.equal(asked, 3);
});

test("with the store away, that is told all the same, once for each process, and its end", async (t) => {
  const { hook, open, store } = await openBooks(t);
  const down = { away: true };
  const away = new Proxy(store, {
    get: (target, name: keyof Store) => {
      if (down.away && typeof target[name] === "function")
        return () => {
          throw new SpampotsError("store-unavailable", "It is away.");
        };
      return target[name];
    },
  });
  const alert = anAlert({ kind: "tick-failing", subject: "all" });
  const before = open();
  await settle(before, alert);
  await settle(before);
  hook.told.length = 0;
  const book = open(away);
  await settle(book, alert);
  await settle(book, alert);
  assert.deepEqual(hook.states(), ["tick-failing firing"]);
  down.away = false;
  await settle(book);
  await settle(book);
  assert.deepEqual(hook.states(), ["tick-failing firing", "tick-failing recovered"]);
  await settle(open(), alert);
  assert.equal(hook.states().length, 3);
});
