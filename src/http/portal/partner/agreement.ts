/** The agreement under which a partner receives feeds, as `partners.yaml` has it; and the page of one that isn't in force. */
import { html } from "hono/html";
import { mouDaysLeft, mouWarningDays } from "../../../delivery/watch/status.ts";
import type { Partner } from "../../../feed/partners.ts";
import { dayMs } from "../../../model.ts";
import type { Html, Page } from "../layout.ts";
import { texts } from "../texts.ts";
import { badgeOf, dayOf, others, termsOf } from "../words.ts";

const words = texts.agreement;

/** What was agreed, and how long that holds. */
export function agreementSection(partner: Partner, now: number): Html {
  const { mou, tlpCeiling, masks } = partner;
  return html`<section class="card" aria-labelledby="agreement">
<h2 id="agreement">${words.title}</h2>
${termsOf([
  [words.reference, others(mou.reference)],
  [words.dates, datesOf(partner)],
  [words.left, leftOf(partner, now)],
  [words.economies, economiesOf(partner)],
  [words.ceiling, `TLP:${tlpCeiling}`],
  [words.purposes, listOf(mou.purposes)],
  [words.onward, mou.onward === "constituents" ? words.constituents : words.noOnward],
  [words.retention, texts.span.days(mou.retentionDays)],
  [words.masks, masks.length === 0 ? undefined : masks.join(", ")],
])}
</section>`;
}

/** Both days are in it. */
const datesOf = ({ mou }: Partner) => html`${dayOf(mou.from)} ${words.to} ${dayOf(mou.to - dayMs)}`;

function leftOf(partner: Partner, now: number): Html | string {
  const days = mouDaysLeft(partner, now);
  if (days > mouWarningDays) return texts.span.days(days);
  const said = days === 0 ? words.lastDay : words.ends(texts.span.days(days));
  return html`${badgeOf("bad", said)} <span class="quiet">${words.endsHint}</span>`;
}

function economiesOf({ economies }: Partner): string {
  if (economies === "all") return words.all;
  return economies
    .map(({ code, since }) =>
      since === undefined ? code : `${code} (${words.since(new Date(since).toISOString().slice(0, 10))})`,
    )
    .join(", ");
}

const listOf = (entries: readonly string[]) =>
  html`<ul>${entries.map((entry) => html`<li>${others(entry)}</li>`)}</ul>`;

/** What a partner is told whose agreement isn't in force: that, and nothing of any feed. */
export function notInForcePage(partner: Partner, now: number): Page {
  const { mou } = partner;
  const why = mou.suspended ? words.suspended : now < mou.from ? words.notYet : words.ended;
  return {
    title: words.notInForce,
    who: partner.name,
    status: 403,
    main: html`<p role="alert">${why} ${words.ask}</p>
${termsOf([
  [words.partner, others(partner.name)],
  [words.reference, others(mou.reference)],
  [words.dates, datesOf(partner)],
])}`,
  };
}
