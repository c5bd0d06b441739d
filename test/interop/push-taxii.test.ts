/**
 * STIX pushed into a collection of medallion, the TAXII server of OASIS, and read there with OASIS's client; and what
 * servers do on bad days, by a proxy before it. Needs the packages of `requirements.txt` on the `python3` of the path.
 */
import assert from "node:assert/strict";
import { after, before, type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { stixRenderer } from "../../src/publication/stix.ts";
import { type HttpProxy, startHttpProxy } from "../delivery/push/http-proxy.ts";
import { openPartnerDestination } from "../delivery/push/partner-destination.ts";
import { idOf, type MadeObject, observable, partOf, versioned } from "../http/taxii-world.ts";
import { csvFile, type Issuer, later, newIssuer, publish, withdrawal } from "../publication/issuer.ts";
import { contentOf, contextOf, madeRows, render } from "../publication/slice-rows.ts";
import { temporaryFolder } from "../temporary-folder.ts";
import { auth, env, type Medallion, maxContentLength, readOnly, startMedallion, writeOnly } from "./medallion.ts";

let server: Medallion;
before(async () => {
  server = await startMedallion();
});
after(() => server?.stop());

const keyOf = ({ id, modified }: MadeObject) => `${id} ${modified}`;

/** Each object once: parts repeat what they share. */
function each(objects: readonly MadeObject[]): MadeObject[] {
  const byKey = new Map(objects.map((object) => [keyOf(object), object]));
  return [...byKey.values()].sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
}

async function holds(path: string, objects: readonly MadeObject[]): Promise<void> {
  const found = await server.readBack(path);
  assert.equal(found.length, each(objects).length);
  assert.deepEqual(each(found), each(objects));
}

/**
 * The parts that the renderer makes of some rows, but for extension definitions: medallion 3.0.0 takes their `version`
 * for an instant when it lists objects, and answers 500 from then on.
 */
async function rendered(t: TestContext, rows: number): Promise<MadeObject[][]> {
  const context = contextOf("source-day", await temporaryFolder(t));
  const parts = await render(stixRenderer(context), context.columns, madeRows["source-day"](rows));
  return Promise.all(
    parts.map(async (part) => {
      const { objects }: { objects: MadeObject[] } = JSON.parse(await contentOf(part));
      return objects.filter(({ type }) => type !== "extension-definition");
    }),
  );
}

const publishParts = (issuer: Issuer, parts: readonly (readonly MadeObject[])[], now?: number) =>
  publish(issuer, {
    files: [csvFile(2), ...parts.map((part, index) => partOf(part, index + 1))],
    ...(now === undefined ? {} : { now }),
  });

const made = (count: number, name = "x") =>
  Array.from({ length: count }, (_, n) =>
    n % 3 === 0 ? observable("ipv4-addr", `${name}${n}`) : versioned("indicator", `${name}${n}`),
  );

const posts = ({ log }: HttpProxy) => log.filter(({ method }) => method === "POST");
const idsIn = (body: string): string[] => JSON.parse(body).objects.map(({ id }: MadeObject) => id);

/** A destination behind a proxy, into a fresh collection. */
async function openPush(t: TestContext, path = server.freshCollection()) {
  const issuer = await newIssuer(t);
  const proxy = await startHttpProxy(t, server.origin);
  const delivery = { kind: "taxii", url: proxy.origin + path, auth };
  const open = () => openPartnerDestination(t, issuer, { delivery, env });
  return { issuer, proxy, path, destination: open(), open };
}

test("the server has exactly what was published, in envelopes that it takes; once more doubles nothing", async (t) => {
  const { issuer, proxy, path, destination, open } = await openPush(t);
  const parts = await rendered(t, 30);
  await publishParts(issuer, parts);
  const second = [[...(parts[0] ?? []).slice(0, 3), versioned("indicator", "n", 5)], made(140)];
  await publishParts(issuer, second, later(1));
  await destination.pushed();
  const sent = posts(proxy);
  assert.ok(sent.length > 3, `${sent.length} envelopes of ${parts.flat().length + second.flat().length} objects`);
  for (const { body, headers } of sent) {
    assert.ok(Buffer.byteLength(body) <= maxContentLength);
    assert.equal(headers["content-type"], "application/taxii+json;version=2.1");
  }
  await holds(path, [...parts.flat(), ...second.flat()]);
  // What a second publication repeats is called a failure by this server, and is none.
  assert.deepEqual([await destination.receipts(2)].flat().at(-1)?.refused, undefined);
  assert.ok((await destination.receipts(1)).every(({ artifact }) => artifact === undefined || /stix/.test(artifact)));

  for await (const { key } of issuer.store.list("receipts/")) await issuer.store.delete(key);
  await open().pushed();
  await holds(path, [...parts.flat(), ...second.flat()]);
  assert.ok(!destination.logged().includes("refused"));
});

test("a withdrawal and a publication without STIX are delivered without a word to the server", async (t) => {
  const { issuer, proxy, destination } = await openPush(t);
  await publish(issuer, { files: [csvFile(2)] });
  await publish(issuer, { files: [], more: withdrawal([1]), now: later(1) });
  await destination.pushed();
  assert.deepEqual([await destination.delivered(), proxy.log.length], [2, 0]);
  const [receipt, ...more] = await destination.receipts(2);
  assert.deepEqual([receipt?.how, receipt?.sequence, more.length], ["push-taxii", 2, 0]);
});

const busy = { status: 429, headers: { "retry-after": "7200" } };
for (const [name, fate, code, reason] of [
  ["500", { status: 500 }, "delivery-failed", /HTTP 500/],
  ["429", busy, "delivery-failed", /HTTP 429/],
  ["a cut connection", "reset", "delivery-failed", /ECONNRESET|hang up/],
  ["a lost answer", "lost", "delivery-failed", /ECONNRESET|hang up/],
  ["half an answer", "cut", "delivery-failed", /its answer was cut/],
  ["a page", { status: 200, body: "<html>Welcome!</html>" }, "delivery-failed", /isn't one of TAXII/],
  ["401", { status: 401 }, "delivery-refused", /HTTP 401/],
  ["a redirect", { status: 307, headers: { location: "http://127.0.0.1:1/" } }, "delivery-refused", /HTTP 307/],
] as const) {
  test(`${name} in the middle of a publication: the rest follows, in order, and once`, async (t) => {
    const { issuer, proxy, path, destination } = await openPush(t);
    const objects = made(600);
    await publishParts(issuer, [objects.slice(0, 300), objects.slice(300)]);
    await publishParts(issuer, [made(3, "next")], later(1));
    let number = 0;
    proxy.plan(({ method }) => {
      number += method === "POST" ? 1 : 0;
      return method === "POST" && number === 2 ? fate : "pass";
    });
    const error = await destination.fails(code, reason);
    assert.equal(await destination.delivered(), 0);
    if (fate === busy) assert.equal(error.facts.retryAfterMs, 7_200_000);
    const first = idsIn(posts(proxy)[0]?.body ?? "");
    proxy.plan();
    await destination.pushed();
    // What the server was done with isn't sent once more.
    for (const { body } of posts(proxy)) for (const id of idsIn(body)) assert.ok(!first.includes(id));
    await holds(path, [...objects, ...made(3, "next")]);
    assert.equal((await destination.receipts(1)).at(-1)?.refused, undefined);
  });
}

test("a server that is away, or hangs when the runner ends", async (t) => {
  const { issuer, proxy, path, destination, open } = await openPush(t);
  await publishParts(issuer, [made(10)]);
  await proxy.away(() => destination.fails("delivery-failed", /ECONNREFUSED/));
  proxy.plan(({ method }) => (method === "POST" ? "hang" : "pass"));
  const pushing = destination.push();
  while (posts(proxy).length === 0) await sleep(10);
  const begun = performance.now();
  await destination.close();
  await pushing;
  assert.ok(performance.now() - begun < 10_000);
  proxy.plan();
  await open().pushed();
  await holds(path, made(10));
});

test("an envelope that is too large is sent in halves, and none of that size again", async (t) => {
  const { issuer, proxy, path, destination } = await openPush(t);
  const objects = made(90);
  await publishParts(issuer, [objects]);
  proxy.plan(({ method, body }) => (method === "POST" && idsIn(body).length > 25 ? { status: 413 } : "pass"));
  await destination.pushed();
  await holds(path, objects);
  await publishParts(issuer, [made(60, "next")], later(1));
  proxy.plan(({ method, body }) => (method === "POST" && idsIn(body).length > 25 ? { status: 413 } : "pass"));
  await destination.pushed();
  assert.ok(posts(proxy).every(({ body }) => idsIn(body).length <= 25));
});

test("an object that isn't taken is told of, and doesn't hold up the log; if it's most of them, it does", async (t) => {
  const { issuer, proxy, path, destination } = await openPush(t);
  const objects = made(30);
  const [bad] = objects.slice(10);
  assert.ok(bad);
  await publishParts(issuer, [objects]);
  await publishParts(issuer, [made(5, "next")], later(1));
  const body = JSON.stringify({ title: "Unprocessable", description: "\u001b[31mno such \u202etype" });
  const unprocessable = { status: 422, body };
  proxy.plan((asked) => (asked.method === "POST" && asked.body.includes(bad.id) ? unprocessable : "pass"));
  await destination.pushed();
  await holds(path, [...objects.filter((object) => object !== bad), ...made(5, "next")]);
  const [last] = (await destination.receipts(1)).slice(-1);
  assert.deepEqual([last?.artifact, last?.refused], [undefined, 1]);
  assert.equal((await destination.receipts(2)).at(-1)?.refused, undefined);
  assert.match(destination.logged(), new RegExp(`${bad.id}.*no such .*type.*some objects were refused`));
  assert.doesNotMatch(destination.logged(), /\\u001b|\u202e/);

  await publishParts(issuer, [made(50, "third")], later(2));
  proxy.plan(({ method }) => (method === "POST" ? unprocessable : "pass"));
  const error = await destination.fails("delivery-refused", /20 of 20 objects refused: .*no such/);
  assert.deepEqual([await destination.delivered(), Array.isArray(error.facts.objects)], [2, true]);
  proxy.plan();
  await destination.pushed();
  assert.equal((await destination.receipts(3)).at(-1)?.refused, undefined);
});

test("failures of a status are told of with what the server says; those that it doesn't name are looked for", async (t) => {
  const { issuer, proxy, path, destination } = await openPush(t);
  const objects = made(9);
  await publishParts(issuer, [objects]);
  const failing = objects.slice(0, 2).map(({ id }) => id);
  proxy.plan(({ method, body }) => {
    if (method !== "POST" || !body.includes(failing[0] ?? "")) return "pass";
    // The server has it in truth: what it says of the second is believed only when its manifest doesn't have it either.
    return (answer) => {
      const status = JSON.parse(answer);
      const failures = failing.map((id) => ({ id, version: "2026-11-09T05:00:00.000Z", message: "No." }));
      return JSON.stringify({ ...status, failure_count: 2, failures });
    };
  });
  await destination.pushed();
  assert.equal((await destination.receipts(1)).at(-1)?.refused, undefined);
  await holds(path, objects);

  // Unnamed failures, of objects that never came there.
  await publishParts(issuer, [made(9, "next")], later(1));
  const status = { id: "5ef0e1b2-1c1f-4f0a-8a36-7d8b2a3f0c11", status: "complete", failure_count: 9 };
  proxy.plan(({ method }) => (method === "POST" ? { status: 202, body: JSON.stringify(status) } : "pass"));
  await destination.fails("delivery-refused", /9 of 9 objects refused/);
});

test("a pending status is followed until it is complete", async (t) => {
  const { issuer, proxy, path, destination } = await openPush(t);
  await publishParts(issuer, [made(9)]);
  let looks = 0;
  proxy.plan(({ method, path: asked }) => {
    const pending = (answer: string) => JSON.stringify({ ...JSON.parse(answer), status: "pending" });
    if (method === "POST") return pending;
    if (!asked.includes("/status/")) return "pass";
    looks += 1;
    return looks < 3 ? pending : "pass";
  });
  await destination.pushed();
  assert.equal(looks, 3);
  await holds(path, made(9));
  proxy.plan(({ method }) => (method === "POST" ? (answer) => answer.replace(/"id": ?"/, '"id": "../../') : "pass"));
  await publishParts(issuer, [made(2, "next")], later(1));
  await destination.fails("delivery-failed", /isn't one of TAXII/);
  assert.ok(proxy.log.every(({ path: asked }) => asked.startsWith("/api/")));
});

test("a collection that can't be written is refused; one that can't be read is written", async (t) => {
  const closed = await openPush(t, readOnly);
  await publishParts(closed.issuer, [made(3)]);
  await closed.destination.fails("delivery-refused", /HTTP 403/);
  const open = await openPush(t, writeOnly);
  await publishParts(open.issuer, [made(30)]);
  await open.destination.pushed();
  // Nothing tells what it has already from what it refuses.
  await publishParts(open.issuer, [[...made(3), ...made(9, "next")]], later(1));
  await open.destination.pushed();
  assert.equal((await open.destination.receipts(2)).at(-1)?.refused, 3);
  const gone = await openPush(t, `/api/collections/${idOf("x", "none").slice(3)}/`);
  await publishParts(gone.issuer, [made(3)]);
  await gone.destination.fails("delivery-refused", /HTTP 404/);
});

test("a damaged part of ours is never sent", async (t) => {
  const { issuer, proxy, destination } = await openPush(t);
  await publishParts(issuer, [made(9)]);
  const store = issuer.store.under("partners/twcert/spam-sources/artifacts");
  for await (const { key } of store.list("")) {
    const content = Buffer.from((await store.get(key)) ?? []);
    content[20] = (content[20] ?? 0) ^ 1;
    await store.delete(key);
    await store.putOnce(key, content);
  }
  const error = await destination.push();
  assert.equal(error?.code, "verify-failed");
  assert.equal(posts(proxy).length, 0);
});
