/** The two ways of verifying that the partner guide shows without our program: openssl with jq, and a JOSE library in Python. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readdir, readFile, rename, unlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { announceRotation, ensureAnnounced, publishedJwks } from "../../src/publication/announce.ts";
import { beginRotation, finishRotation } from "../../src/publication/keys.ts";
import { artifactKey } from "../../src/publication/manifest.ts";
import { csvFile, later, newIssuer, publish, stixFile, testNow, withdrawal } from "../publication/issuer.ts";

const here = import.meta.dirname;
/** A Python with joserfc; `.ci/run` names one in a virtual environment. */
const python = process.env.PYTHON ?? "python3";

const ways = [
  {
    name: "openssl and jq",
    command: [join(here, "verify-with-openssl.sh")],
    present: () => ["openssl", "jq", "base64"].every((tool) => spawnSync("which", [tool]).status === 0),
    missing: "openssl, jq or base64 isn't installed",
  },
  {
    name: "Python and joserfc",
    command: [python, join(here, "verify_with_python.py")],
    present: () => spawnSync(python, ["-c", "import joserfc"]).status === 0,
    missing: "PYTHON names no Python with joserfc",
  },
];

/** Three publications under one key, one more after a rotation; of another feed one that only a tip vouches for. */
async function publishUnderTwoKeys(t: TestContext) {
  const issuer = await newIssuer(t);
  // The scripts read the real clock: nothing is promised, and nothing expires.
  const more = { next_by: null, retain_until: "2099-01-01T00:00:00Z" };
  await ensureAnnounced(issuer.store, undefined, { issuer: "CERT.br", keyring: issuer.keyring, now: testNow });
  const gone = await publish(issuer, { weeksAgo: 1, more, files: [csvFile(2, "gone")] });
  await publish(issuer, { more, files: [csvFile(3), stixFile(2)] });
  await publish(issuer, { weeksAgo: 1, files: [], more: { ...more, ...withdrawal([1]) } });
  for (const artifact of gone.artifacts)
    await issuer.store.delete(`partners/twcert/spam-sources/${artifactKey(artifact)}`);
  await publish(issuer, { feed: "summary", more });
  const keyring = await beginRotation({ folder: issuer.keys }, { now: later(1) });
  await announceRotation(issuer.store, { issuer: "CERT.br", keyring, now: later(1) });
  await finishRotation(issuer.keys, keyring.live);
  await publish({ ...issuer, keyring }, { more, now: later(2), files: [csvFile(4)] });
  const jwks = join(issuer.root, "..", "jwks.json");
  await writeFile(jwks, (await publishedJwks(issuer.store)) ?? "");
  const prefix = join(issuer.root, "partners/twcert");
  return { sources: join(prefix, "spam-sources"), summary: join(prefix, "summary"), keys: join(prefix, "keys"), jwks };
}

for (const { name, command, present, missing } of ways) {
  test(`a feed is verified by ${name}`, { skip: present() ? false : missing }, async (t) => {
    const { sources, summary, keys, jwks } = await publishUnderTwoKeys(t);
    const run = (...args: string[]) => {
      const [program = "", ...first] = command;
      const { status, stdout, stderr } = spawnSync(program, [...first, ...args], { encoding: "utf8" });
      return { status, said: stdout + stderr };
    };
    const holds = run(sources, jwks);
    assert.match(
      holds.said,
      /^Holds: 4 publications of CERT\.br twcert spam-sources, 3 artifacts \(1 expired or withdrawn\)\.\n$/,
    );
    assert.equal(holds.status, 0);
    assert.match(run(summary, jwks).said, /WRONG: .*retired key/);
    assert.match(run(summary, jwks, keys).said, /^Holds: 1 publications/);

    const spoiled = async (path: string, change: (text: string) => string, reason: RegExp) => {
      const bytes = await readFile(path);
      await writeFile(path, change(bytes.toString("latin1")), "latin1");
      const found = run(sources, jwks, keys);
      await writeFile(path, bytes);
      assert.notEqual(found.status, 0, path);
      assert.match(found.said, reason);
    };
    const log = (sequence: number) => join(sources, "log", `0000000${sequence}.jws`);
    const [artifact = ""] = await readdir(join(sources, "artifacts"));
    await spoiled(join(sources, "artifacts", artifact), (text) => `${text}x`, /isn't what was signed/);
    await spoiled(log(2), (text) => text.replace('"payload":"e', '"payload":"f'), /doesn't hold/);
    await spoiled(log(2), (text) => text.replace(/.("\})$/, "_$1"), /base64url|doesn't hold/);
    await spoiled(join(keys, "00000002.jws"), (text) => text.replace('"payload":"e', '"payload":"f'), /doesn't hold/);
    const first = await readFile(log(1), "latin1");
    await spoiled(log(2), () => first, /of another number|doesn't follow/);
    await rename(join(sources, "artifacts", artifact), join(sources, "aside"));
    assert.match(run(sources, jwks).said, /is missing/);
    await rename(join(sources, "aside"), join(sources, "artifacts", artifact));
    await unlink(log(4));
    assert.match(run(sources, jwks).said, /retired key/);
    await unlink(log(2));
    assert.match(run(sources, jwks).said, /2 is missing/);
  });
}

test("the partner guide shows these scripts as they are", async () => {
  const guide = await readFile(join(here, "../../docs/partner-guide.md"), "utf8");
  for (const script of ["verify-with-openssl.sh", "verify_with_python.py"]) {
    assert.ok(guide.includes(await readFile(join(here, script), "utf8")), script);
  }
});

test("the partner guide explains every word that verify says", async () => {
  const guide = await readFile(join(here, "../../docs/partner-guide.md"), "utf8");
  const report = await readFile(join(here, "../../src/publication/verify-report.ts"), "utf8");
  const words = [...report.matchAll(/^ {2}\| "([a-z-]+)"/gm)].map((match) => match[1]);
  assert.equal(words.length, 17);
  for (const word of words) assert.match(guide, new RegExp(`^\\|[^|]*\`${word}\`[^|]*\\| `, "m"));
});
