/** `spampots join`: what a partner runs, once, with the link that the operator gave it. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Command } from "commander";
import { isError, SpampotsError } from "../errors.ts";
import { checkPartner, newClientKey, openClientKey } from "../partner/client/client-key.ts";
import { fingerprintOf } from "../partner/joining/fingerprint.ts";
import { type JoinState, join, openInvitation } from "../partner/joining/join.ts";
import { signingAlgorithms } from "../publication/jwk.ts";
import type { Run } from "./run.ts";
import { say, sayJson } from "./say.ts";
import type { CliWorld } from "./world.ts";

export function joinCommand(program: Command, run: Run): void {
  program
    .command("join")
    .description("For partners: make your key pair and hand in its public half, by the operator's invitation.")
    .argument("<link>", "the link that the operator gave you; it works once")
    .option("--into <file>", "where your private key goes, or is already; <your id>.jwk by default")
    .option("--alg <name>", "algorithm of a new key: EdDSA (Ed25519) or ES256", "EdDSA")
    .action(run(joinByLink));
}

const sentences: Readonly<Record<JoinState, string>> = {
  waiting: "It is with the operator, and counts once they have compared the fingerprint with you by phone.",
  approved: "The operator approved it; it counts within minutes.",
  "in-force": "It counts: you can sign in and fetch with it.",
  rejected: "The operator rejected it. Ask for another invitation.",
};

async function joinByLink(world: CliWorld, link: string, flags: { into?: string; alg: string }): Promise<void> {
  const alg = signingAlgorithms.find((name) => name === flags.alg);
  if (alg === undefined)
    throw new SpampotsError("bad-argument", "There is no such algorithm here.", { hint: "Write EdDSA or ES256." });
  const invitation = openInvitation(link);
  const partner = checkPartner(invitation.partner);
  const path = flags.into ?? `${partner}.jwk`;
  // Whoever lost the answer asks again, with the key that was made then.
  await newClientKey(path, { alg, partner }).catch((error: unknown) => {
    if (!isError(error, "already-exists")) throw error;
  });
  const { signer } = await openClientKey(path, partner);
  const state = await join(invitation, signer, (ms) => sleep(ms));
  const fingerprint = fingerprintOf(signer.kid);
  if (world.json) return sayJson({ partner, path, thumbprint: signer.kid, fingerprint, state });
  say(`Fingerprint of your key: ${fingerprint}`);
  process.stderr.write(
    `${sentences[state]}\n${path} is your private key: it stays here, and whoever has it gets your feeds.\n`,
  );
}
