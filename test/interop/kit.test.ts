/**
 * Kits that are really used: each configuration by the program that it is for, against the real service. Needs the packages
 * of `requirements.txt` on the `python3` of the path, and curl, jq and openssl.
 */
import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { cp, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { gunzipSync } from "node:zlib";
import { filesIn } from "../partner/client/service.ts";
import { type KitSite, openKitSite, program } from "./kit-site.ts";

const endings: (() => unknown)[] = [];
let site: KitSite;
before(async () => {
  site = await openKitSite({ after: (end) => endings.push(end) });
});
after(async () => {
  for (const end of endings.reverse()) await end();
});

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program, with something on its standard input. */
function shell(command: readonly string[], input = "", env: Record<string, string> = {}): Promise<Ended> {
  const [name = "", ...args] = command;
  const child = spawn(name, args, { env: { ...process.env, ...env } });
  child.stdin.end(input);
  const said = { stdout: "", stderr: "" };
  for (const stream of ["stdout", "stderr"] as const)
    child[stream].on("data", (chunk) => {
      said[stream] += chunk;
    });
  return new Promise((done) => child.on("close", (code) => done({ code, ...said })));
}

/** What a Python program of these tests says, a line of JSON each. */
async function judged<T>(script: string, path: string, partner: string): Promise<T[]> {
  const said = await shell(["python3", join(import.meta.dirname, script), path], await site.token(partner));
  assert.equal(said.code, 0, said.stderr);
  return said.stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
}

/** What a partner's prefix of the store holds, but for announcements of keys. */
async function published(partner: string) {
  const all = await filesIn(site.published(partner));
  return new Map([...all].filter(([path]) => !path.startsWith("keys/")));
}

const verified = (folder: string, kit: string) =>
  promisify(execFile)(
    program.split(" ")[0] ?? "",
    [
      ...program.split(" ").slice(1),
      "verify",
      folder,
      "--partner",
      "twcert-cc",
      "--keys",
      join(kit, "issuer-keys.json"),
    ],
    { cwd: kit },
  );

test("the script for curl, openssl and jq fetches every feed, byte for byte, and verify proves it by the kit's keys", async () => {
  const kit = site.kit("twcert-cc");
  const first = await shell(["sh", join(kit, "curl/pull.sh")]);
  assert.equal(first.code, 0, first.stderr);
  assert.deepEqual(await filesIn(join(kit, "received")), await published("twcert-cc"));
  await verified(join(kit, "received"), kit);
  // What `partner check` may leave in a folder that is pushed to is in nobody's way.
  await writeFile(join(kit, "received/spampots-check-2026-11-16T06-00-00-000Z.txt"), "x");
  await verified(join(kit, "received"), kit);
  assert.deepEqual(await shell(["sh", join(kit, "curl/pull.sh")]), { code: 0, stdout: "", stderr: "" });
  const wrong = await shell(["sh", join(kit, "curl/pull.sh")], "", { KEY: join(kit, "no-such.pem") });
  assert.notEqual(wrong.code, 0);
});

test("a key that was made at joining serves both scripts, as the README says", async (t) => {
  const kit = site.kit("twcert-cc");
  const [, command = ""] =
    /by an invitation.*?```sh\n(.*?)```/s.exec(await readFile(join(kit, "README.md"), "utf8")) ?? [];
  const folder = await mkdtemp(join(tmpdir(), "spampots-joined-"));
  t.after(() => rm(folder, { recursive: true }));
  await cp(kit, folder, { recursive: true });
  await Promise.all(["received", "curl/client.pem"].map((path) => rm(join(folder, path), { recursive: true })));
  const made = await shell(["sh", "-ec", `cd "$1"; ${command}`, "sh", folder]);
  assert.equal(made.code, 0, made.stderr);
  assert.equal((await stat(join(folder, "curl/client.pem"))).mode & 0o777, 0o600);
  const pulled = await shell(["sh", join(folder, "curl/pull.sh")]);
  assert.equal(pulled.code, 0, pulled.stderr);
  assert.deepEqual(await filesIn(join(folder, "received")), await published("twcert-cc"));
});

test("the script for the reference client does the same, and cron's line names it", async () => {
  const kit = site.kit("twcert-cc");
  const folder = join(kit, "fetched");
  const env = { PROGRAM: program, FOLDER: folder };
  const first = await shell(["sh", join(kit, "fetch/fetch.sh")], "", env);
  assert.equal(first.code, 0, first.stderr);
  const fetched = await filesIn(folder);
  for (const [path, bytes] of await published("twcert-cc")) assert.ok(fetched.get(path) === bytes, path);
  await verified(folder, kit);
  assert.match((await shell(["sh", join(kit, "fetch/fetch.sh")], "", env)).stdout, /nothing new after/);
  assert.match(
    await readFile(join(kit, "fetch/crontab"), "utf8"),
    /^[1-5]?\d \* \* \* \* sh \/\S+\/fetch\/fetch\.sh$/m,
  );
});

interface Parsed {
  readonly feed: string;
  readonly provider: string;
  readonly rows: number;
  readonly events: number;
  readonly first: Record<string, unknown>;
  readonly row: Record<string, string>;
}

test("IntelMQ loads the bots; each collector fetches, and each row becomes an event with every cell", async () => {
  const runtime = join(site.kit("twcert-cc"), "intelmq/runtime.yaml");
  const feeds = await judged<Parsed>("kit_intelmq.py", runtime, "twcert-cc");
  assert.deepEqual(
    feeds.map(({ feed }) => feed),
    ["spam-sources", "spam-targets", "spam-urls", "spam-events"].map((feed) => `spampots-${feed}`),
  );
  for (const { feed, provider, rows, events, first, row } of feeds) {
    assert.ok(rows > 10, `${feed}: ${rows} rows`);
    assert.equal(events, rows, feed);
    assert.equal(provider, "CERT.br");
    assert.equal(first["classification.type"], "spam");
    assert.equal(first.tlp, row.tlp);
    assert.equal(first["extra.row_id"], row.row_id);
  }
  const [sources, , urls, captures] = feeds;
  for (const one of [sources, captures]) {
    assert.equal(Date.parse(String(one?.first["time.source"])), Date.parse(one?.row.timestamp ?? ""));
    assert.equal(one?.first["source.ip"], one?.row.source_ip);
  }
  assert.equal(String(captures?.first["destination.port"] ?? ""), captures?.row.destination_port);
  assert.equal(String(captures?.first["extra.abused_port"]), captures?.row.abused_port);
  assert.equal(urls?.first["source.fqdn"] ?? "", urls?.row.url_host);
});

test("a label that IntelMQ doesn't know stands below extra", async () => {
  const [sources] = await judged<Parsed>("kit_intelmq.py", join(site.kit("ncc-tw"), "intelmq/runtime.yaml"), "ncc-tw");
  assert.equal(sources?.row.tlp, "AMBER+STRICT");
  assert.deepEqual([sources?.first.tlp, sources?.first["extra.tlp"]], [undefined, "AMBER+STRICT"]);
});

test("PyMISP reads and adds the feeds; their addresses and columns give addresses, hosts and URLs, and no victim", async () => {
  const feeds = await judged<{ values: number }>(
    "kit_misp.py",
    join(site.kit("twcert-cc"), "misp/feeds.json"),
    "twcert-cc",
  );
  assert.ok(feeds.every(({ values }) => values > 10));
  const latest = (feed: string) => `${site.url}/v1/feeds/${feed}/latest.csv`;
  assert.deepEqual(
    feeds.map(({ values: _, ...rest }) => rest),
    [
      { url: latest("spam-sources"), columns: ["source_ip"], kinds: ["ip"], alerts: true, distribution: "0" },
      {
        url: latest("spam-urls"),
        columns: ["url_host", "url"],
        kinds: ["host", "url"],
        alerts: false,
        distribution: "0",
      },
      { url: latest("spam-events"), columns: ["source_ip"], kinds: ["ip"], alerts: true, distribution: "0" },
    ],
  );
});

/** Ids of what the parts of a feed hold. */
async function stixIds(feed: string): Promise<Set<string>> {
  const folder = join(site.published("twcert-cc"), feed, "artifacts");
  const parts = (await readdir(folder)).filter((name) => name.endsWith(".stix.json.gz"));
  assert.ok(parts.length > 0);
  const ids = new Set<string>();
  for (const name of parts) {
    const { objects }: { objects: { id: string }[] } = JSON.parse(
      gunzipSync(await readFile(join(folder, name))).toString(),
    );
    for (const { id } of objects) ids.add(id);
  }
  return ids;
}

test("taxii2-client reads every object once by the kit's program, and nothing the second time", async () => {
  const kit = site.kit("twcert-cc");
  const [token, into] = [join(kit, "token"), join(kit, "taxii/objects")];
  await writeFile(token, await site.token("twcert-cc"), { mode: 0o600 });
  const read = () => shell(["python3", join(kit, "taxii/read.py"), token, into]);
  const first = await read();
  assert.equal(first.code, 0, first.stderr);
  const feeds = ["spam-sources", "spam-targets", "spam-urls"];
  for (const feed of feeds) {
    const lines = (await readFile(join(into, `${feed}.jsonl`), "utf8")).trim().split("\n");
    const ids = lines.map((line) => String(JSON.parse(line).id));
    assert.deepEqual(new Set(ids), await stixIds(feed));
    assert.equal(new Set(ids).size, ids.length, feed);
  }
  const again = await read();
  assert.equal(again.stdout, feeds.map((feed) => `${feed}: 0 new objects\n`).join(""), again.stderr);
});

/** Variables that the connector's own documentation lists, of those that a kit might set. */
const documented = new Set(
  [
    "OPENCTI_URL OPENCTI_TOKEN CONNECTOR_ID CONNECTOR_NAME CONNECTOR_SCOPE CONNECTOR_LOG_LEVEL CONNECTOR_TYPE",
    "CONNECTOR_DURATION_PERIOD TAXII2_DISCOVERY_URL TAXII2_USERNAME TAXII2_PASSWORD TAXII2_USE_TOKEN TAXII2_TOKEN",
    "TAXII2_VERIFY_SSL TAXII2_V21 TAXII2_COLLECTIONS TAXII2_INITIAL_HISTORY TAXII2_ENABLE_URL_QUERY_LIMIT",
  ].flatMap((line) => line.split(" ")),
);

test("OpenCTI's connector knows each variable, and by them its client reads every collection whole", async () => {
  const env = join(site.kit("twcert-cc"), "opencti/connector.env");
  const [found] = await judged<{ variables: string[]; objects: Record<string, number> }>(
    "kit_opencti.py",
    env,
    "twcert-cc",
  );
  assert.ok(found);
  assert.deepEqual(
    found.variables.filter((name) => !documented.has(name)),
    [],
  );
  const expected = new Map<string, number>();
  for (const feed of ["spam-sources", "spam-targets", "spam-urls"]) expected.set(feed, (await stixIds(feed)).size);
  assert.deepEqual(found.objects, Object.fromEntries(expected));
});

test("rows hold by the JSON Schemas of the kit", async () => {
  const { Ajv2020 } = await import("ajv/dist/2020.js");
  const { parse } = await import("csv-parse/sync");
  const ajv = new Ajv2020({ strict: false });
  for (const feed of ["spam-sources", "spam-targets", "spam-urls", "spam-events"]) {
    const folder = join(site.published("twcert-cc"), feed, "artifacts");
    const name = (await readdir(folder)).find((one) => one.endsWith("tlp-amber.csv.gz"));
    assert.ok(name, feed);
    const rows = parse(gunzipSync(await readFile(join(folder, name))), { columns: true });
    const valid = ajv.compile(JSON.parse(await readFile(join(site.kit("twcert-cc"), `schemas/${feed}.json`), "utf8")));
    for (const row of rows) assert.ok(valid(row), `${feed}: ${ajv.errorsText(valid.errors)}`);
  }
});
