/** Table files: what is looked up is what was put in, in any thread, and damage is found. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Worker } from "node:worker_threads";
import fc from "fast-check";
import { ipv4Text, ipv6Text } from "../../src/capture/address.ts";
import { precedence, type Row } from "../../src/enrich/ranges.ts";
import { decodeHeader, decodeTable, encodeTable, greatestIpv4, greatestIpv6 } from "../../src/enrich/table.ts";
import { isError } from "../../src/errors.ts";

const named = { kind: "economy", name: "law", date: "2026-01-02", source: "csv" } as const;

function shared(bytes: Uint8Array): SharedArrayBuffer {
  const file = new SharedArrayBuffer(bytes.length);
  new Uint8Array(file).set(bytes);
  return file;
}

const ipv6Of = (address: bigint) =>
  ipv6Text(Uint16Array.from({ length: 8 }, (_, place) => Number((address >> BigInt(112 - place * 16)) & 0xffffn)));

/** Rows whose ends crowd together, so that they touch, nest and cross. */
const rowsTo = (greatest: bigint) => {
  const crowd = fc.oneof(
    fc.bigInt(0n, greatest),
    fc.bigInt(0n, 40n).map((near) => (greatest >> 1n) + near),
    fc.constantFrom(0n, greatest),
  );
  const value = fc.constantFrom("", "AU", "HK", "TW");
  return fc.array(
    fc
      .tuple(crowd, crowd, value)
      .map(([a, b, text]): Row => ({ first: a < b ? a : b, last: a < b ? b : a, value: text })),
    { maxLength: 20 },
  );
};

const naive = (rows: readonly Row[], address: bigint) =>
  rows
    .filter(({ first, last }) => first <= address && address <= last)
    .toSorted(precedence)
    .at(-1)?.value ?? "";

const edges = (rows: readonly Row[], greatest: bigint) =>
  rows
    .flatMap(({ first, last }) => [first - 1n, first, first + 1n, last - 1n, last, last + 1n])
    .concat(0n, greatest)
    .filter((address) => address >= 0n && address <= greatest);

test("lookups around every edge agree with a linear scan, IPv4 and IPv6", () => {
  fc.assert(
    fc.property(rowsTo(greatestIpv4), rowsTo(greatestIpv6), (ipv4, ipv6) => {
      const table = decodeTable(shared(encodeTable({ ...named, ipv4, ipv6 })));
      for (const address of edges(ipv4, greatestIpv4))
        assert.equal(table.values[table.find(ipv4Text(Number(address)))], naive(ipv4, address));
      for (const address of edges(ipv6, greatestIpv6))
        assert.equal(table.values[table.find(ipv6Of(address))], naive(ipv6, address));
    }),
  );
});

test("the order of rows doesn't change a byte", () => {
  const lists = rowsTo(greatestIpv4).chain((list) =>
    fc.tuple(fc.constant(list), fc.shuffledSubarray(list, { minLength: list.length })),
  );
  fc.assert(
    fc.property(lists, ([ipv4, other]) => {
      assert.deepEqual(encodeTable({ ...named, ipv4: other, ipv6: [] }), encodeTable({ ...named, ipv4, ipv6: [] }));
    }),
  );
});

const rows: Row[] = [
  { first: 0n, last: 0n, value: "TW" },
  { first: greatestIpv4 - 1n, last: greatestIpv4, value: "TW" },
  { first: 0x01020300n, last: 0x010203ffn, value: "AU" },
];
const ipv6 = [{ first: greatestIpv6, last: greatestIpv6, value: "HK" }];

test("the header says what the table holds", () => {
  const bytes = encodeTable({ ...named, ipv4: rows, ipv6 });
  const { statement, extent } = decodeHeader(bytes);
  assert.deepEqual(extent, { addresses: 259, values: 3 });
  assert.deepEqual({ ...statement, sha256: "" }, { ...named, rows: 4, sha256: "" });
  assert.equal(decodeTable(shared(bytes)).statement.sha256, statement.sha256);
  const renamed = decodeHeader(encodeTable({ ...named, date: "2026-01-03", ipv4: rows, ipv6 }));
  assert.notEqual(renamed.statement.sha256, statement.sha256, "the date is under the digest");
});

test("what is no address, or isn't normalised, has no value", () => {
  const table = decodeTable(shared(encodeTable({ ...named, ipv4: rows, ipv6 })));
  for (const text of ["", "1.2.3", "1.2.3.256", "01.2.3.4", "[::1]", "x", "1.2.3.4 ", "::ffff:1.2.3.4"])
    assert.equal(table.find(text), 0, text);
  assert.equal(table.values[table.find("1.2.3.4")], "AU");
});

test("any byte changed or cut off is found", () => {
  const bytes = encodeTable({ ...named, ipv4: rows, ipv6 });
  fc.assert(
    fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (place, change) => {
      const broken = Buffer.from(bytes);
      broken[place] = (broken[place] ?? 0) ^ change;
      assert.throws(
        () => decodeTable(shared(broken)),
        (error) => isError(error, "bad-table"),
      );
      assert.throws(
        () => decodeTable(shared(bytes.subarray(0, place))),
        (error) => isError(error, "bad-table"),
      );
    }),
    { numRuns: 300 },
  );
});

test("another thread reads the same memory", async () => {
  const file = shared(encodeTable({ ...named, ipv4: rows, ipv6 }));
  const path = new URL("../../src/enrich/attribution.ts", import.meta.url).href;
  const code = `
    import { parentPort, workerData } from "node:worker_threads";
    const { tablesFromShared } = await import(${JSON.stringify(path)});
    parentPort.postMessage(tablesFromShared(workerData).economy("1.2.3.4", 0));`;
  const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(code)}`), {
    workerData: { files: [file] },
  });
  assert.equal(await new Promise((resolve, reject) => worker.once("message", resolve).once("error", reject)), "AU");
  await worker.terminate();
});
