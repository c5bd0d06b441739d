/** Kits: nothing of anybody else, nothing secret, every text escaped for where it stands, the same bytes each time. */
import assert from "node:assert/strict";
import { execFile, spawnSync } from "node:child_process";
import { mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { promisify } from "node:util";
import fc from "fast-check";
import { unzipSync } from "fflate";
import { parse } from "yaml";
import { code, markdown, shellWord } from "../../../src/partner/kit/escape.ts";
import { isProgram, type KitBucket, type KitFacts } from "../../../src/partner/kit/facts.ts";
import { parserColumns } from "../../../src/partner/kit/intelmq.ts";
import { kitOf } from "../../../src/partner/kit/kit.ts";
import { zipOf } from "../../../src/partner/kit/zip.ts";
import { newKeys } from "../../../src/publication/keys.ts";
import { siteFolder } from "../../cli/site-folder.ts";
import { projectFeeds, projectRoot } from "../../pipeline.ts";
import { temporaryFolder } from "../../temporary-folder.ts";
import { entry, factsFor, secretPart } from "./kit-facts.ts";

const feeds = await projectFeeds();
const bucket: KitBucket = { bucket: "pots", prefix: "site", region: "us-east-1", pathStyle: false };

const textOf = (facts: KitFacts) => JSON.stringify([...kitOf(facts)]);

/** What an operator may write, and what a careless or hostile one would. */
const written = fc.oneof(
  fc.string({ unit: "binary", minLength: 1, maxLength: 60 }),
  fc.constantFrom(
    "O'Neill\" & `id` $(id)",
    "a\nb: c\n- d",
    "x|y\\|z",
    "<script>alert(1)</script>",
    "](javascript:x)",
    "'; rm -rf / #",
    "\u202egnp\u0007",
    "{{ x }} %s \\u0022 '''",
    "```\n# x",
    '""" \\',
  ),
);

test("a law: whatever else partners.yaml holds, a kit is the same, and names nobody else", () => {
  const id = fc.stringMatching(/^q[a-z]{5,12}(-[a-z0-9]{3,8})?$/);
  const others = fc.uniqueArray(fc.record({ id, name: written, reference: written }), {
    selector: (other) => other.id,
    minLength: 1,
    maxLength: 4,
  });
  fc.assert(
    fc.property(others, written, (strangers, name) => {
      const own = entry("twcert", { name });
      const apart = strangers.filter((one) => !strangers.some((two) => two !== one && two.id.startsWith(one.id)));
      const beside = apart.map((other) =>
        entry(other.id, {
          name: other.name,
          mou: { ...Object(entry(other.id).mou), reference: other.reference },
          keys: [{ kty: "OKP", crv: "Ed25519", x: "GDA2J-aIkYDyqO0I2E4RWqGBZIc-7W_2nTHGBs_b4bY" }],
        }),
      );
      const alone = textOf(factsFor("twcert", [own], feeds, { bucket }));
      assert.equal(textOf(factsFor("twcert", [...beside, own], feeds, { bucket })), alone);
      for (const other of apart) assert.ok(!alone.includes(other.id), other.id);
    }),
    { numRuns: 60 },
  );
});

test("a kit holds no feed that isn't subscribed, and no name of the partners that come with the program", () => {
  const one = entry("solo", { subscriptions: [{ feed: "spam-sources", every: "day", formats: ["csv"] }] });
  const kit = kitOf(factsFor("solo", [one], feeds, { bucket }));
  const text = JSON.stringify([...kit]);
  for (const feed of ["spam-urls", "spam-events", "spam-targets", "summary"]) {
    assert.ok(!text.includes(`feeds/${feed}`) && !text.includes(`partners/solo/${feed}`), feed);
    assert.deepEqual(
      [...kit.keys()].filter((path) => path.includes(feed)),
      [],
    );
  }
  assert.deepEqual(
    [...kit.keys()].filter((path) => /taxii|opencti/.test(path)),
    [],
  );
  const shipped: { partners: { id: string; name: string }[] } = parse(
    spawnSync("cat", [join(projectRoot, "partners.yaml")], { encoding: "utf8" }).stdout,
  );
  assert.equal(shipped.partners.length, 9);
  for (const { id, name } of shipped.partners) assert.ok(!text.includes(id) && !text.includes(name), id);
  const summary = entry("solo", { subscriptions: [{ feed: "summary", every: "week", formats: ["json"] }] });
  assert.deepEqual(
    [...kitOf(factsFor("solo", [summary], feeds)).keys()],
    [
      ...["README.md", "issuer-keys.json", "schemas/manifest.json"],
      ...["fetch/fetch.sh", "fetch/crontab", "curl/new-key.sh", "curl/pull-feed.sh", "curl/pull.sh"],
    ],
  );
});

test("a partner that is subscribed to nothing yet has a kit with its agreement and the issuer's keys", () => {
  const kit = kitOf(factsFor("new", [entry("new", { subscriptions: [], economies: "all" })], feeds, { bucket }));
  assert.ok(kit.has("README.md") && kit.has("issuer-keys.json"));
  assert.deepEqual(
    [...kit.keys()].filter((path) => /fetch\/|curl\/|intelmq|misp|taxii/.test(path)),
    [],
  );
  assert.match(kit.get("README.md") ?? "", /economies \| all/);
});

test("nothing private is in a kit, and an issuer that signs by ES256 has no script that can't check that", async (t) => {
  const facts = factsFor("twcert", [entry("twcert")], feeds, { bucket });
  assert.ok(!textOf(facts).includes(secretPart));
  const folder = await temporaryFolder(t);
  const { keys, live } = await newKeys({ folder }, { alg: "ES256", now: 0 });
  const kit = kitOf({ ...facts, keys, live });
  assert.deepEqual(
    [...kit.keys()].filter((path) => path.startsWith("curl/")),
    [],
  );
  assert.match(kit.get("README.md") ?? "", /signs by ES256/);
});

test("every text is escaped for the file that it stands in", () => {
  fc.assert(
    fc.property(written, written, written, (name, issuer, contact) => {
      const partner = entry("twcert", { name: name.slice(0, 200) });
      const kit = kitOf(factsFor("twcert", [partner], feeds, { issuer, contacts: [contact], bucket }));
      for (const [path, text] of kit) {
        // biome-ignore lint/suspicious/noControlCharactersInRegex: what is looked for
        assert.doesNotMatch(text, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/, path);
        if (path.endsWith(".json")) JSON.parse(text);
        if (path.endsWith(".yaml")) {
          const bots: Record<string, { parameters: { provider?: string } }> = parse(text);
          assert.equal(Object.keys(bots).length, 9);
          assert.ok(Object.keys(bots).every((bot) => bot.startsWith("spampots-")));
        }
        if (path.endsWith(".env")) {
          for (const line of text.trim().split("\n").slice(1)) assert.match(line, /^[A-Z0-9_]+=[\x21-\x7e]+$/);
        }
      }
      const readme = kit.get("README.md") ?? "";
      assert.doesNotMatch(readme, /(?<!\\)<script|(?<!\\)\]\(javascript/);
      assert.equal(readme.match(/^# /gm)?.length, 1);
      assert.equal(readme.match(/^## /gm)?.length, 8);
    }),
    { numRuns: 60 },
  );
});

test("a word of the shell is one word, whatever stands in it; Markdown is text", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), (text) => {
      const said = spawnSync("sh", ["-c", `printf %s ${shellWord(text)}`], { encoding: "utf8" });
      assert.equal(said.stdout, text.toWellFormed().replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, "\ufffd"));
    }),
    { numRuns: 40 },
  );
  assert.equal(markdown("a|b *c* [d](e) <f>\n`g`"), "a\\|b \\*c\\* \\[d\\](e) \\<f\\> \\`g\\`");
  assert.equal(code("a`b``c|d"), "``` a`b``c\\|d ```");
});

