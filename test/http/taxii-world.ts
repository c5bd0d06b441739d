/**
 * A service on loopback for tests of TAXII: a real store on disk, real keys and tokens, publications of made-up STIX
 * parts in the form that the publisher gives them. The clock is the test's.
 */
import { cp, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { secondsInstant } from "../../src/feed/period.ts";
import { Registry } from "../../src/http/registry.ts";
import { type Serving, serve } from "../../src/http/serve.ts";
import { openLog } from "../../src/log.ts";
import { dayMs } from "../../src/model.ts";
import { newTokenKey, openTokenKeys } from "../../src/partner/auth/token-keys.ts";
import { mintPartnerToken } from "../../src/partner/auth/tokens.ts";
import type { Manifest } from "../../src/publication/manifest.ts";
import { readSettings } from "../../src/settings.ts";
import { type File, type Issuer, newIssuer, publish, sha256, testNow } from "../publication/issuer.ts";
import { projectRoot } from "../source-files.ts";
import { temporaryFolder } from "../temporary-folder.ts";

/** A STIX object as far as TAXII looks at it. */
export interface MadeObject {
  readonly type: string;
  readonly spec_version: "2.1";
  readonly id: string;
  readonly created?: string;
  readonly modified?: string;
  readonly [property: string]: unknown;
}

/** A UUID of version 4, the same for the same text. */
function uuidOf(text: string): string {
  const hex = sha256(text);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

/** The id of a made object. */
export const idOf = (type: string, name: string) => `${type}--${uuidOf(name)}`;

/** An object with versions. `step` says which: as milliseconds after the hour. */
export function versioned(type: string, name: string, step = 0, more: object = {}): MadeObject {
  const hour = Date.UTC(2026, 10, 9, 5);
  const [created, modified] = [new Date(hour).toISOString(), new Date(hour + step).toISOString()];
  return { type, spec_version: "2.1", id: idOf(type, name), created, modified, name, ...more };
}

/** An object without: an observable. */
export const observable = (type: string, name: string): MadeObject => ({
  type,
  spec_version: "2.1",
  id: idOf(type, name),
  value: name,
});

/** A part as the publisher writes it: an object a line. */
export function partOf(objects: readonly MadeObject[], number = 1): File {
  const lines = objects.map((object) => JSON.stringify(object)).join(",\n");
  return {
    suffix: `_part-${String(number).padStart(4, "0")}.stix.json.gz`,
    mediaType: "application/stix+json;version=2.1",
    content: `{"type":"bundle","id":"bundle--${uuidOf(lines)}","objects":[\n${lines}\n]}\n`,
    facts: { objects: objects.length, part: number },
  };
}

/** A withdrawal of publications, with revoked parts where some are given. */
export const withdrawing = (sequences: [number, ...number[]], revoked = false): Partial<Manifest> => ({
  kind: "withdrawal",
  withdraws: { sequences, reason: "A sensor's clock was wrong.", revoked },
});

const partnerYaml = (id: string, subscriptions: readonly string[]) => `  - id: ${id}
    name: ${id}
    economies: [TW]
    mou: { reference: M-${id}, signed: 2026-01-01, expires: 2027-06-30, purposes: [test], onward: constituents, retention_days: 365 }
    tlp_ceiling: AMBER
    contacts: [{ name: Placeholder, email: feeds@${id}.example }]
    subscriptions:
${subscriptions.map((subscription) => `      - ${subscription}\n`).join("")}`;

/** `twcert` and `ncc` have two collections each, `plain` none. */
const partnersYaml = `partners:
${["twcert", "ncc"]
  .map((id) =>
    partnerYaml(id, [
      "{ feed: spam-targets, every: week, formats: [stix] }",
      "{ feed: spam-sources, every: week, formats: [csv, stix] }",
      "{ feed: spam-events, every: week, formats: [csv] }",
    ]),
  )
  .join("")}${partnerYaml("plain", ["{ feed: spam-sources, every: week, formats: [csv] }"])}...
`;

export interface TaxiiWorld {
  readonly issuer: Issuer;
  readonly url: string;
  /** Folder of the indexes. */
  readonly index: string;
  /** Folder of `partners.yaml`. */
  readonly config: string;
  /** Moves the service's clock; milliseconds. */
  advance(ms: number): void;
  now(): number;
  /** Publishes parts to a partner's feed; `twcert`'s `spam-sources` by default. */
  publish(parts: readonly (readonly MadeObject[])[], more?: Partial<Manifest>, to?: Place): Promise<Manifest>;
  token(partner: string): Promise<string>;
  /** A GET below `/taxii2/` with a partner's token, `twcert`'s by default. */
  get(path: string, options?: Ask): Promise<Answer>;
  /** Stops the service and starts it again on another port, over the same folders. */
  restart(): Promise<void>;
}

export interface Place {
  readonly partner?: string;
  readonly feed?: string;
}

export interface Ask {
  /** `undefined` for none. */
  readonly partner?: string | undefined;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** Parsed; empty where there is no body. */
  readonly body: TaxiiBody;
}

/** Any resource of TAXII. */
export interface TaxiiBody {
  readonly more?: boolean;
  readonly next?: string;
  readonly objects?: readonly MadeObject[];
  readonly versions?: readonly string[];
  readonly collections?: readonly { readonly id: string; readonly alias: string; readonly [member: string]: unknown }[];
  readonly id?: string;
  readonly api_roots?: readonly string[];
  readonly http_status?: string;
  readonly title?: string;
  readonly description?: string;
  readonly [member: string]: unknown;
}

/** A service with nothing published. */
export async function openTaxiiWorld(t: Pick<TestContext, "after">): Promise<TaxiiWorld> {
  let serving: Serving | undefined;
  // Before the folders are removed.
  t.after(() => serving?.close());
  const issuer = await newIssuer(t);
  const root = await temporaryFolder(t);
  const [config, tokenKeys, index] = [join(root, "config"), join(root, "token-keys"), join(root, "index")];
  await cp(join(projectRoot, "feeds"), join(config, "feeds"), { recursive: true });
  await writeFile(join(config, "partners.yaml"), partnersYaml);
  await newTokenKey(tokenKeys, testNow - dayMs);
  const log = openLog("silent");
  const registry = await Registry.open({ config, keys: issuer.keys, tokenKeys }, log);
  const { signer } = await openTokenKeys(tokenKeys);
  let now = testNow + 60_000;
  const start = () =>
    serve({
      settings: {
        ...readSettings({
          SPAMPOTS_METRICS_LISTEN: "none",
          SPAMPOTS_LIMIT_REQUESTS: "1000000",
          SPAMPOTS_LIMIT_STRANGERS: "1000000",
        }).serve,
        listen: { host: "127.0.0.1", port: 0 },
        url: "http://127.0.0.1:1",
      },
      issuer: "CERT.br",
      version: "0.0.0",
      store: issuer.store,
      registry,
      receipts: join(root, "receipts"),
      index,
      clock: () => now,
      log,
    });
  serving = await start();
  const tokens = new Map<string, Promise<string>>();
  const token = (partner: string) => {
    const made =
      tokens.get(partner) ??
      mintPartnerToken({ url: "http://127.0.0.1:1" }, signer, { partner, seconds: 399 * 86_400, id: partner, now });
    tokens.set(partner, made);
    return made;
  };
  const urlOf = () => `http://127.0.0.1:${serving?.port}`;
  return {
    issuer,
    get url() {
      return urlOf();
    },
    index,
    config,
    advance(ms) {
      now += ms;
    },
    now: () => now,
    async publish(parts, more = {}, to = {}) {
      now += 2000; // a look at the log is good for a second
      const files = parts.map((objects, place) => partOf(objects, place + 1));
      return publish(issuer, {
        files,
        now,
        more: { retain_until: secondsInstant(testNow + 90 * dayMs), ...more },
        ...to,
      });
    },
    token,
    async get(path, { partner, method = "GET", headers = {}, body } = { partner: "twcert" }) {
      const bearer: Record<string, string> =
        partner === undefined ? {} : { Authorization: `Bearer ${await token(partner)}` };
      const answer = await fetch(`${urlOf()}${path}`, {
        method,
        headers: { Accept: "application/taxii+json;version=2.1", ...bearer, ...headers },
        ...(body === undefined ? {} : { body }),
      });
      const text = await answer.text();
      return { status: answer.status, headers: answer.headers, text, body: JSON.parse(text || "{}") };
    },
    async restart() {
      await serving?.close();
      serving = await start();
    },
  };
}
