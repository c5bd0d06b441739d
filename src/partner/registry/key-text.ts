/**
 * Public keys as partners send them: a JWK, a set of them, or the line that `spampots fetch --new-key` prints. Pure.
 *
 * @see RFC 7517 (JWK, JWK Set)
 */
import { parse } from "yaml";
import { SpampotsError } from "../../errors.ts";
import { type PublicKey, publicKeyOf } from "../../publication/jwk.ts";
import { keyFault } from "../auth/weak-key.ts";

/** Characters that a few public keys have at most. */
const mostCharacters = 100_000;

/**
 * The keys that a text holds, at least one.
 *
 * @throws SpampotsError `bad-key` where it holds none, a private one, or one that anybody can sign with; never with the text.
 */
export function publicKeysOf(text: string): readonly PublicKey[] {
  if (text.length > mostCharacters || /-----BEGIN/.test(text)) throw noKey();
  const content = parsed(text);
  const keys = listed(content).map(publicKeyOf);
  if (keys.length === 0) throw noKey();
  for (const key of keys) {
    const fault = keyFault(key);
    if (fault !== undefined) throw new SpampotsError("bad-key", `This key can't be a partner's: ${fault}.`);
  }
  return keys;
}

/** A list's items, a set's keys, or the one thing that it is. */
function listed(content: unknown): readonly unknown[] {
  if (Array.isArray(content)) return content;
  const set = typeof content === "object" && content !== null && "keys" in content ? content.keys : undefined;
  return Array.isArray(set) ? set : [content];
}

function parsed(text: string): unknown {
  try {
    return parse(text, { maxAliasCount: 0, prettyErrors: false, logLevel: "silent" });
  } catch {
    // The parser's own message quotes the text, which may be private: it isn't passed on.
    throw noKey();
  }
}

function noKey(): SpampotsError {
  return new SpampotsError("bad-key", "This is no public key.", {
    hint: "Give a file with a public JWK or a JWK set, or the line that `spampots fetch --new-key` printed for the partner.",
  });
}
