/**
 * Asks a served collection for pages of 1,000 objects, or for single objects by id, at places spread evenly over it, and
 * says how long that took. Server and client are this process; the index is there, or is made before the time begins.
 *
 * `node taxii-requests.ts <site> <partner> <pages|objects> <requests>`
 */
import { join } from "node:path";
import { Registry } from "../../../src/http/registry.ts";
import { serve } from "../../../src/http/serve.ts";
import { openLog } from "../../../src/log.ts";
import { openTokenKeys } from "../../../src/partner/auth/token-keys.ts";
import { mintPartnerToken } from "../../../src/partner/auth/tokens.ts";
import { microsecondInstant } from "../../../src/publication/manifest.ts";
import { readSettings } from "../../../src/settings.ts";
import { openDiskStore } from "../../../src/store/disk.ts";
import { testNow } from "../../publication/issuer.ts";

const [site = "", partner = "", what = "", requests = "1"] = process.argv.slice(2);
const url = "http://127.0.0.1:1";
const log = openLog("error");
const tokenKeys = join(site, "token-keys");
const store = openDiskStore(join(site, "store"));
const now = testNow + 60_000;
const serving = await serve({
  settings: {
    ...readSettings({ SPAMPOTS_METRICS_LISTEN: "none", SPAMPOTS_LIMIT_REQUESTS: "1000000" }).serve,
    listen: { host: "127.0.0.1", port: 0 },
    url,
  },
  issuer: "CERT.br",
  version: "0.0.0",
  store,
  registry: await Registry.open({ config: join(site, "config"), keys: join(site, "keys"), tokenKeys }, log),
  receipts: join(site, "receipts"),
  index: join(site, "index"),
  clock: () => now,
  log,
});
const { signer } = await openTokenKeys(tokenKeys);
const token = await mintPartnerToken({ url }, signer, { partner, seconds: 3600, id: "bench", now });

const collection = `http://127.0.0.1:${serving.port}/taxii2/feeds/collections/spam-sources/`;

async function get(path: string): Promise<{ readonly objects?: readonly { readonly id: string }[] }> {
  const answer = await fetch(`${collection}${path}`, { headers: { Authorization: `Bearer ${token}` } });
  if (answer.status === 200) return JSON.parse(await answer.text());
  await answer.text();
  if (answer.status !== 503) throw new Error(`${path}: ${answer.status}`);
  // The index is being made.
  await new Promise((resolve) => setTimeout(resolve, 1000));
  return get(path);
}

const began = performance.now();
await get("objects/?limit=1");
const indexed = (performance.now() - began) / 1000;
let bundles = 0;
for await (const { key } of store.list(`partners/${partner}/spam-sources/artifacts/`)) bundles += key === "" ? 0 : 1;

/** Query for what was added after a share of the collection: parts have some 5,000 objects. */
const from = (share: number) =>
  `added_after=${microsecondInstant(testNow * 1000 + Math.floor(share * Math.max(0, bundles * 5000 - 7000)))}`;
const shares = Array.from({ length: Number(requests) }, (_, n) => n / Number(requests));
const paths: string[] = [];
for (const share of shares) {
  if (what === "pages") paths.push(`objects/?limit=1000&${from(share)}`);
  else {
    const { objects = [] } = await get(`manifest/?limit=1&${from(share)}`);
    paths.push(`objects/${objects[0]?.id}/`);
  }
}
const wanted = what === "pages" ? 1000 : 1;
// Whatever the engine compiles, it compiles before.
for (const path of paths.slice(0, 20)) await get(path);
const started = performance.now();
for (const path of paths) {
  const { objects = [] } = await get(path);
  if (objects.length !== wanted) throw new Error(`${path}: ${objects.length} objects`);
}
const seconds = (performance.now() - started) / 1000;
await serving.close();
process.stdout.write(`${JSON.stringify({ seconds, units: paths.length, indexed })}\n`);
