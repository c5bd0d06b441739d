/**
 * Changes of `partners.yaml`: the file is the registry, so that a command edits it as a person would, keeping comments, order
 * and style, and refuses what `check` would refuse. A change is proven before anything is written: read again, the text must
 * say what it said, with this one change. Pure.
 */
import { isDeepStrictEqual } from "node:util";
import { type Document, isMap, isSeq, type Pair, parseDocument, type YAMLMap, type YAMLSeq } from "yaml";
import { refusal } from "../../document.ts";
import { type Problem, SpampotsError } from "../../errors.ts";
import type { Feed } from "../../feed/feeds.ts";
import { namedPartner } from "../../feed/named-partner.ts";
import { type Partner, type PartnerEntry, parsePartners } from "../../feed/partners.ts";
import { type Tlp, tlpRank } from "../../model.ts";
import { type PublicKey, thumbprint } from "../../publication/jwk.ts";
import { type Splice, spliced } from "./lines.ts";
import { appended, inserted, pairOf, replaced, taken } from "./splices.ts";
import { entryText, flowText } from "./written.ts";

/** What an entry is, as the file says it; checked before it is read so. */
interface RawPartner {
  readonly id: string;
  readonly mou: Record<string, unknown>;
  keys?: unknown[];
}

/** A checked text, and where its entries stand. */
interface Registry {
  readonly text: string;
  readonly document: Document.Parsed;
  readonly pair: Pair;
  readonly entries: YAMLSeq;
}

/** One change: how the text is edited, and what the file says afterwards. */
interface Change {
  readonly splices: (registry: Registry) => readonly (Splice | undefined)[] | undefined;
  readonly change: (partners: RawPartner[]) => void;
}

type Feeds = ReadonlyMap<string, Feed>;

/** Of a file that isn't there yet. */
export const emptyRegistry = `# Who may receive what, under which MoU. Public keys only. Checked by \`spampots check\`; its history is the audit trail.
partners: []
...
`;

/**
 * The text with a partner more, the last.
 *
 * @throws SpampotsError `bad-configuration` where the text has problems, or would have some: all of them.
 */
export function withPartner(text: string, entry: PartnerEntry, feeds: Feeds): string {
  return edited(text, feeds, {
    splices: (registry) => appended(registry.text, registry.pair, registry.entries, entryText(entry), true),
    change: (partners) => partners.push(plainOf(entry)),
  });
}

/** The text without a partner; comments above its entry stay. @throws SpampotsError as {@link withSuspended} */
export function withoutPartner(text: string, id: string, feeds: Feeds): string {
  return edited(text, feeds, {
    splices: (registry) => taken(registry.text, registry.pair, registry.entries, indexOf(registry, id)),
    change: (partners) => partners.splice(placeOf(partners, id), 1),
  });
}

/**
 * The text with a partner's MoU suspended, or resumed; the same text where it says so already.
 *
 * @throws SpampotsError `bad-argument` where there is no such partner, `bad-configuration` where the result would have
 *   problems, the text has some already, or what is to be changed is shared by an alias.
 */
export function withSuspended(text: string, id: string, suspended: boolean, feeds: Feeds): string {
  if ((rawOf(text, id, feeds).mou.suspended ?? false) === suspended) return text;
  return edited(text, feeds, memberChange(id, "suspended", suspended));
}

/** What an MoU that is renewed says from now on. */
export interface Renewal {
  /** YYYY-MM-DD, inclusive. */
  readonly expires: string;
  /** YYYY-MM-DD: what was captured before it doesn't leave. */
  readonly signed?: string;
  readonly reference?: string;
}

/** The text with another end of a partner's MoU. @throws SpampotsError as {@link withSuspended} */
export function withRenewal(text: string, id: string, { expires, signed, reference }: Renewal, feeds: Feeds): string {
  // The end first: an MoU never ends before it begins, not even in between.
  const members = Object.entries({ expires, signed, reference });
  return members.reduce(
    (made, [name, value]) => (value === undefined ? made : edited(made, feeds, memberChange(id, name, value))),
    text,
  );
}

