/** Loading: the default tables, which table is in force, age, and agreement of the default with independent sources. */
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { oldTableDays, tableAgeDays, tablesFromShared } from "../../src/enrich/attribution.ts";
import { importTable } from "../../src/enrich/table-import.ts";
import { listTables } from "../../src/enrich/table-list.ts";
import { loadTables } from "../../src/enrich/table-load.ts";
import { isError } from "../../src/errors.ts";
import { openDiskStore } from "../../src/store/disk.ts";
import { folderFor, sharedFile } from "./folder.ts";

/** The default tables, made once for this file. */
let defaults = openDiskStore("unmade");
let folder = "";
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "enrich-default-"));
  defaults = openDiskStore(folder);
  await loadTables(defaults);
});
after(() => rm(folder, { recursive: true, force: true }));

const day = (text: string) => Date.parse(text);

test("an empty folder gets the default tables, dated by their packages, once", async () => {
  const first = await listTables(defaults);
  assert.deepEqual(
    first.map(({ kind, name, date, source, used }) => ({ kind, name, date, source, used })),
    [
      { kind: "asn", name: "ip-location-db-asn", date: "2026-06-17", source: "default", used: true },
      {
        kind: "economy",
        name: "ip-location-db-geo-whois-asn-country",
        date: "2026-06-17",
        source: "default",
        used: true,
      },
    ],
  );
  const { tables, shared } = await loadTables(defaults);
  assert.deepEqual(await listTables(defaults), first);
  const attribution = tablesFromShared(shared());
  assert.deepEqual(attribution.tables, tables);
  assert.equal(attribution.asn("168.95.1.1", day("2026-11-01"))?.asn, 3462);
  assert.equal(attribution.economy("2001:b000:168::1", day("2026-11-01")), "TW");
  for (const { addresses } of first) assert.ok(addresses / 2 ** 32 > 0.75 && addresses / 2 ** 32 < 0.9);
});

const consensus = sharedFile("geo/consensus.csv");
/** Least share of addresses on whose economy five of six sources agree that the default table puts there too. */
const floors = { TW: 0.99, JP: 0.99, AU: 0.99, UY: 0.97, PL: 0.99, HK: 0.99 };

test("the default table agrees with independent sources for each partner economy", consensus.needed, async (t) => {
  const { economy } = tablesFromShared((await loadTables(defaults)).shared());
  const rows = (await readFile(consensus.path, "utf8"))
    .split(/\r?\n/)
    .slice(1)
    .map((line) => line.split(","));
  for (const [code, floor] of Object.entries(floors)) {
    const theirs = rows.filter((row) => row[1] === code);
    const ours = theirs.filter(([address = ""]) => economy(address, day("2026-11-01")) === code);
    const share = ours.length / theirs.length;
    t.diagnostic(`${code}: ${ours.length} of ${theirs.length} addresses, ${(100 * share).toFixed(2)} %`);
    assert.ok(theirs.length >= 40 && share >= floor, `${code}: ${share}`);
  }
});

test("the newest table not younger than the instant is in force, else the oldest", async (t) => {
  const { store, write } = await folderFor(t);
  for (const [date, code] of [
    ["2026-03-01", "HK"],
    ["2026-01-01", "TW"],
    ["2026-02-01", "JP"],
  ] as const) {
    const files = [await write(date, `1.0.0.0,1.0.0.255,${code}\n`)];
    await importTable({ files, kind: "economy", name: "dated", date, store });
    await importTable({
      files: [await write("asn", `1.0.0.0,1.0.0.255,${Number(date.slice(5, 7))},Net\n`)],
      kind: "asn",
      name: "dated",
      date,
      store,
    });
  }
  const { economy, asn, tables } = tablesFromShared((await loadTables(store)).shared());
  const at = ["2025-06-01", "2026-01-01", "2026-01-31T23:59:59.999Z", "2026-02-01", "2026-02-28", "2027-01-01"].map(
    day,
  );
  assert.deepEqual(
    at.map((instant) => economy("1.0.0.1", instant)),
    ["TW", "TW", "TW", "JP", "JP", "HK"],
  );
  assert.deepEqual(
    at.map((instant) => asn("1.0.0.1", instant)?.asn),
    [1, 1, 1, 2, 2, 3],
  );
  assert.equal(economy("1.0.1.0", at[0] ?? 0), undefined);
  assert.deepEqual(
    tables.map(({ kind, date }) => `${kind} ${date}`),
    [
      ...["asn 2026-01-01", "asn 2026-02-01", "asn 2026-03-01"],
      ...["economy 2026-01-01", "economy 2026-02-01", "economy 2026-03-01"],
    ],
  );
});

test("once a kind is imported its default is neither made nor used", async (t) => {
  const { store, write } = await folderFor(t);
  const row = await write("row.csv", "1.0.0.0,1.0.0.255,AU\n");
  await importTable({ files: [row], kind: "economy", name: "as-default", date: "2026-06-17", store }, "default");
  await importTable({
    files: [await write("asn.csv", "1.0.0.0,1.0.0.255,7,Net\n")],
    kind: "asn",
    name: "mine",
    date: "2026-06-17",
    store,
  });
  await importTable({ files: [row], kind: "economy", name: "mine", date: "2026-07-01", store });
  const { tables, shared } = await loadTables(store);
  assert.deepEqual(
    tables.map(({ name }) => name),
    ["mine", "mine"],
  );
  assert.deepEqual(
    (await listTables(store)).map(({ name, used }) => [name, used]),
    [
      ["mine", true],
      ["as-default", false],
      ["mine", true],
    ],
  );
  assert.equal(tablesFromShared(shared()).economy("1.0.0.1", 0), "AU");
});

test("a damaged table is named and not used", async (t) => {
  const { store, write } = await folderFor(t);
  const put = async (kind: "economy" | "asn", row: string) =>
    (await importTable({ files: [await write(kind, row)], kind, name: "mine", date: "2026-06-17", store })).key;
  await put("asn", "1.0.0.0,1.0.0.255,7,Net\n");
  const key = await put("economy", "1.0.0.0,1.0.0.255,AU\n");
  const bytes = Buffer.from((await store.get(key)) ?? []);
  bytes[bytes.length - 1] = 77;
  await write(join("tables", key), bytes);
  await assert.rejects(
    loadTables(store),
    (error) => isError(error, "bad-table") && error.facts.table === "economy 2026-06-17 mine",
  );
  await write(join("tables", key), bytes.subarray(0, 60));
  await assert.rejects(loadTables(store), (error) => isError(error, "bad-table") && error.facts.table === key);
});

test("age in days", () => {
  const statement = { kind: "economy", name: "x", date: "2026-06-17", rows: 1, sha256: "", source: "csv" } as const;
  assert.equal(tableAgeDays(statement, day("2026-06-17T23:59:59Z")), 0);
  assert.equal(tableAgeDays(statement, day("2026-07-22")), oldTableDays);
  assert.equal(tableAgeDays(statement, day("2026-06-16")), -1);
});
