/**
 * The simulator: the same captures for the same seed, in the mix of the first phase, with sources that the default tables
 * attribute as stated, in lines that ingest reads and messages that decode to the campaigns' texts.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { gunzipSync, zstdDecompressSync } from "node:zlib";
import fc from "fast-check";
import PostalMime from "postal-mime";
import { parse } from "yaml";
import { simulate } from "../../src/capture/simulate.ts";
import { encodeText, quotedPrintable } from "../../src/capture/simulate-charset.ts";
import { noLines, simulatedLines } from "../../src/capture/simulate-lines.ts";
import { ownHead, paragraphsOf, sharedPart, slotsOf, subjectText } from "../../src/capture/simulate-mail.ts";
import type { BodyMode } from "../../src/capture/simulate-mailer.ts";
import { firstPhase, recipientSizes, sensorPorts } from "../../src/capture/simulate-mix.ts";
import { sourceNetworks } from "../../src/capture/simulate-networks.ts";
import { Random, WeightedTable } from "../../src/capture/simulate-random.ts";
import { probeForms, simulatedSensors } from "../../src/capture/simulate-sensors.ts";
import { mailDomains } from "../../src/capture/simulate-targets.ts";
import { makeWorld } from "../../src/capture/simulate-world.ts";
import { parseHeader, parseLine } from "../../src/capture/spool.ts";
import { isError } from "../../src/errors.ts";
import { dayMs, type MessageRecord, type RequestRecord, type SpoolRecord } from "../../src/model.ts";
import { halfPath } from "../../src/store/temporary.ts";

const seed = 7;
const firstDay = Date.UTC(2026, 10, 2);
const world = makeWorld(seed);
const sensors = simulatedSensors(10);

/** All lines of the first `count` sensors' day, by sensor. */
function linesOf(messages: number, bodies: BodyMode, count = 1, from = world): string[][] {
  return sensors.slice(0, count).map((sensor) => {
    const day = { sensor, day: firstDay / dayMs, messages, bodies };
    return [...simulatedLines(from, day, noLines())].join("").trimEnd().split("\n");
  });
}

function recordsOf(lines: readonly string[]): SpoolRecord[] {
  const { sensor } = parseHeader(lines[0] ?? "");
  return lines.slice(1).map((line) => parseLine(line, sensor));
}

const isMessage = (record: SpoolRecord): record is MessageRecord => record.kind === "message";
const isRequest = (record: SpoolRecord): record is RequestRecord => record.kind === "request";

const digest = (lines: readonly string[][]): string =>
  createHash("sha256").update(lines.flat().join("\n")).digest("hex");

/** One day of ten sensors, parsed once for the tests of the mix. */
const bigDay = linesOf(6000, "none", 10).flatMap(recordsOf);

function shares<T>(values: readonly T[]): Map<T, number> {
  const counts = new Map<T, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return new Map([...counts].map(([value, count]) => [value, (100 * count) / values.length]));
}

function near(actual: number | undefined, expected: number, tolerance: number, what: string): void {
  assert.ok(
    Math.abs((actual ?? 0) - expected) <= tolerance,
    `${what}: ${actual} instead of ${expected} ± ${tolerance}`,
  );
}

test("a seed gives the same lines always, and another seed others", () => {
  const modes: BodyMode[] = ["none", "repeat", "distinct"];
  const digests = modes.map((mode) => digest(linesOf(300, mode, 2)));
  assert.deepEqual(digests, [
    "c9205831efa23ec6b188af026dd8c2f97b1b136d9914a3e427ae1b7fea9b0dc9",
    "8e8dd6eba64973831d436a790d0b493e50ded5761c5a40694255ffb6c7d4f2ae",
    "0466791b2b59c64f71bb91457854f54414f8792b57d14f8cc9544475002e7008",
  ]);
  assert.equal(digest(linesOf(300, "repeat", 2, makeWorld(seed))), digests[1]);
  assert.notEqual(digest(linesOf(300, "repeat", 2, makeWorld(seed + 1))), digests[1]);
});

