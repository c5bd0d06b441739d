/** HTTPS by itself: curl trusts the certificate, old versions are refused, and a renewed one is in use within seconds. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { openServed } from "../http/served.ts";
import { publish } from "../publication/issuer.ts";
import { temporaryFolder } from "../temporary-folder.ts";
import { until } from "../until.ts";

const run = promisify(execFile);

/** Makes a certificate for 127.0.0.1, and gives the paths of its files. */
async function certificate(folder: string, name: string): Promise<{ cert: string; key: string }> {
  const [cert, key] = [join(folder, `${name}.pem`), join(folder, `${name}.key`)];
  const subject = ["-subj", `/CN=${name}`, "-addext", "subjectAltName=IP:127.0.0.1"];
  const kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"];
  await run("openssl", ["req", "-x509", ...kind, ...subject, "-keyout", key, "-out", cert]);
  return { cert, key };
}

test("curl fetches over HTTPS; a renewed certificate is taken into use, and one that doesn't fit isn't", async (t) => {
  const folder = await temporaryFolder(t);
  const [first, second] = [await certificate(folder, "first"), await certificate(folder, "second")];
  let files = first;
  const readTls = async () => ({ cert: await readFile(files.cert, "utf8"), key: await readFile(files.key, "utf8") });
  const env = { SPAMPOTS_TLS_CERT: first.cert, SPAMPOTS_TLS_KEY: first.key };
  const served = await openServed(t, { env, parts: { readTls } });
  await publish(served);
  const token = await served.token("twcert");
  assert.match(served.url, /^https:/);
  const curl = (trusted: string, ...more: readonly string[]) =>
    run("curl", [
      "-sS",
      "--fail",
      "--cacert",
      trusted,
      "-H",
      `Authorization: Bearer ${token}`,
      ...more,
      `${served.url}/v1/feeds`,
    ]);
  assert.match((await curl(first.cert)).stdout, /spam-sources/);
  await assert.rejects(curl(first.cert, "--tls-max", "1.1"));
  await assert.rejects(curl(second.cert));
  files = { cert: second.cert, key: first.key };
  await new Promise((done) => setTimeout(done, 3000));
  assert.match((await curl(first.cert)).stdout, /spam-sources/);
  files = second;
  await until(
    async () => (await curl(second.cert).catch(() => undefined))?.stdout,
    "the renewed certificate is in use",
  );
  await assert.rejects(curl(first.cert));
});
