/**
 * A site with simulated captures, served by the real command, and a partner with the kit that was made for it: for tests
 * that really use what is in one.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { type SiteFolder, siteFolder } from "../cli/site-folder.ts";
import { freePort } from "../free-port.ts";
import { projectRoot } from "../source-files.ts";
import type { Ending } from "../temporary-folder.ts";
import { until } from "../until.ts";

const run = promisify(execFile);

/** The command, as a kit's scripts call it. */
export const program = `${process.execPath} --disable-warning=ExperimentalWarning ${join(projectRoot, "src/cli.ts")}`;

export interface KitSite {
  readonly root: string;
  readonly url: string;
  readonly site: SiteFolder;
  /** Folder of the kit of `partner`, as it was unpacked. */
  kit(partner: string): string;
  /** A token of `partner`. */
  token(partner: string): Promise<string>;
  /** Where the store has the partner's publications. */
  published(partner: string): string;
}

/** Partners of the project that the tests look with: one with all feeds, one with a label that few systems know. */
const partners = ["twcert-cc", "ncc-tw"];

/** Opens one. Keys of the first partner are made by what its kit holds. */
export async function openKitSite(t: Ending): Promise<KitSite> {
  const root = await mkdtemp(join(tmpdir(), "spampots-kits-"));
  t.after(() => rm(root, { recursive: true, force: true }));
  const url = `http://127.0.0.1:${await freePort()}`;
  const yaml = (await readFile(join(projectRoot, "partners.yaml"), "utf8"))
    .replace(/^ {2}- id: twia\n[\s\S]*/m, "...\n")
    // In force on the day of the test, whatever day that is.
    .replaceAll(/signed: \S+/g, "signed: 2000-01-01")
    .replaceAll(/expires: \S+/g, "expires: 2099-12-31");
  const env = { SPAMPOTS_URL: url, SPAMPOTS_LISTEN: url.slice(7), SPAMPOTS_LIMIT_REQUESTS: "100000" };
  const site = await siteFolder(t, { root }, yaml, env);
  const command = async (...args: string[]) => {
    const { code, stdout, stderr } = await site.run(args);
    assert.equal(code, 0, `${args.join(" ")}: ${stdout}${stderr}`);
    return stdout;
  };
  await command("demo", "--data", root, "--messages-per-day", "200");
  await command("keys", "new", "--tokens");
  const kits = join(root, "kits");
  await mkdir(kits);
  const kit = (partner: string) => join(kits, partner);
  for (const partner of partners) await command("partner", "kit", partner, "--into", kit(partner));
  await site.writePartners(
    yaml.replace(/- \{ kty: OKP.*placeholder-twcert-cc.*\n/, `${await ownKeys(kit("twcert-cc"))}\n`),
  );
  const serving = site.start(["serve"]);
  await until(() => serving.stdout().includes("Listening"), "serve");
  return {
    root,
    url,
    site,
    kit,
    token: async (partner) => (await command("token", partner)).trim(),
    published: (partner) => join(root, "store/partners", partner),
  };
}

/** Makes a key by the kit's script, and one by the reference client, as its README says. @returns lines for `partners.yaml` */
async function ownKeys(kit: string): Promise<string> {
  const made = await run("sh", ["curl/new-key.sh", "curl/client.pem"], { cwd: kit });
  const [node = "", ...args] = program.split(" ");
  const other = await run(node, [...args, "fetch", "--new-key", "fetch/client.jwk", "--partner", "twcert-cc"], {
    cwd: kit,
  });
  return `${made.stdout.trim()}\n      ${other.stdout.trim()}`;
}
