/**
 * Charset labels as found in mail to names of encodings: WHATWG labels, and those that software and spammers write
 * instead. Used by `text.ts`.
 *
 * @see https://encoding.spec.whatwg.org/#names-and-labels
 */

/** Labels that are no WHATWG label, without punctuation and in lower case: `chinesebig5`, `GB2312_CHARSET` are from real spam. */
const aliases: ReadonlyMap<string, string> = new Map([
  ["chinesebig5", "big5"],
  ["big5hkscs2004", "big5"],
  ["cp950", "big5"],
  ["windows950", "big5"],
  ["gb2312charset", "gbk"],
  ["chinesegb2312", "gbk"],
  ["gb231280", "gbk"],
  ["euccn", "gbk"],
  ["cp936", "gbk"],
  ["windows936", "gbk"],
  ["gb180302000", "gb18030"],
  ["hzgb2312", "hz"],
  ["hz", "hz"],
  ["iso2022kr", "iso-2022-kr"],
  ["csiso2022kr", "iso-2022-kr"],
  ["ksc5601", "euc-kr"],
  ["ksc56011987", "euc-kr"],
  ["ksc56011992", "euc-kr"],
  ["euckr", "euc-kr"],
  ["uhc", "euc-kr"],
  ["cp949", "euc-kr"],
  ["ms949", "euc-kr"],
  ["shiftjis", "shift_jis"],
  ["cp932", "shift_jis"],
  ["ms932", "shift_jis"],
  ["mskanji", "shift_jis"],
  ["windows932", "shift_jis"],
  ["eucjp", "euc-jp"],
  ["ujis", "euc-jp"],
  ["jis", "iso-2022-jp"],
  ["iso2022jp", "iso-2022-jp"],
  ["iso2022j", "iso-2022-jp"],
  ["iso2022jp1", "iso-2022-jp"],
  ["iso2022jp2", "iso-2022-jp"],
  ["iso2022jpms", "iso-2022-jp"],
  ["cp50220", "iso-2022-jp"],
  ["koi8r", "koi8-r"],
  ["koi8u", "koi8-u"],
  ["cyrillicwindows", "windows-1251"],
  ["win1251", "windows-1251"],
  ["win1250", "windows-1250"],
  ["tis620", "windows-874"],
  ["utf8mb4", "utf-8"],
]);

/** The name of the encoding that a label means; `undefined` where it means none. Labels are attacker-written. */
export function encodingOf(label: string): string | undefined {
  // Headers that were quoted-printable themselves: charset=3D"iso-8859-2".
  const trimmed = label
    .toLowerCase()
    .slice(0, 40)
    .replace(/^3d|["'\s]/g, "");
  const bare = trimmed.replace(/^(?:x-|cs)/, "").replace(/[^a-z0-9]/g, "");
  return aliases.get(bare) ?? decoderName(trimmed) ?? decoderName(bare) ?? decoderName(withDashes(bare));
}

/** `iso88592` and `windows1251`, however they were punctuated, as WHATWG spells them. */
function withDashes(bare: string): string {
  return bare.replace(/^iso8859(\d+).*$/, "iso-8859-$1").replace(/^(?:windows|win|cp|ms)(125\d)$/, "windows-$1");
}

/** Labels seen, also those that mean nothing; never more than a thousand, since spammers make them up. */
const seenLabels = new Map<string, string | undefined>();

function decoderName(label: string): string | undefined {
  if (seenLabels.has(label)) return seenLabels.get(label);
  let name: string | undefined;
  try {
    name = new TextDecoder(label).encoding;
  } catch {
    // Not a label of a decoder: that is the answer.
  }
  if (seenLabels.size < 1000) seenLabels.set(label, name);
  return name;
}
