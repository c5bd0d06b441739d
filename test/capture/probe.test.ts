import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ipv4Number, ipv4Text, ipv6Groups, ipv6Text, normaliseAddress } from "../../src/capture/address.ts";
import { sensorPatterns } from "../../src/capture/probe.ts";
import { isError } from "../../src/errors.ts";
import type { Sensor } from "../../src/model.ts";

const sensor = (addresses: string[], names: string[] = []): Sensor => ({
  id: "s",
  addresses: addresses.map((address) => ({ address })),
  names,
});

const hex = (number: number, digits: number) => number.toString(16).padStart(digits, "0");
const octets = (address: string) => address.split(".").map(Number);
const groupsOf = (address: string) => {
  const groups = new Uint16Array(8);
  assert.ok(ipv6Groups(address, groups), address);
  return [...groups];
};
const percent = (text: string) => [...Buffer.from(text)].map((byte) => `%${hex(byte, 2)}`).join("");
const base64 = (before: string, text: string, after: string) => Buffer.from(before + text + after).toString("base64");

/** Every way in which an IPv4 address must be found. */
const ipv4Forms: Readonly<Record<string, (address: string) => string>> = {
  dotted: (address) => address,
  reversed: (address) => octets(address).reverse().join("."),
  dashed: (address) => octets(address).join("-"),
  "dashed, reversed": (address) => octets(address).reverse().join("-"),
  underscored: (address) => octets(address).join("_"),
  padded: (address) =>
    octets(address)
      .map((octet) => String(octet).padStart(3, "0"))
      .join("-"),
  octal: (address) =>
    octets(address)
      .map((octet) => `0${octet.toString(8)}`)
      .join("."),
  decimal: (address) => String(ipv4Number(address)),
  hexadecimal: (address) => hex(ipv4Number(address) ?? 0, 8),
  "hexadecimal with 0x": (address) => `0x${hex(ipv4Number(address) ?? 0, 8).toUpperCase()}`,
  "hexadecimal, reversed": (address) =>
    octets(address)
      .reverse()
      .map((octet) => hex(octet, 2))
      .join(""),
  mapped: (address) => `::ffff:${address}`,
  "mapped in hexadecimal": (address) =>
    `[::FFFF:${(octets(address)[0] ?? 0).toString(16)}${hex(octets(address)[1] ?? 0, 2)}:${hex(octets(address)[2] ?? 0, 2)}${hex(octets(address)[3] ?? 0, 2)}]`,
  "with a port": (address) => `${address}:1080`,
  "in a name": (address) => `ip-${octets(address).join("-")}.example.net`,
  "in a list of blocks": (address) => `${octets(address).reverse().join(".")}.zen.example.org`,
  base64: (address) => base64("", address, ""),
  "base64 after one byte": (address) => base64(" ", address, " and more"),
  "base64 after two bytes": (address) => base64("??", address, "\n"),
  "base64 with a port": (address) => base64("proxy=", address, ":1080"),
  percent: (address) => percent(address),
  "percent, dots alone": (address) => address.replaceAll(".", "%2E"),
  "base64 after one letter": (address) => `x${base64("", address, "")}`,
  "base64 after two letters": (address) => `xx${base64("", address, "")}`,
  "base64 after three letters": (address) => `xxx${base64("", address, "")}`,
  "percent, twice": (address) => percent(percent(address)),
  "percent over base64": (address) => percent(base64("id=", address, "!")),
};

