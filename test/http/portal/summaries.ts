/** Summaries for the tests of the portal's figures: one as a large economy would see it, and any that can be. */
import fc from "fast-check";
import type { Figure, Summary } from "../../../src/publication/summary.ts";

/** As `publication/summary.ts` counts it. */
export function figure(now: number, before: number): Figure {
  return { now, before, change_percent: before === 0 ? null : Math.round(((now - before) * 100) / before) + 0 };
}

const systems: readonly (readonly [number, string, string, number, number, number, number, number])[] = [
  [3462, "Data Communication Business Group", "TW", 2_911_034, 2_204_118, 812, 1240, 377],
  [4780, "Digital United Inc.", "TW", 701_220, 930_018, 96, 310, 144],
  [9924, "Taiwan Fixed Network, Telco and Network Service Provider.", "TW", 402_911, 388_120, 71, 206, 69],
  [18182, "Sony Network Taiwan Limited", "TW", 211_004, 0, 58, 0, 0],
  [9416, "Hoshin Multimedia Center Inc.", "TW", 98_122, 97_004, 9, 44, 11],
  [24164, "台灣大哥大股份有限公司", "TW", 61_093, 80_551, 14, 21, 30],
  [131_596, "TBC", "TW", 40_771, 22_090, 12, 8, 2],
  [7482, "Asia Pacific On-line Service Inc.", "TW", 12_008, 31_877, 4, 12, 29],
  [1659, "Taiwan Academic Network (TANet) Information Center", "TW", 9120, 9120, 3, 7, 3],
  [17_709, "Eastern Broadband Telecom Co.,Ltd", "TW", 7004, 12_450, 2, 9, 12],
  [38_841, "kbro CO. Ltd.", "TW", 3100, 2100, 2, 1, 0],
  [9919, "New Century InfoComm Tech Co., Ltd.", "TW", 0, 60_110, 0, 0, 18],
];

/** A week of Taiwan, larger than the week before. */
export const largeSummary: Summary = {
  v: 1,
  feed: "summary",
  title: "The period in figures",
  simulated: true,
  tlp: "GREEN",
  economies: ["TW"],
  period: { id: "2026-W46", start: "2026-11-09T00:00:00Z", end: "2026-11-16T00:00:00Z" },
  covers: { from: "2026-11-09T00:00:00Z", to: "2026-11-16T00:00:00Z" },
  before: { id: "2026-W45", from: "2026-11-02T00:00:00Z", to: "2026-11-09T00:00:00Z" },
  coverage: {
    sensor_hours_expected: 1680,
    sensor_hours_seen: 1659,
    sensor_hours_expected_before: 1680,
    sensor_hours_seen_before: 1680,
  },
  totals: {
    captures: figure(5_812_440, 5_301_992),
    recipients: figure(53_117_004, 49_771_230),
    connections: figure(2_004_118, 1_971_004),
    sources: figure(3051, 3377),
    asns: figure(31, 34),
    economies: figure(9, 11),
  },
  crossing: { known: figure(5_700_000, 5_200_000), differing: figure(5_412_000, 4_630_000) },
  days: [
    ["2026-11-09", 812_004, 7_411_020, 990, 10],
    ["2026-11-10", 910_221, 8_011_021, 1012, 10],
    ["2026-11-11", 0, 0, 0, 0],
    ["2026-11-12", 1_204_118, 11_201_114, 1201, 10],
    ["2026-11-13", 1_100_031, 9_800_220, 1170, 9],
    ["2026-11-14", 902_020, 8_400_003, 1004, 10],
    ["2026-11-15", 884_046, 8_293_626, 981, 10],
  ].map(([day, captures, recipients, sources, sensors]) => ({
    day: String(day),
    captures: Number(captures),
    recipients: Number(recipients),
    sources: Number(sources),
    sensors_reporting: Number(sensors),
  })),
  source_economies: [
    ["TW", 4_456_382, 3_841_558],
    ["CN", 602_110, 700_410],
    ["US", 311_020, 290_101],
    ["BR", 190_044, 220_340],
    ["HK", 101_551, 99_000],
    ["JP", 80_010, 90_010],
    ["VN", 50_923, 40_500],
    ["ZZ", 19_400, 19_000],
    ["EU", 1000, 1073],
  ].map(([economy, now, before]) => ({ economy: String(economy), ...figure(Number(now), Number(before)) })),
  source_asns: systems.map(([asn, as_name, economy, now, before, fresh, persistent, gone]) => ({
    asn,
    as_name,
    economy,
    sources: fresh + persistent,
    new_sources: fresh,
    gone_sources: gone,
    persistent_sources: persistent,
    ...figure(now, before),
  })),
  services: [
    { service: "socks5", abused_port: 1080, ...figure(3_002_112, 2_911_004) },
    { service: "http", abused_port: 8080, ...figure(1_711_902, 1_400_002) },
    { service: "http", abused_port: 3128, ...figure(702_004, 704_110) },
    { service: "socks4", abused_port: 1080, ...figure(301_200, 286_876) },
    { service: "smtp", abused_port: 25, ...figure(95_222, 0) },
  ],
  requests: [
    { request_type: "connect-25", result: "granted", ...figure(5_804_110, 5_290_102) },
    { request_type: "get", result: "refused", ...figure(310_022, 290_118) },
    { request_type: "connect-other", result: "refused", ...figure(120_911, 160_224) },
    { request_type: "error", result: "", ...figure(2011, 1800) },
  ],
  languages: [
    ["zh", 4_120_330, 3_901_001],
    ["en", 1_204_114, 1_020_110],
    ["", 300_001, 270_000],
    ["ja", 120_020, 80_112],
    ["pt", 67_975, 30_769],
  ].map(([language, now, before]) => ({ language: String(language), ...figure(Number(now), Number(before)) })),
  target_domains: [
    ["yahoo.com.tw", 2_310_441, 21_004_112, 2011],
    ["hinet.net", 700_114, 6_001_220, 1410],
    ["pchome.com.tw", 410_020, 3_100_009, 1101],
    ["seed.net.tw", 98_114, 800_120, 602],
  ].map(([domain, captures, recipients, sources]) => ({
    domain: String(domain),
    captures: Number(captures),
    recipients: Number(recipients),
    sources: Number(sources),
  })),
  top_sources: Array.from({ length: 20 }, (_, index) => ({
    rank: index + 1,
    asn: index === 7 ? null : (systems[index % 4]?.[0] ?? 0),
    as_name: index === 7 ? "" : (systems[index % 4]?.[1] ?? ""),
    economy: index === 7 ? "" : "TW",
    captures: Math.round(310_000 / (index + 1)),
    recipients: Math.round(2_900_000 / (index + 1)),
    days: 7 - (index % 5),
  })),
};

