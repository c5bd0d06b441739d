/**
 * The script of the pages where somebody signs in with a key: reads its file here, gets a challenge, and sends the signed
 * answer. The key itself is in nothing that is sent: its field has no name.
 */
import { readKey, signJwt } from "./keys.ts";
import { element, say } from "./page.ts";

/** Begins to listen to the page. */
export function startSigningIn(): void {
  const form = element("with-key");
  const { issuer = "", challenge: from = "" } = form.dataset;

  const answer = async () => {
    const file = element("key-file").files?.[0];
    const key = file === undefined || file.size > 10_000 ? undefined : await readKey(await file.text());
    if (key === undefined) return say("no-key");
    // A page for operators has one issuer; elsewhere the file says who it is, or the field does.
    const iss = issuer === "" ? element("partner").value.trim() || key.partner : issuer;
    if (iss === undefined) return say("no-partner");
    say("busy");
    const response = await fetch(from, { method: "POST", body: new URLSearchParams() });
    if (!response.ok) return say("unreachable");
    // What our own service answers there.
    const { challenge, aud, nonce } = (await response.json()) as Readonly<
      Record<"challenge" | "aud" | "nonce", string>
    >;
    element("challenge").value = challenge;
    element("answer").value = await signJwt(key, "spampots-answer+jwt", { iss, aud, nonce });
    return form.submit();
  };

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    answer().catch(() => say("unreachable"));
  });
  form.hidden = false;
}
