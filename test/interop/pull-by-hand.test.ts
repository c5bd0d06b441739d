/** The partner guide's way of pulling without our program: its commands and its script, as they stand there, against a service. */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { mkdtemp, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { withdraw } from "../../src/publication/withdraw.ts";
import { answer, filesIn, openService, type Service } from "../partner/client/service.ts";
import { capturesOf } from "../publication/operator-world.ts";

const tools = ["curl", "openssl", "jq", "basenc"];
const missing = tools.filter((tool) => spawnSync("which", [tool]).status !== 0);
const skip = missing.length > 0 && `not installed: ${missing.join(", ")}`;

const guide = await readFile(join(import.meta.dirname, "../../docs/partner-guide.md"), "utf8");

/** The text of the code block below a comment of the guide. */
function block(comment: string): string {
  const found = guide.split(`<!-- ${comment} -->\n\`\`\`sh\n`)[1]?.split("\n```\n")[0];
  assert.ok(found, comment);
  return `${found}\n`;
}

interface Ended {
  readonly code: number | null;
  readonly said: string;
}

/** Runs a shell command while the service, in this process, answers. */
function shell(folder: string, command: string): Promise<Ended> {
  const child = spawn("sh", ["-c", command], { cwd: folder });
  let said = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (chunk) => {
      said += chunk;
    });
  return new Promise((done) => child.on("close", (code) => done({ code, said })));
}

/** A partner with nothing but a shell: its key is made as the guide says, and the service knows it. */
async function openShell(t: TestContext) {
  const folder = await mkdtemp(join(tmpdir(), "spampots-shell-"));
  await writeFile(join(folder, "new-key.sh"), block("quoted: docs/examples/new-key.sh"));
  const made = spawnSync("sh", ["new-key.sh", "twcert-cc.pem"], { cwd: folder, encoding: "utf8" });
  assert.equal(made.status, 0, made.stderr);
  assert.equal((await stat(join(folder, "twcert-cc.pem"))).mode & 0o777, 0o600);
  await writeFile(join(folder, "pull-feed.sh"), block("quoted: docs/examples/pull-feed.sh"));
  // curl, openssl and date read the real clock.
  const service = await openService(t, Date.now(), [made.stdout.trim()]);
  t.after(() => rm(folder, { recursive: true, force: true }));
  const pull = async (pin?: string) => {
    // The service looks into its store once a second, by its own clock.
    service.now = Math.max(Date.now(), service.now) + 1500;
    const key = pin ?? (await service.thumbprint());
    return shell(folder, `sh pull-feed.sh ${service.url} twcert twcert-cc.pem spam-sources twcert/spam-sources ${key}`);
  };
  return { service, folder, pull };
}

const day = (number: number, hour = 0) => Date.UTC(2026, 10, number, hour);

async function publishTwice({ world }: Service): Promise<void> {
  await world.ingest("pot-1", [
    ...capturesOf("203.0.113.7", "2026-11-10T01:00:00Z", 5),
    ...capturesOf("203.0.113.9", "2026-11-11T02:00:00Z", 3),
  ]);
  await world.publish(day(12, 7));
}

test("one feed by curl, openssl and jq: everything, then what is new, then nothing", { skip }, async (t) => {
  const { service, folder, pull } = await openShell(t);
  await publishTwice(service);
  const store = join(service.world.settings.store, "partners/twcert/spam-sources");
  const own = async () => filesIn(join(folder, "twcert/spam-sources"));
  assert.deepEqual(await pull(), { code: 0, said: "spam-sources 1\nspam-sources 2\n" });
  assert.deepEqual(await own(), await filesIn(store));
  assert.deepEqual(await pull(), { code: 0, said: "" });
  await service.world.publish(day(13, 7));
  assert.deepEqual(await pull(), { code: 0, said: "spam-sources 3\n" });
  assert.deepEqual(await own(), await filesIn(store));
  const request = { partner: "twcert", feed: "spam-sources", sequence: 1, reason: "Wrong.", revoke: false };
  await withdraw(service.world.publishWorld(day(13, 10)), request);
  assert.deepEqual(await pull(), { code: 0, said: "spam-sources 4\n" });
  await rm(join(folder, "twcert"), { recursive: true });
  const late = await pull();
  assert.equal(late.code, 0, late.said);
  assert.match(late.said, /1\/\S+ was withdrawn or is expired\n/);
});

test("a service that doesn't answer is no success", { skip }, async (t) => {
  const { service, folder, pull } = await openShell(t);
  await publishTwice(service);
  for (const path of ["/oauth2/token", "/v1/keys", "?after=0", "/publications/1", ".csv.gz"]) {
    service.meddle = async (request, response, pass) =>
      (request.url ?? "").endsWith(path) && answer(response, { ...(await pass()), status: 403, body: Buffer.from("") });
    const { code, said } = await pull();
    assert.notEqual(code, 0, `${path}: ${said}`);
    // Nobody who is merely offline, or came without a key, is told of another key.
    assert.notEqual(code, 3, `${path}: ${said}`);
    assert.doesNotMatch(said, /another key/, path);
  }
  service.meddle = undefined;
  await rename(join(folder, "twcert-cc.pem"), join(folder, "elsewhere.pem"));
  assert.deepEqual(await pull(), { code: 2, said: "There is no key twcert-cc.pem: make one by new-key.sh\n" });
  await rename(join(folder, "elsewhere.pem"), join(folder, "twcert-cc.pem"));
  assert.deepEqual(await pull(), { code: 0, said: "spam-sources 1\nspam-sources 2\n" });
});

test("what was changed on the way, or signed by another key, stops it", { skip }, async (t) => {
  const { service, folder, pull } = await openShell(t);
  await publishTwice(service);
  const kept = async () => [...(await filesIn(folder)).keys()].filter((key) => /\.jws$/.test(key));
  const other = await pull("A".repeat(43));
  assert.notEqual(other.code, 0);
  const changes: [RegExp, (body: Buffer) => Promise<Buffer> | Buffer, RegExp][] = [
    [
      /publications\/1$/,
      (body) => Buffer.from(body.toString().replace('"signature":"', '"signature":"AAAA')),
      /doesn't hold/,
    ],
    [
      /publications\/1$/,
      () => readFile(join(service.world.settings.store, "partners/twcert/spam-sources/log/00000002.jws")),
      /not the publication that should be here/,
    ],
    [
      /publications\/1$/,
      () => readFile(join(service.world.settings.store, "partners/ncc/spam-sources/log/00000001.jws")),
      /not the publication that should be here/,
    ],
    [/publications\/1\/.*csv\.gz$/, (body) => Buffer.concat([body, Buffer.from("x")]), /isn't what was signed/],
  ];
  for (const [path, change, reason] of changes) {
    service.meddle = async (request, response, pass) => {
      if (!path.test(request.url ?? "")) return false;
      const passed = await pass();
      return answer(response, { ...passed, body: await change(passed.body) });
    };
    const { code, said } = await pull();
    assert.notEqual(code, 0, String(reason));
    assert.match(said, reason);
    assert.deepEqual(await kept(), []);
  }
});
