/** medallion, the TAXII server of OASIS, as a partner's: on loopback, with collections that nothing was added to. */
import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { freePort } from "../free-port.ts";
import type { MadeObject } from "../http/taxii-world.ts";

const user = "cert-br";
const password = "a-password-of-ours";

/** As `auth` of a destination, and as the environment that it names. */
export const auth = { user: "PARTNER_USER", password: "PARTNER_PASSWORD" };
export const env = { PARTNER_USER: user, PARTNER_PASSWORD: password };

/** Bytes that the server takes at once. */
export const maxContentLength = 60_000;

const ids = Array.from({ length: 40 }, (_, n) => `91a7b528-80eb-42ed-a74d-c6fbd5a261${String(n).padStart(2, "0")}`);

/** Paths of a collection that may only be written, and of one that may only be read. */
export const writeOnly = "/api/collections/00000000-80eb-42ed-a74d-c6fbd5a26100/";
export const readOnly = "/api/collections/00000000-80eb-42ed-a74d-c6fbd5a26101/";
const idIn = (path: string) => path.split("/")[3] ?? "";

export interface Medallion {
  readonly origin: string;
  /** Path of a collection that nothing was added to. */
  freshCollection(): string;
  /** What OASIS's client reads in a collection. */
  readBack(path: string): Promise<MadeObject[]>;
  stop(): Promise<void>;
}

/** Starts one. Needs the packages of `requirements.txt` on the `python3` of the path. */
export async function startMedallion(): Promise<Medallion> {
  const folder = await mkdtemp(join(tmpdir(), "spampots-medallion-"));
  const collections = [...ids, idIn(writeOnly), idIn(readOnly)].map((id) => ({
    ...{ id, title: id, can_read: id !== idIn(writeOnly), can_write: id !== idIn(readOnly) },
    ...{ media_types: ["application/stix+json;version=2.1"], objects: [], manifest: [] },
  }));
  const versions = ["application/taxii+json;version=2.1"];
  const information = { title: "In", versions, max_content_length: maxContentLength };
  await writeFile(join(folder, "data.json"), JSON.stringify({ api: { information, status: [], collections } }));
  const backend = {
    ...{ module: "medallion.backends.memory_backend", module_class: "MemoryBackend" },
    filename: join(folder, "data.json"),
  };
  const configuration = { users: { [user]: password }, taxii: { max_page_size: 40 }, backend };
  await writeFile(join(folder, "medallion.json"), JSON.stringify(configuration));
  const port = await freePort();
  const origin = `http://127.0.0.1:${port}`;
  const program = ["python3", "-m", "medallion.scripts.run", "--port", String(port), join(folder, "medallion.json")];
  // Ended by the kernel with this process, however that ends.
  const server = spawn("setpriv", ["--pdeathsig", "KILL", "--", ...program], { stdio: "ignore" });
  const deadline = performance.now() + 30_000;
  while (!(await fetch(origin).catch(() => undefined))) {
    assert.ok(server.exitCode === null && performance.now() < deadline, "medallion didn't come up");
    await sleep(100);
  }
  let taken = 0;
  return {
    origin,
    freshCollection() {
      const id = ids[taken] ?? assert.fail("too few collections");
      taken += 1;
      return `/api/collections/${id}/`;
    },
    async readBack(path) {
      const script = join(import.meta.dirname, "read_collection.py");
      const reading = promisify(execFile)("python3", [script, origin + path, user], { maxBuffer: 1 << 28 });
      reading.child.stdin?.end(password);
      return JSON.parse((await reading).stdout);
    },
    async stop() {
      server.kill("SIGKILL");
      await rm(folder, { recursive: true, force: true });
    },
  };
}
