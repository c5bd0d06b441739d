/**
 * The lines of one simulated spool file: one sensor's day, in order of time. Pure: what it yields is a function of world,
 * sensor, day and volume, so that days of sensors can be made in any order.
 *
 * Connections are drawn minute by minute. Their lines wait in the minute in which they were captured until that minute is
 * over: memory holds some minutes of lines, whatever the day's volume.
 *
 * Specification: spool version 1.
 */
import { dayMs, hourMs } from "../model.ts";
import { connectionSizes, hourWeights, idleRequests, meanSize } from "./simulate-mix.ts";
import { Random } from "./simulate-random.ts";
import { type LineCounts, type SensorDay, Sessions } from "./simulate-session.ts";
import type { World } from "./simulate-world.ts";

const minuteMs = 60_000;
const minutesPerDay = 1440;
/** Characters of lines that are yielded at a time, at least. */
const chunkLength = 256 * 1024;
/** How long after the day's end its file is sealed. */
const sealDelayMs = 5 * minuteMs;

const idlePerSession = idleRequests.reduce((sum, idle) => sum + idle.perMessage, 0) * meanSize(connectionSizes);

interface TimedLine {
  readonly at: number;
  readonly text: string;
}

/** Messages due by the end of each minute: the day's volume after its rhythm. */
function dueByMinute(messages: number): number[] {
  const total = hourWeights.reduce((sum, weight) => sum + weight, 0) * 60;
  let past = 0;
  return Array.from({ length: minutesPerDay }, (_, minute) => {
    past += hourWeights[Math.floor(minute / 60)] ?? 0;
    return Math.floor((messages * past) / total);
  });
}

/** Lines of a minute in order of time. */
function joined(lines: TimedLine[]): string {
  lines.sort((a, b) => a.at - b.at);
  let text = "";
  for (const line of lines) text += line.text;
  return text;
}

/** Nothing made yet. */
export const noLines = (): LineCounts => ({ messages: 0, recipients: 0, probes: 0, requests: 0, heartbeats: 0 });

/**
 * The lines of a sensor's day: the header, then records in order of capture, in chunks of whole lines. All ASCII.
 *
 * @param counts is added to while lines are made
 */
export function* simulatedLines(world: World, sensorDay: SensorDay, counts: LineCounts): Generator<string> {
  const { sensor, day, messages } = sensorDay;
  const minutes: TimedLine[][] = Array.from({ length: minutesPerDay }, () => []);
  const take = (at: number, text: string): void => {
    minutes[Math.floor(at / minuteMs)]?.push({ at, text });
  };
  const made = noLines();
  const sessions = new Sessions(world, sensorDay, made, take);
  const random = new Random(world.seed, `rhythm ${sensor.id} ${day}`);
  for (let at = random.below(minuteMs); at < dayMs; at += hourMs) {
    take(at, `{"kind":"heartbeat","at":"${sessions.instant(at)}"}\n`);
    made.heartbeats += 1;
  }
  const sealedAt = new Date((day + 1) * dayMs + sealDelayMs).toISOString();
  let chunk = `{"v":1,"sensor":"${sensor.id}","sealed_at":"${sealedAt}","simulated":true}\n`;
  for (const [minute, due] of dueByMinute(messages).entries()) {
    while (made.messages < due) {
      sessions.busy(minute * minuteMs + random.below(minuteMs), messages - made.messages);
      if (random.chance(idlePerSession)) sessions.idle(minute * minuteMs + random.below(minuteMs));
    }
    chunk += joined(minutes[minute] ?? []);
    minutes[minute] = [];
    if (chunk.length < chunkLength) continue;
    yield chunk;
    chunk = "";
  }
  addCounts(counts, made);
  yield chunk;
}

/** Adds what one file holds to what all hold. */
function addCounts(all: LineCounts, made: LineCounts): void {
  all.messages += made.messages;
  all.recipients += made.recipients;
  all.probes += made.probes;
  all.requests += made.requests;
  all.heartbeats += made.heartbeats;
}
