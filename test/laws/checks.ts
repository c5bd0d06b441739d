/** What must hold of every publication of `laws.test.ts`, whatever was captured and whoever it is for. */
import assert from "node:assert/strict";
import { domainToUnicode } from "node:url";
import type { Partner } from "../../src/feed/partners.ts";
import { periodAt } from "../../src/feed/period.ts";
import { fields } from "../../src/fields.ts";
import type { Summary } from "../../src/publication/summary.ts";
import { csvRows, type Read } from "../pipeline.ts";
import { firstDay, recipientPool, type Seen, sensorIds } from "./captures.ts";

const rowFeeds = ["spam-sources", "spam-targets", "spam-urls", "spam-events"];

const codesOf = ({ economies: whose }: Partner) =>
  whose === "all" ? undefined : new Set(whose.map((economy) => economy.code));

/** Economy of a registrable domain of the pools. */
const economyOf = (domain: string | undefined) =>
  ({ "pchome.com.tw": "TW", "hinet.net": "TW", "xn--fiq228c.tw": "TW", "example.co.jp": "JP", "firma.pl": "PL" })[
    domain ?? ""
  ];

/** No row, cell or rank is of an economy that isn't the partner's. */
export function checkIsolation(one: Read, partner: Partner): void {
  const codes = codesOf(partner);
  if (codes === undefined) return;
  const isOwn = (economy: string | undefined) => economy === "" || (economy !== undefined && codes.has(economy));
  const rows = csvRows(one);
  for (const row of rows) {
    if (one.feed === "spam-sources") assert.ok(isOwn(row.source_economy), "a source elsewhere");
    if (one.feed === "spam-targets") assert.ok(isOwn(row.destination_economy), "a target elsewhere");
    if (one.feed === "spam-events" && row.destination_ip !== "")
      assert.ok(isOwn(row.destination_economy), "an address elsewhere");
    const domains = (row.recipient_domains ?? "").split(";").map((pair) => pair.split(":")[0]);
    for (const domain of [...domains, row.destination_fqdn]) {
      if (domain) assert.ok(isOwn(economyOf(domain)), `${domain} isn't the partner's`);
    }
  }
  const json = [...one.files].find(([name]) => name.endsWith(".json"))?.[1];
  if (json === undefined) return;
  // The summary is of our own making, by this very run.
  const summary = JSON.parse(json.toString()) as Summary;
  for (const { domain } of summary.target_domains) assert.ok(isOwn(economyOf(domain)), domain);
}

/** What is masked or not released at the label is empty and named in `redacted`; labels stand in names and rows. */
export function checkLabels(one: Read, { masks, subscriptions: subscribed }: Partner): void {
  const tlp = subscribed.find(({ feed }) => feed.id === one.feed)?.tlp ?? assert.fail();
  assert.equal(one.manifest.tlp, tlp);
  for (const name of one.files.keys()) {
    assert.ok(name.includes(`_tlp-${tlp.toLowerCase().replace("+", "-")}`), name);
  }
  const rows = csvRows(one);
  if (one.feed === "spam-sources") {
    const sum = rows.reduce((all, row) => all + Number(row.captures), 0);
    assert.equal(one.manifest.counts.captures, masks.includes("captures") ? undefined : sum);
  }
  for (const row of rows) {
    assert.equal(row.tlp, tlp);
    for (const [name, cell] of Object.entries(row)) {
      const release = fields.get(name)?.release;
      assert.ok(release === "green" || release === "partner", `${name} is released to nobody`);
      const withheld = masks.includes(name) || (tlp === "GREEN" && release !== "green");
      if (!withheld) continue;
      assert.equal(cell, "", `${name} leaves at ${tlp} with masks ${masks}`);
      assert.ok(row.redacted?.split(";").includes(name), `${name} isn't named in redacted`);
    }
  }
}

