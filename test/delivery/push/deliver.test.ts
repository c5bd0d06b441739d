/**
 * Deliveries of real publications to real servers on loopback: order, what goes alone, failures, and changes under way.
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { failedAttempts, isDelivered, noteDelivered, receiptsOf } from "../../../src/delivery/push/progress.ts";
import { isError } from "../../../src/errors.ts";
import { dayMs, hourMs } from "../../../src/model.ts";
import { announceRotation } from "../../../src/publication/announce.ts";
import { beginRotation, finishRotation } from "../../../src/publication/keys.ts";
import { append } from "../../../src/publication/log.ts";
import { artifactKey, encodeManifest, type Manifest, payloadDigest } from "../../../src/publication/manifest.ts";
import type { Store } from "../../../src/store/store.ts";
import {
  csvFile,
  finder,
  type Issuer,
  newIssuer,
  type PublishRequest,
  publish,
  stixFile,
  testNow,
  withdrawal,
} from "../../publication/issuer.ts";
import { answering, delivering, type Misbehave, partnerWith, type Receiver, receiver } from "./receiving.ts";

const lane = { partner: "twcert", feed: "spam-sources", destination: "https" };
const log = (sequence: number) => `/in/spam-sources/log/0000000${sequence}.jws`;
const https = ({ url }: Receiver) => ({ kind: "https", url: `${url}/in` });

async function publications(issuer: Issuer, count: number, request: PublishRequest = {}): Promise<Manifest[]> {
  const made: Manifest[] = [];
  for (let index = 0; index < count; index += 1)
    made.push(
      await publish(issuer, { files: [csvFile(3, `s${index}-`), stixFile(index + 1)], weeksAgo: index, ...request }),
    );
  return made;
}

const artifactPaths = ({ artifacts }: Manifest) =>
  artifacts.map((artifact) => `/in/spam-sources/${artifactKey(artifact)}`);

/** The partner's prefix, by path. */
async function prefixOf({ root }: Issuer, partner = "twcert"): Promise<Map<string, Buffer>> {
  const folder = join(root, "partners", partner);
  const files = new Map<string, Buffer>();
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isFile()) files.set(`/in/${path.slice(folder.length + 1)}`, await readFile(path));
  }
  return files;
}

const sorted = (files: ReadonlyMap<string, Buffer>) => [...files].sort(([a], [b]) => (a < b ? -1 : 1));

async function until(done: () => boolean | Promise<boolean>, what: string): Promise<void> {
  for (let left = 500; !(await done()); left -= 1) {
    if (left === 0) throw new Error(`It never came: ${what}`);
    await sleep(10);
  }
}

test("a partner's prefix arrives byte for byte, each manifest after its files and in order; again sends nothing", async (t) => {
  const issuer = await newIssuer(t);
  const made = await publications(issuer, 3);
  const target = await receiver(t);
  const partner = await partnerWith([https(target)]);
  const { deliveries, world } = delivering(t, issuer);
  deliveries.look([partner]);
  await deliveries.idle();
  assert.deepEqual(sorted(target.files), sorted(await prefixOf(issuer)));
  const expected = made.flatMap((manifest) => [...artifactPaths(manifest), log(manifest.sequence)]);
  assert.deepEqual(target.stored(), ["/in/keys/00000001.jws", ...expected]);
  for (const { headers, body, method } of target.taken.filter((one) => one.method === "PUT")) {
    assert.equal(headers["content-digest"], `sha-256=:${createHash("sha256").update(body).digest("base64")}:`, method);
    assert.equal(headers["content-length"], String(body.length));
  }
  const receipts = (await receiptsOf(issuer.store, lane, 2)) ?? [];
  assert.deepEqual(
    receipts.map(({ artifact, how, to, sha256 }) => [artifact, how, to, sha256]).slice(0, 2),
    made[1]?.artifacts.map(({ name, sha256 }) => [name, "push-https", `${target.url}/in`, sha256]),
  );
  assert.equal(receipts.length, 3);
  const before = target.taken.length;
  deliveries.look([partner]);
  await deliveries.idle();
  const cold = delivering(t, issuer);
  cold.deliveries.look([partner]);
  await cold.deliveries.idle();
  assert.equal(target.taken.length, before);
  assert.deepEqual(cold.world.made, []);
  assert.equal(world.made.length, 3);
  await publications(issuer, 1, { weeksAgo: 7 });
  cold.deliveries.look([partner]);
  await cold.deliveries.idle();
  assert.deepEqual(cold.world.made, ["twcert/spam-sources/https 4"]);
});

