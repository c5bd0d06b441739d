/** The set of operators' keys as a file that `serve` reads. */
import assert from "node:assert/strict";
import { chmod, chown, stat } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { addOperatorKey, readOperatorKeys } from "../../../src/partner/auth/operator-keys.ts";
import { publicKeyOf } from "../../../src/publication/jwk.ts";
import { temporaryFolder } from "../../temporary-folder.ts";

const keyOf = (x: string) => {
  const key = publicKeyOf({ kty: "OKP", crv: "Ed25519", x });
  assert.ok(key);
  return key;
};
const first = keyOf("78MNrDsYJa9lNYMPzrZU3b76JkFX_he8hgiFVEdlWrM");
const second = keyOf("i-XHV-FpWBbBidhCWTjL5SvJWOKHEl66-z9bsbyEMiI");

test("the set can be read by whom it could before, whatever the mask of who adds a key", async (t) => {
  const path = join(await temporaryFolder(t), "operators.jwks");
  const mask = process.umask(0o077);
  t.after(() => process.umask(mask));
  await addOperatorKey(path, first);
  assert.equal((await stat(path)).mode & 0o777, 0o644);
  await chmod(path, 0o640);
  const isRoot = process.getuid?.() === 0;
  if (isRoot) await chown(path, 12_345, 23_456);
  await addOperatorKey(path, second);
  const { mode, uid, gid } = await stat(path);
  assert.equal(mode & 0o777, 0o640);
  if (isRoot) assert.deepEqual([uid, gid], [12_345, 23_456]);
  assert.deepEqual(
    (await readOperatorKeys(path)).map(({ kid }) => kid),
    [first.kid, second.kid],
  );
});
