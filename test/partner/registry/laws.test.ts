/** Whatever the style of partners.yaml: an edit changes one thing that the file says, and not a comment or line more. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parse } from "yaml";
import type { PartnerEntry } from "../../../src/feed/partners.ts";
import {
  keyThumbprint,
  withKey,
  withoutKey,
  withoutPartner,
  withPartner,
  withRenewal,
  withSuspended,
} from "../../../src/partner/registry/changes.ts";
import { difference } from "../../../src/partner/registry/difference.ts";
import { publicKeysOf } from "../../../src/partner/registry/key-text.ts";
import { idOf, keyX, style, textOf } from "./styles.ts";

const feeds = new Map();
const newEntry: PartnerEntry = {
  id: "fresh",
  name: "New: team # 1",
  economies: ["UY", { code: "AU", since: "2026-02-03" }],
  mou: {
    reference: "null",
    signed: "2026-01-01",
    expires: "2026-12-31",
    purposes: ["a, b", "it's"],
    onward: "none",
    retention_days: 30,
  },
  tlp_ceiling: "AMBER+STRICT",
  contacts: [{ name: "Ana", email: "ana@cert.example", phone: "+1 2" }],
  subscriptions: [],
};

interface Raw {
  id: string;
  mou: Record<string, unknown>;
  keys?: Record<string, unknown>[];
}

const partnersIn = (text: string) => (parse(text) as { partners: Raw[] }).partners;
const comments = (text: string) => text.match(/# (own|out|in)[^\r\n]*/g) ?? [];

/** Lines that went and came. */
function moved(before: string, after: string) {
  const lines = difference(before, after, 0).flat();
  const count = (mark: string) => lines.filter((line) => line.mark === mark).length;
  return { gone: count("-"), come: count("+") };
}

/** What holds of every edit. */
function holds(before: string, after: string, expected: Raw[], kept: readonly string[] = comments(before)) {
  assert.deepEqual(partnersIn(after), expected);
  assert.deepEqual(comments(after), kept, after);
  if (before.includes("\r\n")) assert.doesNotMatch(after, /(?<!\r)\n/);
  else assert.doesNotMatch(after, /\r/);
}

/** Runs a law over texts of all styles, each with the place of one of its entries. */
function law(check: (text: string, index: number, count: number) => void) {
  const chosen = fc.tuple(style, fc.nat());
  fc.assert(
    fc.property(chosen, ([how, pick]) => check(textOf(how), pick % how.entries.length, how.entries.length)),
    { numRuns: 150 },
  );
}

test("a partner is added at the end, by lines of its own", () => {
  law((text) => {
    const after = withPartner(text, newEntry, feeds);
    const plain = JSON.parse(JSON.stringify(newEntry));
    holds(text, after, [...partnersIn(text), plain]);
    // In brackets a comma may have to be added to the last one's line.
    assert.ok(moved(text, after).gone <= (text.includes("partners: [") ? 1 : 0), after);
  });
});

test("a partner is taken out with the comments that are its own, and no other", () => {
  law((text, index, count) => {
    const after = withoutPartner(text, idOf(index), feeds);
    const kept = comments(text).filter((comment) => !new RegExp(`^# (own|in)-${index}`).test(comment));
    holds(
      text,
      after,
      partnersIn(text).filter(({ id }) => id !== idOf(index)),
      kept,
    );
    assert.ok(moved(text, after).come <= (count === 1 || text.includes("partners: [") ? 1 : 0), after);
  });
});

test("a partner is suspended and resumed by one line", () => {
  law((text, index) => {
    const before = partnersIn(text);
    const was = before[index]?.mou.suspended ?? false;
    for (const suspended of [true, false]) {
      const after = withSuspended(text, idOf(index), suspended, feeds);
      if (was === suspended) assert.equal(after, text);
      else {
        holds(
          text,
          after,
          before.map((entry, at) => (at === index ? { ...entry, mou: { ...entry.mou, suspended } } : entry)),
        );
        assert.ok(moved(text, after).come === 1, after);
      }
    }
  });
});

test("an MoU is renewed in its place", () => {
  law((text, index) => {
    const after = withRenewal(text, idOf(index), { expires: "2030-01-01", reference: "M: 2" }, feeds);
    const mou = { expires: "2030-01-01", reference: "M: 2" };
    holds(
      text,
      after,
      partnersIn(text).map((entry, at) => (at === index ? { ...entry, mou: { ...entry.mou, ...mou } } : entry)),
    );
    const { gone, come } = moved(text, after);
    assert.ok(gone === come && gone <= 2, after);
  });
});

test("a key comes beside the others, and goes", () => {
  const [fresh] = publicKeysOf(JSON.stringify({ kty: "OKP", crv: "Ed25519", x: keyX(200) }));
  assert.ok(fresh);
  const written = { kty: "OKP", crv: "Ed25519", x: keyX(200), kid: fresh.kid };
  law((text, index) => {
    const before = partnersIn(text);
    const added = withKey(text, idOf(index), fresh, feeds);
    const keysOf = (keys: Raw["keys"]) => before.map((entry, at) => (at === index ? { ...entry, keys } : entry));
    holds(text, added, keysOf([...(before[index]?.keys ?? []), written]) as Raw[]);
    assert.equal(withKey(added, idOf(index), fresh, feeds), added);
    assert.ok(moved(text, added).gone <= 1, added);
    for (const [at, key] of (before[index]?.keys ?? []).entries()) {
      const without = withoutKey(text, idOf(index), keyThumbprint(key), feeds);
      assert.deepEqual(partnersIn(without), keysOf(before[index]?.keys?.toSpliced(at, 1)));
      // Of comments those alone may go that stand on the key's own line.
      assert.ok(comments(without).length >= comments(text).length - 1, without);
      assert.deepEqual(
        comments(without).filter((comment) => /^# (out|in)/.test(comment)),
        comments(text).filter((comment) => /^# (out|in)/.test(comment)),
      );
    }
  });
});
