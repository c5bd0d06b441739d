/**
 * The networks that simulated sources stand in, with their shares of all messages in the first SpamPots phase.
 *
 * The networks are facts of the registries: every prefix is registered in the economy and originated by the AS stated, by
 * the project's default tables (a test compares each). The captures made from them never happened. How a share splits
 * inside an economy and the order of the small economies are assumed.
 */
import type { Economy } from "../model.ts";
import { firstPhase } from "./simulate-mix.ts";

/** Shares in per cent of the small partner economies, which the phase counted among its other 155: assumed. */
const assumedPercent: Readonly<Record<Economy, number>> = { PL: 0.045, AU: 0.03, UY: 0.008 };

/** A network that simulated sources stand in. */
export interface SourceNetwork {
  readonly economy: Economy;
  readonly asn: number;
  /** Share of all messages, in per cent. */
  readonly percent: number;
  /** IPv4 prefixes in CIDR form. */
  readonly prefixes: readonly string[];
  /** An IPv6 /32, as its first two groups (`2001:b060`). */
  readonly prefix6?: string;
}

/**
 * Economy, AS, its share of all messages in per cent where the phase names it, prefixes. Named there, in this order:
 * TFN-TW, HINET, CNCGROUP, SEEDNET, NCIC-TW, CHINA169, NDCHOST, CHINANET, EXTRALAN, LOOKAS. The ASes without a share split
 * what is left of their economy, each half of what its predecessor has.
 */
const namedNetworks = `
  TW 9924 32.60 124.8.0.0/14 175.98.0.0/15 219.80.0.0/15 49.216.0.0/16 49.219.0.0/16 2001:4550::/32
  TW 3462 25.04 1.160.0.0/12 36.224.0.0/12 59.112.0.0/12 111.240.0.0/12 114.32.0.0/12 218.160.0.0/12 2001:b060::/32
  CN 17623 12.43 27.38.0.0/16 163.125.0.0/16 27.46.0.0/17 121.201.0.0/17
  TW 4780 10.38 175.180.0.0/15 59.105.0.0/16 61.59.0.0/16 112.104.0.0/16 123.204.0.0/16 2001:4580::/32
  TW 9919 1.75 122.146.128.0/18 122.147.64.0/18 218.32.64.0/18 218.32.128.0/18 2401:8000::/32
  CN 4837 1.72 27.192.0.0/12 39.64.0.0/12 42.224.0.0/12
  US 33322 1.59 72.1.240.0/20 208.71.168.0/21 208.82.112.0/21 204.10.36.0/22
  CN 4134 1.39 223.144.0.0/12 36.56.0.0/13 42.88.0.0/13 49.88.0.0/13 240e:400::/32
  TW 18429 1.29 27.147.0.0/18 61.57.128.0/19 123.50.32.0/19
  CA 7271 1.07 74.205.212.0/24
  TW 9416 - 61.70.0.0/15 111.184.0.0/15
  TW 17709 - 218.184.0.0/16 210.85.128.0/17
  TW 24158 - 101.12.0.0/16 49.215.0.0/17
  CN 4808 - 111.192.0.0/13 221.216.0.0/13
  US 36352 - 107.172.64.0/18 107.172.192.0/18
  US 7922 - 73.0.0.0/12 98.192.0.0/12 2601:200::/32
  US 7018 - 99.32.0.0/12 107.192.0.0/12
  US 701 - 63.0.0.0/12 71.112.0.0/12
  US 20115 - 174.80.0.0/13 24.180.0.0/14
  CA 577 - 70.48.0.0/13 65.92.0.0/14
  CA 812 - 99.224.0.0/12 174.112.0.0/13
  CA 6327 - 70.64.0.0/12 24.64.0.0/13
  JP 4713 - 153.128.0.0/12 180.0.0.0/12 2400:4000::/32
  JP 17676 - 60.64.0.0/12 60.128.0.0/12 2400:2000::/32
  JP 2516 - 106.128.0.0/12 27.80.0.0/12
  JP 2518 - 125.192.0.0/13 133.200.0.0/13
  HK 4760 - 112.118.0.0/15 119.236.0.0/15 2404:c801::/32
  HK 9269 - 119.246.0.0/15 123.202.0.0/15
  HK 9304 - 113.252.0.0/14 221.124.0.0/14
  KR 4766 - 14.64.0.0/12 175.224.0.0/12
  KR 9318 - 180.68.0.0/14 1.250.0.0/15
  KR 3786 - 1.216.0.0/14 106.244.0.0/14
  UA 6849 - 37.54.0.0/15 46.200.0.0/15
  UA 15895 - 46.118.0.0/15 5.248.0.0/16
  DE 3320 - 79.192.0.0/12 84.128.0.0/12 2003:80::/32
  DE 6805 - 77.0.0.0/12 77.176.0.0/12
  DE 24940 - 49.12.0.0/15 91.98.0.0/15
  BR 27699 - 177.94.0.0/15 177.102.0.0/15
  BR 28573 - 179.136.0.0/13 191.176.0.0/13
  BR 8167 - 201.40.0.0/15 200.101.0.0/16
  PL 5617 - 83.16.0.0/12 79.184.0.0/13 2a01:1000::/32
  PL 12741 - 77.252.0.0/14 78.10.0.0/15
  PL 8374 - 46.76.0.0/15 31.0.0.0/16
  AU 1221 - 1.128.0.0/12 58.160.0.0/12 2001:8000::/32
  AU 4804 - 49.176.0.0/12 49.192.0.0/13
  AU 7545 - 14.200.0.0/14 115.128.0.0/14
  UY 6057 - 167.56.0.0/13 179.24.0.0/13 2800:a0::/32
  UY 19422 - 152.156.0.0/16 186.8.0.0/17`;

