/**
 * TAXII 2.1 below `/taxii2/`: one API root, in it a collection for each feed that a partner receives as STIX. Read-only:
 * what partners get was published, and nothing is taken from them.
 *
 * @see TAXII 2.1 (OASIS Standard, 10 June 2021); `docs/partner-guide.md`, which shows it from the client's side
 */
import { createHash } from "node:crypto";
import { type Context, Hono } from "hono";
import type { Collection } from "../delivery/collection/collections.ts";
import { SpampotsError } from "../errors.ts";
import type { Subscription } from "../feed/partners.ts";
import { secondsInstant } from "../feed/period.ts";
import { microsecondInstant } from "../publication/manifest.ts";
import { uuid4 } from "../publication/stix-ids.ts";
import { stixMediaType } from "../publication/stix-parts.ts";
import { admit, type Caller } from "./access.ts";
import { logFailure } from "./problem.ts";
import type { PublishedFeed } from "./published.ts";
import type { HttpEnv } from "./route.ts";
import {
  bytesAnswer,
  dateHeaders,
  jsonAnswer,
  nothingHere,
  takesTaxii,
  taxiiError,
  taxiiMediaType,
} from "./taxii/answer.ts";
import { envelopeOf, type Page, pageOf, recordsOf } from "./taxii/page.ts";
import { type MatchField, readObjectId, readQuery, type TaxiiQuery } from "./taxii/query.ts";
import type { HttpWorld } from "./world.ts";

const apiRoot = "/taxii2/feeds/";

/** Nothing is taken; the standard wants a number. */
const maxContentLength = 1024 * 1024;

/** The id of a partner's collection: the same for ever, another for each partner and feed. */
export function collectionId(partner: string, feed: string): string {
  return uuid4(createHash("sha256").update(`spampots taxii collection\n${partner}\n${feed}`).digest("hex"));
}

/** A collection that the caller may read. */
interface OwnCollection {
  readonly subscription: Subscription;
  readonly published: PublishedFeed;
  readonly collection: Collection;
}

type Handler = (context: Context<HttpEnv>, caller: Caller) => Response | Promise<Response>;

/** Adds the door `/taxii2/` to the application. */
export function taxiiRoutes(app: Hono<HttpEnv>, world: HttpWorld): void {
  const door = new Hono<HttpEnv>();
  door.onError((error) => {
    logFailure(error, world.log);
    return taxiiError(error);
  });
  door.use("/taxii2/*", async (context, next) => {
    await enter(context, world);
    await next();
  });

  const get = (path: string, answer: Handler, refused: Readonly<Record<string, Handler>> = {}) => {
    door.get(path, (context) => answer(context, callerOf(context)));
    for (const [method, refuse] of Object.entries(refused))
      door.on(method, [path], (context) => refuse(context, callerOf(context)));
    door.all(path, () => {
      throw new SpampotsError("method-not-allowed", "TAXII reads here and does nothing else.", {
        hint: "It knows GET and HEAD.",
        allow: "GET, HEAD",
      });
    });
  };
  const own = (context: Context<HttpEnv>, caller: Caller) =>
    collectionOf(caller, context.req.param("collection") ?? "", world);
  const readOnly: Handler = (context, caller) => {
    own(context, caller);
    throw new SpampotsError("forbidden", "This collection can be read and not written.");
  };

  const collections = `${apiRoot}collections/`;
  get("/taxii2/", () => jsonAnswer(discovery(world)));
  get(apiRoot, () => jsonAnswer(rootResource(world)));
  get(collections, (_, caller) => jsonAnswer(collectionsResource(caller)));
  get(`${collections}:collection/`, (context, caller) => {
    const { subscription } = own(context, caller);
    return jsonAnswer(collectionResource(caller, subscription));
  });
  get(`${collections}:collection/manifest/`, (context, caller) => manifestAnswer(asked(context, caller, own), world));
  get(`${collections}:collection/objects/`, (context, caller) => objectsAnswer(asked(context, caller, own), world), {
    POST: readOnly,
  });
  get(
    `${collections}:collection/objects/:object/`,
    (context, caller) => objectsAnswer(asked(context, caller, own), world),
    { DELETE: readOnly },
  );
  get(`${collections}:collection/objects/:object/versions/`, (context, caller) =>
    versionsAnswer(asked(context, caller, own), world),
  );
  door.all("/taxii2/*", () => {
    throw nothingHere();
  });
  app.route("/", door);
}

/** Lets a caller in whose token comes as Bearer or as the password of Basic, and who takes what TAXII gives. */
async function enter(context: Context<HttpEnv>, world: HttpWorld): Promise<void> {
  await admit(context, world, { basic: true });
  if (takesTaxii(context.req.header("accept"))) return;
  throw new SpampotsError("not-acceptable", "You accept none of the types that TAXII 2.1 gives.", {
    hint: `Send the header Accept: ${taxiiMediaType}.`,
  });
}

function callerOf(context: Context<HttpEnv>): Caller {
  const caller = context.get("caller");
  if (caller === undefined) throw nothingHere();
  return caller;
}

/** Feeds that are collections, always in the same order. */
const stixFeeds = ({ subscriptions }: Caller) =>
  subscriptions.filter(({ formats }) => formats.includes("stix")).toSorted((a, b) => (a.feed.id < b.feed.id ? -1 : 1));

/** The collection of an id or alias. @throws SpampotsError `not-found` alike for what isn't there and what is another's. */
function collectionOf(caller: Caller, id: string, { collections }: HttpWorld): OwnCollection {
  const { partner } = caller;
  const found = stixFeeds(caller).find(({ feed }) => feed.id === id || collectionId(partner.id, feed.id) === id);
  const feed = found && caller.feed(found.feed.id);
  if (feed === undefined) throw nothingHere();
  return { ...feed, collection: collections.of(partner.id, feed.subscription.feed.id) };
}

