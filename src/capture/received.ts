/**
 * `Received` headers: which client a mail server took a message from, and when, in the many ways that servers write it.
 * Used by `archive.ts` alone: captures of sensors state their connection themselves.
 *
 * Only the part that a server writes by itself is believed. The name after `from`, and what stands after `helo=` or
 * `HELO`, is the client's own word and may be anything, an address in brackets among it.
 *
 * @see RFC 5321 §4.4, RFC 5322 §3.6.7
 */
import { isPublicAddress, normaliseAddress } from "./address.ts";
import { parseMailDate } from "./instant.ts";

/** What a `Received` header says. Texts are attacker-written where the header itself is. */
export interface Hop {
  /**
   * `client`: it names a public address that handed the message over. `inside`: the message went on within the host or
   * network that wrote the header, or was fetched from a mailbox. `nameless`: there was a client, without an address.
   */
  readonly kind: "client" | "inside" | "nameless";
  /** Normalised address of the client; there for `client`. */
  readonly address?: string;
  readonly port?: number;
  readonly helo?: string;
  /** The recipient, where the header states one. */
  readonly recipient?: string;
  /** Its date. */
  readonly at?: number;
}

/** Only so much of a header is read. */
const longestHeader = 4000;

/** Words that begin a clause of a header. */
const clauseWords = new Set(["from", "by", "via", "with", "id", "for"]);

/** Protocols by which a message is moved within a system, or fetched from a mailbox by its owner. */
const insideProtocols = new Set(
  "local lmtp lmtpa lmtps lmtpsa pop pop2 pop3 pop3s apop kpop imap imap4 imaps mapi bsmtp stdio internal".split(" "),
);

/** What the client called itself, as qmail and others write it. */
const heloComment = /^(?:helo|ehlo)\s+(\S+)/i;

/** Comments about the connection that aren't about where it came from. */
const otherComment = /^(?:helo|ehlo|using|version|verified|no client|client|authenticated|account|envelope)\b/i;

interface Clause {
  readonly words: string[];
  readonly comments: string[];
}

/** Reads the value of a `Received` header, unfolded or not. Never throws: what it can't read is not in the result. */
export function parseReceived(value: string): Hop {
  const { clauses, date } = clausesOf(value.slice(0, longestHeader));
  const from = clauses.get("from");
  const client = from === undefined ? undefined : clientOf(from);
  const recipient = clauses.get("for")?.words[0]?.replace(/^<|>$/g, "");
  const at = parseMailDate(date);
  const common = {
    ...(at === undefined ? {} : { at }),
    ...(recipient?.includes("@") ? { recipient } : {}),
  };
  const protocol = clauses.get("with")?.words[0]?.toLowerCase() ?? "";
  if (from === undefined || insideProtocols.has(protocol) || protocol.startsWith("qmail-scanner"))
    return { kind: "inside", ...common };
  if (client === undefined) return { kind: isLocalName(from.words) ? "inside" : "nameless", ...common };
  if (!isPublicAddress(client.address)) return { kind: "inside", ...common };
  const helo = heloOf(from);
  return { kind: "client", ...client, ...(helo === undefined ? {} : { helo }), ...common };
}

/** `localhost`, or the pickup folder of a Windows server. */
function isLocalName(words: readonly string[]): boolean {
  const name = words.join(" ").toLowerCase();
  return name === "localhost" || name.startsWith("localhost.") || name === "mail pickup service";
}

/** Splits a header into clauses of words and comments, and the date after the last semicolon outside comments. */
function clausesOf(text: string): { clauses: Map<string, Clause>; date: string } {
  const clauses = new Map<string, Clause>();
  let clause: Clause = { words: [], comments: [] };
  let semicolon = -1;
  for (let at = 0; at < text.length; ) {
    const char = text.charAt(at);
    if (char === "(") {
      const end = endOfComment(text, at);
      clause.comments.push(text.slice(at + 1, end));
      at = end + 1;
    } else if (char === ";") {
      semicolon = at;
      at += 1;
    } else if (/\s/.test(char)) at += 1;
    else {
      const end = endOfWord(text, at);
      const word = text.slice(at, end);
      const name = word.toLowerCase();
      if (clauseWords.has(name) && !clauses.has(name)) {
        clause = { words: [], comments: [] };
        clauses.set(name, clause);
      } else clause.words.push(word);
      at = end;
    }
  }
  return { clauses, date: semicolon < 0 ? text.slice(text.lastIndexOf(";") + 1) : text.slice(semicolon + 1) };
}

/** Position of the parenthesis that closes the one at `start`, or of the text's end. */
function endOfComment(text: string, start: number): number {
  let depth = 0;
  for (let at = start; at < text.length; at += 1) {
    const char = text[at];
    if (char === "\\") at += 1;
    else if (char === "(") depth += 1;
    else if (char === ")" && --depth === 0) return at;
  }
  return text.length;
}

function endOfWord(text: string, start: number): number {
  let at = start + 1;
  while (at < text.length && !/[\s();]/.test(text.charAt(at))) at += 1;
  return at;
}

interface Client {
  readonly address: string;
  readonly port?: number;
}

/** The address that the server saw: in the last comment that holds one, else in brackets among the words. */
function clientOf({ words, comments }: Clause): Client | undefined {
  for (const comment of comments.toReversed()) {
    if (otherComment.test(comment)) continue;
    // `[192.0.2.1]:4321 helo=…` (Exim), `[192.0.2.1]:4321 "HELO …"`: from there on it is the client's word.
    const seen = comment.replace(/(?:(?:^|\s)(?:helo|ident)=|").*$/is, "");
    const client = bracketed(seen) ?? bare(seen);
    if (client !== undefined) return client;
  }
  const literal = words.findLast((word) => word.startsWith("["));
  if (literal !== undefined) return bracketed(literal);
  // `from 192.0.2.1 (HELO name) by …`: the client's word stands apart, so this one is the server's.
  return comments.some((comment) => heloComment.test(comment)) ? clientFrom(words[0]) : undefined;
}

/** The last address in brackets: `[192.0.2.1]`, `[IPv6:2001:db8::1]`, `[192.0.2.1]:4321`. */
function bracketed(text: string): Client | undefined {
  const open = text.lastIndexOf("[");
  const match = /^\[(?:ipv6:)?([^\]\s]{2,60})\](?::(\d{1,5})(?!\d))?/i.exec(text.slice(open, open + 80));
  return open < 0 || match === null ? undefined : clientFrom(match[1], match[2]);
}

/** An address as the last word: `192.0.2.1`, `ident@192.0.2.1`, `192.0.2.1:4321` (qmail, Exchange). */
function bare(text: string): Client | undefined {
  const word = text.trimEnd().slice(-100).split(/[\s@]/).at(-1) ?? "";
  const match = /^(\d+\.\d+\.\d+\.\d+):(\d{1,5})$/.exec(word);
  return match === null ? clientFrom(word) : clientFrom(match[1], match[2]);
}

function clientFrom(written = "", writtenPort?: string): Client | undefined {
  const address = normaliseAddress(written);
  if (address === undefined) return undefined;
  const port = Number(writtenPort ?? 0);
  return port > 0 && port < 65_536 ? { address, port } : { address };
}

/** What the client called itself. */
function heloOf({ words, comments }: Clause): string | undefined {
  for (const comment of comments) {
    const helo = heloComment.exec(comment) ?? /(?:^|\s)helo=(\S+)/i.exec(comment);
    if (helo?.[1] !== undefined) return helo[1];
  }
  return words[0];
}