/** One network for each of 152 more economies, so that there are 165 as in the phase; their order is assumed. */
const otherNetworks = `
  GB 2856 86.128.0.0/16, FR 3215 86.192.0.0/16, IT 3269 79.0.0.0/16, NL 1136 77.160.0.0/16, RU 12389 178.64.0.0/16,
  IN 9829 117.192.0.0/16, ES 3352 83.32.0.0/16, SG 9506 121.6.0.0/16, SE 3301 78.64.0.0/16, ZA 3741 196.212.0.0/16,
  MX 8151 189.224.0.0/16, EG 8452 156.192.0.0/16, ID 23693 39.192.0.0/16, CH 3303 85.0.0.0/16,
  AR 7303 152.168.0.0/16, CO 26611 181.144.0.0/16, TR 9121 85.96.0.0/16, VN 45899 14.160.0.0/16,
  NO 2119 88.88.0.0/16, IE 1213 87.32.0.0/16, FI 719 91.152.0.0/16, BE 5432 109.128.0.0/16, MA 6713 105.144.0.0/16,
  DK 3292 80.160.0.0/16, SA 25019 37.104.0.0/16, AT 8447 91.112.0.0/16, IR 58224 5.232.0.0/16,
  CL 7418 181.160.0.0/16, TH 17552 58.8.0.0/16, CZ 5610 88.100.0.0/16, IL 12400 2.52.0.0/16,
  TN 37693 102.104.0.0/16, MY 4788 175.136.0.0/16, RO 8708 5.12.0.0/16, VE 8048 190.36.0.0/16,
  PT 3243 85.240.0.0/16, PH 9299 49.144.0.0/16, MU 37100 105.16.0.0/16, HU 5483 81.182.0.0/16,
  NZ 9500 49.224.0.0/16, AE 5384 2.48.0.0/16, GR 6799 94.64.0.0/16, PK 17557 39.48.0.0/16, DZ 36947 105.96.0.0/16,
  KE 33771 105.160.0.0/16, BG 8866 79.100.0.0/16, PE 6147 190.232.0.0/16, KZ 9198 2.132.0.0/16,
  SC 135097 156.224.128.0/17, LT 8764 78.56.0.0/16, SK 6855 78.98.0.0/16, NG 29465 102.88.0.0/16,
  SI 5603 188.196.0.0/16, EC 14522 186.70.0.0/16, HR 5391 93.136.0.0/16, RS 8400 93.86.0.0/16,
  CR 11830 201.192.0.0/16, BD 24342 115.127.64.0/18, LV 12578 46.109.0.0/16, DO 6400 179.52.0.0/16,
  GH 30986 154.160.0.0/16, BY 6697 178.120.0.0/16, KW 42961 37.36.0.0/16, SD 36998 154.96.0.0/16,
  PA 11556 186.72.0.0/16, ZM 37287 102.144.0.0/16, CI 36974 102.136.0.0/16, EE 3249 90.190.0.0/16,
  LU 42848 158.166.0.0/16, UG 37075 102.80.0.0/16, SY 29256 5.0.0.0/16, GE 35805 31.146.0.0/16,
  AO 37119 105.168.0.0/16, QA 8781 37.210.0.0/16, BO 28024 179.58.0.0/16, MD 8926 92.115.0.0/16,
  PY 23201 181.120.0.0/16, CY 6866 31.153.0.0/16, OM 28885 5.36.0.0/16, TZ 37133 156.156.0.0/16,
  BH 51375 37.131.0.0/17, IS 12969 194.144.0.0/16, PS 12975 188.161.0.0/16, BA 9146 31.176.128.0/17,
  IQ 203214 37.237.0.0/17, AZ 39232 37.26.0.0/18, PR 10396 64.237.128.0/17, MK 6821 77.28.0.0/16,
  MT 12709 94.17.0.0/16, SV 14754 179.5.0.0/16, GT 14754 186.151.128.0/17, JO 8376 46.185.128.0/17,
  NP 38565 36.252.0.0/16, MG 37054 102.16.0.0/16, LK 9329 112.134.0.0/16, LB 42003 178.135.0.0/16,
  KH 38623 36.37.128.0/17, HN 7727 181.210.0.0/16, AL 21246 46.99.0.0/16, AM 44395 46.241.128.0/17,
  TT 5639 186.44.0.0/16, CM 36912 102.246.0.0/16, LY 21003 41.252.0.0/16, NA 36996 41.182.0.0/16,
  MZ 37342 197.218.0.0/16, NI 14754 186.76.0.0/16, SN 8346 41.82.0.0/16, UZ 8193 213.230.64.0/18,
  GA 16058 41.158.0.0/16, ET 24757 196.188.0.0/16, RE 37002 102.35.0.0/16, MO 4609 60.246.0.0/16,
  TG 24691 196.168.0.0/16, BF 37577 102.178.0.0/16, MW 37294 102.71.0.0/16, KG 12997 37.218.128.0/18,
  GM 37309 160.182.0.0/16, RW 37228 105.178.0.0/17, CU 27725 152.206.0.0/18, MM 9988 203.81.64.0/19,
  GU 3605 101.99.128.0/17, YE 30873 134.35.0.0/16, JM 30689 72.27.0.0/17, BN 133875 158.161.0.0/16,
  ME 8585 31.204.192.0/18, AF 55330 149.54.64.0/18, CW 11081 190.88.64.0/18, MN 17882 202.70.32.0/20,
  BW 14988 168.167.0.0/16, HT 27759 148.102.128.0/17, GP 21351 93.121.128.0/17, CD 37598 197.189.0.0/17,
  BJ 328228 137.255.128.0/18, FJ 24390 144.120.0.0/16, CG 37463 160.113.0.0/16, NC 18200 101.101.0.0/18,
  BB 14813 23.236.0.0/20, BS 15146 24.51.64.0/18, BZ 10269 190.197.0.0/17, VI 20243 146.226.0.0/16,
  LS 37057 156.0.0.0/18, ZW 37183 41.85.208.0/20, VG 401348 141.8.224.0/21, BM 3855 207.228.128.0/18,
  LI 20634 80.66.224.0/20, AW 11816 181.41.32.0/20, LA 9873 115.84.64.0/18, MV 7642 27.114.128.0/18,
  JE 8681 82.112.128.0/19, TJ 24722 217.11.176.0/20, IM 13122 87.254.64.0/19, GI 8301 178.208.192.0/19`;