/** The text with a public key more, beside those that are there. @throws SpampotsError as {@link withSuspended} */
export function withKey(text: string, id: string, key: PublicKey, feeds: Feeds): string {
  const entry = keyEntry(key);
  const written = { block: [flowText(entry)], flow: flowText(entry) };
  if (keysOf(text, id, feeds).includes(key.kid)) return text;
  return edited(text, feeds, {
    splices: (registry) => {
      const partner = entryOf(registry, id);
      const pair = pairOf(partner, "keys");
      if (pair !== undefined) return isSeq(pair.value) ? appended(registry.text, pair, pair.value, written) : undefined;
      const next = ["subscriptions", "contacts"].find((name) => pairOf(partner, name) !== undefined);
      return [inserted(registry.text, partner, `keys: [${written.flow}]`, next)];
    },
    change: (partners) => {
      const partner = namedPartner(partners, id);
      partner.keys = [...(partner.keys ?? []), entry];
    },
  });
}

/** The text without the key of a thumbprint. @throws SpampotsError as {@link withSuspended}; also where there is no such key */
export function withoutKey(text: string, id: string, kid: string, feeds: Feeds): string {
  const index = keysOf(text, id, feeds).indexOf(kid);
  if (index < 0) {
    throw new SpampotsError("bad-argument", "The partner has no such key.", {
      partner: id,
      thumbprint: kid,
      hint: `spampots partner show ${id} lists its keys by their thumbprints.`,
    });
  }
  return edited(text, feeds, {
    splices: (registry) => {
      const pair = pairOf(entryOf(registry, id), "keys");
      return pair !== undefined && isSeq(pair.value) ? taken(registry.text, pair, pair.value, index) : undefined;
    },
    change: (partners) => namedPartner(partners, id).keys?.splice(index, 1),
  });
}

/** A public key as it stands in an entry: what identifies it, and its thumbprint. */
export function keyEntry({ kty, crv, x, kid, ...rest }: PublicKey): Readonly<Record<string, unknown>> {
  return { kty, crv, x, ...("y" in rest ? { y: rest.y } : {}), kid };
}

/** The RFC 7638 thumbprint of a partner's key, whatever the file calls it. */
export function keyThumbprint(key: Readonly<Record<string, unknown>>): string {
  const text = (name: string) => String(key[name] ?? "");
  return thumbprint({
    kty: text("kty"),
    crv: text("crv"),
    x: text("x"),
    ...(key.y === undefined ? {} : { y: text("y") }),
  });
}

/** Thumbprints of a partner's keys, in the order of the file. */
function keysOf(text: string, id: string, feeds: Feeds): string[] {
  // Keys were checked to be mappings.
  return (rawOf(text, id, feeds).keys ?? []).map((key) => keyThumbprint(key as Readonly<Record<string, unknown>>));
}

function rawOf(text: string, id: string, feeds: Feeds): RawPartner {
  return namedPartner(rawPartners(opened(text, feeds).document), id);
}

/** A member of the MoU with a value, in its place or before the others. */
function memberChange(id: string, name: string, value: string | boolean): Change {
  return {
    splices: (registry) => {
      const mou = pairOf(entryOf(registry, id), "mou")?.value;
      if (!isMap(mou)) return undefined;
      const there = pairOf(mou, name);
      if (there === undefined) return [inserted(registry.text, mou, `${name}: ${flowText(value)}`)];
      return [replaced(registry.text, there.value, flowText(value))];
    },
    change: (partners) => {
      namedPartner(partners, id).mou[name] = value;
    },
  };
}

function edited(text: string, feeds: Feeds, { splices, change }: Change): string {
  const registry = opened(text, feeds);
  const partners = rawPartners(registry.document);
  change(partners);
  const made = splices(registry);
  const pieces = made?.filter((splice) => splice !== undefined);
  if (made === undefined || pieces === undefined || pieces.length < made.length) throw notEditable();
  const after = spliced(text, pieces);
  // An alias elsewhere may have meant what was changed here, or what is gone.
  if (!says(after, partners)) throw notEditable();
  const { problems } = parsePartners("partners.yaml", after, feeds);
  if (problems.length > 0) throw refusal(problems);
  return after;
}

