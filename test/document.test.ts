/** YAML files of the configuration: what is cut, enormous, invisible or said twice is refused, with its line, at once. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { z } from "zod";
import { checkDocument, documentText } from "../src/document.ts";

const read = (text: string | Uint8Array) => documentText("f.yaml", typeof text === "string" ? Buffer.from(text) : text);
const problemOf = (text: string | Uint8Array) => {
  const said = read(text);
  return "problem" in said ? said.problem : undefined;
};

test("a file that was cut anywhere is refused, though most cuts leave valid YAML", () => {
  const text = "title: A feed\r\ntlp: AMBER+STRICT\nfilters:\n  - { column: service, in: [http] } # one\n...\n";
  assert.deepEqual(read(text), { text });
  assert.deepEqual(read(`\ufeff${text}`), { text });
  for (let end = 0; end < text.length - 1; end += 1)
    assert.match(
      problemOf(text.slice(0, end))?.message ?? "",
      /^The file may be cut/,
      JSON.stringify(text.slice(0, end)),
    );
  assert.equal(problemOf("a: 1\nb: 2")?.line, 2);
});

test("a document in brackets is whole when its last one is closed", () => {
  const text = '# of a machine\n{"partners": [{"id": "one"}]}';
  assert.deepEqual(read(text), { text });
  for (let end = text.indexOf("{") + 1; end < text.length; end += 1) {
    const cut = read(text.slice(0, end));
    assert.ok("problem" in cut || checkDocument("f.yaml", cut.text, z.unknown()).problems.length > 0);
  }
});

test("what nobody can see or read is refused with its line", () => {
  assert.deepEqual([problemOf("a: 1\nb: x\0y\n...\n")?.line, problemOf("a: \u001b[2J\n...\n")?.line], [2, 1]);
  assert.equal(problemOf("a: caf\u00e9\u{1f600}\tx\r\n...\n"), undefined);
  assert.match(problemOf(Buffer.from([0x61, 0x3a, 0xff]))?.message ?? "", /UTF-8/);
  assert.match(problemOf(Buffer.alloc(50 * 1024 * 1024, "a"))?.message ?? "", /bytes/);
});

test("keys that stand twice are told with their lines, in a time that grows as the file does", () => {
  const problems = (text: string) => checkDocument("f.yaml", text, z.unknown()).problems;
  assert.deepEqual(
    problems("a: 1\nb: { c: 1, c: 2 }\na: 3\n").map(({ line, message }) => [line, message]),
    [
      [3, "Map keys must be unique"],
      [2, "Map keys must be unique"],
    ],
  );
  const began = process.cpuUsage().user;
  assert.equal(problems(Array.from({ length: 60_000 }, (_, index) => `key${index}: 1\n`).join("")).length, 0);
  assert.equal(problems("a: 1\n".repeat(60_000)).length, 100);
  const strange = Array.from({ length: 60_000 }, (_, index) => `key${index}: 1\n`).join("");
  assert.equal(checkDocument("f.yaml", strange, z.strictObject({})).problems.length, 100);
  assert.ok(process.cpuUsage().user - began < 8e6, "the square of 60,000 took a minute");
});

test("aliases that would explode, and nesting without end, are problems like others", () => {
  const bomb = [
    "a: &a [x,x,x,x,x,x,x,x,x]",
    ..."bcdef".split("").map((name, index) => `${name}: &${name} [${Array(9).fill(`*${"abcde"[index]}`)}]`),
  ];
  const [problem] = checkDocument("f.yaml", bomb.join("\n"), z.unknown()).problems;
  assert.deepEqual([problem?.line, problem?.message], [2, "It holds too many aliases; write the values out."]);
  const [deep] = checkDocument("f.yaml", `a: 1\nb: ${"[".repeat(100_000)}`, z.unknown()).problems;
  assert.deepEqual([deep?.line, deep?.message], [2, "It is nested too deeply."]);
});
