/** `spampots fetch`: what a partner runs, from cron: its new publications into a folder, everything proven. */
import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import type { Command } from "commander";
import { SpampotsError } from "../errors.ts";
import { readCompactJwt } from "../partner/auth/compact-jwt.ts";
import { checkPartner, newClientKey, openClientKey, publicLine } from "../partner/client/client-key.ts";
import { type FetchReport, fetchPublications } from "../partner/client/fetch.ts";
import { rememberedKeys } from "../partner/client/issuer-keys.ts";
import { type Credential, Session } from "../partner/client/session.ts";
import { signingAlgorithms } from "../publication/jwk.ts";
import { readPrivate } from "../publication/key-files.ts";
import { readTrust } from "../publication/trust.ts";
import type { Run } from "./run.ts";
import { errorMembers, errorText, exitCodeOf, say, sayJson, size } from "./say.ts";
import type { CliWorld } from "./world.ts";

interface FetchFlags {
  readonly url?: string;
  readonly clientKey?: string;
  readonly tokenFile?: string;
  readonly partner?: string;
  readonly feed?: readonly string[];
  readonly into?: string;
  readonly keys?: string;
  readonly newKey?: string;
  readonly alg: string;
}

export function fetchCommand(program: Command, run: Run): void {
  program
    .command("fetch")
    .description("For partners: fetch your new publications into a folder, everything proven. Made for cron.")
    .option("--url <url>", "the service, such as https://feeds.example")
    .option("--client-key <file>", "your private key (JWK)")
    .option("--token-file <file>", "a token that the operator made, instead of a key")
    .option("--partner <id>", "who you are, where the key or token doesn't say")
    .option("--feed <id>", "only this feed; may be given several times", (text, others: readonly string[] = []) => [
      ...others,
      text,
    ])
    .option("--into <folder>", "where publications go; what is there isn't fetched again")
    .option(
      "--keys <file|thumbprint>",
      "the issuer's JWK set, or the pinned thumbprint of a key; by default the key that is met first is remembered",
    )
    .option("--new-key <file>", "make a key pair instead, and print its public half for the operator")
    .option("--alg <name>", "algorithm of a new key: EdDSA (Ed25519) or ES256", "EdDSA")
    .action(run(fetchNew));
}

async function fetchNew(world: CliWorld, flags: FetchFlags): Promise<void> {
  if (flags.newKey !== undefined) return makeKey(world, flags.newKey, flags);
  const { url, into, feed = [], keys } = flags;
  if (url === undefined || into === undefined) {
    throw new SpampotsError("bad-argument", "It must be said from where to where.", {
      hint: "Give --url and --into, and --client-key or --token-file.",
    });
  }
  const { partner, credential } = await credentialOf(flags);
  const session = new Session(url.replace(/\/$/, ""), credential, { clock: world.clock, sleep: (ms) => sleep(ms) });
  const report = await fetchPublications({
    session,
    partner,
    feeds: feed,
    into,
    ...(keys === undefined ? {} : { trust: readTrust(await textOfKeys(keys)) }),
    now: world.clock(),
    onProgress: (line) => world.progress(line),
    onMet: (met) => {
      world.progress("");
      process.stderr.write(metText(met, into));
    },
  });
  world.progress("");
  tell(world, report);
}

async function credentialOf(flags: FetchFlags): Promise<{ readonly partner: string; readonly credential: Credential }> {
  const { clientKey, tokenFile, partner } = flags;
  if (clientKey !== undefined && tokenFile === undefined) {
    const key = await openClientKey(clientKey, partner);
    return { partner: key.partner, credential: { key } };
  }
  if (tokenFile === undefined || clientKey !== undefined)
    throw new SpampotsError("bad-argument", "Give either --client-key or --token-file.");
  const token = (await readPrivate(tokenFile))?.trim();
  if (token === undefined || !/^[\w\-.]+$/.test(token))
    throw new SpampotsError("bad-argument", "The file holds no token.", { path: tokenFile });
  const stated = readCompactJwt(token)?.claims.sub;
  return { partner: checkPartner(partner ?? (typeof stated === "string" ? stated : "")), credential: { token } };
}

async function textOfKeys(keys: string): Promise<string> {
  try {
    return await readFile(keys, "utf8");
  } catch (cause) {
    // Whatever doesn't end like a thumbprint was meant for a file.
    if (/[A-Za-z0-9_-]{43}$/.test(keys)) return keys;
    throw new SpampotsError("bad-argument", "The file of keys can't be read.", { cause, path: keys });
  }
}

/** Says what was done. The exit code is 3 where a proof failed, else that of what stopped the work. */
function tell(world: CliWorld, report: FetchReport): void {
  const { failures } = report;
  const codes = failures.map(({ error }) => exitCodeOf(error));
  if (codes.length > 0) process.exitCode = codes.includes(3) ? 3 : (codes[0] ?? 1);
  if (world.json) {
    sayJson({ ...report, failures: failures.map(({ feed, error }) => ({ feed, ...errorMembers(error) })) });
    return;
  }
  for (const { feed, before, tip, files, bytes, gone, deleted, overdue } of report.feeds) {
    const news =
      tip === before
        ? `nothing new after ${tip}`
        : `${before + 1} to ${tip}: ${files === 1 ? "1 file" : `${files} files`}, ${size(bytes)}`;
    const more = [
      ...(gone.length > 0 ? [`${gone.length} withdrawn or expired`] : []),
      ...(deleted > 0 ? [`${deleted} deleted here since they were withdrawn`] : []),
      ...(overdue === undefined ? [] : [`the next was promised by ${overdue} and isn't there`]),
    ];
    say([`${feed}: ${news}`, ...more].join("; "));
  }
  for (const { feed, error } of failures) process.stderr.write(`${feed}: ${errorText(error)}\n`);
}

const metText = (met: readonly string[], into: string) =>
  `NOT COMPARED YET: no key of the issuer was pinned, so the one met first is trusted from now on.
  ${met.join("\n  ")}
Compare it with the operator by phone. It is in ${into}/${rememberedKeys}; later keys count only where this one announces them.
`;

async function makeKey(world: CliWorld, path: string, { alg, partner }: FetchFlags): Promise<void> {
  const algorithm = signingAlgorithms.find((name) => name === alg);
  if (algorithm === undefined)
    throw new SpampotsError("bad-argument", "There is no such algorithm here.", { alg, hint: "Write EdDSA or ES256." });
  const key = await newClientKey(path, { alg: algorithm, ...(partner === undefined ? {} : { partner }) });
  if (world.json) return sayJson({ path, thumbprint: key.kid, public: publicLine(key).slice(2) });
  say(publicLine(key));
  process.stderr.write(
    `Send the operator this line, for \`keys\` in partners.yaml; it is public. ${path} is private: it stays here.\nThumbprint, to be compared by phone: ${key.kid}\n`,
  );
}
