/** What one request may cost: a header, whatever it says, and a document that anyone may ask for. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { parseAccept, preferred, takesGzip } from "../../src/http/media.ts";
import { ask, openServed } from "./served.ts";

/** Milliseconds of processor time. */
async function cost(work: () => unknown): Promise<number> {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

test("a header of quotes that nobody closes is read once, not once for each", async () => {
  for (const text of [`"${'\\"'.repeat(7500)}`, `a/b;${'\\"'.repeat(7500)}`, `"${'\\"'.repeat(7500)}\\`]) {
    assert.ok((await cost(() => preferred(text, ["a/b", "c/d"]))) < 60, text.slice(0, 8));
    assert.ok((await cost(() => takesGzip(text))) < 60, text.slice(0, 8));
  }
  const [first, second] = parseAccept('a/b;p="x,\\"y;z", c/d');
  assert.deepEqual([first?.parameters.get("p"), second?.type], ['x,"y;z', "c/d"]);
});

test("documents that anyone may ask for are made once", async (t) => {
  const served = await openServed(t);
  const times = (path: string) =>
    cost(async () => {
      for (let time = 0; time < 50; time += 1) assert.equal((await ask(`${served.url}${path}`)).status, 200);
    });
  await times("/openapi.json");
  await times("/healthz");
  assert.ok((await times("/openapi.json")) < 6 * (await times("/healthz")));
});
