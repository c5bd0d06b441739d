/**
 * Settings: environment variables become one frozen object; every problem is reported at once. Each variable is
 * documented in README's table and in `.env.example`; a test compares them with {@link settingRows}.
 */
import { availableParallelism } from "node:os";
import { join, resolve } from "node:path";
import { type Problem, SpampotsError } from "./errors.ts";

/** One variable: its name, default as text for people, and meaning. */
export interface SettingRow {
  readonly name: string;
  readonly fallback: string;
  readonly meaning: string;
}

/** Every variable that is read, in the order of the documentation. */
export const settingRows: readonly SettingRow[] = [
  {
    name: "SPAMPOTS_DATA",
    fallback: "./data",
    meaning: "Folder that holds lake/, store/, keys/, spool/, done/, quarantine/, tables/ and tips/.",
  },
  {
    name: "SPAMPOTS_STORE",
    fallback: "$SPAMPOTS_DATA/store",
    meaning: "Where publications go: a folder, or s3://bucket/prefix.",
  },
  { name: "SPAMPOTS_CONFIG", fallback: ".", meaning: "Folder with partners.yaml and feeds/." },
  {
    name: "SPAMPOTS_SENSORS",
    fallback: "$SPAMPOTS_DATA/sensors.yaml",
    meaning: "Private file that lists the sensors with their addresses and names.",
  },
  { name: "SPAMPOTS_ISSUER", fallback: "CERT.br", meaning: "Name of the issuer in manifests and STIX." },
  {
    name: "SPAMPOTS_SIGNING_KEY",
    fallback: "the live key in $SPAMPOTS_DATA/keys",
    meaning: "Private JWK that signs manifests, where it doesn't come from a file.",
  },
  { name: "SPAMPOTS_S3_ENDPOINT", fallback: "AWS", meaning: "URL of an S3 service other than AWS." },
  { name: "SPAMPOTS_S3_REGION", fallback: "us-east-1", meaning: "Region of the bucket." },
  {
    name: "SPAMPOTS_S3_PATH_STYLE",
    fallback: "true with an endpoint, else false",
    meaning: "Put the bucket into the path rather than the host name: true or false.",
  },
  {
    name: "SPAMPOTS_S3_DEADLINE",
    fallback: "60",
    meaning: "Seconds after which a call to S3, retries included, is given up.",
  },
  {
    name: "SPAMPOTS_THREADS",
    fallback: "number of processors, at most 8",
    meaning: "Worker threads for parsing, querying and rendering.",
  },
  {
    name: "SPAMPOTS_MEMORY",
    fallback: "400",
    meaning: "Megabytes the query engine may use before it spills to disk; at least 256.",
  },
  { name: "SPAMPOTS_RETAIN_RAW", fallback: "90", meaning: "Days that ingested spool files are kept in done/." },
  { name: "SPAMPOTS_RETAIN_LAKE", fallback: "400", meaning: "Days that captures are kept in the lake." },
  {
    name: "SPAMPOTS_LOG",
    fallback: "warn",
    meaning: "Level of the log on standard error: trace, debug, info, warn, error or silent.",
  },
];

export interface S3Settings {
  readonly endpoint?: string;
  readonly region: string;
  readonly pathStyle: boolean;
  readonly deadlineMs: number;
}

/** What the environment says, frozen. Folders are absolute. */
export interface Settings {
  readonly data: string;
  readonly lake: string;
  readonly store: string;
  readonly keys: string;
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
  const pathStyle = text("SPAMPOTS_S3_PATH_STYLE");
  if (pathStyle !== undefined && pathStyle !== "true" && pathStyle !== "false")
    refuse("SPAMPOTS_S3_PATH_STYLE", "Write true or false.");
  const logLevel = text("SPAMPOTS_LOG") ?? "warn";
  if (!logLevels.includes(logLevel)) refuse("SPAMPOTS_LOG", `Write one of ${logLevels.join(", ")}.`);

  const data = resolve(text("SPAMPOTS_DATA") ?? "data");
  const store = text("SPAMPOTS_STORE") ?? join(data, "store");
  const signingKey = text("SPAMPOTS_SIGNING_KEY");
  const settings: Settings = {
    data,
    lake: join(data, "lake"),
    store: store.startsWith("s3://") ? store : resolve(store),
    keys: join(data, "keys"),
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
      pathStyle: pathStyle === undefined ? endpoint !== undefined : pathStyle === "true",
      deadlineMs: whole("SPAMPOTS_S3_DEADLINE", 60, 1, 3600) * 1000,
    },
    threads: whole("SPAMPOTS_THREADS", Math.min(8, availableParallelism()), 1, 64),
    memoryMb: whole("SPAMPOTS_MEMORY", 400, leastMemoryMb, 1_000_000),
    retainRawDays: whole("SPAMPOTS_RETAIN_RAW", 90, 0, 36_500),
    retainLakeDays: whole("SPAMPOTS_RETAIN_LAKE", 400, 1, 36_500),
    logLevel,
  };
  if (problems.length > 0) {
    throw new SpampotsError("bad-argument", "Some settings are wrong.", {
      problems,
      hint: "Correct the environment variables named above.",
    });
  }
  return Object.freeze(settings);
}
