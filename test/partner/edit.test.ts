/** Edits of partners.yaml change what is asked for, and not a character more. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { parse } from "yaml";
import { isError } from "../../src/errors.ts";
import { loadConfiguration } from "../../src/feed/configuration.ts";
import { changedLines, closingPolicy, withSuspended } from "../../src/partner/edit.ts";
import { partnersText } from "../http/served.ts";

const project = join(import.meta.dirname, "../..");
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

test("the policy closes one prefix, and none that begins the same", () => {
  const { Statement } = closingPolicy("bucket", "pre", "twia") as { Statement: { Effect: string; Resource: string }[] };
  assert.deepEqual(
    Statement.map(({ Effect, Resource }) => [Effect, Resource]),
    [
      ["Deny", "arn:aws:s3:::bucket/pre/partners/twia/*"],
      ["Deny", "arn:aws:s3:::bucket"],
    ],
  );
});
