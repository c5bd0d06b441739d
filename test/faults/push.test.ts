/**
 * `kill -9` of `spampots run` while it delivers to several destinations that refuse, hang, answer 500, 429 or 507, cut
 * what they are sent, or lose their answers: once they behave, each holds exactly what was published, and got it in
 * order.
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { type Misbehave, type Receiver, receiver, type Taken } from "../delivery/push/receiving.ts";
import { type Case, campaign } from "./seeded.ts";
import { expectDone, openSite, partnersFile, type Site } from "./world.ts";

/** What a destination can do to a request. Each is drawn anew for each request, so that they come in turn. */
const faults = {
  refuse: async ({ request }) => {
    request.socket.destroy();
    return true;
  },
  hang: () => new Promise<boolean>(() => undefined),
  500: async ({ request, response }) => {
    await drain(request);
    response.writeHead(500).end("Something went wrong.");
    return true;
  },
  429: async ({ request, response }) => {
    await drain(request);
    response.writeHead(429, { "retry-after": "1" }).end();
    return true;
  },
  507: async ({ request, response }) => {
    for await (const _ of request) break;
    response.writeHead(507, { connection: "close" }).end();
    return true;
  },
  cut: async ({ request }) => {
    for await (const _ of request) break;
    request.socket.destroy();
    return true;
  },
  slow: async () => {
    await sleep(30);
    return false;
  },
} as const satisfies Record<string, (exchange: Exchange) => Promise<boolean>>;

interface Exchange {
  readonly request: Parameters<Misbehave>[0];
  readonly response: Parameters<Misbehave>[1];
}

async function drain(request: Exchange["request"]): Promise<void> {
  for await (const _ of request);
}

const names = ["refuse", "hang", 500, 429, 507, "cut", "slow"] as const;

/** Misbehaves for a share of all requests; a part of those that are taken lose their answer. */
function unruly({ random, note }: Case, share: number): Misbehave {
  return async (request, response) => {
    if (!random.chance(share)) return false;
    if (random.chance(0.2)) {
      // It is taken and kept, and who sent it doesn't learn that.
      response.writeHead = () => response.destroy();
      note(`${request.method} ${request.url}: taken, answer lost`);
      return false;
    }
    const fault = random.pick(names);
    note(`${request.method} ${request.url}: ${fault}`);
    return faults[fault]({ request, response });
  };
}

campaign("kill-run", async (one) => {
  const ends: (() => unknown)[] = [];
  const t = { after: (end: () => unknown) => void ends.push(end) };
  const site = await openSite(one.random.chance(0.5) ? "ingested" : "published");
  try {
    const [files, second, hook] = [await receiver(t), await receiver(t), await receiver(t)];
    await writeFile(join(site.config, "partners.yaml"), pushingTo(files, second, hook));
    const env = { SPAMPOTS_PUSH_LOOPBACK: "true", SPAMPOTS_PUSHES: String(one.random.pick([1, 4, 16])) };
    for (let left = one.random.whole(1, 3); left > 0; left -= 1) {
      for (const target of [files, second, hook]) target.misbehave = unruly(one, one.random.pick([0, 0.05, 0.3]));
      const afterMs = one.random.whole(700, 3500);
      const ran = await site.run(["run"], { afterMs }, env);
      one.note(`run: ${ran.signal ?? `exit ${ran.code}`} after ${afterMs} ms`);
      assert.equal(ran.signal, "SIGKILL", `it ended by itself: ${ran.stderr}`);
      // As if half a minute had gone by: what it held has lapsed.
      await rm(join(site.data, "store/leases"), { recursive: true, force: true });
    }
    for (const target of [files, second, hook]) target.misbehave = () => false;
    const said = JSON.parse(expectDone(await site.run(["run", "--once"], {}, env)).stdout);
    assert.equal(said.failed, 0);
    for (const target of [files, second]) await assertFiles(site, target);
    await assertMessages(site, hook);
    // Nothing is left to be done, and nothing is done.
    const again = JSON.parse(expectDone(await site.run(["run", "--once"], {}, env)).stdout);
    assert.deepEqual(again, { published: 0, delivered: 0, failed: 0, left: 0 });
  } finally {
    for (const end of ends) end();
    await site.remove();
  }
});

test("a runner whose destinations hang ends soon when it is asked to, and well", async (t) => {
  const site = await openSite("published");
  const asked = Promise.withResolvers<void>();
  const dead = await receiver(t, () => {
    asked.resolve();
    return new Promise<boolean>(() => undefined);
  });
  await writeFile(join(site.config, "partners.yaml"), pushingTo(dead, dead, dead));
  const running = site.start(["run"], {}, { SPAMPOTS_PUSH_LOOPBACK: "true" });
  await asked.promise;
  const begun = performance.now();
  running.child.kill("SIGTERM");
  const { code, stderr } = await running.done;
  assert.equal(code, 0, stderr);
  assert.ok(performance.now() - begun < 10_000);
  await site.remove();
});

