/** The fence: laws over addresses, spellings that hide one, and names whose answers change. */
import assert from "node:assert/strict";
import type { LookupAddress, lookup } from "node:dns";
import { isIP } from "node:net";
import { test } from "node:test";
import fc from "fast-check";
import { ipv4Text, isPublicAddress } from "../../../src/capture/address.ts";
import { type Fence, fencedLookup, mayAsk } from "../../../src/delivery/push/fence.ts";
import { isError } from "../../../src/errors.ts";

const open: Fence = { privateNetworks: [], loopback: false };

/** One address of each entry of the registries that isn't globally reachable, and of clouds' metadata. */
const refused = [
  ...[
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "100.64.0.1",
    "100.100.100.200",
    "127.0.0.1",
    "127.255.255.254",
    "168.63.129.16",
  ],
  ...["169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.1", "192.0.0.192", "192.0.2.1", "192.88.99.1"],
  ...["192.168.1.1", "198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.1", "224.0.0.1", "240.0.0.1"],
  ...["255.255.255.255", "::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:7f00:1", "::ffff:10.0.0.1"],
  ...["::ffff:169.254.169.254", "::ffff:0:127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a00:1", "64:ff9b::808:808"],
  ...["64:ff9b:1::1", "100::1", "100:0:0:1::1", "2001::1", "2001:2::1", "2001:10::1", "2001:20::1", "2001:db8::1"],
  ...["2002:7f00:1::1", "2002:808:808::1", "3ffe::1", "3fff::1", "5f00::1", "fc00::1", "fd00:ec2::254", "fd20:ce::254"],
  ...[
    "fe80::1",
    "fe80::1%eth0",
    "2600::1%1",
    "fec0::1",
    "ff02::1",
    "4000::1",
    "",
    "example.com",
    "1.2.3",
    "0x7f.0.0.1",
  ],
];
const allowed = [
  ...["1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "172.15.255.255", "172.32.0.0", "100.63.255.255"],
  ...["100.128.0.0", "192.0.1.1", "223.255.255.255", "168.63.129.15", "200.160.4.6", "::ffff:8.8.8.8"],
  ...["2001:4860:4860::8888", "2600::1", "2a00::1", "2001:200::1", "2003::1", "3ffd:ffff::1", "2620:4f:7fff::1"],
];

test("what isn't the public Internet is refused, and what is isn't", () => {
  for (const address of refused) assert.equal(mayAsk(address, open), false, address);
  for (const address of allowed) assert.equal(mayAsk(address, open), true, address);
});

const ipv4 = fc.nat(0xffffffff).map(ipv4Text);
const ipv6 = fc
  .tuple(fc.constantFrom("2001", "2002", "2600", "fd00", "fe80", "64", "0", "3ffe"), fc.ipV6())
  .map(([first, rest]) => [first, ...rest.split(":").slice(-3)].join(":"));
const anyAddress = fc.oneof(ipv4, fc.ipV6(), ipv6).filter((text) => isIP(text) !== 0);

test("law: nothing is let through that isn't a host's on the Internet, and its form doesn't matter", () => {
  fc.assert(
    fc.property(anyAddress, (address) => {
      if (mayAsk(address, open)) assert.ok(isPublicAddress(address.replace(/^::ffff:(?=\d+\.)/i, "")), address);
      if (isIP(address) === 4) assert.equal(mayAsk(`::ffff:${address}`, open), mayAsk(address, open));
      else assert.equal(mayAsk(new URL(`http://[${address}]/`).hostname.slice(1, -1), open), mayAsk(address, open));
    }),
    { numRuns: 2000 },
  );
});

test("law: a partner's private networks allow what they name, and nothing more", () => {
  const fence: Fence = { privateNetworks: ["10.20.0.0/16", "fd12:3456::/32"], loopback: false };
  fc.assert(
    fc.property(anyAddress, fc.nat(0xffff), (address, low) => {
      assert.equal(mayAsk(`10.20.${low >>> 8}.${low & 255}`, fence), true);
      assert.equal(mayAsk(`::ffff:10.20.${low >>> 8}.${low & 255}`, fence), true);
      const named = /^(?:::ffff:)?10\.20\./i.test(address) || /^fd12:3456:/i.test(address);
      if (!named) assert.equal(mayAsk(address, fence), mayAsk(address, open), address);
    }),
    { numRuns: 1000 },
  );
  assert.equal(mayAsk("10.21.0.1", fence), false);
  assert.equal(mayAsk("fd12:3457::1", fence), false);
});

test("this machine is for trials alone, whatever a partner's networks are", () => {
  const all: Fence = { privateNetworks: ["0.0.0.0/0", "::/0"], loopback: false };
  const own = ["127.0.0.1", "127.9.9.9", "::1", "0.0.0.0", "::", "::ffff:127.0.0.1", "::ffff:7f00:1"];
  for (const address of own) {
    assert.equal(mayAsk(address, all), false, address);
    assert.equal(mayAsk(address, { ...open, loopback: true }), true, address);
  }
  assert.equal(mayAsk("10.0.0.1", { ...open, loopback: true }), false);
  assert.equal(mayAsk("fc00::1", { ...open, privateNetworks: ["0.0.0.0/0"] }), false);
  assert.equal(mayAsk("10.0.0.1", { ...open, privateNetworks: ["::/0"] }), false);
});

/** A resolver that gives these answers, one after the other. */
function answering(...answers: readonly (readonly string[])[]): typeof lookup {
  let asked = 0;
  const resolve = (_name: string, _options: unknown, done: (error: null, found: LookupAddress[]) => void) => {
    const found = answers[Math.min(asked, answers.length - 1)] ?? [];
    asked += 1;
    done(
      null,
      found.map((address) => ({ address, family: isIP(address) })),
    );
  };
  return resolve as typeof lookup; // the one form of it that the fence calls
}

function ask(resolve: typeof lookup, fence = open): Promise<readonly LookupAddress[]> {
  return new Promise((done, fail) => {
    fencedLookup(fence, resolve)("partner.example", { all: true }, (error, found) => {
      if (error) fail(error);
      else if (typeof found !== "string") done(found);
    });
  });
}

const isFenced = (error: unknown) => {
  assert.ok(isError(error, "delivery-refused"));
  // What becomes of a failure in the store and in what people are shown.
  assert.doesNotMatch(`${error.message} ${error.facts.reason}`, /\d+\.\d+\.\d+\.\d+/);
  return true;
};

test("each address of an answer is judged, and what is judged is what is given", async () => {
  assert.deepEqual(await ask(answering(["8.8.8.8", "2600::1"])), [
    { address: "8.8.8.8", family: 4 },
    { address: "2600::1", family: 6 },
  ]);
  for (const found of [["10.0.0.1"], ["8.8.8.8", "10.0.0.1"], ["8.8.8.8", "::ffff:169.254.169.254"], []])
    await assert.rejects(ask(answering(found)), isFenced);
  const rebound = answering(["8.8.8.8"], ["127.0.0.1"]);
  assert.deepEqual(await ask(rebound), [{ address: "8.8.8.8", family: 4 }]);
  await assert.rejects(ask(rebound), isFenced);
});
