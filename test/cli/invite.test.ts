/** From an invitation to a key that counts, by commands alone; and everything that must not get there. */
import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { openClientKey } from "../../src/partner/client/client-key.ts";
import { openServed, readConfig } from "../http/served.ts";
import { signInByKey, Visitor } from "../http/visitor.ts";
import { testNow } from "../publication/issuer.ts";
import { projectRoot } from "../source-files.ts";

interface Said {
  readonly code: number;
  readonly out: string;
  readonly error: string;
}

/** A service, and commands over its folder; `spampots` gives what one said. */
async function openSite(t: TestContext) {
  const served = await openServed(t);
  const folder = join(served.root, "..");
  const command = (args: readonly string[], env: Record<string, string> = {}) => {
    const program = ["--disable-warning=ExperimentalWarning", join(projectRoot, "src/cli.ts")];
    const now = ["--now", new Date(testNow).toISOString()];
    const base = {
      PATH: process.env.PATH ?? "",
      SPAMPOTS_DATA: folder,
      SPAMPOTS_CONFIG: served.config,
      SPAMPOTS_URL: served.url,
    };
    const options = { cwd: folder, env: { ...base, SPAMPOTS_LOG: "silent", ...env }, timeout: 60_000 };
    return { args: [...program, ...now, ...args], options };
  };
  const run = (words: readonly string[], env: Record<string, string> = {}): Promise<Said> =>
    new Promise((done) => {
      const { args, options } = command(words, env);
      execFile(process.execPath, args, options, (failed, out, error) =>
        done({ code: typeof failed?.code === "number" ? failed.code : failed === null ? 0 : -1, out, error }),
      );
    });
  return { served, folder, run, command };
}

test("invite, join, requests, approve: the key counts, and not before", async (t) => {
  const { served, folder, run } = await openSite(t);
  const invited = await run(["partner", "invite", "twcert"]);
  assert.equal(invited.code, 0, invited.error);
  const link = invited.out.trim();
  assert.match(link, /\/portal\/join\?link=eyJ/);

  const joined = await run(["join", link]);
  assert.equal(joined.code, 0, joined.error);
  const [, fingerprint = ""] = /^Fingerprint of your key: ((?:\d{4} ){5}\d{4})\n$/.exec(joined.out) ?? [];
  assert.match(joined.error, /with the operator/);
  const file = join(folder, "twcert.jwk");
  assert.equal((await stat(file)).mode & 0o777, 0o600);
  const secret = JSON.parse(await readFile(file, "utf8"));
  const { signer, partner } = await openClientKey(file);
  assert.deepEqual([partner, signer.key.x], ["twcert", secret.x]);
  const clientKey = {
    alg: "EdDSA" as const,
    jwk: { kty: "OKP", crv: "Ed25519", x: secret.x },
    secret: await importSecret(secret),
  };
  assert.equal((await signInByKey(new Visitor(served), "twcert", clientKey)).status, 403);

  // Asked again it is the same request; with another key it is refused, and says which one came first.
  assert.equal((await run(["join", link])).out, joined.out);
  const other = await run(["join", link, "--into", join(folder, "other.jwk"), "--alg", "ES256"]);
  assert.deepEqual([other.code, other.error.includes(fingerprint)], [1, true]);

  const listed = await run(["partner", "requests"]);
  assert.match(listed.out, new RegExp(`twcert .* ${fingerprint} +waiting`));
  const { requests } = JSON.parse((await run(["--json", "partner", "requests"])).out);
  assert.deepEqual([requests.length, requests[0].state, requests[0].thumbprint], [1, "waiting", signer.kid]);
  const { id } = requests[0];

  const before = await readConfig(served, "partners.yaml");
  assert.equal((await run(["partner", "approve", id])).code, 2, "nobody told a fingerprint");
  const wrong = fingerprint.replace(/^./, (digit) => String((Number(digit) + 1) % 10));
  for (const told of [wrong, fingerprint.slice(5), `${fingerprint} 0000`, ""])
    assert.equal((await run(["partner", "approve", id, "--fingerprint", told])).code, 3, told);
  assert.equal(await readConfig(served, "partners.yaml"), before);

  const approved = await run(["partner", "approve", id.slice(0, 6), "--fingerprint", fingerprint.replaceAll(" ", "-")]);
  assert.equal(approved.code, 0, approved.error);
  await served.registry.refresh();
  assert.equal(served.registry.partners.get("twcert")?.keys.length, 2);
  assert.equal((await signInByKey(new Visitor(served), "twcert", clientKey)).status, 303);
  assert.match((await run(["join", link])).error, /It counts/);
  // Once more changes nothing; a decision stays.
  const after = await readConfig(served, "partners.yaml");
  assert.equal((await run(["partner", "approve", id, "--fingerprint", fingerprint])).code, 0);
  assert.equal(await readConfig(served, "partners.yaml"), after);
  assert.equal((await run(["partner", "reject", id])).code, 1);
});

async function importSecret(jwk: Record<string, unknown>) {
  const { createPrivateKey } = await import("node:crypto");
  return createPrivateKey({ key: { ...jwk }, format: "jwk" });
}

