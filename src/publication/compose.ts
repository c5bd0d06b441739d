/**
 * Composes a manifest from what was decided, rendered and published before. Pure: the clock is an argument.
 *
 * @see design §3 points 9-13
 */
import type { Due, LogState, PublishedPeriod } from "../feed/due.ts";
import { isOpen, nextBy } from "../feed/due.ts";
import type { Feed } from "../feed/feeds.ts";
import type { Partner, Subscription } from "../feed/partners.ts";
import { parsePeriod, secondsInstant } from "../feed/period.ts";
import type { Interval, Policy } from "../feed/policy.ts";
import { schemaVersion } from "../fields.ts";
import type { Period } from "../model.ts";
import type { Publication } from "./log.ts";
import { type Artifact, type Manifest, microsecondInstant, nextPublishedAt, parseMicroseconds } from "./manifest.ts";
import type { RenderedArtifact } from "./render.ts";
import { rendererVersion } from "./renderer-version.ts";

/** How many put-once records of a slice there are: `again` and `revoke`. */
export interface SliceRecords {
  readonly again: number;
  readonly revokes: number;
}

/** What a slice came to, shared by all partners of its policy. */
export interface Rendered {
  readonly artifacts: readonly RenderedArtifact[];
  readonly counts: Readonly<Record<string, number>>;
  readonly notes: readonly string[];
}

/** What stands in every manifest of a log, whatever it says: of partner and subscription only what it takes. */
export interface LogFacts {
  readonly issuer: string;
  readonly partner: Pick<Partner, "id" | "mou">;
  readonly subscription: Pick<Subscription, "every"> & {
    readonly feed: Pick<Feed, "id" | "lag" | "reviseFor" | "retain">;
  };
  readonly tip: Publication | undefined;
  /** Milliseconds. */
  readonly now: number;
}

/** What a publication adds to {@link LogFacts}. */
export interface PublicationFacts {
  readonly subscription: Subscription;
  readonly due: Due;
  readonly rendered: Rendered;
  readonly records: SliceRecords;
  readonly coverage: { readonly expected: number; readonly seen: number };
}

/** The log's state as `due` wants it, from its newest manifest. */
export function logStateOf(tip: Publication | undefined): LogState {
  if (tip === undefined) return { open: [], closed: [] };
  return {
    open: tip.manifest.open_periods.map((entry) => ({
      period: entry.period,
      sequence: entry.sequence,
      revision: entry.revision,
      inputDigest: entry.input_digest,
      publishedAt: parseMicroseconds(entry.published_at) / 1000,
      state: entry.state,
    })),
    closed: tip.manifest.published_periods.map(([from, to]) => ({ from: Date.parse(from), to: Date.parse(to) })),
  };
}

/** The manifest of a publication, to be appended after `tip`. */
export function publicationManifest(log: LogFacts, facts: PublicationFacts): Manifest {
  const { subscription, due, rendered, records, coverage } = facts;
  const { period, policy, input, previous } = due;
  const shown = rendered.artifacts.filter((artifact) => isWanted(artifact, subscription));
  return {
    ...commonMembers(log, { period, previous, inputDigest: input.digest, again: records.again, state: "published" }),
    kind: "publication",
    ...policyMembers(policy),
    simulated: input.simulated,
    feed_definition: jsonOf(subscription.feed.definition),
    schema_version: schemaVersion,
    input: {
      batches: input.batches.length,
      digest: input.digest,
      generations: input.batches.reduce((sum, record) => sum + record.generation, 0),
      exclusions: input.exclusions,
      again: records.again,
      revokes: records.revokes,
    },
    tables: tablesOf(due),
    coverage: { sensor_hours_expected: coverage.expected, sensor_hours_seen: coverage.seen },
    counts: { ...rendered.counts },
    artifacts: shown.map(artifactEntry),
    notes: [
      ...(input.simulated ? ["Made from simulated captures: none of this happened."] : []),
      ...(subscription.formats.includes("stix") ? rendered.notes : []),
    ],
  };
}

/** What a withdrawal says beside {@link LogFacts}. */
export interface WithdrawalFacts {
  /** The newest manifest of the period that is withdrawn. */
  readonly withdrawn: Manifest;
  readonly sequences: readonly number[];
  readonly reason: string;
  readonly revoked: boolean;
  /** `revoke` records of the slice, this withdrawal's among them. */
  readonly revokes: number;
  readonly artifacts: readonly RenderedArtifact[];
}

/** The manifest that withdraws every publication of a period. What it says of the slice is what the newest one said. */
export function withdrawalManifest(log: LogFacts, facts: WithdrawalFacts): Manifest {
  const { withdrawn } = facts;
  const [first, ...rest] = facts.sequences;
  return {
    ...commonMembers(log, {
      period: parsePeriod(withdrawn.period.id),
      previous: withdrawn,
      inputDigest: withdrawn.input.digest,
      again: withdrawn.input.again,
      state: "withdrawn",
    }),
    kind: "withdrawal",
    withdraws: { sequences: [first ?? withdrawn.sequence, ...rest], reason: facts.reason, revoked: facts.revoked },
    simulated: withdrawn.simulated,
    feed_definition: withdrawn.feed_definition,
    policy: withdrawn.policy,
    covers: withdrawn.covers,
    tlp: withdrawn.tlp,
    schema_version: withdrawn.schema_version,
    input: { ...withdrawn.input, revokes: facts.revokes },
    tables: withdrawn.tables,
    coverage: withdrawn.coverage,
    counts: {},
    artifacts: facts.artifacts.map(artifactEntry),
    notes: [],
  };
}

interface PeriodFacts {
  readonly period: Period;
  readonly previous: Pick<PublishedPeriod, "sequence" | "revision"> | undefined;
  readonly inputDigest: string;
  readonly again: number;
  readonly state: "published" | "withdrawn";
}

