/**
 * Makes the pictures of the portal in docs/images: a site of simulated captures, published, served and looked at. Run it
 * when pages look different: `node test/portal/screenshots.ts`. Nothing in the pictures happened.
 */
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { Registry } from "../../src/http/registry.ts";
import { serve } from "../../src/http/serve.ts";
import { openLog } from "../../src/log.ts";
import { publicKeyOf } from "../../src/publication/jwk.ts";
import { readSettings } from "../../src/settings.ts";
import { openDiskStore } from "../../src/store/disk.ts";
import { newClientKey } from "../http/served.ts";
import { projectRoot } from "../source-files.ts";
import { openBrowser } from "./browser.ts";
import { operatorCookie, signIn, takeCookie } from "./portal-world.ts";

/** When the pictures are of. */
const now = Date.parse("2026-11-17T09:00:00Z");

const partner = "twcert-cc";

/** Pictures: name, place, and height in px, or what of the page is pictured. */
const pictures = [
  ["portal-home", "/portal", 720],
  ["portal-publication", "/portal/feeds/spam-sources/latest", 760],
  ["portal-figure", "/portal/feeds/summary/latest", "#source-asns"],
  ["portal-operator", "/portal/operator", 900],
] as const;

const endings: (() => unknown)[] = [];
const after = (end: unknown) => endings.push(end as () => unknown); // as tests register them

async function simulatedSite(folder: string): Promise<void> {
  const spampots = (...args: string[]) =>
    promisify(execFile)(
      process.execPath,
      [
        "--disable-warning=ExperimentalWarning",
        join(projectRoot, "src/cli.ts"),
        "--now",
        new Date(now).toISOString(),
        ...args,
      ],
      { env: { ...process.env, SPAMPOTS_CONFIG: projectRoot, SPAMPOTS_DATA: folder, SPAMPOTS_LOG: "error" } },
    );
  await spampots("demo", "--data", folder);
  await spampots("keys", "new", "--tokens");
  await spampots("run", "--once");
}

async function pictured(folder: string): Promise<void> {
  const log = openLog("silent");
  const key = await newClientKey("ES256");
  const operatorKeys = join(folder, "operators.jwks");
  await writeFile(operatorKeys, JSON.stringify({ keys: [publicKeyOf(key.jwk)] }));
  const settings = readSettings({
    SPAMPOTS_DATA: folder,
    SPAMPOTS_LISTEN: "127.0.0.1:0",
    SPAMPOTS_METRICS_LISTEN: "none",
  });
  const places = { config: projectRoot, keys: settings.keys, tokenKeys: settings.tokenKeys, operatorKeys };
  const serving = await serve({
    settings: settings.serve,
    issuer: "CERT.br",
    version: "0.0.0",
    store: openDiskStore(settings.store),
    registry: await Registry.open(places, log),
    receipts: join(folder, "receipts"),
    index: join(folder, "index"),
    clock: () => now,
    log,
  });
  after(() => serving.close());
  const browser = await openBrowser({ after });
  const window = await browser.window({ colorScheme: "light", viewport: { width: 1100, height: 700 } });
  const site = { url: serving.url, tokenKeys: settings.tokenKeys, now: () => now };
  await signIn(window, site, partner);
  await takeCookie(window, site, await operatorCookie(site, key));
  const { page } = window;
  const images = join(projectRoot, "docs/images");
  await mkdir(images, { recursive: true });
  for (const [name, place, part] of pictures) {
    const path = join(images, `${name}.png`);
    await page.setViewportSize({ width: 1100, height: typeof part === "number" ? part : 900 });
    await page.goto(serving.url + place);
    await (typeof part === "number" ? page : page.locator(part)).screenshot({ path });
  }
}

const folder = await mkdtemp(join(tmpdir(), "spampots-pictures-"));
try {
  await simulatedSite(folder);
  await pictured(folder);
} finally {
  for (const end of endings.reverse()) await end();
  await rm(folder, { recursive: true, force: true });
}
