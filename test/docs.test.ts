/**
 * The documents are held to the program: what it reads, offers and refuses is documented, what is documented exists, what
 * is generated is as generated, and what is quoted is as it stands in its file.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join, normalize } from "node:path";
import { test } from "node:test";
import { Ajv2020 } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import type { Command } from "commander";
import { parse } from "yaml";
import { spampots } from "../src/cli.ts";
import { errorTable } from "../src/errors.ts";
import { grainColumns } from "../src/fields.ts";
import { fieldsMarkdown, schemas } from "../src/reference.ts";
import { settingRows } from "../src/setting-rows.ts";
import { filesBelow, projectRoot } from "./source-files.ts";

const read = (path: string) => readFileSync(join(projectRoot, path), "utf8");

const documents = ["README.md", "CHANGELOG.md", ...filesBelow("docs").filter((path) => path.endsWith(".md"))];
const readme = read("README.md");
const operatorGuide = read("docs/operator-guide.md");
const partnerGuide = read("docs/partner-guide.md");

/** What stands below a heading, up to the next one of any level. */
function section(text: string, heading: string): string {
  const [, rest] = text.split(`\n## ${heading}\n`);
  assert.ok(rest, `there is no heading "${heading}"`);
  return rest.split(/\n##? /)[0] ?? "";
}

/** Rows of the tables in a text, as cells without the head. */
function tableRows(text: string): string[][] {
  const lines = text.split("\n").filter((line) => line.startsWith("|"));
  return lines
    .filter((_, index) => !/^\|[ :-]+\|/.test(lines[index] ?? "") && !/^\|[ :-]+\|/.test(lines[index + 1] ?? ""))
    .map((line) =>
      line
        .split(/(?<!\\)\|/)
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
}

const code = (cell: string | undefined) => /^`([^`]+)`$/.exec(cell ?? "")?.[1];

/** Commands that do something, by their whole name. */
function leavesOf(command: Command, path: readonly string[] = []): [string, Command][] {
  return command.commands
    .filter((child) => child.name() !== "help")
    .flatMap((child) => {
      const name = [...path, child.name()];
      return child.commands.length > 0 ? leavesOf(child, name) : [[name.join(" "), child] satisfies [string, Command]];
    });
}

const program = await spampots({});
const commands = new Map(leavesOf(program));

test("README's table and .env.example hold every setting with its default, and nothing else", () => {
  assert.deepEqual(
    tableRows(section(readme, "Settings")),
    settingRows.map(({ name, fallback, meaning }) => [`\`${name}\``, fallback, meaning]),
  );
  const example = read(".env.example")
    .split("\n\n")
    .slice(1)
    .map((paragraph) => paragraph.trim().split("\n"));
  assert.deepEqual(
    example.map((lines) => /^#(SPAMPOTS_\w+)=/.exec(lines.at(-1) ?? "")?.[1]),
    settingRows.map(({ name }) => name),
  );
  for (const [index, { fallback, meaning }] of settingRows.entries()) {
    const lines = example[index] ?? [];
    assert.equal(lines.length, 2, `${lines}`);
    const [comment = "", assignment = ""] = lines;
    assert.ok(comment.startsWith(`# ${meaning}`), comment);
    assert.ok(assignment.endsWith(`=${fallback}`) || comment.endsWith(`Default: ${fallback}.`), assignment);
  }
});

