/**
 * The messages of one simulated day: which body a capture gets, and its bytes as a spool line has them. Shared parts are
 * rendered once a day for each campaign and variant.
 */

import { type MailSlots, sharedPart, slotsOf } from "./simulate-mail.ts";
import { around, type Random } from "./simulate-random.ts";
import { type RealMessage, withOwnText } from "./simulate-real.ts";
import type { Campaign, World } from "./simulate-world.ts";

/** Whether captures hold messages: none, bodies that mostly repeat as in the wild, or no two bodies the same. */
export const bodyModes = ["none", "repeat", "distinct"] as const;
export type BodyMode = (typeof bodyModes)[number];

/** A message: its size, and its base64 unless bodies are left out. */
export interface WrittenMail {
  readonly bytes: number;
  readonly base64: string;
}

const letters = "abcdefghijklmnopqrstuvwxyz";

/** Eight words of random letters. */
function randomWords(random: Random): string {
  const words: string[] = [];
  for (let count = 0; count < 8; count += 1) {
    let word = "";
    for (let length = 4 + random.below(6); length > 0; length -= 1) word += letters[random.below(26)] ?? "";
    words.push(word);
  }
  return words.join(" ");
}

/** A page address that reports back which recipient followed it: as text, percent-encoded or base64. */
function trackedUrl(url: string, recipient: string, random: Random): string {
  const forms = [recipient, encodeURIComponent(recipient), Buffer.from(recipient, "latin1").toString("base64url")];
  return `${url}&u=${around(forms, random.below(forms.length))}`;
}

const base64 = (latin1: string): string => Buffer.from(latin1, "latin1").toString("base64");

/** Writes the messages of one sensor's day. */
export class Mailer {
  private readonly shared = new Map<number, WrittenMail>();
  private readonly sharedReal = new Map<RealMessage, WrittenMail>();
  private readonly world: World;
  private readonly week: number;
  private readonly mode: BodyMode;
  private readonly random: Random;
  private readonly real: readonly RealMessage[];

  /**
   * @param day since 1970
   * @param random a stream of its own, so that envelopes are the same in every mode
   * @param real what campaigns send instead of their own texts, unless there is none
   */
  constructor(world: World, day: number, mode: BodyMode, random: Random, real: readonly RealMessage[] = []) {
    this.world = world;
    this.week = Math.floor(day / 7);
    this.mode = mode;
    this.random = random;
    this.real = real;
  }

  /**
   * A campaign's message after its own head.
   *
   * @param head ASCII, a multiple of three long
   * @param only the one recipient to whom the message is made personal
   */
  campaignMail(campaign: Campaign, variant: number, head: string, only: string | undefined): WrittenMail {
    if (this.mode === "none" || (this.mode === "repeat" && only === undefined)) {
      const shared = this.real.length > 0 ? this.sharedRealMail(campaign) : this.sharedMail(campaign, variant);
      const bytes = head.length + shared.bytes;
      return this.mode === "none" ? { bytes, base64: "" } : { bytes, base64: base64(head) + shared.base64 };
    }
    const part = this.ownPart(campaign, variant, only);
    return { bytes: head.length + part.length, base64: base64(head) + part.toString("base64") };
  }

  /** A probe: a short text that holds a sensor's address in some form. */
  probeMail(head: string, form: string, port: number): WrittenMail {
    const text = `${head}Subject: ok ${form}\r\nX-Simulated: spampots simulate\r\n\r\n${form} answered on port ${port}\r\n`;
    return { bytes: text.length, base64: this.mode === "none" ? "" : base64(text) };
  }

  private sharedMail(campaign: Campaign, variant: number): WrittenMail {
    const key = campaign.index * 8 + variant;
    const known = this.shared.get(key);
    if (known !== undefined) return known;
    const part = sharedPart(campaign, variant, slotsOf(this.world.seed, campaign, variant, this.week));
    const mail = { bytes: part.length, base64: part.toString("base64") };
    this.shared.set(key, mail);
    return mail;
  }

  private sharedRealMail(campaign: Campaign): WrittenMail {
    const message = this.realOf(campaign);
    const known = this.sharedReal.get(message);
    if (known !== undefined) return known;
    const mail = { bytes: message.bytes.length, base64: message.bytes.toString("base64") };
    this.sharedReal.set(message, mail);
    return mail;
  }

  /** One of a campaign's real messages: the campaigns have shared all of them out. */
  private realOf({ index }: Campaign): RealMessage {
    const { length } = this.world.campaigns;
    const each = Math.ceil(this.real.length / length);
    return around(this.real, index + length * this.random.below(each));
  }

  private ownPart(campaign: Campaign, variant: number, only: string | undefined): Buffer {
    const slots = this.ownSlots(slotsOf(this.world.seed, campaign, variant, this.week), only);
    if (this.real.length === 0) return sharedPart(campaign, variant, slots);
    const { words, greeting, url } = slots;
    const own = [words, ...(greeting === undefined ? [] : [greeting, url])].filter((text) => text !== undefined);
    const isAny = this.mode === "distinct";
    const message = isAny ? around(this.real, this.random.below(this.real.length)) : this.realOf(campaign);
    return withOwnText(message, own.join(" "));
  }

  private ownSlots(slots: MailSlots, only: string | undefined): MailSlots {
    const words = this.mode === "distinct" ? { words: randomWords(this.random) } : {};
    if (only === undefined) return { ...slots, ...words };
    const greeting = only.slice(0, only.indexOf("@"));
    return { ...slots, ...words, greeting, url: trackedUrl(slots.url, only, this.random) };
  }
}
