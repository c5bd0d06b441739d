/**
 * Captures that name a sensor only once their texts have their final form: folded, cut or decoded. Each was a way to make
 * a sensor's address leave, or to stop a feed at the last check; each is a probe.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { mapsOf } from "../src/enrich/maps.ts";
import { documentationTables, openSite, openWorkshop } from "./pipeline.ts";

const sensors = "sensors: [{ id: s1, addresses: [{ address: 203.0.113.77 }], names: [relay7.example.net] }]";

interface Sent {
  readonly helo?: string;
  readonly mailFrom?: string;
  readonly rcptTo?: string;
  readonly message?: string;
}

function line(sent: Sent, index: number): string {
  return JSON.stringify({
    kind: "message",
    id: `c${index}`,
    session: `t${index}`,
    connected_at: "2026-11-10T10:00:00.000Z",
    captured_at: "2026-11-10T10:00:01.000Z",
    source: { ip: "192.0.2.7", port: 40_000 },
    handshake: true,
    service: { name: "http", port: 8080 },
    envelope: {
      helo: sent.helo ?? "host.example",
      mail_from: sent.mailFrom ?? "a@sender.example",
      rcpt_to: [sent.rcptTo ?? "victim@bank.tw"],
    },
    ...(sent.message === undefined ? {} : { message: Buffer.from(sent.message).toString("base64") }),
  });
}

const probes: Readonly<Record<string, Sent>> = {
  "full-width digits in a recipient's domain": { rcptTo: "<x@203-0-113-７７.tw>" },
  "full-width digits in the sender's domain": { mailFrom: "a@203-0-113-７７.tw" },
  "an address that appears where a subject is cut": {
    message: `Subject: ${"a".repeat(487)} 203.0.113.775\r\n\r\nbody\r\n`,
  },
  "defanged dots": { message: "Subject: 203[.]0[.]113[.]77\r\n\r\nbody\r\n" },
  "a name in full-width letters": { helo: "ｒelay7.example.net" },
  "an encoded subject behind an open encoded word": {
    message: "X-A: =?utf-8?q?foo\r\nSubject: ?=?utf-8?q?=32=30=33.0.113.=37=37?=\r\n\r\nbody\r\n",
  },
};

test("texts that name a sensor in their final form make a probe", async (t) => {
  const workshop = await openWorkshop(t, { maps: mapsOf({}, [], []), sensors, tables: documentationTables });
  const site = await openSite(t, workshop);
  const header = JSON.stringify({ v: 1, sensor: "s1", sealed_at: "2026-11-11T00:00:00Z" });
  for (const [index, [name, sent]] of Object.entries(probes).entries()) {
    const { counts } = await site.ingest(`p${index}.ndjson`, `${header}\n${line(sent, index)}\n`);
    assert.deepEqual([counts.captures, counts.probes], [1, 1], name);
  }
  const harmless: Sent = { rcptTo: "x@203-0-113-７８.tw", message: "Subject: 203[.]0[.]113[.]78\r\n\r\nbody\r\n" };
  const { counts } = await site.ingest("h.ndjson", `${header}\n${line(harmless, 99)}\n`);
  assert.deepEqual([counts.captures, counts.probes ?? 0], [1, 0]);
});
