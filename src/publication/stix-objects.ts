/**
 * The objects of a slice as JSON text with their ids. What is the same for all of a slice (creator, times, marking) is
 * text from the start. A week has millions of observations, sightings and connections: these are templates of ids,
 * instants and numbers, which have nothing to escape, at half the cost of stringifying. Whatever holds a text is
 * stringified. Pure.
 *
 * @see stix.md (ids, times, what validators refuse); STIX 2.1 §4 to §6
 */
import { isIPv6 } from "node:net";
import { schemaVersion } from "../fields.ts";
import { dayMs } from "../model.ts";
import { type Exemplar, instantText } from "./cells.ts";
import type { RenderContext } from "./render.ts";
import { extensionId, issuerId, markingId } from "./stix-common.ts";
import { observableId, sliceIds } from "./stix-ids.ts";
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

/** An object ready for a bundle. */
export interface Emitted<Type extends string = string> {
  readonly id: StixId<Type>;
  readonly text: string;
}

/** Milliseconds, both inclusive. */
export interface Span {
  readonly first: number;
  readonly last: number;
}

/** The largest count that STIX allows; the true one stands in the extension. */
const greatestCount = 999_999_999;

/** Days for which an indicator holds after the host was last seen: dynamic addresses change hands. */
const indicatorDays = 7;

const counted = (count: number) => Math.min(Math.max(count, 1), greatestCount);

/** The JSON of a list of texts that have nothing to escape. Most are of one or two, where `join` costs more than it looks. */
function listJson(texts: Iterable<string>): string {
  let items = "";
  for (const text of texts) items += items === "" ? `"${text}"` : `,"${text}"`;
  return `[${items}]`;
}

/**
 * The text in one piece. V8 keeps what was concatenated as a tree and walks all of it each time it is written: a text
 * that goes into many objects is better flat.
 */
const flat = (text: string) => [text, ""].join("");

/** IANA names of what a sensor posed as; SOCKS has no versions there. */
const protocolNames: ReadonlyMap<string, string> = new Map([
  ["socks4", "socks"],
  ["socks4a", "socks"],
  ["socks5", "socks"],
  ["http", "http"],
  ["smtp", "smtp"],
]);

/** How the text of an object begins, up to its id. */
const beginning = (type: string) => flat(`{"type":"${type}","spec_version":"2.1","id":"`);

const beginnings: Readonly<Record<CyberObservable["type"] | SliceObject["type"], string>> = {
  "ipv4-addr": beginning("ipv4-addr"),
  "ipv6-addr": beginning("ipv6-addr"),
  "autonomous-system": beginning("autonomous-system"),
  "domain-name": beginning("domain-name"),
  url: beginning("url"),
  "network-traffic": beginning("network-traffic"),
  "observed-data": beginning("observed-data"),
  indicator: beginning("indicator"),
  relationship: beginning("relationship"),
  sighting: beginning("sighting"),
  grouping: beginning("grouping"),
};

/** Makes the objects of one slice. */
export class StixObjects {
  /** `2026-W46`, for descriptions. */
  readonly period: string;
  readonly #id: <Type extends string>(type: Type, key: string) => StixId<Type>;
  readonly #issuer: StixId<"identity">;
  readonly #marking: string;
  /** From behind the id to the object's own properties. */
  readonly #stamp: string;
  readonly #revokes: number;

  constructor(context: RenderContext) {
    const { policyDigest, feed, period, modifiedSteps, revokes } = context;
    this.period = period.id;
    this.#id = sliceIds([policyDigest, feed, schemaVersion, period.id]);
    this.#revokes = revokes;
    this.#issuer = issuerId(context);
    this.#marking = flat(`"object_marking_refs":["${markingId(context.tlp)}"]`);
    const created = new Date(period.end).toISOString();
    const modified = new Date(period.end + modifiedSteps).toISOString();
    const creator = JSON.stringify(this.#issuer);
    this.#stamp = flat(
      `","created_by_ref":${creator},"created":"${created}","modified":"${modified}",${this.#marking},`,
    );
  }

