/**
 * Header sections, transfer encodings and the MIME tree.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { maxHeaderBytes, readHeader, readStructured } from "../../src/capture/header.ts";
import { type MimeTree, type Part, readMime } from "../../src/capture/mime.ts";
import { decodeBase64, decodeQuotedPrintable } from "../../src/capture/transfer.ts";

const latin1 = (text: string): Buffer => Buffer.from(text, "latin1");

function treeOf(message: string): MimeTree {
  const bytes = latin1(message);
  const { fields, bodyStart } = readHeader(bytes, 0);
  return readMime(bytes, fields, bodyStart);
}

/** `type(child,child)`, and of leaves the bytes in brackets. */
function shape(message: string, part: Part): string {
  if (part.children.length > 0) return `${part.type}(${part.children.map((child) => shape(message, child)).join(",")})`;
  return `${part.type}[${message.slice(part.start, part.end)}]`;
}

const shapeOf = (message: string): string => shape(message, treeOf(message).root);

test("a header section ends at a blank line, and its fields are unfolded", () => {
  const text = "From: a\r\nSubject: one\r\n two\r\n\tthree\r\nCONTENT-TYPE : text/html\r\nsubject: second\r\n\r\nbody";
  const { fields, bodyStart, overlong } = readHeader(latin1(text), 0);
  assert.deepEqual(fields, { subject: "one two\tthree", contentType: "text/html" });
  assert.equal(text.slice(bodyStart), "body");
  assert.equal(overlong, false);
});

test("line feeds alone, a missing body and lines that are no fields", () => {
  assert.equal(readHeader(latin1("Subject: a\n\nb"), 0).bodyStart, 12);
  assert.equal(readHeader(latin1("Subject: a"), 0).fields.subject, "a");
  assert.equal(readHeader(latin1("garbage\n:\nSubject: a\n\n"), 0).fields.subject, "a");
  assert.deepEqual(readHeader(latin1(""), 0), { fields: {}, text: "", bodyStart: 0, overlong: false });
});

test("a header section is read up to a limit", () => {
  const section = readHeader(latin1(`Subject: a\r\nX: ${"b".repeat(maxHeaderBytes)}\r\n\r\nbody`), 0);
  assert.equal(section.overlong, true);
  assert.equal(section.fields.subject, "a");
  assert.equal(section.bodyStart, 12);
});

test("structured values: quotes, comments, continuations, missing semicolons, duplicates", () => {
  const read = (text: string): unknown => {
    const { value, parameters } = readStructured(text);
    return [value, Object.fromEntries(parameters)];
  };
  assert.deepEqual(read('Text/HTML; charset="Big5"; x=1; flag; x=2'), ["text/html", { charset: "Big5", x: "1" }]);
  assert.deepEqual(read("text/plain (a; b) ; charset=us-ascii (plain)"), ["text/plain", { charset: "us-ascii" }]);
  assert.deepEqual(read("text/plain charset=us-ascii"), ["text/plain", { charset: "us-ascii" }]);
  assert.deepEqual(read('a/b; name="x\\"y;z"'), ["a/b", { name: 'x"y;z' }]);
  assert.deepEqual(read("a/b; name=Invoice(1).pdf"), ["a/b", { name: "Invoice(1).pdf" }]);
  assert.deepEqual(read("a/b; name*0=in; name*1=voice"), ["a/b", { name: "invoice" }]);
  assert.deepEqual(read("a/b; name*=utf-8'en'%41%20b"), ["a/b", { name: "A b" }]);
  assert.deepEqual(read('a/b (unclosed; boundary="x"'), ["a/b", { boundary: "x" }]);
  assert.deepEqual(read(""), ["", {}]);
});

test("a message without MIME is one leaf", () => {
  assert.equal(shapeOf("Subject: a\r\n\r\nhello\r\n"), "text/plain[hello\r\n]");
  assert.equal(shapeOf("Content-Type: ;\n\nhello"), "text/plain[hello]");
});

