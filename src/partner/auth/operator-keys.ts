/**
 * Keys of operators: public keys that may open the operator's part of the portal, in a JWK set that is a file of the
 * site. The private half is its operator's alone, made where the operator works.
 *
 * @see RFC 7517 §5 (JWK set)
 */
import { chmod, chown, readFile, rename, stat, writeFile } from "node:fs/promises";
import { SpampotsError } from "../../errors.ts";
import { jwks, type PublicKey, parseJwks } from "../../publication/jwk.ts";
import { hintOf, systemCode } from "../../store/disk-error.ts";

/**
 * The keys in the file.
 *
 * @throws SpampotsError `bad-key` where it can't be read, or is no set of public keys.
 */
export async function readOperatorKeys(path: string): Promise<readonly PublicKey[]> {
  const keys = await keysIn(path);
  if (keys !== undefined) return keys;
  throw new SpampotsError("bad-key", "The file of the operators' keys isn't there.", {
    path,
    hint: "Make a key: spampots keys operator <file>. Or leave SPAMPOTS_OPERATOR_KEYS out: then operators have no pages.",
  });
}

/** Adds a key to the set, which is made where it isn't there. @throws SpampotsError as {@link readOperatorKeys} */
export async function addOperatorKey(path: string, key: PublicKey): Promise<void> {
  const others = ((await keysIn(path)) ?? []).filter(({ kid }) => kid !== key.kid);
  const draft = `${path}.new`;
  try {
    await writeFile(draft, jwks([...others, key]), { flush: true });
    const old = await stat(path).catch(() => undefined);
    // `serve` has to read it, whoever runs this, with whatever mask: it stays its owner's where we may give it away.
    if (old !== undefined) await chown(draft, old.uid, old.gid).catch(() => undefined);
    await chmod(draft, old === undefined ? 0o644 : old.mode & 0o7777);
    await rename(draft, path);
  } catch (cause) {
    throw new SpampotsError("disk-failed", "The file of the operators' keys can't be written.", {
      cause,
      path,
      hint: hintOf(cause),
    });
  }
}

/** A set without keys: of operators, whose last key was taken out. */
const emptySet = /^\s*\{\s*"keys"\s*:\s*\[\s*\]\s*\}\s*$/;

async function keysIn(path: string): Promise<readonly PublicKey[] | undefined> {
  try {
    const text = await readFile(path, "utf8");
    return emptySet.test(text) ? [] : parseJwks(text);
  } catch (error) {
    if (systemCode(error) === "ENOENT") return undefined;
    if (error instanceof SpampotsError)
      throw new SpampotsError(error.code, error.message, { ...error.facts, cause: error, path });
    throw new SpampotsError("bad-key", "The file of the operators' keys can't be read.", {
      cause: error,
      path,
      hint: hintOf(error),
    });
  }
}
