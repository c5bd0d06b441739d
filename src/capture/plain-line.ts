/**
 * A line of a spool file as a sensor's program writes nearly every one: ASCII without escapes or spaces, members in the
 * order of the schema, no member that it doesn't name. Of such a line this says where in its bytes everything stands,
 * without a text or value being made. Any other line is none of its business: `spool.ts` reads it.
 *
 * It says where things stand, not whether they may be so: who asks compares them with what `spool.ts` accepted before.
 *
 * Flow: block -> here -> `lake/rows/plain-rows.ts`.
 *
 * @see RFC 8259 (grammar), `spool-schema.ts`
 */

const quote = 34;
const comma = 44;
const dot = 46;
const zero = 48;
const colon = 58;
const backslash = 92;
const brace = 123;
const braceEnd = 125;
const lineFeed = 10;

/** What may stand in a string that means what it says: printable ASCII without quote and backslash. */
const inString = new Uint8Array(256);
for (let code = 32; code < 127; code += 1) inString[code] = code === quote || code === backslash ? 0 : 1;

const literal = (text: string) => Uint8Array.from(Buffer.from(text, "latin1"));
const messageStart = literal('{"kind":"message","id":"');
const requestStart = literal('{"kind":"request","id":"');
const sessionStart = literal(',"session":"');
const connectedStart = literal(',"connected_at":"');
const capturedStart = literal(',"captured_at":"');
const sourceStart = literal(',"source":{"ip":"');
const portStart = literal(',"port":');
const serviceStart = literal('},"service":{');
const handshakeTrue = literal(',"handshake":true');
const handshakeFalse = literal(',"handshake":false');
const requestMember = literal(',"request":{');
const envelopeStart = literal(',"envelope":{');
const heloStart = literal('"helo":"');
const senderStart = literal('"mail_from":"');
const bytesStart = literal(',"message_bytes":');
const bodyStart = literal(',"message":"');

/** Whether `text` stands in `bytes` from `at` on. */
export function standsAt(text: Uint8Array, bytes: Uint8Array, at: number): boolean {
  for (let place = 0; place < text.length; place += 1) if (bytes[at + place] !== text[place]) return false;
  return true;
}

/** Letters of `"2026-11-09T`, without the quote. */
export const dayLength = 11;
/** Letters of `2026-11-09T03:12:44.120Z`. */
const instantLength = 24;
const minuteMs = 60_000;
/** More digits than any number of a line has. */
const mostDigits = 10;

/** Positions are offsets in the block's bytes; ends are exclusive. */
export class PlainLine {
  isMessage = false;
  idStart = 0;
  idEnd = 0;
  sessionStart = 0;
  sessionEnd = 0;
  /** Where the written day of each instant stands, and milliseconds since that day began. */
  connectedDay = 0;
  connectedMs = 0;
  capturedDay = 0;
  capturedMs = 0;
  ipStart = 0;
  ipEnd = 0;
  sourcePort = 0;
  /** The object `service`, without its first brace. */
  serviceStart = 0;
  serviceEnd = 0;
  handshake = false;
  /** The object `request`, without its first brace; empty where there is none. */
  requestStart = 0;
  requestEnd = 0;
  heloStart = 0;
  heloEnd = 0;
  /** -1 where the line doesn't say. */
  messageBytes = -1;
  /** The message in base64, which isn't looked at; empty where there is none. */
  messageStart = 0;
  messageEnd = 0;
  /** Where reading goes on: after {@link head} at the sender of a message, after {@link tail} at the next line. */
  at = 0;

  #bytes: Uint8Array = new Uint8Array(0);
  #number = 0;