test("multiparts: preamble and epilogue are nobody's, the break before a boundary is the boundary's", () => {
  const message = [
    "Content-Type: multipart/mixed; boundary=b",
    "",
    "preamble",
    "--b",
    "Content-Type: text/html",
    "",
    "one",
    "--b  ",
    "",
    "two",
    "",
    "--b--",
    "epilogue",
    "--b",
    "",
    "no part",
  ].join("\r\n");
  assert.equal(shapeOf(message), "multipart/mixed(text/html[one],text/plain[two\r\n])");
});

test("nested multiparts, an inner one that is never closed, equal boundaries", () => {
  const inner = (boundary: string, end: string): string =>
    `Content-Type: multipart/mixed; boundary=a\n\n--a\nContent-Type: multipart/alternative; boundary=${boundary}\n\n--${boundary}\n\nx\n--${boundary}\nContent-Type: text/html\n\ny${end}\n--a\n\nz\n--a--\n`;
  const whole = "multipart/mixed(multipart/alternative(text/plain[x],text/html[y]),text/plain[z])";
  assert.equal(shapeOf(inner("b", "\n--b--")), whole);
  assert.equal(shapeOf(inner("b", "")), whole);
  assert.equal(shapeOf(inner("ab", "\n--ab--")), whole);
  assert.equal(
    shapeOf(inner("a", "\n--a--")),
    "multipart/mixed(multipart/alternative(text/plain[x],text/html[y]),text/plain[z])",
  );
});

test("boundary tricks: missing, never used, empty parts, a part that ends in its header", () => {
  assert.equal(shapeOf("Content-Type: multipart/mixed\n\n--x\n\na"), "multipart/mixed[--x\n\na]");
  assert.equal(shapeOf("Content-Type: multipart/mixed; boundary=b\n\n--c\n\na"), "multipart/mixed[--c\n\na]");
  assert.equal(
    shapeOf("Content-Type: multipart/mixed; boundary=b\n\n--b\n--b\n\n--b\nX: y\n--b--"),
    "multipart/mixed(text/plain[],text/plain[],text/plain[])",
  );
  assert.equal(
    shapeOf('Content-Type: multipart/mixed; boundary="b c"\n\n--b c\n\na'),
    "multipart/mixed(text/plain[a])",
  );
  assert.equal(shapeOf("Content-Type: multipart/mixed; boundary=b--\n\n--b--\n\na"), "multipart/mixed(text/plain[a])");
});

test("embedded messages are read on, attached and encoded ones are leaves", () => {
  const embedded = (fields: string): string =>
    `Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: message/rfc822\n${fields}\nSubject: x\nContent-Type: text/html\n\nhi\n--b--`;
  assert.equal(shapeOf(embedded("")), "multipart/mixed(message/rfc822(text/html[hi]))");
  const leaf = "multipart/mixed(message/rfc822[Subject: x\nContent-Type: text/html\n\nhi])";
  assert.equal(shapeOf(embedded("Content-Disposition: attachment\n")), leaf);
  assert.equal(shapeOf(embedded("Content-Transfer-Encoding: base64\n")), leaf);
  assert.equal(
    shapeOf("Content-Type: multipart/digest; boundary=b\n\n--b\n\nSubject: x\n\nhi\n--b--"),
    "multipart/digest(message/rfc822(text/plain[hi]))",
  );
});

test("depth and number of parts are limited", () => {
  const nested = Array.from(
    { length: 1000 },
    (_, depth) => `Content-Type: multipart/mixed; boundary=b${depth}\n\n--b${depth}\n`,
  );
  assert.equal(treeOf(nested.join("")).fault, "mime-depth");
  assert.equal(treeOf(nested.slice(0, 20).join("")).fault, undefined);
  assert.equal(treeOf("Content-Type: message/rfc822\n\n".repeat(1000)).fault, "mime-depth");
  const wide = (parts: number): string => `Content-Type: multipart/mixed; boundary=b\n\n${"--b\n\nx\n".repeat(parts)}`;
  assert.equal(treeOf(wide(1001)).fault, "mime-parts");
  assert.equal(treeOf(wide(999)).fault, undefined);
});

