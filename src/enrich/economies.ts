/**
 * Which two letters are an economy, and which top-level domain is which economy's. Stands under everything in `enrich`:
 * tables, recipient domains and URLs read it.
 *
 * @see ISO 3166-1; IANA root zone database; RFC 5890 §2.3.2.1 for the A-labels of internationalised ccTLDs
 */
import type { Economy } from "../model.ts";

/** The 249 officially assigned alpha-2 codes. EU, AP, ZZ, UK, XK and other reserved or user-assigned codes are none of them. */
const assigned: ReadonlySet<string> = new Set(
  `AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ
   CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR
   GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP
   KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY
   MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM
   PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ
   TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW`.split(
    /\s+/,
  ),
);

/** Internationalised ccTLDs by A-label. The two of the European Union (`.ею`, `.ευ`) are left out, as `.eu` is. */
const internationalised: ReadonlyMap<string, Economy> = new Map(
  Object.entries({
    AE: "xn--mgbaam7a8h",
    AM: "xn--y9a3aq",
    BD: "xn--54b7fta0cc",
    BG: "xn--90ae",
    BH: "xn--mgbcpq6gpa1a",
    BY: "xn--90ais",
    CN: "xn--fiqs8s xn--fiqz9s",
    DZ: "xn--lgbbat1ad8j",
    EG: "xn--wgbh1c",
    GE: "xn--node",
    GR: "xn--qxam",
    HK: "xn--j6w193g",
    IL: "xn--4dbrk0ce",
    IN: `xn--2scrj9c xn--3hcrj9c xn--45br5cyl xn--45brj9c xn--fpcrj9c3d xn--gecrj9c xn--h2breg3eve xn--h2brj9c
         xn--h2brj9c8c xn--mgbbh1a xn--mgbbh1a71e xn--mgbgu82a xn--rvc1e0am3e xn--s9brj9c xn--xkc2dl3a5ee0h`,
    IQ: "xn--mgbtx2b",
    IR: "xn--mgba3a4f16a xn--mgba3a4fra",
    JO: "xn--mgbayh7gpa",
    KR: "xn--3e0b707e",
    KZ: "xn--80ao21a",
    LA: "xn--q7ce6a",
    LK: "xn--fzc2c9e2c xn--xkc2al3hye2a",
    MA: "xn--mgbc0a9azcg",
    MK: "xn--d1alf",
    MN: "xn--l1acc",
    MO: "xn--mix082f xn--mix891f",
    MR: "xn--mgbah1a3hjkrd",
    MY: "xn--mgbx4cd0ab",
    OM: "xn--mgb9awbf",
    PK: "xn--mgbai9a5eva00b xn--mgbai9azgqp6j",
    PS: "xn--ygbi2ammx",
    QA: "xn--wgbl6a",
    RS: "xn--90a3ac",
    RU: "xn--p1ai",
    SA: "xn--mgberp4a5d4a87g xn--mgberp4a5d4ar xn--mgbqly7c0a67fbc xn--mgbqly7cvafr",
    SD: "xn--mgbpl2fh",
    SG: "xn--clchc0ea0b2g2a9gcd xn--yfro4i67o",
    SY: "xn--mgbtf8fl xn--ogbpf8fl",
    TH: "xn--o3cw4h",
    TN: "xn--pgbs0dh",
    TW: "xn--kprw13d xn--kpry57d xn--nnx388a",
    UA: "xn--j1amh",
    YE: "xn--mgb2ddes",
  }).flatMap(([economy, labels]) => labels.split(/\s+/).map((label): [string, Economy] => [label, economy])),
);

/** True for an officially assigned ISO 3166-1 alpha-2 code in upper case. */
export function isEconomy(text: string): boolean {
  return assigned.has(text);
}

/**
 * Economy of a top-level domain given as A-label in lower case: `tw` and `xn--kpry57d` are TW, `uk` is GB; `undefined`
 * for a generic one, and for `eu`, `su`, `ac` and others whose letters are no assigned code.
 */
export function economyOfTld(tld: string): Economy | undefined {
  if (tld === "uk") return "GB";
  if (!/^[a-z]{2}$/.test(tld)) return internationalised.get(tld);
  const code = tld.toUpperCase();
  return assigned.has(code) ? code : undefined;
}
