/** Plans for the fault proxy, drawn from a case's seed. */
import { type Fault, faultNames, fitting } from "./s3-faults.ts";
import type { Plan, Seen } from "./s3-proxy.ts";
import type { Case } from "./seeded.ts";

/** Too slow to be drawn as often as the others: each costs half a deadline. */
const slow: ReadonlySet<Fault> = new Set(["hang", "lost-hang", "late", "trickle"]);

/**
 * Faults that say what isn't so. A service that forgets what it acknowledged can't be worked with for long: only one at a
 * time is borne with.
 */
const lies: ReadonlySet<Fault> = new Set(["forgotten"]);

/** A service that is away, or wants nothing of us. */
const deadly: readonly Fault[] = ["reset", "hang", "500", "503", "502", "denied", "no-bucket", "moved", "page"];

/** A plan, and what it does in words. */
export interface Drawn {
  readonly plan: Plan;
  readonly words: string;
}

/** Draws a plan for a step of so many requests. */
export function drawPlan(one: Case, requests: number): Drawn {
  const { random } = one;
  const way = random.fraction();
  if (way < 0.6) return onePlan(one, requests);
  if (way < 0.75) return runOfFaults(one, requests);
  return way < 0.88 ? storm(one) : death(one, requests);
}

/** A fault that fits the request, slow ones seldom. */
function drawFault({ random }: Case, seen: Seen, allowed: readonly Fault[]): Fault | undefined {
  const names = fitting(seen, allowed);
  const quick = names.filter((name) => !slow.has(name));
  if (names.length === 0) return undefined;
  return random.pick(quick.length > 0 && random.chance(0.8) ? quick : names);
}

/** One request is broken. */
function onePlan(one: Case, requests: number): Drawn {
  const at = one.random.whole(1, requests);
  return {
    plan: (seen) => (seen.number === at ? drawFault(one, seen, faultNames) : undefined),
    words: `one fault, at request ${at} of ${requests}`,
  };
}

/** Requests of one kind are broken alike, some times on end: tries again don't help at once. */
function runOfFaults(one: Case, requests: number): Drawn {
  const [at, times] = [one.random.whole(1, requests), one.random.whole(2, 8)];
  let [chosen, left]: [{ fault: Fault; operation: string } | undefined, number] = [undefined, times];
  const allowed = faultNames.filter((name) => !lies.has(name));
  return {
    plan: (seen) => {
      if (seen.number < at || left === 0) return undefined;
      const fault = chosen?.fault ?? drawFault(one, seen, allowed);
      if (fault === undefined) return undefined;
      chosen ??= { fault, operation: seen.operation };
      if (seen.operation !== chosen.operation || fitting(seen, [chosen.fault]).length === 0) return undefined;
      left -= 1;
      return chosen.fault;
    },
    words: `${times} faults alike, from request ${at} of ${requests}`,
  };
}

/** Every request may be broken. */
function storm(one: Case): Drawn {
  const share = one.random.pick([0.02, 0.05, 0.1, 0.2]);
  const allowed = faultNames.filter((name) => !lies.has(name) && (!slow.has(name) || one.random.chance(0.2)));
  return {
    plan: (seen) => (one.random.chance(share) ? drawFault(one, seen, allowed) : undefined),
    words: `a storm over ${share * 100} % of requests`,
  };
}

/** From some request on, nothing works any more. */
function death(one: Case, requests: number): Drawn {
  const [at, name] = [one.random.whole(1, requests), one.random.pick(deadly)];
  return {
    plan: (seen) => (seen.number >= at ? name : undefined),
    words: `${name} from request ${at} of ${requests} on`,
  };
}