function discovery({ issuer, realm }: HttpWorld) {
  // The standard knows absolute URLs of https, and relative ones.
  const root = realm.url.startsWith("https:") ? `${realm.url}${apiRoot}` : apiRoot;
  return {
    title: `${issuer}: SpamPots feeds`,
    description:
      "What was published for you, as STIX 2.1, read-only. Send your token as `Authorization: Bearer`; a client that " +
      "knows HTTP Basic alone sends a token that it got from the operator as the password, with any user name.",
    default: root,
    api_roots: [root],
  };
}

function rootResource({ issuer }: HttpWorld) {
  return {
    title: `${issuer}: SpamPots feeds`,
    description: "A collection for each feed that you receive as STIX.",
    versions: [taxiiMediaType],
    max_content_length: maxContentLength,
  };
}

function collectionsResource(caller: Caller) {
  const collections = stixFeeds(caller).map((subscription) => collectionResource(caller, subscription));
  return collections.length === 0 ? {} : { collections };
}

function collectionResource({ partner }: Caller, { feed, tlp, every }: Subscription) {
  return {
    id: collectionId(partner.id, feed.id),
    title: feed.title,
    description: `${feed.description} TLP:${tlp}, every ${every}.`.trim(),
    alias: feed.id,
    can_read: true,
    can_write: false,
    media_types: [stixMediaType],
  };
}

/** A request for records of a collection. */
interface AskedRecords {
  readonly context: Context<HttpEnv>;
  readonly caller: Caller;
  readonly own: OwnCollection;
  /** Of the path; absent where the collection as a whole is asked. */
  readonly object?: string;
}

function asked(
  context: Context<HttpEnv>,
  caller: Caller,
  own: (context: Context<HttpEnv>, caller: Caller) => OwnCollection,
): AskedRecords {
  const object = context.req.param("object");
  return { context, caller, own: own(context, caller), ...(object === undefined ? {} : { object }) };
}

/** The question of a request, once the collection holds what is published now. */
async function questionOf(
  { context, caller, own, object }: AskedRecords,
  resource: string,
  fields: readonly MatchField[],
  { access, clock }: HttpWorld,
): Promise<TaxiiQuery> {
  const { published, collection, subscription } = own;
  const scope = [caller.partner.id, subscription.feed.id, resource, object ?? ""];
  const query = readQuery(new URL(context.req.url).searchParams, fields, scope);
  const now = clock();
  const held = (await published.publications(now, 1)).filter(
    ({ sequence, objects, retainUntil }) =>
      objects > 0 && published.withdrawnBy(sequence) === undefined && now < retainUntil,
  );
  await collection.follow(held, published);
  // That may have taken some time: who may come in is decided now.
  if (access.again(caller, clock()).feed(subscription.feed.id) === undefined) throw nothingHere();
  if (object === undefined) return query;
  const name = readObjectId(object);
  if (name === undefined || !collection.ask((reader) => reader.has(name))) throw nothingHere();
  return { ...query, ids: [name] };
}

async function objectsAnswer(request: AskedRecords, world: HttpWorld): Promise<Response> {
  const { context, caller, own, object } = request;
  const fields: readonly MatchField[] =
    object === undefined ? ["id", "type", "version", "spec_version"] : ["version", "spec_version"];
  const free = world.limits.take(caller.partner.id);
  try {
    const query = await questionOf(request, "objects", fields, world);
    const page = pageOf(own.collection, query);
    const body = await envelopeOf(page, query, own.published, world.collections);
    if (context.req.method !== "HEAD") await noteReceipts(request, page, world);
    return bytesAnswer(body, { headers: dateHeaders(page.records) });
  } finally {
    free();
  }
}

/** A receipt for each publication that objects of the page come from. */
async function noteReceipts({ context, caller, own }: AskedRecords, { cuts }: Page, world: HttpWorld): Promise<void> {
  const { journal, clock } = world;
  const touched = new Map(cuts.map(({ part }) => [part.sequence, part.publication]));
  const at = secondsInstant(clock());
  const common = { at, feed: own.subscription.feed.id, how: "taxii", token: caller.token.id } as const;
  const address = context.get("address");
  await Promise.all(
    [...touched].map(([sequence, sha256]) => journal.note(caller.partner.id, { ...common, sequence, sha256, address })),
  );
}

async function manifestAnswer(request: AskedRecords, world: HttpWorld): Promise<Response> {
  const query = await questionOf(request, "manifest", ["id", "type", "version", "spec_version"], world);
  const { records, more } = recordsOf(request.own.collection, query);
  const objects = records.map(({ id, added, version }) => ({
    id,
    date_added: microsecondInstant(added),
    version: new Date(version).toISOString(),
    media_type: stixMediaType,
  }));
  return listAnswer({ objects }, records, more);
}

async function versionsAnswer(request: AskedRecords, world: HttpWorld): Promise<Response> {
  const query = await questionOf(request, "versions", ["spec_version"], world);
  const { records, more } = recordsOf(request.own.collection, { ...query, versions: "all" });
  return listAnswer({ versions: records.map(({ version }) => new Date(version).toISOString()) }, records, more);
}

/** Resources that know `more` and no `next`: who reads on does it by `added_after`. An empty list is left out. */
function listAnswer(
  list: Readonly<Record<string, readonly unknown[]>>,
  records: readonly { readonly added: number }[],
  more: boolean,
): Response {
  return jsonAnswer(records.length === 0 ? {} : { ...(more ? { more } : {}), ...list }, {
    headers: dateHeaders(records),
  });
}
