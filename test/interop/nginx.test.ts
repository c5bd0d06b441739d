/**
 * Pushes to a real nginx with WebDAV over TLS, by the real command line: what nginx then holds is the partner's prefix
 * byte for byte, and `spampots verify` proves it offline. Needs nginx (Debian: nginx-light) and openssl; the test of a
 * full disk mounts a small one, and so needs root.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { promisify } from "node:util";
import { authority, signedBy } from "../delivery/push/certificates.ts";
import { expectDone, openSite, partnersFile, type Site } from "../faults/world.ts";
import { type Nginx, nginx } from "./nginx.ts";

const execute = promisify(execFile);

/** Files below a folder, by path. */
async function filesBelow(folder: string): Promise<Map<string, Buffer>> {
  const files = new Map<string, Buffer>();
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isFile()) files.set(path.slice(folder.length + 1), await readFile(path));
  }
  return new Map([...files].sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** A published site whose partner twcert has this delivery for both of its feeds, an authority, and what is trusted. */
async function world(t: TestContext) {
  const folder = await mkdtemp(join(tmpdir(), "spampots-nginx-"));
  /** What is to be ended, the last first: a server before its folder. */
  const ends: (() => Promise<unknown>)[] = [() => rm(folder, { recursive: true })];
  t.after(async () => {
    for (const end of ends.toReversed()) await end();
  });
  const trusted = await authority(folder, "authority");
  const server = await signedBy(trusted, folder, "server", { host: "IP:127.0.0.1" });
  const site = await openSite("published");
  ends.push(() => site.remove());
  const env = { NODE_EXTRA_CA_CERTS: trusted.cert, SPAMPOTS_PUSH_LOOPBACK: "true" };
  return { folder, trusted, server, site, env, after: (end: () => Promise<unknown>) => ends.push(end) };
}

async function pushTo(site: Site, delivery: Readonly<Record<string, unknown>>): Promise<void> {
  const [head = "", rest = ""] = partnersFile.split("  - id: ncc");
  const pushed = head.replaceAll(/formats: (\[.*?\]) \}/g, `formats: $1, deliveries: [${JSON.stringify(delivery)}] }`);
  await writeFile(join(site.config, "partners.yaml"), `${pushed}  - id: ncc${rest}`);
}

/** Everything is there, in order, and proves itself. */
async function assertWhole(site: Site, { held, requests }: Nginx): Promise<void> {
  const expected = await filesBelow(join(site.data, "store/partners/twcert"));
  assert.deepEqual(await filesBelow(held), expected);
  assert.ok(expected.size >= 15, `${expected.size} files`);
  const list = JSON.parse(expectDone(await site.run(["keys", "list"])).stdout);
  const verified = expectDone(await site.run(["verify", held, "--keys", list.live, "--deep"]));
  assert.equal(JSON.parse(verified.stdout).ok, true, verified.stdout);
  const put = (await requests())
    .filter(({ method, status }) => method === "PUT" && status < 300)
    .map(({ path }) => path);
  for (const path of expected.keys()) {
    const sequence = Number(/log\/(\d{8})\.jws$/.exec(path)?.[1] ?? 0);
    if (sequence === 0) continue;
    const at = put.indexOf(`/in/${path}`);
    const { payload } = JSON.parse((expected.get(path) ?? assert.fail()).toString());
    const { artifacts } = JSON.parse(Buffer.from(payload, "base64url").toString());
    for (const { name, sha256 } of artifacts) {
      const artifact = put.indexOf(`/in/${path.split("/")[0]}/artifacts/${sha256.slice(0, 16)}-${name}`);
      assert.ok(artifact >= 0 && artifact < at, `${name} comes before ${path}`);
    }
    const before = put.indexOf(`/in/${path.slice(0, -12)}${String(sequence - 1).padStart(8, "0")}.jws`);
    assert.ok(sequence === 1 || (before >= 0 && before < at), `${path} comes after the one before it`);
  }
}

