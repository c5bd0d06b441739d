/**
 * Tries each destination of a partner with something harmless, by the way that deliveries go: the same fence, TLS and
 * credentials. What a destination says is not passed on, and no secret of ours either, wherever it may have got to.
 */
import { openTarget, type TargetWorld, type Tried } from "../../delivery/push/destination.ts";
import { isError, SpampotsError, sayError } from "../../errors.ts";
import { type Destination, placeOf } from "../../feed/destinations.ts";
import type { Partner } from "../../feed/partners.ts";
import { plain } from "../../log.ts";
import type { Finding } from "./check.ts";

/** What destinations are tried with. */
export interface CheckWorld extends Pick<TargetWorld, "secret" | "loopback"> {
  readonly issuer: string;
  /** The real clock, in milliseconds since 1970 UTC: what is compared with those of destinations. */
  clock(): number;
  /** Milliseconds that one destination may take. */
  readonly patienceMs: number;
}

/** Several destinations may be one place: what is put there has a number of its own. */
type Numbered = CheckWorld & { readonly number: number };

/** The difference of clocks, in milliseconds, from which on it is told: as much as runners bear with among themselves. */
const skewMs = 30_000;

/** Tries what a partner's subscriptions name; a place that several name in the same way is tried once. */
export async function checkDestinations(partner: Partner, world: CheckWorld): Promise<readonly Finding[]> {
  // All at once: one that hangs holds up no other.
  const trying = placesOf(partner).map(async ([destination, feeds], index) => {
    const found = await checkDestination(destination, partner, { ...world, number: index + 1 });
    const where = `${feeds.join(", ")} by ${destination.kind} to ${plain(placeOf(destination))}: `;
    return found.map((finding) => ({ ...finding, says: where + finding.says }));
  });
  const findings = (await Promise.all(trying)).flat();
  if (findings.length > 0) return findings;
  return [{ level: "fine", about: "destination", says: "Nothing is pushed: the partner comes for it." }];
}

/** Destinations that differ in more than their name, with the feeds that go there. */
function placesOf({ subscriptions }: Partner): readonly (readonly [Destination, readonly string[]])[] {
  const places = new Map<string, [Destination, string[]]>();
  for (const { feed, destinations } of subscriptions) {
    for (const destination of destinations) {
      const { name: _, ...place } = destination;
      const key = JSON.stringify(place);
      const known = places.get(key);
      if (known === undefined) places.set(key, [destination, [feed.id]]);
      else known[1].push(feed.id);
    }
  }
  return [...places.values()];
}

async function checkDestination(
  destination: Destination,
  { privateNetworks }: Partner,
  world: Numbered,
): Promise<readonly Finding[]> {
  const about = "destination";
  const variables = variablesOf(destination);
  const unset = variables.filter((name) => (world.secret(name) ?? "") === "");
  if (unset.length > 0) {
    const next = "Set them where the runner is started, and here.";
    return [
      { level: "problem", about, says: `${unset.join(", ")} of the environment isn't set; nothing was tried.`, next },
    ];
  }
  const clean = withoutSecrets(variables.map((name) => world.secret(name) ?? ""));
  try {
    const began = world.clock();
    const tried = await tryOut(destination, { ...world, privateNetworks, memory: {} }, world);
    const between = (began + world.clock()) / 2;
    const { did, warning } = tried;
    const level = warning === undefined ? "fine" : "warning";
    const skew = skewOf(tried, between, world.clock() - began);
    return [
      { level, about, says: did, ...(warning === undefined ? {} : { next: warning }) },
      ...(skew === undefined ? [] : [skew]),
    ];
  } catch (error) {
    return [refused(error, clean)];
  }
}

async function tryOut(destination: Destination, target: TargetWorld, world: Numbered): Promise<Tried> {
  const instant = new Date(world.clock()).toISOString();
  const opened = await openTarget(destination, target);
  try {
    return await opened.try(
      {
        name: `spampots-check-${instant.replaceAll(/[:.]/g, "-")}-${world.number}.txt`,
        text: `${plain(world.issuer)} tried at ${instant} whether feeds can be delivered here. This is no publication: delete it if you like.\n`,
      },
      AbortSignal.timeout(world.patienceMs),
    );
  } finally {
    opened.close();
  }
}

function skewOf({ clock }: Tried, between: number, tookMs: number): Finding | undefined {
  if (clock === undefined) return undefined;
  const about = "clock";
  // The other clock is told in whole seconds, at some moment of the call.
  const ahead = clock + 500 - between;
  const doubt = tookMs / 2 + 500;
  if (Math.abs(ahead) - doubt <= skewMs) return { level: "fine", about, says: "Its clock and ours agree." };
  const says = `Its clock is ${Math.round(Math.abs(ahead) / 1000)} s ${ahead > 0 ? "ahead of" : "behind"} ours.`;
  return { level: "warning", about, says, next: "See which one is wrong, and run NTP there." };
}

function refused(error: unknown, clean: (text: string) => string): Finding {
  const about = "destination";
  const next = isError(error) ? error.hint : undefined;
  const reason = isError(error) && typeof error.facts.reason === "string" ? ` (${error.facts.reason})` : "";
  const says = clean(plain(`${isError(error) ? error.message : sayError(unforeseen)}${reason}`));
  return { level: "problem", about, says, next: clean(next ?? "Try again; if it stays, ask the partner.") };
}

const unforeseen = new SpampotsError("internal", "It can't be tried.");

/** Names of the variables that hold a destination's secrets. */
function variablesOf(destination: Destination): readonly string[] {
  if (destination.kind === "s3") {
    const { credentials, role } = destination;
    return [...Object.values(credentials ?? {}), role?.external_id].filter((name) => name !== undefined);
  }
  return [...Object.values(destination.auth ?? {}), ...Object.values(destination.tls ?? {})];
}

/** What blanks secrets, as they are and as headers carry them: a destination may repeat what it was told. */
function withoutSecrets(secrets: readonly string[]): (text: string) => string {
  const pair = Buffer.from(secrets.slice(0, 2).join(":")).toString("base64");
  const hidden = [...secrets, pair].filter((secret) => secret.length >= 4);
  return (text) => hidden.reduce((said, secret) => said.replaceAll(secret, "…"), text);
}