test("README's table holds every command, and the operator guide's every option and argument", () => {
  assert.deepEqual(
    tableRows(section(readme, "Commands"))
      .map(([name]) => code(name))
      .sort(),
    [...commands.keys()].sort(),
  );
  const rows = tableRows(section(operatorGuide, "All commands")).map(([call = "", options = ""]) => {
    const said = code(call) ?? call;
    return {
      name: said.replace(/ [<[].*$/, ""),
      said,
      flags: [...options.matchAll(/`(--[^`]+)`/g)].map(([, flag]) => flag),
    };
  });
  assert.deepEqual(rows.map(({ name }) => name).sort(), [...commands.keys()].sort());
  for (const { name, said, flags } of rows) {
    const command = commands.get(name);
    const takes = (command?.registeredArguments ?? []).map((argument) => {
      const text = `${argument.name()}${argument.variadic ? "..." : ""}`;
      return argument.required ? ` <${text}>` : ` [${text}]`;
    });
    assert.equal(said, `${name}${takes.join("")}`);
    const options = (command?.options ?? []).map((option) => option.flags.replaceAll("|", "\\|"));
    assert.deepEqual(flags, options, name);
  }
  for (const { flags } of program.options) {
    const long = flags.split(/[ ,]+/).find((flag) => flag.startsWith("--"));
    assert.ok(section(operatorGuide, "All commands").includes(`\`${long}`), `${long} isn't documented`);
  }
});

test("every command and option that a document shows exists", () => {
  const wrong: string[] = [];
  const globals = program.options.map((option) => option.long);
  for (const path of documents) {
    for (const [, call = ""] of read(path).matchAll(
      /(?:^|[`$ ])(?:npx |npm run -s )?spampots (?:-- )?([a-z][^`\n]*)/gm,
    )) {
      const words = call.split(/\s+/);
      const two = commands.get(words.slice(0, 2).join(" "));
      const command = two ?? commands.get(words[0] ?? "");
      // Prose such as "a spampots store" isn't a call.
      if (command === undefined && !program.commands.some((entry) => entry.name() === words[0])) {
        if (/^[a-z]+ --/.test(call)) wrong.push(`${path}: ${call}`);
        continue;
      }
      const known = [...globals, ...(command?.options ?? []).map((option) => option.long), "--help"];
      for (const [flag] of call.replace(/ #.*$|\$\(.*|&&.*/, "").matchAll(/(?<= )--[a-z-]+/g))
        if (!known.includes(flag)) wrong.push(`${path}: ${call}: ${flag}`);
    }
  }
  assert.deepEqual(wrong, []);
});

test("the operator guide's table holds every error code with its exit code", () => {
  assert.deepEqual(
    tableRows(section(operatorGuide, "Logs and exit codes")).map(([name, exit]) => [code(name), Number(exit)]),
    Object.entries(errorTable).map(([name, { exit }]) => [name, exit]),
  );
});

test("the partner guide says every word that verify can report", () => {
  const source = read("src/publication/verify-report.ts");
  const words = /export type ProblemWord =([^;]*);/.exec(source)?.[1]?.matchAll(/\| "([a-z-]+)"/g) ?? [];
  const said = tableRows(partnerGuide.split("### If it fails")[1]?.split("\n## ")[0] ?? "").flatMap(([cell = ""]) =>
    [...cell.matchAll(/`([a-z-]+)`/g)].map(([, word]) => word),
  );
  assert.deepEqual(said.sort(), [...words].map(([, word]) => word).sort());
});

test("docs/fields.md and docs/schemas are as the program generates them", () => {
  const again = (name: string) => `write it anew: npx spampots schema ${name}`;
  assert.ok(read("docs/fields.md").trimEnd() === fieldsMarkdown().trimEnd(), again("fields > docs/fields.md"));
  assert.deepEqual(
    readdirSync(join(projectRoot, "docs/schemas")).sort(),
    Object.keys(schemas)
      .map((name) => `${name}-1.json`)
      .sort(),
  );
  for (const [name, schema] of Object.entries(schemas)) {
    const path = `docs/schemas/${name}-1.json`;
    assert.ok(read(path) === `${JSON.stringify(schema(), null, 2)}\n`, again(`${name} > ${path}`));
  }
});

test("docs/fields.md is well-formed Markdown: every row of a table has as many cells as its head", () => {
  for (const block of read("docs/fields.md")
    .split(/\n{2,}/)
    .filter((text) => text.startsWith("|"))) {
    const widths = block
      .trim()
      .split("\n")
      .map((line) => line.split(/(?<!\\)\|/).length);
    assert.equal(new Set(widths).size, 1, block.slice(0, 200));
  }
});

test("docs/stix.md says of every column whether it stands in the extension", () => {
  const grains = {
    "spam-sources": "source-day",
    "spam-targets": "target-day",
    "spam-urls": "url-day",
    "spam-events": "capture",
  } as const;
  const rows = tableRows(section(read("docs/stix.md"), "The extension"));
  const source = read("src/publication/stix-feeds.ts").split("const elsewhere = {")[1]?.split("} as const")[0] ?? "";
  for (const [feed, grain] of Object.entries(grains)) {
    const cell = rows.find(([name]) => code(name) === feed)?.[1] ?? "";
    const said = [...cell.matchAll(/`(\w+)`/g)].map(([, name = ""]) => name);
    const made = new RegExp(`\\b${grain.split("-")[0]}: new Set\\(\\[([^\\]]*)`).exec(source)?.[1] ?? "";
    assert.deepEqual(said.sort(), [...made.matchAll(/"(\w+)"/g)].map(([, name]) => name).sort(), feed);
    assert.deepEqual(
      said.filter((name) => !grainColumns[grain].includes(name)),
      [],
      feed,
    );
  }
});

/** Anchors as GitHub makes them from headings. */
function anchorsOf(markdown: string): Set<string> {
  const headings = markdown.replaceAll(/^```[\s\S]*?^```/gm, "").matchAll(/^#+ (.*)$/gm);
  return new Set(
    [...headings].map(([, text = ""]) =>
      text
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N} _-]/gu, "")
        .replaceAll(" ", "-"),
    ),
  );
}

test("every relative link resolves, its anchor too", () => {
  const broken: string[] = [];
  for (const path of documents) {
    const text = read(path).replaceAll(/^```[\s\S]*?^```/gm, "");
    for (const [, target = ""] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(target)) continue;
      const [file = "", anchor] = target.split("#");
      const to = file === "" ? path : normalize(join(dirname(path), file));
      const found = existsSync(join(projectRoot, to)) && (anchor === undefined || anchorsOf(read(to)).has(anchor));
      if (!found) broken.push(`${path}: ${target}`);
    }
  }
  assert.deepEqual(broken, []);
});

