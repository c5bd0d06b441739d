/**
 * Keys of operators: public keys that may open the operator's part of the portal, in a JWK set that is a file of the
 * site. The private half is its operator's alone, made where the operator works.
 *
 * @see RFC 7517 §5 (JWK set)
 */
import { type FileHandle, open, readFile, rename, rm, stat } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
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

/** Milliseconds after which a draft was left by a command that was killed: to add a key takes a few. */
const abandonedMs = 5_000;
const waitMs = 20;

/**
 * Adds a key to the set, which is made where it isn't there. Commands that add keys at once wait for each other.
 *
 * @throws SpampotsError as {@link readOperatorKeys}, and `disk-failed`
 */
export async function addOperatorKey(path: string, key: PublicKey): Promise<void> {
  const draft = `${path}.new`;
  try {
    const file = await claimed(draft);
    try {
      // Read when nobody else writes: what another command added meanwhile is in it.
      const others = ((await keysIn(path)) ?? []).filter(({ kid }) => kid !== key.kid);
      await file.writeFile(jwks([...others, key]));
      await file.sync();
      const old = await stat(path).catch(() => undefined);
      // `serve` has to read it, whoever runs this, with whatever mask: it stays its owner's where we may give it away.
      if (old !== undefined) await file.chown(old.uid, old.gid).catch(() => undefined);
      await file.chmod(old === undefined ? 0o644 : old.mode & 0o7777);
      await rename(draft, path);
    } catch (error) {
      await rm(draft, { force: true }).catch(() => undefined);
      throw error;
    } finally {
      await file.close();
    }
  } catch (cause) {
    if (cause instanceof SpampotsError) throw cause;
    throw new SpampotsError("disk-failed", "The file of the operators' keys can't be written.", {
      cause,
      path,
      hint: hintOf(cause),
    });
  }
}

/** Opens the file that becomes the new set; its name is a lock. One that stays was left by a killed command. */
async function claimed(draft: string): Promise<FileHandle> {
  for (let waited = 0; ; waited += waitMs) {
    try {
      return await open(draft, "wx");
    } catch (error) {
      if (systemCode(error) !== "EEXIST") throw error;
    }
    if (waited >= abandonedMs) {
      await rm(draft, { force: true });
      waited = 0;
    }
    await sleep(waitMs);
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
