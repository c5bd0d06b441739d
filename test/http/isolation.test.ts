/**
 * Isolation: with one partner's token, whatever is another's answers exactly as what never existed: status, headers and
 * body. A law over all routes of the OpenAPI document.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { csvFile, publish, stixFile } from "../publication/issuer.ts";
import { type Answer, ask, openServed, type Served } from "./served.ts";

/** Everything that a client can see but for the time. */
function seen({ status, headers, text }: Answer): unknown {
  return [status, [...headers].filter(([name]) => name !== "date"), text];
}

interface Names {
  readonly feed: readonly string[];
  readonly sequence: readonly string[];
  readonly artifact: readonly string[];
  readonly n: readonly string[];
}

/** Names that only the other partner's world has, and names that no world has, of the same lengths. */
async function namesOf(served: Served): Promise<{ theirs: Names; nobodys: Names }> {
  const theirs: string[] = [];
  for (const weeksAgo of [3, 2, 1, 0]) {
    const manifest = await publish(served, {
      partner: "ncc",
      weeksAgo,
      files: [csvFile(3, `n${weeksAgo}`), stixFile(2)],
    });
    theirs.push(...manifest.artifacts.map(({ name }) => name));
  }
  await publish(served, { partner: "ncc", feed: "spam-events", weeksAgo: 0 });
  await publish(served, { partner: "twcert", weeksAgo: 4, files: [csvFile(1, "own")] });
  return {
    theirs: { feed: ["spam-events", "spam-sources"], sequence: ["2", "3", "4"], artifact: theirs, n: ["2", "3"] },
    nobodys: {
      feed: ["spam-nobody", "spam-sources"],
      sequence: ["7", "8", "9"],
      artifact: theirs.map((name) => name.replace("spam-", "nope-")),
      n: ["8", "9"],
    },
  };
}

test("what is another partner's answers as what never existed, on every route", async (t) => {
  const served = await openServed(t);
  const { twcert, ncc } = served.keysOf;
  await served.change({
    twcert: { keys: [twcert], feeds: ["spam-sources"] },
    ncc: { keys: [ncc], feeds: ["spam-sources", "spam-events"] },
  });
  const { theirs, nobodys } = await namesOf(served);
  served.setNow(served.now() + 1000);
  const token = await served.token("twcert");
  const document = (await ask(`${served.url}/openapi.json`)).json().paths as Record<string, Record<string, unknown>>;
  const templates = Object.keys(document).filter((path) => path.startsWith("/v1/") && path.includes("{"));
  assert.ok(templates.length >= 8);
  const pick = (names: readonly string[], index: number) => names[index % names.length] ?? "";
  const fill = (template: string, names: Names, [a, b, c, d]: readonly [number, number, number, number]) =>
    template
      .replace("{feed}", pick(names.feed, a))
      .replace("{sequence}", pick(names.sequence, b))
      .replace("{artifact}", pick(names.artifact, c))
      .replace("{n}", pick(names.n, d));
  // The feed that both have is asked for with sequences that only the other has.
  const own = /^\/v1\/feeds\/spam-sources(\/(publications|schema|latest\.[a-z.]+))?$/;
  const index = fc.nat(20);
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...templates),
      fc.tuple(index, index, index, index),
      fc.constantFrom("GET", "HEAD", "POST", "DELETE"),
      fc.constantFrom("", "?period=2026-W46", "?after=3", "?x=1"),
      async (template, indexes, method, query) => {
        const [path, nowhere] = [fill(template, theirs, indexes), fill(template, nobodys, indexes)];
        if (own.test(path)) return;
        const headers = { Authorization: `Bearer ${token}` };
        const [there, never] = await Promise.all(
          [path, nowhere].map((at) => ask(`${served.url}${at}${query}`, { method, headers })),
        );
        assert.ok(there && never);
        assert.deepEqual(seen(there), seen(never), path);
        assert.ok(there.status >= 400, path);
      },
    ),
    { numRuns: 300 },
  );
});

test("the same paths work for the partner whose they are", async (t) => {
  const served = await openServed(t);
  const { theirs } = await namesOf(served);
  const token = await served.token("ncc");
  for (const [index, artifact] of theirs.artifact.entries()) {
    const path = `/v1/feeds/spam-sources/publications/${Math.floor(index / 2) + 1}/${artifact}`;
    assert.equal((await served.get(path, token)).status, 200, path);
  }
});

test("nothing that is answered names another partner", async (t) => {
  const served = await openServed(t);
  await namesOf(served);
  const token = await served.token("twcert");
  const open = [
    "/.well-known/oauth-authorization-server",
    "/.well-known/jwks.json",
    "/openapi.json",
    "/reference",
    "/healthz",
  ];
  const own = [
    "/v1/feeds",
    "/v1/feeds/spam-sources",
    "/v1/feeds/spam-sources/publications",
    "/v1/keys",
    "/v1/receipts",
  ];
  for (const path of [...open, ...own]) {
    const { text, headers } = await served.get(path, token);
    assert.doesNotMatch(`${text}${JSON.stringify([...headers])}`, /ncc/, path);
  }
});
