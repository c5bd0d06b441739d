/** Advertised URLs: hosts and economies without resolving anything. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { tablesFromShared } from "../../src/enrich/attribution.ts";
import { mapsOf } from "../../src/enrich/maps.ts";
import { encodeTable } from "../../src/enrich/table.ts";
import { advertisedUrl } from "../../src/enrich/urls.ts";

function shared(bytes: Uint8Array): SharedArrayBuffer {
  const file = new SharedArrayBuffer(bytes.length);
  new Uint8Array(file).set(bytes);
  return file;
}
const named = { name: "urls", date: "2026-01-01", source: "csv" } as const;
const ipv4 = { first: 0xc0000200n, last: 0xc00002ffn };
const ipv6 = { first: 0x20010db8n << 96n, last: (0x20010db9n << 96n) - 1n };
const files = [
  encodeTable({ ...named, kind: "economy", ipv4: [{ ...ipv4, value: "TW" }], ipv6: [{ ...ipv6, value: "JP" }] }),
  encodeTable({ ...named, kind: "asn", ipv4: [{ ...ipv4, value: "64500 Example" }], ipv6: [] }),
].map(shared);
const tables = tablesFromShared({ files });
const maps = mapsOf({ "hinet.net": "TW" }, [], ["io"]);
const read = (href: string) => advertisedUrl(href, tables, maps, 0);

const taiwan = { ip: "192.0.2.7", asn: 64500, economy: "TW", basis: "address" };

test("names: host, registrable domain, ccTLD", () => {
  assert.deepEqual(read("http://www.Shop.com.tw:8080/a/b"), {
    url: "http://www.shop.com.tw:8080/a/b",
    host: "www.shop.com.tw",
    domain: "shop.com.tw",
    economy: "TW",
    basis: "cctld",
  });
  assert.deepEqual(read("https://例え.jp/"), {
    url: "https://xn--r8jz45g.jp/",
    host: "xn--r8jz45g.jp",
    domain: "xn--r8jz45g.jp",
    economy: "JP",
    basis: "cctld",
  });
  assert.deepEqual(read("http://x.example.io/"), {
    url: "http://x.example.io/",
    host: "x.example.io",
    domain: "example.io",
  });
  assert.equal(read("http://www.hinet.net/")?.economy, undefined, "the map is of recipient domains");
  assert.equal(read("http://example.tw./")?.host, "example.tw");
});

test("names that nobody registered have no economy", () => {
  assert.deepEqual(read("http://com.tw/"), { url: "http://com.tw/", host: "com.tw" });
  assert.deepEqual(read("http://intranet/"), { url: "http://intranet/", host: "intranet" });
});

test("addresses in every form that browsers read", () => {
  for (const host of ["192.0.2.7", "0xc0000207", "3221225991", "0300.0.02.07", "192.0.519", "192.0.2.7."]) {
    assert.deepEqual(read(`http://${host}/x`), { url: "http://192.0.2.7/x", host: "192.0.2.7", ...taiwan });
  }
  assert.deepEqual(read("http://[2001:DB8::1]:81/"), {
    url: "http://[2001:db8::1]:81/",
    host: "2001:db8::1",
    ip: "2001:db8::1",
    economy: "JP",
    basis: "address",
  });
  assert.deepEqual(read("http://[::ffff:192.0.2.7]/"), {
    url: "http://[::ffff:c000:207]/",
    host: "::ffff:c000:207",
    ...taiwan,
  });
  assert.deepEqual(read("http://198.51.100.1/"), {
    url: "http://198.51.100.1/",
    host: "198.51.100.1",
    ip: "198.51.100.1",
  });
});

test("user-info, query and fragment never pass", () => {
  assert.equal(read("http://user:secret@example.tw/a?id=victim@example.tw#frag")?.url, "http://example.tw/a");
  fc.assert(
    fc.property(fc.webUrl({ withQueryParameters: true, withFragments: true }), (href) => {
      const found = read(href);
      if (found === undefined) return;
      const { username, password, search, hash } = new URL(found.url);
      assert.equal(username + password + search + hash, "");
      assert.equal(read(found.url)?.url, found.url);
    }),
  );
});

test("anything else is no advertised URL", () => {
  for (const href of [
    "",
    "mailto:a@b.tw",
    "javascript:alert(1)",
    "ftp://example.tw/",
    "http://",
    "http://a b/",
    "http://[::1",
    "//example.tw/",
    "http://exa%3Cmple.tw/",
    "http://a~b.tw/",
  ])
    assert.equal(read(href), undefined, href);
});
