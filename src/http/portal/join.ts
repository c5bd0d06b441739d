/**
 * The page of an invitation: there the partner makes its key pair, in the browser, and hands in the public half. Looked at,
 * the link changes nothing; the request that is sent uses it up. From then on the same link shows what became of it.
 */
import type { Context, Hono } from "hono";
import { html } from "hono/html";
import type { Partner } from "../../feed/partners.ts";
import { plain } from "../../log.ts";
import { keysOf } from "../../partner/auth/assertion.ts";
import { proofPages } from "../../partner/auth/proof.ts";
import { fingerprintOf } from "../../partner/joining/fingerprint.ts";
import { type Invitation, readInvitation } from "../../partner/joining/invitation.ts";
import type { JoinState } from "../../partner/joining/join.ts";
import {
  type Handed,
  type JoinRequest,
  provenKey,
  putRequest,
  readRequest,
  requestId,
} from "../../partner/joining/request.ts";
import type { HttpEnv } from "../route.ts";
import type { HttpWorld } from "../world.ts";
import { fieldsOf } from "./forms.ts";
import { type Html, pageResponse } from "./layout.ts";
import type { ScriptName } from "./scripts.ts";
import { sentences } from "./sign-in/key-form.ts";
import { texts } from "./texts.ts";

/** An invitation that counts, and the partner it is for. */
interface Invited {
  readonly invitation: Invitation;
  readonly partner: Partner;
}

/** Adds the routes to the portal; whoever has an invitation may come to them. */
export function joinRoutes(portal: Hono<HttpEnv>, world: HttpWorld): void {
  const { limits, store } = world;
  portal.get(proofPages.join, async (context) => {
    const link = context.req.query("link");
    if (link === undefined) return joinPage(world, html`<p>${texts.join.needed}</p>`);
    await limits.stranger(context.get("address"));
    const invited = await read(world, link);
    if (invited === undefined) return refused(world, texts.join.refused);
    const request = await readRequest(store, requestId(invited.invitation));
    return request === undefined ? formPage(world, link, invited) : statePage(world, invited.partner, request);
  });
  portal.post(proofPages.join, async (context) => {
    await limits.stranger(context.get("address"));
    const { link = "", key = "", proof = "" } = await fieldsOf(context);
    const invited = await read(world, link);
    const request = invited && (await handIn(world, invited, { invitation: link, key, proof }, context.get("address")));
    if (isForMachine(context)) return machineAnswer(invited, request);
    if (invited === undefined) return refused(world, texts.join.refused);
    if (request === undefined) return refused(world, texts.join.badKey);
    return context.redirect(`${proofPages.join}?link=${encodeURIComponent(link)}`, 303);
  });
}

function read({ realm, registry, clock }: HttpWorld, link: string): Promise<Invited | undefined> {
  return readInvitation(realm, registry.tokens.keys, link, { partners: registry.partners, now: clock() });
}

/**
 * The one request of an invitation: this one, or whichever came first. `undefined` where none did and the key isn't one
 * that the sender proved.
 */
async function handIn(
  { realm, store, clock, log }: HttpWorld,
  { invitation, partner }: Invited,
  handed: Handed,
  address: string,
): Promise<JoinRequest | undefined> {
  const id = requestId(invitation);
  const first = await readRequest(store, id);
  if (first) return first;
  const key = await provenKey(handed, invitation, realm.url);
  if (key === undefined) return undefined;
  await putRequest(store, invitation, { key, handed, address, now: clock() });
  log.info({ partner: partner.id, request: id, key: key.kid, address }, "a partner handed in a key");
  return readRequest(store, id);
}

function stateOf({ keys }: Pick<Partner, "keys">, { key, decision }: JoinRequest): JoinState {
  if (keysOf({ keys }).some(({ kid }) => kid === key.kid)) return "in-force";
  return decision?.decision ?? "waiting";
}

const isForMachine = (context: Context<HttpEnv>) => /^application\/json\b/.test(context.req.header("accept") ?? "");

/** What `spampots join` is told. */
function machineAnswer(invited: Invited | undefined, request: JoinRequest | undefined): Response {
  const headers = { "Content-Type": "application/json", "Cache-Control": "no-store" };
  if (invited === undefined || request === undefined) {
    const refusal = invited === undefined ? "invitation" : "key";
    return new Response(JSON.stringify({ refused: refusal }), { status: 403, headers });
  }
  const { partner } = invited;
  const answer = { partner: partner.id, thumbprint: request.key.kid, state: stateOf(partner, request) };
  return new Response(JSON.stringify(answer), { headers });
}

const joinPage = ({ issuer }: HttpWorld, main: Html, status = 200, scripts: readonly ScriptName[] = []) =>
  pageResponse(issuer, { title: texts.join.title, main, status, scripts });

const refused = (world: HttpWorld, why: string) => joinPage(world, html`<p role="alert">${why}</p>`, 403);

function statePage(world: HttpWorld, partner: Partner, request: JoinRequest) {
  const state = stateOf(partner, request);
  const main = html`<p>${texts.join.states[state]}</p>
<dl>
<dt>${texts.join.fingerprint}</dt><dd class="fingerprint">${fingerprintOf(request.key.kid)}</dd>
<dt>${texts.join.sentAt}</dt><dd><time datetime="${request.requestedAt}">${request.requestedAt}</time></dd>
</dl>
${state === "waiting" ? html`<p>${texts.join.notYours}</p>` : ""}
${state === "in-force" ? html`<p><a href="${proofPages.signIn}">${texts.signIn.title}</a></p>` : ""}`;
  return joinPage(world, main);
}

function formPage(world: HttpWorld, link: string, { invitation, partner }: Invited) {
  const { join } = texts;
  const audience = `${world.realm.url}${proofPages.join}`;
  const main = html`<p>${join.what(plain(partner.name), partner.id)}</p>
<noscript><p>${join.noScript}</p><p><code>spampots join '<i>${join.thisLink}</i>'</code></p></noscript>
<div id="joining" data-partner="${partner.id}" data-audience="${audience}" data-nonce="${invitation.jti}" hidden>
<ol>
<li><p>${join.make}</p><p><button type="button" id="make">${join.makeButton}</button></p></li>
<li id="saving" hidden><p>${join.fingerprint}: <span id="fingerprint" class="fingerprint"></span></p>
<p>${join.save}</p><p><a id="save" href="#" download="${partner.id}.jwk">${join.saveLink}</a></p></li>
<li id="keeping" hidden><p><label for="kept">${join.keep}</label></p><p><input id="kept" type="file" accept=".jwk,.json,application/json"></p></li>
<li id="sending" hidden><form method="post" action="${proofPages.join}"><p>${join.send}</p>
<input type="hidden" name="link" value="${link}"><input type="hidden" name="key" id="key"><input type="hidden" name="proof" id="proof">
<p><button id="send" disabled>${join.sendButton}</button></p></form></li>
</ol>
<p id="status" role="status"></p>
${sentences(join.says)}
</div>`;
  return joinPage(world, main, 200, ["join.js"]);
}
