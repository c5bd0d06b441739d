/**
 * What of attacker-written names and addresses may stand in a STIX property: validators check domain names by IDNA and
 * URLs by RFC 3986, while spam holds anything that a lenient browser reads. Pure.
 *
 * @see RFC 1034 §3.5, RFC 5891 §4.2 (labels), RFC 5892 (code points), RFC 5893 §2 (right to left), RFC 3986
 */
import { domainToASCII, domainToUnicode } from "node:url";

const plainLabel = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

/** Letters, marks and digits: near the PVALID of RFC 5892, and stricter: no contextual characters. */
const internationalLabel = /^[\p{Ll}\p{Lo}\p{Lm}\p{Nd}][\p{Ll}\p{Lo}\p{Lm}\p{Mn}\p{Mc}\p{Nd}-]*(?<!-)$/u;

/**
 * Letters that RFC 5892 disallows all the same (tatweel and its like, Hangul jamo, vertical kana marks), and planes whose
 * letters are historic or so new that validators don't know them.
 */
const disallowed =
  /[\u0640\u07fa\u1100-\u11ff\u302e-\u3035\u303b\ua960-\ua97f\ud7b0-\ud7ff\u{10000}-\u{1ffff}\u{31350}-\u{10ffff}]/u;

const rightToLeft = /[\p{Script=Hebrew}\p{Script=Arabic}\p{Script=Syriac}\p{Script=Thaana}\p{Script=Nko}]/u;
const onlyRightToLeft =
  /^[\p{Script=Hebrew}\p{Script=Arabic}\p{Script=Syriac}\p{Script=Thaana}\p{Script=Nko}\p{Mn}]+$/u;

function isLabel(label: string): boolean {
  if (!plainLabel.test(label)) return false;
  if (label.slice(2, 4) !== "--") return true;
  // Node gives back as it is what it can't decode.
  const shown = label.startsWith("xn--") ? domainToUnicode(label) : label;
  if (shown === label) return false;
  if (!internationalLabel.test(shown) || disallowed.test(shown) || domainToASCII(shown) !== label) return false;
  return !rightToLeft.test(shown) || onlyRightToLeft.test(shown);
}

/** True for a domain name in ASCII form, lower case, that RFC 1034 and IDNA allow. Some that IDNA allows are refused too. */
export function isDomainName(host: string): boolean {
  return host.length <= 253 && host.split(".").every(isLabel);
}

const defanged = /^h(?:xx|tt)p(s?):\/\/((?:[a-z0-9.-]+|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?)(|\/.*)$/su;
const notInPath = /%(?![0-9A-Fa-f]{2})|[^A-Za-z0-9._~:/@!$&'()*+,;=%-]/gu;

/**
 * A feed's defanged URL (`hxxp://host/path`) as the URI it stands for, with what RFC 3986 doesn't allow in a path
 * percent-encoded; `undefined` where it is none.
 */
export function uriOf(url: string): string | undefined {
  const [, secure, authority, path] = defanged.exec(url.toWellFormed()) ?? [];
  if (secure === undefined || authority === undefined || path === undefined) return undefined;
  return `http${secure}://${authority}${path.replace(notInPath, encodeURIComponent)}`;
}

/** A text as a STIX pattern's string constant. @see STIX 2.1 §9.3 */
export function patternString(text: string): string {
  return `'${text.replace(/[\\']/g, "\\$&")}'`;
}
