/**
 * STIX 2.1 objects as far as we emit them. OASIS publishes no types for TypeScript; these follow the specification's
 * tables, with only the properties we use. A test checks what is emitted against the OASIS schemas.
 *
 * @see STIX Version 2.1, OASIS Standard, 10 June 2021
 */

/** `indicator--` and a UUID. */
export type StixId<Type extends string = string> = `${Type}--${string}`;

/** RFC 3339 in UTC with `Z`. `created` and `modified` have three decimals, all others whole seconds. */
export type StixTime = string;

/** §3.2: what every object of ours has. */
interface Common<Type extends string> {
  readonly type: Type;
  readonly spec_version: "2.1";
  readonly id: StixId<Type>;
}

/** Objects that carry a slice's TLP marking (or, the constant ones, CLEAR). */
interface Marked<Type extends string> extends Common<Type> {
  readonly object_marking_refs: readonly StixId<"marking-definition">[];
}

/** §3.2: domain and relationship objects have a creator and versions. */
interface Versioned<Type extends string> extends Marked<Type> {
  readonly created_by_ref: StixId<"identity">;
  readonly created: StixTime;
  readonly modified: StixTime;
  readonly revoked?: true;
  readonly labels?: readonly string[];
  /** §3.2, appendix A: 0 to 100. */
  readonly confidence?: number;
}

/** §7.3: our property extension, by the id of its definition. */
export interface RowExtension {
  readonly extension_type: "property-extension";
  readonly feed: string;
  readonly row_id: string;
  /** True on an `observed-data` of one connection of the row. */
  readonly exemplar?: true;
  /** Columns of the row under their names in the CSV. */
  readonly [column: string]: unknown;
}

/** §6.8 */
export interface Ipv4Address extends Marked<"ipv4-addr"> {
  readonly value: string;
}

/** §6.9 */
export interface Ipv6Address extends Marked<"ipv6-addr"> {
  readonly value: string;
}

/** §6.2 */
export interface AutonomousSystem extends Marked<"autonomous-system"> {
  readonly number: number;
  readonly name?: string;
}

/** §6.4 */
export interface DomainName extends Marked<"domain-name"> {
  readonly value: string;
}

/** §6.15 */
export interface Url extends Marked<"url"> {
  readonly value: string;
}

/** §6.12 */
export interface NetworkTraffic extends Marked<"network-traffic"> {
  readonly start: StixTime;
  readonly src_ref: StixId;
  readonly src_port: number;
  readonly dst_port: number;
  readonly protocols: readonly string[];
}

/** §4.14 */
export interface ObservedData extends Versioned<"observed-data"> {
  readonly first_observed: StixTime;
  readonly last_observed: StixTime;
  /** 1 to 999,999,999. */
  readonly number_observed: number;
  readonly object_refs: readonly StixId[];
  readonly extensions: Readonly<Record<StixId<"extension-definition">, RowExtension>>;
}

/** §4.7 */
export interface Indicator extends Versioned<"indicator"> {
  readonly name: string;
  readonly description: string;
  readonly indicator_types: readonly ("malicious-activity" | "anomalous-activity")[];
  readonly pattern: string;
  readonly pattern_type: "stix";
  readonly pattern_version: "2.1";
  readonly valid_from: StixTime;
  readonly valid_until: StixTime;
}

/** §5.1 */
export interface Relationship extends Versioned<"relationship"> {
  readonly relationship_type: "belongs-to";
  readonly source_ref: StixId;
  readonly target_ref: StixId<"autonomous-system">;
  readonly start_time: StixTime;
  /** Later than `start_time`, else left out. */
  readonly stop_time?: StixTime;
  readonly description: string;
}

/** §5.2 */
export interface Sighting extends Versioned<"sighting"> {
  readonly sighting_of_ref: StixId<"indicator">;
  readonly observed_data_refs: readonly StixId<"observed-data">[];
  /** The issuer: never the place of a sensor. */
  readonly where_sighted_refs: readonly StixId<"identity">[];
  readonly first_seen: StixTime;
  readonly last_seen: StixTime;
  /** 0 to 999,999,999. */
  readonly count: number;
}

/** §4.4 */
export interface Grouping extends Versioned<"grouping"> {
  readonly name: string;
  readonly description: string;
  readonly context: "suspicious-activity";
  readonly object_refs: readonly StixId[];
}

/** §4.5 */
export interface Identity extends Versioned<"identity"> {
  readonly name: string;
  readonly identity_class: "organization";
}

/** §7.3 */
export interface ExtensionDefinition extends Versioned<"extension-definition"> {
  readonly name: string;
  readonly description: string;
  readonly schema: string;
  readonly version: string;
  readonly extension_types: readonly ["property-extension"];
}

/** §7.2.1, with the OASIS extension for TLP 2.0 in place of a definition. */
export interface MarkingDefinition extends Common<"marking-definition"> {
  readonly created: StixTime;
  readonly name: string;
  readonly extensions: Readonly<
    Record<StixId<"extension-definition">, { readonly extension_type: "property-extension"; readonly tlp_2_0: string }>
  >;
}

/** §6: observables have no versions; their ids are computed from their contents. */
export type CyberObservable = Ipv4Address | Ipv6Address | AutonomousSystem | DomainName | Url | NetworkTraffic;

/** §4, §5: objects whose `created`, `modified`, creator and marking are those of the slice. */
export type SliceObject = ObservedData | Indicator | Relationship | Sighting | Grouping;

/** The same in every slice. */
export type ConstantObject = Identity | ExtensionDefinition | MarkingDefinition;

export type StixObject = CyberObservable | SliceObject | ConstantObject;

/** What of an object its maker states: the rest is the same for all of a slice. */
export type ObservableBody<T extends CyberObservable> = Omit<T, keyof Marked<string>>;
export type SliceBody<T extends SliceObject> = Omit<
  T,
  keyof Common<string> | "object_marking_refs" | "created_by_ref" | "created" | "modified"
>;

/** §8 */
export interface Bundle {
  readonly type: "bundle";
  readonly id: StixId<"bundle">;
  readonly objects: readonly StixObject[];
}
