/** What goes to a TAXII server, and how long it is waited for; `test/interop/push-taxii.test.ts` has the rest. */
import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import type { Outgoing } from "../../../src/delivery/push/destination.ts";
import { taxiiTarget } from "../../../src/delivery/push/destinations/taxii.ts";
import { Bounds, envelope, envelopesOf } from "../../../src/delivery/push/destinations/taxii-envelopes.ts";
import { TaxiiCollection } from "../../../src/delivery/push/destinations/taxii-server.ts";
import { openOutbound } from "../../../src/delivery/push/outbound.ts";
import { isError } from "../../../src/errors.ts";
import type { Artifact } from "../../../src/publication/manifest.ts";
import { type MadeObject, partOf, versioned } from "../../http/taxii-world.ts";
import { aManifest, sha256 } from "../../publication/issuer.ts";

const world = { secret: () => undefined, privateNetworks: [], loopback: true };

interface MadePart {
  readonly artifact: Artifact;
  readonly stored: Uint8Array;
}

function madePart(objects: readonly MadeObject[], number: number, more: Partial<Artifact> = {}): MadePart {
  const { content, mediaType, suffix } = partOf(objects, number);
  const stored = gzipSync(content);
  const artifact: Artifact = {
    ...{ name: `part${suffix}`, media_type: mediaType, content_encoding: "gzip" as const },
    ...{ bytes: stored.length, sha256: sha256(stored), objects: objects.length, part: number },
    ...{ content_bytes: Buffer.byteLength(content), content_sha256: sha256(content), ...more },
  };
  return { artifact, stored };
}

/** A publication of these parts, in chunks of some bytes. */
function outgoingOf(parts: readonly MadePart[], chunkBytes = 100): Outgoing {
  return {
    manifest: aManifest(),
    payloadSha256: sha256(""),
    signed: new Uint8Array(),
    again: false,
    artifacts: parts.map(({ artifact }) => artifact),
    open: async (artifact) => chunksOf(parts.find((part) => part.artifact === artifact)?.stored, chunkBytes),
    announcements: async function* () {},
  };
}

async function* chunksOf(bytes: Uint8Array = new Uint8Array(), size = 100): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function collect(outgoing: Outgoing, bounds: Bounds, skip = 0): Promise<MadeObject[][]> {
  const found: MadeObject[][] = [];
  for await (const objects of envelopesOf(outgoing, bounds, skip)) {
    found.push(JSON.parse(Buffer.from(envelope(objects)).toString()).objects);
  }
  return found;
}

const name = fc.string({ unit: fc.constantFrom("a", '"', "]}", "é", "\n", "{", ",", " \u2028"), maxLength: 400 });
const partsOf = fc.array(fc.array(name, { minLength: 1, maxLength: 12 }), { minLength: 1, maxLength: 4 });

test("law: envelopes hold every object once, in order, from where it is to go on, and no more than they may", async () => {
  const chunk = fc.integer({ min: 1, max: 5000 });
  const anything = fc.record({ parts: partsOf, most: fc.integer({ min: 1, max: 3000 }), skip: fc.nat(50), chunk });
  await fc.assert(
    fc.asyncProperty(anything, async ({ parts, most, skip, chunk: chunkBytes }) => {
      const made = parts.map((names) => names.map((text, step) => versioned("indicator", text, step)));
      const outgoing = outgoingOf(
        made.map((objects, index) => madePart(objects, index + 1)),
        chunkBytes,
      );
      const found = await collect(outgoing, new Bounds(most), skip);
      assert.deepEqual(found.flat(), made.flat().slice(skip));
      for (const objects of found) {
        const bytes = Buffer.byteLength(JSON.stringify({ objects }));
        assert.ok(objects.length === 1 || bytes <= most, `${objects.length} objects, ${bytes} of ${most} bytes`);
      }
    }),
    { numRuns: 300 },
  );
});

