/**
 * Real messages in simulated captures (`spampots simulate --messages`): each is made ready once, then sent by a campaign
 * as if it were its own. Used by `simulate-mailer.ts` in place of the made-up texts of `simulate-mail.ts`.
 *
 * Specification: RFC 5322, RFC 2045.
 */
import { readHeader } from "./header.ts";
import { archivedMessages } from "./mailbox.ts";
import { type Part, readMime } from "./mime.ts";

/** A real message without the fields that each capture has of its own. */
export interface RealMessage {
  /** Header fields, the empty line and the body, with line ends as SMTP has them. */
  readonly bytes: Buffer;
  /** Where a text of one's own can stand, so that a reader shows it. */
  readonly textStart: number;
  /** How the text there is encoded. */
  readonly transferEncoding: string;
}

/** Larger messages are passed over: spam is small, and all are held in memory. */
const largest = 1 << 20;

/** Fields of {@link ownHead}. */
const ownFields = /^(?:message-id|to|date)[ \t]*:/i;

/** The messages of archives on the disk, in the order of `archivedMessages`. Errors of the file system come as they are. */
export async function realMessages(paths: readonly string[]): Promise<RealMessage[]> {
  const messages: RealMessage[] = [];
  for (const path of paths) {
    for await (const { raw } of archivedMessages(path)) if (raw.length <= largest) messages.push(realMessage(raw));
  }
  return messages;
}

/** A raw message made ready. */
export function realMessage(raw: Uint8Array): RealMessage {
  const text = Buffer.from(raw).toString("latin1").replace(/\r?\n/g, "\r\n");
  const { text: header, bodyStart } = readHeader(Buffer.from(text, "latin1"), 0);
  const fields = header.split(/\r\n(?![ \t])/).filter((field) => field !== "" && !ownFields.test(field));
  const kept = [...fields, "X-Simulated: spampots simulate", "", ""].join("\r\n");
  const bytes = Buffer.from(kept + text.slice(bodyStart), "latin1");
  const section = readHeader(bytes, 0);
  const part = firstText(readMime(bytes, section.fields, section.bodyStart).root);
  return { bytes, textStart: part?.start ?? section.bodyStart, transferEncoding: part?.transferEncoding ?? "" };
}

function firstText(part: Part): Part | undefined {
  if (part.children.length === 0) return part.type.startsWith("text/") ? part : undefined;
  for (const child of part.children) {
    const found = firstText(child);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** A real message that shows `own`, ASCII, before its text. */
export function withOwnText({ bytes, textStart, transferEncoding }: RealMessage, own: string): Buffer {
  const line = `${transferEncoded(`${own}\r\n`, transferEncoding)}\r\n`;
  return Buffer.concat([bytes.subarray(0, textStart), Buffer.from(line, "latin1"), bytes.subarray(textStart)]);
}

/** Base64 goes on after it, so its length is a multiple of three. */
function transferEncoded(text: string, encoding: string): string {
  if (encoding === "quoted-printable") return text.replaceAll("=", "=3D");
  if (encoding !== "base64") return text;
  const bytes = Buffer.from(text + " ".repeat((3 - (text.length % 3)) % 3), "latin1");
  return bytes.toString("base64").replace(/.{76}(?=.)/g, "$&\r\n");
}
