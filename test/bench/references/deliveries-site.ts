/**
 * Makes a store for the figures on deliveries: so many partners, each with one publication of two files that don't
 * pack.
 *
 * `node deliveries-site.ts <folder> <partners> <bytes of a file>`
 */
import { createHash, randomBytes } from "node:crypto";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { dayMs } from "../../../src/model.ts";
import { ensureAnnounced } from "../../../src/publication/announce.ts";
import { newKeys, openKeyring } from "../../../src/publication/keys.ts";
import { append } from "../../../src/publication/log.ts";
import { artifactKey, feedPrefix } from "../../../src/publication/manifest.ts";
import { openDiskStore } from "../../../src/store/disk.ts";
import { aManifest, testNow } from "../../publication/issuer.ts";

const [folder = "", partners = "0", bytes = "0"] = process.argv.slice(2);
const keys = join(folder, "keys");
await newKeys({ folder: keys }, { now: testNow - dayMs });
const keyring = await openKeyring({ folder: keys });
const store = openDiskStore(join(folder, "store"));
const scratch = join(folder, "scratch");
for (let index = 0; index < Number(partners); index += 1) {
  const partner = `partner-${String(index).padStart(4, "0")}`;
  await ensureAnnounced(store, partner, { issuer: "CERT.br", keyring, now: testNow });
  const own = store.under(feedPrefix(partner, "spam-sources"));
  const artifacts = [];
  for (const name of ["spam-sources_2026-W46_tlp-amber.csv", "spam-sources_2026-W46_tlp-amber_AS1.csv"]) {
    const content = randomBytes(Number(bytes));
    const sha256 = createHash("sha256").update(content).digest("hex");
    const digests = { bytes: content.length, sha256, content_bytes: content.length, content_sha256: sha256 };
    const artifact = { name, media_type: "text/csv; charset=utf-8; header=present", ...digests, rows: 1 };
    await writeFile(scratch, content);
    await own.putFile(artifactKey(artifact), { path: scratch, bytes: content.length });
    artifacts.push(artifact);
  }
  await append(own, aManifest({ partner, artifacts }), keyring.signer);
}
await rm(scratch);