const percentOfEconomy: Readonly<Record<Economy, number>> = {
  ...Object.fromEntries(
    Object.entries(firstPhase.messagesByEconomy).map(([economy, count]) => [
      economy,
      (100 * count) / firstPhase.messages,
    ]),
  ),
  ...assumedPercent,
};

interface NetworkRow extends Omit<SourceNetwork, "percent"> {
  readonly percent?: number;
}

function namedRow(line: string): NetworkRow {
  const [economy = "", asn, percent, ...prefixes] = line.trim().split(" ");
  const six = prefixes.find((prefix) => prefix.includes(":"));
  return {
    economy,
    asn: Number(asn),
    ...(percent === "-" ? {} : { percent: Number(percent) }),
    prefixes: prefixes.filter((prefix) => !prefix.includes(":")),
    ...(six === undefined ? {} : { prefix6: six.slice(0, six.indexOf("::")) }),
  };
}

/** The rows of one economy, those without a share given what is left of it. */
function shared(economy: Economy, rows: readonly NetworkRow[]): SourceNetwork[] {
  const stated = rows.reduce((sum, row) => sum + (row.percent ?? 0), 0);
  const left = (percentOfEconomy[economy] ?? 0) - stated;
  const open = rows.filter((row) => row.percent === undefined).length;
  let part = 2 ** open;
  return rows.map((row) => {
    if (row.percent !== undefined) return { ...row, percent: row.percent };
    part /= 2;
    return { ...row, percent: (left * part) / (2 ** open - 1) };
  });
}

function allNetworks(): SourceNetwork[] {
  const rows = namedNetworks.trim().split("\n").map(namedRow);
  const economies = [...new Set(rows.map((row) => row.economy))];
  const named = economies.flatMap((economy) =>
    shared(
      economy,
      rows.filter((row) => row.economy === economy),
    ),
  );
  const left = 100 - named.reduce((sum, network) => sum + network.percent, 0);
  const others = otherNetworks.trim().split(/,\s+/);
  const weights = others.map((_, rank) => 1 / (rank + 3));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return [
    ...named,
    ...others.map((entry, rank) => {
      const [economy = "", asn, prefix = ""] = entry.split(" ");
      return { economy, asn: Number(asn), percent: (left * (weights[rank] ?? 0)) / total, prefixes: [prefix] };
    }),
  ];
}

/** Every network of the simulation, in the order of the tables; shares add up to 100. */
export const sourceNetworks: readonly SourceNetwork[] = allNetworks();
