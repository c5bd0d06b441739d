/** `partner add` and its kin as processes of their own, and the questions at a terminal. */
import assert from "node:assert/strict";
import { readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { type TestContext, test } from "node:test";
import { interview } from "../../src/cli/partner/interview.ts";
import { type Terminal, terminalOn } from "../../src/cli/terminal.ts";
import { isError } from "../../src/errors.ts";
import { loadFeeds } from "../../src/feed/configuration.ts";
import { entriesOf } from "../../src/partner/registry/changes.ts";
import { capturesOf, openOperatorWorld, partnersYaml } from "../publication/operator-world.ts";
import { projectRoot } from "../source-files.ts";
import { siteFolder } from "./site-folder.ts";

const key = { kty: "OKP", crv: "Ed25519", x: "oJumts1G1HqBMK0tlvqD4uq9vKQMtojAYM-63RYxGtA" };
const kid = "qw55OH19Dlcw0K7f36uo5JgJ6izbsRxd37NIgCRFW1o";

const flags = (over: Readonly<Record<string, string>> = {}) =>
  Object.entries({
    "--name": "CERT Uruguay",
    "--id": "cert-uy",
    "--economies": "UY",
    "--reference": "MOU-1",
    "--signed": "2026-01-01",
    "--expires": "2028-12-31",
    "--tlp-ceiling": "AMBER",
    "--purpose": "incident response",
    "--onward": "constituents",
    "--retention-days": "365",
    "--contact": "Ana <ana@cert.example>, +598 2 1",
    "--feed": "spam-sources:day:csv",
    "--key": JSON.stringify(key),
    ...over,
  })
    .filter(([, value]) => value !== "")
    .flat();

async function siteOf(t: TestContext) {
  const world = await openOperatorWorld(t);
  const site = await siteFolder(t, world, partnersYaml);
  const path = join(world.root, "config/partners.yaml");
  return { world, site, path, text: () => readFile(path, "utf8") };
}

test("a partner is added, shown, renewed, given a new key, suspended and taken out", async (t) => {
  const { site, path, text } = await siteOf(t);
  const add = await site.run(["partner", "add", ...flags()]);
  assert.equal(add.code, 0, add.stderr);
  assert.match(add.stdout, /\+ \d+ {4}- id: cert-uy/);
  assert.match(add.stdout, new RegExp(`by telephone with the partner: ${kid}`));
  assert.ok((await text()).startsWith(partnersYaml.replace(/\.\.\.\n$/, "")));
  assert.equal((await site.run(["check", "--configuration"])).code, 0);

  const show = JSON.parse(
    (await site.run(["--json", "--now", "2028-12-30T00:00:00Z", "partner", "show", "cert-uy"])).stdout,
  );
  assert.equal(show.mou.state, "in force");
  assert.equal(show.mou.days_left, 1);
  assert.deepEqual(show.keys, [{ thumbprint: kid, kty: "OKP", crv: "Ed25519" }]);
  assert.deepEqual(show.feeds, [
    { feed: "spam-sources", every: "day", formats: ["csv"], tlp: "AMBER", sequence: 0, destinations: [] },
  ]);
  const states = async (now: string) =>
    JSON.parse((await site.run(["--json", "--now", now, "partner", "list"])).stdout).partners.map(
      ({ mou }: { mou: { state: string } }) => mou.state,
    );
  assert.deepEqual(await states("2025-01-01T00:00:00Z"), ["not yet begun", "not yet begun", "not yet begun"]);
  assert.deepEqual(await states("2028-01-01T00:00:00Z"), ["expired", "expired", "in force"]);

  const line = `- ${JSON.stringify({ ...key, x: "2tpWHUuFxeeU21BS-M1w2QOlnKpjRgfBzsfX9QiSKeg" })}`;
  const rotate = JSON.parse((await site.run(["--json", "partner", "rotate-key", "cert-uy", "--key", line])).stdout);
  assert.equal(rotate.keys.length, 2);
  assert.deepEqual(rotate.keys.slice(1), rotate.added);
  const gone = JSON.parse((await site.run(["--json", "partner", "rotate-key", "cert-uy", "--remove", kid])).stdout);
  assert.deepEqual(gone.keys, rotate.added);
  const only = await site.run(["--json", "partner", "rotate-key", "cert-uy", "--key", JSON.stringify(key), "--only"]);
  assert.deepEqual(JSON.parse(only.stdout).keys, [kid]);

  assert.equal((await site.run(["partner", "renew", "cert-uy"])).code, 2);
  assert.equal((await site.run(["partner", "renew", "cert-uy", "--expires", "2020-01-01"])).code, 2);
  const renew = ["partner", "renew", "cert-uy", "--expires", "2031-01-31", "--reference", "MOU-2"];
  assert.match((await site.run(renew)).stdout, /\+ \d+ +reference: MOU-2/);
  const later = ["--now", "2031-06-01T00:00:00Z", "partner", "renew", "cert-uy", "--expires", "2032-01-31"];
  const gap = await site.run(later);
  assert.equal(gap.code, 2);
  assert.match(gap.stderr, /ended: 2031-01-31\n.*--signed 2026-01-01 where all since then is covered/);
  assert.match((await site.run([...later, "--signed", "2031-06-01"])).stdout, /\+ \d+ +signed: 2031-06-01/);
  await site.run(["--now", "2031-06-01T00:00:00Z", "partner", "renew", "cert-uy", "--expires", "2031-07-31"]);
  await site.run(["partner", "suspend", "cert-uy"]);
  assert.match((await site.run(["partner", "list"])).stdout, /cert-uy .* suspended +2031-07-31/);
  assert.match((await site.run(["partner", "resume", "cert-uy"])).stdout, /suspended: false/);

  const removed = await site.run(["partner", "remove", "cert-uy"]);
  assert.equal(removed.code, 0, removed.stderr);
  assert.equal(await text(), partnersYaml);
  assert.deepEqual((await readdir(join(path, ".."))).sort(), ["feeds", "partners.yaml"]);
});

test("without a terminal everything that is missing or wrong is told at once, and nothing is written", async (t) => {
  const { site, text } = await siteOf(t);
  const nothing = await site.run(["--json", "partner", "add"]);
  assert.equal(nothing.code, 2);
  const { error } = JSON.parse(nothing.stdout);
  assert.deepEqual(
    error.problems.map(({ file }: { file: string }) => file),
    flags().filter((_, index) => index % 2 === 0),
  );
  const wrong = flags({
    "--id": "twcert",
    "--economies": "UK",
    "--expires": "2025-12-31",
    "--contact": "nobody",
    "--feed": "spam-sources:month",
    "--key": JSON.stringify({ ...key, d: "secret-half" }),
    "--retention-days": "0",
    "--name": "",
  });
  const told = await site.run(["--json", "partner", "add", ...wrong]);
  assert.equal(told.code, 2);
  assert.doesNotMatch(told.stdout + told.stderr, /secret-half/);
  assert.deepEqual(
    JSON.parse(told.stdout)
      .error.problems.map(({ file }: { file: string }) => file)
      .sort(),
    ["--contact", "--economies", "--expires", "--feed", "--id", "--key", "--name", "--retention-days"],
  );
  // The problem is that of the other's entry, which is the beginning of this one.
  const longer = JSON.parse((await site.run(["--json", "partner", "add", ...flags({ "--id": "twcert-two" })])).stdout);
  assert.deepEqual(
    longer.error.problems.map(({ file }: { file: string }) => file),
    ["--id"],
  );
  assert.equal(await text(), partnersYaml);
});

test("an id is never used again while the store holds a log of it", async (t) => {
  const { world, site, text } = await siteOf(t);
  await world.ingest("pot-1", capturesOf("203.0.113.7", "2026-11-10T01:00:00Z", 3));
  await world.publish(Date.UTC(2026, 10, 12, 12));
  await site.run(["partner", "remove", "ncc"]);
  const before = await text();
  const again = await site.run(["partner", "add", ...flags({ "--id": "ncc" })]);
  assert.equal(again.code, 2);
  assert.match(again.stderr, /--id: .*earlier partner ncc.*never used again/);
  assert.equal(await text(), before);
  const list = JSON.parse((await site.run(["--json", "partner", "list"])).stdout);
  const sequences = ({ feeds }: { feeds: { sequence: number | null }[] }) => feeds.map(({ sequence }) => sequence);
  assert.deepEqual(list.partners.map(sequences), [[2, 2]]);
  await rm(join(world.root, "store/partners/twcert/summary/log/00000001.jws"));
  assert.match((await site.run(["partner", "list"])).stdout, /spam-sources 2, summary \?/);
});

test("a registry is begun where there is none; destinations go to the feeds that can take them", async (t) => {
  const { world, site, path, text } = await siteOf(t);
  await rm(path);
  await rm(join(world.root, "store"), { recursive: true, force: true });
  const taxii = "{ kind: taxii, url: https://t.example/api/collections/91a7b528-80eb-42ed-a74d-c6fbd5a26116/ }";
  const more = ["--feed", "summary", "--push", "s3://bucket/in", "--push", taxii, "--invite"];
  const add = await site.run([
    "partner",
    "add",
    ...flags({ "--key": "", "--feed": "spam-sources", "--onward": "none", "--tlp-ceiling": "AMBER+STRICT" }),
    ...more,
  ]);
  assert.equal(add.code, 0, add.stderr);
  assert.match(add.stdout, /partner invite cert-uy/);
  const written = await text();
  assert.match(
    written,
    /feed: spam-sources, every: week, formats: \[csv, stix\], tlp: AMBER\+STRICT, deliveries: \[\{ kind: s3, bucket: bucket, prefix: in \}, \{ kind: taxii/,
  );
  assert.match(
    written,
    /feed: summary, every: week, formats: \[json, markdown\], deliveries: \[\{ kind: s3, bucket: bucket, prefix: in \}\] \}/,
  );
  assert.doesNotMatch(written, /keys:/);
  assert.equal((await site.run(["check", "--configuration"])).code, 0);
  const both = await site.run(["partner", "add", ...flags({ "--id": "second" }), "--invite"]);
  assert.equal(both.code, 2);
});

test("a preview as a process stores nothing, and refuses policies that `check` would refuse", async (t) => {
  const { world, site } = await siteOf(t);
  await world.ingest("pot-1", capturesOf("203.0.113.7", "2026-11-10T01:00:00Z", 3));
  const now = ["--now", "2026-11-12T12:00:00Z"];
  const shown = await site.run([...now, "partner", "preview", "ncc", "--economies", "TW,JP", "--masks", "captures"]);
  assert.equal(shown.code, 0, shown.stderr);
  assert.match(shown.stdout, /spam-sources · 2026-11-11 · TLP:AMBER/);
  assert.match(shown.stdout, /against today: \+0 rows, −0, 0 with other values; emptied: captures/);
  assert.deepEqual(await readdir(join(world.root, "store")).catch(() => []), []);
  const refused = await site.run([...now, "partner", "preview", "ncc", "--economies", "UK", "--tlp", "RED"]);
  assert.equal(refused.code, 2);
  assert.match(refused.stderr, /economies\[0\]: .*GB for the United Kingdom/);
  assert.equal((await site.run([...now, "partner", "preview", "ncc", "--feed", "spam-urls"])).code, 2);
  assert.equal((await site.run([...now, "partner", "preview", "nobody"])).code, 2);
});

/** A terminal at which someone types these lines, each when it is asked; and what was shown. */
function typing(lines: readonly string[]): { terminal: Terminal; shown: () => string; input: PassThrough } {
  const [input, output] = [new PassThrough(), new PassThrough()];
  let shown = "";
  const rest = [...lines];
  output.setEncoding("utf8").on("data", (text: string) => {
    shown += text;
    if (!text.endsWith(": ")) return;
    const line = rest.shift();
    if (line !== undefined) input.write(`${line}\n`);
  });
  return { terminal: terminalOn(input, output, false), shown: () => shown, input };
}

async function askedOf(used: readonly string[] = []) {
  const feeds = await loadFeeds(projectRoot);
  return { others: [], feeds, now: Date.UTC(2026, 10, 23), isUsed: async (id: string) => used.includes(id) };
}

test("questions have defaults, and a wrong answer is told at once", async () => {
  const { terminal, shown } = typing([
    "Équipe ÜY / CERT",
    "keys",
    "",
    "UK",
    "uy, br:2026-02-01",
    "MOU-9",
    "",
    "2020-01-01",
    "",
    "RED",
    "tlp:green",
    "a; b ;",
    "everyone",
    "none",
    "soon",
    "30",
    "Ana",
    "Ana <ana@cert.example>; Bo <bo@cert.example>, +1",
    "nonsense",
    "spam-sources; summary:week",
    "ftp://x",
    "",
    JSON.stringify({ ...key, d: "secret-half" }),
    "",
  ]);
  const draft = await interview({}, await askedOf(["equipe-uy-cert-no"]), terminal);
  terminal.close();
  assert.deepEqual(draft, {
    name: "Équipe ÜY / CERT",
    id: "equipe-uy-cert",
    economies: ["UY", { code: "BR", since: "2026-02-01" }],
    mou: {
      reference: "MOU-9",
      signed: "2026-11-23",
      expires: "2029-11-22",
      purposes: ["a", "b"],
      onward: "none",
      retention_days: 30,
    },
    tlp_ceiling: "GREEN",
    contacts: [
      { name: "Ana", email: "ana@cert.example" },
      { name: "Bo", email: "bo@cert.example", phone: "+1" },
    ],
    subscriptions: [
      { feed: "spam-sources", every: "week", formats: ["csv", "stix"], tlp: "GREEN" },
      { feed: "summary", every: "week", formats: ["json", "markdown"] },
    ],
    keys: [],
  });
  for (const said of [
    "[equipe-uy-cert]",
    "keys is a reserved word",
    "GB for the United Kingdom",
    "expires before it was signed",
    "TLP:RED is for named persons",
    "There is no feed nonsense; there are ",
    "This JWK is private",
    "Write an https URL, s3://bucket/prefix",
  ])
    assert.ok(shown().includes(said), said);
});

test("flags are not asked for again, a wrong one is; Ctrl-D writes nothing", async () => {
  const given = { name: ["A"], id: ["old-one"], economies: ["all"] };
  const { terminal, shown, input } = typing(["new-one"]);
  const rejected = assert.rejects(interview(given, await askedOf(["old-one"]), terminal), (error) =>
    isError(error, "interrupted"),
  );
  while (!shown().includes("Reference of the MoU")) await new Promise((done) => setTimeout(done, 5));
  input.end();
  await rejected;
  assert.match(shown(), /^ {2}The store holds publications of an earlier partner old-one/);
  assert.doesNotMatch(shown(), /organisation|conomies/);
});

test("an id that an entry has now is told as such, whatever the store holds", async () => {
  const asked = await askedOf(["twcert"]);
  const [other] = entriesOf(partnersYaml, asked.feeds);
  assert.ok(other);
  const given = { id: [other.id] };
  await assert.rejects(
    interview(given, { ...asked, others: [other], isUsed: async () => true }, undefined),
    (error) => {
      assert.ok(isError(error));
      const said = error.problems.filter(({ file }) => file === "--id").map(({ message }) => message);
      assert.deepEqual(said, [`The id ${other.id} is taken by an earlier partner.`]);
      return true;
    },
  );
});

test("answers that are pasted at once are each question's own, but for what is to be confirmed", async () => {
  const { terminal, shown, input } = typing([]);
  const first = terminal.ask("One");
  input.write("1\n2\n3\ny\n");
  assert.equal(await first, "1");
  await new Promise((done) => setTimeout(done, 20));
  assert.deepEqual([await terminal.ask("Two"), await terminal.ask("Three", "x")], ["2", "3"]);
  const sure = terminal.confirm("Write this?");
  input.write("no\n");
  assert.equal(await sure, false);
  assert.equal(shown(), "One: Two: 2\nThree [x]: 3\nWrite this? [y/N]: ");
  terminal.close();
});

test("a terminal's words are made harmless, and only yes is yes", async () => {
  const { terminal, shown } = typing(["y", "Yes", "", "no", "yesterday"]);
  assert.equal(await terminal.confirm("a\u001b[31m"), true);
  assert.equal(await terminal.confirm("b"), true);
  for (const question of ["c", "d", "e"]) assert.equal(await terminal.confirm(question), false);
  terminal.close();
  assert.ok(!shown().includes("\u001b"));
});
