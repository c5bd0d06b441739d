/**
 * Settings: environment variables become one frozen object; every problem is reported at once. Each variable is
 * documented in README's table and in `.env.example`; a test compares them with {@link settingRows}.
 */
import { isIP } from "node:net";
import { availableParallelism } from "node:os";
import { join, resolve } from "node:path";
import { type Problem, SpampotsError } from "./errors.ts";
import { settingRows } from "./setting-rows.ts";
import { bucketOf } from "./store/s3-url.ts";

/** A Trino cluster, and who asks it. */
export interface TrinoSettings {
  /** Without a slash at its end. */
  readonly url: string;
  readonly catalog: string;
  readonly schema: string;
  readonly user: string;
  readonly password?: string;
  readonly token?: string;
  /** Path of a PEM file. */
  readonly ca?: string;
}

export interface S3Settings {
  readonly endpoint?: string;
  readonly region: string;
  readonly pathStyle: boolean;
  readonly deadlineMs: number;
}

/** An address to listen on. */
export interface Listen {
  readonly host: string;
  readonly port: number;
}

/** What `serve` needs to know. */
export interface ServeSettings {
  readonly listen: Listen;
  /** Without a slash at its end; absent where it follows from `listen`. */
  readonly url?: string;
  /** Paths of PEM files. */
  readonly tls?: { readonly cert: string; readonly key: string };
  /** Addresses and networks (CIDR). */
  readonly trustedFront: readonly string[];
  readonly metrics?: Listen;
  /** Path of the JWK set of the operators' public keys. */
  readonly operatorKeys?: string;
  readonly downloads: "stream" | "redirect";
  readonly limits: { readonly requests: number; readonly downloads: number; readonly strangers: number };
}

/** What `run` needs to know. */
export interface RunSettings {
  /** A cron expression. */
  readonly tick: string;
  readonly pushes: number;
  readonly pushLoopback: boolean;
  /** A URL, or a program and its arguments. */
  readonly alert?: { readonly url: string } | { readonly command: readonly string[] };
  /** Hours. */
  readonly readyLag: number;
}

/** What the environment says, frozen. Folders are absolute. */
export interface Settings {
  readonly data: string;
  /** A folder, or a URL of S3. */
  readonly lake: string;
  /** Megabytes. */
  readonly lakeCopiesMb: number;
  /** The cluster that answers slices; DuckDB where absent. */
  readonly trino?: TrinoSettings;
  readonly store: string;
  readonly keys: string;
  /** Keys that sign tokens. */
  readonly tokenKeys: string;
  /** Receipts on their way to the store. */
  readonly receipts: string;
  /** What `serve` derives from publications for TAXII. */
  readonly index: string;
  readonly spool: string;
  readonly done: string;
  readonly quarantine: string;
  readonly tables: string;
  /** Marks of how far each log goes. */
  readonly tips: string;
  readonly config: string;
  readonly sensors: string;
  readonly issuer: string;
  readonly signingKey?: string;
  readonly s3: S3Settings;
  readonly serve: ServeSettings;
  readonly run: RunSettings;
  readonly threads: number;
  /** Megabytes. */
  readonly memoryMb: number;
  readonly retainRawDays: number;
  readonly retainLakeDays: number;
  readonly logLevel: string;
}

const logLevels = ["trace", "debug", "info", "warn", "error", "silent"];

/** With less, DuckDB can't write the Parquet of a sensor's busy day: tried with days of 150,000 rows and one to eight threads. */
const leastMemoryMb = 256;

/**
 * Reads the environment.
 *
 * @throws SpampotsError `bad-argument` with every problem found, each naming its variable.
 */