const ipv6Forms: Readonly<Record<string, (address: string) => string>> = {
  compressed: (address) => address,
  expanded: (address) =>
    groupsOf(address)
      .map((group) => hex(group, 4))
      .join(":"),
  "expanded, capitals": (address) =>
    groupsOf(address)
      .map((group) => hex(group, 4))
      .join(":")
      .toUpperCase(),
  "without gap": (address) =>
    groupsOf(address)
      .map((group) => group.toString(16))
      .join(":"),
  "in brackets": (address) => `[${address}]:25`,
  "with a port": (address) =>
    `${groupsOf(address)
      .map((group) => group.toString(16))
      .join(":")}:1080`,
  "with a zone": (address) => `${address}%eth0`,
  dashed: (address) =>
    groupsOf(address)
      .map((group) => hex(group, 4))
      .join("-"),
  "32 digits": (address) =>
    groupsOf(address)
      .map((group) => hex(group, 4))
      .join(""),
  "32 digits, reversed": (address) =>
    [
      ...groupsOf(address)
        .map((group) => hex(group, 4))
        .join(""),
    ]
      .reverse()
      .join(""),
  nibbles: (address) =>
    `${[
      ...groupsOf(address)
        .map((group) => hex(group, 4))
        .join(""),
    ]
      .reverse()
      .join(".")}.ip6.arpa`,
  base64: (address) => base64("", address, ""),
  "base64 after one byte": (address) => base64("[", address, "]"),
  "base64 after two bytes": (address) => base64("=[", address, "]:25"),
  percent: (address) => percent(address),
  "percent, colons alone": (address) => address.replaceAll(":", "%3a"),
};

/** Public addresses, as sensors have: the least form of a smaller one is no number of eight digits. */
const ipv4 = fc.integer({ min: 0x01000000, max: 0xdfffffff }).map(ipv4Text);
const ipv6 = fc
  .array(fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 0xffff })), { minLength: 7, maxLength: 7 })
  .map((rest) => ipv6Text(Uint16Array.from([0x2001, ...rest])));
/** Text around a form: it ends where letters beyond f, spaces or punctuation begin. */
const noise = fc.string({
  maxLength: 40,
  unit: fc.constantFrom(..."ghz GHZ\n\t<>\"'/=?&,;()é日0123456789abcdef.:-_%"),
});
const around = fc.tuple(noise, noise).map(([before, after]) => [`${before} `, ` ${after}`] as const);

for (const [name, form] of Object.entries(ipv4Forms)) {
  test(`law: IPv4 ${name} is found in noise`, () => {
    fc.assert(
      fc.property(ipv4, ipv4, around, (address, other, [before, after]) => {
        const patterns = sensorPatterns([sensor([other]), sensor([address])]);
        const text = before + form(address) + after;
        assert.ok(patterns.hits(text), text);
        assert.ok(patterns.hitsBytes(Buffer.from(text)), text);
      }),
    );
  });
}

for (const [name, form] of Object.entries(ipv6Forms)) {
  test(`law: IPv6 ${name} is found in noise`, () => {
    fc.assert(
      fc.property(ipv6, around, (address, [before, after]) => {
        const text = before + form(address) + after;
        assert.ok(sensorPatterns([sensor([address])]).hits(text), text);
      }),
    );
  });
}

test("law: IPv6 with the gap anywhere is found", () => {
  fc.assert(
    fc.property(ipv6, fc.nat(6), around, (address, start, [before, after]) => {
      const groups = groupsOf(address).map((group) => group.toString(16));
      let end = start + 1;
      if (groups[end] !== "0") return;
      while (groups[end + 1] === "0") end += 1;
      const text = `${groups.slice(0, start + 1).join(":")}::${groups.slice(end + 1).join(":")}`;
      assert.equal(normaliseAddress(text), address);
      for (const glue of ["", "face:", "1-", "x:"]) {
        assert.ok(sensorPatterns([sensor([address])]).hits(before + glue + text + after), glue + text);
      }
    }),
    { numRuns: 500 },
  );
});