test("a sensor's day doesn't depend on what was made before it", () => {
  const [, second] = linesOf(200, "repeat", 2);
  const sensor = sensors[1];
  assert.ok(sensor);
  const alone = [
    ...simulatedLines(world, { sensor, day: firstDay / dayMs, messages: 200, bodies: "repeat" }, noLines()),
  ];
  assert.equal(alone.join("").trimEnd(), second?.join("\n"));
});

test("every line is read by ingest, in order of time, within its day", () => {
  for (const mode of ["none", "repeat", "distinct"] as const) {
    const [lines = []] = linesOf(2000, mode);
    assert.deepEqual(parseHeader(lines[0] ?? ""), {
      v: 1,
      sensor: "sp01",
      sealedAt: firstDay + dayMs + 5 * 60_000,
      simulated: true,
    });
    const records = recordsOf(lines);
    assert.deepEqual(shares(records.map(({ kind }) => kind)).has("unknown"), false);
    assert.equal(records.filter(isMessage).length, 2000);
    assert.equal(records.filter(({ kind }) => kind === "heartbeat").length, 24);
    let last = firstDay;
    for (const [index, record] of records.entries()) {
      const text = /"(?:captured_at|at)":"([^"]+)"/.exec(lines[index + 1] ?? "")?.[1] ?? "";
      const at = Date.parse(text);
      assert.ok(at >= last && at < firstDay + dayMs, text);
      if (isMessage(record)) assert.equal(at, record.capturedAt);
      last = at;
    }
    const ids = records.flatMap((record) => ("id" in record ? [record.id] : []));
    assert.equal(new Set(ids).size, ids.length);
  }
});

