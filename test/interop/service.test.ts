/**
 * The pull API against a program that reads its OpenAPI document and asks everything that it allows, and more: no answer of
 * 5xx, none that isn't documented, none that breaks its schema.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { openServed } from "../http/served.ts";
import { csvFile, publish, stixFile, withdrawal } from "../publication/issuer.ts";
import { temporaryFolder } from "../temporary-folder.ts";

const run = promisify(execFile);

/** Names that exist, and no long waits: what is guessed would seldom meet a file. */
function configuration(names: Readonly<Record<string, string>> = {}): string {
  const known = Object.entries(names).map(([name, value]) => `"path.${name}" = ${JSON.stringify(value)}\n`);
  const listing =
    '[[operations]]\ninclude-name = "GET /v1/feeds/{feed}/publications"\nparameters = { "query.wait" = 0 }\n';
  return `${known.length > 0 ? `[parameters]\n${known.join("")}` : ""}${listing}`;
}

test("schemathesis finds no answer that isn't documented, and none of 5xx", async (t) => {
  const served = await openServed(t, { parts: { clock: Date.now } });
  await publish(served, { weeksAgo: 1, files: [csvFile(3), stixFile(2)] });
  const { artifacts } = await publish(served, { files: [csvFile(4)] });
  await publish(served, {
    feed: "summary",
    files: [{ suffix: ".json", mediaType: "application/json", content: "{}\n" }],
  });
  await publish(served, { weeksAgo: 2, files: [csvFile(5)] });
  await publish(served, { weeksAgo: 2, files: [], more: withdrawal([3]) });
  served.setNow(Date.now());
  const token = await served.token("twcert", 86_400);
  const folder = await temporaryFolder(t);
  const config = join(folder, "schemathesis.toml");
  const known = { feed: "spam-sources", sequence: "2", artifact: artifacts[0]?.name ?? "", n: "1" };
  for (const names of [{}, known]) {
    await writeFile(config, configuration(names));
    const options = [
      "--checks",
      "all",
      "--max-examples",
      "20",
      "--seed",
      "1",
      "--no-color",
      "--max-response-time",
      "20",
    ];
    const call = [
      "--config-file",
      config,
      "run",
      `${served.url}/openapi.json`,
      "-H",
      `Authorization: Bearer ${token}`,
      ...options,
    ];
    const said = await run("schemathesis", call, { cwd: folder }).then(
      ({ stdout }) => stdout,
      (error: { stdout?: string }) => assert.fail(String(error.stdout).slice(-6000)),
    );
    const [, generated, passed] = /(\d+) generated, (\d+) passed/.exec(said) ?? [];
    assert.ok(Number(generated) > 300 && generated === passed, said.slice(-3000));
  }
});
