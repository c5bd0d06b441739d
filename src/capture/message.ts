/**
 * What is kept of a message: `MessageFacts` from raw bytes. The last step of `capture/` before `enrich/`; runs in worker
 * threads, one parser each, on millions of messages.
 *
 * Most spam repeats: what the body alone decides is read once for each distinct body and remembered under a digest of
 * its bytes and the header fields that say how to read them. The rest of the header section is read for each message.
 * Nothing a spammer writes makes `facts` throw, and its time and memory grow with the message's size at most.
 */
import { hash } from "node:crypto";
import type { MessageFacts } from "../model.ts";
import { type BodyFacts, type BodyTools, factsWithoutStructure, readBody } from "./body-facts.ts";
import { type HeaderSection, maxHeaderBytes, readHeader, startsWithField } from "./header.ts";
import { type CleanHeader, searchHeader } from "./header-search.ts";
import { openLanguages } from "./language.ts";
import { partOf } from "./mime.ts";
import { Recent } from "./recent.ts";
import { decodeSubject } from "./subject.ts";

/** Raised when facts of the same message may come out otherwise: `ingest --again` then makes revisions. */
export const parserVersion = 1;

/** Reads messages; see {@link createMessageParser}. */
export interface MessageParser {
  /** Facts of a raw RFC 5322 message, which may lack any header and break any rule. Never throws. */
  facts(raw: Uint8Array): MessageFacts;
  /** Bodies read so far. */
  readonly parsed: number;
  /** Messages so far whose body was remembered. */
  readonly reused: number;
}

export interface MessageParserOptions {
  /** True where a text names a sensor: makes a message a probe. Must not throw. */
  hits(text: string): boolean;
  /** The same for bytes as they stand, which takes less memory; without it they are made a text. */
  hitsBytes?(bytes: Uint8Array): boolean;
  /** Distinct bodies remembered, 50,000 by default; what they hold is bounded too, some 64 MB in all. */
  readonly cacheEntries?: number;
}

/** Remembered bodies, and subjects, may hold about this much each. */
const maxRememberedBytes = 32 << 20;

/** A parser for one thread. Loads the language database (0.1 s, 5 MB). */
export async function createMessageParser(options: MessageParserOptions): Promise<MessageParser> {
  const languages = await openLanguages();
  const hits = (text: string) => options.hits(text);
  const hitsBytes = (bytes: Buffer) => options.hitsBytes?.(bytes) ?? hits(bytes.toString("latin1"));
  const tools = { hits, hitsBytes, languages };
  return new RememberingParser(tools, options.cacheEntries ?? 50_000);
}

/** What all copies of a body under a subject have in common. */
interface Copy {
  /** `probe` is the body's. */
  readonly facts: Omit<MessageFacts, "messageBytes" | "messageSha256">;
  /** A header section of one of them, of as many characters as there is {@link room}. */
  header?: CleanHeader;
  /** Characters that were weighed. */
  readonly room: number;
}

/** Longer header sections aren't kept to compare others with. */
const longestHeader = 16_384;

class RememberingParser implements MessageParser {
  parsed = 0;
  reused = 0;
  readonly #tools: BodyTools;
  readonly #bodies: Recent<BodyFacts>;
  readonly #copies: Recent<Copy>;

  constructor(tools: BodyTools, entries: number) {
    this.#tools = tools;
    this.#bodies = new Recent(entries, maxRememberedBytes);
    this.#copies = new Recent(entries, maxRememberedBytes);
  }

  facts(raw: Uint8Array): MessageFacts {
    const bytes = Buffer.from(raw.buffer, raw.byteOffset, raw.byteLength);
    const section = readMessageHeader(bytes);
    const copy = this.#copy(bytes, section);
    return {
      ...copy.facts,
      messageBytes: bytes.length,
      messageSha256: hash("sha256", bytes),
      probe: copy.facts.probe || this.#namesSensor(section.text, copy),
    };
  }

