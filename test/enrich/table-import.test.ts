/** Files of operators become tables: every format, dates, what is refused, and known facts of the registries' files. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { ipv4Number, ipv4Text } from "../../src/capture/address.ts";
import { tablesFromShared } from "../../src/enrich/attribution.ts";
import { isEconomy } from "../../src/enrich/economies.ts";
import type { TableKind } from "../../src/enrich/table.ts";
import { type ImportRequest, importTable } from "../../src/enrich/table-import.ts";
import { listTables } from "../../src/enrich/table-list.ts";
import type { SpampotsError } from "../../src/errors.ts";
import { isError } from "../../src/errors.ts";
import type { Store } from "../../src/store/store.ts";
import { folderFor, sharedFile } from "./folder.ts";

const fixtures = join(import.meta.dirname, "fixtures");
const header = "2|apnic|20160131|4||20160130|+1000\n";

/** Imports files and answers as the table alone would. */
async function imported(store: Store, request: Omit<ImportRequest, "store" | "name">) {
  const made = await importTable({ name: "test", store, ...request });
  const bytes = (await store.get(made.key)) ?? assert.fail("the table isn't in the folder");
  const file = new SharedArrayBuffer(bytes.length);
  new Uint8Array(file).set(bytes);
  const attribution = tablesFromShared({ files: [file] });
  return {
    made,
    economy: (address: string) => attribution.economy(address, 0),
    asn: (address: string) => attribution.asn(address, 0),
  };
}

async function refused(work: Promise<unknown>, code: "bad-table" | "bad-argument"): Promise<SpampotsError> {
  try {
    await work;
  } catch (error) {
    if (isError(error, code)) return error;
    throw error;
  }
  return assert.fail("it was accepted");
}

test("delegated-extended: held space has its economy; free space, EU, AP, ZZ and AS lines have none", async (t) => {
  const { store, write } = await folderFor(t);
  const file = await write(
    "delegated",
    `\ufeff\n# a comment\n${header}apnic|*|ipv4|*|5|summary\n${[
      "apnic|TW|ipv4|10.0.0.0|768|20100505|allocated|A1",
      "apnic|JP|ipv4|10.0.3.0|256|20100505|assigned|A2",
      "apnic|EU|ipv4|10.0.4.0|256|20100505|allocated|A3",
      "apnic|AP|ipv4|10.0.5.0|256|20100505|assigned|A3",
      "apnic|ZZ|ipv4|10.0.6.0|256||available|",
      "apnic||ipv4|10.0.7.0|256||reserved|",
      "apnic|AU|asn|1221|1|20000131|allocated|A4",
      "apnic|HK|ipv6|2001:db8::|33|20000131|allocated|A5",
      "apnic|TW|ipv4|255.255.255.255|1|20000131|assigned|A6",
    ].join("\r\n")}`,
  );
  const { made, economy } = await imported(store, { files: [file], kind: "economy" });
  assert.deepEqual([made.date, made.source, made.rows, made.malformed], ["2016-01-30", "delegated-extended", 6, 0]);
  assert.deepEqual([made.addresses, made.values], [768 + 256 + 1, 3]);
  assert.deepEqual(["10.0.2.255", "10.0.3.0", "10.0.4.0", "10.0.5.9", "10.0.6.0", "10.0.7.0"].map(economy), [
    ...["TW", "JP"],
    ...[undefined, undefined, undefined, undefined],
  ]);
  assert.deepEqual(["2001:db8::", "2001:db8:7fff:ffff::", "2001:db8:8000::"].map(economy), ["HK", "HK", undefined]);
  assert.equal(economy("255.255.255.255"), "TW");
});

