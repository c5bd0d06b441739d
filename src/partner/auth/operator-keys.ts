/**
 * Keys of operators: public keys that may open the operator's part of the portal, in a JWK set that is a file of the
 * site. The private half is its operator's alone, made where the operator works.
 *
 * @see RFC 7517 §5 (JWK set)
 */
import { setTimeout as sleep } from "node:timers/promises";
import { SpampotsError } from "../../errors.ts";
import { jwks, type PublicKey, parseJwks } from "../../publication/jwk.ts";
import { hintOf } from "../../store/disk-error.ts";
import { readWhole, replaceWhole } from "../../store/whole-file.ts";

/**
 * The keys in the file.
 *
 * @throws SpampotsError `bad-key` where it can't be read, or is no set of public keys.
 */
export async function readOperatorKeys(path: string): Promise<readonly PublicKey[]> {
  const bytes = await bytesIn(path);
  if (bytes !== undefined) return keysOf(path, bytes);
  throw new SpampotsError("bad-key", "The file of the operators' keys isn't there.", {
    path,
    hint: "Make a key: spampots keys operator <file>. Or leave SPAMPOTS_OPERATOR_KEYS out: then operators have no pages.",
  });
}

/** Milliseconds to wait for another command that adds a key. */
const waitMs = 20;

/**
 * Adds a key to the set, which is made where it isn't there. Commands that add keys at once wait for each other.
 *
 * @throws SpampotsError as {@link readOperatorKeys}, and `disk-failed`
 */
export async function addOperatorKey(path: string, key: PublicKey): Promise<void> {
  for (;;) {
    const old = await bytesIn(path);
    const others = (old === undefined ? [] : keysOf(path, old)).filter(({ kid }) => kid !== key.kid);
    try {
      if (await replaceWhole(path, old, Buffer.from(jwks([...others, key])))) return;
    } catch (cause) {
      throw new SpampotsError("disk-failed", "The file of the operators' keys can't be written.", {
        cause,
        path,
        hint: hintOf(cause),
      });
    }
    await sleep(waitMs);
  }
}

/** A set without keys: of operators, whose last key was taken out. */
const emptySet = /^\s*\{\s*"keys"\s*:\s*\[\s*\]\s*\}\s*$/;

async function bytesIn(path: string): Promise<Buffer | undefined> {
  try {
    return await readWhole(path);
  } catch (cause) {
    throw new SpampotsError("bad-key", "The file of the operators' keys can't be read.", {
      cause,
      path,
      hint: hintOf(cause),
    });
  }
}

function keysOf(path: string, bytes: Buffer): readonly PublicKey[] {
  const text = bytes.toString();
  try {
    return emptySet.test(text) ? [] : parseJwks(text);
  } catch (error) {
    if (!(error instanceof SpampotsError)) throw error;
    throw new SpampotsError(error.code, error.message, { ...error.facts, cause: error, path });
  }
}
