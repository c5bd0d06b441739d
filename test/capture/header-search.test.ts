/** Header sections that are compared with a clean one are searched as thoroughly as those that are read whole. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { searchHeader } from "../../src/capture/header-search.ts";
import { sensorPatterns } from "../../src/capture/probe.ts";
import { decodeHeaderText } from "../../src/capture/subject.ts";

const { hits } = sensorPatterns([{ id: "s", addresses: [{ address: "192.0.2.7" }], names: ["trap.example.net"] }]);

/** The whole header, as it stands and decoded. */
const namesSensor = (header: string): boolean =>
  hits(header) || (header.includes("=?") && hits(decodeHeaderText(header)));

const pieces = [
  "Subject: free\r\n",
  "To: <a@example.com>\n",
  "\n",
  " =?utf-8?q?192.0?=",
  "=?utf-8?q?.2.7?=\r\n",
  "=?utf-8?b?MTkyLjAuMi43?=\n",
  "192.0.2.7",
  "192.0.",
  "2.7",
  "Trap.Example.net",
  "\u00b9\u00b2[dot]",
  "1",
  "x",
  "\r",
  " ",
  "\n ",
];
const header = fc.array(fc.constantFrom(...pieces), { maxLength: 14 }).map((parts) => parts.join(""));

test("a header is searched with a clean one at hand as it is without", () => {
  let found = 0;
  const law = fc.property(header, header, header, header, (start, own, other, end) => {
    const known = searchHeader(start + other + end, undefined, hits);
    const text = start + own + end;
    const expected = namesSensor(text);
    if (expected) found += 1;
    assert.equal(searchHeader(text, undefined, hits) === undefined, expected);
    assert.equal(searchHeader(text, known, hits) === undefined, expected);
  });
  fc.assert(law, { numRuns: 20_000 });
  assert.ok(found > 500, "headers that name a sensor were tried");
});

test("of copies only what differs is searched", () => {
  const searched: string[] = [];
  const looked = (text: string) => {
    searched.push(text);
    return false;
  };
  const copy = (id: string) => `Message-ID: <${id}>\r\nSubject: =?utf-8?q?free?=\r\nX-Mailer: a\r\n`;
  const known = searchHeader(copy("one"), undefined, looked);
  searched.length = 0;
  assert.ok(searchHeader(copy("another"), known, looked));
  assert.deepEqual(searched, ["Message-ID: <another>\r\n"]);
});
