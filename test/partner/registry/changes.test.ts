/** Edits of partners.yaml change what is asked for, and not a character more. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { parse } from "yaml";
import { isError } from "../../../src/errors.ts";
import { loadConfiguration } from "../../../src/feed/configuration.ts";
import {
  emptyRegistry,
  keyThumbprint,
  withKey,
  withoutKey,
  withoutPartner,
  withPartner,
  withRenewal,
  withSuspended,
} from "../../../src/partner/registry/changes.ts";
import { changedLines, difference, differenceText } from "../../../src/partner/registry/difference.ts";
import { publicKeysOf } from "../../../src/partner/registry/key-text.ts";
import { partnersText } from "../../http/served.ts";

const project = join(import.meta.dirname, "../../..");
const text = readFileSync(join(project, "partners.yaml"), "utf8");
const { feeds, partners } = await loadConfiguration(project);

test("a partner of the file that ships is suspended and resumed by one line", () => {
  for (const { id } of partners) {
    const suspended = withSuspended(text, id, true, feeds);
    assert.deepEqual(changedLines(text, suspended), ["+       suspended: true"], id);
    const entries = (parse(suspended) as { partners: { id: string; mou: { suspended?: boolean } }[] }).partners;
    assert.deepEqual(
      entries.filter(({ mou }) => mou.suspended).map((entry) => entry.id),
      [id],
    );
    assert.equal(withSuspended(suspended, id, true, feeds), suspended);
    const resumed = withSuspended(suspended, id, false, feeds);
    assert.deepEqual(changedLines(suspended, resumed), ["-       suspended: true", "+       suspended: false"]);
    assert.equal(withSuspended(text, id, false, feeds), text);
  }
});

test("an MoU that is written on one line is edited there", () => {
  const flow = partnersText({ twcert: { keys: [] }, ncc: { keys: [] } });
  const edited = withSuspended(flow, "ncc", true, feeds);
  assert.equal(edited, flow.replace(/(M-ncc.*?suspended: )false/, "$1true"));
  const without = flow.replaceAll(", suspended: false", "");
  assert.match(withSuspended(without, "ncc", true, feeds), /mou: \{ suspended: true, reference: M-ncc/);
});

test("a partner that isn't there, and a file with problems, are refused", () => {
  assert.throws(
    () => withSuspended(text, "nobody", true, feeds),
    (error) => isError(error, "bad-argument"),
  );
  assert.throws(
    () => withSuspended("partners: [", "twia", true, feeds),
    (error) => isError(error, "bad-configuration"),
  );
});

const key = { kty: "OKP", crv: "Ed25519", x: "oJumts1G1HqBMK0tlvqD4uq9vKQMtojAYM-63RYxGtA" };
const mou =
  "{ reference: M, signed: 2026-01-01, expires: 2027-12-31, purposes: [test], onward: none, retention_days: 1 }";
const entryOf = (id: string, members: string) =>
  `  - { id: ${id}, name: T, economies: [TW], tlp_ceiling: AMBER, contacts: [{ name: A, email: a@b.example }], ${members} }\n`;

test("what is shared by an alias is not edited for one alone, and not lost", () => {
  const shared = `partners:\n${entryOf("aa", `mou: &m ${mou}`)}${entryOf("bb", "mou: *m")}...\n`;
  const refused = (work: () => string) =>
    assert.throws(work, (error) => isError(error, "bad-configuration") && /by hand/.test(error.hint ?? ""));
  refused(() => withSuspended(shared, "aa", true, feeds));
  refused(() => withSuspended(shared, "bb", true, feeds));
  refused(() => withRenewal(shared, "bb", { expires: "2030-01-01" }, feeds));
  refused(() => withoutPartner(shared, "aa", feeds));
  assert.equal(withoutPartner(shared, "bb", feeds), shared.replace(/ {2}- \{ id: bb.*\n/, ""));
  // A value that is an alias is written out.
  const date = shared
    .replace("&m", "")
    .replace("2027-12-31", "&d 2027-12-31")
    .replace("*m", mou.replace("2027-12-31", "*d"));
  assert.equal(
    withRenewal(date, "bb", { expires: "2030-01-01" }, feeds),
    date.replace("expires: *d", "expires: 2030-01-01"),
  );
  refused(() => withRenewal(date, "aa", { expires: "2030-01-01" }, feeds));
});

test("a member is put before the comments of the one that follows", () => {
  const before = text
    .replace(/ {4}keys:\n.*\n/, "")
    .replace("    subscriptions:", "    # what it gets\n    subscriptions:");
  const [fresh] = publicKeysOf(JSON.stringify(key));
  assert.ok(fresh);
  const after = withKey(before, "twcert-cc", fresh, feeds);
  assert.match(after, /contacts:\n.*\n {4}keys: \[\{ kty: OKP.*\n {4}# what it gets\n {4}subscriptions:/);
  assert.equal(keyThumbprint(key), fresh.kid);
  assert.throws(
    () => withoutKey(after, "twcert-cc", "nothing", feeds),
    (error) => isError(error, "bad-argument"),
  );
});

test("a first partner begins the list; what `check` would refuse is refused", () => {
  const entry = {
    id: "fresh",
    name: "Line\nbreak \u202e \u0085 #: x",
    economies: ["UY"],
    mou: {
      reference: "1.0",
      signed: "2026-01-01",
      expires: "2027-01-01",
      purposes: ["no"],
      onward: "none" as const,
      retention_days: 3,
    },
    tlp_ceiling: "AMBER+STRICT" as const,
    contacts: [{ name: "", email: "a@b.example" }],
    subscriptions: [],
  };
  const after = withPartner(emptyRegistry, entry, feeds);
  assert.deepEqual(parse(after), { partners: [JSON.parse(JSON.stringify(entry))] });
  assert.doesNotMatch(after, /[\u202e\u0085]/);
  assert.match(after, /^# .*\npartners:\n {2}- id: fresh\n {4}name: /);
  const wrong = { ...entry, id: "twcert", tlp_ceiling: "RED" as const };
  assert.throws(
    () => withPartner(text, wrong, feeds),
    (error) => isError(error, "bad-configuration") && error.problems.length === 2,
  );
  assert.throws(
    () => withPartner(text, { ...entry, id: "twcert" }, feeds),
    (error) => isError(error, "bad-configuration") && /beginning of twcert-cc/.test(error.problems[0]?.message ?? ""),
  );
});

test("keys are read from what partners send; a private one is refused and not repeated", () => {
  const thumbprints = (given: string) => publicKeysOf(given).map(({ kid }) => kid);
  const kid = keyThumbprint(key);
  assert.deepEqual(thumbprints(JSON.stringify(key)), [kid]);
  assert.deepEqual(thumbprints(`- ${JSON.stringify({ ...key, kid })}\n`), [kid]);
  assert.deepEqual(thumbprints(JSON.stringify({ keys: [key] })), [kid]);
  for (const bad of [
    JSON.stringify({ ...key, d: "secret-half" }),
    "-----BEGIN PRIVATE KEY-----\nsecret-half",
    "",
    "{ keys: [] }",
    "secret-half: [",
    JSON.stringify({ ...key, kid: "another" }),
    JSON.stringify({ kty: "OKP", crv: "Ed25519", x: "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" }),
  ])
    assert.throws(
      () => publicKeysOf(bad),
      (error) => isError(error, "bad-key") && !/secret-half/.test(JSON.stringify(error) + error.message + error.cause),
    );
});

test("a difference is told with numbers and a few lines around", () => {
  const old = Array.from({ length: 20 }, (_, n) => `line ${n + 1}`);
  const fresh = old.toSpliced(9, 1, "changed", "more").toSpliced(18, 1);
  const said = differenceText(difference(`${old.join("\r\n")}\r\n`, `${fresh.join("\n")}\n`, 1)).split("\n");
  assert.deepEqual(said, [
    "   9  line 9",
    "- 10  line 10",
    "+ 10  changed",
    "+ 11  more",
    "  12  line 11",
    "    …",
    "  18  line 17",
    "- 18  line 18",
    "  19  line 19",
  ]);
});
