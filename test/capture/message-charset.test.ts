/**
 * Charsets of bodies: labels, decoders that Node lacks, and guesses where the label is missing or wrong.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { encodingOf } from "../../src/capture/charset.ts";
import { decodeBy } from "../../src/capture/decoders.ts";
import { openLanguages } from "../../src/capture/language.ts";
import { decodeText, tidy } from "../../src/capture/text.ts";

const { judge, language } = await openLanguages();

test("labels as found in spam name encodings", () => {
  const labels = {
    big5: ["Big5", "CHINESEBIG5", "x-big5", "cn-big5", "cp950", "BIG5-HKSCS"],
    gbk: ["gb2312", "GB2312_CHARSET", "x-gbk", "cp936", "GB_2312-80", "euc-cn"],
    gb18030: ["gb18030", "GB18030-2000"],
    "euc-kr": ["ks_c_5601-1987", "KSC5601", "euckr", "cp949", "uhc"],
    "iso-2022-jp": ["ISO-2022-JP", "iso2022jp", "iso-2022-j", "csISO2022JP"],
    shift_jis: ["Shift_JIS", "x-sjis", "cp932", "shift-jis", "windows-31j"],
    "windows-1251": ["windows-1251", "win1251", "cp1251", "WINDOWS_1251"],
    "koi8-r": ["koi8-r", "koi8_r", "KOI8R"],
    "iso-8859-2": ["iso-8859-2", "ISO8859_2", "latin2", '3D"iso-8859-2"', "iso_8859-2:1987"],
    "windows-1252": ["us-ascii", "iso-8859-1", "ANSI_X3.4-1968"],
    "windows-874": ["tis-620"],
  };
  for (const [encoding, written] of Object.entries(labels)) {
    for (const label of written) assert.equal(encodingOf(label), encoding, label);
  }
  for (const label of ["", "windows-125", "default_charset", "no-such-charset", "x".repeat(5000), "\0"]) {
    assert.equal(encodingOf(label), undefined, label);
  }
});

test("UHC: every syllable of Korean has its bytes, in the order of Unicode within the extension", () => {
  // From windows-949: where the extension begins, where its rows get shorter, where it ends, and one that people write.
  const known = { "8141": "갂", a0fe: "좤", a141: "좥", c652: "힣", "8c63": "똠" };
  for (const [bytes, syllable] of Object.entries(known)) {
    assert.equal(decodeBy(Buffer.from(bytes, "hex"), "euc-kr"), syllable, bytes);
  }
  const syllables = new Set<string>();
  for (let lead = 0x81; lead <= 0xc8; lead += 1) {
    for (let trail = 0x41; trail <= 0xfe; trail += 1) {
      const text = decodeBy(Uint8Array.of(lead, trail), "euc-kr");
      if (/^[가-힣]$/.test(text)) syllables.add(text);
    }
  }
  assert.equal(syllables.size, 11_172);
});

test("Cantonese characters of Big5-HKSCS, and private use where a character isn't known", () => {
  assert.equal(decodeBy(Buffer.from("9DEF9DF79DF69DF89DF59DCF", "hex"), "big5"), "嘅咗喺啲嗰嘢");
});

test("windows-1252 signs, HZ, ISO-2022-KR, UTF-16", () => {
  assert.equal(decodeText(Buffer.from("93a58094", "hex"), "iso-8859-1").text, "“¥€”");
  assert.equal(decodeText(Buffer.from('ok ~{VPND~} ok ~{7"F1~}'), "hz-gb-2312").text, "ok 中文 ok 发票");
  assert.equal(decodeText(Buffer.from("\x1b$)C\x0e>H3g\x0f ok", "latin1"), undefined).text, "안녕 ok");
  assert.equal(decodeText(Buffer.from("\ufeff特價", "utf16le"), undefined).text, "特價");
});

/** Sentences, and the encodings they are sent in without a label or under a wrong one. */
const samples: readonly { readonly text: string; readonly hex: Readonly<Record<string, string>> }[] = [
  {
    text: "歡迎訂購，數量有限",
    hex: { big5: "C577AAEFAD71C1CAA141BCC6B671A6B3ADAD" },
  },
  { text: "欢迎订购，数量有限", hex: { gbk: "BBB6D3ADB6A9B9BAA3ACCAFDC1BFD3D0CFDE" } },
  { text: "무료로 가입하세요", hex: { "euc-kr": "B9ABB7E1B7CE20B0A1C0D4C7CFBCBCBFE4" } },
  {
    text: "無料で登録できます",
    hex: { shift_jis: "96B397BF82C5936F985E82C582AB82DC82B7", "euc-jp": "CCB5CEC1A4C7C5D0CFBFA4C7A4ADA4DEA4B9" },
  },
  {
    text: "Скидки на все товары",
    hex: {
      "windows-1251": "D1EAE8E4EAE820EDE020E2F1E520F2EEE2E0F0FB",
      "koi8-r": "F3CBC9C4CBC920CEC120D7D3C520D4CFD7C1D2D9",
    },
  },
];

