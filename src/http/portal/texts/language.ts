/** The language of the portal, and how it counts: everything that is shown is written by these. Pure. */

/** The language of texts, of dates and of numbers (BCP 47). */
export const language = "en";

const grouped = new Intl.NumberFormat(language, { maximumFractionDigits: 1 });

/** `48,211` */
export const number = (value: number): string => grouped.format(value);

/** `1 message`, `12 messages` */
export const counted = (value: number, one: string, many = `${one}s`): string =>
  `${number(value)} ${value === 1 ? one : many}`;
