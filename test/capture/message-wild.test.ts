/**
 * The message parser on real spam: 1,896 messages of an npm package, and 179 in many charsets. Floors are what was
 * measured when the test was written.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";
import PostalMime from "postal-mime";
import { readHeader } from "../../src/capture/header.ts";
import { createMessageParser } from "../../src/capture/message.ts";
import { readMime } from "../../src/capture/mime.ts";
import { decodeTransfer } from "../../src/capture/transfer.ts";
import type { MessageFacts } from "../../src/model.ts";
import { type RawMessage, readCharsetMessages, readCorpus, readManifest, skipCharsets } from "./message-corpora.ts";

const corpus = readCorpus();
const charsetMessages = readCharsetMessages();
const facts = new Map<string, MessageFacts>();

before(async () => {
  const parser = await createMessageParser({ hits: () => false });
  for (const { name, raw } of [...corpus, ...charsetMessages]) facts.set(name, await parser.facts(raw));
});

const factsOf = (name: string): MessageFacts => {
  const found = facts.get(name);
  assert.ok(found, name);
  return found;
};

test("every message of the corpus has whole facts", () => {
  assert.equal(corpus.length, 1896);
  for (const { name, raw } of corpus) {
    const { parseError, messageBytes, mimeLayout, bodySha256 } = factsOf(name);
    assert.deepEqual([parseError, messageBytes], [undefined, raw.length], name);
    assert.match(mimeLayout ?? "", /^[!-~]+$/, name);
    assert.match(bodySha256, /^[0-9a-f]{64}$/, name);
  }
});

test("the corpus's languages: nearly all are told, most are English, none is nonsense", () => {
  const counts = new Map<string, number>();
  for (const { name } of corpus) {
    const language = factsOf(name).language ?? "";
    counts.set(language, (counts.get(language) ?? 0) + 1);
  }
  const untold = counts.get("") ?? 0;
  assert.ok(untold <= 25, `${untold} untold`);
  const known = ["en", "zh", "tr", "fr", "ja", "ko", "de", "pt", "hr", "vi", "es"];
  const others = [...counts].filter(([language]) => language !== "" && !known.includes(language));
  assert.deepEqual(others, []);
  assert.ok((counts.get("en") ?? 0) >= 1780);
});

test("subjects of the corpus are readable: no character was lost but in one that is no text", () => {
  const lost = corpus.filter(({ name }) => factsOf(name).subject?.includes("\ufffd"));
  assert.ok(lost.length <= 1, lost.map(({ name }) => name).join());
});

/** Characters that a subject of this class has if it was read rightly: where it has any beyond ASCII. */
const scripts: readonly (readonly [RegExp, RegExp])[] = [
  [/^zh/, /\p{Script=Han}/u],
  [/^ja/, /[\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Han}]/u],
  [/^ko/, /[\p{Script=Hangul}\p{Script=Han}]/u],
  [/^cyrillic/, /\p{Script=Cyrillic}/u],
  [/pl\/ce$/, /\p{Script=Latin}/u],
];

/** What such subjects have where they were read by another charset. */
const foreign = /[\u00a1-\u024f\p{Script=Greek}\p{Script=Arabic}\p{Script=Hebrew}\p{Co}]/u;

test("subjects in many charsets are of the right script, with no character lost", { skip: skipCharsets }, () => {
  const wrong: string[] = [];
  let told = 0;
  for (const [file, { kind }] of readManifest()) {
    const { subject = "" } = factsOf(file);
    if (!/[^ -~]/.test(subject)) continue;
    told += 1;
    const script = scripts.find(([pattern]) => pattern.test(kind))?.[1] ?? /^/;
    const alien = !kind.endsWith("pl/ce") && foreign.test(subject);
    if (subject.includes("\ufffd") || alien || !script.test(subject)) wrong.push(`${file}: ${subject}`);
  }
  assert.ok(told >= 90, `${told} subjects beyond ASCII`);
  assert.deepEqual(wrong, []);
});