test("law: addresses of others are not found, in any form", () => {
  // No octet of the sensors' addresses is one of the others', so that no part of one form can be the other.
  const low = fc.array(fc.integer({ min: 1, max: 99 }), { minLength: 4, maxLength: 4 }).map((parts) => parts.join("."));
  const high = fc
    .array(fc.integer({ min: 150, max: 223 }), { minLength: 4, maxLength: 4 })
    .map((parts) => parts.join("."));
  fc.assert(
    fc.property(low, high, (mine, theirs) => {
      const patterns = sensorPatterns([sensor([mine])]);
      for (const [name, form] of Object.entries(ipv4Forms)) {
        assert.equal(patterns.hits(`a ${form(theirs)} b`), false, `${name} of ${theirs} is taken for ${mine}`);
      }
    }),
  );
  fc.assert(
    fc.property(ipv6, ipv6, (mine, theirs) => {
      fc.pre(mine !== theirs);
      const patterns = sensorPatterns([sensor([mine])]);
      // A shorter address inside a longer one is meant to be found, so only whole forms are of use here.
      const hits = patterns.hits(
        groupsOf(theirs)
          .map((group) => hex(group, 4))
          .join(""),
      );
      assert.equal(hits, false, `${theirs} is taken for ${mine}`);
    }),
  );
});

test("the shortest addresses are found wherever they begin", () => {
  const patterns = sensorPatterns([sensor(["1.2.3.4"])]);
  const short = sensorPatterns([sensor(["1.2.3.4", "5::", "1:0:2:3:4:5:6:7"])]);
  for (let before = 0; before < 20; before += 1) {
    const noise = "x".repeat(before);
    for (const after of ["", "x", "xxxxxxxxxxxxxxxx"]) {
      assert.ok(patterns.hits(`${noise}1.2.3.4${after}`), `${before}`);
      for (const form of ["1.2.3.4", "5::", "1::2:3:4:5:6:7"]) {
        assert.ok(short.hits(`${noise}${form}${after}`), `${before} ${form}`);
        assert.ok(
          short.hitsStretch(Buffer.from(`!${noise}${form}${after}!`), 0, before + form.length + after.length + 2),
        );
      }
    }
  }
  assert.ok(!patterns.hitsStretch(Buffer.from('"a@b" 1.2.3.4'), 0, 5));
});

test("a number ends where its digits end", () => {
  const patterns = sensorPatterns([sensor(["1.2.3.4", "2001:db8::1"])]);
  for (const text of [
    "11.2.3.45",
    "1.2.3.45",
    "11.2.3.4",
    "1.2.3",
    "1.2.3.",
    "1..2.3.4",
    "1.2-3.4",
    "1.2.3 .4",
    "1.2.3.1234",
    "1.2.3.260",
    "169090600",
    "116909060",
    "1690906",
    "0x010203040",
    "f01020304",
    "01020304a",
    "2001:db8::11",
    "12001:db8::1",
    "2001:db8::1a",
    "2001:db8:1",
    "2001:db8::2:2",
    "2001:db8::",
    base64("1", "1.2.3.4", ""),
    base64("x", "1.2.3.4", "5"),
    "",
    "%",
    "%2",
    "%zz1.2.3",
  ]) {
    assert.equal(patterns.hits(text), false, text);
  }
});

test("more numbers around an address don't hide it", () => {
  const patterns = sensorPatterns([sensor(["1.2.3.4", "2001:db8::1", "2001:db8:0:7::"])]);
  for (const text of [
    "1.2.3.4.5",
    "0.1.2.3.4",
    "9-1.2.3.4",
    "v1.2.3.4",
    "1.2.3.4x",
    "e1.2.3.4e",
    "12:34:56:1.2.3.4",
    "4.3.2.1.in-addr.arpa",
    "x16909060x",
    "ppp01020304.example",
    "cafe:2001:db8::1",
    "1-2001:db8::1",
    "2001:db8::1:25",
    "2001:db8::1.",
    "2001:db8:0:7::",
    "2001:db8:0:7::/64",
    "2001-db8--1",
    "0:0:2001:db8:0:0:0:0:0:1",
  ]) {
    assert.equal(patterns.hits(text), true, text);
  }
});