/** Both feeds of twcert to two folders and a webhook; ncc to one of the folders, beside it. */
function pushingTo(files: Receiver, second: Receiver, hook: Receiver): string {
  const deliveries = (partner: string) =>
    JSON.stringify([
      { kind: "https", url: `${files.url}/${partner}` },
      { kind: "https", name: "second", url: `${second.url}/${partner}/` },
      { kind: "webhook", url: `${hook.url}/${partner}` },
    ]);
  return partnersFile
    .split("  - id: ")
    .map((entry) => {
      const id = /^\w+/.exec(entry)?.[0] ?? "";
      return ["twcert", "ncc"].includes(id)
        ? entry.replaceAll(/formats: (\[.*?\]) \}/g, `formats: $1, deliveries: ${deliveries(id)} }`)
        : entry;
    })
    .join("  - id: ");
}

const pushed = ["twcert", "ncc"];

/** What was published for those who are pushed to, by the path that it has at a destination. */
async function published(site: Site): Promise<Map<string, Buffer>> {
  const files = new Map<string, Buffer>();
  for (const partner of pushed) {
    const folder = join(site.data, "store/partners", partner);
    for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
      const path = join(entry.parentPath, entry.name);
      if (entry.isFile()) files.set(`/${partner}/${path.slice(folder.length + 1)}`, await readFile(path));
    }
  }
  return files;
}

const manifests = (files: ReadonlyMap<string, Buffer>) => [...files].filter(([path]) => path.includes("/log/")).sort();

function manifestOf(signed: Buffer): {
  readonly feed: string;
  readonly sequence: number;
  readonly artifacts: readonly { name: string; sha256: string }[];
} {
  return JSON.parse(Buffer.from(JSON.parse(signed.toString()).payload, "base64url").toString());
}

/** Exactly what was published, never anything else under a name, and each file when what it needs was there. */
async function assertFiles(site: Site, { files, taken }: Receiver): Promise<void> {
  const expected = await published(site);
  // Not the files themselves: where they differ, working out how takes all memory there is.
  assert.deepEqual(digests(files), digests(expected));
  const order = firsts(taken.filter(({ method }) => method === "PUT"));
  for (const { body, headers, path } of taken.filter(({ method }) => method === "PUT")) {
    assert.ok(body.equals(expected.get(path) ?? assert.fail(path)), path);
    assert.equal(headers["content-digest"], `sha-256=:${createHash("sha256").update(body).digest("base64")}:`);
  }
  for (const [path, signed] of manifests(expected)) {
    const { feed, sequence, artifacts } = manifestOf(signed);
    const base = path.slice(0, path.indexOf(`/${feed}/`));
    const needed = artifacts.map(({ name, sha256 }) => `${base}/${feed}/artifacts/${sha256.slice(0, 16)}-${name}`);
    if (sequence > 1) needed.push(`${base}/${feed}/log/${String(sequence - 1).padStart(8, "0")}.jws`);
    const at = order.get(path) ?? assert.fail(path);
    for (const other of [...needed, `${base}/keys/00000001.jws`])
      assert.ok((order.get(other) ?? at) < at, `${other} before ${path}`);
  }
}

const digests = (files: ReadonlyMap<string, Buffer>) =>
  [...files].map(([path, bytes]) => `${path} ${createHash("sha256").update(bytes).digest("hex")}`).sort();

/** Each manifest, in order, under its key; again under the same one. */
async function assertMessages(site: Site, { taken }: Receiver): Promise<void> {
  for (const [path, signed] of manifests(await published(site))) {
    const same = taken.filter(({ body }) => body.equals(signed));
    assert.ok(same.length > 0, path);
    assert.equal(new Set(same.map(({ headers }) => headers["idempotency-key"])).size, 1);
  }
  for (const partner of pushed) {
    const seen = new Map<string, number>();
    for (const { body } of taken.filter(({ path }) => path === `/${partner}`)) {
      const { feed, sequence } = manifestOf(body);
      const newest = seen.get(feed) ?? 0;
      assert.ok(sequence <= newest + 1, `${partner} ${feed} ${sequence} after ${newest}`);
      seen.set(feed, Math.max(newest, sequence));
    }
  }
}

/** When each path came first. */
function firsts(taken: readonly Taken[]): Map<string, number> {
  const order = new Map<string, number>();
  for (const [index, { path }] of taken.entries()) if (!order.has(path)) order.set(path, index);
  return order;
}
