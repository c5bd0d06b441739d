/** The first page of a partner: its feeds, and how fresh each is. */
import { html } from "hono/html";
import type { Caller } from "../access.ts";
import { feedOf, type OwnFeed } from "../pull/shared.ts";
import type { Page } from "./layout.ts";
import { texts } from "./texts.ts";

export async function homePage(caller: Caller, now: number): Promise<Page> {
  const rows = await Promise.all(caller.subscriptions.map(({ feed }) => feedRow(feedOf(caller, feed.id), now)));
  const main = html`<table>
<thead><tr><th scope="col">${texts.feed.title}</th><th scope="col">${texts.feed.every}</th><th scope="col">${texts.feed.label}</th><th scope="col">${texts.feed.latest}</th></tr></thead>
<tbody>${rows}</tbody>
</table>`;
  return { title: texts.home, who: caller.partner.name, main };
}

async function feedRow({ subscription, published }: OwnFeed, now: number) {
  const { feed, every, tlp } = subscription;
  const latest = await published.latest(now);
  return html`<tr><th scope="row">${feed.title}</th><td>${every}</td><td>TLP:${tlp}</td><td>${
    latest === undefined
      ? texts.feed.none
      : html`<a href="/portal/feeds/${feed.id}/${latest.sequence}">${latest.period.id}</a>`
  }</td></tr>`;
}
