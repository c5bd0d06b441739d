/**
 * Makes a site for the figure on ticks: partners with a policy of their own each, subscribed to the project's five
 * feeds by week, and a log of four weeks in each, signed as the publisher does it; nothing is due. Files hold nothing
 * of interest.
 *
 * `node tick-site.ts <folder> <config> <partners> <now>`
 */
import { createHash } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { loadConfiguration } from "../../../src/feed/configuration.ts";
import { type DueContext, due } from "../../../src/feed/due.ts";
import { openLake } from "../../../src/lake/lake.ts";
import type { BatchRecord } from "../../../src/lake/records.ts";
import { dayMs, hourMs } from "../../../src/model.ts";
import { ensureAnnounced } from "../../../src/publication/announce.ts";
import { logStateOf, publicationManifest } from "../../../src/publication/compose.ts";
import { newKeys, openKeyring } from "../../../src/publication/keys.ts";
import { logKey, type Publication } from "../../../src/publication/log.ts";
import { artifactKey, encodeManifest, feedPrefix, payloadDigest } from "../../../src/publication/manifest.ts";
import { lakeState, selectedLogs } from "../../../src/publication/plan.ts";
import { openDiskStore } from "../../../src/store/disk.ts";

const [folder = "", config = "", nowText = ""] = process.argv.slice(2);
const now = Date.parse(nowText);
const weeks = 4;
const sensors = Array.from({ length: 10 }, (_, index) => `pot-${index + 1}`);

const { partners } = await loadConfiguration(config);
const codes = [
  ...new Set(partners.flatMap(({ economies }) => (economies === "all" ? [] : economies.map(({ code }) => code)))),
];
const keys = join(folder, "keys");
await newKeys({ folder: keys }, { now: now - 60 * dayMs });
const keyring = await openKeyring({ folder: keys });
const store = openDiskStore(join(folder, "store"));
const pots = sensors.map((id, index) => `{ id: ${id}, addresses: [{ address: 192.88.99.${index + 1} }], names: [] }`);
writeFileSync(join(folder, "sensors.yaml"), `sensors: [${pots.join(", ")}]\n...\n`);

/** Monday of the oldest week. */
const first = Math.floor((now / dayMs + 3) / 7) * 7 * dayMs - 3 * dayMs - weeks * 7 * dayMs;
const lake = await openLake(join(folder, "lake"));
for (let day = 0; day < weeks * 7; day += 1) {
  for (const sensor of sensors) {
    const from = (first + day * dayMs) / hourMs;
    const hours: [number, number][] = [[from, from + 24]];
    const concerned = Object.fromEntries(codes.map((code) => [code, hours]));
    const record: BatchRecord = {
      v: 1,
      batch: createHash("sha256").update(`${sensor} ${day}`).digest("hex"),
      generation: 1,
      sensor,
      sealed_at: (from + 24) * hourMs,
      simulated: true,
      first: from * hourMs,
      last: (from + 24) * hourMs - 1,
      hours,
      captures: hours,
      requests: hours,
      concerns: { source: concerned, target: concerned, url: concerned },
      counts: {},
      quarantined: {},
      made_with: "0".repeat(64),
      tables: [],
      files: [],
    };
    await lake.commit(record);
  }
}

/** As the disk store would, but for telling the disk to flush: there are tens of thousands. */
function put(key: string, content: string | Uint8Array): void {
  const path = join(folder, "store", key);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
}

const issuer = "CERT.br";
const content = "nothing of interest\n";
const contentSha256 = createHash("sha256").update(content).digest("hex");
const announced = new Set<string>();
for (const { partner, subscription } of selectedLogs(partners)) {
  if (!announced.has(partner.id)) {
    await ensureAnnounced(store, partner.id, { issuer, keyring, now: now - 50 * dayMs });
    announced.add(partner.id);
  }
  const prefix = feedPrefix(partner.id, subscription.feed.id);
  let tip: Publication | undefined;
  const publishedAt = now - hourMs;
  const state = await lakeState({ lake, partners }, now);
  const context = (): DueContext => ({ partner, subscription, log: logStateOf(tip), lake: state, now });
  for (const entry of due(context())) {
    const artifact = {
      name: `${subscription.feed.id}_${entry.period.id}_tlp-amber.md`,
      mediaType: "text/markdown; charset=utf-8",
      path: "",
      bytes: content.length,
      sha256: contentSha256,
      contentBytes: content.length,
      contentSha256,
    };
    const made = publicationManifest(
      { issuer, partner, subscription: { ...subscription }, tip, now: publishedAt },
      {
        subscription: { ...subscription, formats: [...subscription.formats, "markdown"] },
        due: entry,
        rendered: { artifacts: [artifact], counts: {}, notes: [] },
        records: { again: 0, revokes: 0 },
        coverage: { expected: 1, seen: 1 },
      },
    );
    const payload = encodeManifest(made);
    put(`${prefix}/${logKey(made.sequence)}`, await keyring.signer.sign(payload, "spampots-manifest+jws"));
    for (const named of made.artifacts) put(`${prefix}/${artifactKey(named)}`, content);
    tip = { manifest: made, payloadSha256: payloadDigest(payload), kid: keyring.live };
  }
  if (due(context()).length > 0) throw new Error("something is due");
}
// The day's sweep is not part of a look at what is due.
put(`leases/swept/${new Date(now).toISOString().slice(0, 10)}`, "");