test("what a document quotes is as it stands in the file", () => {
  const quotes = documents.flatMap((path) =>
    [...read(path).matchAll(/<!-- quoted: (\S+) -->\n```\w+\n([\s\S]*?)^```$/gm)].map(([, file = "", text = ""]) => ({
      file,
      text,
    })),
  );
  assert.deepEqual(
    quotes.map(({ file }) => file),
    [
      "docs/examples/fetch-feed.sh",
      "docs/examples/new-key.sh",
      "docs/examples/pull-feed.sh",
      "docs/examples/receive-webhook.mjs",
      "test/interop/verify-with-openssl.sh",
      "test/interop/verify_with_python.py",
    ],
  );
  for (const { file, text } of quotes) assert.ok(text === read(file), `the quotation of ${file} isn't the file`);
});

const ajv = addFormats.default(new Ajv2020({ strict: false, allErrors: true }));
const schemaOf = (name: string) => ajv.compile(JSON.parse(read(`docs/schemas/${name}-1.json`)));

test("partners.yaml names its schema, and holds by it", () => {
  const path = /^# yaml-language-server: \$schema=(\S+)$/m.exec(read("partners.yaml"))?.[1];
  assert.equal(path, "docs/schemas/partners-1.json");
  const valid = schemaOf("partners");
  const partners: { partners: Record<string, unknown>[] } = parse(read("partners.yaml"));
  assert.ok(valid(partners), ajv.errorsText(valid.errors));
  const [first, ...others] = partners.partners;
  assert.ok(!valid({ partners: [{ ...first, economies: "tw" }, ...others] }), "an economy in lower case is valid");
});

test("each feed holds by its schema", () => {
  const valid = schemaOf("feed");
  const feeds = filesBelow("feeds").filter((path) => /^feeds\/[^/]+\.yaml$/.test(path));
  assert.equal(feeds.length, 5);
  for (const path of feeds) assert.ok(valid(parse(read(path))), `${path}: ${ajv.errorsText(valid.errors)}`);
  assert.ok(!valid({ ...parse(read("feeds/summary.yaml")), wherever: 1 }), "an unknown key is valid");
});

