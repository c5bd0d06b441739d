/**
 * What the commands really publish, read by other people's programs: every CSV and STIX part of a simulated site, and a
 * spreadsheet. Needs the packages of
 * `requirements.txt` on the `python3` of the path, and `soffice` (Debian: libreoffice-calc-nogui).
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { gunzipSync } from "node:zlib";
import { contextOf, renderCsv } from "../publication/slice-rows.ts";

const root = join(import.meta.dirname, "..", "..");
const run = promisify(execFile);
let folder: string;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "spampots-interop-"));
  const args = [
    join(root, "src", "cli.ts"),
    "demo",
    "--data",
    folder,
    "--messages-per-day",
    "400",
    "--now",
    "2026-11-17T12:00:00Z",
  ];
  await run(process.execPath, args, { cwd: root, maxBuffer: 1 << 26 }).catch((error) =>
    assert.fail(`${error.stdout}${error.stderr}`),
  );
});
after(() => rm(folder, { recursive: true, force: true }));

async function artifacts(ending: string): Promise<string[]> {
  const all = await readdir(join(folder, "store", "partners"), { recursive: true });
  return all
    .filter((name) => name.endsWith(ending))
    .sort()
    .map((name) => join(folder, "store", "partners", name));
}

async function judge(program: string, paths: readonly string[], judgements = paths.length): Promise<void> {
  const said = await run("python3", [join(import.meta.dirname, program), ...paths], { maxBuffer: 1 << 26 }).then(
    ({ stdout }) => stdout,
    (error) => assert.fail(`${error.stdout ?? ""}${error.stderr ?? error}`),
  );
  assert.equal(said.split("\n").filter((line) => line.startsWith("ok ")).length, judgements);
}

test("every CSV of a simulated site is one table to Python and DuckDB", async () => {
  const files = await artifacts(".csv.gz");
  assert.ok(files.length > 50, `${files.length} files`);
  await judge("check_csv.py", files);
});

test("STIX parts of a simulated site pass the OASIS validator, python-stix2 and MISP's converter", async () => {
  const parts = await artifacts(".stix.json.gz");
  // One of each feed and partner: the validator takes milliseconds for each of thousands of objects.
  const chosen = new Map(parts.map((path) => [path.split("/").slice(-4, -2).join("/"), path]));
  assert.ok(chosen.size >= 8, `${chosen.size} feeds with STIX`);
  await judge("check_stix.py", [...chosen.values()]);
});

test("a spreadsheet shows every cell as text, and runs none", async () => {
  const sources = (await artifacts(".csv.gz")).filter(
    (path) => path.includes("twcert-cc/spam-sources") && !path.includes("_AS"),
  );
  assert.ok(sources.length > 1);
  const hostile = join(folder, "hostile");
  await mkdir(hostile);
  const context = contextOf("capture", hostile);
  const texts = [
    "=1+1",
    '=HYPERLINK("http://x.example";"click")',
    "+1",
    "-2+3",
    "@SUM(A1)",
    "'quoted",
    '"; =1',
    "＝1+1",
    "a,b",
    "line\u0000end",
  ];
  const rows = texts.map((subject, index) => ({
    key: `k${index}`,
    cells: { subject, source_ip: "192.0.2.1", recipients: index },
  }));
  const [made] = await renderCsv(context, rows);
  assert.ok(made);
  for (const path of [...sources, made.path]) {
    const plain = join(folder, "sheet.csv");
    await writeFile(plain, gunzipSync(await readFile(path)));
    const office = [
      "--headless",
      `-env:UserInstallation=file://${folder}/office`,
      "--convert-to",
      "xlsx",
      "--infilter=CSV:44,34,76,1,,0,false,true",
      "--outdir",
      folder,
      plain,
    ];
    await run("soffice", office, { timeout: 120_000 });
    await judge("check_spreadsheet.py", [path, join(folder, "sheet.xlsx")], 1);
  }
});