test("names are found in any case, whole", () => {
  const patterns = sensorPatterns([sensor([], ["Pot1.Example.NET", "são-paulo-7", "pötte.example"])]);
  for (const text of [
    "pot1.example.net",
    "http://POT1.EXAMPLE.NET/x",
    "mail.pot1.example.net.",
    "pot1.example.net.evil.example",
    "a-pot1.example.net-b",
    `${base64("h=", "pot1.example.net", "")}`,
    base64("", "POT1.EXAMPLE.NET", ""),
    percent("pot1.example.net"),
    "SÃO-PAULO-7",
    "São-Paulo-7",
    "xn--ptte-5qa.example",
  ]) {
    assert.equal(patterns.hits(text), true, text);
  }
  for (const text of [
    "xpot1.example.net",
    "pot1.example.nets",
    "pot1.example",
    "pot1-example-net",
    "pot1.example.ne",
  ]) {
    assert.equal(patterns.hits(text), false, text);
  }
});

test("no sensors, no hits; a name of three letters is refused", () => {
  assert.equal(sensorPatterns([]).hits("1.2.3.4 16909060"), false);
  assert.equal(sensorPatterns([{ id: "s", addresses: [], names: [] }]).hits("s"), false);
  assert.throws(
    () => sensorPatterns([sensor([], ["abc"])]),
    (error) => isError(error, "bad-configuration"),
  );
});

test("a pass leaves nothing behind that changes the next", () => {
  const patterns = sensorPatterns([sensor(["1.2.3.4", "2001:db8::1"])]);
  for (const [first, second] of [
    ["1.2.3.", "4"],
    ["1.2", "3.4"],
    ["2001:db8:", ":1"],
    ["2001:db8::", "1"],
  ] as const) {
    assert.equal(patterns.hits(first), false);
    assert.equal(patterns.hits(second), false);
    assert.equal(patterns.hits(` ${second}`), false);
    // What would go on where the first text ended.
    assert.equal(patterns.hits("z".repeat(first.length) + second), false);
    assert.equal(patterns.hits(`${"z".repeat(first.length - 1)}${first.at(-1)}${second}`), false);
  }
});

test("ten thousand sensors and hostile megabytes stay linear", () => {
  const sensors = Array.from({ length: 10_000 }, (_, index) =>
    sensor(
      [ipv4Text(0xc8a00000 + index * 3), ipv6Text(Uint16Array.from([0x2001, 0xdb8, index, 0, 0, 0, 0, 1]))],
      [`sensor-${index}.example.net`],
    ),
  );
  const patterns = sensorPatterns(sensors);
  const megabyte = 1_000_000;
  const baits = [
    "200.160.",
    "1.",
    "2001:",
    "2001::",
    "2001:db8:1:",
    "sens",
    "sensor-",
    "1.0.0.2.",
    "MjAwLjE2MC4w",
    "%",
    "%25",
    "--2",
    "0",
  ];
  for (const bait of baits) {
    const text = Buffer.from(bait.repeat(megabyte / bait.length));
    const started = process.cpuUsage();
    assert.equal(patterns.hitsBytes(text), false, bait);
    const { user } = process.cpuUsage(started);
    // Linear is some tens of milliseconds; ten thousand times that would be minutes.
    assert.ok(user < 5_000_000, `${bait}: ${user / 1000} ms for a megabyte`);
  }
  assert.ok(patterns.hits("see sensor-9999.example.net"));
  assert.ok(patterns.hits(ipv4Text(0xc8a00000 + 3 * 9_999)));
});

test("full-width digits, invisible characters and defanged dots hide no sensor", () => {
  const { hits } = sensorPatterns([
    { id: "s", addresses: [{ address: "203.0.113.77" }], names: ["relay7.example.net"] },
  ]);
  for (const text of [
    "２０３.0.113.７７",
    "203[.]0[.]113[.]77",
    "203(dot)0(dot)113(dot)77",
    "203.0.11\u00ad3.77",
    "203。0。113。77",
    "relay7[.]example[.]net",
    "ｒelay7.example.net",
  ]) {
    assert.ok(hits(`see ${text} now`), text);
  }
  assert.ok(!hits("２０３.0.113.７８ relay8[.]example[.]net"));
});
