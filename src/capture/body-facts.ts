/**
 * Everything that a message's body alone decides: text, language, links, attachments, digest, probe. Follows `mime.ts`;
 * `message.ts` keeps the result for the copies of a body, so nothing here may depend on other headers.
 */
import { isAscii, isUtf8 } from "node:buffer";
import { hash } from "node:crypto";
import type { AttachmentFacts } from "../model.ts";
import { bodyDigest, maxNormal, normaliseBody } from "./body.ts";
import type { LanguageJudge } from "./guess.ts";
import type { HeaderFields } from "./header.ts";
import { looksLikeHtml, readHtml } from "./html.ts";
import { isShort, type LanguageReader } from "./language.ts";
import { UrlCollector } from "./links.ts";
import { type MimeFault, type Part, readMime } from "./mime.ts";
import { decodeHeaderText } from "./subject.ts";
import { type Decoded, decodeText, tidy } from "./text.ts";
import { decodeTransfer } from "./transfer.ts";

/** Facts of `MessageFacts` that a body decides, and what `message.ts` needs beside them. */
export interface BodyFacts {
  readonly charset?: string;
  readonly transferEncoding?: string;
  readonly mimeLayout?: string;
  readonly language?: string;
  readonly bodySha256: string;
  readonly urls: readonly string[];
  readonly attachments: readonly AttachmentFacts[];
  readonly probe: boolean;
  readonly parseError?: string;
  /** Encoding the main text was really read by: helps with a subject that declares none. */
  readonly encoding?: string;
  /** The text where it is too short to tell its language alone. */
  readonly shortText?: string;
}

/** What reading a body needs from outside. */
export interface BodyTools {
  /** True where a text names a sensor. */
  readonly hits: (text: string) => boolean;
  /** The same for bytes as they stand. */
  readonly hitsBytes: (bytes: Buffer) => boolean;
  readonly languages: LanguageReader;
}

const maxAttachments = 100;
const maxLayout = 200;
const maxLabel = 40;
const maxType = 100;

/** Of a text too short to tell its language so much is kept, in code points: codes can make it long. */
const maxShortText = 1000;

/** Bytes of a text part that are read. What is written for people is far shorter; all of the raw body is searched. */
const maxText = 4 << 20;

/** Bytes of an attachment that are searched as text. */
const maxSearched = 1 << 20;

/** A text part, and how it was read. */
interface TextPart extends Decoded {
  readonly part: Part;
  /** Visible text of HTML, or the text itself. */
  readonly visible: string;
  /** The text stands in the raw body as it is, from line to line: whoever searches that searches this. */
  readonly isRaw: boolean;
}

/** An attachment's facts, and what is searched of it. */
interface Attachment {
  readonly facts: AttachmentFacts;
  readonly searched: readonly string[];
}

/** Facts of the body that starts at `bodyStart` of a message's `bytes`; `fields` are its MIME header fields. */
export function readBody(bytes: Buffer, fields: HeaderFields, bodyStart: number, tools: BodyTools): BodyFacts {
  const { root, fault } = readMime(bytes, fields, bodyStart);
  if (fault !== undefined) return factsWithoutStructure(bytes.subarray(bodyStart), root, fault, tools);
  const urls = new UrlCollector();
  const texts: TextPart[] = [];
  const attachments: Attachment[] = [];
  const leaves = leavesOf(root);
  for (const part of leaves) {
    const encoded = bytes.subarray(part.start, part.end);
    const content = decodeTransfer(encoded, part.transferEncoding);
    if (isText(part, root)) texts.push(readText(part, content, content === encoded, urls, tools));
    else attachments.push(readAttachment(part, content));
  }
  const kept = attachments.slice(0, maxAttachments).map(({ facts }) => facts);
  const main = mainText(texts);
  const body = bytes.subarray(bodyStart);
  const searched = searchedTexts(leaves, texts, attachments, urls, body.length <= maxRawText);
  return {
    ...labelsOf(main?.part ?? root),
    ...languageOf(texts, main, tools),
    ...(main === undefined ? {} : { encoding: main.encoding }),
    mimeLayout: tidy(layoutOf(root), maxLayout),
    bodySha256: digestOf(texts, urls.urls, kept),
    urls: urls.urls,
    attachments: kept,
    probe: rawHits(body, tools) || some(searched, tools.hits),
  };
}

/** Facts where the structure can't be read: what the top header says, and the digest of the raw body. */
export function factsWithoutStructure(
  body: Buffer,
  root: Part,
  parseError: MimeFault | "mime-failed",
  tools: BodyTools,
): BodyFacts {
  return {
    ...labelsOf(root),
    mimeLayout: tidy(root.type, maxLayout),
    bodySha256: bodyDigest(normaliseBody(body.toString("latin1", 0, maxNormal)), [], []),
    urls: [],
    attachments: [],
    probe: rawHits(body, tools),
    parseError,
  };
}

function leavesOf(part: Part): Part[] {
  return part.children.length === 0 ? [part] : part.children.flatMap(leavesOf);
}

/**
 * What a reader shows as the message. A multipart whose boundary never came is shown as it stands, and so is a message
 * of any text type that has no other part.
 */
