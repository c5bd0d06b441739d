/**
 * The objects of a slice as lines of JSON with their ids. What is the same for all of a slice (creator, times, marking) is
 * bytes from the start. A week has millions of observations, sightings and connections: these are put together of such
 * pieces and of ids, instants and numbers, which have nothing to escape, at a fraction of the cost of stringifying.
 * Whatever holds a text is stringified. Pure.
 *
 * @see stix.md (ids, times, what validators refuse); STIX 2.1 §4 to §6
 */
import { isIPv6 } from "node:net";
import { dayMs } from "../model.ts";
import { type Exemplar, instantText } from "./cells.ts";
import type { RenderContext } from "./render.ts";
import { extensionId, issuerId, markingId } from "./stix-common.ts";
import { type IdOf, observableIds, sliceIds } from "./stix-ids.ts";
import { mostBytes, ObjectLines } from "./stix-lines.ts";
import { patternString } from "./stix-names.ts";
import type {
  CyberObservable,
  DomainName,
  Grouping,
  Indicator,
  ObservableBody,
  SliceBody,
  SliceObject,
  StixId,
} from "./stix-types.ts";

/** Milliseconds, both inclusive. */
export interface Span {
  readonly first: number;
  readonly last: number;
}

/** The largest count that STIX allows; the true one stands in the extension. */
const greatestCount = 999_999_999;

/** Days for which an indicator holds after the host was last seen: dynamic addresses change hands. */
const indicatorDays = 7;

const counted = (count: number) => String(Math.min(Math.max(count, 1), greatestCount));

/** The JSON of a list of texts that have nothing to escape. Most are of one or two, where `join` costs more than it looks. */
function listJson(texts: Iterable<string>): string {
  let items = "";
  for (const text of texts) items += items === "" ? `"${text}"` : `,"${text}"`;
  return `[${items}]`;
}

/** IANA names of what a sensor posed as; SOCKS has no versions there. */
const protocolNames: ReadonlyMap<string, string> = new Map([
  ["socks4", "socks"],
  ["socks4a", "socks"],
  ["socks5", "socks"],
  ["http", "http"],
  ["smtp", "smtp"],
]);

/** What all objects of a type have: how their text begins, up to the id, and how they come to that. */
interface Kind<Type extends string> {
  readonly beginning: Buffer;
  readonly id: IdOf<Type>;
}

function kind<Type extends string>(type: Type, id: IdOf<Type>): Kind<Type> {
  return { beginning: Buffer.from(`{"type":"${type}","spec_version":"2.1","id":"`), id };
}

const observableKind = <Type extends CyberObservable["type"]>(type: Type) => kind(type, observableIds(type));

const observables = {
  "ipv4-addr": observableKind("ipv4-addr"),
  "ipv6-addr": observableKind("ipv6-addr"),
  "autonomous-system": observableKind("autonomous-system"),
  "domain-name": observableKind("domain-name"),
  url: observableKind("url"),
  "network-traffic": observableKind("network-traffic"),
};

function sliceKinds(context: RenderContext) {
  const ofSlice = <Type extends SliceObject["type"]>(type: Type) => kind(type, sliceIds(context, type));
  return {
    observed: ofSlice("observed-data"),
    indicator: ofSlice("indicator"),
    relationship: ofSlice("relationship"),
    sighting: ofSlice("sighting"),
    grouping: ofSlice("grouping"),
  };
}

/** Texts between the ids, instants and numbers of objects that are put together of pieces. */
const pieces = {
  firstObserved: Buffer.from(`"first_observed":"`),
  lastObserved: Buffer.from(`","last_observed":"`),
  observedCount: Buffer.from(`","number_observed":`),
  refs: Buffer.from(`,"object_refs":`),
  flowRef: Buffer.from(`,"object_refs":["`),
  labels: Buffer.from(`,"labels":`),
  extension: Buffer.from(`,"extensions":{"${extensionId}":`),
  extensionEnd: Buffer.from("}}"),
  sightingOf: Buffer.from(`"sighting_of_ref":"`),
  sightingObserved: Buffer.from(`","observed_data_refs":["`),
  lastSeen: Buffer.from(`","last_seen":"`),
  sightingCount: Buffer.from(`","count":`),
  end: Buffer.from("}"),
};

/** Makes the objects of one slice: each method appends a line to {@link lines} and returns the object's id. */
export class StixObjects {
  /** `2026-W46`, for descriptions. */
  readonly period: string;
  readonly lines = new ObjectLines();
  readonly #kinds: ReturnType<typeof sliceKinds>;
  /** From behind an observable's id to its own properties. */
  readonly #marking: Buffer;
  /** From behind another object's id to its own properties. */
  readonly #stamp: Buffer;
  /** Of a sighting, from behind the observation to when. */
  readonly #sighted: Buffer;

