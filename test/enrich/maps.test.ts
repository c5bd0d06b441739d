/** The operator's maps: the files that come along are sound, and whatever is wrong with one is said at once. */
import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { test } from "node:test";
import { createEnricher } from "../../src/enrich/enricher.ts";
import { isBenignHost, loadMaps, mapsOf } from "../../src/enrich/maps.ts";
import { isError } from "../../src/errors.ts";
import { folderFor } from "./folder.ts";

const own = resolve(import.meta.dirname, "../../feeds/maps");

test("the maps that come along load, and leave the partners' own ccTLDs alone", async () => {
  const maps = await loadMaps(own);
  const { recipientDomain } = createEnricher({ files: [] }, maps);
  for (const [address, economy] of Object.entries({
    "a@ms1.hinet.net": "TW",
    "a@nifty.com": "JP",
    "a@bigpond.com": "AU",
    "a@chasque.net": "UY",
    "a@poczta.onet.eu": "PL",
    "a@netvigator.com": "HK",
    "a@x.com.tw": "TW",
    "a@x.co.jp": "JP",
    "a@x.com.au": "AU",
    "a@x.com.uy": "UY",
    "a@x.pl": "PL",
    "a@x.com.hk": "HK",
  }))
    assert.equal(recipientDomain(address)?.economy, economy, address);
  for (const tld of ["io", "tv", "co", "me", "cc", "ws"])
    assert.equal(recipientDomain(`a@example.${tld}`)?.economy, undefined);
  for (const host of ["www.w3.org", "w3.org", "schemas.xmlsoap.org", "mail.google.com", "tw.yahoo.com"])
    assert.ok(isBenignHost(host, maps), host);
  for (const host of ["xw3.org", "w3.org.example.pl", "org", "192.0.2.1", "", "shop.com.tw"])
    assert.ok(!isBenignHost(host, maps), host);
});

async function folderWith(t: Parameters<typeof folderFor>[0], files: Record<string, string>) {
  const { folder, write } = await folderFor(t);
  await mkdir(join(folder, "maps"));
  for (const [name, text] of Object.entries(files)) await write(join("maps", name), `${text}\n...\n`);
  return join(folder, "maps");
}

test("files of comments alone say nothing; comments and order don't change the digest", async (t) => {
  const empty = { "domains.yaml": "# none\n", "benign-hosts.yaml": "", "generic-cctlds.yaml": "[]\n" };
  const none = await loadMaps(await folderWith(t, empty));
  assert.deepEqual(none, mapsOf({}, [], []));
  const one = await folderWith(t, {
    ...empty,
    "domains.yaml": "a.com: TW\nb.com: NO\n",
    "generic-cctlds.yaml": "- io\n- tv\n",
  });
  const other = await folderWith(t, {
    ...empty,
    "domains.yaml": "b.com: 'NO' # Norway\na.com: TW\n",
    "generic-cctlds.yaml": "[tv, io]",
  });
  const [left, right] = [await loadMaps(one), await loadMaps(other)];
  assert.equal(left.digest, right.digest);
  assert.equal(left.domains.get("b.com"), "NO");
  assert.notEqual(left.digest, none.digest);
});

test("all problems of all files at once, with file, line and path", async (t) => {
  const maps = await folderWith(t, {
    "domains.yaml": "hinet.net: TW\nms1.hinet.net: TW\nUpper.com: TW\nnifty.com: jp\ncom: JP\nonet.eu: EU\n",
    "benign-hosts.yaml": "- w3.org\n- http://w3.org/\n- w3.org\n- com\n",
  });
  const error = await loadMaps(maps).catch((thrown: unknown) => thrown);
  assert.ok(isError(error, "bad-configuration"));
  const said = error.problems.map(({ file, line, path }) => `${file.slice(maps.length + 1)}:${line ?? "-"} ${path}`);
  assert.deepEqual(said.toSorted(), [
    "benign-hosts.yaml:2 [1]",
    "benign-hosts.yaml:4 [3]",
    "domains.yaml:4 nifty.com",
    "domains.yaml:6 onet.eu",
    "generic-cctlds.yaml:- ",
  ]);
  for (const { message } of error.problems) assert.match(message, /^[A-Z].*\.$/);
});

test("what a schema can't see is refused too", async (t) => {
  const maps = await folderWith(t, {
    "domains.yaml": "hinet.net: TW\nms1.hinet.net: TW\nUpper.com: TW\ncom: JP\n",
    "benign-hosts.yaml": "- w3.org\n- w3.org\n",
    "generic-cctlds.yaml": "- io\n- com\n",
  });
  const error = await loadMaps(maps).catch((thrown: unknown) => thrown);
  assert.ok(isError(error, "bad-configuration"));
  assert.deepEqual(error.problems.map(({ line, path }) => `${line} ${path}`).toSorted(), [
    "2 [1]",
    "2 [1]",
    "2 ms1.hinet.net",
    "3 Upper.com",
    "4 com",
  ]);
});

test("broken YAML and duplicate keys are refused", async (t) => {
  for (const text of ["a.com: TW\na.com: JP\n", "a.com: [TW\n", "- a.com\n", "a.com: 1\n"]) {
    const maps = await folderWith(t, { "domains.yaml": text, "benign-hosts.yaml": "", "generic-cctlds.yaml": "" });
    await assert.rejects(loadMaps(maps), (error) => isError(error, "bad-configuration"));
  }
});
