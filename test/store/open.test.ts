/** Which store a URL opens, and the probe that refuses a store without put-if-absent. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { promisify } from "node:util";
import { isError } from "../../src/errors.ts";
import { openDiskStore } from "../../src/store/disk.ts";
import { openStore, probeStore } from "../../src/store/open.ts";
import type { Store } from "../../src/store/store.ts";
import { collect } from "./model.ts";

const s3 = { region: "us-east-1", pathStyle: false, deadlineMs: 1000 };
let top = "";
before(async () => {
  top = await mkdtemp(join(tmpdir(), "spampots-open-"));
});
after(() => rm(top, { recursive: true, force: true }));

describe("openStore", () => {
  it("opens a folder, whether or not it's there", async () => {
    for (const path of [top, join(top, "later")]) assert.equal((await openStore(path, s3)).url, path);
    assert.deepEqual(await readdir(top), []);
  });

  it("opens a bucket, with or without prefix", async () => {
    const urls = {
      "s3://feeds": "s3://feeds",
      "s3://feeds/": "s3://feeds",
      "s3://my.feeds-1/a/b/": "s3://my.feeds-1/a/b",
    };
    for (const [url, expected] of Object.entries(urls)) assert.equal((await openStore(url, s3)).url, expected);
  });

  it("refuses everything else", async () => {
    const file = join(top, "file");
    await writeFile(file, "");
    const urls = [
      "",
      "s3://",
      "s3://x",
      "s3://No/a",
      "s3://a_b/c",
      "s3://feeds//a",
      "s3://feeds/a/../b",
      "https://feeds.example/a",
      "file:///tmp",
      "S3://feeds",
      file,
    ];
    for (const url of urls) await assert.rejects(openStore(url, s3), (error) => isError(error, "bad-argument"), url);
  });

  it("doesn't load the SDK for a folder", async () => {
    const script = `const { openStore } = await import(${JSON.stringify(import.meta.resolve("../../src/store/open.ts"))});
      const store = await openStore(process.argv[1], { region: "", pathStyle: true, deadlineMs: 1 });
      await store.get("a");
      const { createRequire } = await import("node:module");
      const require = createRequire(${JSON.stringify(import.meta.url)});
      console.log(Object.keys(require.cache).some((path) => path.includes("@aws-sdk")));
      await import("@aws-sdk/client-s3");
      console.log(Object.keys(require.cache).some((path) => path.includes("@aws-sdk")));`;
    const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "-e", script, top]);
    assert.equal(stdout, "false\ntrue\n");
  });
});

describe("probeStore", () => {
  it("refuses a store that overwrites, or says that it created twice", async () => {
    const disk = openDiskStore(join(top, "probed"));
    const overwrite: Store["putOnce"] = async (key, body) => {
      await disk.delete(key);
      return disk.putOnce(key, body);
    };
    const unfit: Store[] = [
      { ...disk, putOnce: overwrite },
      { ...disk, putOnce: async (key, body) => (await overwrite(key, body)) && "exists" },
      { ...disk, putOnce: async (key, body) => (await disk.putOnce(key, body)) && "created" },
      { ...disk, get: async () => undefined },
    ];
    for (const [i, store] of unfit.entries()) {
      await assert.rejects(probeStore(store, `nonce-${i}`), (error) => isError(error, "store-unfit"));
    }
    assert.deepEqual(await collect(disk.list("")), []);
  });
});
