/** The partner's client against a service, a network or a store that lies: nothing that isn't proven is kept. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { Session } from "../../../src/partner/client/session.ts";
import { announceRotation } from "../../../src/publication/announce.ts";
import { beginRotation, finishRotation, openKeyring } from "../../../src/publication/keys.ts";
import { decodeManifest, encodeManifest, type Manifest, payloadDigest } from "../../../src/publication/manifest.ts";
import { readJws } from "../../../src/publication/sign.ts";
import { readTrust } from "../../../src/publication/trust.ts";
import { openDiskStore } from "../../../src/store/disk.ts";
import { capturesOf } from "../../publication/operator-world.ts";
import { answer, codeOf, filesIn, type Meddle, openService, type Service, sessionAt } from "./service.ts";

/** An instant of November 2026. */
const day = (number: number, hour = 0) => Date.UTC(2026, 10, number, hour);

/** The tenth and the eleventh are published, for both partners. */
async function published(t: TestContext): Promise<Service> {
  const service = await openService(t, day(12, 9));
  await service.world.ingest("pot-1", [
    ...capturesOf("203.0.113.7", "2026-11-10T01:00:00Z", 5),
    ...capturesOf("203.0.113.9", "2026-11-11T02:00:00Z", 3),
  ]);
  await service.world.publish(day(12, 7));
  return service;
}

const manifestPath = (sequence: number) => new RegExp(`spam-sources/publications/${sequence}$`);

/** Changes the body of what the service answers under these paths. */
const changing =
  (path: RegExp, change: (body: Buffer) => Buffer | Promise<Buffer>): Meddle =>
  async (request, response, pass) => {
    if (!path.test(request.url ?? "")) return false;
    const passed = await pass();
    return answer(response, { ...passed, body: await change(passed.body) });
  };

/** Fetches `spam-sources`; gives the code that it failed with. */
async function failing(service: Service): Promise<string> {
  const { failures } = await service.fetch({ feeds: ["spam-sources"] });
  return failures.map(({ error }) => codeOf(error)).join();
}

/** Numbers of the manifests of `spam-sources` that are in the folder, and how many files. */
async function kept({ into }: Service): Promise<readonly [string, number]> {
  const keys = [...(await filesIn(into)).keys()];
  const log = keys.flatMap((key) => /^spam-sources\/log\/0*(\d+)/.exec(key)?.[1] ?? []);
  return [log.join(), keys.filter((key) => key.startsWith("spam-sources/artifacts/")).length];
}

/** A manifest of the store, its members changed, signed by one of the issuer's keys. */
async function signedAnew(
  { world }: Service,
  sequence: number,
  change: (manifest: Manifest) => Manifest,
  kid?: string,
): Promise<Buffer> {
  const keyring = await openKeyring({ folder: world.settings.keys });
  const signer = kid === undefined ? keyring.signer : await keyring.signerOf(kid);
  const path = `partners/twcert/spam-sources/log/${String(sequence).padStart(8, "0")}.jws`;
  const { payload } = readJws(await readFile(join(world.settings.store, path)), "spampots-manifest+jws");
  assert.ok(signer);
  // The signer of a retired key still signs announcements alone in the program: a thief has no such manners.
  return Buffer.from(await signer.sign(encodeManifest(change(decodeManifest(payload))), "spampots-manifest+jws"));
}

test("a file that was changed is refused, and fetched once it is right again", async (t) => {
  const service = await published(t);
  service.meddle = changing(/publications\/1\/.*csv\.gz$/, (body) => {
    body[20] = (body[20] ?? 0) ^ 1;
    return body;
  });
  assert.equal(await failing(service), "verify-failed");
  const [log] = await kept(service);
  assert.equal(log, "");
  assert.ok(![...(await filesIn(service.into)).keys()].some((key) => key.endsWith(".csv.gz")));
  service.meddle = undefined;
  assert.equal(await failing(service), "");
});