/** A text with what stands in it encoded beside it: percent, base64 of both alphabets, punycode. */
function unwrapped(bytes: Uint8Array): string {
  const text = Buffer.from(bytes).toString("utf8");
  const percent = text.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  const base64 = (text.match(/[A-Za-z0-9+/_-]{12,}/g) ?? []).flatMap((run) =>
    [0, 1, 2, 3].map((skip) => Buffer.from(run.slice(skip), "base64").toString("latin1")),
  );
  const names = (text.match(/xn--[a-z0-9-]+/g) ?? []).map(domainToUnicode);
  return [text, percent, ...base64, ...names].join("\n").toLowerCase();
}

const neverAnywhere = [
  ...sensorIds,
  "hosting house",
  "honeynet.example",
  "203.0.113.200",
  "203.0.113.201",
  "203.0.113.202",
  "2001:db8:ff::",
];

/** Nothing of a sensor, recipient or single capture stands in any byte, in whatever encoding. */
export function checkSecrets(one: Read, seen: readonly Seen[]): void {
  const secrets = [
    ...neverAnywhere,
    ...seen.map(({ secret }) => secret),
    ...recipientPool.filter((one) => one.includes("@")),
  ];
  const places: [string, Uint8Array][] = [["manifest", one.payload], ["jws", one.jws], ...one.files];
  for (const [name, bytes] of places) {
    const text = unwrapped(bytes);
    for (const secret of secrets)
      assert.ok(!text.includes(secret.toLowerCase()), `${secret} stands in ${one.partner} ${name}`);
    assert.doesNotMatch(text, /\bcap-\d+\b/, `a capture's id stands in ${one.partner} ${name}`);
    if (name !== "jws" && name !== "manifest")
      assert.doesNotMatch(Buffer.from(bytes).toString(), /@|%40/i, `${one.partner} ${name}`);
    if (one.manifest.tlp !== "GREEN" || name === "jws") continue;
    for (const { ip } of seen) assert.ok(!text.includes(ip), `${ip} stands in ${name} at GREEN`);
  }
}

/** Days of a week hold what the week holds, each row once. */
export function checkAdjoining(found: readonly Read[], seen: readonly Seen[]): void {
  const of = (partner: string, feed: string) => found.filter((one) => one.partner === partner && one.feed === feed);
  const week = periodAt("week", firstDay);
  for (const feed of rowFeeds) {
    const whole = of("weekly-tw", feed).filter(({ manifest }) => manifest.period.id === week.id);
    const days = of("daily-tw", feed).filter(({ manifest }) => Date.parse(manifest.period.start) < week.end);
    const [weekly, daily] = [whole.flatMap(csvRows), days.flatMap(csvRows)];
    if (feed === "spam-sources" || feed === "spam-targets")
      assert.deepEqual(sortedRows(daily), sortedRows(weekly), feed);
    // Which texts are common depends on the period: not the rows.
    if (feed === "spam-events") assert.deepEqual(rowIdsOf(daily), rowIdsOf(weekly));
  }
  const inWeek = seen.filter((one) => !one.probe && one.capturedAt < week.end);
  const everything = of("everything", "spam-events").flatMap(csvRows);
  assert.equal(everything.length, inWeek.length, "every capture that is no probe, once");
  assert.equal(new Set(everything.map((row) => row.row_id)).size, inWeek.length);
  const sources = of("everything", "spam-sources").flatMap(csvRows);
  const counted = sources.reduce((sum, row) => sum + Number(row.captures), 0);
  assert.equal(counted, inWeek.filter((one) => one.handshake).length);
}

const rowIdsOf = (rows: readonly Record<string, string>[]) => rows.map((row) => row.row_id).sort();
const sortedRows = (rows: readonly Record<string, string>[]) =>
  rows.toSorted((a, b) => ((a.row_id ?? "") < (b.row_id ?? "") ? -1 : 1));

/** Partners with equal policies hold the same bytes. */
export function checkTwins(found: readonly Read[]): void {
  for (const twin of found.filter(({ partner }) => partner === "twin-tw")) {
    const other = found.find((one) => one.partner === "weekly-tw" && one.feed === twin.feed) ?? assert.fail();
    for (const artifact of twin.manifest.artifacts) {
      assert.ok(
        other.manifest.artifacts.some(({ sha256: digest }) => digest === artifact.sha256),
        artifact.name,
      );
    }
  }
}
