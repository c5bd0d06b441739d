/**
 * The key folder: private keys of the issuer, one file a key, the site key, and which key is live.
 *
 *     <kid>.jwk             private JWK, mode 600
 *     site.key              32 random bytes as hex, and 8 hex digits of their SHA-256, mode 600; made once
 *     state-00000001.json   public keys and which one is live; the greatest number counts
 *
 * Nothing is ever overwritten: a change is a new state file, made whole under another name and then linked into place,
 * so that of two processes one wins and a killed one leaves either nothing or all of it. A private key that no state
 * names yet (left by a killed process, or put there by the operator) is the next one to be used.
 *
 * @see RFC 7517 (JWK), design §3 point 14
 */
import { createHash, randomBytes } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { exportJWK } from "jose/key/export";
import { generateKeyPair } from "jose/key/generate/keypair";
import { z } from "zod";
import { isError, SpampotsError } from "../errors.ts";
import { secondsInstant } from "../feed/period.ts";
import { hintOf } from "../store/disk-error.ts";
import { sweepTemporary } from "../store/temporary.ts";
import { decodeExact, encodeExact } from "./exact-json.ts";
import { type PublicKey, publicKeyOf, publicKeySchema, type SigningAlgorithm } from "./jwk.ts";
import { makeFolder, putOnce, readPrivate } from "./key-files.ts";
import { openSigner, type Signer } from "./sign.ts";

const stateSchema = z.strictObject({
  v: z.literal(1),
  live: z.string(),
  /** The key that was live before, while not every announcement of the change is known to be stored. */
  rotating_from: z.string().exactOptional(),
  keys: z.array(publicKeySchema).nonempty(),
});

type State = z.infer<typeof stateSchema>;

/** What a key folder holds, without anything private. Keys in the order they were made. */
export interface KeyList {
  /** `kid` of the key that signs. */
  readonly live: string;
  /** The key before it, where a rotation was begun and not finished. */
  readonly rotatingFrom?: string;
  readonly keys: readonly PublicKey[];
}

/** The issuer's keys, ready to sign. The signer refuses manifests once another key is live. */
export interface Keyring extends KeyList {
  readonly signer: Signer;
  /** Another private key that is at hand: a rotation needs the one before. */
  signerOf(kid: string): Promise<Signer | undefined>;
  /** Passes as long as no other process has made another key live. @throws SpampotsError `bad-key` */
  stillLive(): Promise<void>;
}

/** Where private keys come from: the folder, and a JWK as text that stands in the environment. */
export interface KeySource {
  readonly folder: string;
  readonly environmentKey?: string;
}

/**
 * Makes the folder (mode 700) and the first signing key, and the site key unless told not to, each only where it isn't there. A
 * key from the environment becomes the first one; only its public half is written.
 *
 * @throws SpampotsError `already-exists` where a key is live, `bad-key`, `disk-failed`.
 */
export async function newKeys(
  { folder, environmentKey }: KeySource,
  { alg = "EdDSA", now, site = true }: { alg?: SigningAlgorithm; now: number; site?: boolean },
): Promise<KeyList> {
  const given = await fromEnvironment(environmentKey);
  await makeFolder(folder);
  if (site) {
    const siteKey = randomBytes(32);
    await putOnce(join(folder, "site.key"), `${siteKey.toString("hex")} ${checksum(siteKey)}\n`);
  }
  const current = await readState(folder);
  if (current) {
    throw new SpampotsError("already-exists", "There is a signing key already.", {
      hint: "`spampots keys list` shows it; `spampots keys rotate` replaces it.",
      kid: current.state.live,
    });
  }
  const key = given ? { ...given.key, from: secondsInstant(now) } : await nextKey(folder, undefined, alg, now);
  await writeState(folder, 1, { v: 1, live: key.kid, keys: [key] });
  return listKeys(folder);
}

/** The folder's public keys. @throws SpampotsError `bad-key` where there are none. */
export async function listKeys(folder: string): Promise<KeyList> {
  return keyListOf((await stateOrThrow(folder)).state);
}