  /** A domain or relationship object: `key` names it among those of its type in the slice, `own` is the JSON of its properties, braces off. */
  #versioned<Type extends SliceObject["type"]>(type: Type, key: string, own: string): Emitted<Type> {
    // Revoked objects stay revoked for ever: what is published after a revocation has other ids.
    const id = this.#id(type, `${this.#revokes}\u001f${key}`);
    return { id, text: `${beginnings[type]}${id}${this.#stamp}${own}}` };
  }

  /**
   * An observable by the RFC 8785 form of its contributing properties and the JSON of others after a comma. Nothing of
   * a partner but the slice's marking goes into it: others' bundles hold the same id.
   */
  #observable<Type extends CyberObservable["type"]>(type: Type, contributing: string, others = ""): Emitted<Type> {
    const id = observableId(type, contributing);
    const own = `${contributing.slice(1, -1)}${others}`;
    return { id, text: `${beginnings[type]}${id}",${this.#marking},${own}}` };
  }

  #named<Type extends "ipv4-addr" | "ipv6-addr" | "domain-name" | "url">(type: Type, value: string): Emitted<Type> {
    const body: ObservableBody<DomainName> = { value };
    return this.#observable(type, JSON.stringify(body));
  }

  /** The observable of an address in normal form. */
  address(value: string): Emitted<"ipv4-addr" | "ipv6-addr"> {
    return isIPv6(value) ? this.#named("ipv6-addr", value) : this.#named("ipv4-addr", value);
  }

  domainName(value: string): Emitted<"domain-name"> {
    return this.#named("domain-name", value);
  }

  url(value: string): Emitted<"url"> {
    return this.#named("url", value);
  }

  autonomousSystem(number: number, name: string | undefined): Emitted<"autonomous-system"> {
    const others = name === undefined ? "" : `,"name":${JSON.stringify(name)}`;
    return this.#observable("autonomous-system", `{"number":${number}}`, others);
  }

  /** A connection to a sensor: TCP, and what the sensor posed as where that is known. */
  connection(source: Emitted, exemplar: Exemplar, service: string | undefined): Emitted<"network-traffic"> {
    const protocol = protocolNames.get(service ?? "");
    const network = source.id.startsWith("ipv6") ? "ipv6" : "ipv4";
    const protocols = protocol === undefined ? `["${network}","tcp"]` : `["${network}","tcp","${protocol}"]`;
    const { sourcePort, abusedPort } = exemplar;
    const start = instantText(exemplar.instant);
    return this.#observable(
      "network-traffic",
      `{"dst_port":${abusedPort},"protocols":${protocols},"src_port":${sourcePort},"src_ref":"${source.id}","start":"${start}"}`,
    );
  }

  /** That an AS originated an address in `span`. */
  belongsTo(address: StixId, system: Emitted<"autonomous-system">, span: Span): Emitted<"relationship"> {
    const [start, stop] = [instantText(span.first), instantText(span.last)];
    const own =
      `"relationship_type":"belongs-to","source_ref":"${address}","target_ref":"${system.id}","start_time":"${start}",` +
      `${stop > start ? `"stop_time":"${stop}",` : ""}"description":"Origin AS at the time of the observation."`;
    return this.#versioned("relationship", `${address}\u001f${system.id}`, own);
  }

  /**
   * A function from a connection of a row to its traffic and the observation of it. What all connections of a row share
   * is made once: they are most of a week's objects. `extension` is the JSON of our extension.
   */
  connections(source: Emitted<"ipv4-addr" | "ipv6-addr">, rowId: string, extension: string) {
    const shared = flat(`","${source.id}"],"extensions":{"${extensionId}":${extension}}`);
    return (exemplar: Exemplar, service: string | undefined): readonly Emitted[] => {
      const flow = this.connection(source, exemplar, service);
      const span = { first: exemplar.instant, last: exemplar.instant };
      return [flow, this.#observation(`${rowId}\u001f${flow.id}`, span, 1, `"object_refs":["${flow.id}${shared}`)];
    };
  }

  #observation(key: string, span: Span, count: number, rest: string): Emitted<"observed-data"> {
    const first = instantText(span.first);
    const last = span.last === span.first ? first : instantText(span.last);
    const own = `"first_observed":"${first}","last_observed":"${last}","number_observed":${counted(count)},${rest}`;
    return this.#versioned("observed-data", key, own);
  }

  /** That `refs` were observed `count` times in `span`; `extension` is the JSON of our extension. */
  observed(
    key: string,
    span: Span,
    count: number,
    refs: readonly StixId[],
    extension: string,
    labels?: readonly string[],
  ): Emitted<"observed-data"> {
    const labelled = labels === undefined ? "" : `"labels":${listJson(labels)},`;
    const rest = `"object_refs":${listJson(refs)},${labelled}"extensions":{"${extensionId}":${extension}}`;
    return this.#observation(key, span, count, rest);
  }

  /** That the issuer saw what `indicator` tells, as `observed` states. */
  sighting(
    key: string,
    span: Span,
    count: number,
    indicator: StixId<"indicator">,
    observed: StixId<"observed-data">,
  ): Emitted<"sighting"> {
    const own =
      `"sighting_of_ref":"${indicator}","observed_data_refs":["${observed}"],"where_sighted_refs":["${this.#issuer}"],` +
      `"first_seen":"${instantText(span.first)}","last_seen":"${instantText(span.last)}","count":${counted(count)}`;
    return this.#versioned("sighting", key, own);
  }

  /** An indicator of an address or name for the span and {@link indicatorDays} more. */
  indicator(
    of: Emitted<"ipv4-addr" | "ipv6-addr" | "domain-name">,
    value: string,
    span: Span,
    body: Pick<SliceBody<Indicator>, "name" | "description" | "indicator_types" | "confidence" | "labels">,
  ): Emitted<"indicator"> {
    const type = of.id.slice(0, of.id.indexOf("--"));
    const whole: SliceBody<Indicator> = {
      ...body,
      pattern: `[${type}:value = ${patternString(value)}]`,
      pattern_type: "stix",
      pattern_version: "2.1",
      valid_from: instantText(span.first),
      valid_until: instantText(span.last + indicatorDays * dayMs),
    };
    return this.#versioned("indicator", value, JSON.stringify(whole).slice(1, -1));
  }

  /** What refers to all of a part: `refs` by themselves, since stringifying thousands takes its time. */
  grouping(key: string, body: Omit<SliceBody<Grouping>, "object_refs">, refs: Iterable<StixId>): Emitted<"grouping"> {
    const own = `${JSON.stringify(body).slice(1, -1)},"object_refs":${listJson(refs)}`;
    return this.#versioned("grouping", key, own);
  }
}
