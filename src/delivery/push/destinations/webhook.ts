/**
 * A message to a URL of the partner's: the signed manifest itself, which proves itself, so that the receiver then comes
 * for the files. The same publication always has the same idempotency key.
 *
 * @see RFC 9110 §9.3.3 (POST), RFC 9530 (Content-Digest)
 */
import { createHash } from "node:crypto";
import type { DestinationOf } from "../../../feed/destinations.ts";
import { jwsMediaType } from "../../../publication/sign.ts";
import { digestField } from "../../../store/digest.ts";
import type { Target, TargetWorld } from "../destination.ts";
import { checkTaken, clockOf, openOutbound } from "../outbound.ts";

/** What a receiver answers that was reached and doesn't take unsigned messages. */
const careful = new Set([400, 415, 422]);

/** Opens a webhook. @throws SpampotsError `delivery-refused` where a secret is missing. */
export async function webhookTarget({ url, auth, tls }: DestinationOf<"webhook">, world: TargetWorld): Promise<Target> {
  const outbound = await openOutbound({ auth, tls, world });
  const place = new URL(url);
  return {
    async deliver({ signed, payloadSha256 }, signal) {
      const answer = await outbound.call({
        method: "POST",
        url: place,
        headers: {
          "content-type": jwsMediaType,
          "content-digest": digestField(createHash("sha256").update(signed).digest("hex")),
          "idempotency-key": `"${payloadSha256}"`,
        },
        body: signed,
        signal,
      });
      checkTaken(answer, place);
    },
    async try({ name, text }, signal) {
      const body = Buffer.from(`${JSON.stringify({ type: "spampots-check", name, text })}\n`);
      const headers = {
        "content-type": "application/json",
        "content-digest": digestField(createHash("sha256").update(body).digest("hex")),
        "idempotency-key": `"${name}"`,
      };
      const answer = await outbound.call({ method: "POST", url: place, headers, body, signal });
      const { status } = answer;
      if (!careful.has(status)) checkTaken(answer, place);
      const did = `It answers HTTP ${status} to a test event that says what it is.`;
      if (!careful.has(status)) return { did, ...clockOf(answer) };
      return {
        did,
        warning: "A receiver that takes signed manifests alone does so, too. Look at the next delivery.",
        ...clockOf(answer),
      };
    },
    close: () => outbound.close(),
  };
}
