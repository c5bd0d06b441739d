/**
 * Compact JWTs of whatever origin, read strictly before any key is looked at: three parts of exact base64url, JSON without
 * repeated members, and a header of `alg`, `kid` and `typ` alone, so that nothing in a token can name a key, an address or
 * an extension. Pure.
 *
 * @see RFC 7519 (JWT), RFC 7515 §3.1 (compact form), RFC 8725 §2 (what goes wrong), RFC 8259 §4 (repeated names)
 */
import { z } from "zod";
import { decodeBase64url } from "../../publication/sign.ts";

/** Longest token that is looked at, in characters. */
const maxTokenLength = 4096;

const headerSchema = z.strictObject({
  alg: z.enum(["EdDSA", "Ed25519", "ES256"]),
  kid: z.string().min(1).max(200).optional(),
  typ: z.string().max(60).optional(),
});

/** A token whose form is right and whose signature nobody has checked yet. */
export interface UncheckedJwt {
  readonly header: Readonly<z.infer<typeof headerSchema>>;
  readonly claims: Readonly<Record<string, unknown>>;
}

/** Reads a compact JWT's form; `undefined` where it isn't exactly one. */
export function readCompactJwt(token: string): UncheckedJwt | undefined {
  if (token.length > maxTokenLength) return undefined;
  const parts = token.split(".");
  const [header, claims, signature] = parts.map(decodeBase64url);
  if (parts.length !== 3 || header === undefined || claims === undefined || !signature?.length) return undefined;
  const headerObject = headerSchema.safeParse(exactObject(header));
  const claimsObject = exactObject(claims);
  if (!headerObject.success || claimsObject === undefined) return undefined;
  return { header: headerObject.data, claims: claimsObject };
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The JSON object in these bytes; `undefined` for anything else, and where any object in it has a member twice. */
function exactObject(bytes: Uint8Array): Record<string, unknown> | undefined {
  try {
    const text = utf8.decode(bytes);
    const value: unknown = JSON.parse(text);
    if (typeof value !== "object" || value === null || Array.isArray(value) || repeatsMember(text)) return undefined;
    return value as Record<string, unknown>; // an object of JSON
  } catch {
    return undefined;
  }
}

/** True where an object of this JSON text, which was parsed before, has two members of one name. */
function repeatsMember(text: string): boolean {
  const names: (Set<string> | undefined)[] = [];
  for (const [token] of text.matchAll(/"(?:[^"\\]|\\.)*"\s*:?|[{}[\]]/g)) {
    if (token === "{") names.push(new Set());
    else if (token === "[") names.push(undefined);
    else if (token === "}" || token === "]") names.pop();
    else if (token.endsWith(":")) {
      const name = String(JSON.parse(token.slice(0, -1)));
      const known = names.at(-1);
      if (known?.has(name)) return true;
      known?.add(name);
    }
  }
  return false;
}
