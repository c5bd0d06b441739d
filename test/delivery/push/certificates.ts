/** Certificates for tests, by openssl: an authority, and what it signs. */
import { execFile } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
const elliptic = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];

/** Paths of PEM files. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

/** An authority of its own in a folder. */
export async function authority(folder: string, name: string): Promise<Certificate> {
  const made = { cert: join(folder, `${name}.pem`), key: join(folder, `${name}.key`) };
  const subject = ["-subj", `/CN=${name}`, "-days", "2"];
  await run("openssl", ["req", "-x509", ...elliptic, ...subject, "-keyout", made.key, "-out", made.cert]);
  return made;
}

/** What an authority signs, for a host (`IP:127.0.0.1`, `DNS:partner.example`) or, without one, for a client. */
export async function signedBy(
  { cert, key }: Certificate,
  folder: string,
  name: string,
  { host, expired = false }: { readonly host?: string; readonly expired?: boolean } = {},
): Promise<Certificate> {
  const made = { cert: join(folder, `${name}.pem`), key: join(folder, `${name}.key`) };
  const [request, extensions] = [join(folder, `${name}.csr`), join(folder, `${name}.ext`)];
  await run("openssl", ["req", ...elliptic, "-subj", `/CN=${name}`, "-keyout", made.key, "-out", request]);
  await writeFile(extensions, host === undefined ? "extendedKeyUsage=clientAuth\n" : `subjectAltName=${host}\n`);
  // A negative number of days ends it before it begins.
  const days = ["-days", expired ? "-1" : "2"];
  const signing = ["-CA", cert, "-CAkey", key, "-CAcreateserial", "-extfile", extensions];
  await run("openssl", ["x509", "-req", "-in", request, ...signing, ...days, "-out", made.cert]);
  return made;
}

/** The texts of a certificate and its key. */
export async function pem({ cert, key }: Certificate): Promise<{ readonly cert: string; readonly key: string }> {
  return { cert: await readFile(cert, "utf8"), key: await readFile(key, "utf8") };
}
