/**
 * Decoders of the encodings found in mail. Node's `TextDecoder` knows most; this file adds what spam needs and it lacks:
 * 7-bit Chinese and Korean, the Korean syllables of UHC, Cantonese characters of Big5, joined ISO-2022-JP.
 *
 * @see https://encoding.spec.whatwg.org/ whose `euc-kr` and `big5` include those characters, while ICU's do not
 */
import { TextDecoder } from "node:util";

const decoders = new Map<string, TextDecoder>();

function decoder(encoding: string): TextDecoder {
  const known = decoders.get(encoding);
  if (known !== undefined) return known;
  const made = new TextDecoder(encoding);
  decoders.set(encoding, made);
  return made;
}

/** `bytes` by an encoding that `encodingOf` names; what can't be decoded becomes U+FFFD. */
export function decodeBy(bytes: Uint8Array, encoding: string): string {
  const shift = shifts.get(encoding);
  if (shift !== undefined) return decodeShifted(bytes, shift);
  if (encoding === "iso-2022-jp") return decodeJis(bytes);
  if (encoding === "euc-kr") return decodeKorean(bytes);
  const text = decoder(encoding).decode(bytes);
  return encoding === "big5" ? withCantonese(text) : text;
}

/** A 7-bit encoding: marks between which each byte lacks its high bit, and the encoding of the same characters in 8 bits. */
interface Shift {
  readonly enter: string;
  readonly leave: string;
  readonly as: string;
}

/** HZ (RFC 1843) and ISO-2022-KR (RFC 1557), which the WHATWG standard gave up. */
const shifts: ReadonlyMap<string, Shift> = new Map([
  ["hz", { enter: "~{", leave: "~}", as: "gbk" }],
  ["iso-2022-kr", { enter: "\u000e", leave: "\u000f", as: "euc-kr" }],
]);

/** True for an encoding whose bytes are ASCII but mean other characters between marks. */
export function isShifted(encoding: string): boolean {
  return shifts.has(encoding);
}

function decodeShifted(bytes: Uint8Array, { enter, leave, as }: Shift): string {
  const text = Buffer.from(bytes).toString("latin1").replaceAll("\u001b$)C", "");
  const unshifted = Buffer.alloc(text.length);
  let length = 0;
  let wide = false;
  for (let at = 0; at < text.length; at += 1) {
    const mark = wide ? leave : enter;
    if (text.startsWith(mark, at)) {
      wide = !wide;
      at += mark.length - 1;
      continue;
    }
    const code = text.charCodeAt(at);
    unshifted[length] = wide && code > 32 ? code | 128 : code;
    length += 1;
  }
  return decodeBy(unshifted.subarray(0, length), as);
}

/** Escape sequences of ISO-2022-JP (its `$B` and `$@` for kanji, `(B`, `(J`, `(I`), after the escape character. */
const jisEscape = "\u001b(?:\\$[@B]|\\([BIJ])";
const anyJisEscape = new RegExp(jisEscape);

/** Those that another follows at once. */
const repeatedEscapes = new RegExp(`(?:${jisEscape})+(?=${jisEscape})`, "g");

/** True where ASCII bytes are ISO-2022-JP. */
export function holdsJis(bytes: Uint8Array): boolean {
  return anyJisEscape.test(Buffer.from(bytes).toString("latin1"));
}

/** WHATWG's decoder takes an escape right after another for an attack; joined encoded words are full of them. */
function decodeJis(bytes: Uint8Array): string {
  const text = Buffer.from(bytes).toString("latin1");
  return decoder("iso-2022-jp").decode(Buffer.from(text.replace(repeatedEscapes, ""), "latin1"));
}

/** Syllables of UHC (windows-949) that EUC-KR lacks, by their two bytes; made when first needed. */
let uhcSyllables: ReadonlyMap<number, string> | undefined;

