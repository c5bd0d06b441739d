import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { constants, gzipSync, zstdCompressSync } from "node:zlib";
import fc from "fast-check";
import { decompressed, decompressorFor } from "../../src/capture/decompress.ts";
import { LineBlocks, linesOf } from "../../src/capture/lines.ts";
import { fileDigest, type SpoolLimits, spoolBlocks, spoolLimits, spoolRecords } from "../../src/capture/spool-file.ts";
import { isError } from "../../src/errors.ts";

const folder = mkdtempSync(join(tmpdir(), "spampots-spool-"));
after(() => rmSync(folder, { recursive: true }));

const header = '{"v":1,"sensor":"sp-07","sealed_at":"2026-11-10T04:00:00Z"}';
const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");
const beat = (second: number) =>
  `{"kind":"heartbeat","at":"2026-11-10T03:00:${String(second % 60).padStart(2, "0")}Z"}`;
const heartbeats = (count: number) => Array.from({ length: count }, (_, index) => beat(index));

/** As the zstd command does by default; node doesn't. */
const checked = { params: { [constants.ZSTD_c_checksumFlag]: 1 } };

const packings: readonly (readonly [end: string, pack: (bytes: Buffer) => Buffer])[] = [
  [".ndjson", (bytes) => bytes],
  [".ndjson.gz", (bytes) => gzipSync(bytes)],
  [".ndjson.zst", (bytes) => zstdCompressSync(bytes, checked)],
];

function file(name: string, bytes: Buffer): string {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
}

interface Reading {
  readonly sensor: string | undefined;
  /** Lines as `number:text`, faults as `number!code`, in order. */
  readonly lines: string[];
  readonly blocks: number;
  readonly largest: number;
  readonly batch: string | undefined;
  readonly bytes: number | undefined;
  readonly count: number | undefined;
}

async function readAll(path: string, limits: Partial<SpoolLimits> = {}): Promise<Reading> {
  const lines: string[] = [];
  let sensor: string | undefined;
  let end: { batch: string; bytes: number; lines: number } | undefined;
  let blocks = 0;
  let largest = 0;
  for await (const part of spoolBlocks(path, { ...spoolLimits, ...limits })) {
    if (part.kind === "header") sensor = part.header.sensor;
    if (part.kind === "end") end = part;
    if (part.kind === "fault") {
      lines.push(`${part.line}!${part.error.code}${part.error.facts.altered === true ? " altered" : ""}`);
    }
    if (part.kind === "block") {
      blocks += 1;
      largest = Math.max(largest, part.bytes.length);
      for (const { line, text } of linesOf(part)) lines.push(`${line}:${text ?? "not UTF-8"}`);
    }
  }
  return { sensor, lines, blocks, largest, batch: end?.batch, bytes: end?.bytes, count: end?.lines };
}

for (const [end, pack] of packings) {
  test(`${end}: header, lines with their numbers, and the file's digest`, async () => {
    const texts = heartbeats(50_000);
    const packed = pack(Buffer.from(`${[header, ...texts].join("\n")}\n`));
    const path = file(`whole${end}`, packed);
    const reading = await readAll(path);
    assert.equal(reading.sensor, "sp-07");
    assert.deepEqual(
      reading.lines,
      texts.map((text, index) => `${index + 2}:${text}`),
    );
    assert.equal(reading.batch, sha256(packed));
    assert.equal(reading.bytes, packed.length);
    assert.equal(reading.count, 50_001);
    assert.equal(await fileDigest(path), reading.batch);
    assert.ok(reading.blocks >= 2, "several blocks");
    assert.ok(reading.largest < 3 * spoolLimits.blockBytes, `a block has ${reading.largest} bytes`);
  });

  test(`${end}: CRLF, empty lines, and a last line without line feed`, async () => {
    const text = `\r\n${header}\r\n\r\n{"a":1}\r\n  \n\n{"b":2}`;
    const reading = await readAll(file(`odd${end}`, pack(Buffer.from(text))));
    assert.deepEqual(reading.lines, ['4:{"a":1}\r', '7:{"b":2}']);
    assert.equal(reading.count, 7);
  });

  test(`${end}: a line that is too long is passed over, whatever stands around it`, async () => {
    const long = "x".repeat(1001);
    const text = [header, "a", long, long, "b", "y".repeat(1000), "c", long].join("\n");
    for (const blockBytes of [1, 100, 1e6]) {
      const reading = await readAll(file(`long${end}`, pack(Buffer.from(text))), { lineBytes: 1000, blockBytes });
      const expected = ["2:a", "3!bad-line", "4!bad-line", "5:b", `6:${"y".repeat(1000)}`, "7:c", "8!bad-line"];
      assert.deepEqual(reading.lines, expected);
    }
  });

  test(`${end}: a file without a header is refused`, async () => {
    for (const text of ["", "\n\n", "{}", "nonsense\n", `${beat(1)}\n${header}\n`, "\xff\xfe\n", "x".repeat(3000)]) {
      const path = file(`headless${end}`, pack(Buffer.from(text, "latin1")));
      await assert.rejects(readAll(path, { lineBytes: 2000 }), (error) => isError(error, "spool-header"));
    }
  });
}