test("a file that doesn't end is cut off where its manifest says", async (t) => {
  const service = await published(t);
  let sent = 0;
  service.meddle = async (request, response, pass) => {
    if (!/publications\/1\/.*csv\.gz$/.test(request.url ?? "")) return false;
    const { body } = await pass();
    response.writeHead(200);
    response.write(body);
    const more = setInterval(() => {
      sent += 1;
      response.write(Buffer.alloc(65_536));
    }, 1);
    await new Promise((done) => response.on("close", done));
    clearInterval(more);
    return true;
  };
  assert.equal(await failing(service), "verify-failed");
  assert.ok(sent < 1000, `${sent} chunks were taken`);
  assert.equal((await kept(service))[0], "");
});

test("a manifest that was changed, however little, is refused", async (t) => {
  const service = await published(t);
  service.meddle = changing(manifestPath(2), (body) =>
    Buffer.from(body.toString().replace(/"payload":"(.)/, '"payload":"f')),
  );
  assert.equal(await failing(service), "verify-failed");
  assert.equal((await kept(service))[0], "1");
  service.meddle = changing(manifestPath(2), () => Buffer.alloc(30 * 1024 * 1024, " "));
  assert.equal(await failing(service), "verify-failed");
  for (const change of [
    (manifest: Manifest) => ({ ...manifest, previous_sha256: "0".repeat(64) }),
    (manifest: Manifest) => ({ ...manifest, sequence: 3 }),
    (manifest: Manifest) => ({ ...manifest, partner: "ncc" }),
    (manifest: Manifest) => ({ ...manifest, feed: "summary" }),
    (manifest: Manifest) => ({ ...manifest, issuer: "Somebody else" }),
    (manifest: Manifest) => ({ ...manifest, published_at: "2026-01-01T00:00:00.000000Z" }),
  ]) {
    service.meddle = changing(manifestPath(2), () => signedAnew(service, 2, change));
    assert.equal(await failing(service), "verify-failed", String(change));
    assert.equal((await kept(service))[0], "1");
  }
  service.meddle = undefined;
  assert.equal(await failing(service), "");
});

test("another partner's manifest is refused, though its signature holds", async (t) => {
  const service = await published(t);
  const foreign = join(service.world.settings.store, "partners/ncc/spam-sources/log/00000001.jws");
  service.meddle = changing(manifestPath(1), () => readFile(foreign));
  assert.equal(await failing(service), "verify-failed");
  assert.deepEqual(await kept(service), ["", 0]);
});

test("a publication that is left out, cut off or replaced shows", async (t) => {
  const service = await published(t);
  const list = /spam-sources\/publications\?/;
  service.meddle = changing(list, (body) => {
    const page = JSON.parse(body.toString());
    return Buffer.from(JSON.stringify({ ...page, publications: page.publications.slice(1) }));
  });
  assert.equal(await failing(service), "verify-failed");
  assert.deepEqual(await kept(service), ["", 0]);
  service.meddle = undefined;
  assert.equal(await failing(service), "");
  // As a service that begins anew, or that shows another log than yesterday.
  service.meddle = changing(list, () => Buffer.from(JSON.stringify({ publications: [], more: false })));
  assert.equal(await failing(service), "verify-failed");
  service.meddle = changing(list, (body) => {
    const page = JSON.parse(body.toString());
    page.publications[0].payload_sha256 = "0".repeat(64);
    return Buffer.from(JSON.stringify(page));
  });
  assert.equal(await failing(service), "verify-failed");
});

test("announcements of keys that are another partner's are refused", async (t) => {
  const service = await published(t);
  service.meddle = changing(/\/v1\/keys\/1$/, () =>
    readFile(join(service.world.settings.store, "partners/ncc/keys/00000001.jws")),
  );
  await assert.rejects(service.fetch(), { code: "verify-failed", message: /another partner's/ });
  assert.deepEqual([...(await filesIn(service.into)).keys()], []);
});

test("a key that isn't the pinned one counts for nothing", async (t) => {
  const service = await published(t);
  const trust = readTrust("A".repeat(43));
  await assert.rejects(service.fetch({ trust }), { code: "verify-failed" });
  assert.deepEqual([...(await filesIn(service.into)).keys()], []);
  service.meddle = changing(/\/v1\/keys\/1$/, (body) =>
    Buffer.from(body.toString().replace(/"payload":"(.)/, '"payload":"f')),
  );
  await assert.rejects(service.fetch(), { code: "verify-failed" });
  assert.deepEqual([...(await filesIn(service.into)).keys()], []);
});

test("without a pinned key the first that is met is remembered; another chain later is refused", async (t) => {
  const service = await published(t);
  const { into, now, url } = service;
  const unpinned = async (folder = into) => {
    const session = await sessionAt(service, () => now);
    const { fetchPublications } = await import("../../../src/partner/client/fetch.ts");
    return fetchPublications({ session, partner: "twcert", into: folder, feeds: [], now, onProgress: () => {} });
  };
  const first = await unpinned();
  assert.deepEqual(first.met, [await service.thumbprint()]);
  assert.equal(await readFile(join(into, "issuer-keys.txt"), "utf8"), `${await service.thumbprint()}\n`);
  assert.equal((await unpinned()).met, undefined);
  await openDiskStore(into).delete("keys/00000001.jws");
  const other = await published(t);
  service.meddle = async (request, response) => {
    if (!request.url?.startsWith("/v1/keys")) return false;
    const theirs = await fetch(`${other.url}${request.url}`, { headers: { authorization: await tokenOf(other) } });
    return answer(response, { status: 200, headers: {}, body: Buffer.from(await theirs.arrayBuffer()) });
  };
  await assert.rejects(unpinned(), { code: "verify-failed" }, url);
});

/** A token as the other service gives it to the same partner. */
async function tokenOf(service: Service): Promise<string> {
  let header = "";
  service.meddle = (request) => {
    header = request.headers.authorization ?? header;
    return false;
  };
  await (await sessionAt(service, () => service.now)).once("/v1/feeds").then((found) => found.discard());
  return header;
}

test("a rotation is followed; what only the retired key signs afterwards is refused", async (t) => {
  const service = await published(t);
  const { world } = service;
  const { settings, store } = world;
  const old = await service.thumbprint();
  const pinned = readTrust(old);
  service.now = day(12, 12);
  const keyring = await beginRotation({ folder: settings.keys }, { now: day(12, 11) });
  await announceRotation(store, { issuer: "CERT.br", keyring, now: day(12, 11) });
  await finishRotation(settings.keys, keyring.live);
  // The service looks every two seconds which keys there are.
  const session = await sessionAt(service, () => service.now);
  while ((await session.json("/v1/keys", z.object({ live: z.string() }))).live !== keyring.live) await sleep(100);
  assert.deepEqual((await service.fetch({ trust: pinned })).failures, []);
  assert.deepEqual(await service.verify(), []);

  // A thief of the retired key signs another publication; nothing that counts reaches it.
  const last = await readFile(join(settings.store, "partners/twcert/spam-sources/log/00000002.jws"));
  const forged = await signedAnew(
    service,
    2,
    (manifest) => ({
      ...manifest,
      sequence: 3,
      revision: 1,
      supersedes: 2,
      previous_sha256: payloadDigest(readJws(last, "spampots-manifest+jws").payload),
      published_at: "2026-11-12T12:30:00.000000Z",
    }),
    old,
  );
  service.meddle = (request, response) => {
    if (manifestPath(3).test(request.url ?? "")) return answer(response, { status: 200, headers: {}, body: forged });
    if (!request.url?.includes("spam-sources/publications?after=2&")) return false;
    const listed = { publications: [{ sequence: 3, payload_sha256: "0".repeat(64) }], more: false };
    return answer(response, { status: 200, headers: {}, body: Buffer.from(JSON.stringify(listed)) });
  };
  const { failures } = await service.fetch({ trust: pinned, feeds: ["spam-sources"] });
  assert.match(String(failures[0]?.error), /key that doesn't count/);
  assert.equal((await kept(service))[0], "1,2");
  service.meddle = undefined;
  await world.publish(day(13, 8), {}, { keyring: await openKeyring({ folder: settings.keys }) });
  service.now = day(13, 9);
  assert.deepEqual((await service.fetch({ trust: pinned })).failures, []);
  assert.equal((await kept(service))[0], "1,2,3");
});

test("that a file is gone must have been signed", async (t) => {
  const service = await published(t);
  service.meddle = (request, response) => {
    if (!/publications\/1\/.*csv\.gz$/.test(request.url ?? "")) return false;
    response.writeHead(410).end();
    return true;
  };
  assert.equal(await failing(service), "verify-failed");
  assert.equal((await kept(service))[0], "");
  // Once its time is over the manifest itself says so.
  const session = await sessionAt(service, () => service.now);
  const late = await service.fetch({ session, now: day(12) + 800 * 86_400_000, feeds: ["spam-sources"] });
  assert.deepEqual(late.failures, []);
  assert.equal(late.feeds[0]?.gone.length, 1);
});

test("an assertion is made for the service that was named, and for no other", async (t) => {
  const service = await published(t);
  for (const lie of [{ issuer: "https://other.example" }, { token_endpoint: "https://other.example/oauth2/token" }]) {
    service.meddle = changing(/oauth-authorization-server$/, (body) =>
      Buffer.from(JSON.stringify({ ...JSON.parse(body.toString()), ...lie })),
    );
    await assert.rejects(service.fetch(), { code: "bad-argument" });
  }
  assert.ok(!service.asked.includes("/oauth2/token"));
  const clock = { clock: () => service.now, sleep: async () => {} };
  for (const url of ["http://feeds.example", "https://feeds.example/feeds", "https://me@feeds.example", "ftp://x", ""])
    assert.throws(() => new Session(url, { token: "x" }, clock), { code: "bad-argument" }, url);
});

test("a redirect is followed for a file alone, once, and without the token", async (t) => {
  const service = await published(t);
  const seen: (string | undefined)[] = [];
  const store = createServer(async (request, response) => {
    seen.push(request.headers.authorization, request.headers["if-range"] as string | undefined);
    const body = await readFile(join(service.world.settings.store, `partners/twcert${request.url}`));
    // As S3 gives back what it was told when the file was put.
    response.writeHead(200, { "content-encoding": "gzip" }).end(body);
  });
  await new Promise<void>((done) => store.listen(0, "127.0.0.1", done));
  t.after(() => store.close());
  const { port } = store.address() as AddressInfo; // it listens on an address
  const elsewhere = `http://127.0.0.1:${port}`;
  service.meddle = async (request, response, pass) => {
    const [, feed, sequence, name] = /feeds\/([^/]+)\/publications\/(\d+)\/(.+)$/.exec(request.url ?? "") ?? [];
    if (sequence === undefined || name === undefined) return false;
    const { headers } = await pass();
    const sha256 = /"([0-9a-f]{64})"/.exec(headers.etag ?? "")?.[1] ?? "";
    response.writeHead(302, { location: `${elsewhere}/${feed}/artifacts/${sha256.slice(0, 16)}-${name}` }).end();
    return true;
  };
  assert.deepEqual((await service.fetch()).failures, []);
  assert.deepEqual(await service.verify(), []);
  assert.ok(seen.length > 4 && seen.every((header) => header === undefined), `${seen}`);
  seen.length = 0;
  service.meddle = (request, response) => {
    if (!request.url?.startsWith("/v1/keys")) return false;
    response.writeHead(302, { location: elsewhere }).end();
    return true;
  };
  await assert.rejects(service.fetch(), { code: "bad-argument" });
  assert.deepEqual(seen, []);
});