test("bodies change nothing else", () => {
  const bare = (lines: readonly string[]): string[] =>
    lines.map((line) => line.replace(/,"message_bytes":\d+(,"message":"[^"]*")?/, ""));
  const [[none = []], [repeat = []], [distinct = []]] = [
    linesOf(500, "none"),
    linesOf(500, "repeat"),
    linesOf(500, "distinct"),
  ];
  assert.ok(none.every((line) => !line.includes('"message":')));
  assert.deepEqual(bare(repeat), bare(none));
  assert.deepEqual(bare(distinct), bare(none));
});

test("the mix is that of the first phase", () => {
  const messages = bigDay.filter(isMessage);
  assert.equal(messages.length, 60_000);
  const ports = shares(messages.map(({ abusedPort }) => abusedPort));
  for (const { port, percent } of sensorPorts) near(ports.get(port), percent, 0.3 + percent * 0.05, `port ${port}`);
  const recipients = messages.reduce((sum, record) => sum + record.recipients, 0);
  near(recipients / messages.length, 4_805_521_964 / firstPhase.messages, 0.15, "recipients per message");
  for (const { abusedPort, service, request } of messages) {
    const family = abusedPort === 25 ? /^smtp$/ : [1080, 3127].includes(abusedPort) ? /^socks(4|4a|5)$/ : /^http$/;
    assert.match(service, family);
    assert.equal(request?.type, service === "smtp" ? undefined : "connect-25");
  }
});

/** AS numbers of the names under which the phase's figures list them. */
const phaseSystems: Readonly<Record<string, number>> = {
  "TFN-TW": 9924,
  HINET: 3462,
  CNCGROUP: 17623,
  SEEDNET: 4780,
  "NCIC-TW": 9919,
  CHINA169: 4837,
  NDCHOST: 33322,
  CHINANET: 4134,
  EXTRALAN: 18429,
  LOOKAS: 7271,
};
const vectorsPath = join(import.meta.dirname, "../../../shared/data/vectors.json");
const withVectors = { skip: existsSync(vectorsPath) ? false : "../shared/data/vectors.json is missing" };

test("the tables hold the published figures of the first phase", withVectors, () => {
  const phase = JSON.parse(readFileSync(vectorsPath, "utf8")).spampots_phase_1;
  assert.equal(firstPhase.messages, phase.messages);
  assert.deepEqual(firstPhase.messagesByEconomy, phase.messages_by_economy);
  const systems = Object.entries(phase.messages_by_asn_percent).map(([name, percent]) => [phaseSystems[name], percent]);
  for (const [asn, percent] of systems) {
    assert.equal(sourceNetworks.find((network) => network.asn === asn)?.percent, percent, `AS${asn}`);
  }
  const ports = sensorPorts.map(({ port, percent }) => [String(port), percent]);
  assert.deepEqual(Object.fromEntries(ports), phase.messages_by_port_percent);
  const mean = recipientSizes.reduce((sum, [size, weight]) => sum + size * weight, 0) / 10_000;
  near(mean, phase.recipients / phase.messages, 0.001, "recipients per message");
  const { socks, http } = firstPhase.requests;
  for (const [counts, published] of [
    [socks, phase.socks_requests],
    [http, phase.http_requests],
  ]) {
    assert.equal(counts["connect-25"], published.connect_25);
    assert.equal(counts["connect-other"], published.connect_other);
    assert.equal(counts.get, published.get ?? 0);
    assert.equal(counts.error, published.errors);
  }
});

test("requests of proxies are in proportion to the first phase's", () => {
  const connections = new Map<string, RequestRecord | MessageRecord>();
  for (const record of bigDay) {
    if ((isMessage(record) || isRequest(record)) && record.service !== "smtp") {
      connections.set(`${record.sensor} ${record.session}`, record);
    }
  }
  const family = (record: RequestRecord | MessageRecord): "http" | "socks" =>
    record.service === "http" ? "http" : "socks";
  const found = shares([...connections.values()].map((record) => `${family(record)} ${record.request?.type}`));
  const { socks, http } = firstPhase.requests;
  const total = [socks, http].flatMap((counts): number[] => Object.values(counts)).reduce((sum, n) => sum + n, 0);
  for (const name of ["socks", "http"] as const) {
    for (const [type, count] of Object.entries(firstPhase.requests[name])) {
      const percent = (100 * count) / total;
      near(found.get(`${name} ${type}`), percent, 0.1 + percent * 0.06, `${name} ${type}`);
    }
  }
});

test("over nine tenths of the recipients and mail servers are outside Brazil", () => {
  const brazil = new Set(mailDomains.filter(({ economy }) => economy === "BR").map(({ domain }) => domain));
  const domains = bigDay.filter(isMessage).flatMap(({ rcptTo }) => rcptTo.map((text) => text.split("@")[1] ?? ""));
  const home = domains.filter((domain) => brazil.has(domain)).length / domains.length;
  assert.ok(home < 0.1, `${home}`);
  const seen = new Set(domains.map((domain) => mailDomains.find((known) => known.domain === domain)?.economy));
  for (const economy of ["TW", "JP", "HK", "AU", "UY", "PL"]) assert.ok(seen.has(economy), economy);
});

/** A table of one of the default packages, for addresses as big integers. */
function tableOf(file: string): (address: bigint) => string | undefined {
  const path = join(import.meta.dirname, "../../node_modules/@ip-location-db", file);
  const rows = readFileSync(path, "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => /^(\d+),(\d+),([^,]+)/.exec(line))
    .map((found) => ({
      start: BigInt(found?.[1] ?? 0),
      end: BigInt(found?.[2] ?? 0),
      value: found?.[3] ?? "",
    }))
    .sort((a, b) => (a.start < b.start ? -1 : 1));
  return (address) => {
    let low = 0;
    let high = rows.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((rows[middle]?.start ?? 0n) <= address) low = middle + 1;
      else high = middle;
    }
    const row = rows[low - 1];
    return row !== undefined && address <= row.end ? row.value : undefined;
  };
}

function bigAddress(text: string): bigint {
  if (!text.includes(":")) return text.split(".").reduce((sum, octet) => sum * 256n + BigInt(octet), 0n);
  const [left = "", right = ""] = text.split("::");
  const head = left.split(":");
  const tail = right === "" ? [] : right.split(":");
  const groups = [...head, ...Array.from({ length: 8 - head.length - tail.length }, () => "0"), ...tail];
  return groups.reduce((sum, group) => sum * 65_536n + BigInt(`0x${group}`), 0n);
}

test("the default tables attribute every network and every source as stated", () => {
  const economy4 = tableOf("geo-whois-asn-country/geo-whois-asn-country-ipv4-num.csv");
  const economy6 = tableOf("geo-whois-asn-country/geo-whois-asn-country-ipv6-num.csv");
  const asn4 = tableOf("asn/asn-ipv4-num.csv");
  const asn6 = tableOf("asn/asn-ipv6-num.csv");
  for (const { economy, asn, prefixes, prefix6 } of sourceNetworks) {
    for (const prefix of prefixes) {
      const [base = "", bits] = prefix.split("/");
      const size = 2n ** BigInt(32 - Number(bits));
      // Every /24 of the prefix: a hole would show.
      for (let at = bigAddress(base); at < bigAddress(base) + size; at += 256n) {
        assert.equal(`${economy4(at + 1n)} ${asn4(at + 1n)}`, `${economy} ${asn}`, `${prefix} at ${at}`);
      }
    }
    if (prefix6 === undefined) continue;
    for (const end of ["::1", ":1:1::1", ":7fff:8000::8000", ":8000:8000::1"]) {
      const address = bigAddress(prefix6 + end);
      assert.equal(`${economy6(address)} ${asn6(address)}`, `${economy} ${asn}`, prefix6 + end);
    }
  }
  const messages = bigDay.filter(isMessage);
  const attributed = messages.map(({ sourceIp }) => {
    const address = bigAddress(sourceIp);
    const six = sourceIp.includes(":");
    return { economy: (six ? economy6 : economy4)(address), asn: Number((six ? asn6 : asn4)(address)), six };
  });
  const economies = shares(attributed.map(({ economy }) => economy));
  for (const [economy, count] of Object.entries(firstPhase.messagesByEconomy)) {
    const percent = (100 * count) / firstPhase.messages;
    near(economies.get(economy), percent, 0.2 + percent * 0.08, economy);
  }
  near(100 - (economies.get("BR") ?? 0), 99.84, 0.15, "from abroad");
  const systems = shares(attributed.map(({ asn }) => asn));
  for (const { asn, percent } of sourceNetworks) near(systems.get(asn), percent, 0.2 + percent * 0.12, `AS${asn}`);
  assert.ok(attributed.some(({ six }) => six));
  assert.equal(new Set(sourceNetworks.map(({ economy }) => economy)).size, 165);
});

test("sources are few and heavy, and change with time", () => {
  const messages = bigDay.filter(isMessage);
  const found = [...shares(messages.map(({ sourceIp }) => sourceIp)).values()].sort((a, b) => b - a);
  const top = found.slice(0, Math.floor(found.length / 10)).reduce((sum, share) => sum + share, 0);
  assert.ok(top > 50, `a tenth of the sources send ${top} %`);
  const [sensor] = sensors;
  assert.ok(sensor);
  const later = { sensor, day: firstDay / dayMs + 200, messages: 6000, bodies: "none" as const };
  const addresses = new Set(
    recordsOf([...simulatedLines(world, later, noLines())].join("").trimEnd().split("\n"))
      .filter(isMessage)
      .map(({ sourceIp }) => sourceIp),
  );
  const kept = messages.filter(({ sourceIp }) => addresses.has(sourceIp)).length;
  // Only the /24 of one AS is so small that addresses come back.
  assert.ok(kept / messages.length < 0.01, `${kept} of ${messages.length}`);
});

test("messages over one connection have one source, port and server", () => {
  const sessions = Map.groupBy(bigDay.filter(isMessage), ({ sensor, session }) => `${sensor} ${session}`);
  for (const records of sessions.values()) {
    const facts = records.map(({ connectedAt, sourceIp, sourcePort, abusedPort, request }) =>
      JSON.stringify([connectedAt, sourceIp, sourcePort, abusedPort, request]),
    );
    assert.equal(new Set(facts).size, 1);
  }
  near(60_000 / sessions.size, 5.6, 0.3, "messages per connection");
});

test("a few captures are probes, and name their sensor", () => {
  const counts = noLines();
  const [sensor] = sensors;
  assert.ok(sensor);
  const day = { sensor, day: firstDay / dayMs, messages: 20_000, bodies: "repeat" as const };
  const lines = [...simulatedLines(world, day, counts)].join("").trimEnd().split("\n");
  const messages = recordsOf(lines).filter(isMessage);
  const named = messages.filter(({ message }) => {
    const text = Buffer.from(message ?? []).toString("latin1");
    return text.includes("Subject: ok ") && probeForms(sensor).some((form) => text.includes(form));
  });
  assert.equal(named.length, counts.probes);
  assert.ok(counts.probes > 0 && counts.probes < 40, `${counts.probes}`);
  assert.ok(named.every(({ helo, recipients }) => probeForms(sensor).includes(helo ?? "") && recipients === 1));
});

test("messages decode to the texts of their campaigns", async () => {
  for (const campaign of world.campaigns) {
    const slots = slotsOf(seed, campaign, 1, 2000);
    const head = ownHead("id-1.0", "localhost", "sim.ana1@wp.pl", "Mon, 02 Nov 2026 03:04:05 +0000");
    assert.equal(head.length % 3, 0);
    const shared = sharedPart(campaign, 1, slots);
    const mail = await PostalMime.parse(Buffer.concat([Buffer.from(head), shared]));
    const { id, layout, charset, bareSubject } = campaign.template;
    if (bareSubject === true) assert.ok(shared.includes(encodeText(charset, subjectText(campaign, slots))), id);
    else assert.equal(mail.subject, subjectText(campaign, slots), id);
    assert.equal(mail.to?.[0]?.address, "sim.ana1@wp.pl");
    assert.equal(mail.headers.find(({ key }) => key === "x-simulated")?.value, "spampots simulate");
    const paragraphs = paragraphsOf(campaign, slots);
    if (layout !== "html") assert.equal(mail.text?.replaceAll("\r\n", "\n").trim(), paragraphs.join("\n\n"), id);
    if (layout === "html" || layout === "alternative") {
      const text = mail.html?.replace(/<[^>]*>/g, "");
      for (const paragraph of paragraphs) assert.ok(text?.includes(paragraph), `${id}: ${paragraph}`);
    }
    assert.deepEqual(
      mail.attachments.map(({ mimeType }) => mimeType),
      layout === "image" ? ["image/gif"] : [],
    );
  }
});

test("sizes and heads are right, bodies repeat or are distinct as asked", () => {
  const bodies = (mode: BodyMode): string[] =>
    recordsOf(linesOf(3000, mode)[0] ?? [])
      .filter(isMessage)
      .map(({ message, messageBytes }) => {
        const text = Buffer.from(message ?? []).toString("latin1");
        assert.equal(text.length, messageBytes);
        assert.match(text, /^Message-ID: <[!-~]+>\r\nTo: <[!-~]+@[a-z0-9.-]+>\r\nDate: [A-Za-z0-9 ,:+]+\r\n/);
        return text.slice(text.indexOf("\r\n\r\n"));
      });
  const repeated = new Set(bodies("repeat")).size;
  assert.ok(repeated > 50 && repeated < 450, `${repeated}`);
  assert.equal(new Set(bodies("distinct")).size, 3000);
});

test("charsets and quoted-printable can be undone", () => {
  for (const { template } of world.campaigns) {
    const text = [template.subject, ...template.paragraphs].join("\r\n");
    const { charset } = template;
    assert.equal(new TextDecoder(charset).decode(encodeText(charset, text)), text);
  }
  assert.throws(
    () => encodeText("iso-8859-2", "免"),
    (error) => isError(error, "internal"),
  );
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400, size: "max" }), (bytes) => {
      const text = quotedPrintable(Buffer.from(bytes));
      assert.ok(text.split("\r\n").every((line) => line.length <= 76 && /^[\x20-\x7e]*$/.test(line)));
      const undone = text
        .replaceAll("=\r\n", "")
        .replace(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
      assert.deepEqual(Buffer.from(undone, "latin1"), Buffer.from(bytes));
    }),
  );
});

