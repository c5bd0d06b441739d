/** Keys that sign tokens: a key folder of their own, so that `serve` never holds a key that signs publications. */
import { type ErrorFacts, isError, SpampotsError } from "../../errors.ts";
import type { SigningAlgorithm } from "../../publication/jwk.ts";
import {
  beginRotation,
  finishRotation,
  type KeyList,
  type Keyring,
  listKeys,
  newKeys,
  openKeyring,
} from "../../publication/keys.ts";

/** RFC 9068 §2.1 asks for an asymmetric algorithm; every client knows this one. */
const alg: SigningAlgorithm = "ES256";

/** Makes the first key. @throws SpampotsError `already-exists`, `disk-failed` */
export function newTokenKey(folder: string, now: number): Promise<KeyList> {
  return newKeys({ folder }, { alg, now, site: false });
}

/** Makes a new key live. Tokens made before stay good. @throws SpampotsError `bad-key`, `already-exists` */
export async function rotateTokenKey(folder: string, now: number): Promise<KeyList> {
  const keyring = await beginRotation({ folder }, { alg, now });
  // Nothing is announced: clients look these keys up, and none but `serve` checks tokens.
  await finishRotation(folder, keyring.live);
  return keyring;
}

/** The keys, ready to sign. @throws SpampotsError `bad-key` */
export const openTokenKeys = (folder: string): Promise<Keyring> => saidOfTokens(openKeyring({ folder }));

/** The public halves alone. @throws SpampotsError `bad-key` */
export const listTokenKeys = (folder: string): Promise<KeyList> => saidOfTokens(listKeys(folder));

async function saidOfTokens<T>(keys: Promise<T>): Promise<T> {
  try {
    return await keys;
  } catch (error) {
    if (!isError(error, "bad-key")) throw error;
    const facts: ErrorFacts = { ...error.facts, cause: error, hint: "Run `spampots keys new --tokens`." };
    throw new SpampotsError("bad-key", "There is no usable key for tokens.", facts);
  }
}
