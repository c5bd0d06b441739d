/**
 * The objects of a slice as JSON text with their ids. A week has millions, so an object is put together from the JSON
 * texts of its properties, of which most are fixed or have nothing to escape; their names are checked by the types.
 * Pure.
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
  AutonomousSystem,
  CyberObservable,
  DomainName,
  Grouping,
  Indicator,
  Ipv4Address,
  Ipv6Address,
  NetworkTraffic,
  ObservableBody,
  ObservedData,
  Relationship,
  Sighting,
  SliceBody,
  SliceObject,
  StixId,
  Url,
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

/** The JSON text of each property of `T`; `undefined` leaves an optional one out. */
type Texts<T> = {
  readonly [Name in keyof T]: string | (Pick<T, Name> extends Required<Pick<T, Name>> ? never : undefined);
};

/** The largest count that STIX allows; the true one stands in the extension. */
const greatestCount = 999_999_999;

/** Days for which an indicator holds after the host was last seen: dynamic addresses change hands. */
const indicatorDays = 7;

const counted = (count: number) => String(Math.min(Math.max(count, 1), greatestCount));

/** The JSON of a text that has nothing to escape: ids, instants. */
const quote = (text: string) => `"${text}"`;

const quoteAll = (texts: readonly string[]) => (texts.length === 1 ? `["${texts[0]}"]` : `["${texts.join('","')}"]`);

/** `"a":1,"b":2`: the properties of an object with its braces off. Their names have nothing to escape. */
function joined<T>(texts: Partial<Texts<T>>): string {
  let joint = "";
  for (const name in texts) {
    const text = texts[name];
    if (text !== undefined) joint += joint === "" ? `"${name}":${text}` : `,"${name}":${text}`;
  }
  return joint;
}

/** IANA names of what a sensor posed as; SOCKS has no versions there. */
const protocolNames: ReadonlyMap<string, string> = new Map([
  ["socks4", "socks"],
  ["socks4a", "socks"],
  ["socks5", "socks"],
  ["http", "http"],
  ["smtp", "smtp"],
]);

/** Makes the objects of one slice. */
export class StixObjects {
  /** `2026-W46`, for descriptions. */
  readonly period: string;
  readonly #id: <Type extends string>(type: Type, key: string) => StixId<Type>;
  readonly #issuer: StixId<"identity">;
  readonly #marking: string;
  readonly #stamp: string;
  readonly #revokes: number;

  constructor(context: RenderContext) {
    const { policyDigest, feed, period, modifiedSteps, revokes } = context;
    this.period = period.id;
    this.#id = sliceIds([policyDigest, feed, schemaVersion, period.id]);
    this.#revokes = revokes;
    this.#issuer = issuerId(context);
    this.#marking = `"object_marking_refs":["${markingId(context.tlp)}"]`;
    const created = new Date(period.end).toISOString();
    const modified = new Date(period.end + modifiedSteps).toISOString();
    const creator = JSON.stringify(this.#issuer);
    this.#stamp = `"created_by_ref":${creator},"created":"${created}","modified":"${modified}",${this.#marking}`;
  }

  /** A domain or relationship object of this slice; `key` names it among those of its type. */
  object<T extends SliceObject>(type: T["type"], key: string, texts: Texts<SliceBody<T>>): Emitted<T["type"]> {
    // Revoked objects stay revoked for ever: what is published after a revocation has other ids.
    const id = this.#id(type, `${this.#revokes}\u001f${key}`);
    return {
      id,
      text: `{"type":"${type}","spec_version":"2.1","id":"${id}",${this.#stamp},${joined<SliceBody<T>>(texts)}}`,
    };
  }

  /**
   * An observable by its contributing properties, names in order, and the JSON of others after a comma. Nothing of a
   * partner but the slice's marking goes into it: others' bundles hold the same id.
   */
  #observable<T extends CyberObservable>(
    type: T["type"],
    contributing: Partial<Texts<ObservableBody<T>>>,
    others = "",
  ): Emitted<T["type"]> {
    const own = joined<ObservableBody<T>>(contributing);
    const id = observableId(type, `{${own}}`);
    return { id, text: `{"type":"${type}","spec_version":"2.1","id":"${id}",${this.#marking},${own}${others}}` };
  }

