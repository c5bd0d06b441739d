/** Simulated captures of real messages: bodies as they were, texts of one's own where a reader shows them. */
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import PostalMime from "postal-mime";
import { type SimulateOptions, simulate } from "../../src/capture/simulate.ts";
import { realMessage, realMessages, withOwnText } from "../../src/capture/simulate-real.ts";
import { parseLine } from "../../src/capture/spool.ts";
import { isError } from "../../src/errors.ts";
import { readCorpus } from "./message-corpora.ts";

const own = "own words http://a.example/?u=x=y";

const forms = {
  plain: "Subject: s\nTo: a@example.com\n\nHello\n",
  quoted: "Content-Transfer-Encoding: quoted-printable\n\nHel=\nlo\n",
  base64: `Content-Transfer-Encoding: base64\n\n${Buffer.from("Hello").toString("base64")}\n`,
  mixed: 'Content-Type: multipart/mixed; boundary="b"\n\nfor old readers\n--b\n\nHello\n--b--\n',
};

for (const [name, raw] of Object.entries(forms)) {
  test(`a ${name} message shows a text of one's own`, async () => {
    const shown = await PostalMime.parse(withOwnText(realMessage(Buffer.from(raw)), own));
    assert.match(shown.text ?? "", /own words http:\/\/a\.example\/\?u=x=y[\s]*Hello/);
    assert.ok(shown.headers.some(({ key }) => key === "x-simulated"));
    assert.equal(shown.to, undefined);
  });
}

function simulated(bodies: SimulateOptions["bodies"], messages: readonly string[]) {
  const out = mkdtempSync(join(tmpdir(), "simulate-real-"));
  const made = simulate({
    days: 1,
    messagesPerDay: 300,
    seed: 5,
    firstDay: Date.UTC(2026, 10, 2),
    out,
    sensors: 1,
    bodies,
    compression: "none",
    messages,
  });
  const read = async () => {
    await made;
    const [file = ""] = readdirSync(out).filter((path) => path.endsWith(".ndjson"));
    const lines = readFileSync(join(out, file), "utf8").trim().split("\n").slice(1);
    return lines.flatMap((line) => {
      const record = parseLine(line, "s");
      return record.kind === "message" && record.message !== undefined ? [Buffer.from(record.message)] : [];
    });
  };
  return read().finally(() => rmSync(out, { recursive: true, force: true }));
}

const bodyOf = (raw: Buffer): string => raw.toString("latin1").slice(raw.indexOf("\r\n\r\n"));

test("captures repeat real bodies, or give each something of its own", async () => {
  const folder = mkdtempSync(join(tmpdir(), "simulate-mail-"));
  try {
    for (const { name, raw } of readCorpus().slice(0, 20)) writeFileSync(join(folder, name), raw);
    const real = new Set((await realMessages([folder])).map(({ bytes }) => bodyOf(bytes)));
    assert.equal(real.size > 10, true);
    const repeated = (await simulated("repeat", [folder])).map(bodyOf);
    assert.equal(repeated.length, 300);
    const asTheyWere = repeated.filter((body) => real.has(body));
    assert.ok(asTheyWere.length > 270 && asTheyWere.length < 300, `${asTheyWere.length} are as they were`);
    const distinct = (await simulated("distinct", [folder])).map(bodyOf);
    assert.equal(new Set(distinct).size, 300);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test("a path without messages is refused", async () => {
  const folder = mkdtempSync(join(tmpdir(), "simulate-none-"));
  for (const path of [folder, join(folder, "missing")]) {
    await assert.rejects(simulated("repeat", [path]), (error) => isError(error) && error.code === "bad-argument");
  }
  rmSync(folder, { recursive: true, force: true });
});
