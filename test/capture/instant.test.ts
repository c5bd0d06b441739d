import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseInstant, parseMailDate } from "../../src/capture/instant.ts";

test("RFC 3339 instants become milliseconds", () => {
  for (const [text, expected] of [
    ["2026-11-10T03:12:44Z", "2026-11-10T03:12:44.000Z"],
    ["2026-11-10T03:12:44.5Z", "2026-11-10T03:12:44.500Z"],
    ["2026-11-10T03:12:44.05Z", "2026-11-10T03:12:44.050Z"],
    ["2026-11-10T03:12:44.999999999Z", "2026-11-10T03:12:44.999Z"],
    ["2026-11-10T00:12:44.123-03:00", "2026-11-10T03:12:44.123Z"],
    ["2026-11-10T00:30:00+05:30", "2026-11-09T19:00:00.000Z"],
    ["2026-11-10T00:30:00-00:00", "2026-11-10T00:30:00.000Z"],
    ["2024-02-29T00:00:00Z", "2024-02-29T00:00:00.000Z"],
    ["0099-01-01T00:00:00Z", "0099-01-01T00:00:00.000Z"],
  ] as const) {
    assert.equal(parseInstant(text), Date.parse(expected), text);
  }
});

test("what isn't quite RFC 3339 is no instant", () => {
  for (const text of [
    "",
    "2026-11-10",
    "2026-11-10T03:12:44",
    "2026-11-10T03:12Z",
    "2026-11-10 03:12:44Z",
    "2026-11-10t03:12:44Z",
    "2026-11-10T03:12:44z",
    "2026-11-10T03:12:44.Z",
    "2026-11-10T03:12:44.1234567890Z",
    "2026-11-10T03:12:44,5Z",
    "2026-11-10T24:00:00Z",
    "2026-11-10T23:60:00Z",
    "2026-11-10T23:59:60Z",
    "2026-11-31T00:00:00Z",
    "2026-02-29T00:00:00Z",
    "2100-02-29T00:00:00Z",
    "2026-13-01T00:00:00Z",
    "2026-00-01T00:00:00Z",
    "2026-01-00T00:00:00Z",
    "2026-11-10T03:12:44+0530",
    "2026-11-10T03:12:44+05",
    "2026-11-10T03:12:44+24:00",
    "2026-11-10T03:12:44+05:60",
    "2026-11-10T03:12:44ZZ",
    "2026-11-10T03:12:44Z ",
    " 2026-11-10T03:12:44Z",
    "+2026-11-10T03:12:44Z",
    "2026-11-1 T03:12:44Z",
    "２026-11-10T03:12:44Z",
  ]) {
    assert.equal(parseInstant(text), undefined, text);
  }
});

test("law: every instant of Date.toISOString is read, under any offset", () => {
  const from = Date.UTC(1000, 0, 1);
  const to = Date.UTC(9000, 0, 1);
  fc.assert(
    fc.property(fc.integer({ min: from, max: to }), fc.integer({ min: -1439, max: 1439 }), (instant, offset) => {
      const local = new Date(instant + offset * 60_000).toISOString().slice(0, -1);
      const clock = new Date(Math.abs(offset) * 60_000).toISOString().slice(11, 16);
      assert.equal(parseInstant(`${local}${offset < 0 ? "-" : "+"}${clock}`), instant);
    }),
  );
});

test("mail dates, obsolete ones among them", () => {
  for (const [text, expected] of [
    ["Thu, 22 Aug 2002 08:17:21 -0400 (EDT)", "2002-08-22T12:17:21Z"],
    [" Mon,  6 May 2002 18:29:41 -0700 (PDT)", "2002-05-07T01:29:41Z"],
    ["24 Jul 2002 04:39:12 -0000", "2002-07-24T04:39:12Z"],
    ["Wed, 13 Mar 2002 00:58:20 GMT", "2002-03-13T00:58:20Z"],
    ["Thu, 18 Jun 92 20:04:04 JST", "1992-06-18T20:04:04Z"],
    ["Fri, 1 Jan 49 00:00 EST", "2049-01-01T05:00:00Z"],
    ["Fri, 1 Jan 102 00:00:00 Z", "2002-01-01T00:00:00Z"],
    ["Fri, 1 Jan 2010 00:00:00 pdt", "2010-01-01T07:00:00Z"],
    ["Fri, 1 Jan 2010 00:00:00", "2010-01-01T00:00:00Z"],
    ["Sun, 17 Oct 2010 23:29:28 -0700 (PDT)", "2010-10-18T06:29:28Z"],
    ["22-Aug-2002 10:00:00 +0100", "2002-08-22T09:00:00Z"],
    ["Tuesday, 17 September 2002 20:14:45 +0100", "2002-09-17T19:14:45Z"],
    ["Sat, 30 Jun 2012 23:59:60 +0000", "2012-07-01T00:00:00Z"],
  ] as const) {
    assert.equal(parseMailDate(text), Date.parse(expected), text);
  }
});

test("what is no mail date", () => {
  for (const text of [
    "",
    "yesterday",
    "Sep, 21 2002 9:35:13 PM -0200",
    "Thu, 32 Aug 2002 08:17:21 -0400",
    "Thu, 29 Feb 2002 08:17:21 -0400",
    "Thu, 22 Foo 2002 08:17:21 -0400",
    "Thu, 22 Aug 2002 24:17:21 -0400",
    "Thu, 22 Aug 2002 08:17:21:33",
    "Thu, 22 Aug 20021 08:17:21",
    "Thu, 22 Aug 2002 08:17:21 -0460",
  ]) {
    assert.equal(parseMailDate(text), undefined, text);
  }
  parseMailDate(" ".repeat(1_000_000));
  parseMailDate("1 ".repeat(1_000_000));
});
