/** Tokens and links that the operator makes for a partner: signed by the live key for tokens, said with their end. */
import { randomUUID } from "node:crypto";
import { secondsInstant } from "../feed/period.ts";
import { openTokenKeys } from "../partner/auth/token-keys.ts";
import { mint } from "../partner/auth/tokens.ts";
import { serviceUrl } from "../settings.ts";
import type { CliWorld } from "./world.ts";

/** What was made: for the service at `url`, until `expires` (RFC 3339, seconds). */
export interface Minted {
  readonly url: string;
  readonly token: string;
  readonly expires: string;
}

/** Makes a token of a kind that says nothing but whose it is. @throws SpampotsError `bad-key` */
export async function minted(
  { settings, clock }: Pick<CliWorld, "settings" | "clock">,
  partner: string,
  typ: "spampots-token+jwt" | "spampots-sign-in+jwt" | "spampots-invitation+jwt",
  seconds: number,
): Promise<Minted> {
  const now = clock();
  const { signer } = await openTokenKeys(settings.tokenKeys);
  const url = serviceUrl(settings.serve);
  const token = await mint({ url }, signer, typ, { sub: partner, jti: randomUUID() }, { seconds, now });
  return { url, token, expires: secondsInstant(now + seconds * 1000) };
}