test("a server that found an envelope too large gets half as many objects from then on", async () => {
  const objects = Array.from({ length: 40 }, (_, n) => versioned("indicator", `${n}`));
  const bounds = new Bounds();
  bounds.shrink(objects.slice(0, 13).map(() => new Uint8Array()));
  const found = await collect(outgoingOf([madePart(objects, 1)]), bounds);
  assert.deepEqual(
    found.map(({ length }) => length),
    [7, 7, 7, 7, 7, 5],
  );
});

test("a part that isn't what its manifest states is given out no further", async () => {
  const objects = [1, 2, 3].map((n) => versioned("indicator", `${n}`));
  const refused = (more: Partial<Artifact>) =>
    collect(outgoingOf([madePart(objects, 1, more)]), new Bounds(1)).then(
      () => assert.fail("it was given out"),
      (error) => (isError(error) ? error.code : assert.fail(error)),
    );
  assert.equal(await refused({ sha256: sha256("other") }), "verify-failed");
  assert.equal(await refused({ objects: 4 }), "bad-manifest");
  assert.equal(await refused({ content_bytes: 100 }), "bad-manifest");
  const endless = madePart([versioned("indicator", "x".repeat(3 << 20))], 1);
  await assert.rejects(collect(outgoingOf([endless], 1 << 20), new Bounds()), { code: "bad-manifest" });
});

test("what stays pending is given up, and an answer longer than any that is needed isn't read", async (t) => {
  let looks = 0;
  const status = { id: "s-1", status: "pending" };
  const server = createServer((request, response) => {
    if (request.method === "GET") looks += 1;
    request.resume();
    response.writeHead(202).end(JSON.stringify(request.url === "/long/" ? "x".repeat(1 << 21) : status));
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  assert.ok(typeof address === "object" && address !== null);
  const origin = `http://127.0.0.1:${address.port}`;
  const outbound = await openOutbound({ world });
  t.after(() => outbound.close());
  const { signal } = new AbortController();
  const objects = [new TextEncoder().encode("{}")];
  const patient = new TaxiiCollection(`${origin}/api/collections/c`, outbound, 1700);
  await assert.rejects(patient.add(objects, signal), {
    code: "delivery-failed",
    facts: { host: `127.0.0.1:${address.port}`, reason: "objects stay pending" },
  });
  assert.equal(looks, 2);
  const abort = new AbortController();
  const following = new TaxiiCollection(`${origin}/api/collections/c/`, outbound).add(objects, abort.signal);
  setTimeout(() => abort.abort(), 400);
  await assert.rejects(following, { name: "AbortError" });
  await assert.rejects(new TaxiiCollection(`${origin}/long/collections/c/`, outbound).bounds(signal), {
    code: "delivery-failed",
  });
});

test("what a server found too large isn't sent at that size again, also by the target of a later turn", async (t) => {
  const sizes: number[] = [];
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const say = (status: number, body: object) =>
      response.writeHead(status, { "content-type": "application/taxii+json;version=2.1" }).end(JSON.stringify(body));
    if (request.method === "GET") say(200, {});
    else {
      const { objects } = JSON.parse(Buffer.concat(chunks).toString());
      sizes.push(objects.length);
      if (objects.length > 10) say(413, { title: "Too large" });
      else say(202, { id: "1", status: "complete", failure_count: 0 });
    }
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo; // it listens on a port
  const url = `http://127.0.0.1:${port}/api/collections/x/`;
  const memory = {};
  for (const publication of ["first", "second"]) {
    const target = await taxiiTarget({ kind: "taxii", name: "taxii", url }, { ...world, memory });
    const objects = Array.from({ length: 30 }, (_, n) => versioned("indicator", `${publication}${n}`));
    const outgoing = { ...outgoingOf([madePart(objects, 1)]), payloadSha256: sha256(publication) };
    await target.deliver(outgoing, new AbortController().signal);
    target.close();
  }
  assert.equal(sizes.filter((size) => size > 10).length, 3, String(sizes));
  assert.ok(sizes.slice(-3).every((size) => size <= 10));
});