/** The site key: 32 bytes. @throws SpampotsError `bad-key` where it is missing, open to others, or damaged. */
export async function readSiteKey(folder: string): Promise<Uint8Array> {
  const text = await readPrivate(join(folder, "site.key"));
  if (text === undefined)
    throw new SpampotsError("bad-key", "There is no site key.", { hint: "Run `spampots keys new`." });
  // Older ones have no checksum.
  const [, hex, stated] = /^([0-9a-f]{64})(?: ([0-9a-f]{8}))?\n?$/.exec(text) ?? [];
  const key = Buffer.from(hex ?? "", "hex");
  if (hex !== undefined && (stated ?? checksum(key)) === checksum(key)) return key;
  throw new SpampotsError("bad-key", "The site key is damaged.", { hint: restoreHint, path: join(folder, "site.key") });
}

const restoreHint = "Put the file back from the offline copy of the key folder.";

/** So that a flipped bit isn't another key: every `row_id` would change unnoticed. */
const checksum = (key: Uint8Array) => createHash("sha256").update(key).digest("hex").slice(0, 8);

/**
 * Opens the keys for signing. A key from the environment must be the live one or, while a rotation isn't finished, the
 * one before.
 *
 * @throws SpampotsError `bad-key` where there is no key, it is open to others, damaged, or not the live one.
 */
export async function openKeyring({ folder, environmentKey }: KeySource): Promise<Keyring> {
  const given = await fromEnvironment(environmentKey);
  const list = keyListOf((await stateOrThrow(folder)).state);
  if (given && given.kid !== list.live && given.kid !== list.rotatingFrom) {
    throw new SpampotsError("bad-key", "The key in the environment isn't the live one.", {
      hint: "Give the private JWK of the live key, as `spampots keys list` names it, or none.",
      kid: given.kid,
      live: list.live,
    });
  }
  return keyring(folder, list, given);
}

async function fromEnvironment(text: string | undefined): Promise<Signer | undefined> {
  return text === undefined ? undefined : openSigner(parsePrivate(text, "the environment"));
}

async function keyring(folder: string, list: KeyList, given: Signer | undefined): Promise<Keyring> {
  const signerOf = async (kid: string) => (given?.kid === kid ? given : await signerFrom(folder, kid));
  const signer = await signerOf(list.live);
  if (!signer) {
    throw new SpampotsError("bad-key", "The private half of the live key isn't there.", {
      hint: "Put its file back into the key folder, or give it in SPAMPOTS_SIGNING_KEY.",
      kid: list.live,
    });
  }
  const stillLive = () => checkLive(folder, list.live);
  return { ...list, signer: whileLive(signer, stillLive), signerOf, stillLive };
}

async function checkLive(folder: string, kid: string): Promise<void> {
  const { live } = (await stateOrThrow(folder)).state;
  if (live === kid) return;
  throw new SpampotsError("bad-key", "The key was retired while this process ran.", {
    hint: "Run the command again: it then signs with the live key.",
    kid,
    live,
  });
}

/** The signer, which signs manifests only as long as no other process has made another key live. */
function whileLive(signer: Signer, stillLive: () => Promise<void>): Signer {
  return {
    ...signer,
    async sign(payload, typ) {
      if (typ !== "spampots-keys+jws") await stillLive();
      return signer.sign(payload, typ);
    },
  };
}

/**
 * Makes a new key live and retires the one before; where an earlier rotation wasn't finished, takes that up instead of
 * making a third key. The caller then announces it (`announceRotation`) and calls {@link finishRotation}.
 *
 * @throws SpampotsError `bad-key`, `already-exists` where another process rotated at the same time.
 */
export async function beginRotation(
  source: KeySource,
  { alg, now }: { alg?: SigningAlgorithm; now: number },
): Promise<Keyring> {
  const { folder } = source;
  await sweepTemporary(folder);
  const before = await stateOrThrow(folder);
  if (before.state.rotating_from !== undefined) return openKeyring(source);
  const old = (await openKeyring(source)).signer;
  const key = await nextKey(folder, before.state, alg ?? old.alg, now);
  const retired = { retired_at: secondsInstant(now) };
  const keys = [...before.state.keys.map((entry) => (entry.kid === old.kid ? { ...entry, ...retired } : entry)), key];
  await writeState(folder, before.n + 1, { v: 1, live: key.kid, rotating_from: old.kid, keys });
  return openKeyring(source);
}

/** Notes that every announcement of the rotation to `live` is stored. Without effect where that isn't under way any more. */
export async function finishRotation(folder: string, live: string): Promise<void> {
  const { n, state } = await stateOrThrow(folder);
  const { rotating_from, ...rest } = state;
  if (rotating_from === undefined || state.live !== live) return;
  try {
    await writeState(folder, n + 1, rest);
  } catch (error) {
    // Whoever was first noted the same: nothing else can be written while a rotation is under way.
    if (!isError(error, "already-exists")) throw error;
  }
}