test("a line of 200 MB is passed over without being held", async () => {
  const path = join(folder, "huge.ndjson.zst");
  const line = Buffer.alloc(200_000_000, 120);
  writeFileSync(
    path,
    zstdCompressSync(Buffer.concat([Buffer.from(`${header}\n`), line, Buffer.from(`\n${beat(1)}\n`)])),
  );
  const before = process.memoryUsage().arrayBuffers + process.memoryUsage().external;
  let peak = 0;
  const seen: string[] = [];
  for await (const part of spoolBlocks(path)) {
    peak = Math.max(peak, process.memoryUsage().arrayBuffers + process.memoryUsage().external - before);
    seen.push(part.kind);
  }
  assert.deepEqual(seen, ["header", "fault", "block", "end"]);
  assert.ok(peak < 150_000_000, `${peak} bytes more were held`);
});

for (const [end, pack] of packings.slice(1)) {
  const texts = heartbeats(40_000).map((text, index) => `${text.slice(0, -1)},"n":${index * 7919}}`);
  const packed = pack(Buffer.from(`${[header, ...texts].join("\n")}\n`));
  const expected = texts.map((text, index) => `${index + 2}:${text}`);

  const assertSalvaged = async (bytes: Buffer, least: number) => {
    const reading = await readAll(file(`broken${end}`, bytes));
    const good = reading.lines.slice(0, -1);
    // Not deepEqual: the difference of lists this long takes minutes to print.
    const wrong = good.findIndex((line, index) => line !== expected[index]);
    assert.equal(wrong, -1, `${good[wrong]} instead of ${expected[wrong]}`);
    assert.equal(reading.lines.at(-1), `${good.length + 2}!bad-compression`);
    assert.equal(reading.batch, sha256(bytes), "the batch id is of all bytes of the file");
    assert.equal(reading.bytes, bytes.length);
    assert.ok(good.length >= least, `only ${good.length} lines were saved`);
  };

  test(`${end}: what came before a cut is there`, async () => {
    await assertSalvaged(packed.subarray(0, -3), 39_000);
    await assertSalvaged(packed.subarray(0, Math.floor(packed.length / 2)), 10_000);
  });

  test(`${end}: a byte that isn't what was written is told from an end that is missing`, async () => {
    for (const share of [0.01, 0.5, 0.999]) {
      const damaged = Buffer.from(packed);
      const at = Math.floor(packed.length * share);
      damaged[at] = (damaged[at] ?? 0) ^ 0x55;
      const reading = await readAll(file(`damaged${end}`, damaged)).catch((error) => error);
      if (isError(reading, "spool-header")) continue;
      assert.match(reading.lines.at(-1), /^\d+!bad-compression altered$/);
      assert.equal(reading.batch, sha256(damaged));
    }
  });

  test(`${end}: a slow reader gets as much of a broken file as a fast one`, async () => {
    const broken = Buffer.from(packed);
    const at = Math.floor(packed.length * 0.9);
    broken.fill(0xff, at, at + 60);
    const open = decompressorFor(end);
    assert.ok(open !== undefined);
    const lengths = await Promise.all(
      [0, 1].map(async (pause) => {
        let length = 0;
        async function* chunks() {
          yield broken;
        }
        try {
          for await (const chunk of decompressed(chunks(), open, 1e9)) {
            length += chunk.length;
            if (pause > 0) await setTimeout(pause);
          }
        } catch (error) {
          assert.ok(isError(error, "bad-compression"));
          return length;
        }
        return -1;
      }),
    );
    assert.equal(lengths[0], lengths[1]);
    assert.ok((lengths[0] ?? 0) > 1_500_000, `only ${lengths[0]} bytes`);
  });

  test(`${end}: several streams in one file are read to the end`, async () => {
    const halves = [`${header}\n${texts.slice(0, 100).join("\n")}`, `\n${texts.slice(100, 200).join("\n")}\n`];
    const bytes = Buffer.concat(halves.map((half) => pack(Buffer.from(half))));
    const reading = await readAll(file(`joined${end}`, bytes));
    assert.deepEqual(reading.lines, expected.slice(0, 200));
    assert.equal(reading.batch, sha256(bytes));
  });

  test(`${end}: bytes after the compressed data are a fault, not silence`, async () => {
    await assertSalvaged(Buffer.concat([packed, Buffer.from("something else")]), 39_000);
    await assertSalvaged(Buffer.concat([packed, packed.subarray(0, 3)]), 39_000);
    await assertSalvaged(Buffer.concat([packed, Buffer.alloc(20)]), 40_000);
  });

  test(`${end}: the digest of a large broken file is of all its bytes`, async () => {
    const noise = createHash("shake256", { outputLength: 3_000_000 }).update("noise").digest();
    const large = Buffer.concat([pack(Buffer.from([header, ...heartbeats(5000)].join("\n"))), noise]);
    const reading = await readAll(file(`large${end}`, large));
    assert.match(reading.lines.at(-1) ?? "", /^\d+!bad-compression$/);
    assert.equal(reading.batch, sha256(large));
    assert.equal(reading.bytes, large.length);
  });

  test(`${end}: broken from the start is no spool file`, async () => {
    for (const bytes of [packed.subarray(0, 3), Buffer.from("plain text\n"), Buffer.from(header)]) {
      await assert.rejects(readAll(file(`start${end}`, bytes)), (error) => isError(error, "spool-header"));
    }
  });

  test(`${end}: a bomb ends at the limit`, async () => {
    const bytes = pack(Buffer.concat([Buffer.from(`${header}\n${beat(0)}\n`), Buffer.alloc(20_000_000, 10)]));
    const reading = await readAll(file(`bomb${end}`, bytes), { decompressedBytes: 5_000_000 });
    assert.equal(reading.lines[0], `2:${beat(0)}`);
    assert.match(reading.lines.at(-1) ?? "", /^\d+!bad-compression$/);
    assert.equal(reading.lines.length, 2);
    assert.ok(reading.largest < 5_000_000);
    assert.equal(reading.batch, sha256(bytes));
  });
}