export function readSettings(env: Readonly<Record<string, string | undefined>>): Settings {
  const problems: Problem[] = [];
  const refuse = (path: string, message: string) => problems.push({ file: "environment", path, message });
  const text = (name: string) => (env[name] === undefined || env[name] === "" ? undefined : env[name]);
  const whole = (name: string, fallback: number, least: number, most: number) => {
    const value = text(name);
    if (value === undefined) return fallback;
    const number = /^\d+$/.test(value) ? Number(value) : Number.NaN;
    if (number >= least && number <= most) return number;
    refuse(name, `Write a whole number from ${least} to ${most}.`);
    return fallback;
  };

  for (const name of Object.keys(env)) {
    if (name.startsWith("SPAMPOTS_") && !settingRows.some((row) => row.name === name)) {
      refuse(name, "There is no such setting; the README's table names them all.");
    }
  }
  const endpoint = text("SPAMPOTS_S3_ENDPOINT");
  if (endpoint !== undefined && !URL.canParse(endpoint))
    refuse("SPAMPOTS_S3_ENDPOINT", "Write a URL such as https://s3.example.");
  const truth = (name: string) => {
    const value = text(name);
    if (value !== undefined && value !== "true" && value !== "false") refuse(name, "Write true or false.");
    return value === undefined ? undefined : value === "true";
  };
  const pathStyle = truth("SPAMPOTS_S3_PATH_STYLE");
  const logLevel = text("SPAMPOTS_LOG") ?? "warn";
  if (!logLevels.includes(logLevel)) refuse("SPAMPOTS_LOG", `Write one of ${logLevels.join(", ")}.`);

  const data = resolve(text("SPAMPOTS_DATA") ?? "data");
  const folderOrUrl = (name: string, folder: string) => {
    const value = text(name) ?? join(data, folder);
    if (!value.includes("://")) return resolve(value);
    // Else it would be taken for the name of a folder.
    if (bucketOf(value) === undefined)
      refuse(
        name,
        "Write the path of a folder, or s3://bucket/prefix (3 to 63 lower-case letters, digits, dots and hyphens).",
      );
    return value;
  };
  const lake = folderOrUrl("SPAMPOTS_LAKE", "lake");
  const signingKey = text("SPAMPOTS_SIGNING_KEY");
  const settings: Settings = {
    data,
    lake,
    lakeCopiesMb: whole("SPAMPOTS_LAKE_COPIES", 20_000, 0, 100_000_000),
    ...readEngine(text, lake, refuse),
    store: folderOrUrl("SPAMPOTS_STORE", "store"),
    keys: join(data, "keys"),
    tokenKeys: join(data, "token-keys"),
    receipts: join(data, "receipts"),
    index: join(data, "index"),
    spool: join(data, "spool"),
    done: join(data, "done"),
    quarantine: join(data, "quarantine"),
    tables: join(data, "tables"),
    tips: join(data, "tips"),
    config: resolve(text("SPAMPOTS_CONFIG") ?? "."),
    sensors: resolve(text("SPAMPOTS_SENSORS") ?? join(data, "sensors.yaml")),
    issuer: text("SPAMPOTS_ISSUER") ?? "CERT.br",
    ...(signingKey === undefined ? {} : { signingKey }),
    s3: {
      ...(endpoint === undefined ? {} : { endpoint }),
      region: text("SPAMPOTS_S3_REGION") ?? "us-east-1",
      pathStyle: pathStyle ?? endpoint !== undefined,
      deadlineMs: whole("SPAMPOTS_S3_DEADLINE", 60, 1, 3600) * 1000,
    },
    serve: {
      ...readServe(text, refuse),
      limits: {
        requests: whole("SPAMPOTS_LIMIT_REQUESTS", 600, 1, 1_000_000),
        downloads: whole("SPAMPOTS_LIMIT_DOWNLOADS", 16, 1, 10_000),
        strangers: whole("SPAMPOTS_LIMIT_STRANGERS", 60, 1, 1_000_000),
      },
    },
    run: {
      tick: readTick(text("SPAMPOTS_TICK") ?? "* * * * *", refuse),
      pushes: whole("SPAMPOTS_PUSHES", 16, 1, 1000),
      pushLoopback: truth("SPAMPOTS_PUSH_LOOPBACK") ?? false,
      ...readAlert(text("SPAMPOTS_ALERT"), refuse),
      readyLag: whole("SPAMPOTS_READY_LAG", 24, 1, 10_000),
    },
    threads: whole("SPAMPOTS_THREADS", Math.min(8, availableParallelism()), 1, 64),
    memoryMb: whole("SPAMPOTS_MEMORY", 400, leastMemoryMb, 1_000_000),
    retainRawDays: whole("SPAMPOTS_RETAIN_RAW", 90, 0, 36_500),
    retainLakeDays: whole("SPAMPOTS_RETAIN_LAKE", 400, 1, 36_500),
    logLevel,
  };
  if (isOfStore(lake, settings.store))
    refuse("SPAMPOTS_LAKE", "Write a place beside SPAMPOTS_STORE: in the store, partners read and sweeps delete.");
  if (problems.length > 0) {
    throw new SpampotsError("bad-argument", "Some settings are wrong.", {
      problems,
      hint: "Correct the environment variables named above.",
    });
  }
  return Object.freeze(settings);
}

