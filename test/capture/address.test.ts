import assert from "node:assert/strict";
import { isIP, SocketAddress } from "node:net";
import { test } from "node:test";
import fc from "fast-check";
import {
  ipv4Number,
  ipv4Text,
  ipv6Groups,
  ipv6Pair,
  ipv6Text,
  isIpv6,
  isPublicAddress,
  normaliseAddress,
} from "../../src/capture/address.ts";

const octet = fc.integer({ min: 0, max: 255 });
const quad = fc.tuple(octet, octet, octet, octet).map((parts) => parts.join("."));
const groups = fc.array(fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 0xffff })), { minLength: 8, maxLength: 8 });

test("dotted quads are their own text and number", () => {
  assert.equal(ipv4Number("0.0.0.0"), 0);
  assert.equal(ipv4Number("1.2.3.4"), 0x01020304);
  assert.equal(ipv4Number("255.255.255.255"), 0xffffffff);
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 0xffffffff }), (number) => {
      assert.equal(ipv4Number(ipv4Text(number)), number);
      assert.equal(normaliseAddress(ipv4Text(number)), ipv4Text(number));
    }),
  );
});

test("what only looks like IPv4 isn't", () => {
  for (const text of [
    "",
    "1.2.3",
    "1.2.3.",
    ".1.2.3",
    "1..2.3",
    "1.2.3.4.",
    "1.2.3.4.5",
    "01.2.3.4",
    "1.2.3.04",
    "00.0.0.0",
    "256.1.1.1",
    "1.2.3.999",
    "1.2.3.4 ",
    " 1.2.3.4",
    "1.2.3.4\n",
    "0x1.2.3.4",
    "16909060",
    "1.2.3.-4",
    "1.2.3.4:25",
    "1.2.3.4%eth0",
    "１.2.3.4",
    "[1.2.3.4",
    "1.2.3.4]",
  ]) {
    assert.equal(ipv4Number(text), undefined, JSON.stringify(text));
    assert.equal(normaliseAddress(text), undefined, JSON.stringify(text));
  }
});

test("IPv6 as RFC 5952 writes it", () => {
  for (const [written, expected] of [
    ["2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"],
    ["2001:0db8::0001", "2001:db8::1"],
    ["2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"],
    ["2001:DB8::ABCD", "2001:db8::abcd"],
    ["::", "::"],
    ["::1", "::1"],
    ["1::", "1::"],
    ["0:0:0:0:0:0:0:0", "::"],
    ["1:0:0:2:0:0:0:3", "1:0:0:2::3"],
    ["1::2:3:4:5:6:7", "1:0:2:3:4:5:6:7"],
    ["::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"],
    ["1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"],
    ["[2001:db8::1]", "2001:db8::1"],
    ["fe80::1%eth0", "fe80::1"],
    ["[fe80::1%25en1]", "fe80::1"],
    ["::ffff:192.0.2.1", "192.0.2.1"],
    ["::FFFF:c000:201", "192.0.2.1"],
    ["0:0:0:0:0:ffff:192.0.2.1", "192.0.2.1"],
    ["[::ffff:192.0.2.1]", "192.0.2.1"],
    ["[192.0.2.1]", "192.0.2.1"],
    ["::192.0.2.1", "::c000:201"],
    ["64:ff9b::192.0.2.33", "64:ff9b::c000:221"],
  ] as const) {
    assert.equal(normaliseAddress(written), expected, written);
  }
});

test("what only looks like IPv6 isn't", () => {
  for (const text of [
    ":",
    ":::",
    "1:2",
    "1:2:3:4:5:6:7",
    "1:2:3:4:5:6:7:8:9",
    "1:2:3:4:5:6:7:8::",
    "::1:2:3:4:5:6:7:8",
    "1::2::3",
    "12345::",
    "g::",
    "1:",
    ":1",
    "1:2:3:4:5:6:7:",
    "::1.2.3",
    "::1.2.3.04",
    "1:2:3:4:5:6:7:1.2.3.4",
    "::1.2.3.4:5",
    "1.2.3.4::",
    "fe80::1%",
    "[::1",
    "::1]",
    "2001:db8::1/64",
    "x".repeat(10_000),
    ":".repeat(10_000),
  ]) {
    assert.equal(normaliseAddress(text), undefined, text.slice(0, 40));
    assert.equal(ipv6Pair(text), undefined, text.slice(0, 40));
  }
});

test("law: any text is an address exactly where node:net says so", () => {
  const shard = fc.constantFrom(":", "::", ".", "0", "1", "ff", "ffff", "12345", "255", "1.2.3.4", "g");
  fc.assert(
    fc.property(
      fc.oneof(
        fc.array(shard, { maxLength: 17 }).map((parts) => parts.join("")),
        fc.ipV6(),
        quad,
      ),
      (text) => {
        assert.equal(ipv4Number(text) !== undefined, isIP(text) === 4);
        assert.equal(ipv6Pair(text) !== undefined, isIP(text) === 6);
        assert.equal(normaliseAddress(text) !== undefined, isIP(text) !== 0);
      },
    ),
    { numRuns: 2000 },
  );
});

test("law: the text is node's, normalising twice changes nothing, and numbers keep every bit", () => {
  fc.assert(
    fc.property(groups, (parts) => {
      const written = parts.map((part) => part.toString(16).padStart(4, "0").toUpperCase()).join(":");
      const text = normaliseAddress(written);
      assert.ok(text !== undefined);
      assert.equal(normaliseAddress(text), text);
      const whole = BigInt(`0x${parts.map((part) => part.toString(16).padStart(4, "0")).join("")}`);
      const pair = ipv6Pair(written);
      assert.ok(pair !== undefined);
      assert.equal((pair[0] << 64n) | pair[1], whole);
      const read = new Uint16Array(8);
      assert.ok(ipv6Groups(written, read));
      assert.deepEqual([...read], parts);
      assert.ok(ipv6Groups(ipv6Text(read), read));
      assert.deepEqual([...read], parts);
      // Node writes ::/96 and ::ffff:0:0/96 with a dotted tail; the rest is RFC 5952.
      if (parts.slice(0, 5).some((part) => part !== 0)) {
        assert.equal(text, new SocketAddress({ address: written, family: "ipv6" }).address);
      }
    }),
  );
});

test("isIpv6 tells normalised addresses apart", () => {
  assert.equal(isIpv6("192.0.2.1"), false);
  assert.equal(isIpv6("2001:db8::1"), true);
});

test("public addresses are those outside the special ranges", () => {
  for (const address of ["1.1.1.1", "100.63.255.255", "100.128.0.0", "172.15.0.1", "172.32.0.1", "192.0.1.1"]) {
    assert.equal(isPublicAddress(address), true, address);
  }
  for (const address of ["198.20.0.0", "223.255.255.255", "2400:cb00::1", "2001:db9::1", "3ffe::1"]) {
    assert.equal(isPublicAddress(address), true, address);
  }
  for (const address of [
    "0.1.2.3",
    "10.0.0.1",
    "100.64.0.1",
    "127.0.0.1",
    "169.254.6.22",
    "172.31.255.255",
    "192.168.0.19",
    "192.0.2.1",
    "198.19.0.1",
    "198.51.100.7",
    "203.0.113.9",
    "224.0.0.1",
    "255.255.255.255",
    "::1",
    "fe80::1",
    "fc00::1",
    "2001:db8::1",
    "3fff::1",
    "ff02::1",
    "not an address",
  ]) {
    assert.equal(isPublicAddress(address), false, address);
  }
});
