/**
 * Simulated messages: the bytes that a campaign's mailer would write. A message is a short head of its own (Message-ID,
 * To, Date) before a part that the campaign's copies share, so that bodies repeat as they do in the wild; a personal or
 * distinct message has a part of its own.
 *
 * Specification: RFC 5322, RFC 2045-2047.
 */
import { encodedWords, encodeText, transferEncoded } from "./simulate-charset.ts";
import { around, hashOf, Random } from "./simulate-random.ts";
import type { Campaign } from "./simulate-world.ts";

/** Texts that a campaign has at a time. */
export const variantsPerCampaign = 3;

/** What goes into a campaign's text. */
export interface MailSlots {
  readonly url: string;
  readonly ref: string;
  /** Before the subject: the local part of one recipient. */
  readonly greeting?: string;
  /** ASCII words as a last paragraph: what mailers add so that no two bodies are the same. */
  readonly words?: string;
}

const mailers = [
  "Microsoft Outlook Express 6.00.2800.1106",
  "Foxmail 5.0",
  "The Bat! (v2.00.2) Personal",
  "DirectMail 4",
];
const names = ["Customer Care", "Lin", "Service", "Kim", "Info", "Sales", "Nowak", "Support"];

/** A campaign's common words for a variant in a week; `url` and `ref` are the same for all its copies. */
export function slotsOf(seed: number, campaign: Campaign, variant: number, week: number): MailSlots {
  const hash = hashOf(seed, campaign.index, week, 20 + variant);
  const ref = hash.toString(36).toUpperCase();
  return { url: `http://${around(campaign.hosts, hash)}/p${variant + 1}/?c=${ref}`, ref };
}

/** Subject as the reader sees it. */
export function subjectText(campaign: Campaign, slots: MailSlots): string {
  const { subject } = campaign.template;
  return slots.greeting === undefined ? subject : `${slots.greeting}: ${subject}`;
}

/** Paragraphs as the reader sees them. */
export function paragraphsOf(campaign: Campaign, slots: MailSlots): string[] {
  const filled = campaign.template.paragraphs.map((text) =>
    text.replace("{url}", slots.url).replace("{ref}", slots.ref),
  );
  return slots.words === undefined ? filled : [...filled, slots.words];
}

function plainText(campaign: Campaign, slots: MailSlots): string {
  return `${paragraphsOf(campaign, slots).join("\r\n\r\n")}\r\n`;
}

/** Layout as mailers of the time made it: a table and a font for every paragraph. */
const htmlStyle = [
  '<style type="text/css">',
  "body { margin: 0; background-color: #f4f4ee; } a:link { color: #003399; } a:visited { color: #663399; }",
  "td.sim { border: 1px solid #c8c8b4; padding: 8px 14px; font-size: 12px; line-height: 160%; }",
  "</style>",
].join("\r\n");

function htmlParagraph(text: string): string {
  return [
    '<table width="600" border="0" align="center" cellpadding="0" cellspacing="0" bgcolor="#FFFFFF">',
    `<tr><td class="sim" valign="top"><font face="Arial, Helvetica" size="2" color="#333333">${text}</font></td></tr>`,
    "</table>",
  ].join("\r\n");
}

function htmlText(campaign: Campaign, slots: MailSlots): string {
  const { charset } = campaign.template;
  const link = `<a href="${slots.url}" target="_blank">${slots.url}</a>`;
  return [
    '<!DOCTYPE HTML PUBLIC "-//W3C//DTD HTML 4.01 Transitional//EN" "http://www.w3.org/TR/html4/loose.dtd">',
    `<html><head><meta http-equiv="Content-Type" content="text/html; charset=${charset}">`,
    `${htmlStyle}</head><body>`,
    ...paragraphsOf(campaign, slots).map((text) => htmlParagraph(text.replace(slots.url, link))),
    "</body></html>\r\n",
  ].join("\r\n");
}