test("a webhook gets each signed manifest under a key that is its own, and no files", async (t) => {
  const issuer = await newIssuer(t);
  const made = await publications(issuer, 2);
  const target = await receiver(t);
  const { deliveries } = delivering(t, issuer);
  deliveries.look([await partnerWith([{ kind: "webhook", url: `${target.url}/hook` }])]);
  await deliveries.idle();
  const prefix = await prefixOf(issuer);
  assert.deepEqual(
    target.taken.map(({ method, path, body }) => [method, path, body]),
    made.map(({ sequence }) => ["POST", "/hook", prefix.get(log(sequence))]),
  );
  const keys = target.taken.map(({ headers }) => headers["idempotency-key"]);
  const payloads = target.taken.map(({ body }) => Buffer.from(JSON.parse(body.toString()).payload, "base64url"));
  assert.deepEqual(
    keys,
    payloads.map((payload) => `"${createHash("sha256").update(payload).digest("hex")}"`),
  );
  assert.deepEqual(
    target.taken.map(({ headers }) => headers["content-type"]),
    Array(2).fill("application/jose+json"),
  );
});

test("nothing goes before what is before it: a publication that isn't taken holds up those after it, and no other lane", async (t) => {
  const issuer = await newIssuer(t);
  await publications(issuer, 4);
  await publications(issuer, 1, { feed: "spam-urls" });
  let down = true;
  const refuse: Misbehave = (request, response) => {
    if (!down || request.url !== log(2)) return false;
    response.writeHead(503, { "retry-after": "3600" }).end();
    return true;
  };
  const [target, other] = [await receiver(t, refuse), await receiver(t)];
  const partner = await partnerWith([https(target), { ...https(other), name: "other" }], {
    feeds: ["spam-sources", "spam-urls"],
  });
  const { deliveries, world } = delivering(t, issuer);
  const look = async () => {
    deliveries.look([partner]);
    await deliveries.idle();
  };
  await look();
  const stored = () => target.stored().filter((path) => path.startsWith("/in/spam-sources/log"));
  assert.deepEqual(stored(), [log(1)]);
  assert.equal(world.failed.length, 1);
  assert.deepEqual(sorted(other.files), sorted(await prefixOf(issuer)));
  assert.ok(target.files.has("/in/spam-urls/log/00000001.jws"));
  assert.deepEqual(
    (await failedAttempts(issuer.store, lane)).map(({ sequence, reason }) => [sequence, reason]),
    [[2, "HTTP 503"]],
  );
  // Not before it said, however often is looked.
  world.now += hourMs - 1000;
  await look();
  assert.equal(world.failed.length, 1);
  world.now += hourMs;
  await look();
  assert.equal(world.failed.length, 2);
  down = false;
  world.now += 2 * hourMs;
  await look();
  await look();
  assert.deepEqual(stored(), [1, 2, 3, 4].map(log));
  assert.deepEqual(sorted(target.files), sorted(await prefixOf(issuer)));
  for await (const { key } of issuer.store.list("attempts/")) assert.fail(`${key} is noted, and delivered since`);
  // What had come before the failure was asked for, and not sent again.
  const puts = target.taken.filter(({ method }) => method === "PUT").map(({ path }) => path);
  assert.equal(
    new Set(puts.filter((path) => path.includes("artifacts"))).size,
    puts.filter((path) => path.includes("artifacts")).length,
  );
});

