/** Trino's protocol as it is when something goes wrong: what is asked again, what is given up, and what errors say. */
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { inspect } from "node:util";
import fc from "fast-check";
import { openWorld } from "../../../src/cli/world.ts";
import { type ErrorCode, isError, SpampotsError } from "../../../src/errors.ts";
import { pages, rowsOf } from "../../../src/lake/trino/query.ts";
import { exactJson } from "../../../src/lake/trino/request.ts";
import { makeTable } from "../../../src/lake/trino/sql.ts";
import { Tables } from "../../../src/lake/trino/tables.ts";
import { openCluster, openTrino } from "../../../src/lake/trino/trino.ts";
import { type Answer, type Coordinator, failed, numbers, startCoordinator } from "./coordinator.ts";

const secret = "a-secret-that-no-text-holds";
const settingsOf = ({ url }: Pick<Coordinator, "url">) => ({
  url,
  catalog: "lake",
  schema: "spampots",
  user: "feeds",
  password: secret,
});
const statement = { sql: "SELECT n", tags: ["spampots", "feed:x"] };

async function opened(t: TestContext, answers: readonly Answer[], patienceMs = 2_000) {
  const coordinator = await startCoordinator(t, answers);
  return { coordinator, cluster: await openCluster(settingsOf(coordinator), patienceMs) };
}

async function failureOf(work: Promise<unknown>): Promise<SpampotsError> {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof SpampotsError, inspect(error));
  assert.ok(!inspect(error, { depth: 20, showHidden: true }).includes(secret), "an error holds the password");
  assert.ok(!inspect(error, { depth: 20 }).includes(Buffer.from(`feeds:${secret}`).toString("base64")));
  return error;
}

/** Waits for what is about to be so. */
async function until(isSo: () => boolean): Promise<void> {
  const end = performance.now() + 20_000;
  while (!isSo()) {
    assert.ok(performance.now() < end, "it never was so");
    await new Promise((done) => setTimeout(done, 5));
  }
}

test("pages are joined; their host is never taken from an answer, so that credentials stay where they belong", async (t) => {
  const { coordinator, cluster } = await opened(t, [numbers([], 1), numbers([1, 2], 2), numbers([], 3), numbers([3])]);
  assert.deepEqual(await rowsOf(cluster, statement), [[1], [2], [3]]);
  const basic = `Basic ${Buffer.from(`feeds:${secret}`).toString("base64")}`;
  assert.deepEqual(
    coordinator.asked.map(({ method, path }) => `${method} ${path}`),
    ["POST /v1/statement", ...[1, 2, 3].map((token) => `GET /v1/statement/executing/q1/slug/${token}`)],
  );
  for (const { headers } of coordinator.asked) assert.equal(headers.authorization, basic);
  const [post] = coordinator.asked;
  assert.equal(post?.headers["x-trino-client-tags"], "spampots,feed:x");
  assert.equal(post?.headers["x-trino-source"], "spampots-feeds");
  assert.equal(post?.body, "-- spampots feed:x\nSELECT n");
});

test("answers that are lost or put off are asked for again, a page by its own token", async (t) => {
  const put: Answer[] = [429, 502, 503, 504].map((status) => ({ status }));
  const { coordinator, cluster } = await opened(t, [
    "reset",
    ...put,
    numbers([1], 1),
    "reset",
    { status: 503 },
    { status: 200, body: '{"id":"q1","columns":[{"name":"n","type":"bigint"}],"data":[[2' },
    { status: 200, body: "<html>One moment</html>" },
    numbers([2]),
  ]);
  assert.deepEqual(await rowsOf(cluster, statement), [[1], [2]]);
  assert.deepEqual(
    coordinator.asked.map(({ path }) => path.split("/").at(-1)),
    [...Array.from({ length: 6 }, () => "statement"), "1", "1", "1", "1", "1"],
  );
});

test("a cluster that is being started is asked again from the beginning, but never after its first rows", async (t) => {
  const starting = failed("SERVER_STARTING_UP");
  const early = await opened(t, [starting, numbers([], 1), failed("NO_NODES_AVAILABLE"), numbers([7])]);
  assert.deepEqual(await rowsOf(early.cluster, statement), [[7]]);
  const late = await opened(t, [numbers([7], 1), failed("NO_NODES_AVAILABLE"), numbers([7])]);
  assert.equal((await failureOf(rowsOf(late.cluster, statement))).code, "engine-unavailable");
});