function isText(part: Part, root: Part): boolean {
  if (part.disposition === "attachment") return false;
  if (part.type === "text/plain" || part.type === "text/html" || part.type.startsWith("multipart/")) return true;
  return part === root && (part.type.startsWith("text") || !part.type.includes("/"));
}

/** @param asSent the content is the part's bytes as they stand in the message */
function readText(part: Part, whole: Buffer, asSent: boolean, urls: UrlCollector, { languages }: BodyTools): TextPart {
  const content = whole.subarray(0, maxText);
  const judge: LanguageJudge = (text) => languages.judge(isHtml(part, text) ? readHtml(text).text : text);
  const decoded = decodeText(content, part.charset ?? metaCharset(content), { judge });
  const isRaw = asSent && whole.length <= maxText && isAscii(whole) && decoded.text === whole.toString("latin1");
  if (!isHtml(part, decoded.text)) {
    urls.text(decoded.text);
    return { part, ...decoded, visible: decoded.text, isRaw };
  }
  const { text, links } = readHtml(decoded.text);
  for (const link of links) urls.link(link);
  urls.text(text);
  return { part, ...decoded, visible: text, isRaw };
}

function isHtml(part: Part, text: string): boolean {
  return part.type === "text/html" || looksLikeHtml(text);
}

/** The charset that HTML states of itself, where the header states none. */
function metaCharset(content: Buffer): string | undefined {
  return /<meta[^>]{1,200}charset=["']?([\w-]{3,40})/i.exec(content.toString("latin1", 0, 2048))?.[1];
}

function readAttachment(part: Part, content: Buffer): Attachment {
  const type = tidy(part.type, maxType);
  const start = content.subarray(0, maxSearched);
  const textual = type.startsWith("text/") || type.startsWith("message/") || isUtf8(start);
  return {
    facts: { type, bytes: content.length, sha256: hash("sha256", content) },
    searched: textual ? [start.toString("latin1")] : [],
  };
}

/** The first plain text that shows anything, else the first HTML, else whatever text there is. */
function mainText(texts: readonly TextPart[]): TextPart | undefined {
  const filled = texts.filter(({ visible }) => /\S/.test(visible));
  return filled.find(({ part }) => part.type !== "text/html") ?? filled[0] ?? texts[0];
}

function labelsOf(part: Part): Pick<BodyFacts, "charset" | "transferEncoding"> {
  const charset = tidy(part.charset?.toLowerCase() ?? "", maxLabel);
  const transferEncoding = tidy(part.transferEncoding, maxLabel);
  return { ...(charset === "" ? {} : { charset }), ...(transferEncoding === "" ? {} : { transferEncoding }) };
}

/** The language of the longest text, since the plain alternative often only says to look at the other. */
function languageOf(
  texts: readonly TextPart[],
  main: TextPart | undefined,
  { languages }: BodyTools,
): Pick<BodyFacts, "language" | "shortText"> {
  const longest = texts.reduce((most, { visible }) => (visible.length > most.length ? visible : most), "");
  const language = languages.language(longest, main?.encoding);
  if (language !== undefined) return { language };
  return isShort(longest) ? { shortText: tidy(longest, maxShortText) } : {};
}

function digestOf(
  texts: readonly TextPart[],
  urls: readonly string[],
  attachments: readonly AttachmentFacts[],
): string {
  const normal = normaliseBody(texts.map(({ visible }) => visible).join("\n"));
  return bodyDigest(
    normal,
    urls,
    attachments.map(({ sha256 }) => sha256),
  );
}

/** `multipart/mixed(text/plain,image/gif)`, cut where it grows beyond what is kept. */
function layoutOf(part: Part): string {
  let layout = part.type;
  for (const [index, child] of part.children.entries()) {
    if (layout.length > maxLayout) break;
    layout += (index === 0 ? "(" : ",") + layoutOf(child);
  }
  return part.children.length === 0 ? layout : `${layout})`;
}

/** Longer bodies are searched as they stand: as a text they would take three times their size again. */
const maxRawText = 4 << 20;

/** True where a sensor stands in the body as it was sent. */
function rawHits(body: Buffer, { hits, hitsBytes }: BodyTools): boolean {
  return body.length > maxRawText ? hitsBytes(body) : hits(body.toString("latin1"));
}

/** What of a body was decoded and could name a sensor: texts, visible texts, URLs, names and attachments. */
function* searchedTexts(
  leaves: readonly Part[],
  texts: readonly TextPart[],
  attachments: readonly Attachment[],
  urls: UrlCollector,
  rawIsSearched: boolean,
): Generator<string> {
  for (const { text, visible, isRaw } of texts) {
    if (!isRaw || !rawIsSearched) yield text;
    if (visible !== text) yield visible;
  }
  yield* urls.written;
  for (const { name } of leaves) if (name !== undefined) yield decodeHeaderText(name);
  for (const { searched } of attachments) yield* searched;
}

function some(texts: Iterable<string>, hits: (text: string) => boolean): boolean {
  for (const text of texts) if (hits(text)) return true;
  return false;
}
