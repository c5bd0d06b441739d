/**
 * Names that spammers write, as the host name or registrable domain in them, or as nothing. Nothing is resolved.
 *
 * Suffixes are those of the ICANN section of the Public Suffix List. The private section (blogspot.com, github.io) is
 * left out: a label below it is a person's name, and a domain is all that may leave.
 *
 * @see RFC 5321 §4.1.2 (paths, quoted local parts, source routes), §4.1.3 (address literals); UTS #46; publicsuffix.org
 */
import { domainToASCII } from "node:url";
import { parse } from "tldts";

/** Longest host name (RFC 1035 §2.3.4); longer text is no name. */
const longestName = 253;
/** Longest path that RFC 5321 §4.5.3.1.3 lets stand is 256 octets; what is longer than this holds no address. */
const longestPath = 1024;

const plainName = /^[a-z0-9._-]+$/;
const label = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/;

/**
 * A host name as A-labels in lower case without trailing dot; `undefined` where `text` is none. Attacker-written: only
 * letters, digits, hyphens and underscores pass, every label is at most 63 long, and nothing is percent-decoded.
 */
export function hostName(text: string): string | undefined {
  if (text.length > longestName + 1) return undefined;
  let name = text.toLowerCase();
  if (!plainName.test(name)) {
    // ASCII that can't stand in a name is refused before domainToASCII, which would decode "%41" and cut at "/".
    if (/[^a-z0-9._\-\u0080-\uffff]/.test(name)) return undefined;
    name = domainToASCII(name);
  }
  if (name.endsWith(".")) name = name.slice(0, -1);
  return name.length <= longestName && name.split(".").every((part) => label.test(part)) ? name : undefined;
}

/** The registrable domain of a {@link hostName}; `undefined` for a bare suffix, an address, or a TLD that isn't in the root zone. */
export function registrableDomain(name: string): string | undefined {
  const { domain, isIcann } = parse(name, { allowPrivateDomains: false, extractHostname: false });
  return isIcann === true && domain !== null && !domain.includes("_") ? domain : undefined;
}

/**
 * The text after the `@` of an envelope path: of `<@relay.example:"a@b"@Example.TW.>` it is `Example.TW.`. `undefined`
 * where there is no `@`, a control character stands in it, or it is far longer than any path. Of an address literal it is
 * the literal, which is no {@link hostName}.
 */
export function domainText(path: string): string | undefined {
  if (path.length > longestPath) return undefined;
  const trimmed = path.trim();
  if (/\p{Cc}/u.test(trimmed)) return undefined;
  // Parameters of RCPT, such as ORCPT=rfc822;a@b, stand after the bracket.
  const address = trimmed.startsWith("<") ? trimmed.slice(1).replace(/>[^>]*$/, "") : trimmed;
  const at = address.lastIndexOf("@");
  return at < 0 ? undefined : address.slice(at + 1).trim();
}