  /** The observable of an address in normal form. */
  address(value: string): Emitted<"ipv4-addr" | "ipv6-addr"> {
    const contributing = { value: JSON.stringify(value) };
    return isIPv6(value)
      ? this.#observable<Ipv6Address>("ipv6-addr", contributing)
      : this.#observable<Ipv4Address>("ipv4-addr", contributing);
  }

  domainName(value: string): Emitted<"domain-name"> {
    return this.#observable<DomainName>("domain-name", { value: JSON.stringify(value) });
  }

  url(value: string): Emitted<"url"> {
    return this.#observable<Url>("url", { value: JSON.stringify(value) });
  }

  autonomousSystem(number: number, name: string | undefined): Emitted<"autonomous-system"> {
    const others = name === undefined ? "" : `,"name":${JSON.stringify(name)}`;
    return this.#observable<AutonomousSystem>("autonomous-system", { number: String(number) }, others);
  }

  /** A connection to a sensor: TCP, and what the sensor posed as where that is known. */
  connection(source: Emitted, exemplar: Exemplar, service: string | undefined): Emitted<"network-traffic"> {
    const protocol = protocolNames.get(service ?? "");
    const network = source.id.startsWith("ipv6") ? "ipv6" : "ipv4";
    return this.#observable<NetworkTraffic>("network-traffic", {
      dst_port: String(exemplar.abusedPort),
      protocols: quoteAll(protocol === undefined ? [network, "tcp"] : [network, "tcp", protocol]),
      src_port: String(exemplar.sourcePort),
      src_ref: quote(source.id),
      start: quote(instantText(exemplar.instant)),
    });
  }

  /** That an AS originated an address in `span`. */
  belongsTo(address: StixId, system: Emitted<"autonomous-system">, span: Span): Emitted<"relationship"> {
    const [start, stop] = [instantText(span.first), instantText(span.last)];
    return this.object<Relationship>("relationship", `${address}\u001f${system.id}`, {
      relationship_type: '"belongs-to"',
      source_ref: quote(address),
      target_ref: quote(system.id),
      start_time: quote(start),
      stop_time: stop > start ? quote(stop) : undefined,
      description: '"Origin AS at the time of the observation."',
    });
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
    return this.object<ObservedData>("observed-data", key, {
      first_observed: quote(instantText(span.first)),
      last_observed: quote(instantText(span.last)),
      number_observed: counted(count),
      object_refs: quoteAll(refs),
      labels: labels === undefined ? undefined : quoteAll(labels),
      extensions: `{"${extensionId}":${extension}}`,
    });
  }

  /** That the issuer saw what `indicator` tells, as `observed` states. */
  sighting(
    key: string,
    span: Span,
    count: number,
    indicator: StixId<"indicator">,
    observed: StixId<"observed-data">,
  ): Emitted<"sighting"> {
    return this.object<Sighting>("sighting", key, {
      sighting_of_ref: quote(indicator),
      observed_data_refs: quoteAll([observed]),
      where_sighted_refs: quoteAll([this.#issuer]),
      first_seen: quote(instantText(span.first)),
      last_seen: quote(instantText(span.last)),
      count: counted(count),
    });
  }

  /** An indicator of an address or name for the span and {@link indicatorDays} more. */
  indicator(
    of: Emitted<"ipv4-addr" | "ipv6-addr" | "domain-name">,
    value: string,
    span: Span,
    body: Pick<SliceBody<Indicator>, "name" | "description" | "indicator_types" | "confidence" | "labels">,
  ): Emitted<"indicator"> {
    const type = of.id.slice(0, of.id.indexOf("--"));
    return this.object<Indicator>("indicator", value, {
      name: JSON.stringify(body.name),
      description: JSON.stringify(body.description),
      indicator_types: JSON.stringify(body.indicator_types),
      pattern: JSON.stringify(`[${type}:value = ${patternString(value)}]`),
      pattern_type: '"stix"',
      pattern_version: '"2.1"',
      valid_from: quote(instantText(span.first)),
      valid_until: quote(instantText(span.last + indicatorDays * dayMs)),
      confidence: String(body.confidence),
      labels: JSON.stringify(body.labels),
    });
  }

  /** What refers to all of a part: `refs` are ids. */
  grouping(key: string, name: string, description: string, refs: readonly StixId[]): Emitted<"grouping"> {
    return this.object<Grouping>("grouping", key, {
      name: JSON.stringify(name),
      description: JSON.stringify(description),
      context: '"suspicious-activity"',
      object_refs: quoteAll(refs),
    });
  }
}
