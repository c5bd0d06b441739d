/** Names in attacker-written text: the registrable domain and its economy, or nothing, in bounded time. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { domainToUnicode } from "node:url";
import fc from "fast-check";
import { parse } from "tldts";
import { economyOfDomain } from "../../src/enrich/domains.ts";
import { economyOfTld, isEconomy } from "../../src/enrich/economies.ts";
import { createEnricher } from "../../src/enrich/enricher.ts";
import { mapsOf } from "../../src/enrich/maps.ts";
import { domainText, hostName, registrableDomain } from "../../src/enrich/names.ts";

const maps = mapsOf({ "hinet.net": "TW", "moved.com.tw": "HK", "mail.tv": "JP" }, [], ["io", "tv"]);
const { recipientDomain, domain } = createEnricher({ files: [] }, maps);

const cases: Record<string, readonly [domain: string, economy?: string, basis?: string] | undefined> = {
  "user@example.com.tw": ["example.com.tw", "TW", "cctld"],
  "user@ms1.hinet.net": ["hinet.net", "TW", "domain-map"],
  "user@HINET.NET.": ["hinet.net", "TW", "domain-map"],
  "user@moved.com.tw": ["moved.com.tw", "HK", "domain-map"],
  "user@a.b.mail.tv": ["mail.tv", "JP", "domain-map"],
  "user@other.tv": ["other.tv"],
  "user@example.io": ["example.io"],
  "user@gmail.com": ["gmail.com"],
  "user@example.co.uk": ["example.co.uk", "GB", "cctld"],
  "user@example.eu": ["example.eu"],
  "user@example.su": ["example.su"],
  "user@台灣公司.台灣": ["xn--55q14dza2120a.xn--kpry57d", "TW", "cctld"],
  "user@XN--KPRW13D.xn--kprw13d": ["xn--kprw13d.xn--kprw13d", "TW", "cctld"],
  "user@公司.香港": undefined, // a public suffix
  "user@例.公司.香港": ["xn--fsq.xn--55qx5d.xn--j6w193g", "HK", "cctld"],
  "user@Bücher.example.pl": ["example.pl", "PL", "cctld"],
  "user@blog.blogspot.com": ["blogspot.com"],
  "user@city.kawasaki.jp": ["city.kawasaki.jp", "JP", "cctld"],
  "<user@example.hk": ["example.hk", "HK", "cctld"],
  "user@example.hk>": undefined,
  "<user@example.jp>": ["example.jp", "JP", "cctld"],
  "<user@example.jp> ORCPT=rfc822;other@example.pl": ["example.jp", "JP", "cctld"],
  " <@relay.example.hk,@other.example.hk:user@example.au> ": ["example.au", "AU", "cctld"],
  '"quoted@example.pl"@example.uy': ["example.uy", "UY", "cctld"],
  '<"a>b@c.pl"@example.uy>': ["example.uy", "UY", "cctld"],
  "user%example.pl@example.uy": ["example.uy", "UY", "cctld"],
  "user@under_score.example.pl": ["example.pl", "PL", "cctld"],
  "user@[192.0.2.1]": undefined,
  "user@[IPv6:2001:db8::1]": undefined,
  "user@192.0.2.1": undefined,
  "user@0x7f.1": undefined,
  "user@localhost": undefined,
  "user@printer.local": undefined,
  "user@nosuch.invalidtld": undefined,
  "user@com.tw": undefined,
  "user@tw": undefined,
  "user@under_score.pl": undefined,
  "user@a..pl": undefined,
  "user@.pl": undefined,
  "user@example.pl..": undefined,
  "user@-a.pl": undefined,
  "user@%65xample.pl": undefined,
  "user@example.pl/path": undefined,
  "user@exa mple.pl": undefined,
  "user@example.pl\r\nRCPT TO:<x@y.pl": undefined,
  "no address": undefined,
  "user@": undefined,
  "@": undefined,
  "<>": undefined,
  "": undefined,
};

for (const [address, expected] of Object.entries(cases)) {
  test(`recipient ${JSON.stringify(address)}`, () => {
    const found = recipientDomain(address);
    assert.deepEqual(
      found && [found.domain, found.economy, found.basis].filter((part) => part !== undefined),
      expected,
    );
    const text = domainText(address);
    assert.deepEqual(text === undefined ? undefined : domain(text), found);
  });
}

test("long text holds no address, and costs no time", () => {
  for (const long of ["a".repeat(1e6), "@".repeat(1e6), `${"a.".repeat(5e5)}pl`, "é".repeat(1e6), "-".repeat(1e6)]) {
    assert.equal(recipientDomain(`user@${long}`), undefined);
    assert.equal(hostName(long), undefined);
  }
  assert.equal(recipientDomain(`user@${"a".repeat(64)}.pl`), undefined);
  assert.equal(recipientDomain(`${"a".repeat(1100)}@example.pl`), undefined);
  assert.equal(recipientDomain(`user@${"a.".repeat(110)}example.pl`)?.domain, "example.pl");
});

test("whatever is found is a plain registrable name, and finding it again finds it", () => {
  const text = fc.oneof(
    fc.string({ unit: "binary", maxLength: 40 }),
    fc.domain(),
    fc
      .tuple(fc.string({ unit: "grapheme", maxLength: 12 }), fc.constantFrom("tw", "com.hk", "台灣", "uk", "zz"))
      .map(([a, b]) => `${a}.${b}`),
  );
  fc.assert(
    fc.property(text, (given) => {
      const path = domainText(`user@${given}`);
      const found = path === undefined ? undefined : economyOfDomain(path, maps);
      if (found === undefined) return;
      assert.match(found.domain, /^[a-z0-9-]+(?:\.[a-z0-9-]+)+$/);
      assert.ok(found.economy === undefined || isEconomy(found.economy));
      assert.deepEqual(economyOfDomain(found.domain, maps), found);
    }),
  );
});

test("internationalised ccTLDs are suffixes of the list, and read as what they are", () => {
  const named = {
    "xn--kpry57d": ["台灣", "TW"],
    "xn--kprw13d": ["台湾", "TW"],
    "xn--j6w193g": ["香港", "HK"],
    "xn--node": ["გე", "GE"],
    "xn--p1ai": ["рф", "RU"],
    "xn--3e0b707e": ["한국", "KR"],
    "xn--90a3ac": ["срб", "RS"],
  };
  for (const [label, [text, code]] of Object.entries(named)) {
    assert.equal(domainToUnicode(label), text);
    assert.equal(economyOfTld(label), code);
    const { publicSuffix, isIcann } = parse(`name.${label}`, { allowPrivateDomains: false });
    assert.equal(isIcann === true && publicSuffix?.endsWith(label), true, label);
  }
  for (const label of ["xn--e1a4c", "xn--qxa6a", "xn--90ais.by", "com", "eu", "su", "ac", "zz", "xk", "TW", ""])
    assert.equal(economyOfTld(label), undefined, label);
  assert.equal(economyOfTld("uk"), "GB");
});

test("every assigned code has a name in CLDR, and reserved ones aren't assigned", () => {
  const names = new Intl.DisplayNames("en", { type: "region", fallback: "none" });
  const letters = Array.from({ length: 26 }, (_, place) => String.fromCharCode(65 + place));
  const codes = letters.flatMap((a) => letters.map((b) => a + b)).filter(isEconomy);
  assert.equal(codes.length, 249);
  for (const code of codes) assert.ok(names.of(code), code);
  for (const code of ["EU", "AP", "ZZ", "UK", "XK", "UN", "tw", "TWN", ""]) assert.equal(isEconomy(code), false, code);
});

test("a name below a name has its registrable domain", () => {
  fc.assert(
    fc.property(fc.domain(), fc.constantFrom("www", "a.b", "x_y"), (name, below) => {
      const domain = registrableDomain(hostName(name) ?? "");
      if (domain !== undefined) assert.equal(registrableDomain(`${below}.${domain}`), domain);
    }),
  );
});
