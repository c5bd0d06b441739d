/** Scores of languages are those of `eld` itself, number for number: for real mail, and for texts of any characters. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { eld } from "eld/medium";
import fc from "fast-check";
import { openScorer } from "../../src/capture/language-scores.ts";
import { readCharsetMessages, readCorpus } from "./message-corpora.ts";

const score = await openScorer();

function assertSame(text: string): void {
  const found = eld.detect(text);
  const scores = found.getScores();
  const [first = 0, second = 0] = Object.values(scores);
  const expected = { language: found.language, first, second, isReliable: found.isReliable() };
  assert.deepEqual(score(text), expected, JSON.stringify(text));
}

const sentences = [
  "",
  "a",
  "The quick brown fox jumps over the lazy dog and doesn't come back",
  "親愛的朋友您好：您是否正為資金周轉煩惱？本中心提供低利率貸款方案，手續簡便，不需要保證人。".repeat(4),
  "Уважаемые господа! Предлагаем вам принять участие в семинаре",
  "İstanbul'da güzel bir gün; l’été arrive, c'est l`heure",
  "\ud83d\ude00\ud800 x \udc00y ".repeat(30),
  `${"x".repeat(90)} ${"x".repeat(90)} ${"é".repeat(60)}`,
];

test("sentences score as eld scores them", () => {
  for (const text of sentences) assertSame(text);
});

test("real mail scores as eld scores it", () => {
  for (const { raw } of [...readCorpus().slice(0, 400), ...readCharsetMessages()]) {
    for (const from of [0, 1500, 3000]) {
      assertSame(raw.toString("utf8", from, from + 260).slice(0, 240));
      assertSame(raw.toString("latin1", from, from + 600));
    }
  }
});

test("any text scores as eld scores it", () => {
  const words = fc.string({ unit: fc.constantFrom(..."aeinrst'`’ éüßłж中日の한ก\u0000.7"), maxLength: 400 });
  fc.assert(fc.property(fc.oneof(words, fc.string({ unit: "binary", maxLength: 300 })), assertSame), { numRuns: 3000 });
});
