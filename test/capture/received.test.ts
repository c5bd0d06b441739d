import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseReceived } from "../../src/capture/received.ts";

const date = "Thu, 22 Aug 2002 08:17:21 -0400 (EDT)";
const at = Date.UTC(2002, 7, 22, 12, 17, 21);

/** What servers write, the address and name in it, and the rest that can be told. */
const clients: readonly (readonly [server: string, header: string, address: string, helo: string, more?: object])[] = [
  [
    "sendmail",
    `from dd_it7 ([61.97.77.167]) by webnote.net (8.9.3/8.9.3) with ESMTP id N for <a@b.c>; ${date}`,
    "61.97.77.167",
    "dd_it7",
    { recipient: "a@b.c" },
  ],
  ["sendmail, reverse name", `from a.b (rev.c.d [61.1.2.3]) by h (8.12.5) with SMTP id X; ${date}`, "61.1.2.3", "a.b"],
  [
    "sendmail, forged",
    `from a.b (rev.c.d [61.1.2.3] (may be forged)) by h (8.9.3) with SMTP id X; ${date}`,
    "61.1.2.3",
    "a.b",
  ],
  ["sendmail, ident", `from a.b (IDENT:squid@[61.1.2.3]) by h (8.11.2) with SMTP id X; ${date}`, "61.1.2.3", "a.b"],
  ["sendmail, ident that is an address", `from a.b (me[9.9.9.9]@rev [61.1.2.3]) by h; ${date}`, "61.1.2.3", "a.b"],
  [
    "postfix",
    `from a.b (unknown [61.1.2.3])\r\n\tby h (Postfix) with ESMTP id 1\r\n\tfor <a@b.c>; ${date}`,
    "61.1.2.3",
    "a.b",
    { recipient: "a@b.c" },
  ],
  [
    "postfix, TLS",
    `from a.b (rev [61.1.2.3]) (using TLSv1.2 with cipher X (256/256 bits)) (Client did not present a certificate) by h (Postfix) with ESMTPS id 1; ${date}`,
    "61.1.2.3",
    "a.b",
  ],
  [
    "postfix, authenticated",
    `from a.b (rev [61.1.2.3]) (Authenticated sender: x@[9.9.9.9]) by h (Postfix) with ESMTPSA id 1; ${date}`,
    "61.1.2.3",
    "a.b",
  ],
  [
    "postfix, IPv6",
    `from a.b (rev [IPv6:2400:CB00::1]) by h (Postfix) with ESMTP id 1; ${date}`,
    "2400:cb00::1",
    "a.b",
  ],
  [
    "postfix, literal HELO",
    `from [9.9.9.9] (rev [61.1.2.3]) by h (Postfix) with SMTP id 1; ${date}`,
    "61.1.2.3",
    "[9.9.9.9]",
  ],
  [
    "exim",
    `from rev.c.d ([61.1.2.3] helo=a.b) by h with esmtp (Exim 3.35 #1) id 1 for a@b.c; ${date}`,
    "61.1.2.3",
    "a.b",
    { recipient: "a@b.c" },
  ],
  [
    "exim, port",
    `from rev.c.d ([61.1.2.3]:4321 helo=a.b) by h with esmtp (Exim 4.92) id 1; ${date}`,
    "61.1.2.3",
    "a.b",
    { port: 4321 },
  ],
  [
    "exim, IPv6 and port",
    `from rev ([2400:cb00::1]:4321) by h with esmtp (Exim 4.92) id 1; ${date}`,
    "2400:cb00::1",
    "rev",
    { port: 4321 },
  ],
  ["exim, no reverse name", `from [61.1.2.3] (helo=a.b) by h with esmtp (Exim 4.92) id 1; ${date}`, "61.1.2.3", "a.b"],
  [
    "exim, lying HELO",
    `from rev ([61.1.2.3] helo=[9.9.9.9]) by h with esmtp (Exim) id 1; ${date}`,
    "61.1.2.3",
    "[9.9.9.9]",
  ],
  [
    "exim, ident",
    `from rev ([61.1.2.3] ident=[9.9.9.9] helo=a.b) by h with esmtp (Exim) id 1; ${date}`,
    "61.1.2.3",
    "a.b",
  ],
  ["qmail", `from unknown (HELO a.b) (61.1.2.3) by h with SMTP; 22 Aug 2002 12:17:21 -0000`, "61.1.2.3", "a.b"],
  ["qmail, name the same", `from a.b (61.1.2.3) by h with SMTP; 22 Aug 2002 12:17:21 -0000`, "61.1.2.3", "a.b"],
  [
    "qmail, ident",
    `from unknown (HELO a.b) (e@c.d@61.1.2.3) by h with SMTP; 22 Aug 2002 12:17:21 -0000`,
    "61.1.2.3",
    "a.b",
  ],
  [
    "qmail, literal HELO",
    `from unknown (HELO [9.9.9.9]) (61.1.2.3) by h with SMTP; 22 Aug 2002 12:17:21 -0000`,
    "61.1.2.3",
    "[9.9.9.9]",
  ],
  [
    "cpmta",
    `from 61.1.2.3 (HELO localhost) by h (9.9.9.9) with SMTP; 22 Aug 2002 12:17:21 -0000`,
    "61.1.2.3",
    "localhost",
  ],
  ["Yahoo", `from 127.0.0.1  (EHLO a.b) (61.1.2.3)\n  by mta1.yahoo.com with SMTP; ${date}`, "61.1.2.3", "a.b"],
  [
    "Exchange 5.5",
    `from a.b (61.1.2.3 [61.1.2.3]) by h with SMTP (Microsoft Exchange Internet Mail Service Version 5.5.2653.13)\n id X; ${date}`,
    "61.1.2.3",
    "a.b",
  ],
  ["Microsoft SMTPSVC", `from a.b ([61.1.2.3]) by h with Microsoft SMTPSVC(5.0.2195.5329); ${date}`, "61.1.2.3", "a.b"],
  [
    "Exchange 2013",
    `from a.b (61.1.2.3) by h.c (9.9.9.9) with Microsoft SMTP Server (TLS) id 15.0.1; ${date}`,
    "61.1.2.3",
    "a.b",
  ],
  [
    "Exchange Online",
    `from a.b (2400:cb00:0:1::5) by h.c (2603:10b6::1) with Microsoft SMTP Server id 15.20; ${date}`,
    "2400:cb00:0:1::5",
    "a.b",
  ],
  ["IMail", `from a.b [61.1.2.3] by h\n  (SMTPD32-7.10) id A2E8640144; ${date}`, "61.1.2.3", "a.b"],
  [
    "MDaemon",
    `from a.b ([61.1.2.3]) by h (MDaemon PRO v9.5) with ESMTP id x.msg for <a@b.c>; ${date}`,
    "61.1.2.3",
    "a.b",
    { recipient: "a@b.c" },
  ],
  [
    "Domino",
    `from a.b ([61.1.2.3])          by h (Lotus Domino Release 5.0.11)          with SMTP id 1; ${date}`,
    "61.1.2.3",
    "a.b",
  ],
  [
    "CommuniGate",
    `from [61.1.2.3] (HELO a.b) by h (CommuniGate Pro SMTP 5.2) with SMTP id 1 for x@y.z; ${date}`,
    "61.1.2.3",
    "a.b",
    { recipient: "x@y.z" },
  ],
  [
    "rol.ru",
    `from rev ([61.1.2.3]:3332 "HELO [9.9.9.9]" ident: "NO[2]" whoson: "-") by h with ESMTP id S; ${date}`,
    "61.1.2.3",
    "rev",
    { port: 3332 },
  ],
  [
    "Google",
    `from a.b (rev. [61.1.2.3]) by mx.google.com with ESMTPS id x (version=TLS1_3 cipher=X bits=256/256); ${date}`,
    "61.1.2.3",
    "a.b",
  ],
  ["a HELO with parentheses", `from a (b [9.9.9.9]) (rev [61.1.2.3]) by h with SMTP id 1; ${date}`, "61.1.2.3", "a"],
  [
    "date after a comment with a semicolon",
    `from a.b (rev [61.1.2.3]) by h (x; y) with SMTP id 1; ${date} (envelope-from <a;b@c>)`,
    "61.1.2.3",
    "a.b",
  ],
];