test("delegated-extended to file to lookup is the plain reading of its lines", async (t) => {
  const { store, write } = await folderFor(t);
  const line = fc.record({
    code: fc.constantFrom("TW", "JP", "EU", "UY"),
    start: fc.nat(400).map((near) => 0x01020000 + near),
    count: fc.integer({ min: 1, max: 60 }),
    status: fc.constantFrom("allocated", "assigned", "available", "reserved"),
  });
  let day = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(line, { minLength: 1, maxLength: 12 }), async (given) => {
      // Registries don't give an address twice: what overlaps an earlier line is left out.
      const lines = given.filter((a, place) =>
        given.slice(0, place).every((b) => a.start + a.count <= b.start || b.start + b.count <= a.start),
      );
      const held = lines.filter(({ status }) => status === "allocated" || status === "assigned");
      if (held.length === 0) return;
      const text = lines
        .map((a) => `apnic|${a.code}|ipv4|${ipv4Text(a.start)}|${a.count}|20100101|${a.status}|x`)
        .join("\n");
      day += 1;
      const date = new Date(Date.UTC(2000, 0, day)).toISOString().slice(0, 10);
      const { economy } = await imported(store, { files: [await write("law", header + text)], kind: "economy", date });
      for (let address = 0x01020000 - 1; address <= 0x01020000 + 461; address += 1) {
        const code = held.find((a) => a.start <= address && address < a.start + a.count)?.code ?? "";
        assert.equal(economy(ipv4Text(address)), isEconomy(code) ? code : undefined);
      }
    }),
    { numRuns: 30 },
  );
});

test("CSV of economies: a header, quotes, unknown codes, both families, several files", async (t) => {
  const { store, write } = await folderFor(t);
  const ipv4 = await write(
    "ipv4.csv",
    'start,end,economy\n1.0.0.0,1.0.0.255,AU\n"1.0.1.0","1.0.3.255","EU"\n1.1.0.0,1.1.0.0,-\n',
  );
  const ipv6 = await write("ipv6.csv", "\ufeff2001:b000::,2001:b0ff:ffff:ffff:ffff:ffff:ffff:ffff,TW\n");
  const { made, economy } = await imported(store, { files: [ipv4, ipv6], kind: "economy", date: "2026-06-17" });
  assert.deepEqual([made.source, made.rows, made.malformed, made.addresses], ["csv", 4, 0, 256]);
  assert.deepEqual(["1.0.0.255", "1.0.1.0", "1.1.0.0", "2001:b0ab::1"].map(economy), [
    "AU",
    undefined,
    undefined,
    "TW",
  ]);
});

test("CSV of systems: names with commas and quotes, without name, AS 0, control characters", async (t) => {
  const { store, write } = await folderFor(t);
  const file = await write(
    "asn.csv",
    [
      '1.0.0.0,1.0.0.255,13335,"Cloudflare, Inc."',
      '1.0.4.0,1.0.7.255,AS38803,"The ""Quoted"" Company"',
      "1.0.16.0,1.0.16.255,2519,ARTERIA Networks Corporation\r",
      "1.0.17.0,1.0.17.255,4294967295",
      "1.0.18.0,1.0.18.255,0,Not routed",
      "1.0.19.0,1.0.19.255,64500,Bell\u0007 and \u202eturn",
    ].join("\n"),
  );
  const { asn, made } = await imported(store, { files: [file], kind: "asn", date: "2026-06-17" });
  assert.deepEqual(asn("1.0.0.1"), { asn: 13335, name: "Cloudflare, Inc." });
  assert.deepEqual(asn("1.0.5.1"), { asn: 38803, name: 'The "Quoted" Company' });
  assert.deepEqual(asn("1.0.16.1"), { asn: 2519, name: "ARTERIA Networks Corporation" });
  assert.deepEqual(asn("1.0.17.1"), { asn: 4294967295 });
  assert.equal(asn("1.0.18.1"), undefined);
  assert.deepEqual(asn("1.0.19.1"), { asn: 64500, name: "Bell\ufffd and \ufffdturn" });
  assert.equal(asn("1.0.0.1"), asn("1.0.0.2"), "one object for an AS");
  assert.equal(made.values, 5);
});