test("reading may stop at any part", async () => {
  for (const [end, pack] of packings) {
    const path = file(`left${end}`, pack(Buffer.from(`${[header, ...heartbeats(100_000)].join("\n")}\n`)));
    for await (const part of spoolBlocks(path)) if (part.kind === "block") break;
  }
});

test("a file that isn't there is the file system's error", async () => {
  await assert.rejects(readAll(join(folder, "none.ndjson")), { code: "ENOENT" });
});

test("records and refusals carry their line", async () => {
  const lines = [header, beat(1), "nonsense", '{"kind":"tls"}', '{"kind":"heartbeat","at":"1970-01-01T00:00:00Z"}'];
  const bytes = Buffer.concat([
    Buffer.from(`${lines.join("\n")}\n{"kind":"`),
    Buffer.from([0xff]),
    Buffer.from('"}\n'),
  ]);
  const said: string[] = [];
  for await (const part of spoolBlocks(file("mixed.ndjson", bytes))) {
    if (part.kind !== "block") continue;
    // As a thread gets it: a copy that is a plain Uint8Array.
    const block = structuredClone({ firstLine: part.firstLine, bytes: new Uint8Array(part.bytes) }, { transfer: [] });
    for (const line of spoolRecords(block, "sp-07")) {
      if ("record" in line) said.push(`${line.line} ${line.record.kind}`);
      else said.push(`${line.line} ${line.error.code} ${line.error.facts.reason} ${line.text?.slice(0, 8)}`);
    }
  }
  assert.deepEqual(said, [
    "2 heartbeat",
    "3 bad-line must be JSON nonsense",
    "4 unknown",
    '5 bad-instant must be in the years 2000 to 2099 {"kind":',
    "6 bad-line must be UTF-8 undefined",
  ]);
});

test("blocks own their memory, so that they can be transferred", async () => {
  const path = file("small.ndjson", Buffer.from(`${header}\n${beat(1)}\n`));
  for await (const part of spoolBlocks(path)) {
    if (part.kind !== "block") continue;
    const [moved] = structuredClone([part.bytes], { transfer: [part.bytes.buffer] });
    assert.equal(Buffer.from(moved ?? []).toString(), `${beat(1)}\n`);
  }
});

test("law: lines are the same however the bytes are cut into chunks and blocks", () => {
  const piece = fc.constantFrom("\n", "\n\n", "a", "bb", "ccccc", "dddddddddddd", "\r\n", "é");
  const text = fc.array(piece, { maxLength: 60 }).map((pieces) => pieces.join(""));
  const cuts = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 20 });
  fc.assert(
    fc.property(text, cuts, fc.integer({ min: 1, max: 40 }), (content, sizes, blockBytes) => {
      const limit = 11;
      const bytes = Buffer.from(content);
      const blocks = new LineBlocks(blockBytes, limit);
      const got: string[] = [];
      const take = (parts: ReturnType<LineBlocks["push"]>) => {
        for (const part of parts) {
          if (part.kind === "fault") got.push(`${part.line}!`);
          else for (const { line, text } of linesOf(part)) got.push(`${line}:${text}`);
        }
      };
      for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
        const size = sizes[turn % sizes.length] ?? 1;
        take(blocks.push(bytes.subarray(at, at + size)));
        at += size;
      }
      take(blocks.end());
      const expected = content.split("\n").flatMap((line, index) => {
        if (Buffer.byteLength(line) > limit) return [`${index + 1}!`];
        return line.trim() === "" ? [] : [`${index + 1}:${line}`];
      });
      assert.deepEqual(got, expected);
      assert.equal(blocks.line - 1, content.split("\n").length - (content === "" || content.endsWith("\n") ? 1 : 0));
    }),
    { numRuns: 2000 },
  );
});