  constructor(context: RenderContext) {
    const { period, modifiedSteps } = context;
    this.period = period.id;
    this.#kinds = sliceKinds(context);
    const issuer = issuerId(context);
    const marking = `"object_marking_refs":["${markingId(context.tlp)}"]`;
    const created = new Date(period.end).toISOString();
    const modified = new Date(period.end + modifiedSteps).toISOString();
    this.#marking = Buffer.from(`",${marking},`);
    this.#stamp = Buffer.from(
      `","created_by_ref":"${issuer}","created":"${created}","modified":"${modified}",${marking},`,
    );
    this.#sighted = Buffer.from(`"],"where_sighted_refs":["${issuer}"],"first_seen":"`);
  }

  /** Begins a line, with room for the usual pieces and so many bytes, up to the object's own properties. */
  #begin({ beginning }: Kind<string>, id: StixId, stamp: Buffer, bytes: number): void {
    this.lines.begin(bytes);
    this.lines.piece(beginning);
    this.lines.id(id);
    this.lines.piece(stamp);
  }

  /** A domain or relationship object: `key` names it among those of its type in the slice, `own` is the JSON of its properties, braces off. */
  #versioned<Type extends SliceObject["type"]>(of: Kind<Type>, key: string, own: string): StixId<Type> {
    const id = of.id(key);
    this.#begin(of, id, this.#stamp, mostBytes(own));
    this.lines.text(own);
    this.lines.piece(pieces.end);
    this.lines.end();
    return id;
  }

  /**
   * An observable by the RFC 8785 form of its contributing properties and the JSON of others after a comma. Nothing of
   * a partner but the slice's marking goes into it: others' bundles hold the same id.
   */
  #observable<Type extends CyberObservable["type"]>(of: Kind<Type>, contributing: string, others = ""): StixId<Type> {
    const id = of.id(contributing);
    const own = contributing.slice(1, -1) + others;
    this.#begin(of, id, this.#marking, mostBytes(own));
    this.lines.text(own);
    this.lines.piece(pieces.end);
    this.lines.end();
    return id;
  }

  #named<Type extends "ipv4-addr" | "ipv6-addr" | "domain-name" | "url">(type: Kind<Type>, value: string) {
    const body: ObservableBody<DomainName> = { value };
    return this.#observable(type, JSON.stringify(body));
  }

  /** The observable of an address in normal form. */
  address(value: string): StixId<"ipv4-addr" | "ipv6-addr"> {
    return isIPv6(value) ? this.#named(observables["ipv6-addr"], value) : this.#named(observables["ipv4-addr"], value);
  }

  domainName(value: string): StixId<"domain-name"> {
    return this.#named(observables["domain-name"], value);
  }

  url(value: string): StixId<"url"> {
    return this.#named(observables.url, value);
  }

  autonomousSystem(number: number, name: string | undefined): StixId<"autonomous-system"> {
    const others = name === undefined ? "" : `,"name":${JSON.stringify(name)}`;
    return this.#observable(observables["autonomous-system"], `{"number":${number}}`, others);
  }

  /** A connection to a sensor: TCP, and what the sensor posed as where that is known. */
  connection(source: StixId, exemplar: Exemplar, service: string | undefined): StixId<"network-traffic"> {
    const protocol = protocolNames.get(service ?? "");
    const network = source.startsWith("ipv6") ? "ipv6" : "ipv4";
    const protocols = protocol === undefined ? `["${network}","tcp"]` : `["${network}","tcp","${protocol}"]`;
    const { sourcePort, abusedPort } = exemplar;
    const start = instantText(exemplar.instant);
    return this.#observable(
      observables["network-traffic"],
      `{"dst_port":${abusedPort},"protocols":${protocols},"src_port":${sourcePort},"src_ref":"${source}","start":"${start}"}`,
    );
  }

  /** That an AS originated an address in `span`. */
  belongsTo(address: StixId, system: StixId<"autonomous-system">, span: Span): StixId<"relationship"> {
    const [start, stop] = [instantText(span.first), instantText(span.last)];
    const own =
      `"relationship_type":"belongs-to","source_ref":"${address}","target_ref":"${system}","start_time":"${start}",` +
      `${stop > start ? `"stop_time":"${stop}",` : ""}"description":"Origin AS at the time of the observation."`;
    return this.#versioned(this.#kinds.relationship, `${address}\u001f${system}`, own);
  }

  /**
   * A function from a connection of a row to its traffic and the observation of it. What all connections of a row share
   * is made once: they are most of a week's objects. `extension` is the JSON of our extension.
   */
  connections(source: StixId<"ipv4-addr" | "ipv6-addr">, rowId: string, extension: string) {
    const { lines } = this;
    const shared = Buffer.from(`","${source}"],"extensions":{"${extensionId}":${extension}}}`);
    return (exemplar: Exemplar, service: string | undefined): void => {
      const flow = this.connection(source, exemplar, service);
      this.#observation(`${rowId}\u001f${flow}`, { first: exemplar.instant, last: exemplar.instant }, 1, extension);
      lines.piece(pieces.flowRef);
      lines.ascii(flow);
      lines.piece(shared);
      lines.end();
    };
  }

  /** Begins the line of an observation, up to what was observed, with room for `text`. */
  #observation(key: string, { first, last }: Span, count: number, text: string): StixId<"observed-data"> {
    const { lines } = this;
    const id = this.#kinds.observed.id(key);
    this.#begin(this.#kinds.observed, id, this.#stamp, mostBytes(text));
    const firstText = instantText(first);
    lines.piece(pieces.firstObserved);
    lines.ascii(firstText);
    lines.piece(pieces.lastObserved);
    lines.ascii(last === first ? firstText : instantText(last));
    lines.piece(pieces.observedCount);
    lines.ascii(counted(count));
    return id;
  }

  /** That `refs` were observed `count` times in `span`; `extension` is the JSON of our extension. */
  observed(
    key: string,
    span: Span,
    count: number,
    refs: readonly StixId[],
    extension: string,
    labels?: readonly string[],
  ): StixId<"observed-data"> {
    const { lines } = this;
    const id = this.#observation(key, span, count, extension);
    lines.piece(pieces.refs);
    lines.ascii(listJson(refs));
    if (labels !== undefined) {
      lines.piece(pieces.labels);
      lines.ascii(listJson(labels));
    }
    lines.piece(pieces.extension);
    lines.text(extension);
    lines.piece(pieces.extensionEnd);
    lines.end();
    return id;
  }

  /** That the issuer saw what `indicator` tells, as `observed` states. */
  sighting(
    key: string,
    span: Span,
    count: number,
    indicator: StixId<"indicator">,
    observed: StixId<"observed-data">,
  ): StixId<"sighting"> {
    const { lines } = this;
    const id = this.#kinds.sighting.id(key);
    this.#begin(this.#kinds.sighting, id, this.#stamp, 0);
    lines.piece(pieces.sightingOf);
    lines.ascii(indicator);
    lines.piece(pieces.sightingObserved);
    lines.ascii(observed);
    lines.piece(this.#sighted);
    lines.ascii(instantText(span.first));
    lines.piece(pieces.lastSeen);
    lines.ascii(instantText(span.last));
    lines.piece(pieces.sightingCount);
    lines.ascii(counted(count));
    lines.piece(pieces.end);
    lines.end();
    return id;
  }

  /** An indicator of an address or name for the span and {@link indicatorDays} more. */
  indicator(
    of: StixId<"ipv4-addr" | "ipv6-addr" | "domain-name">,
    value: string,
    span: Span,
    body: Pick<SliceBody<Indicator>, "name" | "description" | "indicator_types" | "confidence" | "labels">,
  ): StixId<"indicator"> {
    const type = of.slice(0, of.indexOf("--"));
    const whole: SliceBody<Indicator> = {
      ...body,
      pattern: `[${type}:value = ${patternString(value)}]`,
      pattern_type: "stix",
      pattern_version: "2.1",
      valid_from: instantText(span.first),
      valid_until: instantText(span.last + indicatorDays * dayMs),
    };
    return this.#versioned(this.#kinds.indicator, value, JSON.stringify(whole).slice(1, -1));
  }

  /** What refers to all of a part: `items` of a JSON array, as they are, since stringifying thousands takes its time. */
  grouping(key: string, body: Omit<SliceBody<Grouping>, "object_refs">, items: Uint8Array): void {
    const { lines } = this;
    const own = JSON.stringify(body).slice(1, -1);
    const { grouping } = this.#kinds;
    this.#begin(grouping, grouping.id(key), this.#stamp, mostBytes(own) + items.length);
    lines.text(own);
    lines.piece(pieces.refs);
    lines.ascii("[");
    lines.piece(items);
    lines.ascii("]}");
    lines.end();
  }
}
