/**
 * The script of the page of an invitation: makes a key pair, has it saved, sees by the saved file that it was, and only
 * then lets the public half be sent.
 */
import { fingerprintOf } from "../../../partner/joining/fingerprint.ts";
import { newJwk, readKey, signJwt } from "./keys.ts";
import { element, say } from "./page.ts";

/** Begins to listen to the page. */
export function startJoining(): void {
  const { partner = "", audience = "", nonce = "" } = element("joining").dataset;
  let made: { readonly text: string; readonly d: string | undefined } | undefined;

  element("make").addEventListener("click", async () => {
    element("make").disabled = true;
    const pair = await newJwk().catch(() => undefined);
    if (pair === undefined) return say("cannot");
    const { kty, crv, x, y, d } = pair;
    const jwk = { kty, crv, x, ...(y === undefined ? {} : { y }), d, partner };
    made = { text: `${JSON.stringify(jwk, undefined, 2)}\n`, d };
    const key = await readKey(made.text);
    if (key === undefined) return say("cannot");
    element("fingerprint").textContent = fingerprintOf(key.thumbprint);
    element("save").href = URL.createObjectURL(new Blob([made.text], { type: "application/json" }));
    element("saving").hidden = false;
    element("keeping").hidden = false;
    say("made");
    element("save").focus();
  });

  element("kept").addEventListener("change", async () => {
    const file = element("kept").files?.[0];
    if (file === undefined || made === undefined) return;
    const text = file.size > 10_000 ? "" : await file.text();
    const key = await readKey(text);
    // The public half may be right where the file was cut: it is the private one that must be there.
    const isOurs = key !== undefined && JSON.parse(text).d === made.d;
    element("send").disabled = true;
    if (!isOurs) return say("other");
    element("key").value = JSON.stringify(key.jwk);
    element("proof").value = await signJwt(key, "spampots-proof+jwt", { iss: partner, aud: audience, nonce });
    // Nothing is sent without its proof.
    element("sending").hidden = false;
    element("send").disabled = false;
    say("kept");
    element("send").focus();
  });

  element("joining").hidden = false;
}