const ascii = (text: string): Buffer => Buffer.from(text, "latin1");

/** Headers of a text part, an empty line, and the part in its charset and transfer encoding. */
function textPart(campaign: Campaign, type: "plain" | "html", slots: MailSlots): Buffer {
  const { charset, encoding } = campaign.template;
  const text = type === "plain" ? plainText(campaign, slots) : htmlText(campaign, slots);
  return Buffer.concat([
    ascii(`Content-Type: text/${type}; charset=${charset}\r\nContent-Transfer-Encoding: ${encoding}\r\n\r\n`),
    transferEncoded(encodeText(charset, text), encoding),
  ]);
}

/** A small attachment: the head of a GIF, then noise that stands for its picture. */
function imagePart(campaign: Campaign): Buffer {
  const random = new Random(campaign.index, "image");
  const bytes = Buffer.concat([ascii("GIF89a"), Buffer.alloc(300 + random.below(1500))]);
  for (let i = 6; i < bytes.length; i += 1) bytes[i] = random.below(256);
  return Buffer.concat([
    ascii('Content-Type: image/gif; name="report.gif"\r\nContent-Transfer-Encoding: base64\r\n'),
    ascii('Content-Disposition: attachment; filename="report.gif"\r\n\r\n'),
    transferEncoded(bytes, "base64"),
  ]);
}

function multipart(subtype: string, boundary: string, parts: readonly Buffer[]): Buffer {
  return Buffer.concat([
    ascii(`Content-Type: multipart/${subtype};\r\n boundary="${boundary}"\r\n\r\n`),
    ...parts.flatMap((part) => [ascii(`--${boundary}\r\n`), part, ascii("\r\n")]),
    ascii(`--${boundary}--\r\n`),
  ]);
}

/** Content headers and content of a message. */
function content(campaign: Campaign, slots: MailSlots): Buffer {
  const boundary = `----=_Sim_${campaign.index.toString(36)}_${slots.ref}`;
  const { layout } = campaign.template;
  if (layout === "alternative") {
    return multipart("alternative", boundary, [textPart(campaign, "plain", slots), textPart(campaign, "html", slots)]);
  }
  if (layout === "image") {
    return multipart("mixed", boundary, [textPart(campaign, "plain", slots), imagePart(campaign)]);
  }
  return textPart(campaign, layout, slots);
}

function subjectBytes(campaign: Campaign, slots: MailSlots): Buffer {
  const { bareSubject, charset, encoding } = campaign.template;
  const text = subjectText(campaign, slots);
  return bareSubject === true
    ? encodeText(charset, text)
    : ascii(encodedWords(charset, text, encoding === "quoted-printable" ? "Q" : "B"));
}

/** The part of a message that a campaign's copies share: From, Subject, MIME headers, an empty line and the body. */
export function sharedPart(campaign: Campaign, variant: number, slots: MailSlots): Buffer {
  const sender = around(campaign.senders, variant);
  return Buffer.concat([
    ascii(`From: "${around(names, campaign.index)}" <${sender}>\r\nSubject: `),
    subjectBytes(campaign, slots),
    ascii(
      `\r\nX-Mailer: ${around(mailers, campaign.index)}\r\nX-Simulated: spampots simulate\r\nMIME-Version: 1.0\r\n`,
    ),
    content(campaign, slots),
  ]);
}

/**
 * The head of one message: Message-ID, To and Date, ASCII. Its length is a multiple of three, so that the base64 of a
 * message is that of its head followed by that of its shared part.
 *
 * @param date as RFC 5322 has it
 */
export function ownHead(messageId: string, helo: string, recipient: string, date: string): string {
  const rest = `@${helo}>\r\nTo: <${recipient}>\r\nDate: ${date}\r\n`;
  const length = 13 + messageId.length + rest.length;
  return `Message-ID: <${messageId}${"xx".slice(0, (3 - (length % 3)) % 3)}${rest}`;
}
