/**
 * Whom simulated campaigns write to: mail domains by language, with the economy in which their simulated mail servers
 * stand, and which languages come from which economy. All weights are assumed; that over 90 % of targets are outside
 * Brazil is the phase's.
 *
 * Domains are well-known ones, as names in simulated envelopes only: every local part begins with `sim.` and is made up.
 */
import type { Economy } from "../model.ts";
import type { Language } from "./simulate-text.ts";

/** Mail domains: `domain economy`, the economy of its mail servers. */
export const mailDomains: readonly { readonly domain: string; readonly economy: Economy }[] = `
  yahoo.com.tw TW, hinet.net TW, pchome.com.tw TW, seed.net.tw TW, yahoo.com.hk HK, netvigator.com HK, sina.com.hk HK,
  163.com CN, 126.com CN, qq.com CN, sina.com CN, yahoo.co.jp JP, nifty.com JP, ocn.ne.jp JP, so-net.ne.jp JP,
  biglobe.ne.jp JP, naver.com KR, hanmail.net KR, wp.pl PL, o2.pl PL, onet.pl PL, interia.pl PL, ukr.net UA, i.ua UA,
  mail.ru RU, rambler.ru RU, adinet.com.uy UY, montevideo.com.uy UY, yahoo.es ES, yahoo.com.mx MX, uol.com.br BR,
  terra.com.br BR, bol.com.br BR, web.de DE, gmx.de DE, t-online.de DE, bigpond.com AU, optusnet.com.au AU,
  yahoo.com.au AU, btinternet.com GB, gmail.com US, hotmail.com US, yahoo.com US, aol.com US, comcast.net US`
  .trim()
  .split(/,\s+/)
  .map((entry) => {
    const [domain = "", economy = ""] = entry.split(" ");
    return { domain, economy };
  });

/** Weights by name, written as `name:weight` separated by spaces. */
function weights(text: string): ReadonlyMap<string, number> {
  return new Map(
    text.split(" ").map((entry) => {
      const [name = "", weight] = entry.split(":");
      return [name, Number(weight)];
    }),
  );
}

/** Weights of recipient domains for each language. */
export const domainsOfLanguage: Readonly<Record<Language, ReadonlyMap<string, number>>> = {
  "zh-TW": weights(
    "yahoo.com.tw:40 hinet.net:25 pchome.com.tw:10 seed.net.tw:6 gmail.com:5 hotmail.com:6 netvigator.com:2 yahoo.com.hk:3 163.com:3",
  ),
  "zh-CN": weights(
    "163.com:30 qq.com:24 126.com:10 sina.com:10 yahoo.com.tw:9 sina.com.hk:4 yahoo.com.hk:4 gmail.com:9",
  ),
  ja: weights("yahoo.co.jp:45 ocn.ne.jp:18 nifty.com:12 biglobe.ne.jp:10 so-net.ne.jp:8 hotmail.com:7"),
  ko: weights("naver.com:55 hanmail.net:40 hotmail.com:5"),
  pl: weights("wp.pl:35 o2.pl:25 onet.pl:20 interia.pl:15 gmail.com:5"),
  uk: weights("ukr.net:50 i.ua:25 mail.ru:15 gmail.com:10"),
  ru: weights("mail.ru:60 rambler.ru:20 ukr.net:15 gmail.com:5"),
  es: weights("adinet.com.uy:25 montevideo.com.uy:10 hotmail.com:25 yahoo.es:20 yahoo.com.mx:20"),
  pt: weights("uol.com.br:40 terra.com.br:25 bol.com.br:20 hotmail.com:15"),
  de: weights("web.de:40 gmx.de:35 t-online.de:25"),
  en: weights(
    "yahoo.com:20 hotmail.com:18 gmail.com:12 aol.com:14 comcast.net:6 bigpond.com:5 optusnet.com.au:3 yahoo.com.au:2 btinternet.com:4 netvigator.com:3 yahoo.co.jp:3 wp.pl:2 onet.pl:1 adinet.com.uy:1 uol.com.br:2 hinet.net:2 web.de:2",
  ),
};

/** Languages that sources of every other economy send. */
const elsewhere = weights("en:76 es:10 ru:8 pl:3 de:2 pt:1");

const languagesOf: Readonly<Record<Economy, ReadonlyMap<string, number>>> = {
  TW: weights("zh-TW:86 en:6 ja:3 zh-CN:3 ko:1 es:1"),
  CN: weights("zh-TW:45 zh-CN:32 en:17 ja:6"),
  US: weights("en:72 zh-TW:12 es:8 ja:3 pl:3 de:2"),
  CA: weights("en:90 zh-TW:8 es:2"),
  JP: weights("ja:75 en:20 zh-TW:5"),
  HK: weights("zh-TW:60 en:30 zh-CN:10"),
  KR: weights("ko:70 en:20 zh-TW:10"),
  UA: weights("ru:50 uk:30 en:20"),
  DE: weights("de:60 en:40"),
  BR: weights("pt:80 en:12 es:8"),
  PL: weights("pl:70 en:30"),
  UY: weights("es:80 en:20"),
};

/** Weights of languages for sources of an economy. */
export function languagesFrom(economy: Economy): ReadonlyMap<string, number> {
  return languagesOf[economy] ?? elsewhere;
}
