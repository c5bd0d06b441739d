/**
 * A cluster as sites run one: it speaks HTTPS with a certificate of a private authority, knows users by passwords and by
 * tokens (JWT), and lets some of them do more than others. On its plain port it believes every name, for the tests.
 *
 * @see https://trino.io/docs/476/security/jwt.html
 * @see https://trino.io/docs/476/security/password-file.html
 * @see https://trino.io/docs/476/security/file-system-access-control.html
 */
import { execFile } from "node:child_process";
import { pbkdf2Sync, randomBytes } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { importPKCS8, SignJWT } from "jose";
import { freePort } from "../free-port.ts";
import { type Cluster, type S3Service, startTrino } from "./trino.ts";

const run = promisify(execFile);

/** What tests need beside the cluster. */
export interface Secured {
  readonly cluster: Cluster;
  /** Where credentials are asked for. */
  readonly url: string;
  /** Paths of PEM files: what its certificate is proven by, and what proves another one. */
  readonly ca: string;
  readonly otherCa: string;
  /** The password of `feeds`, its only user with one. */
  readonly password: string;
  token(user: string): Promise<string>;
  stop(): Promise<void>;
}

/** Starts it. `reader` may read tables and have them learn new days, and make nothing. */
export async function startSecured(s3: S3Service): Promise<Secured> {
  const folder = await mkdtemp(join(tmpdir(), "spampots-secured-"));
  const path = (name: string) => join(folder, name);
  const openssl = (...args: readonly string[]) => run("openssl", args, { cwd: folder });
  for (const name of ["server", "other"]) {
    const subject = ["-subj", `/CN=${name}`, "-addext", "subjectAltName=IP:127.0.0.1"];
    const kind = ["-newkey", "rsa:2048", "-nodes", "-days", "2"];
    await openssl("req", "-x509", ...kind, ...subject, "-keyout", `${name}.key`, "-out", `${name}.pem`);
  }
  await openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", "token.key");
  await openssl("rsa", "-in", "token.key", "-pubout", "-out", "token.pub");
  await writeFile(
    path("keystore.pem"),
    (await readFile(path("server.key"), "utf8")) + (await readFile(path("server.pem"), "utf8")),
  );
  const password = randomBytes(12).toString("hex");
  await writeFile(path("passwords"), `feeds:${hashed(password)}\n`);
  await writeFile(
    path("password.properties"),
    `password-authenticator.name=file\nfile.password-file=${path("passwords")}\n`,
  );
  await writeFile(path("access.properties"), `access-control.name=file\nsecurity.config-file=${path("rules.json")}\n`);
  await writeFile(path("rules.json"), JSON.stringify(await accessRules()));
  const port = await freePort();
  const cluster = await startTrino({
    s3,
    workers: 1,
    coordinator: {
      "http-server.https.enabled": "true",
      "http-server.https.port": String(port),
      "http-server.https.keystore.path": path("keystore.pem"),
      "http-server.authentication.type": "PASSWORD,JWT",
      "http-server.authentication.jwt.key-file": path("token.pub"),
      "password-authenticator.config-files": path("password.properties"),
      "http-server.authentication.allow-insecure-over-http": "true",
      // Workers take the name of their environment where they are told nothing.
      "internal-communication.shared-secret": "test",
      "access-control.config-files": path("access.properties"),
    },
  }).catch(async (error: unknown) => {
    await rm(folder, { recursive: true, force: true });
    throw error;
  });
  const key = await importPKCS8(await readFile(path("token.key"), "utf8"), "RS256");
  return {
    cluster,
    url: `https://127.0.0.1:${port}`,
    ca: path("server.pem"),
    otherCa: path("other.pem"),
    password,
    token: (user) =>
      new SignJWT()
        .setProtectedHeader({ alg: "RS256" })
        .setSubject(user)
        .setIssuedAt()
        .setExpirationTime("1h")
        .sign(key),
    async stop() {
      await cluster.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** The first rule that fits counts. */
interface Rules {
  readonly catalogs: readonly object[];
  readonly schemas: readonly object[];
  readonly tables: readonly object[];
  readonly procedures: readonly object[];
}

/** `spampots` has what the operator guide gives it, and nothing else; `reader` makes no tables; others may do all. */
async function accessRules(): Promise<Rules> {
  const guide = await readFile(join(import.meta.dirname, "../../docs/operator-guide.md"), "utf8");
  const [block = "no rules"] = /^\{\n {2}"catalogs": .*?\n\}$/ms.exec(guide) ?? [];
  const ofGuide = JSON.parse(block) as Rules; // as Trino reads it
  const user = "spampots";
  return {
    catalogs: [...ofGuide.catalogs, { user, allow: "none" }, { allow: "all" }],
    schemas: [...ofGuide.schemas, { user, owner: false }, { user: "reader", owner: false }, { owner: true }],
    tables: [
      ...ofGuide.tables,
      { user, privileges: [] },
      { user: "reader", privileges: ["SELECT", "INSERT"] },
      { privileges: ["SELECT", "INSERT", "DELETE", "UPDATE", "OWNERSHIP", "GRANT_SELECT"] },
    ],
    procedures: [
      ...ofGuide.procedures,
      { user, privileges: [] },
      { catalog: "lake", schema: "system", procedure: "sync_partition_metadata", privileges: ["EXECUTE"] },
      { user: "feeds", catalog: "system", schema: "runtime", procedure: "kill_query", privileges: ["EXECUTE"] },
    ],
  };
}

/** As Trino's file of passwords wants them: iterations, salt, hash. */
function hashed(password: string): string {
  const [iterations, salt] = [1000, randomBytes(16)];
  return [iterations, salt.toString("hex"), pbkdf2Sync(password, salt, iterations, 32, "sha1").toString("hex")].join(
    ":",
  );
}
