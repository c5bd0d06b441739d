/**
 * Alerts: what of the troubles of a site somebody is told of, and when. A trouble that may pass by itself is told once
 * it has lasted an hour, one that won't at once. Pure; `alert-book.ts` sees that each is told once.
 */
import { codeOf, type ErrorCode, errorTable } from "../../errors.ts";
import { secondsInstant } from "../../feed/period.ts";
import { inForce } from "../../feed/policy.ts";
import { hourMs } from "../../model.ts";
import { type LogFacts, mouDaysLeft, mouWarningDays, statusOf, type Trouble } from "./status.ts";

export const alertKinds = [
  "configuration-broken",
  "tick-failing",
  "publishing-stopped",
  "overdue",
  "delivery-failing",
  "mou-expires",
] as const;
export type AlertKind = (typeof alertKinds)[number];

/** One thing to tell of. */
export interface Alert {
  readonly kind: AlertKind;
  /** What it is about: names joined by slashes, part of keys. */
  readonly subject: string;
  /** Whether it is time to tell it; one that isn't yet is not over either. */
  readonly ripe: boolean;
  /** Members for machines, in snake_case. */
  readonly facts: Readonly<Record<string, string | number>>;
  /** A sentence for people. */
  readonly text: string;
}

/** How long a trouble that may pass by itself has to last, in milliseconds. */
export const patience = hourMs;

/** Days before an MoU's end at which that is told. */
const mouSteps = [7, 30, mouWarningDays] as const;

/** True where an error won't pass by itself. */
const stays = (code: string) => code in errorTable && !errorTable[code as ErrorCode].retry; // it is one of them

const isRipe = (code: string, since: number | undefined, now: number) =>
  stays(code) || (since !== undefined && now - since >= patience);

/** Alerts for logs as they stand. */
export function logAlerts(logs: readonly LogFacts[], now: number): Alert[] {
  const ofLogs = logs.flatMap((facts) => {
    const { partner, feed, wrong } = statusOf(facts, now);
    return wrong.flatMap((trouble) => logAlert(trouble, { partner, feed }, now) ?? []);
  });
  const partners = new Map(logs.map(({ partner }) => [partner.id, partner]));
  return [...ofLogs, ...[...partners.values()].flatMap((partner) => mouAlert(partner, now) ?? [])];
}

function logAlert(trouble: Trouble, { partner, feed }: { partner: string; feed: string }, now: number) {
  const log = { partner, feed };
  switch (trouble.kind) {
    case "log-stopped":
      return alert("publishing-stopped", `${partner}/${feed}`, isRipe(trouble.code, trouble.since, now), {
        facts: { ...log, code: trouble.code },
        text: `Nothing is published any more in ${feed} for ${partner}: ${trouble.code}.`,
      });
    case "overdue":
      return alert("overdue", `${partner}/${feed}`, true, {
        facts: { ...log, since: secondsInstant(trouble.since) },
        text: `${feed} for ${partner} has been due since ${secondsInstant(trouble.since)} and isn't published.`,
      });
    case "delivery-failing": {
      const { destination, code, reason, since, behind } = trouble;
      const why = reason === undefined ? {} : { reason: reason.slice(0, 200) };
      return alert("delivery-failing", `${partner}/${feed}/${destination}`, isRipe(code, since, now), {
        facts: { ...log, destination, code, ...why, since: secondsInstant(since), behind },
        text: `${feed} for ${partner} hasn't been taken by its destination ${destination} since ${secondsInstant(since)}: ${code}.`,
      });
    }
    default:
      return undefined;
  }
}

/** Told at each step once: whoever begins to watch late is told of the nearest one alone. */
function mouAlert(partner: LogFacts["partner"], now: number): Alert | undefined {
  const days = mouDaysLeft(partner, now);
  const step = mouSteps.find((most) => days <= most);
  if (step === undefined || !inForce(partner, now)) return undefined;
  const last = secondsInstant(partner.mou.to - 1).slice(0, 10);
  return alert("mou-expires", `${partner.id}/${last}-${step}`, true, {
    facts: { partner: partner.id, expires: last, days_left: days },
    text: `The MoU with ${partner.id} expires on ${last}, in ${days} days.`,
  });
}

/** The alert for a tick that failed as a whole, first in this way at `since`. */
export function tickAlert(error: unknown, since: number, now: number): Alert {
  const code = codeOf(error);
  const facts = { code, since: secondsInstant(since) };
  if (code === "bad-configuration") {
    const text = "The configuration is broken: nothing is published or delivered. Run `spampots check`.";
    return alert("configuration-broken", "all", true, { facts, text });
  }
  const text = `Nothing is published or delivered since ${facts.since}: ${code}.`;
  return alert("tick-failing", "all", isRipe(code, since, now), { facts, text });
}

const alert = (kind: AlertKind, subject: string, ripe: boolean, said: Pick<Alert, "facts" | "text">): Alert => ({
  kind,
  subject,
  ripe,
  ...said,
});
