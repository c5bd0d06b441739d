/**
 * The frame of every page: one style sheet, no script unless a page needs one, nothing from elsewhere. Everything that
 * is put into a template of `hono/html` is escaped there; what others wrote goes through `plain` before.
 *
 * @see HTML Living Standard, WCAG 2.2 (one main, skip link, headings in order), CSP Level 3
 */
import { html } from "hono/html";
import type { HtmlEscapedString } from "hono/utils/html";
import { plain } from "../../log.ts";
import type { Tlp } from "../../model.ts";
import type { ScriptName } from "./scripts.ts";
import { language } from "./texts/language.ts";
import { texts } from "./texts.ts";

/** Escaped HTML. */
export type Html = HtmlEscapedString | Promise<HtmlEscapedString>;

/** A page that one can go to. */
export interface Place {
  readonly href: string;
  readonly label: string;
  /** True on that page itself. */
  readonly here?: boolean;
}

/** A page, without its frame. */
export interface Page {
  readonly title: string;
  /** Who is signed in, by its name. */
  readonly who?: string;
  /** Where signing out is asked for; a partner's by default. */
  readonly signOut?: string;
  /** Pages that one can go to from anywhere. */
  readonly nav?: readonly Place[];
  /** Where this page stands, from the first page on, without itself. */
  readonly path?: readonly Place[];
  /** TLP label of what the page shows: it stands on the page, and on every sheet of it that is printed. */
  readonly label?: Tlp;
  readonly main: Html;
  /** What the page runs. */
  readonly scripts?: readonly ScriptName[];
  readonly status?: number;
}

/** A page as an answer that nobody keeps. */
export async function pageResponse(issuer: string, page: Page): Promise<Response> {
  const {
    title,
    who,
    signOut = "/portal/sign-out",
    nav = [],
    path = [],
    label,
    main,
    scripts = [],
    status = 200,
  } = page;
  const document = await html`<!doctype html>
<html lang="${language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${plain(title)} · ${texts.portal(issuer)}</title>
<link rel="stylesheet" href="/portal/style.css">
<link rel="icon" href="/portal/icon.svg" type="image/svg+xml">
${scripts.map((name) => html`<script type="module" src="/portal/${name}"></script>`)}
</head>
<body${label === undefined ? "" : html` data-tlp="${label}"`}>
<a class="skip" href="#main">${texts.skip}</a>
<header><p class="issuer"><a href="/portal">${texts.portal(issuer)}</a></p>${navigation(nav)}${who === undefined ? "" : whoIsIn(who, signOut)}</header>
<main id="main" tabindex="-1">
${pathTo(path)}
${label === undefined ? "" : html`<p class="tlp">TLP:${label}</p>`}
<h1>${plain(title)}</h1>
${main}
</main>
</body>
</html>
`;
  return new Response(String(document), {
    status,
    headers: { "Content-Type": "text/html; charset=utf-8", "Cache-Control": "no-store" },
  });
}

const navigation = (places: readonly Place[]) =>
  places.length === 0
    ? ""
    : html`<nav aria-label="${texts.navigation}"><ul>${places.map(
        ({ href, label, here }) =>
          html`<li><a href="${href}"${here ? html` aria-current="page"` : ""}>${plain(label)}</a></li>`,
      )}</ul></nav>`;

const pathTo = (places: readonly Place[]) =>
  places.length === 0
    ? ""
    : html`<nav class="path" aria-label="${texts.pathTo}"><ol>${places.map(
        ({ href, label }) => html`<li><a href="${href}">${plain(label)}</a></li>`,
      )}</ol></nav>`;

const whoIsIn = (who: string, signOut: string) =>
  html`<form class="who" method="post" action="${signOut}"><span>${plain(who)}</span> <button>${texts.signOut}</button></form>`;