test("what one operator rejects while another listens to the fingerprint is written nowhere", async (t) => {
  const { served, run, command } = await openSite(t);
  assert.equal((await run(["join", (await run(["partner", "invite", "twcert"])).out.trim()])).code, 0);
  const [request] = JSON.parse((await run(["--json", "partner", "requests"])).out).requests;
  const before = await readConfig(served, "partners.yaml");
  // A terminal, since only there is anything asked.
  const { args, options } = command(["partner", "approve", request.id]);
  const child = spawn("script", ["-qec", [process.execPath, ...args].join(" "), "/dev/null"], options);
  t.after(() => child.kill());
  let said = "";
  for await (const chunk of child.stdout) {
    said += String(chunk);
    if (!said.includes("as you heard it: ") || child.stdin.writableEnded) continue;
    assert.equal((await run(["partner", "reject", request.id])).code, 0);
    child.stdin.end(`${request.fingerprint}\r`);
  }
  assert.match(said, /Something else was decided/);
  assert.equal(await readConfig(served, "partners.yaml"), before);
});

test("requests are looked at before there is a key for tokens; what is missing is named where it is needed", async (t) => {
  const { folder, run } = await openSite(t);
  const elsewhere = { SPAMPOTS_DATA: join(folder, "elsewhere"), SPAMPOTS_STORE: join(folder, "elsewhere/store") };
  const none = await run(["partner", "requests"], elsewhere);
  assert.deepEqual([none.code, none.error], [0, ""]);
  assert.match(none.out, /^No partner handed in a key/);
  await run(["join", (await run(["partner", "invite", "twcert"])).out.trim()]);
  const keyless = await run(["partner", "requests"], { ...elsewhere, SPAMPOTS_STORE: join(folder, "store") });
  assert.match(keyless.error, /no usable key for tokens.*keys new --tokens/s);
});

test("what must not be approved isn't, and what isn't an invitation makes no request", async (t) => {
  const { served, folder, run } = await openSite(t);
  const { twcert, ncc } = served.keysOf;
  const linkOf = async (partner: string) => (await run(["partner", "invite", partner])).out.trim();
  assert.equal((await run(["partner", "invite", "nobody"])).code, 2);
  await served.change({ twcert: { keys: [twcert], expires: "2026-11-15" }, ncc: { keys: [ncc] } });
  assert.equal((await run(["partner", "invite", "twcert"])).code, 2, "the MoU is over");
  await served.change({ twcert: { keys: [twcert], suspended: true }, ncc: { keys: [ncc] } });

  const rejectedLink = await linkOf("twcert");
  assert.equal((await run(["join", rejectedLink])).code, 0);
  const [request] = JSON.parse((await run(["--json", "partner", "requests"])).out).requests;
  assert.equal((await run(["partner", "reject", request.id])).code, 0);
  assert.match((await run(["join", rejectedLink])).error, /rejected/);
  assert.equal((await run(["partner", "approve", request.id, "--fingerprint", request.fingerprint])).code, 1);

  // The same key by another's invitation: the file names its partner, so that it takes an edited one.
  const nccLink = await linkOf("ncc");
  assert.equal((await run(["join", nccLink, "--into", join(folder, "twcert.jwk")])).code, 2);

  // A partner that left, with a request that waits.
  assert.equal((await run(["join", nccLink])).code, 0);
  const waiting = JSON.parse((await run(["--json", "partner", "requests"])).out).requests.find(
    (each: { partner: string }) => each.partner === "ncc",
  );
  await served.change({ twcert: { keys: [twcert] } });
  const left = await run(["partner", "approve", waiting.id, "--fingerprint", waiting.fingerprint]);
  assert.deepEqual([left.code, /no such partner/.test(left.error)], [2, true]);
  assert.match((await run(["partner", "requests"])).out, /refused\n[\s\S]*no such partner/);
  assert.equal((await run(["join", nccLink])).code, 2, "the invitation is nobody's now");

  for (const link of [
    "nonsense",
    `${served.url}/portal/sign-in?link=x`,
    `http://feeds.example/portal/join?link=${nccLink.split("=")[1]}`,
    `${served.url}/portal/join?link=x`,
  ])
    assert.equal((await run(["join", link, "--into", join(folder, "no.jwk")])).code, 2, link);
  await assert.rejects(stat(join(folder, "no.jwk")));
});

test("a key of an operator is made on its own, and stands in the set that the setting names", async (t) => {
  const { folder, run } = await openSite(t);
  const set = join(folder, "operators.jwks");
  const printed = await run(["keys", "operator", join(folder, "first.jwk")]);
  assert.equal(JSON.parse(printed.out).keys.length, 1);
  assert.doesNotMatch(printed.out, /"d"/);
  assert.equal((await stat(join(folder, "first.jwk"))).mode & 0o777, 0o600);
  const env = { SPAMPOTS_OPERATOR_KEYS: set };
  for (const [at, alg] of ["EdDSA", "ES256"].entries())
    assert.equal((await run(["keys", "operator", join(folder, `${alg}.jwk`), "--alg", alg], env)).code, 0, String(at));
  const { keys } = JSON.parse(await readFile(set, "utf8"));
  assert.deepEqual(
    keys.map((key: { alg: string }) => key.alg),
    ["EdDSA", "ES256"],
  );
  assert.deepEqual(
    keys.filter((key: object) => "d" in key),
    [],
  );
  assert.equal((await run(["keys", "operator", join(folder, "EdDSA.jwk")], env)).code, 1, "a key is never overwritten");
});
