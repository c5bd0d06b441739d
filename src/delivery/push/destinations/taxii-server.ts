/**
 * A partner's TAXII 2.1 server as a writer of one collection meets it. Whatever it answers is bounded, checked and
 * escaped.
 *
 * @see TAXII 2.1 §4.2 (API root), §4.3 (status), §5.3 (object manifests), §5.5 (adding objects)
 */
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { SpampotsError } from "../../../errors.ts";
import { plain } from "../../../log.ts";
import { checkTaken, clockOf, type Outbound, type OutboundAnswer } from "../outbound.ts";
import { Bounds, envelope } from "./taxii-envelopes.ts";

const mediaType = "application/taxii+json;version=2.1";

/** Milliseconds between two looks at a status, at first and at last, and for which one is looked at. */
const firstPauseMs = 250;
const longestPauseMs = 30_000;
const usualPatienceMs = 15 * 60_000;

const detail = z.object({ id: z.string(), version: z.string().optional(), message: z.string().optional() });
const status = z.object({
  id: z.string().regex(/^[\w.-]{1,100}$/),
  status: z.enum(["complete", "pending"]),
  failure_count: z.int().min(0).optional(),
  successes: z.array(detail).optional(),
  failures: z.array(detail).optional(),
});
const collection = z.object({ can_read: z.boolean(), can_write: z.boolean() });
const apiRoot = z.object({ max_content_length: z.int().min(1).optional() });
const manifest = z.object({
  more: z.boolean().optional(),
  objects: z.array(z.object({ id: z.string(), version: z.string() })).optional(),
});

/** What a server did with the objects of an envelope. */
export type Status = z.infer<typeof status>;
/** Versions of objects that a server has; `more` where these aren't all that were asked for. */
export type ObjectManifest = z.infer<typeof manifest>;

/** What came of an envelope: its status once it is complete, or why the envelope as a whole wasn't taken. */
export type Added =
  | { readonly status: Status }
  | { readonly refused: "too-large" | "unprocessable"; readonly message: string };

/** A collection that objects are added to. */
export class TaxiiCollection {
  readonly #collection: URL;
  readonly #apiRoot: URL;
  readonly #outbound: Outbound;
  readonly #patienceMs: number;

  /** @param patienceMs how long a server may take over an envelope. */
  constructor(url: string, outbound: Outbound, patienceMs = usualPatienceMs) {
    this.#collection = new URL(url.replace(/\/*$/, "/"));
    this.#apiRoot = new URL("../../", this.#collection);
    this.#outbound = outbound;
    this.#patienceMs = patienceMs;
  }

  /** What the API root takes at once. A server that doesn't tell takes what is usual. */
  async bounds(signal: AbortSignal): Promise<Bounds> {
    const answer = await this.#get(this.#apiRoot, signal);
    if (answer.status === 403 || answer.status === 404) return new Bounds();
    return new Bounds(this.#read(apiRoot, answer, this.#apiRoot).max_content_length);
  }

  /** What the server says of the collection itself (§5.2), and its clock. */
  async look(signal: AbortSignal): Promise<{ canRead: boolean; canWrite: boolean; clock?: number }> {
    const answer = await this.#get(this.#collection, signal);
    const { can_read: canRead, can_write: canWrite } = this.#read(collection, answer, this.#collection);
    return { canRead, canWrite, ...clockOf(answer) };
  }

  /**
   * Adds objects, given as texts, and waits until the server is done with them.
   *
   * @throws SpampotsError `delivery-failed`, `delivery-refused`
   */
  async add(objects: readonly Uint8Array[], signal: AbortSignal): Promise<Added> {
    const url = new URL("objects/", this.#collection);
    const headers = { accept: mediaType, "content-type": mediaType };
    const answer = await this.#outbound.call({ method: "POST", url, headers, body: envelope(objects), signal });
    if (answer.status === 413) return { refused: "too-large", message: messageOf(answer) };
    if (answer.status === 422) return { refused: "unprocessable", message: messageOf(answer) };
    return { status: await this.#complete(this.#read(status, answer, url), signal) };
  }

  /** The newest versions that the collection has of objects; undefined where it may not be read. */
  async has(ids: readonly string[], signal: AbortSignal): Promise<ObjectManifest | undefined> {
    const url = new URL("manifest/", this.#collection);
    url.searchParams.set("match[id]", ids.join(","));
    const answer = await this.#get(url, signal);
    if (answer.status === 403 || answer.status === 404) return undefined;
    return this.#read(manifest, answer, url);
  }

  async #complete(begun: Status, signal: AbortSignal): Promise<Status> {
    const until = performance.now() + this.#patienceMs;
    const url = new URL(`status/${begun.id}/`, this.#apiRoot);
    let found = begun;
    for (let pauseMs = firstPauseMs; found.status !== "complete"; pauseMs = Math.min(longestPauseMs, pauseMs * 2)) {
      if (performance.now() + pauseMs > until) throw senseless(url, "objects stay pending");
      await sleep(pauseMs, undefined, { signal });
      found = this.#read(status, await this.#get(url, signal), url);
    }
    return found;
  }

  #get(url: URL, signal: AbortSignal): Promise<OutboundAnswer> {
    return this.#outbound.call({ method: "GET", url, headers: { accept: mediaType }, signal });
  }

  #read<Schema extends z.ZodType>(schema: Schema, answer: OutboundAnswer, url: URL): z.infer<Schema> {
    checkTaken(answer, url);
    const read = schema.safeParse(parsed(answer.body));
    if (read.success) return read.data;
    throw senseless(url, "the answer isn't one of TAXII 2.1");
  }
}

function parsed(body: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(body).toString());
  } catch {
    return undefined;
  }
}

/** What a server says of an error, in its `error` resource (§3.6.1). */
function messageOf({ body, status: http }: OutboundAnswer): string {
  const said = z.object({ title: z.string(), description: z.string().optional() }).safeParse(parsed(body));
  return shown(said.success ? (said.data.description ?? said.data.title) : `HTTP ${http}`);
}

/** A text of the server's, for people. */
export const shown = (text: string) => plain(text.slice(0, 200));

function senseless({ host }: URL, reason: string): SpampotsError {
  return new SpampotsError("delivery-failed", "A TAXII server doesn't answer as it should.", {
    host,
    reason,
    hint: "See that the URL is a collection's, and ask the partner.",
  });
}