function commonMembers({ issuer, partner, subscription, tip, now }: LogFacts, facts: PeriodFacts) {
  const { period, previous } = facts;
  const { feed } = subscription;
  const sequence = (tip?.manifest.sequence ?? 0) + 1;
  const revision = previous === undefined ? 0 : previous.revision + 1;
  const publishedAt = microsecondInstant(nextPublishedAt(now * 1000, tip?.manifest));
  const next = nextBy(partner, subscription, newestOf(period, tip));
  return {
    v: 1 as const,
    type: "spampots-manifest" as const,
    issuer,
    partner: partner.id,
    feed: feed.id,
    sequence,
    previous_sha256: tip?.payloadSha256 ?? null,
    period: {
      every: period.every,
      id: period.id,
      start: secondsInstant(period.start),
      end: secondsInstant(period.end),
    },
    revision,
    supersedes: previous?.sequence ?? null,
    mou: {
      reference: partner.mou.reference,
      purposes: [...partner.mou.purposes],
      onward: partner.mou.onward,
      retention_days: partner.mou.retentionDays,
    },
    renderer_version: rendererVersion,
    published_at: publishedAt,
    next_by: next === undefined ? null : secondsInstant(next),
    retain_until: secondsInstant(period.end + feed.retain),
    open_periods: openPeriods({ subscription, tip, now }, facts, { sequence, revision, publishedAt }),
    published_periods: joined(tip?.manifest.published_periods ?? [], [
      secondsInstant(period.start),
      secondsInstant(period.end),
    ]),
  };
}

function policyMembers(policy: Policy): Pick<Manifest, "covers" | "tlp" | "policy"> {
  const { digest, tlp } = policy;
  const covers = intervalText(policy.covers);
  const economies =
    policy.economies === "all"
      ? ("all" as const)
      : policy.economies.map(({ code, since }) =>
          since === undefined ? { code } : { code, since: secondsInstant(since) },
        );
  return { covers, tlp, policy: { digest, economies, covers, tlp, masks: [...policy.masks] } };
}

/** The newest period of a log, this publication's among them. */
function newestOf(period: Period, tip: Publication | undefined): Period {
  const known = tip?.manifest.open_periods.map((entry) => parsePeriod(entry.period)) ?? [];
  return known.reduce(
    (newest, other) => (other.every === newest.every && other.start > newest.start ? other : newest),
    period,
  );
}

function openPeriods(
  { subscription, tip, now }: Pick<LogFacts, "subscription" | "tip" | "now">,
  { period, inputDigest, again, state }: PeriodFacts,
  made: { sequence: number; revision: number; publishedAt: string },
): Manifest["open_periods"] {
  const kept = (tip?.manifest.open_periods ?? []).filter(
    (entry) => entry.period !== period.id && isOpen(subscription.feed, parsePeriod(entry.period), now),
  );
  const entry = {
    period: period.id,
    sequence: made.sequence,
    revision: made.revision,
    input_digest: inputDigest,
    again,
    state,
    published_at: made.publishedAt,
  };
  return [...kept, entry].sort((a, b) => (a.period < b.period ? -1 : 1));
}

/** Runs of intervals with one more, joined where they touch or overlap. RFC 3339 text in UTC sorts as time does. */
function joined(runs: Manifest["published_periods"], more: readonly [string, string]): Manifest["published_periods"] {
  const sorted = [...runs, more].toSorted(([a], [b]) => (a < b ? -1 : 1));
  const out: [string, string][] = [];
  for (const [from, to] of sorted) {
    const last = out.at(-1);
    if (last !== undefined && from <= last[1]) last[1] = to > last[1] ? to : last[1];
    else out.push([from, to]);
  }
  return out;
}

const intervalText = ({ from, to }: Interval) => ({ from: secondsInstant(from), to: secondsInstant(to) });

/** A feed's definition is what zod gave back: JSON already, but for its type. */
function jsonOf(definition: Readonly<Record<string, unknown>>): Manifest["feed_definition"] {
  return JSON.parse(JSON.stringify(definition));
}

function tablesOf({ input }: Due): Manifest["tables"] {
  const tables = new Map(
    input.batches.flatMap((record) =>
      record.tables.map((table) => [`${table.kind} ${table.date} ${table.sha256}`, table] as const),
    ),
  );
  return [...tables.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, table]) => table);
}

/** Is the artifact of a format the subscription asks for? Split files go to those who asked for the split alone. */
function isWanted(artifact: RenderedArtifact, { formats, splitBy }: Subscription): boolean {
  if (artifact.mediaType.startsWith("text/csv"))
    return formats.includes("csv") && (splitBy !== undefined || !isSplit(artifact));
  if (artifact.mediaType.startsWith("application/stix+json")) return formats.includes("stix");
  return formats.includes(artifact.mediaType.startsWith("text/markdown") ? "markdown" : "json");
}

const isSplit = (artifact: RenderedArtifact) => /_AS(\d+|-unknown)\.csv\.gz$/.test(artifact.name);

function artifactEntry(artifact: RenderedArtifact): Artifact {
  return {
    name: artifact.name,
    media_type: artifact.mediaType,
    ...(artifact.contentEncoding === undefined ? {} : { content_encoding: artifact.contentEncoding }),
    bytes: artifact.bytes,
    sha256: artifact.sha256,
    content_bytes: artifact.contentBytes,
    content_sha256: artifact.contentSha256,
    ...(artifact.rows === undefined ? {} : { rows: artifact.rows }),
    ...(artifact.objects === undefined ? {} : { objects: artifact.objects }),
    ...(artifact.part === undefined ? {} : { part: artifact.part }),
  };
}