function says(text: string, partners: readonly RawPartner[]): boolean {
  const document = parseDocument(text);
  if (document.errors.length > 0) return false;
  try {
    return isDeepStrictEqual(rawPartners(document), partners);
  } catch {
    // An alias of an anchor that is gone.
    return false;
  }
}

function notEditable(): SpampotsError {
  return new SpampotsError("bad-configuration", "partners.yaml is written in a way that can't be edited for sure.", {
    hint: "Something here is shared by an anchor and an alias, or set in an unusual form. Write it out, or make the change by hand; `spampots check` checks it.",
  });
}

function opened(text: string, feeds: Feeds): Registry {
  const before = parsePartners("partners.yaml", text, feeds);
  if (before.value === undefined) throw refusal(before.problems);
  const document = parseDocument(text, { keepSourceTokens: true });
  const pair = isMap(document.contents) ? pairOf(document.contents, "partners") : undefined;
  if (pair === undefined || !isSeq(pair.value)) throw notEditable();
  return { text, document, pair, entries: pair.value };
}

/** What the file says, as values of this file's own. */
function rawPartners(document: Document): RawPartner[] {
  const { partners } = document.toJS({ maxAliasCount: 100 }) as { partners: RawPartner[] }; // checked by the schema
  return plainOf(partners);
}

/** A copy without members that are `undefined`, nothing in it shared. */
const plainOf = <T, R = T>(value: T): R => JSON.parse(JSON.stringify(value));

const placeOf = (partners: readonly RawPartner[], id: string) => partners.indexOf(namedPartner(partners, id));

const indexOf = ({ document }: Registry, id: string) => placeOf(rawPartners(document), id);

function entryOf(registry: Registry, id: string): YAMLMap {
  const entry = registry.entries.items[indexOf(registry, id)];
  if (!isMap(entry)) throw notEditable();
  return entry;
}

/** What of a partner's policy may be other than the file says, for once. */
export interface PolicyChange {
  readonly economies?: PartnerEntry["economies"];
  /** Label of all subscriptions; the ceiling rises to it. */
  readonly tlp?: Tlp;
  readonly masks?: readonly string[];
}

/**
 * A partner with another policy, as it would be read from the file; nothing is edited.
 *
 * @throws SpampotsError `bad-argument` where there is no such partner, or with all that `check` would say to the change.
 */
export function withPolicy(text: string, id: string, { economies, tlp, masks }: PolicyChange, feeds: Feeds): Partner {
  const partners = rawPartners(opened(text, feeds).document);
  const index = placeOf(partners, id);
  const entry = partners[index] as unknown as PartnerEntry; // checked by the schema
  const isAbove = tlp !== undefined && tlpRank(tlp) > tlpRank(entry.tlp_ceiling);
  const changed = {
    ...entry,
    ...(economies === undefined ? {} : { economies }),
    ...(masks === undefined ? {} : { masks }),
    ...(isAbove ? { tlp_ceiling: tlp } : {}),
    subscriptions: (entry.subscriptions ?? []).map((item) => (tlp === undefined ? item : { ...item, tlp })),
  };
  const checked = parsePartners("", JSON.stringify({ partners: partners.with(index, plainOf(changed)) }), feeds);
  const partner = checked.value?.[index];
  if (partner !== undefined) return partner;
  throw new SpampotsError("bad-argument", "The partner can't be changed to this.", {
    problems: checked.problems.map(({ path, message }) => ({
      file: id,
      path: path.replace(/^partners\[\d+\]\.?/, ""),
      message,
    })),
  });
}

/** The entries of a text that has no problems. @throws SpampotsError `bad-configuration` */
export function entriesOf(text: string, feeds: Feeds): readonly PartnerEntry[] {
  return rawPartners(opened(text, feeds).document) as unknown[] as PartnerEntry[]; // checked by the schema
}

/** Problems that an entry would have beside others, which have none, and those that others would have for its sake. */
export function problemsOfEntry(others: readonly PartnerEntry[], candidate: unknown, feeds: Feeds): readonly Problem[] {
  const checked = parsePartners("", JSON.stringify({ partners: [...others, candidate] }), feeds);
  const own = `partners[${others.length}]`;
  return checked.problems.map(({ path, message }) => ({
    file: "",
    path: path.startsWith(own) ? path.slice(own.length + 1) : path,
    message,
  }));
}
