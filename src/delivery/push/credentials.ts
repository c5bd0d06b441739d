/** How we show destinations who we are: what `partners.yaml` names is looked up in the environment, and checked. */
import { readFile } from "node:fs/promises";
import { createSecureContext } from "node:tls";
import { SpampotsError } from "../../errors.ts";
import type { Auth, ClientTls } from "../../feed/destinations.ts";
import type { TargetWorld } from "./destination.ts";

type Secrets = Pick<TargetWorld, "secret">;

/** A secret of the environment. @throws SpampotsError `delivery-refused` where the variable isn't set. */
export function secretOf({ secret }: Secrets, variable: string): string {
  const value = secret(variable);
  if (value !== undefined && value !== "") return value;
  throw new SpampotsError("delivery-refused", "A secret of a destination isn't there.", {
    variable,
    reason: `${variable} isn't set`,
    hint: "Set this environment variable where the runner is started; partners.yaml holds its name only.",
  });
}

/**
 * What a header takes (RFC 9110 §5.5), but no white space at its ends: that comes from a file read with its line end.
 */
const headerText = /^[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?$/;

/**
 * The value of `Authorization`.
 *
 * @throws SpampotsError `delivery-refused` where a secret is missing, or can't be one.
 * @see RFC 6750 §2.1, RFC 7617
 */
export function authorizationOf(auth: Auth, world: Secrets): string {
  const unfit = (variable: string, reason: string) =>
    new SpampotsError("delivery-refused", "A secret of a destination can't be one.", { variable, reason });
  if ("bearer" in auth) {
    const token = secretOf(world, auth.bearer);
    if (headerText.test(token)) return `Bearer ${token}`;
    throw unfit(auth.bearer, `${auth.bearer} has white space at an end, or characters that no header takes`);
  }
  const [user, password] = [secretOf(world, auth.user), secretOf(world, auth.password)];
  // RFC 7617 §2: neither has control characters, and the user no colon.
  if (/[:\p{Cc}]/u.test(user)) throw unfit(auth.user, `${auth.user} has a colon or a control character`);
  if (/\p{Cc}/u.test(password)) throw unfit(auth.password, `${auth.password} has a control character`);
  return `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`;
}

/**
 * The certificate and key that we show, as PEM, read anew.
 *
 * @throws SpampotsError `delivery-refused` where they can't be read, or aren't a pair.
 */
export async function clientPair(tls: ClientTls, world: Secrets): Promise<{ cert: string; key: string }> {
  const read = async (variable: string) => {
    const path = secretOf(world, variable);
    return readFile(path, "utf8").catch((cause: unknown) => {
      throw new SpampotsError("delivery-refused", "The certificate for a destination, or its key, can't be read.", {
        cause,
        variable,
        reason: `the file that ${variable} names can't be read`,
        hint: "The variable holds the path of a PEM file.",
      });
    });
  };
  const found = { cert: await read(tls.certificate), key: await read(tls.key) };
  try {
    createSecureContext(found);
  } catch (cause) {
    throw new SpampotsError("delivery-refused", "The certificate for a destination and its key aren't a pair.", {
      cause,
      variable: tls.certificate,
      reason: `what ${tls.certificate} and ${tls.key} name isn't a certificate and its key`,
    });
  }
  return found;
}
