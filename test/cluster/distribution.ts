/**
 * Where the cluster tests have Trino from: the server without connectors and the Hive connector from Maven Central, held
 * to pinned digests, unpacked once into the user's cache; and the Java that runs them, which is newer than Debian's.
 *
 * @see https://trino.io/docs/476/installation/deployment.html
 */
import { execFile } from "node:child_process";
import { createHash, randomUUID } from "node:crypto";
import { createReadStream, existsSync } from "node:fs";
import { mkdir, readdir, readFile, realpath, rename, rm, symlink } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";

/** The release that the tests run against. */
export const trinoVersion = "476";

/** What a node is started with. */
export interface Distribution {
  /** Starts a node: `launcher run --etc-dir ... --data-dir ...`. */
  readonly launcher: string;
  /** Folder with just the plugins the tests need: those of a whole distribution double the time of a start. */
  readonly plugins: string;
  /** For the environment variable `JAVA_HOME`. */
  readonly javaHome: string;
}

interface Artifact {
  readonly coordinates: string;
  readonly file: string;
  readonly sha256: string;
  /** Unpacks `file` into a folder. */
  readonly unpack: (file: string, folder: string) => readonly [program: string, ...args: string[]];
}

const server: Artifact = {
  coordinates: `io.trino:trino-server-core:${trinoVersion}:tar.gz`,
  file: `trino-server-core-${trinoVersion}.tar.gz`,
  sha256: "0f388f9967c177ae70a47c099082fc95387f0c3cb96d8000d1d41fc3a5223158",
  unpack: (file, folder) => ["tar", "--extract", "--gzip", "--file", file, "--directory", folder],
};
const hive: Artifact = {
  coordinates: `io.trino:trino-hive:${trinoVersion}:zip`,
  file: `trino-hive-${trinoVersion}.zip`,
  sha256: "611bacdb07d9f3cf7b9d47f97ecc76fa2e7ff8bfe8a9728c3d06adc1bfb8662e",
  unpack: (file, folder) => ["unzip", "-q", file, "-d", folder],
};

const leastJava = 24;
const downloadMs = 15 * 60_000;
const unpackMs = 5 * 60_000;

/**
 * The distribution, fetched and unpacked where it isn't there yet.
 *
 * @throws Error that says what to install where Java, Maven or unzip is missing.
 */
export async function trinoDistribution(): Promise<Distribution> {
  const javaHome = await findJava();
  const root = join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "spampots-feeds-test");
  const folder = join(root, `trino-${trinoVersion}`);
  if (!existsSync(folder)) await install(root, folder);
  const unpacked = join(folder, `trino-server-core-${trinoVersion}`);
  return { launcher: join(unpacked, "bin", "launcher"), plugins: join(folder, "plugins"), javaHome };
}

/** Makes the folder beside its place and renames it: of two processes that do so at once, one wins, and both can go on. */
async function install(root: string, folder: string): Promise<void> {
  const draft = join(root, `.new-${randomUUID()}`);
  await mkdir(join(draft, "plugins"), { recursive: true });
  try {
    for (const artifact of [server, hive]) await fetchAndUnpack(artifact, draft);
    const core = `trino-server-core-${trinoVersion}`;
    await symlink(join("..", `trino-hive-${trinoVersion}`), join(draft, "plugins", "hive"));
    const passwords = join("..", core, "plugin", "password-authenticators");
    await symlink(passwords, join(draft, "plugins", "password-authenticators"));
    await rename(draft, folder).catch((cause: unknown) => {
      if (!existsSync(folder)) throw cause;
    });
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

async function fetchAndUnpack({ coordinates, file, sha256, unpack }: Artifact, folder: string): Promise<void> {
  const path = join(folder, file);
  // Maven takes it from its own repository on this machine, else downloads it there first.
  const copy = ["dependency:copy", `-Dartifact=${coordinates}`, `-DoutputDirectory=${folder}`];
  await run("mvn", ["--batch-mode", "--quiet", ...copy], folder, downloadMs);
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path)) hash.update(chunk);
  const found = hash.digest("hex");
  if (found !== sha256)
    throw new Error(`${coordinates} has SHA-256 ${found} rather than ${sha256}: delete it from ~/.m2 and try again.`);
  const [program, ...args] = unpack(path, folder);
  await run(program, args, folder, unpackMs);
  await rm(path);
}

const packages: Readonly<Record<string, string>> = { mvn: "maven", unzip: "unzip", tar: "tar" };

async function run(program: string, args: readonly string[], cwd: string, timeout: number): Promise<void> {
  try {
    await promisify(execFile)(program, args, { cwd, timeout });
  } catch (cause) {
    const missing = cause instanceof Error && "code" in cause && cause.code === "ENOENT";
    if (!missing) throw new Error(`${program} ${args.join(" ")} failed.`, { cause });
    throw new Error(`The cluster tests need ${program}: apt-get install ${packages[program] ?? program}`, { cause });
  }
}

/** The newest Java that is new enough: where `JAVA_HOME` points, that of the path, or one beside Debian's default. */
async function findJava(): Promise<string> {
  const beside = await readdir("/usr/lib/jvm").catch(() => []);
  const onPath = (process.env.PATH ?? "").split(":").map((folder) => realpath(join(folder, "java")).catch(() => ""));
  const homes = [
    process.env.JAVA_HOME ?? "",
    ...(await Promise.all(onPath)).map((java) => (java === "" ? "" : dirname(dirname(java)))),
    ...beside.map((name) => join("/usr/lib/jvm", name)),
  ];
  const known = await Promise.all(homes.map(async (home) => ({ home, version: await javaVersion(home) })));
  const best = known.filter(({ version }) => version >= leastJava).sort((a, b) => b.version - a.version)[0];
  if (best !== undefined) return best.home;
  throw new Error(
    `The cluster tests need Java ${leastJava} or newer, which Trino ${trinoVersion} is made for: install a JDK such as Temurin 25 (https://adoptium.net) below /usr/lib/jvm, or point JAVA_HOME at one.`,
  );
}

/** Major version by the file that each Java comes with; 0 where there is none. */
async function javaVersion(home: string): Promise<number> {
  if (home === "" || !existsSync(join(home, "bin", "java"))) return 0;
  const release = await readFile(join(home, "release"), "utf8").catch(() => "");
  return Number(/^JAVA_VERSION="(\d+)/m.exec(release)?.[1] ?? 0);
}