test("what is withdrawn or expired before its delivery goes as manifest alone", async (t) => {
  const issuer = await newIssuer(t);
  const made = [
    await publish(issuer, { files: [csvFile(1, "old")], weeksAgo: 30, more: { retain_until: "2026-11-15T00:00:00Z" } }),
    await publish(issuer, { files: [csvFile(1, "wrong")], weeksAgo: 0 }),
    await publish(issuer, { files: [csvFile(1, "good")], weeksAgo: 1 }),
    await publish(issuer, { files: [], more: withdrawal([2]) }),
  ];
  const target = await receiver(t);
  const { deliveries } = delivering(t, issuer);
  // Its files are all still in the store.
  deliveries.look([await partnerWith([https(target)])]);
  await deliveries.idle();
  assert.deepEqual(target.stored(), [
    "/in/keys/00000001.jws",
    log(1),
    log(2),
    ...artifactPaths(made[2] ?? assert.fail()),
    log(3),
    log(4),
  ]);
  const receipts = await receiptsOf(issuer.store, lane, 2);
  assert.deepEqual(
    receipts?.map(({ artifact }) => artifact),
    [undefined],
  );
});

test("a withdrawal in the middle of a backlog counts for what hasn't gone yet", async (t) => {
  const issuer = await newIssuer(t);
  const made = await publications(issuer, 3);
  let withdrawn = false;
  const target = await receiver(t, async (request) => {
    if (request.url === log(1) && !withdrawn) {
      withdrawn = true;
      await publish(issuer, { files: [], weeksAgo: 2, more: withdrawal([3]) });
    }
    return false;
  });
  const { deliveries } = delivering(t, issuer);
  deliveries.look([await partnerWith([https(target)])]);
  await deliveries.idle();
  const third = artifactPaths(made[2] ?? assert.fail());
  assert.ok(third.every((path) => !target.files.has(path)));
  assert.ok(target.files.has(log(4)));
});

test("a file that is missing from the store is an error, never a publication without it", async (t) => {
  const issuer = await newIssuer(t);
  const [first] = await publications(issuer, 1);
  const [artifact] = first?.artifacts ?? [];
  const path = join(issuer.root, "partners/twcert/spam-sources", artifactKey(artifact ?? assert.fail()));
  const kept = await readFile(path);
  await rm(path);
  const target = await receiver(t);
  const { deliveries, world } = delivering(t, issuer);
  const partner = await partnerWith([https(target)]);
  deliveries.look([partner]);
  await deliveries.idle();
  assert.ok(isError(world.failed[0]?.error, "verify-failed"));
  assert.equal(target.files.has(log(1)), false);
  await writeFile(path, kept);
  world.now += hourMs;
  deliveries.look([partner]);
  await deliveries.idle();
  assert.deepEqual(sorted(target.files), sorted(await prefixOf(issuer)));
});

test("a file that was changed in the store, wherever, is never had by a destination as if it were good", async (t) => {
  const issuer = await newIssuer(t);
  const big = Buffer.alloc(3_000_000, "abcdefg").toString();
  const file = {
    suffix: ".csv",
    mediaType: "text/csv; charset=utf-8; header=present",
    content: big,
    facts: { rows: 1 },
  };
  const manifest = await publish(issuer, { files: [file] });
  const [path = ""] = artifactPaths(manifest);
  const place = join(issuer.root, "partners/twcert", path.slice("/in/".length));
  const good = await readFile(place);
  const target = await receiver(t);
  const { deliveries, world } = delivering(t, issuer);
  const partner = await partnerWith([https(target)]);
  for (const at of [0, 1_500_000, good.length - 1]) {
    const changed = Buffer.from(good);
    changed.writeUInt8(changed.readUInt8(at) ^ 1, at);
    await writeFile(place, changed);
    world.now += dayMs;
    deliveries.look([partner]);
    await deliveries.idle();
    assert.ok(isError(world.failed.at(-1)?.error, "verify-failed"), String(world.failed.at(-1)?.error));
    assert.deepEqual([...target.files.keys()], ["/in/keys/00000001.jws"]);
  }
  assert.equal(world.failed.length, 3);
  await writeFile(place, good);
  world.now += dayMs;
  deliveries.look([partner]);
  await deliveries.idle();
  assert.deepEqual(sorted(target.files), sorted(await prefixOf(issuer)));
});