const count = fc.oneof(fc.constant(0), fc.nat(50), fc.nat(5_000_000), fc.maxSafeNat());

/** What a spammer, or a registry's record, could hold. */
export const hostileText = fc.oneof(
  fc.constantFrom(
    "",
    "<script>alert(1)</script>",
    "\"'><svg onload=alert(1)>",
    "]]><!--&lt;/desc>",
    '=HYPERLINK("http://evil.example","x")',
    "\u202egnp.exe\u2066\u200f",
    "a\u0000\u001b[31m\u009b\u2028b\r\nc",
    "Z\u0301\u0302\u0303\u0304\u0305\u0306\u0307\u0308",
    "\ud800lone",
    "שלום 123",
    "javascript:alert(1)",
    "https://evil.example/?a=1&b=2",
    "W".repeat(300),
    "\ufffe\uffff",
    "{{7*7}} datum.x",
  ),
  fc.string({ unit: "binary", maxLength: 40 }),
);

const compared = fc.tuple(count, count).map(([now, before]) => figure(now, before));

const rowsOf = <Row>(row: fc.Arbitrary<Row>) => fc.array(row, { maxLength: 20 });

const both = <Row>(row: fc.Arbitrary<Row>) =>
  rowsOf(fc.tuple(row, compared).map(([own, figures]) => ({ ...own, ...figures })));

const economy = fc.oneof(fc.constantFrom("TW", "BR", "ZZ", "", "XX"), hostileText);

const weekMs = 604_800_000;
const instant = (ms: number) => `${new Date(ms).toISOString().slice(0, 19)}Z`;

/** Any summary of week 46 of 2026, with names as hostile as they come. */
export const anySummary: fc.Arbitrary<Summary> = fc
  .record({
    simulated: fc.boolean(),
    tlp: fc.constantFrom<Summary["tlp"]>("CLEAR", "GREEN", "AMBER", "AMBER+STRICT", "RED"),
    economies: fc.constantFrom<Summary["economies"]>("all", ["TW"], ["AU", "BR"]),
    compared: fc.boolean(),
    firstDay: fc.nat(6),
    lastDay: fc.nat(6),
    daysBefore: fc.integer({ min: 1, max: 7 }),
    coverage: fc.record({
      sensor_hours_expected: count,
      sensor_hours_seen: count,
      sensor_hours_expected_before: count,
      sensor_hours_seen_before: count,
    }),
    totals: fc.record({
      captures: compared,
      recipients: compared,
      connections: compared,
      sources: compared,
      asns: compared,
      economies: compared,
    }),
    crossing: fc.record({ known: compared, differing: compared }),
    counts: fc.array(fc.record({ captures: count, recipients: count, sources: count, sensors_reporting: fc.nat(20) }), {
      minLength: 7,
      maxLength: 7,
    }),
    source_economies: both(fc.record({ economy })),
    source_asns: both(
      fc.record({
        asn: fc.nat(4_294_967_295),
        as_name: hostileText,
        economy,
        sources: count,
        new_sources: count,
        gone_sources: count,
        persistent_sources: count,
      }),
    ),
    services: both(
      fc.record({
        service: fc.oneof(fc.constantFrom("socks5", "__proto__"), hostileText),
        abused_port: fc.nat(65_535),
      }),
    ),
    requests: both(fc.record({ request_type: hostileText, result: hostileText })),
    languages: both(fc.record({ language: fc.oneof(fc.constantFrom("", "zh", "xx"), hostileText) })),
    target_domains: rowsOf(fc.record({ domain: hostileText, captures: count, recipients: count, sources: count })),
    top_sources: rowsOf(
      fc.record({
        rank: fc.nat(20),
        asn: fc.option(fc.nat(4_294_967_295)),
        as_name: hostileText,
        economy,
        captures: count,
        recipients: count,
        days: fc.nat(7),
      }),
    ),
  })
  .map(({ compared: hasBefore, firstDay, lastDay, daysBefore, counts, ...rest }): Summary => {
    const start = Date.parse("2026-11-09T00:00:00Z");
    const from = Math.min(firstDay, lastDay);
    const to = Math.max(firstDay, lastDay) + 1;
    return {
      v: 1,
      feed: "summary",
      title: "The period in figures",
      ...rest,
      period: { id: "2026-W46", start: instant(start), end: instant(start + weekMs) },
      covers: { from: instant(start + (from * weekMs) / 7), to: instant(start + (to * weekMs) / 7) },
      before: hasBefore
        ? { id: "2026-W45", from: instant(start - (daysBefore * weekMs) / 7), to: instant(start) }
        : null,
      days: counts.slice(from, to).map((day, index) => ({
        day: instant(start + ((from + index) * weekMs) / 7).slice(0, 10),
        ...day,
      })),
    };
  });