for (const [server, header, address, helo, more = {}] of clients) {
  test(`client as ${server} writes it`, () => {
    assert.deepEqual(parseReceived(header), { kind: "client", address, helo, at, ...more });
  });
}

test("what stays within the receiving side", () => {
  for (const header of [
    "from localhost (localhost [127.0.0.1]) by h (Postfix) with ESMTP id 1",
    "from a.b (rev [192.168.1.5]) by h (Postfix) with ESMTP id 1",
    "from a.b ([10.2.0.30]) by h with Microsoft SMTPSVC",
    "from a.b (rev [fe80::1%eth0]) by h (Postfix) with ESMTP id 1",
    "from mail.c.d [61.1.2.3] by localhost with POP3 (fetchmail-5.9.0) for a@localhost (single-drop)",
    "from pots [61.1.2.3] by localhost with IMAP (fetchmail-5.9.0)",
    "from h (LHLO h) (61.1.2.3) by h with LMTP",
    "from mail pickup service by h with Microsoft SMTPSVC",
    "from localhost by h with local (Exim 4)",
    "from x@y.z by h by uid 89 with qmail-scanner-1.14 (x)",
    "by 10.100.228.14 with SMTP id a14mr2100496anh",
    "(qmail 32186 invoked by uid 0)",
    "(from cpunks@localhost) by h (8.12.5/Submit) id x",
    "",
  ]) {
    assert.deepEqual(parseReceived(`${header}; ${date}`), { kind: "inside", at, ...recipientIn(header) }, header);
  }
});

