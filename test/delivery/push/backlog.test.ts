/** The bytes of a publication on their way: whole and right, or never whole. */
import assert from "node:assert/strict";
import { readFile, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { Backlog } from "../../../src/delivery/push/backlog.ts";
import { isError } from "../../../src/errors.ts";
import { artifactKey } from "../../../src/publication/manifest.ts";
import { csvFile, finder, newIssuer, publish, testNow } from "../../publication/issuer.ts";

test("of a damaged file the last bytes never come, whoever asks", async (t) => {
  const issuer = await newIssuer(t);
  const content = Buffer.alloc(2_000_000, "0123456789").toString();
  const manifest = await publish(issuer, {
    files: [{ suffix: ".csv", mediaType: "text/csv", content, facts: { rows: 1 } }, csvFile(1)],
  });
  const backlog = new Backlog(issuer.store, {
    partner: "twcert",
    feed: "spam-sources",
    keyOf: finder(issuer.keyring),
    clock: () => testNow,
    wants: () => true,
  });
  for (const artifact of manifest.artifacts) {
    const path = join(issuer.root, "partners/twcert/spam-sources", artifactKey(artifact));
    const read = async () => {
      const outgoing = (await backlog.read(1)) ?? assert.fail();
      let bytes = 0;
      const failure = await (async () => {
        for await (const chunk of await outgoing.open(artifact)) bytes += chunk.length;
      })().catch((error: unknown) => error);
      return { bytes, failure };
    };
    assert.deepEqual(await read(), { bytes: artifact.bytes, failure: undefined });
    const good = await readFile(path);
    for (const at of [0, good.length >> 1, good.length - 1]) {
      const changed = Buffer.from(good);
      changed.writeUInt8(changed.readUInt8(at) ^ 1, at);
      await writeFile(path, changed);
      const { bytes, failure } = await read();
      assert.ok(isError(failure, "verify-failed"));
      assert.ok(bytes < artifact.bytes, `${bytes} of ${artifact.bytes}`);
    }
    await truncate(path, good.length - 1);
    assert.equal((await read()).bytes, 0);
    await writeFile(path, good);
  }
});
