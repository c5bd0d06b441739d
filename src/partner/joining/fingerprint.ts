/**
 * Fingerprints: what two people compare by phone, so that a key is known to be the partner's. Pure.
 *
 * 24 digits in six groups of four, of the key's RFC 7638 thumbprint (a SHA-256) taken as one number, modulo 10^24. Digits
 * are said the same in every language that we call in, and none sounds like another letter. Who wants to put a key of
 * their own in the place of a partner's needs one with the same digits: 10^24 attempts, 2^79.7. With ten thousand machines
 * that each make 10^9 keys a second that is 3,000 years; an invitation lives a week. That two keys of one's own are alike
 * takes 2^40 attempts, and wins nothing: whoever has both could have sent either.
 */

/**
 * The fingerprint of a key, from its RFC 7638 thumbprint in base64url: `0123 4567 8901 2345 6789 0123`.
 *
 * Browsers get the text of this function: it uses nothing else of this file.
 */
export function fingerprintOf(thumbprint: string): string {
  const bytes = atob(thumbprint.replaceAll("-", "+").replaceAll("_", "/"));
  let number = 0n;
  for (const byte of bytes) number = number * 256n + BigInt(byte.charCodeAt(0));
  const digits = String(number % 10n ** 24n).padStart(24, "0");
  return digits.replace(/\d{4}(?=\d)/g, "$& ");
}

/** True where somebody wrote this fingerprint, in whatever groups. */
export function isFingerprint(written: string, fingerprint: string): boolean {
  const digits = (text: string) => text.replace(/[\s.\-–—]/g, "");
  return digits(written) === digits(fingerprint);
}