test("every script is one that a shell can read, and every column goes somewhere in IntelMQ, once", () => {
  const url = "https://feeds.example:8443";
  const kit = kitOf(factsFor("twcert", [entry("twcert")], feeds, { url: `${url}'"$(id)`, bucket }));
  for (const [path, text] of kit) {
    if (!isProgram(path)) continue;
    const { status, stderr } = spawnSync("sh", ["-n"], { input: text, encoding: "utf8" });
    assert.equal(status, 0, `${path}: ${stderr}`);
  }
  for (const feed of feeds.values()) {
    const columns = parserColumns({ feed });
    assert.equal(columns.length, feed.columns.length);
    const first = columns.map((names) => names.split("|")[0]);
    assert.equal(new Set(first).size, first.length, feed.id);
    for (const [index, names] of columns.entries()) assert.ok(names.endsWith(`extra.${feed.columns[index]}`), names);
  }
  const events = feeds.get("spam-events");
  assert.ok(events);
  const columns = parserColumns({ feed: events });
  assert.ok(columns.includes("destination.port|extra.destination_port") && columns.includes("extra.abused_port"));
});

test("the policy is for one prefix, with the slash at its end; taking away denies the same", () => {
  const kit = kitOf(factsFor("tw-cert", [entry("tw-cert")], feeds, { bucket, principal: "arn:aws:iam::1:user/x" }));
  const [allow, deny] = ["s3/policy.json", "s3/take-away.json"].map(
    (path) => JSON.parse(kit.get(path) ?? "").Statement,
  );
  assert.deepEqual(
    allow.map(({ Effect, Action, Resource, Condition, Principal }: Record<string, unknown>) => [
      ...[Effect, Action, Resource, Condition, Principal],
    ]),
    [
      [
        ...["Allow", "s3:GetObject", "arn:aws:s3:::pots/site/partners/tw-cert/*", undefined],
        { AWS: "arn:aws:iam::1:user/x" },
      ],
      [
        ...["Allow", "s3:ListBucket", "arn:aws:s3:::pots"],
        { StringLike: { "s3:prefix": "site/partners/tw-cert/*" } },
        { AWS: "arn:aws:iam::1:user/x" },
      ],
    ],
  );
  assert.deepEqual(
    deny.map(({ Action, Resource, Effect }: Record<string, unknown>) => [Action, Resource, Effect]),
    allow.map(({ Action, Resource }: Record<string, unknown>) => [Action, Resource, "Deny"]),
  );
  const without = kitOf(factsFor("tw-cert", [entry("tw-cert")], feeds));
  assert.deepEqual(
    [...without.keys()].filter((path) => path.startsWith("s3/")),
    [],
  );
  assert.match(without.get("README.md") ?? "", /There is no bucket to read/);
});