test("the spool lines that the operator guide shows hold by the schema", () => {
  const valid = schemaOf("spool");
  const lines = /```json\n(\{"v":1[\s\S]*?)```/.exec(section(operatorGuide, "Spool"))?.[1]?.trim().split("\n") ?? [];
  assert.deepEqual(
    lines.map((line) => JSON.parse(line).kind),
    [undefined, "message", "request", "heartbeat"],
  );
  for (const line of lines) assert.ok(valid(JSON.parse(line)), `${line.slice(0, 60)}: ${ajv.errorsText(valid.errors)}`);
});

test("the operator guide names every key of a feed and of a partner", () => {
  for (const [heading, schema, path] of [
    ["Feeds", "feed", ["properties"]],
    ["Partners", "partners", ["properties", "partners", "items", "properties"]],
  ] as const) {
    const said = section(operatorGuide, heading);
    const members = path.reduce((at, name) => at[name], JSON.parse(read(`docs/schemas/${schema}-1.json`)));
    for (const name of Object.keys(members)) assert.match(said, new RegExp(`\`${name}[\`.]`), `${heading}: ${name}`);
  }
});

const tools = ["curl", "jq"].filter(
  (tool) => !(process.env.PATH ?? "").split(":").some((folder) => existsSync(join(folder, tool))),
);

test("the partner guide's way to fetch a feed gets what is new and nothing else", {
  skip: tools.length > 0 ? `${tools} isn't installed` : false,
}, async (t) => {
  const root = await mkdtemp(join(tmpdir(), "spampots-fetch-"));
  t.after(() => rm(root, { recursive: true, force: true }));
  const asked: string[] = [];
  const files = new Map<string, string>();
  const server = createServer((request, response) => {
    asked.push(request.url ?? "");
    const body = files.get(request.url ?? "");
    response.writeHead(body === undefined ? 404 : 200).end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => server.close());
  // A server on a port has this form of address.
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/feed`;
  const publish = (sequence: number, names: readonly string[]) => {
    const artifacts = names.map((name) => ({ name, sha256: "0123456789abcdef".repeat(4) }));
    const payload = Buffer.from(JSON.stringify({ artifacts, notes: ["台灣 ~~~???"] })).toString("base64url");
    files.set(`/feed/log/0000000${sequence}.jws`, JSON.stringify({ payload, protected: "", signature: "" }));
    for (const name of names) files.set(`/feed/artifacts/0123456789abcdef-${name}`, name);
  };
  const fetch = () =>
    new Promise<{ status: number | null; out: string; err: string }>((resolve) => {
      asked.length = 0;
      const child = spawn("sh", [join(projectRoot, "docs/examples/fetch-feed.sh"), url, join(root, "feed")]);
      let [out, err] = ["", ""];
      child.stdout.on("data", (chunk) => {
        out += chunk;
      });
      child.stderr.on("data", (chunk) => {
        err += chunk;
      });
      child.on("close", (status) => resolve({ status, out, err }));
    });

  const nothing = await fetch();
  assert.equal(nothing.status, 1);
  assert.match(nothing.err, /There is nothing at/);
  publish(1, ["a.csv.gz", "gone.csv.gz", "../../../escape"]);
  files.delete("/feed/artifacts/0123456789abcdef-gone.csv.gz");
  const first = await fetch();
  assert.deepEqual([first.status, first.out], [0, "artifacts/0123456789abcdef-a.csv.gz\nlog/00000001.jws\n"]);
  assert.match(first.err, /gone\.csv\.gz isn't there/);
  assert.ok(!asked.some((path) => path.includes("escape")), `${asked}`);
  publish(2, ["b.csv.gz"]);
  assert.equal((await fetch()).out, "artifacts/0123456789abcdef-b.csv.gz\nlog/00000002.jws\n");
  assert.ok(
    asked.every((path) => !path.includes("a.csv")),
    `${asked}`,
  );
  assert.deepEqual(filesIn(root).sort(), [
    "feed/artifacts/0123456789abcdef-a.csv.gz",
    "feed/artifacts/0123456789abcdef-b.csv.gz",
    "feed/log/00000001.jws",
    "feed/log/00000002.jws",
  ]);
});

const filesIn = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1));
