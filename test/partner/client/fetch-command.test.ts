/** `spampots fetch` as cron runs it: exit codes, what it says, and that it can be killed anywhere. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readFile, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { openTokenKeys } from "../../../src/partner/auth/token-keys.ts";
import { mintPartnerToken } from "../../../src/partner/auth/tokens.ts";
import { capturesOf } from "../../publication/operator-world.ts";
import { filesIn, openService, type Service } from "./service.ts";

const program = join(import.meta.dirname, "../../../src/cli.ts");

/** An instant of November 2026. */
const day = (number: number, hour = 0) => Date.UTC(2026, 10, number, hour);

async function published(t: TestContext): Promise<Service> {
  const service = await openService(t, day(12, 9));
  await service.world.ingest("pot-1", [
    ...capturesOf("203.0.113.7", "2026-11-10T01:00:00Z", 5),
    ...capturesOf("203.0.113.9", "2026-11-11T02:00:00Z", 3),
  ]);
  await service.world.publish(day(12, 7));
  return service;
}

interface Ended {
  /** Exit code; `null` where it was killed. */
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** Runs `spampots fetch`; `started` may kill it. */
function fetchCommand(
  { now, into }: Service,
  args: readonly string[],
  started: (kill: () => void) => void = () => {},
): Promise<Ended> {
  const instant = `${new Date(now).toISOString().slice(0, 19)}Z`;
  const env = { PATH: process.env.PATH, SPAMPOTS_DATA: join(dirname(into), "none"), SPAMPOTS_LOG: "error" };
  const child = spawn(process.execPath, [program, "fetch", "--now", instant, ...args], { env });
  let [out, err] = ["", ""];
  child.stdout.on("data", (chunk) => {
    out += chunk;
  });
  child.stderr.on("data", (chunk) => {
    err += chunk;
  });
  started(() => void child.kill("SIGKILL"));
  return new Promise((done) => child.on("close", (code) => done({ code, out, err })));
}

const ownArgs = ({ url, into, keys }: Service) => ["--url", url, "--into", into, "--client-key", keys.twcert];

test("killed anywhere and run again, it ends with the same folder", async (t) => {
  const service = await published(t);
  const args = [...ownArgs(service), "--keys", await service.thumbprint()];
  let requests = 0;
  let killAt = 1;
  let kill = () => {};
  // The n-th request of a run is answered by half and the client killed, at once or a little later.
  service.meddle = async (_, response, pass) => {
    requests += 1;
    if (requests !== killAt) return false;
    const { status, headers, body } = await pass();
    response.writeHead(status, headers);
    response.write(body.subarray(0, Math.floor(body.length / 2)));
    await sleep(Math.random() * 15);
    kill();
    response.destroy();
    return true;
  };
  let runs = 0;
  for (; runs < 40; runs += 1) {
    requests = 0;
    // Never earlier than its third request: a run begins with the token each time.
    killAt = 3 + (runs % 13);
    const { code, err } = await fetchCommand(service, args, (killing) => {
      kill = killing;
    });
    if (code === 0) break;
    assert.equal(code, null, err);
  }
  assert.ok(runs > 4 && runs < 40, `${runs} runs were killed`);
  assert.deepEqual(await filesIn(service.into), await filesIn(join(service.world.settings.store, "partners/twcert")));
  assert.deepEqual(await service.verify(), []);
});

test("who is to compare a key learns of it before it is remembered, however the run ends", async (t) => {
  const service = await published(t);
  const args = ownArgs(service);
  const mistyped = await fetchCommand(service, [...args, "--feed", "spam-source"]);
  assert.equal(mistyped.code, 2, mistyped.err);
  assert.match(mistyped.err, /^NOT COMPARED YET: /);
  assert.ok(mistyped.err.includes(await service.thumbprint()), mistyped.err);
  const remembered = join(service.into, "issuer-keys.txt");
  assert.equal((await readFile(remembered, "utf8")).trim(), await service.thumbprint());
  await writeFile(remembered, "");
  const emptied = await fetchCommand(service, args);
  assert.match(
    emptied.err,
    /^spampots: The file of the issuer's keys that were met first holds none\.\n {2}path: \S+issuer-keys\.txt$/m,
  );
});

test("exit codes: done 0, nothing new 0, a proof failed 3, not there 4, a wrong call 2", async (t) => {
  const service = await published(t);
  const args = ownArgs(service);
  const first = await fetchCommand(service, args);
  assert.equal(first.code, 0, first.err);
  assert.match(first.out, /^spam-sources: 1 to 2: \d+ files, .*\nsummary: 1 to \d+: /);
  assert.ok(first.err.includes(await service.thumbprint()) && /NOT COMPARED YET/.test(first.err), first.err);
  const second = await fetchCommand(service, [...args, "--json"]);
  assert.deepEqual([second.code, second.err], [0, ""]);
  assert.deepEqual(
    JSON.parse(second.out).feeds.map(({ before, tip }: { before: number; tip: number }) => tip - before),
    [0, 0],
  );
  const pinned = await fetchCommand(service, [...args, "--keys", "A".repeat(43)]);
  assert.equal(pinned.code, 3, pinned.err);

  await service.world.publish(day(13, 7));
  service.now = day(13, 9);
  service.meddle = async (request, response, pass) => {
    if (!/spam-sources\/publications\/3$/.test(request.url ?? "")) return false;
    const { headers, body } = await pass();
    body[30] = (body[30] ?? 0) ^ 1;
    response.writeHead(200, headers).end(body);
    return true;
  };
  const tampered = await fetchCommand(service, [...args, "--json"]);
  assert.equal(tampered.code, 3, tampered.err);
  const { feeds, failures } = JSON.parse(tampered.out);
  assert.deepEqual([failures[0].feed, failures[0].code, failures.length], ["spam-sources", "verify-failed", 1]);
  assert.ok(feeds[1].tip > feeds[1].before, "the other feed was fetched");

  for (const wrong of [
    ["--url", service.url],
    ["--url", "http://feeds.example", "--into", service.into, "--client-key", service.keys.twcert],
    [...args, "--feed", "spam-urls"],
    [...args, "--token-file", service.keys.twcert],
    ["--unknown"],
  ])
    assert.equal((await fetchCommand(service, wrong)).code, 2, wrong.join(" "));
  const nobody = await fetchCommand(service, ["--url", "http://127.0.0.1:9", ...args.slice(2)]);
  assert.equal(nobody.code, 4, nobody.err);
});

test("a token that the operator made does as well", async (t) => {
  const service = await published(t);
  const { signer } = await openTokenKeys(service.world.settings.tokenKeys);
  const made = { partner: "twcert", seconds: 3600, id: "made", now: service.now };
  const file = join(dirname(service.into), "token");
  await writeFile(file, `${await mintPartnerToken({ url: service.url }, signer, made)}\n`, { mode: 0o600 });
  const args = ["--url", service.url, "--into", service.into, "--token-file", file, "--feed", "summary"];
  const { code, err } = await fetchCommand(service, args);
  assert.equal(code, 0, err);
  assert.ok(!service.asked.includes("/oauth2/token"));
  service.now += 3_700_000;
  assert.equal((await fetchCommand(service, args)).code, 2);
});

test("--new-key makes a pair whose private half is its owner's alone, once", async (t) => {
  const service = await openService(t, day(12, 9));
  for (const alg of ["EdDSA", "ES256"]) {
    const file = join(dirname(service.into), `${alg}.jwk`);
    const made = await fetchCommand(service, ["--new-key", file, "--partner", "twcert", "--alg", alg]);
    assert.equal(made.code, 0, made.err);
    const { d, partner, ...stated } = JSON.parse(await readFile(file, "utf8"));
    assert.deepEqual([(await stat(file)).mode & 0o777, partner, typeof d], [0o600, "twcert", "string"]);
    const line = JSON.parse(made.out.replace(/^- /, ""));
    const { alg: _, use: __, ...material } = stated;
    assert.deepEqual(line, material);
    assert.ok(made.err.includes(line.kid) && !made.out.includes(d));
    const before = await readFile(file, "utf8");
    assert.equal((await fetchCommand(service, ["--new-key", file])).code, 1);
    assert.equal(await readFile(file, "utf8"), before);
    await rm(file);
  }
  assert.equal((await fetchCommand(service, ["--new-key", "x", "--alg", "RS256"])).code, 2);
});