test("every link of a README leads to a file of the kit", () => {
  for (const more of [{}, { bucket }]) {
    const kit = kitOf(factsFor("twcert", [entry("twcert")], feeds, more));
    const links = [...(kit.get("README.md") ?? "").matchAll(/(?<!\\)\]\(([^)]+)\)/g)].map(([, path = ""]) => path);
    assert.ok(links.length > 10);
    assert.deepEqual(
      links.filter((path) => !kit.has(path)),
      [],
    );
  }
});

/** A site with one partner, and its keys. */
async function openSite(t: TestContext, env: Record<string, string> = {}) {
  const root = await temporaryFolder(t);
  const yaml = `${JSON.stringify({ partners: [entry("twcert"), entry("ncc")] })}\n...\n`;
  await newKeys({ folder: join(root, "keys") }, { now: Date.UTC(2026, 0, 1) });
  const site = await siteFolder(t, { root }, yaml, { SPAMPOTS_URL: "https://feeds.example", ...env });
  return { root, ...site };
}

test("the command writes a folder and a ZIP file with the same files, and never into what is there", async (t) => {
  const site = await openSite(t);
  const [into, zip] = [join(site.root, "kit"), join(site.root, "kit.zip")];
  const args = ["partner", "kit", "twcert", "--contact", "Ana, +55 11 5509 3500", "--now", "2026-11-16T06:00:00Z"];
  const made = await site.run([...args, "--into", into, "--zip", zip]);
  assert.deepEqual([made.code, made.stderr.replaceAll(/^\{.*\n/gm, "")], [0, ""]);
  assert.doesNotMatch(made.stdout, /warning/);
  const packed = unzipSync(await readFile(zip));
  const names = (await readdir(into, { recursive: true, withFileTypes: true })).filter((file) => file.isFile());
  assert.equal(Object.keys(packed).length, names.length);
  for (const [name, bytes] of Object.entries(packed)) {
    const path = join(into, name.replace("kit-twcert/", ""));
    assert.deepEqual(Buffer.from(bytes), await readFile(path));
    assert.equal((await stat(path)).mode & 0o111, isProgram(name) ? 0o111 : 0, name);
  }
  assert.match(await readFile(join(into, "README.md"), "utf8"), /- Ana, \+55 11 5509 3500/);
  const json = await site.run([...args, "--json", "--zip", join(site.root, "two.zip")], { TZ: "Asia/Taipei" });
  assert.deepEqual(JSON.parse(json.stdout).warnings, []);
  assert.deepEqual(await readFile(join(site.root, "two.zip")), await readFile(zip));
  for (const [flag, path] of [
    ["--into", into],
    ["--zip", zip],
  ] as const) {
    const again = await site.run([...args, flag, path]);
    assert.equal(again.code, 1);
    assert.match(again.stderr, /never mixed with another/);
  }
  for (const principal of ["*", "arn:aws:iam::1:*", "arn:aws:iam::1:user/*", "111122223333"])
    assert.equal((await site.run([...args, "--into", join(site.root, "x"), "--principal", principal])).code, 2);
  const nobody = await site.run(["partner", "kit", "nobody", "--into", join(site.root, "x")]);
  assert.equal(nobody.code, 2);
});

test("what a killed command left half-made is removed by the next one into that place", async (t) => {
  const site = await openSite(t);
  const place = join(site.root, "kits");
  await mkdir(place);
  const killed = `import { halfPath } from ${JSON.stringify(join(projectRoot, "src/store/temporary.ts"))};
    import { mkdirSync, writeFileSync } from "node:fs";
    mkdirSync(halfPath(process.argv[1]) + "/s3", { recursive: true });
    writeFileSync(halfPath(process.argv[1] + ".zip"), "half");
    process.kill(process.pid, "SIGKILL");`;
  const args = ["--input-type=module", "-e", killed, join(place, "kit")];
  await assert.rejects(promisify(execFile)(process.execPath, args), { signal: "SIGKILL" });
  assert.equal((await readdir(place)).length, 2);
  const made = await site.run(["partner", "kit", "twcert", "--into", join(place, "another")]);
  assert.equal(made.code, 0, made.stderr);
  assert.deepEqual(await readdir(place), ["another"]);
});

test("the command warns of what makes a kit useless, and takes the bucket from the store", async (t) => {
  const site = await openSite(t, { SPAMPOTS_URL: "http://127.0.0.1:8080", SPAMPOTS_STORE: "s3://pots/site" });
  const into = join(site.root, "kit");
  await mkdir(into);
  const args = ["partner", "kit", "twcert", "--into", into, "--now", "2028-01-01T00:00:00Z", "--json"];
  const { stdout, code: exit } = await site.run(args);
  assert.equal(exit, 0);
  const said: string[] = JSON.parse(stdout).warnings;
  for (const words of [/only this machine reaches/, /not in force/, /nobody to call/, /--principal/])
    assert.ok(
      said.some((warning) => words.test(warning)),
      `${words}`,
    );
  const policy = JSON.parse(await readFile(join(into, "s3/policy.json"), "utf8"));
  assert.equal(policy.Statement[0].Resource, "arn:aws:s3:::pots/site/partners/twcert/*");
  await writeFile(join(into, "mine"), "");
  assert.equal((await site.run(args)).code, 1);
});

test("a ZIP file is the same in every zone of time", async () => {
  const kit = kitOf(factsFor("twcert", [entry("twcert")], feeds));
  const here = Buffer.from(zipOf(kit, "kit")).toString("base64");
  const program = `import { zipOf } from ${JSON.stringify(join(projectRoot, "src/partner/kit/zip.ts"))};
    process.stdout.write(Buffer.from(zipOf(new Map(JSON.parse(process.env.KIT)), "kit")).toString("base64"));`;
  for (const TZ of ["America/Sao_Paulo", "Asia/Kathmandu", "Pacific/Kiritimati"]) {
    const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "-e", program], {
      env: { ...process.env, TZ, KIT: JSON.stringify([...kit]) },
      maxBuffer: 1 << 24,
    });
    assert.ok(stdout === here, TZ);
  }
});
