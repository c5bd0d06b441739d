/** What the pages of a partner have in common: who is in, where one can go, and the badge of what was checked. */
import { html } from "hono/html";
import type { Artifact } from "../../../publication/manifest.ts";
import type { Caller } from "../../access.ts";
import type { HttpWorld } from "../../world.ts";
import type { Html, Page, Place } from "../layout.ts";
import { number } from "../texts/language.ts";
import { texts } from "../texts.ts";
import { badgeOf, digestOf, momentOf, others } from "../words.ts";
import type { CheckedPublication } from "./checked.ts";

/** Whom a page is for, and what it is made from. */
export interface PartnerView {
  readonly caller: Caller;
  readonly world: HttpWorld;
  /** Milliseconds since 1970 UTC. */
  readonly now: number;
}

/** Pages that the caller has. */
function placesOf({ subscriptions }: Caller): Place[] {
  const hasSummary = subscriptions.some(({ feed }) => feed.grain === "summary");
  return [
    { href: "/portal", label: texts.home },
    ...(hasSummary ? [{ href: "/portal/trend", label: texts.trend }] : []),
    { href: "/portal/receipts", label: texts.receipts.title },
  ];
}

/** A page of a partner. */
export function partnerPage(
  { caller }: Pick<PartnerView, "caller">,
  page: Omit<Page, "who" | "nav"> & { readonly at?: string },
): Page {
  const { at, ...rest } = page;
  return {
    ...rest,
    who: caller.partner.name,
    nav: placesOf(caller).map((place) => ({ ...place, here: place.href === at })),
  };
}

/** Where a publication, or something of it, is in the portal. */
export const placeOf = (feed: string, ...rest: readonly (string | number)[]) =>
  ["/portal/feeds", feed, ...rest].join("/");

/** That what is shown holds. */
export const soundBadge = (): Html => badgeOf("good", html`<a href="#checked">${texts.badge.good}</a>`);

/** What the badge means, once on each page that has one. */
export function whatWasChecked({ now }: Pick<PartnerView, "now">): Html {
  const { badge } = texts;
  return html`<section id="checked" aria-labelledby="checked-title">
<h2 id="checked-title">${badge.title}</h2>
<p>${badge.when} ${momentOf(now)}. ${badge.does} ${badge.doesnt}</p>
<p>${badge.yourself} <code>${badge.command}</code>. ${badge.guide}</p>
</section>`;
}

/** A file of a publication, for who takes it. */
export const fileLink = (feed: string, sequence: number, { name }: Artifact): Html =>
  html`<a href="${placeOf(feed, sequence, "files", name)}" download>${name}</a>`;

/** `1,234 rows`, or nothing for what isn't counted so. */
export function holdsText({ rows, objects }: Pick<Artifact, "rows" | "objects">): string {
  if (rows !== undefined) return texts.publication.rows(rows);
  return objects === undefined ? "" : texts.publication.objects(objects);
}

/** `9 captures, 2 rows`, of a few counts. */
export function countsText(counts: Readonly<Record<string, number>>, most = 4): string {
  return Object.entries(counts)
    .slice(0, most)
    .map(([name, count]) => `${number(count)} ${others(name.replaceAll("_", " "), 60)}`)
    .join(", ");
}

/** The digest by which a manifest is named everywhere else. */
export const payloadDigest = ({ payloadSha256 }: Pick<CheckedPublication, "payloadSha256">): Html =>
  digestOf(payloadSha256);