test("a store that fails while a file streams never ends a PUT as if it were whole", async (t) => {
  const issuer = await newIssuer(t);
  const content = Buffer.alloc(2_000_000, "0123456789").toString();
  await publish(issuer, { files: [{ suffix: ".csv", mediaType: "text/csv", content, facts: { rows: 1 } }] });
  let broken = true;
  const store = breaking(issuer.store, () => broken);
  const target = await receiver(t);
  const { deliveries, world } = delivering(t, issuer, { store });
  const partner = await partnerWith([https(target)]);
  deliveries.look([partner]);
  await deliveries.idle();
  assert.match(String(world.failed[0]?.error), /the disk broke|doesn't answer/);
  assert.deepEqual([...target.files.keys()], ["/in/keys/00000001.jws"]);
  broken = false;
  world.now += hourMs;
  deliveries.look([partner]);
  await deliveries.idle();
  assert.deepEqual(sorted(target.files), sorted(await prefixOf(issuer)));
});

/** A store whose artifacts break off after their first chunk, for as long as that is wanted. */
function breaking(store: Store, broken: () => boolean): Store {
  return {
    ...store,
    under: (prefix) => breaking(store.under(prefix), broken),
    async open(key, range, options) {
      const found = await store.open(key, range, { ...options, chunkBytes: 65_536 });
      if (found === undefined || !broken() || !key.startsWith("artifacts/")) return found;
      return {
        bytes: found.bytes,
        body: (async function* () {
          for await (const chunk of found.body) {
            yield chunk;
            throw new Error("the disk broke");
          }
        })(),
      };
    },
  };
}

test("keys that are rotated under way are announced before the first manifest that they sign, to a cold runner too", async (t) => {
  const issuer = await newIssuer(t);
  await publications(issuer, 1);
  const target = await receiver(t);
  const partner = await partnerWith([https(target)]);
  const keyring = { now: issuer.keyring };
  const keyOf = (kid: string) => finder(keyring.now)(kid);
  const { deliveries } = delivering(t, issuer, { keyOf });
  deliveries.look([partner]);
  await deliveries.idle();
  keyring.now = await beginRotation({ folder: issuer.keys }, { now: testNow + hourMs });
  await announceRotation(issuer.store, { issuer: "CERT.br", keyring: keyring.now, now: testNow + hourMs });
  await finishRotation(issuer.keys, keyring.now.live);
  await publish({ ...issuer, keyring: keyring.now }, { weeksAgo: 1, now: testNow + hourMs });
  deliveries.look([partner]);
  await deliveries.idle();
  const prefix = await prefixOf(issuer);
  assert.ok([...prefix.keys()].filter((path) => path.includes("/keys/")).length >= 2);
  assert.deepEqual(sorted(target.files), sorted(prefix));
  const stored = target.stored();
  assert.ok(stored.lastIndexOf("/in/keys/00000002.jws") < stored.indexOf(log(2)));
  const second = await receiver(t);
  const cold = delivering(t, issuer, { keyOf });
  cold.deliveries.look([await partnerWith([{ ...https(second), name: "late" }])]);
  await cold.deliveries.idle();
  assert.deepEqual(sorted(second.files), sorted(prefix));
});

/** A destination that holds on to every request for the first of something. */
const hang: Misbehave = () => new Promise<boolean>(() => undefined);

test("hanging destinations hold up nobody else: not other partners, not a partner's other destinations", async (t) => {
  const issuer = await newIssuer(t);
  const partners = [];
  const [dead, good] = [await receiver(t, hang), await receiver(t)];
  for (const id of ["aa", "bb", "cc", "dd"]) {
    const feeds = ["spam-sources", "spam-urls", "spam-targets", "summary"];
    for (const feed of feeds.slice(0, 3)) await publish(issuer, { partner: id, feed });
    const deadOnes = Array.from({ length: id === "aa" ? 8 : 0 }, (_, index) => ({
      ...https(dead),
      name: `dead-${index}`,
    }));
    partners.push(
      await partnerWith([...deadOnes, { kind: "https", url: `${good.url}/${id}` }], { id, feeds: feeds.slice(0, 3) }),
    );
  }
  const { deliveries, world } = delivering(t, issuer, { atOnce: 8 });
  deliveries.look(partners);
  await until(() => world.made.length >= 9, "deliveries of others");
  assert.deepEqual([...new Set(world.made.map((line) => line.slice(0, 2)))].sort(), ["bb", "cc", "dd"]);
  const begun = performance.now();
  await deliveries.close();
  assert.ok(performance.now() - begun < 2000);
  await until(() => dead.sockets.size === 0, "the end of hanging requests");
  assert.deepEqual(world.failed, [], "what is broken off isn't a failure of the destination");
});

test("destinations that failed and now hang leave half of the places to others, however many they are", async (t) => {
  const issuer = await newIssuer(t);
  let hanging = false;
  const dead = await receiver(t, (request, response) => {
    if (hanging) return hang(request, response);
    response.writeHead(503).end();
    return true;
  });
  const good = await receiver(t);
  const partners = [];
  for (const id of ["aa", "bb", "cc", "dd"]) {
    await publish(issuer, { partner: id });
    partners.push(await partnerWith([https(dead)], { id }));
  }
  const { deliveries, world } = delivering(t, issuer, { atOnce: 4 });
  deliveries.look(partners);
  await deliveries.idle();
  assert.equal(world.failed.length, 4);
  hanging = true;
  world.now += hourMs;
  await publish(issuer, { partner: "zz" });
  deliveries.look([...partners, await partnerWith([https(good)], { id: "zz" })]);
  await until(() => world.made.length === 1, "a delivery to who takes it");
});

test("a destination with a long backlog lets others go between", async (t) => {
  const issuer = await newIssuer(t);
  await publications(issuer, 6, { files: [csvFile(1)] });
  await publish(issuer, { partner: "ncc" });
  const slow = await receiver(t, async () => {
    await sleep(250);
    return false;
  });
  const quick = await receiver(t);
  const { deliveries, world } = delivering(t, issuer, { atOnce: 1 });
  deliveries.look([await partnerWith([https(slow)]), await partnerWith([https(quick)], { id: "ncc" })]);
  await deliveries.idle();
  assert.equal(world.made.length, 7);
  const place = world.made.findIndex((line) => line.startsWith("ncc"));
  assert.ok(place > 0 && place < 6, world.made.join(", "));
  assert.deepEqual(sorted(slow.files), sorted(await prefixOf(issuer)));
});

/** Deliveries that stand in the middle of the second of three publications. */
async function midway(t: TestContext) {
  const issuer = await newIssuer(t);
  await publications(issuer, 3);
  const held = Promise.withResolvers<void>();
  const reached = Promise.withResolvers<void>();
  const target = await receiver(t, async (request) => {
    if (request.url !== log(2)) return false;
    reached.resolve();
    await held.promise;
    return false;
  });
  const partner = await partnerWith([https(target)]);
  const delivery = delivering(t, issuer);
  delivery.deliveries.look([partner]);
  await reached.promise;
  return { issuer, target, partner, held, ...delivery };
}

test("a partner whose MoU is suspended or lapses in the middle of a backlog gets nothing more", async (t) => {
  const suspended = await midway(t);
  suspended.deliveries.look([await partnerWith([https(suspended.target)], { mou: { suspended: true } })]);
  await until(() => suspended.target.sockets.size === 0, "the end of the request");
  suspended.held.resolve();
  await suspended.deliveries.idle();
  const lapsed = await midway(t);
  lapsed.world.now = Date.UTC(2028, 0, 1);
  lapsed.held.resolve();
  await lapsed.deliveries.idle();
  lapsed.deliveries.look([lapsed.partner]);
  await lapsed.deliveries.idle();
  for (const { target, world } of [suspended, lapsed]) {
    assert.ok(![...target.files.keys()].some((path) => path === log(3)));
    assert.deepEqual(world.failed, []);
  }
  assert.equal(await isDelivered(suspended.issuer.store, lane, 2), false);
  // In force again, it goes on where it was.
  suspended.deliveries.look([suspended.partner]);
  await suspended.deliveries.idle();
  assert.deepEqual(sorted(suspended.target.files), sorted(await prefixOf(suspended.issuer)));
});

test("a destination that is removed gets nothing more, and one that is changed goes on where it is now", async (t) => {
  const removed = await midway(t);
  removed.deliveries.look([await partnerWith([{ kind: "pull" }])]);
  await removed.deliveries.idle();
  removed.held.resolve();
  await sleep(50);
  assert.ok(!removed.target.files.has(log(3)));
  assert.deepEqual(removed.world.made, ["twcert/spam-sources/https 1"]);
  const changed = await midway(t);
  const next = await receiver(t);
  changed.deliveries.look([await partnerWith([https(next)])]);
  changed.deliveries.look([await partnerWith([https(next)])]);
  await changed.deliveries.idle();
  changed.held.resolve();
  await sleep(50);
  assert.deepEqual(
    next.stored().filter((path) => path.includes("/log/")),
    [log(2), log(3)],
  );
  assert.ok(!changed.target.files.has(log(3)));
  assert.deepEqual(changed.world.failed, []);
});

test("what two runners deliver at once arrives in order all the same", async (t) => {
  const issuer = await newIssuer(t);
  const made = await publications(issuer, 8);
  const target = await receiver(t);
  const partner = await partnerWith([https(target)]);
  const runners = [delivering(t, issuer), delivering(t, issuer)];
  for (const { deliveries } of runners) deliveries.look([partner]);
  for (const { deliveries } of runners) await deliveries.idle();
  assert.deepEqual(sorted(target.files), sorted(await prefixOf(issuer)));
  const first = [...new Set(target.stored())];
  for (const manifest of made) {
    const at = first.indexOf(log(manifest.sequence));
    for (const path of artifactPaths(manifest)) assert.ok(first.indexOf(path) < at);
    assert.ok(manifest.sequence === 1 || first.indexOf(log(manifest.sequence - 1)) < at);
  }
});

test("what another runner has delivered meanwhile isn't delivered again", async (t) => {
  const issuer = await newIssuer(t);
  await publications(issuer, 2);
  const target = await receiver(t);
  const partner = await partnerWith([https(target)]);
  const { deliveries, world } = delivering(t, issuer);
  deliveries.look([partner]);
  await deliveries.idle();
  await publications(issuer, 2, { weeksAgo: 5 });
  const [receipt] = (await receiptsOf(issuer.store, lane, 2)) ?? [];
  await noteDelivered(issuer.store, lane, 3, [{ ...(receipt ?? assert.fail()), sequence: 3 }]);
  deliveries.look([partner]);
  await deliveries.idle();
  assert.deepEqual(
    world.made.map((line) => line.split(" ")[1]),
    ["1", "2", "4"],
  );
  assert.ok(!target.files.has(log(3)));
});

test("a pause is over where another process got through", async (t) => {
  const issuer = await newIssuer(t);
  await publications(issuer, 3);
  const target = await receiver(t, answering(403));
  const partner = await partnerWith([https(target)]);
  const { deliveries, world } = delivering(t, issuer);
  const look = async () => {
    deliveries.look([partner]);
    await deliveries.idle();
  };
  await look();
  target.misbehave = () => false;
  await look();
  assert.equal(world.made.length, 0);
  const other = delivering(t, issuer);
  other.deliveries.look([await partnerWith([https(target)])]);
  await other.deliveries.idle();
  await publications(issuer, 1, { weeksAgo: 5 });
  await look();
  assert.deepEqual(
    world.made.map((line) => line.split(" ")[1]),
    ["4"],
  );
});

test("each kind of refusal is told at once, waits for hours, and names no secret", async (t) => {
  const issuer = await newIssuer(t);
  await publications(issuer, 1);
  const statuses = [401, 403, 404, 307];
  const target = await receiver(t, (request, response) => {
    const status = statuses[Number(request.url?.slice(1, 2))];
    if (status === undefined) return false;
    response
      .writeHead(status, { location: "https://elsewhere.example/" })
      .end(`you said ${request.headers.authorization}`);
    return true;
  });
  const places = statuses.map((_, index) => ({
    kind: "https",
    name: `to-${index}`,
    url: `${target.url}/${index}`,
    auth: { bearer: "PARTNER_TOKEN" },
  }));
  const more = [
    { kind: "webhook", url: "https://169.254.169.254/latest" },
    { kind: "webhook", name: "unset", url: `${target.url}/9`, auth: { bearer: "NOT_SET" } },
  ];
  const partner = await partnerWith([...places, ...more]);
  const secret = (name: string) => (name === "PARTNER_TOKEN" ? "s3cret-t0ken" : undefined);
  const { deliveries, world } = delivering(t, issuer, { secret });
  deliveries.look([partner]);
  await deliveries.idle();
  assert.equal(world.failed.length, 6);
  assert.ok(world.failed.every(({ error }) => isError(error, "delivery-refused")));
  world.now += hourMs;
  deliveries.look([partner]);
  await deliveries.idle();
  assert.equal(world.failed.length, 6);
  world.now += 3 * hourMs;
  deliveries.look([partner]);
  await deliveries.idle();
  assert.equal(world.failed.length, 12);
  const attempts = (
    await Promise.all(
      ["to-0", "to-1", "to-2", "to-3", "webhook", "unset"].map((destination) =>
        failedAttempts(issuer.store, { ...lane, destination }),
      ),
    )
  ).flat();
  assert.deepEqual(
    attempts.map(({ reason }) => reason),
    ["HTTP 401", "HTTP 403", "HTTP 404", "HTTP 307", "not on the public Internet", "NOT_SET isn't set"],
  );
  const said = JSON.stringify([
    attempts,
    world.failed.map(({ error }) => [error, String(error), error instanceof Error && error.stack]),
  ]);
  assert.doesNotMatch(said, /s3cret/);
});

/** A log of so many publications of one file, made quickly: {@link publish} reads the whole log each time. */
async function longLog(issuer: Issuer, count: number): Promise<void> {
  let last = await publish(issuer, { files: [csvFile(1)] });
  const place = issuer.store.under("partners/twcert/spam-sources");
  for (let sequence = 2; sequence <= count; sequence += 1) {
    last = { ...last, sequence, previous_sha256: payloadDigest(encodeManifest(last)) };
    await append(place, last, issuer.keyring.signer);
  }
}

test("a destination that is added late to a log of 400 gets it in order, one manifest in memory, each read twice", async (t) => {
  const issuer = await newIssuer(t);
  const count = 400;
  await longLog(issuer, count);
  const reads = new Map<string, number>();
  const counting = (store: Store): Store => ({
    ...store,
    under: (prefix) => counting(store.under(prefix)),
    async open(key, ...rest) {
      if (key.startsWith("log/")) reads.set(key, (reads.get(key) ?? 0) + 1);
      return store.open(key, ...rest);
    },
  });
  const target = await receiver(t);
  let refused = false;
  target.misbehave = (request, response) => {
    if (refused || !request.url?.endsWith("00000200.jws")) return false;
    refused = true;
    response.writeHead(503).end();
    return true;
  };
  const { deliveries, world } = delivering(t, issuer, { store: counting(issuer.store) });
  const partner = await partnerWith([https(target)]);
  deliveries.look([partner]);
  await deliveries.idle();
  world.now += hourMs;
  deliveries.look([partner]);
  await deliveries.idle();
  assert.equal(world.made.length, count);
  assert.deepEqual(
    target.stored().filter((path) => path.includes("/log/")),
    world.made.map((_, index) => `/in/spam-sources/log/${String(index + 1).padStart(8, "0")}.jws`),
  );
  // Once ahead for withdrawals, and once to be sent; behind the end a look for each that was sent.
  const behindTheEnd = `log/${String(count + 1).padStart(8, "0")}.jws`;
  for (const [key, times] of reads) assert.ok(times <= 2 || key === behindTheEnd, `${key}: ${times}`);
});

test("a clock that was ahead by years and is put right delays nothing by years", async (t) => {
  const issuer = await newIssuer(t);
  await publications(issuer, 1);
  let down = true;
  const target = await receiver(t, (_request, response) => {
    if (down) response.writeHead(503).end();
    return down;
  });
  const { deliveries, world } = delivering(t, issuer);
  const partner = await partnerWith([https(target)], { mou: { expires: "2099-12-31" } });
  const look = async () => {
    deliveries.look([partner]);
    await deliveries.idle();
  };
  world.now = testNow + 3000 * dayMs;
  await look();
  assert.equal(world.failed.length, 1);
  world.now = testNow;
  down = false;
  await look();
  assert.equal(world.made.length, 1);
});