test("8-bit text is read by what it is: unlabelled, or labelled as ASCII, Latin-1, UTF-8 or nonsense", () => {
  for (const { text, hex } of samples) {
    for (const [encoding, bytes] of Object.entries(hex)) {
      for (const label of [undefined, "us-ascii", "iso-8859-1", "utf-8", "x-unknown", encoding]) {
        const decoded = decodeText(Buffer.from(bytes, "hex"), label, { judge });
        assert.deepEqual(decoded, { text, encoding }, `${encoding} as ${label}`);
      }
    }
  }
});

test("UTF-8 is UTF-8 whatever the label, and Latin-1 stays Latin-1", () => {
  for (const label of [undefined, "us-ascii", "iso-8859-1", "big5", "koi8-r"]) {
    assert.equal(decodeText(Buffer.from("Gültig für 特價商品"), label, { judge }).text, "Gültig für 特價商品");
  }
  for (const text of ["Estimado señor, aproveche la promoción", "Günstige Kredite für jedermann, prüfen Sie"]) {
    for (const label of [undefined, "us-ascii", "iso-8859-1", "windows-1252", "utf-8"]) {
      assert.equal(decodeText(Buffer.from(text, "latin1"), label, { judge }).text, text, label);
    }
  }
});

test("a text cut within a character, or with a broken byte, keeps its encoding", () => {
  const cut = Buffer.concat([Buffer.from("歡迎訂購，數量有限".repeat(3)), Buffer.from([0xe6, 0xad])]);
  assert.equal(decodeText(cut, "utf-8", { judge }).encoding, "utf-8");
  const big5 = Buffer.from(`${"C577AAEFAD71C1CAA141".repeat(5)}C5`, "hex");
  assert.equal(decodeText(big5, "big5", { judge }).encoding, "big5");
});

test("languages are told of running text, and not of too little", () => {
  const texts = {
    zh: "歡迎訂購本公司最新產品，數量有限，請立即來電",
    ja: "無料で登録できますのでぜひお試しください",
    ko: "무료로 가입하시고 다양한 혜택을 받아보세요",
    ru: "Скидки на все товары нашего магазина только сегодня",
    pl: "Zarabiaj przez internet bez żadnych kosztów, zapraszamy do współpracy",
    pt: "Promoção imperdível: compre já o seu cartão sem anuidade e ganhe",
    es: "Estimado señor, le ofrecemos una promoción única para su jardín",
    en: "Dear friend, we offer you the best mortgage rates in the whole country",
  };
  for (const [code, text] of Object.entries(texts)) {
    assert.equal(language(text), code);
    assert.equal(language(`${text} http://example.com/x?y=1 you@example.org 12345`), code);
  }
  assert.equal(language("広告無料会員登録", "shift_jis"), "ja");
  for (const text of ["", "hello", "12345 67890 http://example.com/", "xK3f9 qq77"])
    assert.equal(language(text), undefined);
});

test("no bytes under any label make a decoder throw, and tidy text is well-formed", () => {
  const label = fc.option(
    fc.constantFrom("big5", "gb2312", "iso-2022-jp", "ks_c_5601-1987", "hz", "iso-2022-kr", "utf-16", "utf-7", "x"),
    {
      nil: undefined,
    },
  );
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), label, (bytes, declared) => {
      const { text } = decodeText(Buffer.from(bytes), declared, { judge });
      assert.ok(tidy(text, 50).isWellFormed());
      assert.ok([...tidy(text, 50)].length <= 50);
    }),
    { numRuns: 500 },
  );
});