/**
 * UHC fills the free places of EUC-KR, in their order, with the syllables that EUC-KR lacks, in theirs: trail bytes
 * A-Z, a-z, 81-FE below lead byte A1, and to A0 from there on.
 */
function makeUhcSyllables(): ReadonlyMap<number, string> {
  const present = new Set<string>();
  for (let lead = 0xb0; lead <= 0xc8; lead += 1) {
    for (let trail = 0xa1; trail <= 0xfe; trail += 1) present.add(decoder("euc-kr").decode(Uint8Array.of(lead, trail)));
  }
  const made = new Map<number, string>();
  let lead = 0x81;
  let trail = 0x41;
  for (let code = 0xac00; code <= 0xd7a3; code += 1) {
    const syllable = String.fromCharCode(code);
    if (present.has(syllable)) continue;
    made.set(lead * 256 + trail, syllable);
    trail = trail === 0x5a ? 0x61 : trail === 0x7a ? 0x81 : trail + 1;
    if (trail <= (lead < 0xa1 ? 0xfe : 0xa0)) continue;
    lead += 1;
    trail = 0x41;
  }
  return made;
}

/** Stands for a syllable while the rest is decoded. */
const substitute = 0x1a;

function decodeKorean(bytes: Uint8Array): string {
  const others = Buffer.alloc(bytes.length);
  const syllables: string[] = [];
  let length = 0;
  for (let at = 0; at < bytes.length; at += 1) {
    const lead = bytes[at] ?? 0;
    const trail = bytes[at + 1] ?? 0;
    const syllable = lead < 0x81 ? undefined : uhcSyllable(lead, trail);
    if (syllable !== undefined || lead === substitute) syllables.push(syllable ?? String.fromCharCode(substitute));
    others[length] = syllable === undefined ? lead : substitute;
    length += 1;
    if (lead < 0x81) continue;
    if (syllable === undefined && trail >= 0xa1) {
      others[length] = trail;
      length += 1;
    }
    if (syllable !== undefined || trail >= 0xa1) at += 1;
  }
  const [first = "", ...rest] = decoder("euc-kr")
    .decode(others.subarray(0, length))
    .split(String.fromCharCode(substitute));
  return first + rest.map((piece, index) => (syllables[index] ?? "") + piece).join("");
}

function uhcSyllable(lead: number, trail: number): string | undefined {
  if (lead >= 0xa1 && trail >= 0xa1) return undefined;
  uhcSyllables ??= makeUhcSyllables();
  return uhcSyllables.get(lead * 256 + trail);
}

/** Characters that Hong Kong writes every day in Big5-HKSCS, with their bytes. The rest of its 5,000 are rare in mail. */
const cantonese =
  "嘅9DEF 咗9DF7 喺9DF6 啲9DF8 嗰9DF5 嘢9DCF 嚟91C1 哋925D 嘥9DE5 瞓8FD4 啱95DA 冚9E52 揾9E4D 埗96F5 邨9068 着FED3 峯FBDF " +
  "綫8EA8 衞8FC0 嚿9DBD 冧9E55 嘞9DD0 啩9E4E 噃9DEB 嗱9DF0 攰9DC7 揼9E4B 掹9E4C 煱9BD5 燶9E49 餸9652 鎅FEB0 鰂916F 脷9563 " +
  "蔴8F77 葱8F62 氹9CAE 漖FCC6 栢FCF8 枱FD5E 嫲8F78 尅FBD4 旣FCD4 朥8EDC";

/** By the private-use character that Node makes of the bytes. */
const cantoneseCharacters: ReadonlyMap<string, string> = new Map(
  cantonese.split(" ").map((entry): [string, string] => {
    const bytes = Buffer.from(entry.slice(1), "hex");
    return [decoder("big5").decode(bytes), entry.charAt(0)];
  }),
);

function withCantonese(text: string): string {
  return text.replace(/[\ue000-\uf8ff]/g, (char) => cantoneseCharacters.get(char) ?? char);
}
