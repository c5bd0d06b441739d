/**
 * The engine over a real cluster: who may ask, what the cluster's page tells of a query, that queries end when nobody
 * reads them, that cells are what DuckDB gives, and that tables are made by several at once.
 */
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { inspect } from "node:util";
import { PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { DuckDBInstance } from "@duckdb/node-api";
import { mapAtOnce } from "../../src/at-once.ts";
import { SpampotsError } from "../../src/errors.ts";
import { openDuckdb } from "../../src/lake/duckdb.ts";
import type { Engine } from "../../src/lake/engine.ts";
import { type Lake, openLake } from "../../src/lake/lake.ts";
import { checkCluster } from "../../src/lake/trino/check.ts";
import { Tables, type Wanted } from "../../src/lake/trino/tables.ts";
import { openCluster, openTrino } from "../../src/lake/trino/trino.ts";
import type { Cell } from "../../src/model.ts";
import type { TrinoSettings } from "../../src/settings.ts";
import { capturesOf, openOperatorWorld } from "../publication/operator-world.ts";
import { type Gateway, startGateway } from "../s3/gateway.ts";
import { temporaryFolder } from "../temporary-folder.ts";
import { type Secured, startSecured } from "./secured.ts";

let gateway: Gateway;
let secured: Secured;
let folder: string;

before(async () => {
  gateway = await startGateway();
  await gateway.bucket("lake");
  secured = await startSecured(gateway);
  folder = await mkdtemp(join(tmpdir(), "spampots-engine-"));
});
after(async () => {
  await secured?.stop();
  await gateway?.stop();
  await rm(folder, { recursive: true, force: true });
});

/** On the plain port, where every name is believed. */
const plain = (more: Partial<TrinoSettings> = {}): TrinoSettings => ({
  url: secured.cluster.url,
  catalog: "lake",
  schema: "spampots",
  user: "feeds",
  ...more,
});

async function rowsOf(engine: Engine, sql: string, purpose?: readonly string[]): Promise<Cell[][]> {
  const found: Cell[][] = [];
  for await (const { rows, columns } of engine.rows({}, sql, purpose))
    for (let row = 0; row < rows; row += 1) found.push(columns.map((column) => column[row] ?? null));
  return found;
}

async function failureOf(work: Promise<unknown>): Promise<SpampotsError> {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof SpampotsError, inspect(error));
  return error;
}

const one = "t AS (SELECT 1 AS n) SELECT n FROM t";
/** Hours of work, without a row before its end. */
const endless = `t AS (SELECT x FROM UNNEST(sequence(1, 10000)) AS t(x))
  SELECT count(*) FROM t AS a CROSS JOIN t AS b CROSS JOIN t AS c CROSS JOIN t AS d WHERE a.x + b.x + c.x = d.x`;
/** Rows without end, in pages. */
const manyRows = `t AS (SELECT x FROM UNNEST(sequence(1, 10000)) AS t(x))
  SELECT a.x, b.x FROM t AS a CROSS JOIN t AS b`;