test("patience ends: with a coordinator that isn't there, is busy, or hangs", async (t) => {
  for (const answer of ["reset", "silence", { status: 503 }, failed("SERVER_STARTING_UP")] as const) {
    const { cluster } = await opened(t, [answer], 300);
    const begun = performance.now();
    const error = await failureOf(rowsOf(cluster, statement));
    assert.equal(error.code, "engine-unavailable", inspect(answer));
    assert.ok(performance.now() - begun < 3_000);
    assert.notEqual(error.hint, undefined);
  }
  const gone = await openCluster(settingsOf({ url: "http://127.0.0.1:1" }), 300);
  assert.equal((await failureOf(rowsOf(gone, statement))).code, "engine-unavailable");
});

test("a coordinator with a fault of its own is away, not another server", async (t) => {
  const { cluster } = await opened(t, [{ status: 500 }]);
  assert.equal((await failureOf(rowsOf(cluster, statement))).code, "engine-unavailable");
});

test("what another try doesn't mend ends at once, and says what to do", async (t) => {
  const html = { status: 200, body: "<html>Sign in</html>" };
  const elsewhere = { status: 302, headers: { Location: "http://127.0.0.1:1/" } };
  const cases: readonly [Answer, RegExp][] = [
    [{ status: 401 }, /refuses this user/],
    [{ status: 403 }, /refuses this user/],
    [{ status: 404 }, /isn't the coordinator/],
    [html, /isn't the coordinator/],
    [{ status: 200, body: '{"status":"fine"}' }, /isn't the coordinator/],
    [elsewhere, /isn't the coordinator/],
  ];
  for (const [answer, message] of cases) {
    const { coordinator, cluster } = await opened(t, [answer], 60_000);
    const error = await failureOf(rowsOf(cluster, statement));
    assert.equal(error.code, "engine-failed");
    assert.match(error.message, message);
    assert.match(String(error.hint), /SPAMPOTS_TRINO_/);
    assert.equal(coordinator.asked.length, 1, "it isn't asked again, and no redirect is followed");
  }
});

test("a page that names no page after it ends the query, which is cancelled by the page before", async (t) => {
  const { coordinator, cluster } = await opened(t, [numbers([1], 1), numbers([2], 2, "http://[")]);
  const { code } = await failureOf(rowsOf(cluster, statement));
  assert.equal(code, "engine-failed");
  const last = coordinator.asked.at(-1);
  assert.deepEqual([last?.method, last?.path], ["DELETE", "/v1/statement/executing/q1/slug/1"]);
});

test("a query that a new coordinator doesn't know is lost: made again, it may succeed", async (t) => {
  for (const status of [404, 410, 500]) {
    const { cluster } = await opened(t, [numbers([1], 1), { status }]);
    const { code, facts } = await failureOf(rowsOf(cluster, statement));
    assert.deepEqual([code, facts.again, facts.query], ["engine-unavailable", true, "q1"]);
  }
});

test("Trino's names of errors say whether a query is lost, refused, or of a damaged file", async (t) => {
  const cases: readonly [string, ErrorCode, boolean][] = [
    ["REMOTE_HOST_GONE", "engine-unavailable", true],
    ["PAGE_TRANSPORT_TIMEOUT", "engine-unavailable", true],
    ["HIVE_CANNOT_OPEN_SPLIT", "engine-unavailable", true],
    ["QUERY_QUEUE_FULL", "engine-unavailable", false],
    ["ADMINISTRATIVELY_KILLED", "engine-unavailable", false],
    ["GENERIC_INSUFFICIENT_RESOURCES", "engine-unavailable", false],
    ["COLUMN_NOT_FOUND", "engine-failed", false],
    ["EXCEEDED_LOCAL_MEMORY_LIMIT", "engine-failed", false],
    ["EXCEEDED_TIME_LIMIT", "engine-failed", false],
    ["QUERY_TEXT_TOO_LARGE", "engine-failed", false],
    ["PERMISSION_DENIED", "engine-failed", false],
    ["HIVE_BAD_DATA", "lake-damaged", false],
  ];
  for (const [name, code, again] of cases) {
    const { cluster } = await opened(t, [failed(name)]);
    const error = await failureOf(rowsOf(cluster, statement));
    assert.deepEqual([error.code, error.facts.again, error.facts.error], [code, again, name]);
    assert.match(String(error.hint), /\w/);
    assert.equal(error.cause instanceof Error && error.cause.message, `it was ${name}`);
  }
  const { cluster } = await opened(t, [failed("SYNTAX_ERROR")]);
  const refused = await failureOf(rowsOf(cluster, statement));
  assert.equal(refused.code, "engine-failed");
  assert.match(String(refused.hint), /spampots check/);
});

test("a reader that stops, fails or is interrupted has the query cancelled before anything else happens", async (t) => {
  const endless = () => opened(t, [numbers([1], 1)]);
  const deleted = ({ asked }: Coordinator) => asked.filter(({ method }) => method === "DELETE").length;
  const stopped = await endless();
  for await (const _ of pages(stopped.cluster, statement)) break;
  assert.equal(deleted(stopped.coordinator), 1);

  const broken = await endless();
  await assert.rejects(async () => {
    for await (const _ of pages(broken.cluster, statement)) throw new Error("the disk is full");
  }, /disk is full/);
  assert.equal(deleted(broken.coordinator), 1);

  // The first answer names a page, which then doesn't come.
  const waiting = await opened(t, [numbers([], 1), "silence"], 60_000);
  const stop = new AbortController();
  const failure = failureOf(rowsOf(waiting.cluster, { ...statement, signal: stop.signal }));
  await until(() => waiting.coordinator.asked.some(({ method }) => method === "GET"));
  stop.abort();
  assert.equal((await failure).code, "engine-failed");
  assert.equal(deleted(waiting.coordinator), 1);
});

test("a page is asked for when its reader wants it", async (t) => {
  const { coordinator, cluster } = await opened(t, [numbers([1], 1)]);
  let read = 0;
  for await (const _ of pages(cluster, statement)) {
    read += 1;
    await new Promise((done) => setTimeout(done, 20));
    assert.equal(coordinator.asked.length, read);
    if (read === 3) break;
  }
});

for (const how of ["close", "interrupt"] as const) {
  test(`after ${how} an engine takes no more, and what it was at ends`, async (t) => {
    const coordinator = await startCoordinator(t, [numbers([], 1), "silence"]);
    const engine = await openTrino(settingsOf(coordinator), "s3://lake/here");
    const nothing = {
      dataset: "captures" as const, // the dataset's own type
      days: [],
      whole: [],
      mixed: [],
      counted: { only: false, batches: [] },
      overlapping: [],
      [Symbol.dispose]: () => {},
    };
    const read = async () => {
      for await (const _ of engine.rows({ captures: nothing }, "SELECT 1")) assert.fail("there are no rows");
    };
    const reading = failureOf(read());
    await until(() => coordinator.asked.some(({ method }) => method === "GET"));
    engine[how]();
    assert.equal((await reading).code, "engine-failed");
    assert.equal((await failureOf(read())).code, "engine-failed");
    assert.equal(coordinator.asked.filter(({ method }) => method === "POST").length, 1);
  });
}

test("numbers beyond 53 bits stay what they are, wherever they stand; texts that hold some, too", () => {
  const big = fc.oneof(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), fc.maxSafeInteger().map(BigInt));
  const cell = fc.oneof(big, fc.string(), fc.constant(null), fc.boolean(), fc.constant(`[12345678901234567890]`));
  const write = (value: unknown): string =>
    Array.isArray(value)
      ? `[${value.map(write).join(",")}]`
      : typeof value === "bigint"
        ? String(value)
        : JSON.stringify(value);
  const expected = (value: unknown): unknown =>
    Array.isArray(value)
      ? value.map(expected)
      : typeof value === "bigint" && Number.isSafeInteger(Number(value)) && BigInt(Number(value)) === value
        ? Number(value)
        : value;
  fc.assert(
    fc.property(fc.array(fc.array(cell)), (rows) => {
      assert.deepEqual(exactJson(write(rows)), expected(rows));
    }),
  );
  assert.deepEqual(exactJson('{"data":[[9007199254740993,-9223372036854775808]]}'), {
    data: [[9007199254740993n, -9223372036854775808n]],
  });
});

test("a file of certificates that can't be read, or is none, is named before anything is asked", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "spampots-ca-"));
  t.after(() => rm(folder, { recursive: true }));
  const ca = join(folder, "ca.pem");
  const open = () => openCluster({ ...settingsOf({ url: "https://127.0.0.1:1" }), ca });
  assert.equal((await failureOf(open())).code, "bad-argument");
  await writeFile(ca, "not a certificate");
  const error = await failureOf(open());
  assert.ok(isError(error, "bad-argument") && String(error.hint).includes("SPAMPOTS_TRINO_CA"));
});