function recipientIn(header: string): object {
  return header.includes(" for a@localhost") ? { recipient: "a@localhost" } : {};
}

test("a client whose address isn't written by the server has none", () => {
  for (const header of [
    "from a.b by h with SMTP",
    "from 61.1.2.3 by h with SMTP",
    "from 61.1.2.3 - 61.1.2.3 by h with Microsoft SMTPSVC",
    "from a.b (unverified) by h with ESMTP id 1",
    "from a.b (rev) by h with SMTP",
    "from a.b (unknown [unknown]) by h (Postfix) with SMTP id 1",
    "from a.b ([61.1.2.999]) by h with SMTP",
    "from a.b ([]) by h with SMTP",
    "from a.b (helo=[61.1.2.3]) by h with SMTP",
    "from a.b (HELO [61.1.2.3]) by h with SMTP",
    "from a.b by 61.1.2.3 (61.1.2.3) with SMTP",
    "from a.b (by h ([61.1.2.3] with SMTP",
  ]) {
    const { kind, address } = parseReceived(`${header}; ${date}`);
    assert.ok(kind === "nameless" || header.includes("(by h"), header);
    assert.ok(address === undefined || header.includes("(by h"), header);
  }
});

test("a header without a date has none", () => {
  const client = { kind: "client", address: "61.1.2.3", helo: "a" };
  for (const end of ["", ";", "; yesterday", "; Aug, 22 2002 8:02:13 AM +0400"]) {
    assert.deepEqual(parseReceived(`from a ([61.1.2.3]) by h with SMTP${end}`), client);
  }
});

test("law: any header is read in time that doesn't explode", () => {
  const part = fc.constantFrom(
    "from ",
    "by ",
    "(",
    ")",
    "[",
    "]",
    "\\",
    ";",
    " ",
    "61.1.2.3",
    "helo=",
    "HELO ",
    '"',
    "a@b",
    "\t",
  );
  fc.assert(
    fc.property(fc.array(part, { maxLength: 30 }), (parts) => {
      const hop = parseReceived(parts.join(""));
      assert.equal(hop.kind === "client", hop.address !== undefined);
    }),
    { numRuns: 2000 },
  );
  for (const bait of ["(", "[", "from (", "a ", "\\", ";", "((((helo=", "@", "1.", ":", "(HELO ", "x=y "]) {
    const started = process.cpuUsage();
    parseReceived(bait.repeat(1_000_000));
    assert.ok(process.cpuUsage(started).user < 1_000_000, bait);
  }
});