/** What the store has below itself: partners read there, or its own sweep deletes there. */
const storeFolders = ["partners", "receipts", "requests", "leases", "health", "alerts"];

/** Is a place the store itself, or in one of its folders? */
function isOfStore(place: string, store: string): boolean {
  const written = (path: string) => {
    const { bucket, prefix } = bucketOf(path) ?? { bucket: "", prefix: path };
    return `${bucket}:${prefix === "" ? "" : `${prefix}/`}`;
  };
  const own = storeFolders.map((name) => `${written(store)}${name}/`);
  return written(place) === written(store) || own.some((folder) => written(place).startsWith(folder));
}

/** The URL of the service: as set, or where it listens. */
export function serviceUrl({ url, listen: { host, port }, tls }: ServeSettings, actualPort = port): string {
  return url ?? `${tls ? "https" : "http"}://${host.includes(":") ? `[${host}]` : host}:${actualPort}`;
}

type Refuse = (path: string, message: string) => void;
type Text = (name: string) => string | undefined;

function readEngine(text: Text, lake: string, refuse: Refuse): Pick<Settings, "trino"> {
  const engine = text("SPAMPOTS_ENGINE") ?? "duckdb";
  if (engine !== "duckdb" && engine !== "trino") refuse("SPAMPOTS_ENGINE", "Write duckdb or trino.");
  if (engine !== "trino") return {};
  if (!lake.startsWith("s3://")) refuse("SPAMPOTS_LAKE", "A cluster reads the lake in S3: write s3://bucket/prefix.");
  const url = text("SPAMPOTS_TRINO_URL") ?? "";
  const { protocol, hostname } = URL.canParse(url) ? new URL(url) : { protocol: "", hostname: "" };
  if (protocol === "" || !/^https?:\/\/[^/?#@\s]+$/.test(url))
    refuse("SPAMPOTS_TRINO_URL", "Write scheme, host and port, without a path: https://trino.example:8443.");
  else if (protocol === "http:" && !isLoopback(hostname))
    refuse("SPAMPOTS_TRINO_URL", "What is asked and answered is sensitive: https, or http to this machine alone.");
  const name = (variable: string, fallback: string) => {
    const value = text(variable) ?? fallback;
    if (!/^[a-z][a-z0-9_]*$/.test(value)) refuse(variable, "Write lower-case letters, digits and underscores.");
    return value;
  };
  const ca = text("SPAMPOTS_TRINO_CA");
  const trino = {
    url,
    catalog: name("SPAMPOTS_TRINO_CATALOG", "lake"),
    schema: name("SPAMPOTS_TRINO_SCHEMA", "spampots"),
    ...readTrinoUser(text, protocol, refuse),
    ...(ca === undefined ? {} : { ca: resolve(ca) }),
  };
  return { trino };
}

function readTrinoUser(
  text: Text,
  protocol: string,
  refuse: Refuse,
): Pick<TrinoSettings, "user" | "password" | "token"> {
  const user = text("SPAMPOTS_TRINO_USER") ?? "spampots";
  const [password, token] = [text("SPAMPOTS_TRINO_PASSWORD"), text("SPAMPOTS_TRINO_TOKEN")];
  // Of ASCII, since it stands in a header; before a colon, where there is a password.
  if (!/^[!-9;-~]{1,200}$/.test(user))
    refuse("SPAMPOTS_TRINO_USER", "Write letters, digits and signs of ASCII without spaces or a colon.");
  if (password !== undefined && token !== undefined)
    refuse("SPAMPOTS_TRINO_TOKEN", "Give a password or a token, not both.");
  if (protocol === "http:" && (password ?? token) !== undefined)
    refuse("SPAMPOTS_TRINO_URL", "Passwords and tokens go over https alone, also on this machine.");
  if (token !== undefined && !/^[\w.~+/=-]+$/.test(token))
    refuse("SPAMPOTS_TRINO_TOKEN", "Give the token alone, without `Bearer`, spaces or line breaks.");
  return { user, ...(password === undefined ? {} : { password }), ...(token === undefined ? {} : { token }) };
}

function readServe(text: Text, refuse: Refuse): Omit<ServeSettings, "limits"> {
  const listen = readListen("SPAMPOTS_LISTEN", text("SPAMPOTS_LISTEN") ?? "127.0.0.1:8080", refuse);
  const metrics = text("SPAMPOTS_METRICS_LISTEN") ?? "127.0.0.1:9464";
  const url = text("SPAMPOTS_URL");
  if (url !== undefined && !/^https?:\/\/[^/?#@\s]+$/.test(url))
    refuse("SPAMPOTS_URL", "Write scheme and host, without a path or a slash at the end: https://feeds.example.");
  if (url?.startsWith("http:") && !/^http:\/\/(127\.0\.0\.1|localhost|\[::1\])(:\d+)?$/.test(url))
    refuse("SPAMPOTS_URL", "Partners are served by https; http is for this machine alone.");
  const [cert, key] = [text("SPAMPOTS_TLS_CERT"), text("SPAMPOTS_TLS_KEY")];
  if ((cert === undefined) !== (key === undefined))
    refuse(cert === undefined ? "SPAMPOTS_TLS_CERT" : "SPAMPOTS_TLS_KEY", "Name both the certificate and its key.");
  const trustedFront = (text("SPAMPOTS_TRUSTED_FRONT") ?? "").split(/[\s,]+/).filter((part) => part !== "");
  for (const part of trustedFront) {
    if (!isNetwork(part))
      refuse(
        "SPAMPOTS_TRUSTED_FRONT",
        "Write addresses or networks such as 10.0.0.5 or 10.0.0.0/24, separated by commas.",
      );
  }
  if (cert === undefined && trustedFront.length === 0 && !isLoopback(listen.host))
    refuse(
      "SPAMPOTS_LISTEN",
      "Plain HTTP leaves this machine only behind a front that ends TLS: name it in SPAMPOTS_TRUSTED_FRONT, or give SPAMPOTS_TLS_CERT and SPAMPOTS_TLS_KEY.",
    );
  const operatorKeys = text("SPAMPOTS_OPERATOR_KEYS");
  const downloads = text("SPAMPOTS_DOWNLOADS") ?? "stream";
  if (downloads !== "stream" && downloads !== "redirect") refuse("SPAMPOTS_DOWNLOADS", "Write stream or redirect.");
  return {
    listen,
    ...(url === undefined ? {} : { url }),
    ...(cert === undefined || key === undefined ? {} : { tls: { cert: resolve(cert), key: resolve(key) } }),
    trustedFront,
    ...(operatorKeys === undefined ? {} : { operatorKeys: resolve(operatorKeys) }),
    ...(metrics === "none" ? {} : { metrics: readListen("SPAMPOTS_METRICS_LISTEN", metrics, refuse) }),
    downloads: downloads === "redirect" ? "redirect" : "stream",
  };
}

/** Five fields, or six with seconds; what each may hold is for node-cron to say. */
function readTick(value: string, refuse: Refuse): string {
  if (!/^[\d*,/-]+( [\d*,/-]+){4,5}$/.test(value))
    refuse("SPAMPOTS_TICK", "Write a cron expression of digits, such as */5 * * * * for every five minutes.");
  return value;
}

function readAlert(value: string | undefined, refuse: Refuse): Pick<RunSettings, "alert"> {
  if (value === undefined || value === "none") return {};
  if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(value)) return { alert: { command: value.trim().split(/\s+/) } };
  const url = URL.canParse(value) ? new URL(value) : undefined;
  const secure = url?.protocol === "https:" || (url?.protocol === "http:" && isLoopback(url.hostname));
  if (url === undefined || !secure || url.username !== "" || url.password !== "")
    refuse("SPAMPOTS_ALERT", "Write an https URL without user and password, or a program and its arguments.");
  return { alert: { url: value } };
}

function readListen(name: string, value: string, refuse: Refuse): Listen {
  const [, host, port] = /^(\[[0-9a-fA-F:]+\]|[^:\s]+):(\d{1,5})$/.exec(value) ?? [];
  if (host !== undefined && Number(port) <= 65_535) return { host: host.replace(/^\[|\]$/g, ""), port: Number(port) };
  refuse(name, "Write an address and a port, such as 127.0.0.1:8080 or [::1]:8080.");
  return { host: "127.0.0.1", port: 0 };
}

/** True for a host that is this machine, an address of IPv6 with or without brackets: plain HTTP to it crosses no network. */
export const isLoopback = (host: string) =>
  ["localhost", "::1", "[::1]"].includes(host) || /^127(\.\d{1,3}){3}$/.test(host);

function isNetwork(text: string): boolean {
  const [address = "", length, ...rest] = text.split("/");
  const kind = isIP(address);
  if (kind === 0 || rest.length > 0) return false;
  return length === undefined || (/^\d{1,3}$/.test(length) && Number(length) <= (kind === 4 ? 32 : 128));
}
