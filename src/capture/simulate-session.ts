/**
 * Simulated connections to one sensor on one day, as lines of its spool file: those that bring messages, several over one
 * connection, and those that bring none.
 *
 * Lines are put together from pieces of text, without `JSON.stringify`: every piece is ours and plain ASCII without quotes.
 *
 * Specification: spool version 1.
 */
import { dayMs } from "../model.ts";
import { ownHead, variantsPerCampaign } from "./simulate-mail.ts";
import { type BodyMode, Mailer, type WrittenMail } from "./simulate-mailer.ts";
import { connectionSizes, idleRequests, recipientSizes } from "./simulate-mix.ts";
import { around, Random, WeightedTable } from "./simulate-random.ts";
import type { RealMessage } from "./simulate-real.ts";
import { probeForms, type SimulatedSensor } from "./simulate-sensors.ts";
import { idleRequestText, mailRequest, type Posed, posed } from "./simulate-service.ts";
import { addressOf, type Campaign, campaignOf, type RecipientList, type Slot, type World } from "./simulate-world.ts";

/** Share of connections with messages that are probes. */
const probeShare = 0.0015;
/** Share of the messages to one recipient that are made for that recipient. */
const personalShare = 0.08;

/** What to simulate: one sensor's day. */
export interface SensorDay {
  readonly sensor: SimulatedSensor;
  /** Days since 1970. */
  readonly day: number;
  /** Messages to make, exactly. */
  readonly messages: number;
  readonly bodies: BodyMode;
  /** Real messages that captures hold instead of simulated ones; none where empty or absent. */
  readonly real?: readonly RealMessage[];
}

/** What was made. */
export interface LineCounts {
  messages: number;
  /** Recipients of all messages. */
  recipients: number;
  /** Messages that name their sensor. */
  probes: number;
  /** Requests that brought no message. */
  requests: number;
  heartbeats: number;
}

/** Takes a line captured at a millisecond of the day. */
export type TakeLine = (at: number, line: string) => void;

const sizesTable = (sizes: readonly (readonly [number, number])[]): WeightedTable =>
  new WeightedTable(sizes.map(([, weight]) => weight));
const recipientTable = sizesTable(recipientSizes);
const connectionTable = sizesTable(connectionSizes);
const idleTable = new WeightedTable(idleRequests.map(({ perMessage }) => perMessage));

const padded = (count: number, width: number): string[] =>
  Array.from({ length: count }, (_, number) => String(number).padStart(width, "0"));
const two = padded(60, 2);
const three = padded(1000, 3);

/** `03:04:05` of a millisecond of the day. */
function clockText(ms: number): string {
  const second = Math.floor(ms / 1000);
  const minute = Math.floor(second / 60);
  return `${two[Math.floor(minute / 60)]}:${two[minute % 60]}:${two[second % 60]}`;
}

/** One TCP connection: who made it, for what, and the pieces of its lines. */
interface Connected {
  readonly id: string;
  readonly slot: Slot;
  readonly campaign: Campaign;
  readonly list: RecipientList;
  readonly service: Posed;
  /** The line between its id and the instant of capture, and from there to `service`. */
  readonly opening: string;
  readonly middle: string;
}

/** Recipients of one message: their JSON without brackets, and the first of them. */
interface Recipients {
  readonly text: string;
  readonly first: string;
}

/** Some neighbours of a list, as spammers walk it. */
function recipientsOf(list: RecipientList, count: number, random: Random): Recipients {
  const start = random.below(list.offsets.length - count);
  const from = list.offsets[start] ?? 0;
  const text = list.text.slice(from, (list.offsets[start + count] ?? 0) - 1);
  return { text, first: list.text.slice(from + 1, (list.offsets[start + 1] ?? 0) - 2) };
}

/** Makes the connections of one sensor's day. */
export class Sessions {
  private readonly world: World;
  private readonly sensorDay: SensorDay;
  private readonly counts: LineCounts;
  private readonly take: TakeLine;
  private readonly random: Random;
  private readonly mailer: Mailer;
  private readonly addresses: (string | undefined)[] = [];
  private readonly dayText: string;
  private readonly dateText: string;
  private readonly idPrefix: string;
  private made = 0;

  constructor(world: World, sensorDay: SensorDay, counts: LineCounts, take: TakeLine) {
    const { sensor, day, bodies, real } = sensorDay;
    const date = new Date(day * dayMs);
    this.world = world;
    this.sensorDay = sensorDay;
    this.counts = counts;
    this.take = take;
    this.random = new Random(world.seed, `sessions ${sensor.id} ${day}`);
    this.mailer = new Mailer(world, day, bodies, new Random(world.seed, `bodies ${sensor.id} ${day}`), real);
    this.dayText = `${date.toISOString().slice(0, 10)}T`;
    this.dateText = date.toUTCString().slice(0, 16);
    // Another seed gives other ids, so that two simulations can be ingested into one lake.
    this.idPrefix = `${new Random(world.seed, "ids").next().toString(36)}-${day.toString(36)}-`;
  }

  /** The day's instant of a millisecond, as spool lines have it. */
  instant(ms: number): string {
    return `${this.dayText}${clockText(ms)}.${three[ms % 1000]}Z`;
  }