  /**
   * Reads a line that begins at `start`: of a message up to its sender's first character, of a request all. Says whether
   * it is a plain line so far.
   */
  head(bytes: Uint8Array, start: number): boolean {
    this.#bytes = bytes;
    this.at = start;
    this.isMessage = this.#is(messageStart);
    if (!this.isMessage && !this.#is(requestStart)) return false;
    if (!this.#connection()) return false;
    return this.isMessage ? this.#untilSender() : this.#requestMember() && this.#end();
  }

  /** Reads what follows the list of recipients, from `at` on: whether the line ends as it should. */
  tail(at: number): boolean {
    this.at = at;
    this.messageBytes = -1;
    if (!this.#byte(braceEnd)) return false;
    if (this.#is(bytesStart)) {
      if (!this.#whole()) return false;
      this.messageBytes = this.#number;
    }
    this.messageStart = this.messageEnd = this.at;
    return (!this.#is(bodyStart) || this.#message()) && this.#end();
  }

  #message(): boolean {
    this.messageStart = this.at;
    this.messageEnd = this.#bytes.indexOf(quote, this.at);
    this.at = this.messageEnd + 1;
    return this.messageEnd > this.messageStart;
  }

  #connection(): boolean {
    this.idStart = this.at;
    if (!this.#string()) return false;
    this.idEnd = this.at - 1;
    if (!this.#is(sessionStart)) return false;
    this.sessionStart = this.at;
    if (!this.#string()) return false;
    this.sessionEnd = this.at - 1;
    if (!this.#is(connectedStart)) return false;
    this.connectedDay = this.at;
    if (!this.#instant()) return false;
    this.connectedMs = this.#number;
    if (!this.#is(capturedStart)) return false;
    this.capturedDay = this.at;
    if (!this.#instant()) return false;
    this.capturedMs = this.#number;
    if (!this.#is(sourceStart)) return false;
    this.ipStart = this.at;
    if (!this.#string()) return false;
    this.ipEnd = this.at - 1;
    if (!this.#is(portStart) || !this.#whole()) return false;
    this.sourcePort = this.#number;
    if (!this.#is(serviceStart)) return false;
    this.serviceStart = this.at;
    if (!this.#object()) return false;
    this.serviceEnd = this.at;
    return true;
  }

  #untilSender(): boolean {
    this.handshake = this.#is(handshakeTrue);
    if (!this.handshake && !this.#is(handshakeFalse)) return false;
    if (!this.#requestMember()) this.requestStart = this.requestEnd = this.at;
    if (!this.#is(envelopeStart)) return false;
    this.heloStart = this.heloEnd = this.at;
    if (this.#is(heloStart)) {
      this.heloStart = this.at;
      if (!this.#string()) return false;
      this.heloEnd = this.at - 1;
      if (!this.#byte(comma)) return false;
    }
    return this.#is(senderStart);
  }

  #requestMember(): boolean {
    const start = this.at;
    if (!this.#is(requestMember)) return false;
    this.requestStart = this.at;
    if (!this.#object()) {
      this.at = start;
      return false;
    }
    this.requestEnd = this.at;
    return true;
  }

  /** The end of the line's object and of the line. */
  #end(): boolean {
    return this.#byte(braceEnd) && (this.at === this.#bytes.length || this.#byte(lineFeed));
  }

  #is(text: Uint8Array): boolean {
    if (!standsAt(text, this.#bytes, this.at)) return false;
    this.at += text.length;
    return true;
  }

  #byte(byte: number): boolean {
    if (this.#bytes[this.at] !== byte) return false;
    this.at += 1;
    return true;
  }

  /** The rest of a string, and its quote. */
  #string(): boolean {
    const bytes = this.#bytes;
    let at = this.at;
    while (inString[bytes[at] ?? 0] === 1) at += 1;
    this.at = at + 1;
    return bytes[at] === quote;
  }

  /** The rest of an object that holds no other, and its brace. */
  #object(): boolean {
    const bytes = this.#bytes;
    let isOutside = true;
    for (let at = this.at; ; at += 1) {
      const byte = bytes[at] ?? 0;
      if (byte === quote) isOutside = !isOutside;
      else if (inString[byte] !== 1) return false;
      else if (isOutside && byte === brace) return false;
      else if (isOutside && byte === braceEnd) {
        this.at = at + 1;
        return true;
      }
    }
  }

  /** A whole number in its digits, without zeros before. */
  #whole(): boolean {
    const bytes = this.#bytes;
    const start = this.at;
    let number = 0;
    let at = start;
    for (; at - start <= mostDigits; at += 1) {
      const digit = (bytes[at] ?? 0) - zero;
      if (digit < 0 || digit > 9) break;
      number = number * 10 + digit;
    }
    this.#number = number;
    this.at = at;
    const count = at - start;
    return count > 0 && count <= mostDigits && (count === 1 || bytes[start] !== zero);
  }

  /** An instant in UTC with milliseconds, and its quote. Its day isn't looked at. */
  #instant(): boolean {
    const bytes = this.#bytes;
    const start = this.at + dayLength;
    const hour = this.#pair(start);
    const minute = this.#pair(start + 3);
    const second = this.#pair(start + 6);
    const ms = this.#pair(start + 9) * 10 + (bytes[start + 11] ?? 0) - zero;
    if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59) return false;
    if (!isDigit(bytes[start + 9]) || !isDigit(bytes[start + 10]) || !isDigit(bytes[start + 11])) return false;
    if (bytes[start + 2] !== colon || bytes[start + 5] !== colon || bytes[start + 8] !== dot) return false;
    this.at += instantLength + 1;
    this.#number = (hour * 60 + minute) * minuteMs + second * 1000 + ms;
    return bytes[start + 12] === 90 && bytes[start + 13] === quote;
  }

  /** Two digits; less than 0 where one isn't. */
  #pair(at: number): number {
    const high = (this.#bytes[at] ?? 0) - zero;
    const low = (this.#bytes[at + 1] ?? 0) - zero;
    return high < 0 || high > 9 || low < 0 || low > 9 ? -1 : high * 10 + low;
  }
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= zero && byte <= zero + 9;
}

/** What stands between the sender and the list of recipients. */
const listStart = literal('","rcpt_to":[');

/** Where the list's first element stands, if the sender ends at `at`; -1 otherwise. */
export function afterSender(bytes: Uint8Array, at: number): number {
  return standsAt(listStart, bytes, at) ? at + listStart.length : -1;
}
