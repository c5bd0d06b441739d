/** Settings of a lake in S3 and a cluster: what is refused, all of it at once, without a word of what is secret. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "node:util";
import { isError } from "../src/errors.ts";
import { readSettings } from "../src/settings.ts";

const secret = "p4ss-that-nobody-reads";
const fine = {
  SPAMPOTS_LAKE: "s3://lake/here",
  SPAMPOTS_ENGINE: "trino",
  SPAMPOTS_TRINO_URL: "https://trino.example:8443",
};

/** Names of the variables that are refused. */
function refused(more: Readonly<Record<string, string>>): string[] {
  try {
    readSettings({ ...fine, ...more });
    return [];
  } catch (error) {
    assert.ok(isError(error, "bad-argument"));
    assert.ok(!inspect(error, { depth: 20 }).includes(secret), "a problem holds a credential");
    return error.problems.map(({ path }) => path.replace("SPAMPOTS_", ""));
  }
}

test("a cluster is reached by https, or by http on this machine without credentials", () => {
  assert.deepEqual(refused({ SPAMPOTS_TRINO_TOKEN: "a.b-c_d", SPAMPOTS_TRINO_USER: "feeds@cert.example" }), []);
  assert.deepEqual(refused({ SPAMPOTS_TRINO_PASSWORD: secret }), []);
  const here = "http://127.0.0.1:8080";
  assert.deepEqual(refused({ SPAMPOTS_TRINO_URL: here }), []);
  for (const name of ["SPAMPOTS_TRINO_PASSWORD", "SPAMPOTS_TRINO_TOKEN"])
    assert.deepEqual(refused({ SPAMPOTS_TRINO_URL: here, [name]: secret }), ["TRINO_URL"]);
  for (const url of [
    "http://trino.example",
    "trino.example:8443",
    `https://u:${secret}@trino.example`,
    "https://t/x",
    "https://trino.example:84430",
    "",
  ])
    assert.deepEqual(refused({ SPAMPOTS_TRINO_URL: url }), ["TRINO_URL"], url);
});

test("what would break a header or a statement is refused; so are two credentials, and a lake that no cluster sees", () => {
  const both = { SPAMPOTS_TRINO_PASSWORD: secret, SPAMPOTS_TRINO_TOKEN: secret };
  assert.deepEqual(refused(both), ["TRINO_TOKEN"]);
  for (const token of [`Bearer ${secret}`, `${secret}\n`, `${secret}é`])
    assert.deepEqual(refused({ SPAMPOTS_TRINO_TOKEN: token }), ["TRINO_TOKEN"]);
  for (const user of ["a b", "a:b", "é", "a\r\nX-Trino-Role: admin"])
    assert.deepEqual(refused({ SPAMPOTS_TRINO_USER: user }), ["TRINO_USER"]);
  for (const name of ["Lake", 'a"b', "a.b", "1a"])
    assert.deepEqual(refused({ SPAMPOTS_TRINO_CATALOG: name, SPAMPOTS_TRINO_SCHEMA: name }), [
      "TRINO_CATALOG",
      "TRINO_SCHEMA",
    ]);
  assert.deepEqual(refused({ SPAMPOTS_LAKE: "/var/lib/lake" }), ["LAKE"]);
  assert.deepEqual(refused({ SPAMPOTS_ENGINE: "spark" }), ["ENGINE"]);
});

test("a lake or a store in a bucket that can't be is no folder of such a name", () => {
  for (const place of ["s3://My_Bucket/lake", "S3://lake/here", "s3://", "gs://lake/here", "https://s3.example/lake"])
    assert.deepEqual(refused({ SPAMPOTS_ENGINE: "duckdb", SPAMPOTS_LAKE: place, SPAMPOTS_STORE: `${place}s` }), [
      "LAKE",
      "STORE",
    ]);
  assert.deepEqual(refused({ SPAMPOTS_LAKE: "s3://lake/here/", SPAMPOTS_STORE: "folder:/a" }), []);
});

test("the lake, which nobody else reads, isn't where partners do", () => {
  for (const [lake, store] of [
    ["s3://feeds/x", "s3://feeds/x"],
    ["s3://feeds/x/", "s3://feeds/x"],
    ["s3://feeds/x/partners/ncc", "s3://feeds/x/"],
    ["s3://feeds/partners", "s3://feeds"],
    ["s3://feeds/x/leases/lake", "s3://feeds/x"],
  ] as const)
    assert.deepEqual(refused({ SPAMPOTS_LAKE: lake, SPAMPOTS_STORE: store }), ["LAKE"], `${lake} ${store}`);
  const folders = { SPAMPOTS_ENGINE: "duckdb", SPAMPOTS_TRINO_URL: "" };
  assert.deepEqual(refused({ ...folders, SPAMPOTS_LAKE: "/srv/x/", SPAMPOTS_STORE: "/srv/x" }), ["LAKE"]);
  assert.deepEqual(refused({ ...folders, SPAMPOTS_LAKE: "", SPAMPOTS_STORE: `${process.cwd()}/data/lake` }), ["LAKE"]);
  assert.deepEqual(refused({ ...folders, SPAMPOTS_LAKE: "/srv/x/partners/l", SPAMPOTS_STORE: "/srv/x" }), ["LAKE"]);
  for (const [lake, store] of [
    ["s3://feeds/x-lake", "s3://feeds/x"],
    ["s3://feeds/x/lake", "s3://feeds/x"],
    ["s3://other/x", "s3://feeds/x"],
  ] as const)
    assert.deepEqual(refused({ SPAMPOTS_LAKE: lake, SPAMPOTS_STORE: store }), [], `${lake} ${store}`);
});