  /** A connection accepted at `start` that brings messages, at most `most`. */
  busy(start: number, most: number): void {
    const { random } = this;
    const probe = random.chance(probeShare);
    const [size] = around(connectionSizes, connectionTable.pick(random));
    const connected = this.connect(start, posed(random));
    const { service, list } = connected;
    const request = service.family === "smtp" ? "" : `,"request":${mailRequest(service, list, random)}`;
    const helo = probe ? around(probeForms(this.sensorDay.sensor), random.below(8)) : this.heloOf(connected);
    const middle = `${connected.middle},"handshake":true${request},"envelope":{"helo":"${helo}","mail_from":"`;
    const count = probe ? 1 : Math.min(size, most);
    let at = start;
    for (let number = 0; number < count; number += 1) {
      // What a connection brings after midnight counts as the day's last millisecond: a file holds one day.
      at = Math.min(at + 200 + random.below(6000), dayMs - 1);
      const id = `${connected.id}.${number}`;
      const rest = probe ? this.probe(id, at, helo, connected) : this.message(id, at, helo, connected);
      this.take(at, `{"kind":"message","id":"${id}${connected.opening}${this.instant(at)}${middle}${rest}\n`);
    }
    this.counts.messages += count;
  }

  /** A connection accepted at `start` that brings no message. */
  idle(start: number): void {
    const { random } = this;
    const idle = around(idleRequests, idleTable.pick(random));
    const { id, service, list, opening, middle } = this.connect(start, posed(random, idle.family));
    const at = Math.min(start + 20 + random.below(3000), dayMs - 1);
    const request = idleRequestText(idle, service, list, random);
    const line = `{"kind":"request","id":"${id}${opening}${this.instant(at)}${middle},"request":${request}}\n`;
    this.take(at, line);
    this.counts.requests += 1;
  }

  private connect(start: number, service: Posed): Connected {
    const { random, world } = this;
    this.made += 1;
    const id = this.idPrefix + this.made.toString(36);
    const slot = around(world.slots, world.slotTable.pick(random));
    const campaign = campaignOf(world, slot, this.sensorDay.day, random.below(3));
    const port = 1025 + random.below(64_511);
    return {
      id,
      slot,
      campaign,
      list: this.listOf(campaign),
      service,
      opening: `","session":"${id}","connected_at":"${this.instant(start)}","captured_at":"`,
      middle: `","source":{"ip":"${this.addressOf(slot)}","port":${port}},"service":{"name":"${service.name}","port":${service.port}}`,
    };
  }

  private addressOf(slot: Slot): string {
    const known = this.addresses[slot.index];
    if (known !== undefined) return known;
    const address = addressOf(this.world, slot, this.sensorDay.day);
    this.addresses[slot.index] = address;
    return address;
  }

  private listOf({ audience }: Campaign): RecipientList {
    return around(audience.lists, audience.table.pick(this.random));
  }

  private heloOf({ slot, list }: Connected): string {
    const choices = [`host-${slot.index}.example`, list.domain, "localhost", `user${100 + this.random.below(900)}`];
    return around(choices, this.random.below(4));
  }

  /** The recipients of one message: at one domain through a proxy, half the time at two through a relay. */
  private recipients({ service, list, campaign }: Connected, count: number): Recipients {
    const { random } = this;
    const half = count >> 1;
    if (service.family !== "smtp" || half === 0 || random.chance(0.5)) return recipientsOf(list, count, random);
    const here = recipientsOf(list, count - half, random);
    const there = this.listOf(campaign);
    if (there === list) return recipientsOf(list, count, random);
    return { text: `${here.text},${recipientsOf(there, half, random).text}`, first: here.first };
  }

  /** A campaign's message: the line from `mail_from` to its end. */
  private message(id: string, at: number, helo: string, connected: Connected): string {
    const { random } = this;
    const { campaign } = connected;
    const [count] = around(recipientSizes, recipientTable.pick(random));
    const { text, first } = this.recipients(connected, count);
    const only = random.chance(personalShare) && count === 1 ? first : undefined;
    const sender = random.chance(0.1) ? first : around(campaign.senders, random.below(24));
    const head = ownHead(id, helo, first, this.dateOf(at));
    const mail = this.mailer.campaignMail(campaign, random.below(variantsPerCampaign), head, only);
    this.counts.recipients += count;
    return this.ending(sender, text, mail);
  }

  /** A probe: a spammer's note to himself that names the sensor. */
  private probe(id: string, at: number, helo: string, { service }: Connected): string {
    const tester = `sim.tester${this.random.below(50)}@hotmail.com`;
    const mail = this.mailer.probeMail(ownHead(id, helo, tester, this.dateOf(at)), helo, service.port);
    this.counts.recipients += 1;
    this.counts.probes += 1;
    return this.ending(tester, `"${tester}"`, mail);
  }

  private dateOf(at: number): string {
    return `${this.dateText} ${clockText(at)} +0000`;
  }

  private ending(sender: string, recipients: string, { bytes, base64 }: WrittenMail): string {
    const message = base64 === "" ? "" : `,"message":"${base64}"`;
    return `${sender}","rcpt_to":[${recipients}]},"message_bytes":${bytes}${message}}`;
  }
}