function keyListOf({ live, rotating_from, keys }: State): KeyList {
  return { live, keys, ...(rotating_from === undefined ? {} : { rotatingFrom: rotating_from }) };
}

/** A private key in the folder that no state names, or a new one. */
async function nextKey(
  folder: string,
  state: State | undefined,
  alg: SigningAlgorithm,
  now: number,
): Promise<PublicKey> {
  const known = new Set(state?.keys.map((key) => key.kid));
  const from = { from: secondsInstant(now) };
  for (const name of (await readdir(folder)).sort()) {
    const kid = /^(.{43})\.jwk$/.exec(name)?.[1];
    const signer = kid === undefined || known.has(kid) ? undefined : await signerFrom(folder, kid);
    if (signer?.alg === alg) return { ...signer.key, ...from };
  }
  const { key, secret } = await newKeyPair(alg);
  await putOnce(join(folder, `${key.kid}.jwk`), `${JSON.stringify(secret, undefined, 2)}\n`);
  return { ...key, ...from };
}

/** A new key pair: the public key, and the private JWK, which nothing but its owner's file may hold. */
export async function newKeyPair(
  alg: SigningAlgorithm,
): Promise<{ readonly key: PublicKey; readonly secret: Readonly<Record<string, unknown>> }> {
  const pair = await generateKeyPair(alg, { extractable: true });
  const key = publicKeyOf(await exportJWK(pair.publicKey));
  const { from: _from, ...stated } = key;
  const { d } = await exportJWK(pair.privateKey);
  return { key, secret: { ...stated, d } };
}

async function signerFrom(folder: string, kid: string): Promise<Signer | undefined> {
  const path = join(folder, `${kid}.jwk`);
  const text = await readPrivate(path);
  if (text === undefined) return undefined;
  const signer = await openSigner(parsePrivate(text, path)).catch((cause: unknown) => {
    if (!isError(cause, "bad-key") || cause.hint !== undefined) throw cause;
    throw new SpampotsError("bad-key", "A private key is damaged.", { cause, hint: restoreHint, path });
  });
  if (signer.kid === kid) return signer;
  throw new SpampotsError("bad-key", "A key file's name isn't its key's thumbprint.", {
    hint: restoreHint,
    path,
    thumbprint: signer.kid,
  });
}

function parsePrivate(text: string, where: string): Readonly<Record<string, unknown>> {
  try {
    return z.record(z.string(), z.unknown()).parse(JSON.parse(text));
  } catch {
    // No cause: the parser's message quotes the text.
    throw new SpampotsError("bad-key", "The private key isn't a JWK.", { hint: restoreHint, where });
  }
}

const stateName = (n: number) => `state-${String(n).padStart(8, "0")}.json`;

async function readState(folder: string): Promise<{ readonly n: number; readonly state: State } | undefined> {
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw new SpampotsError("disk-failed", "The key folder can't be read.", {
      cause: error,
      folder,
      hint: hintOf(error),
    });
  });
  const name = names
    .filter((entry) => /^state-\d{8}\.json$/.test(entry))
    .sort()
    .at(-1);
  if (name === undefined) return undefined;
  const decoded = decodeExact(stateSchema, await readFile(join(folder, name)), name);
  const state = decoded.value;
  if (state?.keys.some((key) => key.kid === state.live)) return { n: Number(name.slice(6, 14)), state };
  throw new SpampotsError("bad-key", "The state of the key folder is damaged.", {
    hint: restoreHint,
    path: join(folder, name),
    problems: decoded.value ? [] : decoded.problems,
  });
}

async function stateOrThrow(folder: string): Promise<{ readonly n: number; readonly state: State }> {
  const current = await readState(folder);
  if (current) return current;
  throw new SpampotsError("bad-key", "There is no signing key yet.", { hint: "Run `spampots keys new`.", folder });
}

async function writeState(folder: string, n: number, state: State): Promise<void> {
  const text = new TextDecoder().decode(encodeExact(stateSchema, state));
  if (await putOnce(join(folder, stateName(n)), text)) return;
  throw new SpampotsError("already-exists", "Another process changed the keys at the same time.", {
    hint: "Run the command again.",
    folder,
  });
}
