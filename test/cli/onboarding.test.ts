/**
 * From nothing to a partner's first verified download, by the commands of the guides and nothing else: an empty registry,
 * captures, an MoU, an invitation, a key, a kit. The clock is the real one, as on the day when it is done.
 */
import assert from "node:assert/strict";
import { mkdir, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { freePort } from "../free-port.ts";
import { temporaryFolder } from "../temporary-folder.ts";
import { until } from "../until.ts";
import { siteFolder } from "./site-folder.ts";

const day = (offset: number) => new Date(Date.now() + offset * 86_400_000).toISOString().slice(0, 10);

test("from an empty registry to a verified download", async (t) => {
  const root = await temporaryFolder(t);
  await mkdir(join(root, "config"), { recursive: true });
  // An empty registry.
  const site = await siteFolder(t, { root }, "");
  const begun = performance.now();
  const steps: string[] = [];
  /** Runs a step that must end well; gives what it said. */
  const step = async (...args: string[]) => {
    const since = performance.now();
    const { code, stdout, stderr } = await site.run(args, env);
    steps.push(
      `${((performance.now() - since) / 1000).toFixed(1)} s  spampots ${args
        .filter((word) => /^[a-z]+$/.test(word))
        .slice(0, 2)
        .join(" ")}`,
    );
    assert.equal(code, 0, `${args.slice(0, 6).join(" ")}\n${stdout}${stderr}`);
    return stdout;
  };
  let env: Record<string, string> = {};

  // The MoU becomes an entry.
  await step(
    ..."partner add --yes --invite --id certtw --name".split(" "),
    "CERT of a test",
    ..."--economies TW --reference MOU-1 --tlp-ceiling AMBER --onward constituents --retention-days 90".split(" "),
    ...["--signed", day(-30), "--expires", day(700), "--purpose", "incident response"],
    ...["--contact", "Ana Wu <ana@certtw.example>, +886 2 5550 0100"],
    ...["--feed", "spam-sources:week:csv+stix", "--feed", "summary"],
  );

  // The site takes in two weeks of captures; what the MoU would give is looked at, and published.
  await step("simulate", "--days", "15", "--from", day(-15), "--messages-per-day", "400", "--out", join(root, "spool"));
  env = { SPAMPOTS_SENSORS: join(root, "spool", "sensors.yaml") };
  const spool = (await readdir(join(root, "spool"))).filter((name) => name.includes(".ndjson"));
  await step("ingest", ...spool.map((name) => join(root, "spool", name)));
  await step("keys", "new");
  await step("keys", "new", "--tokens");
  await step("check");
  const preview = await step("partner", "preview", "certtw");
  assert.match(preview, /spam-sources/);
  await step("publish");

  // The door is open; the partner makes its key, and the operator hears the fingerprint.
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  env = { ...env, SPAMPOTS_LISTEN: `127.0.0.1:${port}`, SPAMPOTS_URL: url };
  const serving = site.start(["serve"], env);
  await until(() => serving.stdout().includes("Listening"), "serve listens");
  const link = (await step("partner", "invite", "certtw")).trim();
  const key = join(root, "partner", "certtw.jwk");
  await mkdir(join(root, "partner"));
  const joined = await step("join", link, "--into", key);
  const [, fingerprint = ""] = /: ((?:\d{4} ){5}\d{4})/.exec(joined) ?? [];
  const { requests } = JSON.parse(await step("--json", "partner", "requests"));
  const fetchArgs = ["fetch", "--url", url, "--client-key", key, "--into", join(root, "partner", "feeds")];
  const early = await site.run(fetchArgs, env);
  assert.notEqual(early.code, 0, "a key that nobody approved fetches nothing");
  await step("partner", "approve", requests[0].id, "--fingerprint", fingerprint);
  await step("partner", "kit", "certtw", "--into", join(root, "kit"), "--contact", "CERT.br, +55 11 5509 3500");
  assert.match(await readFile(join(root, "kit", "README.md"), "utf8"), /spam-sources/);

  // The partner's first download, proven by the key set of its kit.
  const keys = join(root, "kit", "issuer-keys.json");
  await until(async () => (await site.run([...fetchArgs, "--keys", keys], env)).code === 0, "the key is in force");
  const verified = await step("verify", join(root, "partner", "feeds"), "--keys", keys, "--deep");
  assert.match(verified, /^Nothing is wrong\.$/m);
  const fetched = await readdir(join(root, "partner", "feeds"), { recursive: true });
  assert.ok(fetched.some((name) => name.endsWith(".csv.gz")) && fetched.some((name) => name.endsWith(".stix.json.gz")));
  await serving.end("SIGTERM");
  const seconds = (performance.now() - begun) / 1000;
  for (const line of steps) t.diagnostic(line);
  t.diagnostic(`all of it: ${seconds.toFixed(1)} s`);
});