test("any tree of parts that is written comes back", () => {
  const boundaries = fc.letrec<{ tree: WrittenPart }>((tie) => ({
    tree: fc.oneof(
      { depthSize: "small", maxDepth: 4 },
      fc.string({ unit: fc.constantFrom("a", "-", " ", "\n", "--b", "=") }).map((text) => ({ text })),
      fc.array(tie("tree"), { minLength: 1, maxLength: 4 }).map((children) => ({ children })),
    ),
  })).tree;
  fc.assert(
    fc.property(boundaries, fc.boolean(), (part, crlf) => {
      let count = 0;
      const write = (written: WrittenPart): string => {
        if ("text" in written) return `Content-Type: text/plain\n\n${written.text}`;
        count += 1;
        const boundary = `=_${count}_`;
        const children = written.children.map((child) => `--${boundary}\n${write(child)}\n`).join("");
        return `Content-Type: multipart/mixed; boundary="${boundary}"\n\n${children}--${boundary}--\n`;
      };
      const breaks = (text: string): string => (crlf ? text.replaceAll("\n", "\r\n") : text);
      const expected = (written: WrittenPart): string =>
        "text" in written
          ? `text/plain[${breaks(written.text)}]`
          : `multipart/mixed(${written.children.map(expected).join(",")})`;
      assert.equal(shapeOf(breaks(write(part))), expected(part));
    }),
    { numRuns: 300 },
  );
});

type WrittenPart = { readonly text: string } | { readonly children: readonly WrittenPart[] };

test("base64: line breaks, missing padding, padding on each line, text below", () => {
  const decode = (text: string): string => decodeBase64(latin1(text)).toString("latin1");
  assert.equal(decode("YWJj\r\nZGVm\r\n"), "abcdef");
  assert.equal(decode("YWJjZA"), "abcd");
  assert.equal(decode("YQ==\r\nYmM=\r\nZGVm"), "abcdef");
  assert.equal(decode("YQ==YQ=="), "aa");
  assert.equal(decode("Y!W J*j"), "abc");
  assert.equal(decode("YWJj\n\n____\nA mailing list\nhttp://example.com/"), "abc");
  assert.equal(decode("YWI=\n____\nA mailing list"), "ab");
  assert.equal(decode("\r\n\r\nYWJj\r\n\r\nZGVm\r\n"), "abcdef");
  assert.equal(decode("===="), "");
  assert.equal(decode(""), "");
});

test("base64 of any bytes comes back, padded on each line or not", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.integer({ min: 1, max: 60 }), (bytes, width) => {
      const buffer = Buffer.from(bytes);
      const whole = buffer.toString("base64").replace(/.{76}/g, "$&\r\n");
      assert.deepEqual(decodeBase64(latin1(whole)), buffer);
      const lines = Array.from({ length: Math.ceil(buffer.length / width) }, (_, line) =>
        buffer.subarray(line * width, (line + 1) * width).toString("base64"),
      );
      assert.deepEqual(decodeBase64(latin1(lines.join("\r\n"))), buffer);
    }),
  );
});

test("quoted-printable: escapes, soft breaks, what is broken stays", () => {
  const decode = (text: string): string => decodeQuotedPrintable(latin1(text)).toString("latin1");
  assert.equal(decode("a=3Db=e9=E9 c"), "a=b\xe9\xe9 c");
  assert.equal(decode("one=\r\ntwo= \t\nthree="), "onetwothree");
  assert.equal(decode("a=zz=4"), "a=zz=4");
  assert.equal(decode("no escapes\r\n"), "no escapes\r\n");
});

test("quoted-printable of any bytes comes back", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      const written = Array.from(bytes, (byte) => `=${byte.toString(16).padStart(2, "0").toUpperCase()}`).join("=\r\n");
      assert.deepEqual(decodeQuotedPrintable(latin1(written)), Buffer.from(bytes));
    }),
  );
});