test("languages in many charsets are those a reader named", { skip: skipCharsets }, () => {
  const path = join(import.meta.dirname, "../vectors/language/spam.json");
  const named: Readonly<Record<string, readonly string[]>> = JSON.parse(readFileSync(path, "utf8"));
  const byPrefix = new Map([...facts].map(([name, { language }]) => [name.slice(0, 16), language]));
  const pairs = Object.entries(named).flatMap(([language, files]) => files.map((file) => [language, file] as const));
  const wrong = pairs.filter(([language, file]) => byPrefix.get(file) !== language);
  assert.ok(wrong.length <= 3, `${wrong.length} of ${pairs.length}: ${wrong.join(" ")}`);
});

test("declared charsets are among those of the manifest", { skip: skipCharsets }, () => {
  for (const [file, { declared }] of readManifest()) {
    const { charset } = factsOf(file);
    if (charset === undefined || /^3d/.test(charset)) continue;
    assert.ok(declared.split("|").includes(charset), `${file}: ${charset} of ${declared}`);
  }
});

test("the tree is the one postal-mime reads: same attachments, same bytes; same text where it is ASCII", async () => {
  const different: string[] = [];
  for (const { name, raw } of [...corpus, ...charsetMessages]) {
    const ours = leaves(raw);
    const theirs = await PostalMime.parse(raw);
    const attached = theirs.attachments.map(({ mimeType, content }) => `${mimeType} ${lines(bytesOf(content))}`);
    const found = ours.filter(({ isText }) => !isText).map(({ type, bytes }) => `${type} ${lines(bytes)}`);
    // The library takes `text/plain charset=us-ascii`, without a semicolon, for one strange type.
    if (attached.some((entry) => entry.startsWith("text/plain charset="))) continue;
    if (attached.join("\n") !== found.join("\n")) different.push(`${name}: attachments`);
    const plain = ours.filter(({ isText, type }) => isText && type === "text/plain");
    const compared = ours.every(({ isText, bytes }) => !isText || !bytes.some((byte) => byte > 127 || byte === 27));
    // The library writes HTML and headers of embedded messages into its text.
    if (!compared || ours.some(({ type }) => type === "text/html") || raw.includes("message/rfc822")) continue;
    const text = plain.map(({ bytes }) => bytes.toString("latin1")).join("");
    // It also joins flowed lines, and parts by line breaks of its own.
    if (text.replace(/\s+/g, "") !== (theirs.text ?? "").replace(/\s+/g, "")) different.push(`${name}: text`);
  }
  assert.deepEqual(different, []);
});

/** Bytes as text with line feeds alone, none at the end: the library writes lines so. */
const lines = (bytes: Uint8Array): string =>
  Buffer.from(bytes)
    .toString("latin1")
    .replace(/\r*\n|\r+$/g, "\n")
    .trimEnd();

function bytesOf(content: ArrayBuffer | Uint8Array | string): Uint8Array {
  return typeof content === "string" ? Buffer.from(content) : new Uint8Array(content);
}

interface Leaf {
  readonly type: string;
  readonly bytes: Buffer;
  readonly isText: boolean;
}

/** Leaves of a message as `body-facts.ts` takes them, decoded. */
function leaves(raw: RawMessage["raw"]): Leaf[] {
  const start = raw.toString("latin1", 0, 5) === "From " ? raw.indexOf(10) + 1 : 0;
  const { fields, bodyStart } = readHeader(raw, start);
  const found: Leaf[] = [];
  const walk = (part: ReturnType<typeof readMime>["root"]): void => {
    for (const child of part.children) walk(child);
    if (part.children.length > 0 || part.type.startsWith("multipart/")) return;
    const bytes = decodeTransfer(raw.subarray(part.start, part.end), part.transferEncoding);
    const isText = /^text\/(plain|html)$/.test(part.type) && part.disposition !== "attachment";
    found.push({ type: part.type, bytes, isText });
  };
  walk(readMime(raw, fields, bodyStart).root);
  return found;
}