test("draws follow their weights", () => {
  const weights = [5, 0, 1, 94];
  const table = new WeightedTable(weights);
  const random = new Random(1, "weights");
  const found = shares(Array.from({ length: 100_000 }, () => table.pick(random)));
  for (const [index, weight] of weights.entries()) near(found.get(index), weight, 0.4, `weight ${index}`);
  assert.equal(found.has(1), false);
});

test("files are whole, renamed into place, and hold the same lines however compressed", async () => {
  const out = mkdtempSync(join(tmpdir(), "simulate-"));
  try {
    const options = { days: 2, messagesPerDay: 301, seed, firstDay, sensors: 3, bodies: "repeat" as const };
    const progress: number[] = [];
    const contents: string[] = [];
    for (const compression of ["none", "gzip", "zstd"] as const) {
      const folder = join(out, compression);
      const onProgress = ({ files, ofFiles }: { files: number; ofFiles: number }) => progress.push(files / ofFiles);
      const counts = await simulate({ ...options, out: folder, compression, onProgress });
      const suffix = { none: "", gzip: ".gz", zstd: ".zst" }[compression];
      const names = ["sp01", "sp02", "sp03"].flatMap((id) => [
        `${id}-2026-11-02.ndjson${suffix}`,
        `${id}-2026-11-03.ndjson${suffix}`,
      ]);
      assert.deepEqual(readdirSync(folder).sort(), ["sensors.yaml", ...names].sort());
      const open = { none: (bytes: Buffer) => bytes, gzip: gunzipSync, zstd: zstdDecompressSync }[compression];
      const text = names.map((name) => open(readFileSync(join(folder, name))).toString("latin1")).join("");
      assert.equal(counts.messages, 602);
      assert.equal(counts.bytes, text.length);
      assert.equal(counts.lines, text.split("\n").length - 1);
      assert.equal(counts.files, 6);
      contents.push(text);
    }
    assert.equal(new Set(contents).size, 1);
    assert.deepEqual(
      progress.slice(0, 6),
      [1, 2, 3, 4, 5, 6].map((files) => files / 6),
    );
  } finally {
    rmSync(out, { recursive: true });
  }
});

