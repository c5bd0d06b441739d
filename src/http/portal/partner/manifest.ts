/** A signed manifest in readable form: all that it says but its files, which stand in a table of their own. */
import { html } from "hono/html";
import type { Manifest } from "../../../publication/manifest.ts";
import type { Html } from "../layout.ts";
import { texts } from "../texts.ts";
import { dayOf, digestOf, instantOf, others, tableOf, termsOf, wordOf } from "../words.ts";
import type { CheckedPublication } from "./checked.ts";

/** Open periods that are shown: a feed of hours has hundreds. */
const mostOpen = 60;

const words = texts.manifest;

/** The sections of a manifest that was checked. */
export function manifestSection(publication: CheckedPublication): Html {
  const { manifest } = publication;
  return html`<section aria-labelledby="manifest">
<h2 id="manifest">${words.title}</h2>
${signedTerms(publication)}
${countsSection(manifest)}
${notesSection(manifest)}
${inputSection(manifest)}
${openSection(manifest)}
</section>`;
}

function signedTerms({ manifest, payloadSha256, kid }: CheckedPublication): Html {
  const { period, policy, mou } = manifest;
  return termsOf([
    [words.issuer, others(manifest.issuer)],
    [words.partner, manifest.partner],
    [words.feed, manifest.feed],
    [words.sequence, String(manifest.sequence)],
    [words.revision, revisionOf(manifest)],
    [words.period, html`${period.id}: ${spanOf({ from: period.start, to: period.end })}`],
    [words.covers, coversOf(manifest)],
    [words.coverage, coverageOf(manifest)],
    [words.publishedAt, instantOf(manifest.published_at)],
    [words.nextBy, manifest.next_by === null ? texts.feed.nextNone : instantOf(manifest.next_by)],
    [words.retainUntil, instantOf(manifest.retain_until)],
    [words.tlp, `TLP:${manifest.tlp}`],
    [words.agreement, others(mou.reference)],
    [words.purposes, mou.purposes.map((purpose) => others(purpose)).join("; ")],
    [texts.agreement.onward, mou.onward === "constituents" ? texts.agreement.constituents : texts.agreement.noOnward],
    [words.economies, economiesOf(policy)],
    [words.masks, policy.masks.length === 0 ? undefined : policy.masks.map((mask) => others(mask)).join(", ")],
    [words.digest, digestOf(payloadSha256)],
    [words.previousDigest, manifest.previous_sha256 === null ? undefined : digestOf(manifest.previous_sha256)],
    [words.signedBy, digestOf(kid)],
    [words.policy, digestOf(policy.digest)],
    [words.versions, words.versionsOf(manifest.schema_version, manifest.renderer_version)],
  ]);
}

const spanOf = ({ from, to }: { readonly from: string; readonly to: string }) =>
  html`${instantOf(from)} ${texts.agreement.to} ${instantOf(to)}`;

function revisionOf({ revision, supersedes }: Manifest): string {
  return supersedes === null ? words.firstOfPeriod : `${revision}, ${words.revises(supersedes)}`;
}

function coversOf({ covers, period }: Manifest): Html | string {
  return covers.from === period.start && covers.to === period.end ? words.coversAll : spanOf(covers);
}

function coverageOf({ coverage }: Manifest): string {
  const { sensor_hours_seen: seen, sensor_hours_expected: expected } = coverage;
  const percent = expected === 0 ? texts.none : `${Math.floor((seen * 100) / expected)} %`;
  return words.hours(seen, expected, percent);
}

function economiesOf({ economies }: Manifest["policy"]): string {
  if (economies === "all") return texts.agreement.all;
  return economies
    .map(({ code, since }) => (since === undefined ? code : `${code} (${texts.agreement.since(since.slice(0, 10))})`))
    .join(", ");
}

function countsSection({ counts }: Manifest): Html {
  const rows = Object.entries(counts).map(([name, count]) => [others(name.replaceAll("_", " ")), count]);
  if (rows.length === 0) return html``;
  return html`<h3>${words.counts}</h3>${tableOf({ caption: words.countsCaption, columns: [words.counted, words.count], rows })}`;
}

function notesSection({ notes }: Manifest): Html {
  if (notes.length === 0) return html``;
  return html`<h3>${words.notes}</h3><ul>${notes.map((note) => html`<li>${others(note, 1000)}</li>`)}</ul>`;
}

function inputSection({ input, tables }: Manifest): Html {
  return html`<h3>${words.input}</h3>
${termsOf([
  [words.batches, input.batches],
  [words.generations, input.generations],
  [words.exclusions, input.exclusions],
  [words.inputDigest, digestOf(input.digest)],
])}
${
  tables.length === 0
    ? ""
    : tableOf({
        caption: words.tables,
        columns: [words.name, words.kind, words.date, words.tableRows, texts.publication.sha256],
        rows: tables
          .slice(0, 100)
          .map(({ name, kind, date, rows, sha256 }) => [
            others(name),
            others(kind),
            dayOf(date),
            rows,
            digestOf(sha256),
          ]),
      })
}`;
}

/** Folded: it is for machines that continue the log, and long. */
function openSection({ open_periods: open }: Manifest): Html {
  if (open.length === 0) return html``;
  const shown = open.toReversed().slice(0, mostOpen);
  return html`<details><summary>${words.open(open.length)}</summary>
${tableOf({
  caption: words.openCaption,
  columns: [words.period, words.sequence, words.revision, words.state, words.publishedAt, words.inputDigest],
  rows: shown.map(({ period, sequence, revision, state, published_at, input_digest }) => [
    wordOf(period),
    sequence,
    revision,
    words.states[state],
    instantOf(published_at),
    digestOf(input_digest),
  ]),
})}
${open.length > shown.length ? html`<p>${words.moreOpen(open.length - shown.length)}</p>` : ""}</details>`;
}