  #copy(bytes: Buffer, section: HeaderSection): Copy {
    const key = bodyKey(bytes, section);
    const { text, fields } = section;
    const copyKey = `${key}\n${fields.subject ?? ""}`;
    const known = this.#copies.get(copyKey);
    if (known !== undefined) {
      this.reused += 1;
      return known;
    }
    const body = this.#body(key, bytes, section);
    const { encoding: _encoding, shortText: _shortText, ...kept } = body;
    const room = Math.min(text.length, longestHeader);
    const copy: Copy = { facts: { ...kept, ...readHeading(fields.subject ?? "", body, this.#tools) }, room };
    // Its lists are the body's own, but stay when that is forgotten. Decoded subjects are cut.
    this.#copies.set(copyKey, copy, copyKey.length * 2 + room + weightOf(body));
    return copy;
  }

  #namesSensor(header: string, copy: Copy): boolean {
    const clean = searchHeader(header, copy.header, this.#tools.hits);
    if (clean === undefined) return true;
    if (header.length <= copy.room) copy.header ??= clean;
    return false;
  }

  #body(key: string, bytes: Buffer, section: HeaderSection): BodyFacts {
    const known = this.#bodies.get(key);
    if (known !== undefined) {
      this.reused += 1;
      return known;
    }
    this.parsed += 1;
    const facts = readBodySafely(bytes, section, this.#tools);
    this.#bodies.set(key, facts, key.length + weightOf(facts));
    return facts;
  }
}

/**
 * The header section of a message; empty where it has none. A line that mail archives put before it is searched with it,
 * and is no field.
 */
function readMessageHeader(bytes: Buffer): HeaderSection {
  const envelope = envelopeLength(bytes);
  if (!startsWithField(bytes, envelope)) return { fields: {}, text: "", bodyStart: 0, overlong: false };
  const section = readHeader(bytes, envelope);
  return envelope === 0 ? section : { ...section, text: bytes.toString("latin1", 0, envelope) + section.text };
}

/** Bytes of a first line as mail archives write it; `From :` is a field (RFC 5322 section 4.5). */
function envelopeLength(bytes: Buffer): number {
  if (!/^From (?![ \t]*:)/.test(bytes.toString("latin1", 0, 256))) return 0;
  const end = bytes.indexOf(10) + 1;
  return end > maxHeaderBytes ? 0 : end;
}

/** All that {@link readBody} reads: the body's bytes, by their digest, and the fields that say how to read them. */
function bodyKey(bytes: Buffer, { fields, bodyStart, overlong }: HeaderSection): string {
  const { contentType = "", transferEncoding = "", disposition = "" } = fields;
  const digest = hash("sha256", bytes.subarray(bodyStart), "base64url");
  return `${digest}\n${overlong}\n${contentType}\n${transferEncoding}\n${disposition}`;
}

/** {@link readBody} with a last resort: a fault of ours costs a message its structure, not the batch its end. */
function readBodySafely(bytes: Buffer, { fields, bodyStart, overlong }: HeaderSection, tools: BodyTools): BodyFacts {
  const body = bytes.subarray(bodyStart);
  if (overlong) return factsWithoutStructure(body, partOf(fields), "header-size", tools);
  try {
    return readBody(bytes, fields, bodyStart, tools);
  } catch {
    return factsWithoutStructure(body, partOf(fields), "mime-failed", tools);
  }
}

/** Subject by its own charsets or the body's, and the language that a short text shows only together with it. */
function readHeading(
  raw: string,
  { encoding, language, shortText }: BodyFacts,
  { languages }: BodyTools,
): Pick<MessageFacts, "subject" | "language"> {
  const { judge } = languages;
  const subject = decodeSubject(raw, encoding === undefined ? { judge } : { judge, near: encoding });
  const told =
    language ?? (shortText === undefined ? undefined : languages.language(`${subject ?? ""} ${shortText}`, encoding));
  return { ...(subject === undefined ? {} : { subject }), ...(told === undefined ? {} : { language: told }) };
}

/** About how many bytes the facts of a body take. */
function weightOf({ urls, attachments, shortText = "" }: BodyFacts): number {
  const texts = urls.reduce((sum, url) => sum + url.length + 16, shortText.length * 2);
  return 600 + texts + attachments.length * 200;
}
