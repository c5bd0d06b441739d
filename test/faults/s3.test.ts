/**
 * The path over a real S3 service that fails: refuses, hangs, cuts, forgets, tells lies. Whatever it does, a publication is
 * there whole or not at all, its signed manifest last; there are never two of one number and no gap; and once the service
 * is well, the next run ends with what an undisturbed one would have made, byte for byte.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Fault } from "./s3-faults.ts";
import { drawPlan } from "./s3-plans.ts";
import type { Plan, Seen } from "./s3-proxy.ts";
import { deadlineMs, differences, ours, problemsOf, type S3Case, s3World, wellMs } from "./s3-world.ts";
import { type Case, campaign } from "./seeded.ts";

/** What a service that lies or is away may come to. */
const codes = ["store-unavailable", "store-denied", "store-unfit", "verify-failed", "log-behind", "bad-manifest"];

/** Every log of the site may wait for the service once, and then some. */
const longestMs = 8 * deadlineMs + 10_000;

/** Does the work, which may fail only with an error of ours that has a next step, and in time. */
async function endsWell(work: () => Promise<void>, note: Case["note"] = () => {}): Promise<void> {
  const began = performance.now();
  const failed = await work().then(
    () => undefined,
    (error: unknown) => ours(error),
  );
  const ms = performance.now() - began;
  if (failed !== undefined) {
    note(`ended with ${failed.code}: ${failed.message}`);
    assert.ok(codes.includes(failed.code), failed.code);
  }
  assert.ok(ms < longestMs, `took ${ms} ms`);
}

/** What is there holds now, and is all of it after one more run while the service is well. */
async function recovers(subject: S3Case, expected: ReadonlyMap<string, Uint8Array>): Promise<void> {
  await subject.proxy.settled();
  assert.deepEqual(await problemsOf(subject.direct), [], "what is there doesn't hold");
  subject.proxy.plan();
  await subject.run(wellMs);
  assert.deepEqual(differences(await subject.objects(), expected), []);
  assert.deepEqual(subject.proxy.strays, [], "the client was led elsewhere");
}

function noteFaults(one: Case, subject: S3Case): void {
  for (const { seen, fault } of subject.proxy.log)
    if (fault !== undefined) one.note(`${seen.number} ${seen.operation} ${seen.key}: ${fault}`);
}

campaign("s3-step", async (one) => {
  const { steps, openCase } = await s3World();
  const step = one.random.pick(steps);
  const subject = await openCase(step);
  try {
    const { plan, words } = drawPlan(one, step.requests);
    one.note(`${step.name}: ${words}`);
    subject.proxy.plan(plan);
    await endsWell(() => subject.run(), one.note).finally(() => noteFaults(one, subject));
    await recovers(subject, step.after);
  } finally {
    await subject.close();
  }
});

campaign("s3-race", async (one) => {
  const { steps, openCase } = await s3World();
  const step = one.random.pick(steps.slice(0, 2));
  const subject = await openCase(step);
  try {
    const { plan, words } = drawPlan(one, step.requests * 2);
    one.note(`${step.name}, by two publishers: ${words}`);
    subject.proxy.plan(plan);
    const both = [1, 2].map(() => endsWell(() => subject.run(), one.note));
    await Promise.all(both).finally(() => noteFaults(one, subject));
    await recovers(subject, step.after);
  } finally {
    await subject.close();
  }
});

/** A case of one step with one plan, which the step gets over at once, or fails at as services that lie make it. */
async function disturbed(name: string, plan: Plan, { atOnce = false } = {}): Promise<void> {
  const { steps, openCase } = await s3World();
  const step = steps.find((entry) => entry.name === name);
  assert.ok(step);
  const subject = await openCase(step);
  try {
    subject.proxy.plan(plan);
    await (atOnce ? subject.run(10 * deadlineMs) : endsWell(() => subject.run()));
    const disturbances = subject.proxy.log.filter(({ fault }) => fault !== undefined).length;
    assert.ok(disturbances > 0, "nothing was disturbed");
    await recovers(subject, step.after);
  } finally {
    await subject.close();
  }
}

/** Listings below a prefix; of each only the n-th, where one is named. */
function listings(fault: Fault, of: RegExp, only?: number): Plan {
  const asked = new Map<string, number>();
  return ({ operation, key }) => {
    if (operation !== "ListObjectsV2" || !of.test(key)) return undefined;
    const count = (asked.get(key) ?? 0) + 1;
    asked.set(key, count);
    return only === undefined || only === count ? fault : undefined;
  };
}

for (const fault of ["stale", "stale-empty"] as const) {
  test(`a sweep deletes nothing that is needed where the log's second listing is ${fault}`, () =>
    disturbed("a sweep", listings(fault, /log\/$/, 2), { atOnce: true }));
  test(`nothing is refused, or published twice, where the log's listing is ${fault}`, () =>
    disturbed("revisions, and a day more", listings(fault, /log\/$/), { atOnce: true }));
  test(`a withdrawal counts its own record where the listing of records is ${fault}`, () =>
    disturbed("a withdrawal that revokes", listings(fault, /slices\//), { atOnce: true }));
}

const isCommit = ({ operation, key }: Seen) => operation === "PutObject" && key.includes("/log/");

test("a commit whose answer is lost, each of them, is found and not made again", () => {
  const lost = new Set<string>();
  const plan: Plan = (seen) => {
    if (!isCommit(seen) || lost.has(seen.key)) return undefined;
    lost.add(seen.key);
    return "lost";
  };
  return disturbed("the first publications", plan, { atOnce: true });
});

test("a service that dies at the moment of a commit leaves what was committed whole", () => {
  let committed = false;
  const plan: Plan = (seen) => {
    if (committed) return "denied";
    committed = isCommit(seen);
    return undefined;
  };
  return disturbed("the first publications", plan);
});

test("a rival that commits first, at each number: one log, no gap, no fork", async () => {
  const { steps, openCase } = await s3World();
  const [step] = steps;
  assert.ok(step);
  const commits = [...step.after.keys()].filter((key) => key.includes("/log/"));
  for (let at = 1; at <= commits.length; at += 4) {
    const subject = await openCase(step);
    try {
      let commit = 0;
      subject.proxy.plan(async (seen) => {
        if (isCommit(seen) && ++commit === at) await subject.rival();
        return undefined;
      });
      await subject.run(wellMs);
      assert.ok(commit >= at, "there was no race");
      subject.proxy.plan();
      await subject.run(wellMs);
      assert.deepEqual(await problemsOf(subject.direct), []);
      const found = [...(await subject.objects()).keys()].filter((key) => key.includes("/log/"));
      assert.deepEqual(found, commits);
    } finally {
      await subject.close();
    }
  }
});