test("a token or a password opens an https coordinator of a private authority; nothing else does, and no error holds them", async () => {
  const https = { url: secured.url, ca: secured.ca };
  const token = await secured.token("feeds");
  const tried = async (more: Partial<TrinoSettings>) => {
    const settings = plain({ ...https, ...more });
    return rowsOf(await openTrino(settings, "s3://lake/none"), one);
  };
  assert.deepEqual(await tried({ token }), [[1]]);
  assert.deepEqual(await tried({ password: secured.password }), [[1]]);
  const refusals: readonly [Partial<TrinoSettings>, RegExp][] = [
    [{}, /refuses this user/],
    [{ token: `${token}x` }, /refuses this user/],
    [{ token: await secured.token("somebody") }, /refused|refuses|doesn't let/],
    [{ password: `${secured.password}x` }, /refuses this user/],
    [{ user: "somebody", password: secured.password }, /refuses this user/],
    [{ token, ca: secured.otherCa }, /can't be proven/],
    [{ token, url: secured.url.replace("127.0.0.1", "localhost") }, /can't be proven/],
    [{ token, url: secured.cluster.url.replace("http:", "https:") }, /can't be proven/],
  ];
  for (const [settings, message] of refusals) {
    const error = await failureOf(tried(settings));
    assert.match(error.message, message);
    const whole = inspect(error, { depth: 20, showHidden: true });
    for (const secret of [token, secured.password, settings.token, settings.password])
      assert.ok(secret === undefined || !whole.includes(secret), "an error holds a credential");
  }
});

/** What the coordinator's page tells of queries that hold this text. */
async function queriesWith(text: string): Promise<readonly PageQuery[]> {
  const headers = { "X-Trino-User": "feeds" };
  const answer = await fetch(`${secured.cluster.url}/v1/query`, { headers });
  const queries = (await answer.json()) as PageQuery[]; // the page's form, from the cluster that the test started
  return queries.filter(({ query }) => query.includes(text));
}

interface PageQuery {
  readonly queryId: string;
  readonly state: string;
  readonly query: string;
  readonly errorCode?: { readonly name: string };
  readonly session: { readonly source: string; readonly clientTags: readonly string[]; readonly clientInfo?: string };
}

test("Trino's page tells what a query is for", async () => {
  const engine = await openTrino(plain(), "s3://lake/none");
  await rowsOf(engine, one, ["feed:spam-urls", "period:2026-W46", "policy:0123456789abcdef", "a,b\nDROP"]);
  const [query] = await queriesWith("feed:spam-urls");
  const tags = ["spampots", "feed:spam-urls", "period:2026-W46", "policy:0123456789abcdef", "a_b_DROP"];
  assert.deepEqual([...(query?.session.clientTags ?? [])].sort(), [...tags].sort());
  assert.equal(query?.session.clientInfo, tags.join(" "));
  assert.equal(query?.session.source, "spampots-feeds");
  assert.ok(query?.query.startsWith(`-- ${tags.join(" ")}\nWITH FUNCTION`));
});

test("a query ends in the cluster when its reader stops, is interrupted, or closes the engine", async () => {
  const engine = await openTrino(plain(), "s3://lake/none");
  const ended = async (name: string) => {
    const [query] = await queriesWith(name);
    assert.deepEqual([query?.state, query?.errorCode?.name], ["FAILED", "USER_CANCELED"], name);
  };
  for await (const _ of engine.rows({}, manyRows, ["reader-stops"])) break;
  await ended("reader-stops");
  const interrupted = failureOf(rowsOf(engine, endless, ["is-interrupted"]));
  await running("is-interrupted");
  engine.interrupt();
  assert.equal((await interrupted).code, "engine-failed");
  await ended("is-interrupted");
  const other = await openTrino(plain(), "s3://lake/none");
  const closed = failureOf(rowsOf(other, endless, ["is-closed"]));
  await running("is-closed");
  other.close();
  await closed;
  await ended("is-closed");
});

async function running(text: string): Promise<string> {
  const end = performance.now() + 120_000;
  for (;;) {
    const [query] = await queriesWith(text);
    if (query?.state === "RUNNING") return query.queryId;
    assert.ok(performance.now() < end, `the query isn't running: ${inspect(query?.state)}`);
    await new Promise((done) => setTimeout(done, 50));
  }
}

test("a query that an administrator ends is told so, and isn't made again at once", async () => {
  const engine = await openTrino(plain(), "s3://lake/none");
  const reading = failureOf(rowsOf(engine, endless, ["to-be-killed"]));
  const id = await running("to-be-killed");
  await secured.cluster.query(`CALL system.runtime.kill_query('${id}', 'no time for it')`, { user: "feeds" });
  const { code, facts, cause } = await reading;
  assert.deepEqual([code, facts.again, facts.query], ["engine-unavailable", false, id]);
  assert.match(String(cause), /no time for it/);
});

test("a coordinator that stands still is given up after a while, and its query isn't lost if it goes on", async () => {
  const { coordinator } = secured.cluster;
  const engine = await openTrino(plain(), "s3://lake/none");
  const reading = rowsOf(
    engine,
    "t AS (SELECT x FROM UNNEST(sequence(1, 10000)) AS t(x)) SELECT count(*) FROM t AS a CROSS JOIN t AS b CROSS JOIN UNNEST(sequence(1, 3)) AS c(x)",
    ["paused"],
  );
  await running("paused");
  coordinator.pause();
  try {
    const impatient = await openCluster(plain(), 500);
    const { rowsOf: ask } = await import("../../src/lake/trino/query.ts");
    assert.equal((await failureOf(ask(impatient, { sql: "SELECT 1", tags: ["x"] }))).code, "engine-unavailable");
  } finally {
    coordinator.resume();
  }
  assert.deepEqual(await reading, [[300_000_000]]);
});

test("cells are what DuckDB gives, of every type that slices return", async () => {
  const expressions = [
    "TRUE",
    "CAST(NULL AS BOOLEAN)",
    "CAST(7 AS INTEGER)",
    "CAST(9007199254740991 AS BIGINT)",
    "CAST(9007199254740992 AS BIGINT)",
    "CAST(-9223372036854775807 AS BIGINT)",
    "CAST(1763337600000 AS BIGINT)",
    "CAST(NULL AS BIGINT)",
    "''",
    "'it''s 日本 🎣 \\ \"quoted\" [12345678901234567890]'",
    "CAST(NULL AS VARCHAR)",
    "to_utf8('日本\t\n')",
    "to_utf8('')",
    "CAST(NULL AS VARBINARY)",
    "ARRAY['a', NULL, '']",
    "ARRAY[CAST(9007199254740993 AS BIGINT), 1]",
    "ARRAY[ARRAY['a'], ARRAY['b', 'c']]",
    "CAST(NULL AS VARCHAR ARRAY)",
    "array_join(ARRAY['a', 'b'], ';')",
    "instant_text(CAST(1763337600999 AS BIGINT))",
    "day_text(CAST(1763337599999 AS BIGINT))",
    "instant_text(CAST(946684800000 AS BIGINT))",
    "instant_text(CAST(4102444799999 AS BIGINT))",
    "CAST(12.50 AS DECIMAL(10, 2))",
  ];
  // DuckDB's word for bytes.
  const duckdb = await openDuckdb({ threads: 1, memoryMb: 256, temporary: folder });
  const trino = await openTrino(plain(), "s3://lake/none");
  const sqlOf = (list: readonly string[]) => `t AS (SELECT 1 AS n) SELECT ${list.join(", ")} FROM t`;
  const theirs = await rowsOf(trino, sqlOf(expressions));
  const ours = await rowsOf(
    duckdb,
    sqlOf(expressions.map((expression) => expression.replace("VARCHAR ARRAY", "VARCHAR[]"))),
  );
  duckdb.close();
  const alike = (cell: Cell): unknown => (cell instanceof Uint8Array ? Buffer.from(cell).toString("hex") : cell);
  const table = ([row = []]: Cell[][]) =>
    expressions.map((expression, index) => [expression, alike(row[index] ?? null)]);
  assert.deepEqual(table(theirs), table(ours));
});

/** Puts a small file for each of so many days below a lake's captures, and gives what a query would read. */
async function putDays(prefix: string, count: number): Promise<Wanted> {
  const path = join(folder, "few.parquet");
  const instance = await DuckDBInstance.create();
  const connection = await instance.connect();
  await connection.run(`COPY (SELECT 'b' AS batch, CAST(1 AS INTEGER) AS generation) TO '${path}' (FORMAT PARQUET)`);
  connection.closeSync();
  instance.closeSync();
  const bytes = await readFile(path);
  const days = Array.from({ length: count }, (_, index) =>
    new Date(Date.UTC(2026, 0, 1 + index)).toISOString().slice(0, 10),
  );
  const whole = days.map((day) => `s3://lake/${prefix}/captures/day=${day}/b.parquet`);
  await putFiles(whole.map((url) => [url, bytes]));
  return { dataset: "captures", days, whole, mixed: [] };
}

/** What else a selection says where every row counts. */
const allCount = { counted: { only: false, batches: [] }, overlapping: [], [Symbol.dispose]: () => {} };

async function putFiles(files: readonly (readonly [url: string, bytes: Uint8Array])[]): Promise<void> {
  const credentials = { accessKeyId: gateway.accessKey, secretAccessKey: gateway.secretKey };
  const client = new S3Client({ endpoint: gateway.endpoint, region: "us-east-1", forcePathStyle: true, credentials });
  await mapAtOnce(files, 32, ([url, Body]) =>
    client.send(new PutObjectCommand({ Bucket: "lake", Key: url.slice("s3://lake/".length), Body })),
  );
  client.destroy();
}

test("three runners at once make schema, table and hundreds of partitions, and each sees every file", async () => {
  const wanted = await putDays("many", 200);
  const settings = { ...plain({ schema: "many" }), lake: "s3://lake/many" };
  const cluster = await openCluster(settings);
  const runners = Array.from({ length: 3 }, () => new Tables(cluster, settings));
  await Promise.all(runners.map((tables) => tables.prepare(wanted)));
  const [[name] = [], ...others] = await secured.cluster.query("SHOW TABLES FROM lake.many");
  assert.match(String(name), /^captures_[0-9a-f]{8}$/);
  assert.deepEqual(others, []);
  const count = `SELECT count(*), count(DISTINCT "$path") FROM lake.many.${name}`;
  assert.deepEqual(await secured.cluster.query(count), [[200, 200]]);
  // Dropped under a runner that has seen everything.
  await secured.cluster.query(`DROP TABLE lake.many.${name}`);
  await runners[0]?.prepare(wanted);
  assert.deepEqual(await secured.cluster.query(count), [[200, 200]]);
  // A lake that was moved: other tables in the same schema.
  const moved = await putDays("moved", 2);
  await new Tables(cluster, { ...settings, lake: "s3://lake/moved" }).prepare(moved);
  assert.equal((await secured.cluster.query("SHOW TABLES FROM lake.many")).length, 2);
  await runners[1]?.prepare(wanted);
});

test("of a day with more files than a list of names is kept for by default, those that aren't named aren't opened", async () => {
  const { whole, ...wanted } = await putDays("names", 1);
  const [first = ""] = whole;
  const files = Array.from({ length: 1200 }, (_, index) => first.replace("b.parquet", `${1000 + index}.parquet`));
  const bytes = await readFile(join(folder, "few.parquet"));
  await putFiles(files.map((file) => [file, bytes]));
  // Between the first and the last, and no Parquet file.
  await putFiles([[first.replace("b.parquet", "1500-killed.parquet"), Buffer.from("PAR1 and no more")]]);
  const engine = await openTrino(plain({ schema: "names" }), "s3://lake/names");
  const captures = { ...wanted, whole: files, ...allCount };
  const sql = "t AS (SELECT count(*) AS n FROM captures) SELECT n FROM t";
  for await (const { columns } of engine.rows({ captures }, sql)) assert.deepEqual(columns, [[1200]]);
  engine.close();
});

test("with the rights that the guide gives, check finds everything, and a batch of later days doesn't mislead it", async (t) => {
  const url = "s3://lake/checked";
  const s3 = {
    ...{ endpoint: gateway.endpoint, region: "us-east-1", pathStyle: true, deadlineMs: 20_000 },
    credentials: { accessKeyId: gateway.accessKey, secretAccessKey: gateway.secretKey },
  };
  const lake = await openLake(url, { s3, copies: { folder: await temporaryFolder(t), mostBytes: 1e9 }, cluster: true });
  const world = await openOperatorWorld(t, lake);
  const settings = plain({ user: "spampots" });
  const check = async (looked: Lake) => {
    const found = { fine: [], warnings: [] };
    await checkCluster(settings, looked, found);
    return found;
  };
  const empty = await check(lake);
  assert.deepEqual(empty.warnings, [
    "The lake holds no captures yet: whether the cluster sees its files wasn't tried.",
  ]);
  await world.ingest("pot-1", capturesOf("203.0.113.7", "2026-11-10T01:00:00Z", 3));
  await world.ingest("pot-2", capturesOf("203.0.113.7", "2026-11-10T02:00:00Z", 3));
  const names = async () => (await lake.names()).map((name) => ({ ...name, lastDay: "2099-12-31" }));
  for (const looked of [lake, { ...lake, names }]) {
    const { fine, warnings } = await check(looked);
    assert.deepEqual(warnings, []);
    assert.match(fine.join("\n"), /1 worker is active\.\n.*\nThe cluster sees the 2 files of captures of 2026-11-10\./);
  }
  await assert.rejects(checkCluster(plain({ user: "spampots", catalog: "other" }), lake, { fine: [], warnings: [] }), {
    message: /no catalogue of this name/,
  });
});

test("a user that may make nothing is told what its administrator has to run, and then sees the lake", async () => {
  const wanted = await putDays("read", 2);
  const settings = plain({ schema: "read", user: "reader" });
  const cluster = await openCluster(settings);
  const tables = new Tables(cluster, { ...settings, lake: "s3://lake/read" });
  const { hint = "" } = await failureOf(tables.prepare(wanted));
  const [, statements = ""] = /run: (.*)$/s.exec(hint) ?? [];
  for (const statement of statements.split("; ")) await secured.cluster.query(statement);
  await tables.prepare(wanted);
  const engine = await openTrino(settings, "s3://lake/read");
  const selection = { ...wanted, ...allCount };
  let rows = 0;
  const sql = "t AS (SELECT batch FROM captures) SELECT batch FROM t";
  for await (const chunk of engine.rows({ captures: selection }, sql)) rows += chunk.rows;
  assert.equal(rows, 2);
});