// Made by PyPI's mmdb_writer 0.2.7; 2002:c000:200::/40 stands where the IPv4 tree shows again, and is passed over.
test("MMDB: economy of registration before location, flat codes, both ends of the space, no aliases", async (t) => {
  const { store } = await folderFor(t);
  const { made, economy } = await imported(store, { files: [join(fixtures, "economy.mmdb")], kind: "economy" });
  assert.deepEqual([made.source, made.date, made.addresses], ["mmdb", "2026-11-22", 256 + 512 + 2 ** 17 + 1]);
  assert.deepEqual(
    ["1.0.0.0", "1.0.0.255", "1.0.1.0", "1.1.3.255", "1.35.255.255", "2.0.0.1", "223.255.255.255"].map(economy),
    ["AU", "AU", undefined, "JP", "TW", undefined, "HK"],
  );
  assert.deepEqual(
    [
      "2001:200::",
      "2001:200:2000::",
      "2001:bfff::1",
      "2002:c000:200::1",
      "::102:3",
      "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
    ].map(economy),
    ["JP", undefined, "TW", undefined, undefined, "HK"],
  );
});

test("MMDB of systems", async (t) => {
  const { store } = await folderFor(t);
  const { asn } = await imported(store, { files: [join(fixtures, "asn.mmdb")], kind: "asn" });
  assert.deepEqual(asn("168.95.1.1"), { asn: 3462, name: "Data Communication Business Group" });
  assert.deepEqual(asn("2001:b000::1"), { asn: 3462, name: "Data Communication Business Group" });
  assert.deepEqual(asn("200.40.30.245"), { asn: 6057 });
  assert.equal(asn("8.8.8.8"), undefined);
});

test("a damaged MMDB is refused", async (t) => {
  const { store, write } = await folderFor(t);
  const bytes = await readFile(join(fixtures, "economy.mmdb"));
  const file = await write("cut.mmdb", bytes.subarray(1500));
  const attempt = importTable({ files: [file], kind: "economy", name: "cut", store }).then(
    ({ rows }) => assert.fail(`it was accepted, with ${rows} rows`),
    (error: unknown) => error,
  );
  assert.ok(isError(await attempt, "bad-table"));
});

test("importing again changes nothing; another table of that kind and date is refused", async (t) => {
  const { store, write } = await folderFor(t);
  const file = await write("a.csv", "1.0.0.0,1.0.0.255,AU\n1.0.1.0,1.0.1.255,TW\n");
  const request = { files: [file], kind: "economy" as TableKind, name: "mine", date: "2026-06-17", store };
  const first = await importTable(request);
  const again = await importTable({
    ...request,
    files: [await write("b.csv", "1.0.1.0,1.0.1.255,TW\n1.0.0.0,1.0.0.255,AU\n")],
  });
  assert.deepEqual(again, { ...first, outcome: "exists" });
  assert.equal(first.key, `economy-2026-06-17-mine-${first.sha256.slice(0, 8)}.table`);
  const error = await refused(importTable({ ...request, name: "other" }), "bad-table");
  assert.equal(error.facts.key, first.key);
  await importTable({ ...request, date: "2026-06-18" });
  assert.deepEqual(
    (await listTables(store)).map(({ date, used }) => [date, used]),
    [
      ["2026-06-17", true],
      ["2026-06-18", true],
    ],
  );
});

test("malformed lines are counted; more than one in a thousand are refused, with their numbers", async (t) => {
  const { store, write } = await folderFor(t);
  const good = Array.from({ length: 1999 }, (_, place) => `${ipv4Text(place * 256)},${ipv4Text(place * 256 + 255)},TW`);
  const request = { kind: "economy" as TableKind, name: "mine", date: "2026-06-17", store };
  const accepted = await importTable({ ...request, files: [await write("few.csv", [...good, "garbage"].join("\n"))] });
  assert.deepEqual([accepted.rows, accepted.malformed], [1999, 1]);
  const bad = ["1.2.3.4", "1.0.1.0,1.0.0.0,TW", "1.0.0.0,::1,TW", "1.0.0.0,1.0.0.1,Taiwan"];
  const error = await refused(
    importTable({ ...request, files: [await write("many.csv", [...good, ...bad].join("\n"))] }),
    "bad-table",
  );
  assert.deepEqual(
    error.problems.map(({ line }) => line),
    [2000, 2001, 2002, 2003],
  );
  assert.equal(error.facts.malformed, 4);
  assert.deepEqual((await listTables(store)).length, 1, "nothing was put");
});

