/** The partner's pages, asked for without a browser: what they say against the manifests, and what they hand out. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { logKey } from "../../../src/publication/log.ts";
import { artifactKey, feedPrefix, type Manifest } from "../../../src/publication/manifest.ts";
import { askPortal, openPortal, sessionCookie } from "../../portal/portal-world.ts";
import { csvFile, publish, sha256 } from "../../publication/issuer.ts";
import type { Served } from "../served.ts";
import { textOf } from "../visitor.ts";

async function manifestOf(served: Served, sequence: number): Promise<Manifest> {
  const token = await served.token("twcert");
  const path = `/v1/feeds/spam-sources/publications/${sequence}`;
  const { text } = await served.get(path, token, { Accept: "application/json" });
  return JSON.parse(text);
}

test("a publication's page says what its manifest says, and hands out its files byte for byte, with receipts", async (t) => {
  const served = await openPortal(t);
  const cookie = await sessionCookie(served, "twcert");
  const manifest = await manifestOf(served, 6);
  const page = await askPortal(served, "/portal/feeds/spam-sources/6", cookie);
  assert.equal(page.status, 200);
  const text = textOf(page.text);
  for (const { name, sha256: file, content_sha256, bytes, rows, objects } of manifest.artifacts) {
    for (const said of [name, file, content_sha256, `${bytes} bytes`]) assert.ok(text.includes(said), said);
    assert.ok(text.includes(rows === undefined ? `${objects} STIX objects` : `${rows} rows`));
  }
  for (const said of [
    manifest.period.id,
    `TLP:${manifest.tlp}`,
    manifest.mou.reference,
    manifest.previous_sha256 ?? "",
    manifest.input.digest,
    manifest.policy.digest,
    manifest.tables[0]?.name ?? "",
    "A sensor was away.",
    "2026-11-16 06:00 UTC",
  ])
    assert.ok(said !== "" && text.includes(said), said);

  for (const artifact of manifest.artifacts) {
    const path = `/portal/feeds/spam-sources/6/files/${artifact.name}`;
    assert.ok(page.text.includes(`href="${path}"`), path);
    const file = await askPortal(served, path, cookie);
    assert.equal(sha256(file.bytes), artifact.sha256);
    assert.match(file.headers.get("content-disposition") ?? "", /^attachment/);
    assert.equal(file.headers.get("cache-control"), "no-store", "a browser keeps nothing after signing out");
    const stored = await served.store.under(feedPrefix("twcert", "spam-sources")).get(artifactKey(artifact));
    assert.ok(stored && file.bytes.equals(stored));
  }
  const signed = await askPortal(served, "/portal/feeds/spam-sources/6/signed", cookie);
  const log = await served.store.under(feedPrefix("twcert", "spam-sources")).get(logKey(6));
  assert.ok(log && signed.bytes.equals(log));
  assert.equal(signed.headers.get("content-disposition"), 'attachment; filename="spam-sources_2026-W46_6.jws"');

  served.setNow(served.now() + 2000);
  const csv = await askPortal(served, "/portal/receipts.csv", cookie);
  const lines = csv.text.trim().split("\r\n").slice(1);
  // The first one is of the manifest that was read above, by the pull API.
  assert.deepEqual(lines.map((line) => line.split(",")[5]).sort(), ["portal", "portal", "portal", "pull"]);
  const receipts = textOf((await askPortal(served, "/portal/receipts", cookie)).text);
  for (const { name, sha256: digest } of manifest.artifacts)
    assert.ok(receipts.includes(`6 2026-W46 ${name} this portal 127.0.0.1 ${digest}`), receipts);
});

test("the pages of HEAD requests hand nothing out, and leave no receipt", async (t) => {
  const served = await openPortal(t);
  const cookie = await sessionCookie(served, "twcert");
  const [artifact] = (await manifestOf(served, 6)).artifacts;
  for (const path of [`files/${artifact?.name}`, "signed"]) {
    const { status, bytes } = await askPortal(served, `/portal/feeds/spam-sources/6/${path}`, cookie, {
      method: "HEAD",
    });
    assert.deepEqual([status, bytes.length], [200, 0]);
  }
  const { text } = await askPortal(served, "/portal/receipts.csv", cookie);
  // The manifest that was read above, by the pull API.
  assert.equal(text.trim().split("\r\n").length, 2);
});

test("revisions, withdrawals and expired files are said as such, and aren't handed out", async (t) => {
  const served = await openPortal(t);
  const cookie = await sessionCookie(served, "twcert");
  const page = async (path: string) => textOf((await askPortal(served, path, cookie)).text);
  const list = await page("/portal/feeds/spam-sources");
  for (const said of ["withdrawn by 3", "withdrawal", "files expired", "superseded by 5", "newest of its period"])
    assert.ok(list.includes(said), said);
  assert.match(await page("/portal/feeds/spam-sources/2"), /was withdrawn.*3 ?\..*A sensor's clock was wrong/);
  assert.match(await page("/portal/feeds/spam-sources/3"), /It withdraws: 2 /);
  assert.match(await page("/portal/feeds/spam-sources/1"), /kept until then.*2026-11-01 00:00 UTC/);
  assert.match(await page("/portal/feeds/spam-sources/4"), /newer revision of this period: 5/);
  for (const sequence of [1, 2]) {
    const [artifact] = (await manifestOf(served, sequence)).artifacts;
    const path = `/portal/feeds/spam-sources/${sequence}/files/${artifact?.name}`;
    assert.ok(!(await askPortal(served, `/portal/feeds/spam-sources/${sequence}`, cookie)).text.includes(path));
    if (sequence === 2) {
      const gone = await askPortal(served, path, cookie);
      assert.equal(gone.status, 410);
      assert.match(gone.text, /withdrawn/);
    }
  }
});

test("home shows the newest period that isn't withdrawn, its digest, when the next one is promised, and that it is late", async (t) => {
  const served = await openPortal(t);
  const home = async () => textOf((await askPortal(served, "/portal", await sessionCookie(served, "twcert"))).text);
  const text = await home();
  assert.ok(text.includes("2026-W46"));
  const { bytes } = await askPortal(
    served,
    "/portal/feeds/spam-sources/6/signed",
    await sessionCookie(served, "twcert"),
  );
  const payload = Buffer.from(JSON.parse(bytes.toString()).payload, "base64url");
  assert.ok(text.includes(sha256(payload)));
  assert.ok(text.includes("M-twcert") && text.includes("409 days") && text.includes("AMBER+STRICT"));
  assert.ok(text.includes("2026-11-24 06:00 UTC") && !text.includes("overdue"));
  served.setNow(Date.parse("2026-11-26T06:00:00Z"));
  assert.match(await home(), /overdue for 2 days/);
  served.setNow(Date.parse("2027-12-31T12:00:00Z"));
  assert.match(await home(), /Today is its last day/);
});

test("of a log that doesn't hold nothing is shown, and the rest stands", async (t) => {
  const served = await openPortal(t);
  const own = served.store.under(feedPrefix("twcert", "spam-sources"));
  const jws = JSON.parse(new TextDecoder().decode(await own.get(logKey(6))));
  await own.delete(logKey(6));
  const first = jws.signature.startsWith("A") ? "B" : "A";
  await own.putOnce(logKey(6), Buffer.from(JSON.stringify({ ...jws, signature: first + jws.signature.slice(1) })));
  const cookie = await sessionCookie(served, "twcert");
  await askPortal(served, "/portal/feeds/summary/1/signed", cookie);
  const receipts = await askPortal(served, "/portal/receipts", cookie);
  assert.equal(receipts.status, 200);
  assert.match(textOf(receipts.text), /Nothing of it was handed to you yet.*1 2026-W46 manifest this portal/);
  const { status, text } = await askPortal(served, "/portal", cookie);
  assert.equal(status, 200);
  assert.match(textOf(text), /doesn't pass its checks \(verify-failed\)/);
  assert.ok(text.includes("/portal/feeds/summary/1") && !text.includes("/portal/feeds/spam-sources/6"));
  for (const path of ["/portal/feeds/spam-sources", "/portal/feeds/spam-sources/6"]) {
    const broken = await askPortal(served, path, cookie);
    assert.ok(broken.status >= 500, path);
    assert.match(broken.text, /role="alert"/);
  }
});

test("a publication that was replaced by another since it was first read, signed though it is, isn't shown", async (t) => {
  const served = await openPortal(t);
  const cookie = await sessionCookie(served, "twcert");
  const place = "/portal/feeds/spam-sources/6";
  assert.equal((await askPortal(served, place, cookie)).status, 200);
  await served.store.under(feedPrefix("twcert", "spam-sources")).delete(logKey(6));
  const { sequence } = await publish(served, { files: [csvFile(77)] });
  assert.equal(sequence, 6);
  const { status, text } = await askPortal(served, place, cookie);
  assert.ok(status >= 500);
  assert.match(textOf(text), /doesn't pass its checks \(verify-failed\)/);
  assert.match(textOf((await askPortal(served, "/portal", cookie)).text), /doesn't pass its checks/);
});

test("a partner whose agreement isn't in force is told so, with its dates, and nothing of its feeds", async (t) => {
  const served = await openPortal(t);
  const cookie = await sessionCookie(served, "twcert");
  const { twcert, ncc } = served.keysOf;
  for (const [change, said] of [
    [{ suspended: true }, "suspended"],
    [{ expires: "2026-11-10" }, "ended"],
  ] as const) {
    await served.change({ twcert: { keys: [twcert], ...change }, ncc: { keys: [ncc] } });
    for (const path of ["/portal", "/portal/feeds/spam-sources", "/portal/feeds/spam-sources/6/signed", "/portal/x"]) {
      const { status, text } = await askPortal(served, path, cookie);
      assert.equal(status, 403, path);
      assert.ok(text.includes(said) && text.includes("M-twcert"), path);
      assert.doesNotMatch(text, /spam-sources|2026-W/);
    }
  }
  await served.change({ twcert: { keys: [twcert] }, ncc: { keys: [ncc] } });
  assert.equal((await askPortal(served, "/portal", cookie)).status, 200);
});

test("a long log is shown page by page, from its end back", async (t) => {
  const served = await openPortal(t);
  const cookie = await sessionCookie(served, "twcert");
  const numbers = async (query: string) => {
    const { text } = await askPortal(served, `/portal/feeds/spam-sources${query}`, cookie);
    return [...text.matchAll(/href="\/portal\/feeds\/spam-sources\/(\d+)"/g)].map(([, number]) => Number(number));
  };
  assert.deepEqual(await numbers(""), [6, 5, 4, 3, 2, 1]);
  assert.deepEqual(await numbers("?before=4"), [3, 2, 1]);
  assert.deepEqual(await numbers("?before=1"), []);
  for (const query of ["?before=0", "?before=x", "?before=99999999999", "?files=-1"])
    assert.equal((await askPortal(served, `/portal/feeds/spam-sources${query}`, cookie)).status, 404, query);
});