/** A cluster with a table of two days, and what it shows; `broken` answers in the place of what it fits. */
async function tablesOf(t: TestContext, broken: (body: string) => Answer | undefined = () => undefined) {
  const page = (data: readonly (readonly string[])[]): Answer => ({
    page: { id: "q1", columns: [{ name: "x", type: "varchar" }], data },
  });
  const days = ["2026-11-16", "2026-11-17"];
  const shown = days.map((day) => `s3://lake/here/captures/day=${day}/a.parquet`);
  const coordinator = await startCoordinator(t, ({ body }) => {
    const answer = broken(body);
    if (answer !== undefined) return answer;
    if (body.includes("information_schema")) return page([["captures"]]);
    if (body.includes("$partitions")) return page(days.map((day) => [day]));
    return page(shown.filter((file) => body.includes(file)).map((file) => [file]));
  });
  const settings = settingsOf(coordinator);
  const tables = new Tables(await openCluster(settings, 300), { ...settings, lake: "s3://lake/here" });
  const wanted = { dataset: "captures" as const, days, whole: shown, mixed: [] }; // the dataset's own type
  return { coordinator, tables, wanted };
}

test("files that were seen aren't asked for again; one that isn't shown is an error, and so is a day that isn't known", async (t) => {
  const { coordinator, tables, wanted } = await tablesOf(t);
  const asked = () => coordinator.asked.filter(({ body }) => body.includes('"$path"')).length;
  await tables.prepare(wanted);
  await tables.prepare(wanted);
  assert.equal(asked(), 1);
  const unseen = "s3://lake/here/captures/day=2026-11-17/b.parquet";
  const error = await failureOf(tables.prepare({ ...wanted, mixed: [unseen] }));
  assert.deepEqual([error.code, error.facts.file, asked()], ["engine-failed", unseen, 2]);
  const unknown = await failureOf(tables.prepare({ ...wanted, days: [...wanted.days, "2026-11-18"] }));
  assert.deepEqual([unknown.code, unknown.facts.day], ["engine-failed", "2026-11-18"]);
});

