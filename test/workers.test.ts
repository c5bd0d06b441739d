/** Threads that answer: each answer to who asked, failures to them alone, a thread that died is replaced. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Workers } from "../src/workers.ts";

const place = new URL("./workers/double-thread.ts", import.meta.url);

test("every piece of work gets its own answer, however many threads there are", async () => {
  for (const count of [1, 3]) {
    const workers = new Workers<number, { doubled: number }>(place, { count });
    const answers = await Promise.all(Array.from({ length: 50 }, (_, n) => workers.ask(n + 100)));
    assert.deepEqual(
      answers.map(({ doubled }) => doubled),
      Array.from({ length: 50 }, (_, n) => 2 * (n + 100)),
    );
    await workers.close();
  }
});

test("what fails, fails alone", async () => {
  const workers = new Workers<number, { doubled: number }>(place, { count: 1 });
  const [bad, good] = await Promise.allSettled([workers.ask(7), workers.ask(8)]);
  assert.ok(bad?.status === "rejected" && bad.reason.code === "internal" && bad.reason.facts.failure === "no sevens");
  assert.deepEqual(good, { status: "fulfilled", value: { doubled: 16 } });
  await workers.close();
});

test("a thread that ended lets nobody wait, and another takes its place", async () => {
  const workers = new Workers<number, { doubled: number }>(place, { count: 1 });
  await assert.rejects(Promise.all([workers.ask(13), workers.ask(1)]), { code: "internal" });
  assert.deepEqual(await workers.ask(2), { doubled: 4 });
  await workers.close();
});

test("closing lets nobody wait", async () => {
  const workers = new Workers<number, { doubled: number }>(place, { count: 1 });
  const asked = workers.ask(1);
  asked.catch(() => undefined);
  await workers.close();
  await assert.rejects(asked, { code: "internal" });
});