async function once(site: Site, env: Readonly<Record<string, string>>) {
  const ran = await site.run(["run", "--once"], {}, env);
  const [line = ""] = ran.stdout.split("\n").filter((text) => text.includes('"delivered"'));
  const said: { delivered: number; failed: number } = JSON.parse(line);
  assert.equal(ran.code, said.failed > 0 ? 1 : 0, ran.stdout);
  return said;
}

test("nginx that makes folders by itself, with a password", async (t) => {
  const { folder, server, site, env, after } = await world(t);
  await writeFile(join(folder, "users"), "cert-br:{PLAIN}pass wörd\n");
  const target = await nginx(
    { after },
    {
      folder,
      server,
      location: ["create_full_put_path on;", "auth_basic feeds;", `auth_basic_user_file ${folder}/users;`],
    },
  );
  await pushTo(site, { kind: "https", url: target.url, auth: { user: "NGINX_USER", password: "NGINX_PASSWORD" } });
  const wrong = { ...env, NGINX_USER: "cert-br", NGINX_PASSWORD: "wrong" };
  assert.deepEqual({ ...(await once(site, wrong)), published: 0 }, { published: 0, delivered: 0, failed: 2, left: 0 });
  const right = { ...wrong, NGINX_PASSWORD: "pass wörd" };
  assert.equal((await once(site, right)).failed, 0);
  await assertWhole(site, target);
  const asked = (await target.requests()).length;
  assert.deepEqual({ ...(await once(site, right)), published: 0 }, { published: 0, delivered: 0, failed: 0, left: 0 });
  assert.equal((await target.requests()).length, asked);
  assert.ok((await target.requests()).every(({ method }) => method !== "MKCOL"));
});

test("nginx that doesn't make folders, with mutual TLS, at a base URL that ends in a slash", async (t) => {
  const { folder, trusted, server, site, env, after } = await world(t);
  const client = await signedBy(trusted, folder, "client");
  const more = [`ssl_client_certificate ${trusted.cert};`, "ssl_verify_client on;"];
  const target = await nginx({ after }, { folder, server, more, location: [] });
  await pushTo(site, { kind: "https", url: `${target.url}/`, tls: { certificate: "NGINX_CERT", key: "NGINX_KEY" } });
  const known = { ...env, NGINX_CERT: client.cert, NGINX_KEY: client.key };
  const stranger = await signedBy(await authority(folder, "other"), folder, "stranger");
  assert.equal((await once(site, { ...env, NGINX_CERT: stranger.cert, NGINX_KEY: stranger.key })).delivered, 0);
  assert.equal(
    (await once(site, { SPAMPOTS_PUSH_LOOPBACK: "true", NGINX_CERT: client.cert, NGINX_KEY: client.key })).delivered,
    0,
  );
  assert.equal((await once(site, known)).failed, 0);
  assert.ok((await target.requests()).some(({ method, status }) => method === "MKCOL" && status === 201));
  await assertWhole(site, target);
});

test("nginx whose disk is full takes nothing by halves, and all once there is room", async (t) => {
  const { folder, server, site, env, after } = await world(t);
  const root = join(folder, "small");
  await mkdir(root);
  await execute("mount", ["-t", "tmpfs", "-o", "size=256k", "tmpfs", root]);
  after(() => execute("umount", [root]));
  const target = await nginx({ after }, { folder, server, root, location: ["create_full_put_path on;"] });
  const filler = join(root, "filler");
  // As much as there is room for, but some pages.
  await execute("dd", ["if=/dev/zero", `of=${filler}`, "bs=4096", "count=50"]).catch(() => undefined);
  await pushTo(site, { kind: "https", url: target.url });
  const full = await once(site, env);
  assert.ok(full.failed > 0, JSON.stringify(full));
  const expected = await filesBelow(join(site.data, "store/partners/twcert"));
  for (const [path, bytes] of await filesBelow(target.held)) assert.deepEqual(bytes, expected.get(path), path);
  await rm(filler);
  assert.equal((await once(site, env)).failed, 0);
  await assertWhole(site, target);
});
