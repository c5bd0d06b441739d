/** Public keys of both sides: the partner's, by which its machines come in, and the issuer's, by which it checks. */
import { html } from "hono/html";
import { keysOf } from "../../../partner/auth/assertion.ts";
import type { PublicKey } from "../../../publication/jwk.ts";
import type { Html } from "../layout.ts";
import { texts } from "../texts.ts";
import { badgeOf, dayOf, digestOf, tableOf } from "../words.ts";
import type { PartnerView } from "./partner-page.ts";

const words = texts.keys;
const columns = [words.thumbprint, words.algorithm, words.from, words.until, words.state];

/** The section of both tables of keys. */
export function keysSection({ caller, world }: Pick<PartnerView, "caller" | "world">): Html {
  const own = keysOf(caller.partner);
  const { live, keys } = world.registry.issuer;
  return html`<section class="card" aria-labelledby="keys">
<h2 id="keys">${words.title}</h2>
${
  own.length === 0
    ? html`<p>${words.noneOwn}</p>`
    : tableOf({ caption: words.own, columns: columns.slice(0, 4), rows: own.map((key) => rowOf(key).slice(0, 4)) })
}
${tableOf({ caption: words.issuer, columns, rows: keys.map((key) => rowOf(key, live)) })}
<p class="quiet">${words.compare}</p>
</section>`;
}

function rowOf(key: PublicKey, live?: string): (Html | string)[] {
  const { kid, alg, from, retired_at } = key;
  return [
    digestOf(kid),
    alg === "EdDSA" ? "Ed25519" : alg,
    // What a JWK doesn't say of its beginning is read as 1970.
    from.startsWith("1970-") ? texts.none : dayOf(from),
    retired_at === undefined ? texts.none : dayOf(retired_at),
    kid === live ? badgeOf("good", words.live) : words.retired,
  ];
}
