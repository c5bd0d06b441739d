/**
 * Makes a site for the figures on TAXII: rendered, signed and published as the publisher does it, of made-up rows. Two
 * partners get one publication each, a small one and a large one.
 *
 * `node taxii-site.ts <folder> <objects of the small one> <objects of the large one>`
 */
import { cp, mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { secondsInstant } from "../../../src/feed/period.ts";
import { dayMs } from "../../../src/model.ts";
import { newTokenKey } from "../../../src/partner/auth/token-keys.ts";
import { newKeys, openKeyring } from "../../../src/publication/keys.ts";
import { append } from "../../../src/publication/log.ts";
import { artifactKey, feedPrefix, microsecondInstant } from "../../../src/publication/manifest.ts";
import { stixRenderer } from "../../../src/publication/stix.ts";
import { openDiskStore } from "../../../src/store/disk.ts";
import { aManifest, testNow } from "../../publication/issuer.ts";
import { contextOf, madeRows, render } from "../../publication/slice-rows.ts";
import { projectRoot } from "../../source-files.ts";

const [folder = "", small = "0", large = "0"] = process.argv.slice(2);

/** Objects that a made-up row comes to. */
const objectsOfRow = 6;

const keys = join(folder, "keys");
await newKeys({ folder: keys }, { now: testNow - dayMs });
await newTokenKey(join(folder, "token-keys"), testNow - dayMs);
await mkdir(join(folder, "config"));
await cp(join(projectRoot, "feeds"), join(folder, "config/feeds"), { recursive: true });
await writeFile(
  join(folder, "config/partners.yaml"),
  `partners:\n${["small", "large"]
    .map(
      (id) => `  - id: ${id}
    name: ${id}
    economies: [TW]
    mou: { reference: M-1, signed: 2026-01-01, expires: 2027-12-31, purposes: [test], onward: constituents, retention_days: 365 }
    tlp_ceiling: AMBER
    contacts: [{ name: Placeholder, email: feeds@${id}.example }]
    subscriptions: [{ feed: spam-sources, every: week, formats: [stix] }]
`,
    )
    .join("")}...\n`,
);
const { signer } = await openKeyring({ folder: keys });
const store = openDiskStore(join(folder, "store"));
for (const [partner, objects] of [
  ["small", Number(small)],
  ["large", Number(large)],
] as const) {
  const parts = join(folder, `parts-${partner}`);
  await mkdir(parts);
  const context = contextOf("source-day", parts, { stixMaxRows: Number.POSITIVE_INFINITY });
  const rendered = await render(
    stixRenderer(context),
    context.columns,
    madeRows["source-day"](Math.ceil(objects / objectsOfRow)),
  );
  const own = store.under(feedPrefix(partner, "spam-sources"));
  const artifacts = rendered.map(
    ({ name, mediaType, bytes, sha256, contentBytes, contentSha256, objects: held, part }) => ({
      name,
      media_type: mediaType,
      content_encoding: "gzip" as const,
      bytes,
      sha256,
      content_bytes: contentBytes,
      content_sha256: contentSha256,
      ...(held === undefined ? {} : { objects: held }),
      ...(part === undefined ? {} : { part }),
    }),
  );
  for (const [place, artifact] of artifacts.entries()) {
    const path = rendered[place]?.path ?? "";
    await own.putFile(artifactKey(artifact), { path, bytes: artifact.bytes });
  }
  await append(
    own,
    aManifest({
      partner,
      artifacts,
      published_at: microsecondInstant(testNow * 1000),
      retain_until: secondsInstant(testNow + 90 * dayMs),
    }),
    signer,
  );
  await rm(parts, { recursive: true });
}
