/**
 * The partner's side of `private_key_jwt`: a key pair whose private half never leaves the partner, and the assertions it
 * signs. The file is a private JWK, readable by its owner alone, that may name the partner in a member `partner`.
 *
 * @see RFC 7523 §2.2, RFC 7517 §4 (a JWK may have members of other uses), RFC 7638 (thumbprint)
 */
import { randomUUID } from "node:crypto";
import { rm, stat } from "node:fs/promises";
import { z } from "zod";
import { SpampotsError } from "../../errors.ts";
import { identifier } from "../../feed/feeds.ts";
import type { PublicKey, SigningAlgorithm } from "../../publication/jwk.ts";
import { readPrivate } from "../../publication/key-files.ts";
import { newKeyPair } from "../../publication/keys.ts";
import { openSigner, type Signer } from "../../publication/sign.ts";
import { diskError } from "../../store/disk-error.ts";
import { createWhole } from "../../store/whole-file.ts";

/** Who asks, and with which key. */
export interface ClientKeyFile {
  readonly partner: string;
  readonly signer: Signer;
}

/** Life of an assertion, in seconds. */
const assertionLife = 60;

/**
 * Makes a key pair and writes the private half, mode 600, to a file that isn't there yet. Gives the public half.
 *
 * @throws SpampotsError `already-exists`, `disk-failed`, `bad-argument`
 */
export async function newClientKey(
  path: string,
  { alg, partner }: { alg: SigningAlgorithm; partner?: string },
): Promise<PublicKey> {
  const owner = partner === undefined ? {} : { partner: checkPartner(partner) };
  const { key, secret } = await newKeyPair(alg);
  const text = `${JSON.stringify({ ...secret, ...owner }, undefined, 2)}\n`;
  try {
    // Nothing in it is no key.
    if ((await stat(path).catch(() => undefined))?.size === 0) await rm(path);
    if (await createWhole(path, text, 0o600)) return key;
  } catch (error) {
    throw diskError(error, path);
  }
  throw new SpampotsError("already-exists", "There is a file of that name; a key is never overwritten.", {
    path,
    hint: "Choose another name, or use the key that is there.",
  });
}

/** The line for `partners.yaml`: JSON, which is YAML as well. */
export function publicLine({ kty, crv, x, kid, ...rest }: PublicKey): string {
  return `- ${JSON.stringify({ kty, crv, x, ...("y" in rest ? { y: rest.y } : {}), kid })}`;
}

/**
 * Opens a private JWK.
 *
 * @param partner where the file doesn't say whose key it is; must be the same where it does.
 * @throws SpampotsError `bad-key`, `bad-argument`, `disk-failed`
 */
export async function openClientKey(path: string, partner?: string): Promise<ClientKeyFile> {
  const text = await readPrivate(path);
  const hint = "Make one: spampots fetch --new-key <file> --partner <id>, and send the operator its public half.";
  if (text === undefined) throw new SpampotsError("bad-argument", "The file of your key isn't there.", { path, hint });
  const jwk = parseJwk(text);
  if (jwk === undefined) throw new SpampotsError("bad-key", "Your key isn't a private JWK.", { path, hint });
  // What others call the key is no matter: its thumbprint names it.
  const { partner: stated, kid: _kid, ...material } = jwk;
  if (typeof stated === "string" && partner !== undefined && stated !== partner) {
    throw new SpampotsError("bad-argument", "The key is another partner's.", { path, states: stated, partner });
  }
  const owner = partner ?? (typeof stated === "string" ? stated : undefined);
  if (owner === undefined) {
    throw new SpampotsError("bad-argument", "It must be said whose key this is.", {
      path,
      hint: "Give --partner with the id that the operator told you.",
    });
  }
  return { partner: checkPartner(owner), signer: await openSigner(material) };
}

function parseJwk(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    return z.record(z.string(), z.unknown()).parse(JSON.parse(text));
  } catch {
    // No cause: the parser's message quotes the text.
    return undefined;
  }
}

/** The id, where it can be one. @throws SpampotsError `bad-argument` */
export function checkPartner(id: string): string {
  if (identifier.safeParse(id).success) return id;
  throw new SpampotsError("bad-argument", "This is no partner's id.", {
    hint: "Write the id that the operator told you, such as twcert-cc.",
  });
}

const encoder = new TextEncoder();

/** An assertion for `issuer`, good once and for a minute from `now` (milliseconds since 1970). */
export function clientAssertion({ partner, signer }: ClientKeyFile, issuer: string, now: number): Promise<string> {
  const iat = Math.floor(now / 1000);
  const claims = { iss: partner, sub: partner, aud: issuer, iat, exp: iat + assertionLife, jti: randomUUID() };
  return signer.signCompact(encoder.encode(JSON.stringify(claims)), "JWT");
}
