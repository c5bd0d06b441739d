/**
 * STIX objects into a TAXII 2.1 collection of the partner's: cut from the parts of a publication as they are read, in
 * envelopes of what the server takes at once, each followed until the server is done with it.
 *
 * A few objects that a server refuses don't hold up the log: the publication counts as delivered, and the refusals are
 * logged, and counted in its receipt. Where it refuses most of them, it hasn't taken the publication. What a server
 * says of objects that it has already (some call those failures) is looked up in its manifest.
 *
 * @see TAXII 2.1 §4.2 (API root), §4.3 (status), §5.3 (object manifests), §5.5 (adding objects)
 */
import { SpampotsError } from "../../../errors.ts";
import type { DestinationOf } from "../../../feed/destinations.ts";
import type { Outgoing, PartlySent, RefusedObjects, Target, TargetWorld, Tried } from "../destination.ts";
import { openOutbound } from "../outbound.ts";
import { type Bounds, envelopesOf, halves } from "./taxii-envelopes.ts";
import { refusedOf } from "./taxii-refused.ts";
import { TaxiiCollection } from "./taxii-server.ts";

/** Refused objects that are told of by name. */
const mostNamed = 5;

/** Objects that are sent one by one at most, where a server refuses envelopes as a whole and takes nothing. */
const mostAlone = 20;

/** Opens a collection. @throws SpampotsError `delivery-refused` where a secret is missing. */
export async function taxiiTarget({ url, auth, tls }: DestinationOf<"taxii">, world: TargetWorld): Promise<Target> {
  const outbound = await openOutbound({ auth, tls, world });
  const server = new TaxiiCollection(url, outbound);
  const { memory } = world;
  return {
    async deliver(outgoing, signal) {
      if (outgoing.artifacts.length === 0) return undefined;
      memory.bounds ??= await server.bounds(signal);
      if (memory.partlySent?.publication !== outgoing.payloadSha256) {
        memory.partlySent = { publication: outgoing.payloadSha256, done: 0, refused: 0, first: [] };
      }
      const push = new Push(server, memory.bounds, memory.partlySent, signal);
      await push.all(outgoing);
      return push.outcome();
    },
    try: (_, signal) => lookAt(server, signal, url),
    close: () => outbound.close(),
  };
}

/**
 * Looks at the collection and the API root. Nothing is added: what was added may not be taken away again, and a machine
 * would act on it.
 */
async function lookAt(server: TaxiiCollection, signal: AbortSignal, url: string): Promise<Tried> {
  const { canRead, canWrite, ...clock } = await server.look(signal);
  await server.bounds(signal);
  if (!canWrite) {
    throw new SpampotsError("delivery-refused", "A TAXII collection can't be written.", {
      host: new URL(url).host,
      reason: "can_write is false",
      hint: "Ask the partner to let us write there, or for another collection.",
    });
  }
  return {
    did: "The collection says that we may write. Nothing was added to it.",
    ...(canRead
      ? {}
      : { warning: "We may not read it: objects that it has already then look like refusals. Ask for can_read." }),
    ...clock,
  };
}

/** One publication on its way. */
class Push {
  readonly #server: TaxiiCollection;
  readonly #bounds: Bounds;
  readonly #progress: PartlySent;
  readonly #signal: AbortSignal;

  constructor(server: TaxiiCollection, bounds: Bounds, progress: PartlySent, signal: AbortSignal) {
    this.#server = server;
    this.#bounds = bounds;
    this.#progress = progress;
    this.#signal = signal;
  }

  async all(outgoing: Outgoing): Promise<void> {
    const { done } = this.#progress;
    for await (const objects of envelopesOf(outgoing, this.#bounds, done)) await this.#send(objects);
  }

  /** Undefined where every object was taken. @throws SpampotsError `delivery-refused` where most weren't. */
  outcome(): RefusedObjects | undefined {
    const { done, refused, first } = this.#progress;
    if (refused * 2 > done) throw this.#notTaken();
    return refused === 0 ? undefined : { count: refused, first };
  }

  /** Sends objects, those that the server doesn't take together in halves. */
  async #send(objects: readonly Uint8Array[]): Promise<void> {
    const answer = await this.#server.add(objects, this.#signal);
    if ("status" in answer) {
      const refused = await refusedOf(answer.status, objects, this.#server, this.#signal);
      this.#note(objects.length, refused);
      return;
    }
    if (answer.refused === "too-large") this.#bounds.shrink(objects);
    if (objects.length > 1) {
      for (const half of halves(objects)) await this.#send(half);
      return;
    }
    this.#note(1, await refusedOf({ message: answer.message }, objects, this.#server, this.#signal));
    const { done, refused } = this.#progress;
    if (refused >= mostAlone && refused === done) throw this.#notTaken();
  }

  #note(sent: number, refused: RefusedObjects["first"]): void {
    this.#progress.done += sent;
    this.#progress.refused += refused.length;
    this.#progress.first.push(...refused.slice(0, mostNamed - this.#progress.first.length));
  }

  #notTaken(): SpampotsError {
    const { done, refused, first } = this.#progress;
    const [one] = first;
    // Tried from the beginning: whatever was changed there may concern what it refused.
    Object.assign(this.#progress, { done: 0, refused: 0, first: [] });
    return new SpampotsError("delivery-refused", "A TAXII server refuses most objects of a publication.", {
      refused,
      of: done,
      objects: first,
      reason: `${refused} of ${done} objects refused${one === undefined ? "" : `: ${one.id}: ${one.message}`}`,
      hint: "Ask the partner why, and whether the collection takes STIX 2.1 and lets us write, and read too.",
    });
  }
}
