/** The form by which somebody signs in with a key, as its script fills it in: by keyboard alone, and saying what happens. */
import { html } from "hono/html";
import { proofPages } from "../../../partner/auth/proof.ts";
import type { Html } from "../layout.ts";
import { texts } from "../texts.ts";
import type { Door } from "./challenge.ts";

/** @param issuer who signs in, where that isn't a partner */
export function keyForm(door: Door, issuer = ""): Html {
  const { withKey } = texts;
  const page = proofPages[door];
  const partner = html`<p><label for="partner">${withKey.partner}</label> <input id="partner" maxlength="40" autocomplete="username" spellcheck="false" autocapitalize="none"></p>`;
  return html`<p>${withKey.what}</p>
<noscript><p>${withKey.noScript}</p></noscript>
<form id="with-key" method="post" action="${page}" data-challenge="${page}/challenge" data-issuer="${issuer}" hidden>
<p><label for="key-file">${withKey.file}</label> <input id="key-file" type="file" accept=".jwk,.json,.key,application/json" required></p>
${issuer === "" ? partner : ""}
<input type="hidden" name="challenge" id="challenge"><input type="hidden" name="answer" id="answer">
<p><button>${withKey.go}</button></p>
</form>
<p id="status" role="status"></p>
${sentences(withKey.says)}`;
}

/** The sentences that a script may say, where nobody sees them. */
export function sentences(says: Readonly<Record<string, string>>): Html {
  return html`<div hidden>${Object.entries(says).map(([name, text]) => html`<p id="says-${name}">${text}</p>`)}</div>`;
}
