/** What is in force where files change while they are read. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { Access } from "../../src/http/access.ts";
import { openServed, partnersText } from "./served.ts";

test("a file that was half written when it was read counts once it is whole, though its digest is the same", async (t) => {
  const served = await openServed(t);
  const path = join(served.config, "partners.yaml");
  const next = partnersText({ twcert: { keys: [], suspended: true } });
  await rm(path);
  // A pipe gives each reading what the test says.
  await promisify(execFile)("mkfifo", [path]);
  const writing = (async () => {
    for (const text of [next, "partners:\n  - id", next, next]) {
      await writeFile(path, text);
      await sleep(150);
    }
  })();
  await served.registry.refresh();
  await served.registry.refresh();
  await Promise.race([writing, sleep(1000)]);
  const suspended = served.registry.partners.get("twcert")?.mou.suspended;
  // Whoever still writes is let go.
  await Promise.all([writing, suspended === true ? undefined : drain(path)]);
  assert.equal(suspended, true);
});

async function drain(path: string): Promise<void> {
  await promisify(execFile)("timeout", ["1", "sh", "-c", 'while true; do cat "$0" > /dev/null; done', path]).catch(
    () => undefined,
  );
}

test("a token that is checked while its key goes isn't remembered", async (t) => {
  const served = await openServed(t);
  const token = await served.token("twcert");
  const { partners } = served.registry;
  let tokens: Pick<typeof served.registry.tokens, "keys"> = served.registry.tokens;
  const registry = Object.create(served.registry, { tokens: { get: () => tokens }, partners: { value: partners } });
  const access = new Access({ url: served.url }, registry, Object.create(null));
  const checked = access.admit(token, served.now()).catch(() => undefined);
  tokens = { keys: [] };
  await access.admit("a.b.c", served.now()).catch(() => undefined);
  await checked;
  await assert.rejects(access.admit(token, served.now()));
});
