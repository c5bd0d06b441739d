/** A service for tests: a real `serve` on a free port over a real store, with two partners who hold keys. */
import { createPrivateKey, type KeyObject, randomUUID } from "node:crypto";
import { cp, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { SignJWT } from "jose/jwt/sign";
import { exportJWK } from "jose/key/export";
import { generateKeyPair } from "jose/key/generate/keypair";
import { Registry } from "../../src/http/registry.ts";
import { type Serve, serve } from "../../src/http/serve.ts";
import { openLog } from "../../src/log.ts";
import { newTokenKey, openTokenKeys } from "../../src/partner/auth/token-keys.ts";
import { mintPartnerToken } from "../../src/partner/auth/tokens.ts";
import { readSettings } from "../../src/settings.ts";
import type { Store } from "../../src/store/store.ts";
import { type Issuer, newIssuer, testNow } from "../publication/issuer.ts";

const project = join(import.meta.dirname, "../..");

/** A partner's key pair: the public half as it stands in partners.yaml. */
export interface ClientKey {
  readonly alg: "ES256" | "EdDSA";
  readonly secret: KeyObject;
  readonly jwk: Readonly<Record<string, unknown>>;
}

export async function newClientKey(alg: "ES256" | "EdDSA"): Promise<ClientKey> {
  const pair = await generateKeyPair(alg, { extractable: true });
  const secret = createPrivateKey({ key: { ...(await exportJWK(pair.privateKey)) }, format: "jwk" });
  return { alg, secret, jwk: { ...(await exportJWK(pair.publicKey)) } };
}

/** What of a partner's entry the tests change. */
export interface PartnerLines {
  readonly keys: readonly ClientKey[];
  readonly feeds?: readonly string[];
  readonly suspended?: boolean;
  readonly expires?: string;
  readonly tokensNotBefore?: string;
}

/** The text of a partners.yaml. */
export function partnersText(partners: Readonly<Record<string, PartnerLines>>): string {
  const entries = Object.entries(partners).map(([id, lines]) => {
    const feeds = lines.feeds ?? ["spam-sources", "summary"];
    const formats = (feed: string) => (feed === "summary" ? "[json, markdown]" : "[csv, stix]");
    return `  - id: ${id}
    name: ${id}
    economies: [TW]
    mou: { reference: M-${id}, signed: 2026-01-01, expires: ${lines.expires ?? "2027-12-31"}, suspended: ${lines.suspended ?? false}, purposes: [test], onward: constituents, retention_days: 365 }
    tlp_ceiling: AMBER+STRICT
    contacts: [{ name: Placeholder, email: feeds@${id}.example }]
    keys: [${lines.keys.map(({ jwk }) => JSON.stringify(jwk)).join(", ")}]
${lines.tokensNotBefore === undefined ? "" : `    tokens_not_before: "${lines.tokensNotBefore}"\n`}    subscriptions: [${feeds.map((feed) => `{ feed: ${feed}, every: week, formats: ${formats(feed)} }`).join(", ")}]
`;
  });
  return `partners:\n${entries.join("")}...\n`;
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly bytes: Buffer;
  readonly text: string;
  /** The body as JSON. */
  json(): Record<string, unknown>;
}

/** One request; nothing is followed, and nothing unpacked unless asked for. */
export async function ask(url: string, init: RequestInit = {}): Promise<Answer> {
  const response = await fetch(url, { redirect: "manual", ...init });
  const bytes = Buffer.from(await response.arrayBuffer());
  const text = bytes.toString("utf8");
  return { status: response.status, headers: response.headers, bytes, text, json: () => JSON.parse(text) };
}

export interface Served extends Issuer {
  readonly url: string;
  /** Where it listens: another URL where it is told one, as behind a front. */
  readonly listens: string;
  readonly config: string;
  /** The key folder of tokens. */
  readonly tokenKeys: string;
  readonly registry: Registry;
  readonly keysOf: Readonly<Record<"twcert" | "ncc", ClientKey>>;
  /** Sets the service's clock, in milliseconds. */
  setNow(now: number): void;
  now(): number;
  /** Replaces partners.yaml, and has it looked at. */
  change(partners: Readonly<Record<string, PartnerLines>>): Promise<void>;
  /** Replaces the keys of operators, and has them looked at. */
  changeOperators(keys: readonly ClientKey[]): Promise<void>;
  /** A partner token made now. */
  token(partner: string, seconds?: number): Promise<string>;
  get(path: string, token: string, headers?: Record<string, string>): Promise<Answer>;
  close(): Promise<void>;
}

/** Begins to serve; ends with the test. */
export async function openServed(
  t: Pick<TestContext, "after">,
  {
    env = {},
    parts = {},
    wrap = (store) => store,
    operators,
  }: {
    env?: Record<string, string>;
    parts?: Partial<Serve>;
    wrap?: (store: Store) => Store;
    /** Keys that open the operators' pages; without them there are none. */
    operators?: readonly ClientKey[];
  } = {},
): Promise<Served> {
  // The service ends before its folder is removed.
  const removals: (() => unknown)[] = [];
  const issuer = await newIssuer({ after: (removal) => removals.push(removal as () => unknown) }); // as it registers them
  const folder = join(issuer.root, "..");
  const config = join(folder, "config");
  await mkdir(config);
  await cp(join(project, "feeds"), join(config, "feeds"), { recursive: true });
  const keysOf = { twcert: await newClientKey("EdDSA"), ncc: await newClientKey("ES256") };
  await writeFile(
    join(config, "partners.yaml"),
    partnersText({ twcert: { keys: [keysOf.twcert] }, ncc: { keys: [keysOf.ncc] } }),
  );
  const tokenKeys = join(folder, "token-keys");
  await newTokenKey(tokenKeys, testNow - 1000);
  let now = testNow;
  const log = openLog("silent");
  const operatorKeys = join(folder, "operators.jwks");
  const setOperators = (keys: readonly ClientKey[]) =>
    writeFile(operatorKeys, JSON.stringify({ keys: keys.map(({ jwk }) => jwk) }));
  if (operators !== undefined) await setOperators(operators);
  const places = { config, keys: issuer.keys, tokenKeys, ...(operators === undefined ? {} : { operatorKeys }) };
  const registry = await Registry.open(places, log);
  const settings = readSettings({
    SPAMPOTS_DATA: folder,
    SPAMPOTS_LISTEN: "127.0.0.1:0",
    SPAMPOTS_METRICS_LISTEN: "none",
    SPAMPOTS_LIMIT_REQUESTS: "100000",
    SPAMPOTS_LIMIT_STRANGERS: "100000",
    ...env,
  });
  const serving = await serve({
    settings: settings.serve,
    issuer: "CERT.br",
    version: "0.0.0",
    store: wrap(issuer.store),
    registry,
    receipts: join(folder, "receipts"),
    index: join(folder, "index"),
    clock: () => now,
    log,
    ...parts,
  });
  let open = true;
  const close = async () => {
    if (open) await serving.close();
    open = false;
  };
  t.after(async () => {
    await close();
    for (const removal of removals) await removal();
  });
  return {
    ...issuer,
    url: serving.url,
    listens: `http://127.0.0.1:${serving.port}`,
    config,
    tokenKeys,
    registry,
    keysOf,
    setNow: (next) => {
      now = next;
    },
    now: () => now,
    async change(partners) {
      await writeFile(join(config, "partners.yaml"), partnersText(partners));
      await registry.refresh();
    },
    async changeOperators(keys) {
      await setOperators(keys);
      await registry.refresh();
    },
    async token(partner, seconds = 3600) {
      const { signer } = await openTokenKeys(tokenKeys);
      return mintPartnerToken({ url: serving.url }, signer, { partner, seconds, id: randomUUID(), now });
    },
    get: (path, token, headers = {}) =>
      ask(`${serving.url}${path}`, { headers: { Authorization: `Bearer ${token}`, ...headers } }),
    close,
  };
}

/** Claims of an assertion that counts. */
export function assertionClaims(served: Served, partner: string): Record<string, unknown> {
  const iat = Math.floor(served.now() / 1000);
  return { iss: partner, sub: partner, aud: served.url, iat, exp: iat + 60, jti: randomUUID() };
}

export async function signed(
  claims: Record<string, unknown>,
  { alg, secret }: Pick<ClientKey, "alg" | "secret">,
  header: Record<string, unknown> = {},
): Promise<string> {
  return new SignJWT(claims).setProtectedHeader({ alg, ...header }).sign(secret);
}

/** Asks the token endpoint with a form. */
export function askToken(served: Served, members: Record<string, string>): Promise<Answer> {
  return ask(`${served.url}/oauth2/token`, { method: "POST", body: new URLSearchParams(members) });
}

/** A form with this assertion. */
export function tokenForm(assertion: string, more: Record<string, string> = {}): Record<string, string> {
  return {
    grant_type: "client_credentials",
    client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
    client_assertion: assertion,
    ...more,
  };
}

/** The text of a file of the configuration. */
export const readConfig = ({ config }: Served, name: string) => readFile(join(config, name), "utf8");