test("a lake at another place, and a release with other columns, have tables of their own", async () => {
  const tables = { catalog: "lake", schema: "spampots", lake: "s3://lake/here" };
  const nameOf = (text: string) => /"((?:captures|requests)_[0-9a-f]{8})" \(/.exec(text)?.[1] ?? assert.fail(text);
  const names = [
    makeTable(tables, "captures"),
    makeTable({ ...tables, lake: "s3://lake/there" }, "captures"),
    makeTable(tables, "requests"),
  ].map(nameOf);
  assert.equal(new Set(names).size, 3);
  assert.equal(nameOf(makeTable({ ...tables, schema: "other" }, "captures")), names[0]);
});

test("what fails while a table is made, or learns days, is told as it is; only a missing right is one", async (t) => {
  const away = failed("HIVE_METASTORE_ERROR");
  const nothing: Answer = { page: { id: "q1" } };
  const unmade = await tablesOf(t, (body) => {
    if (body.includes("information_schema")) return nothing;
    return body.includes("CREATE TABLE") ? away : undefined;
  });
  const metastore = await failureOf(unmade.tables.prepare(unmade.wanted));
  assert.deepEqual([metastore.code, metastore.facts.error], ["engine-unavailable", "HIVE_METASTORE_ERROR"]);
  assert.match(String(metastore.facts.said), /\S/);
  const unlearnt = await tablesOf(t, (body) => {
    if (body.includes("$partitions")) return nothing;
    return body.includes("sync_partition_metadata") ? away : undefined;
  });
  assert.equal((await failureOf(unlearnt.tables.prepare(unlearnt.wanted))).code, "engine-unavailable");
  const denied = await tablesOf(t, (body) => {
    if (body.includes("$partitions")) return nothing;
    return body.includes("sync_partition_metadata") ? failed("PERMISSION_DENIED") : undefined;
  });
  const right = await failureOf(denied.tables.prepare(denied.wanted));
  assert.match(String(right.hint), /asks for INSERT/);
  assert.equal(denied.coordinator.asked.filter(({ body }) => body.includes("sync_partition")).length, 1);
});

test("tables lie where the lake's files do, also where the setting ends in a slash", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "spampots-slash-"));
  t.after(() => rm(folder, { recursive: true }));
  const nothing: Answer = { page: { id: "q1" } };
  const coordinator = await startCoordinator(t, ({ body }) =>
    body.includes("CREATE TABLE") ? failed("PERMISSION_DENIED") : nothing,
  );
  const world = await openWorld(
    {},
    {
      SPAMPOTS_DATA: folder,
      SPAMPOTS_LAKE: "s3://lake/here/",
      SPAMPOTS_ENGINE: "trino",
      SPAMPOTS_TRINO_URL: coordinator.url,
    },
  );
  t.after(() => world.close());
  const [day, file] = ["2026-11-16", "s3://lake/here/captures/day=2026-11-16/a.parquet"];
  const captures = {
    dataset: "captures" as const, // the dataset's own type
    days: [day],
    whole: [file],
    mixed: [],
    counted: { only: false, batches: [] },
    overlapping: [],
    [Symbol.dispose]: () => {},
  };
  const engine = await world.engine();
  await failureOf(engine.rows({ captures }, "SELECT 1")[Symbol.asyncIterator]().next());
  const made = coordinator.asked.filter(({ body }) => body.includes("CREATE TABLE"));
  assert.ok(
    made.length > 0 && made.every(({ body }) => body.includes("external_location = 's3://lake/here/captures'")),
  );
});
