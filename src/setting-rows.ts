/** Every environment variable that is read, as the documentation has it. Pure. */

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
    meaning:
      "Folder that holds lake/, store/, keys/, token-keys/, spool/, done/, quarantine/, tables/, tips/, receipts/ and index/.",
  },
  {
    name: "SPAMPOTS_STORE",
    fallback: "$SPAMPOTS_DATA/store",
    meaning: "Where publications go: a folder, or s3://bucket/prefix.",
  },
  {
    name: "SPAMPOTS_LAKE",
    fallback: "$SPAMPOTS_DATA/lake",
    meaning: "Where captures are kept as Parquet: a folder, or s3://bucket/prefix.",
  },
  {
    name: "SPAMPOTS_LAKE_COPIES",
    fallback: "20000",
    meaning: "Megabytes of a lake in S3 of which a process that reads it by DuckDB keeps copies.",
  },
  {
    name: "SPAMPOTS_ENGINE",
    fallback: "duckdb",
    meaning: "What answers slices: duckdb in this process, or trino, a cluster that reads the lake in S3.",
  },
  {
    name: "SPAMPOTS_TRINO_URL",
    fallback: "none",
    meaning: "URL of the cluster's coordinator, https beyond this machine.",
  },
  { name: "SPAMPOTS_TRINO_CATALOG", fallback: "lake", meaning: "Its catalogue with the Hive connector." },
  {
    name: "SPAMPOTS_TRINO_SCHEMA",
    fallback: "spampots",
    meaning: "Schema of the lake's tables, which are made where they are missing.",
  },
  { name: "SPAMPOTS_TRINO_USER", fallback: "spampots", meaning: "User that queries run as." },
  { name: "SPAMPOTS_TRINO_PASSWORD", fallback: "none", meaning: "That user's password." },
  { name: "SPAMPOTS_TRINO_TOKEN", fallback: "none", meaning: "A token (JWT) in the place of a password." },
  {
    name: "SPAMPOTS_TRINO_CA",
    fallback: "the system's",
    meaning: "File of the PEM certificates that the coordinator's is proven by.",
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
  {
    name: "SPAMPOTS_LISTEN",
    fallback: "127.0.0.1:8080",
    meaning: "Address and port that `serve` listens on. Anything but loopback needs a certificate, or a trusted front.",
  },
  {
    name: "SPAMPOTS_URL",
    fallback: "from SPAMPOTS_LISTEN",
    meaning: "URL under which partners reach `serve`, such as https://feeds.example: issuer and audience of tokens.",
  },
  {
    name: "SPAMPOTS_TLS_CERT",
    fallback: "none",
    meaning: "PEM file of the certificate chain; read again when it changes.",
  },
  { name: "SPAMPOTS_TLS_KEY", fallback: "none", meaning: "PEM file of the certificate's private key." },
  {
    name: "SPAMPOTS_TRUSTED_FRONT",
    fallback: "none",
    meaning:
      "Addresses or networks of reverse proxies that end TLS before `serve` and state clients in X-Forwarded-For.",
  },
  {
    name: "SPAMPOTS_METRICS_LISTEN",
    fallback: "127.0.0.1:9464",
    meaning: "Address and port for /metrics (Prometheus), never on the public port; or none.",
  },
  {
    name: "SPAMPOTS_DOWNLOADS",
    fallback: "stream",
    meaning: "How `serve` hands out files: stream, or redirect to a URL of S3 that is good for a minute.",
  },
  { name: "SPAMPOTS_LIMIT_REQUESTS", fallback: "600", meaning: "Requests that a partner may make in a minute." },
  {
    name: "SPAMPOTS_LIMIT_DOWNLOADS",
    fallback: "16",
    meaning: "Downloads and waiting requests that a partner may have open at the same time.",
  },
  {
    name: "SPAMPOTS_LIMIT_STRANGERS",
    fallback: "60",
    meaning: "Requests in a minute that an address may make without a token that is known.",
  },
  {
    name: "SPAMPOTS_OPERATOR_KEYS",
    fallback: "none: operators have no pages",
    meaning: "JWK set (a file) of the public keys that open the operators' part of the portal.",
  },
  {
    name: "SPAMPOTS_TICK",
    fallback: "* * * * *",
    meaning: "When `run` looks what is due: a cron expression, in UTC.",
  },
  { name: "SPAMPOTS_PUSHES", fallback: "16", meaning: "Deliveries that are under way at the same time." },
  {
    name: "SPAMPOTS_PUSH_LOOPBACK",
    fallback: "false",
    meaning: "Whether destinations on this machine are allowed, by http too: true or false. For trials.",
  },
  {
    name: "SPAMPOTS_ALERT",
    fallback: "none",
    meaning:
      "Who is told of what needs a person: an https URL (POST of JSON), or a program and its arguments, run without a shell (JSON on its standard input).",
  },
  {
    name: "SPAMPOTS_READY_LAG",
    fallback: "24",
    meaning: "Hours that something may be due, or that nothing was looked at, before `run` and `start` are not ready.",
  },
  { name: "SPAMPOTS_RETAIN_RAW", fallback: "90", meaning: "Days that ingested spool files are kept in done/." },
  { name: "SPAMPOTS_RETAIN_LAKE", fallback: "400", meaning: "Days that captures are kept in the lake." },
  {
    name: "SPAMPOTS_LOG",
    fallback: "warn",
    meaning: "Level of the log on standard error: trace, debug, info, warn, error or silent.",
  },
];