test("what is missing or mistaken is refused", async (t) => {
  const { store, write } = await folderFor(t);
  const csv = await write("a.csv", "1.0.0.0,1.0.0.255,AU\n");
  const delegated = await write("delegated", `${header}apnic|TW|ipv4|10.0.0.0|768|20100505|allocated|A1\n`);
  const request = { files: [csv], kind: "economy" as TableKind, name: "mine", date: "2026-06-17", store };
  const { date, ...undated } = request;
  await refused(importTable(undated), "bad-argument");
  for (const wrong of ["2026-02-30", "2026-6-1", "yesterday", "2026-13-01"])
    await refused(importTable({ ...request, date: wrong }), "bad-argument");
  for (const name of ["", "A", "a b", "../x", "-a", "a".repeat(41)])
    await refused(importTable({ ...request, name }), "bad-argument");
  await refused(importTable({ ...request, files: [join(fixtures, "missing.csv")] }), "bad-table");
  await refused(importTable({ ...request, files: [await write("empty", "")] }), "bad-table");
  await refused(importTable({ ...request, files: [] }), "bad-table");
  await refused(importTable({ ...request, files: [csv, delegated] }), "bad-table");
  await refused(importTable({ ...request, files: [delegated], kind: "asn" }), "bad-table");
  const broken = [
    "apnic|TW|ipv4|10.0.0.0|0|20100505|allocated|A1",
    "apnic|TW|ipv4|255.255.255.255|2|20100505|allocated|A1",
    "apnic|TW|ipv6|2001:db8::1|32|20100505|allocated|A1",
    "apnic|TW|ipv6|2001:db8::|129|20100505|allocated|A1",
    "apnic|TW|ipv4|10.0.0.0|256|20100505|held|A1",
    "apnic|TW|ipx|10.0.0.0|256|20100505|allocated|A1",
  ];
  const error = await refused(
    importTable({ ...request, files: [await write("broken", header + broken.join("\n"))] }),
    "bad-table",
  );
  assert.deepEqual(
    error.problems.map(({ line }) => line),
    [2, 3, 4, 5, 6, 7],
  );
  assert.equal(date, "2026-06-17");
});

const apnic = sharedFile("rir/delegated-apnic-extended-2016");
const lacnic = sharedFile("rir/delegated-lacnic-extended-2016");

test("the files of APNIC and LACNIC of January 2016: known facts, and every line of them", apnic.needed, async (t) => {
  const { store } = await folderFor(t);
  const { made, economy } = await imported(store, { files: [apnic.path, lacnic.path], kind: "economy" });
  assert.deepEqual([made.date, made.rows, made.malformed], ["2016-01-30", 52_169, 0]);
  const facts = {
    "168.95.1.1": "TW", // HiNet's resolver
    "1.34.0.1": "TW",
    "139.130.4.5": "AU", // Telstra's resolver
    "210.130.1.1": "JP",
    "200.40.30.245": "UY", // Antel's resolver
    "203.80.96.10": "HK",
    "200.160.2.3": "BR", // registro.br
    "2001:b000:168::1": "TW",
    "2001:200::1": "JP",
    "2800:a0::1": "UY",
  };
  assert.deepEqual(Object.fromEntries(Object.keys(facts).map((address) => [address, economy(address)])), facts);
  for (const unknown of ["146.88.19.1", "8.8.8.8", "193.0.0.1", "10.0.0.1", "2001:db8::1"])
    assert.equal(economy(unknown), undefined);
  let asked = 0;
  for (const path of [apnic.path, lacnic.path]) {
    for (const line of (await readFile(path, "utf8")).split("\n")) {
      const [, code = "", type, start = "", count, , status = ""] = line.split("|");
      const first = ipv4Number(start);
      if (type !== "ipv4" || first === undefined) continue;
      const expected = /allocated|assigned/.test(status) && isEconomy(code) ? code : undefined;
      assert.equal(economy(start), expected, line);
      assert.equal(economy(ipv4Text(first + Number(count) - 1)), expected, line);
      asked += 1;
    }
  }
  assert.ok(asked > 44_000);
});
