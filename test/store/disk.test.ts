/** The store in a folder: the contract, and what only a folder can get wrong. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { mkdir, mkdtemp, readdir, rm, symlink, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { promisify } from "node:util";
import { isError } from "../../src/errors.ts";
import { openDiskStore } from "../../src/store/disk.ts";
import { diskError, fileError } from "../../src/store/disk-error.ts";
import type { Store } from "../../src/store/store.ts";
import { halfPath, sweepHalves, sweepTemporary, temporaryPath } from "../../src/store/temporary.ts";
import { storeContract } from "./contract.ts";
import { bytesOf, collect } from "./model.ts";

let top = "";
let made = 0;
before(async () => {
  top = await mkdtemp(join(tmpdir(), "spampots-disk-"));
});
after(() => rm(top, { recursive: true, force: true }));

const root = () => join(top, `store-${made++}`);
const x = Buffer.from("x");

storeContract({ name: "a folder", fresh: async () => openDiskStore(root()), runs: 100, bigBytes: 20 * 1024 * 1024 });

describe("a folder", () => {
  it("isn't made by reading", async () => {
    const path = root();
    const store = openDiskStore(path);
    assert.equal(await store.get("a"), undefined);
    await store.delete("a/b");
    assert.deepEqual(await collect(store.list("")), []);
    await assert.rejects(readdir(path), { code: "ENOENT" });
  });

  it("reads with the same memory again where that is asked for, and only there", async () => {
    const store = openDiskStore(root());
    const content = randomBytes(1_000_003);
    await store.putOnce("a", content);
    const range = { start: 5, end: content.length };
    for (const reuse of [true, false]) {
      const memory = new Set<unknown>();
      const copies: Buffer[] = [];
      const kept: Uint8Array[] = [];
      const opened = await store.open("a", range, { chunkBytes: 64 * 1024, reuse });
      for await (const chunk of opened?.body ?? []) {
        memory.add(chunk.buffer);
        copies.push(Buffer.from(chunk));
        kept.push(chunk);
      }
      assert.deepEqual(Buffer.concat(copies), content.subarray(5));
      assert.equal(memory.size, reuse ? 2 : copies.length);
      if (!reuse) assert.deepEqual(Buffer.concat(kept), content.subarray(5));
    }
  });

  it("refuses a key that is the folder of another", async () => {
    const store = openDiskStore(root());
    await store.putOnce("a/b", x);
    const file = join(top, "a-file");
    await writeFile(file, x);
    const refused = (call: Promise<unknown>) => assert.rejects(call, (error) => isError(error, "bad-argument"));
    await refused(store.putOnce("a", x));
    await refused(store.putOnce("a/b/c", x));
    await refused(store.putOnce("a/b/c/d", x));
    await refused(store.putFile("a", { path: file, bytes: 1 }));
    await refused(store.putFile("a/b/c", { path: file, bytes: 1 }));
    assert.deepEqual(
      (await collect(store.list(""))).map((entry) => entry.key),
      ["a/b"],
    );
  });

  it("neither lists nor reads through links, nor what isn't a key", async () => {
    const path = root();
    const store = openDiskStore(path);
    await store.putOnce("a/b", x);
    await writeFile(join(top, "secret"), "s");
    await symlink(join(top, "secret"), join(path, "a", "link"));
    await symlink(top, join(path, "out"));
    await writeFile(join(path, "a", "back\\slash"), x);
    await mkdir(join(path, "empty", "deep"), { recursive: true });
    assert.deepEqual(
      (await collect(store.list(""))).map((entry) => entry.key),
      ["a/b"],
    );
    assert.deepEqual(await collect(store.children("")), ["a"]);
    assert.equal(await store.get("a/link"), undefined);
    assert.equal(await store.stat("a/link"), undefined);
    assert.equal(await store.open("a/link"), undefined);
    assert.equal(await store.putOnce("a/link", x), "exists");
  });

  it("hashes in threads where there is much to read, and keeps no process alive", async () => {
    const script = `
      import { openDiskStore } from ${JSON.stringify(new URL("../../src/store/disk.ts", import.meta.url).href)};
      const store = openDiskStore(process.argv[1]);
      // More than one thread reads alone, twice over; a name that isn't there, a link and a folder among them.
      const keys = ["a", "b", "c", "none", "link", "d", "folder"];
      const all = await Promise.all([...keys, ...keys].map((key) => store.digest(key)));
      // Threads that were idle are waited for once more.
      all.push(await store.digest("a"));
      console.log(JSON.stringify(all.map((found) => found ?? null)));
    `;
    const path = root();
    await mkdir(join(path, "folder"), { recursive: true });
    const expected: unknown[] = [];
    for (const name of ["a", "b", "c", "d"]) {
      const content = randomBytes(7 * 1024 * 1024 + name.charCodeAt(0));
      await writeFile(join(path, name), content);
      expected.push({ bytes: content.length, sha256: createHash("sha256").update(content).digest("hex") });
    }
    await symlink(join(path, "a"), join(path, "link"));
    const [a, b, c, d] = expected;
    const wanted = [a, b, c, null, null, d, null];
    const options = ["--disable-warning=ExperimentalWarning", "--input-type=module", "-e", script, path];
    const { stdout } = await promisify(execFile)(process.execPath, options, { timeout: 30_000 });
    assert.deepEqual(JSON.parse(stdout), [...wanted, ...wanted, a]);
  });

  it("leaves no temporary file and no empty folder", async () => {
    const path = root();
    const store = openDiskStore(path);
    await store.putOnce("a/b/c", x);
    await store.putOnce("a/b/c", x);
    await store.putOnce("a/d", x);
    await store.delete("a/b/c");
    assert.deepEqual(await readdir(join(path, ".tmp")), []);
    assert.deepEqual(await readdir(join(path, "a")), ["d"]);
    await store.delete("a/d");
    assert.deepEqual(await readdir(path), [".tmp"]);
  });

  it("puts while another empties the folder", async () => {
    const store = openDiskStore(root());
    for (let i = 0; i < 100; i++) {
      await store.putOnce("a/b/old", x);
      const [, answer] = await Promise.all([store.delete("a/b/old"), store.putOnce("a/b/new", x)]);
      assert.equal(answer, "created");
      assert.deepEqual(await store.get("a/b/new"), x);
      await store.delete("a/b/new");
    }
  });

  it("says so when an object goes between open and reading", async () => {
    const store = openDiskStore(root());
    await store.putOnce("a", x);
    const opened = await store.open("a");
    await store.delete("a");
    await assert.rejects(bytesOf(opened), (error) => isError(error, "not-found"));
  });

  it("says so when an object is cut while it is read", async () => {
    const path = root();
    const store = openDiskStore(path);
    await store.putOnce("a", Buffer.alloc(1000));
    const opened = await store.open("a");
    await writeFile(join(path, "a"), Buffer.alloc(10));
    await assert.rejects(bytesOf(opened), (error) => isError(error, "disk-failed"));
  });

  it("names what the disk refused, with the next step", () => {
    for (const code of ["ENOSPC", "EDQUOT", "EROFS", "EACCES", "EPERM", "EIO", "EXYZ"]) {
      const error = diskError(Object.assign(new Error(code), { code }), "a/b");
      assert.ok(isError(error, "disk-failed"));
      assert.equal(error.facts.system, code);
      assert.equal(error.facts.key, "a/b");
      assert.ok((error.hint ?? "").length > 20);
    }
    const ours = new Error("not of the system");
    assert.equal(diskError(ours, "a"), ours);
  });

  it("names what the system refused outside of it, and leaves other errors alone", async () => {
    const refused = await readdir(join(top, "none")).catch((error: unknown) => fileError(error));
    assert.ok(isError(refused, "disk-failed"));
    assert.equal(refused.facts.path, join(top, "none"));
    assert.ok(refused.hint);
    const other = new Error("other");
    assert.equal(fileError(other), other);
    assert.equal(fileError(refused), refused);
  });

  it("fails whole when a file grows over what it may", async () => {
    const path = root();
    const store = openDiskStore(path);
    await store.putOnce("before", x);
    const script = `import { openDiskStore } from ${JSON.stringify(import.meta.resolve("../../src/store/disk.ts"))};
      await openDiskStore(process.argv[1]).putOnce("big", Buffer.alloc(1_000_000)).catch((error) => console.log(error.code, error.facts.system));`;
    // 64 blocks of 512 bytes; the system's answer to one more byte is like that of a full disk.
    const said = await new Promise<string>((done) =>
      execFile(
        "/bin/sh",
        [
          "-c",
          'trap "" XFSZ; ulimit -f 64; exec "$0" --input-type=module -e "$1" "$2"',
          process.execPath,
          script,
          path,
        ],
        (_, stdout) => done(stdout),
      ),
    );
    assert.equal(said, "disk-failed EFBIG\n");
    assert.deepEqual(
      (await collect(store.list(""))).map((entry) => entry.key),
      ["before"],
    );
    assert.deepEqual(await readdir(join(path, ".tmp")), []);
  });
});

describe("temporary files", () => {
  const killed = async (path: string) => {
    const script = `import { temporaryPath } from ${JSON.stringify(import.meta.resolve("../../src/store/temporary.ts"))};
      import { mkdirSync, writeFileSync } from "node:fs";
      mkdirSync(process.argv[1] + "/.tmp", { recursive: true });
      writeFileSync(temporaryPath(process.argv[1]), "half");
      mkdirSync(temporaryPath(process.argv[1]) + "/an/engine's", { recursive: true });
      process.kill(process.pid, "SIGKILL");`;
    await new Promise<void>((done) =>
      execFile(process.execPath, ["--input-type=module", "-e", script, path], () => done()),
    );
  };

  it("of a killed process are swept by the next one's first call, whatever it is", async () => {
    const file = join(top, "a-file");
    await writeFile(file, x);
    const calls: ((store: Store) => Promise<unknown>)[] = [
      (store) => store.get("a"),
      (store) => store.stat("a"),
      (store) => store.open("a"),
      (store) => store.delete("a"),
      (store) => store.putOnce("a", x),
      (store) => store.putFile("a", { path: file, bytes: 1 }),
      (store) => collect(store.list("")),
      (store) => collect(store.children("")),
    ];
    const path = root();
    for (const call of calls) {
      await killed(path);
      assert.equal((await readdir(join(path, ".tmp"))).length, 2);
      await call(openDiskStore(path));
      assert.deepEqual(await readdir(join(path, ".tmp")), []);
    }
  });

  it("of a living process are kept", async () => {
    const path = root();
    await openDiskStore(path).putOnce("a", x);
    await writeFile(temporaryPath(path), "ours");
    await killed(path);
    assert.equal(await sweepTemporary(path), 2);
    // However old: an engine that runs for months spills there.
    assert.equal(await sweepTemporary(path, Date.now() + 86_400_000), 0);
    assert.equal((await readdir(join(path, ".tmp"))).length, 1);
  });

  it("of an unknown origin are swept by age", async () => {
    const path = root();
    await openDiskStore(path).putOnce("a", x);
    const foreign = join(path, ".tmp", "0123456789abcdef-1-1-00");
    await writeFile(foreign, "another host's");
    await utimes(foreign, 1000, 1000);
    await writeFile(join(path, ".tmp", "0123456789abcdef-1-1-01"), "another host's, new");
    assert.equal(await sweepTemporary(path), 0);
    assert.equal(await sweepTemporary(path, 1_000_001), 1);
    assert.equal(await sweepTemporary(path, 1_000_001), 0);
    assert.equal(await sweepTemporary(join(path, "nowhere")), 0);
  });

  it("beside their names, of a killed process, are swept, and no living one's nor anything else", async () => {
    const path = root();
    await mkdir(path);
    const script = `import { halfPath } from ${JSON.stringify(import.meta.resolve("../../src/store/temporary.ts"))};
      import { mkdirSync, writeFileSync } from "node:fs";
      writeFileSync(halfPath(process.argv[1] + "/kit.zip"), "half");
      mkdirSync(halfPath(process.argv[1] + "/kit") + "/s3", { recursive: true });
      process.kill(process.pid, "SIGKILL");`;
    await new Promise<void>((done) =>
      execFile(process.execPath, ["--input-type=module", "-e", script, path], () => done()),
    );
    assert.equal((await readdir(path)).length, 2);
    await writeFile(halfPath(join(path, "kit.zip")), "ours");
    await writeFile(join(path, "somebody's.part"), "");
    await sweepHalves(path);
    const left = (await readdir(path)).sort();
    assert.equal(left.length, 2);
    assert.match(left[0] ?? "", /^kit\.zip\..*\.part$/);
    await sweepHalves(join(path, "nowhere"));
  });
});
