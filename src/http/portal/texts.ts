/**
 * Every sentence of the portal, in one language: another language is another object of this type (figures have theirs in
 * `texts/figures.ts`), and nothing else changes. What partners and spammers wrote never stands here.
 */
import { counted } from "./texts/language.ts";
import { operatorTexts } from "./texts/operator.ts";
import { partnerTexts } from "./texts/partner.ts";
import { signInTexts } from "./texts/sign-in.ts";

/** What all pages have in common, then the pages by whom they are for. */
export const texts = {
  portal: (issuer: string) => `Feeds of ${issuer}`,
  skip: "To the content",
  navigation: "Pages",
  pathTo: "Where you are",
  home: "Your feeds",
  trend: "Are we getting cleaner?",
  signOut: "Sign out",
  failed: "That didn't work",
  nothing: "There is nothing here for you. Your feeds are on the first page.",
  span: {
    minutes: (count: number) => counted(count, "minute"),
    hours: (count: number) => counted(count, "hour"),
    days: (count: number) => counted(count, "day"),
  },
  none: "–",
  ...signInTexts,
  ...partnerTexts,
  site: operatorTexts,
} as const;
