/**
 * What is in force: the configuration and the public keys, read again when their files change. A change counts within
 * one look; a new configuration with problems leaves the old one in force, and says so loudly.
 */
import { isError, sayError } from "../errors.ts";
import { type Configuration, configurationDigest, loadConfiguration } from "../feed/configuration.ts";
import type { Partner } from "../feed/partners.ts";
import type { Log } from "../log.ts";
import { readOperatorKeys } from "../partner/auth/operator-keys.ts";
import { openTokenKeys } from "../partner/auth/token-keys.ts";
import type { PublicKey } from "../publication/jwk.ts";
import { type KeyList, type Keyring, listKeys } from "../publication/keys.ts";
import { type KeyFinder, keyFinder } from "../publication/sign.ts";

/** Folders whose files say what is in force. */
export interface RegistryPlaces {
  /** `partners.yaml` and `feeds/`. */
  readonly config: string;
  /** The key folder of the issuer: its state alone is read, nothing private. */
  readonly keys: string;
  /** The key folder of tokens. */
  readonly tokenKeys: string;
  /** The file of the operators' public keys, where operators have pages. */
  readonly operatorKeys?: string;
}

/** Everything as of the last look. */
interface InForce {
  readonly digest: string;
  readonly partners: ReadonlyMap<string, Partner>;
  readonly issuer: KeyList;
  readonly tokens: Keyring;
  readonly operators: readonly PublicKey[];
}

/** The registry of who may come in, with which keys. */
export class Registry {
  readonly #places: RegistryPlaces;
  readonly #log: Log;
  #inForce: InForce;
  /** Digest of a configuration that was refused: it is told once. */
  #refused: string | undefined;

  private constructor(places: RegistryPlaces, log: Log, inForce: InForce) {
    this.#places = places;
    this.#log = log;
    this.#inForce = inForce;
  }

  /** Reads everything. @throws SpampotsError `bad-configuration` with every problem, `bad-key`. */
  static async open(places: RegistryPlaces, log: Log): Promise<Registry> {
    const digest = await configurationDigest(places.config);
    const configuration = await loadConfiguration(places.config);
    const operators = await readOperators(places);
    const inForce = { ...inForceOf(configuration, digest), ...(await readKeys(places)), operators };
    return new Registry(places, log, inForce);
  }

  get partners(): ReadonlyMap<string, Partner> {
    return this.#inForce.partners;
  }

  /** Keys of the issuer, which sign manifests. */
  get issuer(): KeyList {
    return this.#inForce.issuer;
  }

  /** Keys that sign tokens. */
  get tokens(): Keyring {
    return this.#inForce.tokens;
  }

  /** Keys of operators; none where operators have no pages. */
  get operators(): readonly PublicKey[] {
    return this.#inForce.operators;
  }

  readonly keyOf: KeyFinder = (kid) => keyFinder(this.#inForce.issuer.keys)(kid);

  /** Looks whether anything changed, and takes it where it has no problems. Never throws. */
  async refresh(): Promise<void> {
    await this.#attempt(async () => {
      const digest = await configurationDigest(this.#places.config);
      if (digest === this.#inForce.digest) return;
      // Tried again at each look: what was read may have been half written, or couldn't be read for want of descriptors.
      const configuration = await loadConfiguration(this.#places.config).catch((error: unknown) => {
        if (digest === this.#refused) return undefined;
        this.#refused = digest;
        throw error;
      });
      if (configuration === undefined) return;
      this.#refused = undefined;
      this.#inForce = { ...this.#inForce, ...inForceOf(configuration, digest) };
      this.#log.info({ digest, partners: configuration.partners.length }, "a changed configuration is in force");
    });
    await this.#attempt(async () => {
      const { issuer, tokens } = this.#inForce;
      const [nextIssuer, nextTokens] = await Promise.all([
        listKeys(this.#places.keys),
        listKeys(this.#places.tokenKeys),
      ]);
      const changed = JSON.stringify([issuer, listOf(tokens)]) !== JSON.stringify([nextIssuer, nextTokens]);
      if (changed) this.#inForce = { ...this.#inForce, ...(await readKeys(this.#places)) };
    });
    await this.#attempt(() => this.#refreshOperators());
  }

  async #refreshOperators(): Promise<void> {
    const operators = await readOperators(this.#places);
    if (JSON.stringify(operators) === JSON.stringify(this.#inForce.operators)) return;
    this.#inForce = { ...this.#inForce, operators };
    this.#log.info({ keys: operators.map(({ kid }) => kid) }, "changed keys of operators are in force");
  }

  async #attempt(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      const problems = isError(error) ? error.problems : [];
      this.#log.error({ err: sayError(error), problems }, "what was in force before stays in force");
    }
  }
}

const readOperators = async ({ operatorKeys }: RegistryPlaces) =>
  operatorKeys === undefined ? [] : readOperatorKeys(operatorKeys);

function inForceOf(configuration: Configuration, digest: string) {
  return { digest, partners: new Map(configuration.partners.map((entry) => [entry.id, entry])) };
}

function listOf({ live, keys, rotatingFrom }: KeyList): KeyList {
  return { live, keys, ...(rotatingFrom === undefined ? {} : { rotatingFrom }) };
}

async function readKeys({ keys, tokenKeys }: RegistryPlaces): Promise<{ issuer: KeyList; tokens: Keyring }> {
  return { issuer: await listKeys(keys), tokens: await openTokenKeys(tokenKeys) };
}