test("the sensors file lists documentation addresses, and never replaces an operator's own", async () => {
  const out = mkdtempSync(join(tmpdir(), "simulate-"));
  const options = { days: 1, messagesPerDay: 0, seed, firstDay, out, bodies: "none", compression: "none" } as const;
  try {
    await simulate(options);
    await simulate(options);
    const file = parse(readFileSync(join(out, "sensors.yaml"), "utf8"));
    assert.equal(file.sensors.length, 10);
    assert.deepEqual(file.sensors[9], {
      id: "sp10",
      economy: "BR",
      host: "Simulated network 10",
      addresses: [{ address: "192.0.2.20" }, { address: "2001:db8:5b:a::25" }],
      names: ["sp10.sensors.example"],
    });
    writeFileSync(join(out, "sensors.yaml"), "sensors: []\n");
    await assert.rejects(simulate(options), (error) => isError(error, "bad-argument"));
    assert.equal(readFileSync(join(out, "sensors.yaml"), "utf8"), "sensors: []\n");
  } finally {
    rmSync(out, { recursive: true });
  }
});

test("options that can't be are refused, all at once, before anything is written", async () => {
  const out = join(tmpdir(), "simulate-refused");
  const wrong = { days: 0, messagesPerDay: 1.5, seed: -1, firstDay: 5, sensors: 100, out };
  await assert.rejects(simulate({ ...wrong, bodies: "none", compression: "none" }), (error) => {
    assert.ok(isError(error, "bad-argument"));
    assert.equal(error.hint?.split(";").length, 5);
    return true;
  });
  assert.equal(existsSync(out), false);
});

test("what a killed simulation left half-made goes with the next one, whatever that makes", async (t) => {
  const root = mkdtempSync(join(tmpdir(), "spampots-simulate-"));
  t.after(() => rmSync(root, { recursive: true }));
  const living = halfPath(join(root, "sp01-2026-10-01.ndjson.gz"));
  // As a process of this machine that isn't there any more named it.
  const gone = living.replace(/-\d+-([0-9a-f]+-[0-9a-f]+\.part)$/, "-99999999-$1");
  for (const path of [gone, living]) writeFileSync(path, "half");
  const flags = ["--days", "1", "--messages-per-day", "1", "--sensors", "1", "--out", root];
  const program = join(import.meta.dirname, "../../src/cli.ts");
  await promisify(execFile)(process.execPath, [program, "simulate", ...flags], { env: { SPAMPOTS_DATA: root } });
  assert.deepEqual([existsSync(gone), existsSync(living)], [false, true]);
});
