/** The partner guide's receiver of webhooks, against real deliveries and against forged ones. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { jwks } from "../../../src/publication/jwk.ts";
import { freePort } from "../../free-port.ts";
import { newIssuer, publish } from "../../publication/issuer.ts";
import { projectRoot } from "../../source-files.ts";
import { temporaryFolder } from "../../temporary-folder.ts";
import { delivering, partnerWith } from "./receiving.ts";

for (const alg of ["EdDSA", "ES256"] as const) {
  test(`the guide's receiver keeps what is signed by ${alg}, and refuses what isn't`, async (t) => {
    const issuer = await newIssuer(t, alg);
    await publish(issuer);
    await publish(issuer, { weeksAgo: 1 });
    const folder = await temporaryFolder(t);
    const keys = join(folder, "keys.json");
    await writeFile(keys, jwks(issuer.keyring.keys));
    const held = await temporaryFolder(t);
    const port = await freePort();
    const child = spawn(process.execPath, [
      join(projectRoot, "docs/examples/receive-webhook.mjs"),
      keys,
      held,
      `${port}`,
    ]);
    t.after(() => child.kill());
    const url = `http://127.0.0.1:${port}/hook`;
    for (
      let left = 100;
      left > 0 &&
      !(await fetch(url).then(
        () => true,
        () => false,
      ));
      left -= 1
    )
      await sleep(50);
    const { deliveries, world } = delivering(t, issuer);
    deliveries.look([await partnerWith([{ kind: "webhook", url }])]);
    await deliveries.idle();
    assert.deepEqual(world.failed, []);
    assert.deepEqual((await readdir(held)).sort(), ["spam-sources-00000001.jws", "spam-sources-00000002.jws"]);
    const log = join(issuer.root, "partners/twcert/spam-sources/log/00000001.jws");
    const signed = await readFile(log, "utf8");
    assert.equal(await readFile(join(held, "spam-sources-00000001.jws"), "utf8"), signed);
    const jws = JSON.parse(signed);
    const payload = Buffer.from(jws.payload, "base64url").toString().replace("twcert", "jpcert");
    const forged = [
      { ...jws, payload: Buffer.from(payload).toString("base64url") },
      { ...jws, protected: Buffer.from('{"alg":"none"}').toString("base64url") },
      { ...jws, signature: "" },
      {},
      null,
    ];
    for (const one of [...forged.map((text) => JSON.stringify(text)), "", "no JSON"])
      assert.equal((await fetch(url, { method: "POST", body: one })).status, 400, one);
    assert.equal((await readdir(held)).length, 2);
  });
}
