/**
 * Verifies one feed of one partner, newest publication first: each manifest is read once, and when an older one is met
 * everything later that bears on it is known. Memory grows with the names of files and periods, never with contents.
 *
 * @see design §3 points 10-14
 */
import { readAhead, type Start, startAtOnce } from "../at-once.ts";
import { isError, SpampotsError } from "../errors.ts";
import { type Tlp, tlpRank } from "../model.ts";
import type { Store } from "../store/store.ts";
import { logKey, maxJwsBytes, type Publication, readBounded, sequenceOf } from "./log.ts";
import { decodeManifest, type Manifest, payloadDigest, tlpInName } from "./manifest.ts";
import { holds, readJws, type UncheckedJws } from "./sign.ts";
import type { Standing } from "./trust.ts";
import { ArtifactChecks } from "./verify-artifacts.ts";
import { Findings, publications } from "./verify-findings.ts";
import { History } from "./verify-history.ts";
import type { FeedReport, ProblemWord } from "./verify-report.ts";

/** A publication that is known to exist: the log must hold it. */
export interface Expectation {
  readonly sequence: number;
  /** Hex SHA-256 of its payload. */
  readonly sha256?: string;
  /** Who says so; begins a sentence: "You remember", "The announcements of keys state". */
  readonly source: string;
}

export interface FeedRequest {
  /** The feed's prefix, confined. */
  readonly store: Store;
  /** That prefix in the store that is verified: ends in "/", or is empty. */
  readonly place: string;
  /** Where the place or the caller tells; else the newest manifest does. */
  readonly partner?: string;
  readonly feed?: string;
  readonly issuer?: string;
  readonly standing: Standing;
  readonly expectations: readonly Expectation[];
  /** The strictest label that is expected. */
  readonly tlp?: Tlp;
  /** Milliseconds since 1970 UTC. */
  readonly now: number;
  readonly deep: boolean;
  readonly onProgress?: (progress: FeedProgress) => void;
}

/** Told after each manifest and each chunk of an artifact. */
export interface FeedProgress {
  readonly place: string;
  readonly publications: number;
  readonly of: number;
  readonly bytes: number;
}

/** Manifests that are read before they are needed, and artifacts that are read at once. */
const manifestsAhead = 4;
const artifactsAtOnce = 4;

/** A feed of which it is known what there is. */
export interface ListedFeed {
  /** Bytes of all that is stored beside the log. */
  readonly bytes: number;
  /** What is wrong is reported, never thrown; what the store throws is. To be called once. */
  verify(): Promise<FeedReport>;
}

/** Looks what there is of a feed: what is published afterwards is simply not looked at. */
export async function listFeed(request: FeedRequest): Promise<ListedFeed> {
  const check = new FeedCheck(request);
  await check.listLog();
  await check.artifacts.list();
  return { bytes: check.artifacts.listedBytes, verify: () => verified(check) };
}

async function verified(check: FeedCheck): Promise<FeedReport> {
  await startAtOnce(artifactsAtOnce, async (start) => {
    for await (const file of readAhead(check.newestFirst(), manifestsAhead, (sequence) => check.load(sequence))) {
      const manifest = await check.publication(file);
      if (manifest) await check.artifactsOf(manifest, start);
    }
  });
  return check.report();
}

/** A file of the log: as it was signed, or why it can't be read. */
interface LogFile {
  readonly sequence: number;
  readonly jws?: UncheckedJws;
  readonly fault?: string;
}

interface Signed {
  readonly kid: string;
  readonly payload: Uint8Array;
  readonly payloadSha256: string;
}

class FeedCheck {
  readonly #request: FeedRequest;
  readonly #findings: Findings;
  readonly #history = new History();
  readonly artifacts: ArtifactChecks;
  /** Runs of sequences that the log holds, ascending, both ends inclusive. */
  readonly #runs: { from: number; to: number }[] = [];
  readonly #kids = new Set<string>();
  #reached = false;
  #newest: Publication | undefined;
  #met = 0;
  #publications = 0;
  #simulated = false;

  constructor(request: FeedRequest) {
    this.#request = request;
    this.#findings = new Findings(request.place);
    this.artifacts = new ArtifactChecks(request, this.#findings, () => this.#progress());
  }

  /** Reads which publications there are. Comes before artifacts, which are put first. */
  async listLog(): Promise<void> {
    for await (const { key } of this.#request.store.list("log/")) {
      const sequence = sequenceOf(key);
      const last = this.#runs.at(-1);
      if (sequence === undefined) continue;
      if (last && sequence === last.to + 1) last.to = sequence;
      else this.#runs.push({ from: sequence, to: sequence });
    }
    if (this.#tip === 0) this.#findings.wrong("empty", "The log holds no publication.", "log/");
    for (const [index, { from }] of this.#runs.entries()) {
      const first = (this.#runs[index - 1]?.to ?? 0) + 1;
      if (from === first) continue;
      this.#history.gap(first, from - 1);
      this.#wrong(first, "gap", `${publications(first, from - 1, "missing")} from the log.`);
    }
    for (const { sequence, source } of this.#request.expectations) {
      if (sequence <= this.#tip) continue;
      this.#wrong(sequence, "cut-off", `${source} publication ${sequence}; the log ends at ${this.#tip}.`);
    }
  }

  get #tip(): number {
    return this.#runs.at(-1)?.to ?? 0;
  }

  *newestFirst(): Generator<number> {
    for (const { from, to } of this.#runs.toReversed())
      for (let sequence = to; sequence >= from; sequence -= 1) yield sequence;
  }

  async load(sequence: number): Promise<LogFile> {
    try {
      const file = await readBounded(this.#request.store, logKey(sequence), maxJwsBytes);
      if (file === undefined) return { sequence, fault: "It was deleted while it was looked at." };
      return { sequence, jws: readJws(file, "spampots-manifest+jws") };
    } catch (error) {
      if (isError(error, "verify-failed") || isError(error, "not-found")) return { sequence, fault: error.message };
      throw error;
    }
  }

  /** The checks of one publication. Gives its manifest where its artifacts are worth looking at. */
  async publication(file: LogFile): Promise<Manifest | undefined> {
    const { sequence } = file;
    this.#met += 1;
    this.#progress();
    const signed = await this.#checkSigned(file);
    const manifest = signed && this.#checkSchema(sequence, signed.payload);
    if (signed === undefined || manifest === undefined) {
      this.#history.skip(sequence);
      this.#reached = false;
      return undefined;
    }
    this.#checkPlace(sequence, manifest);
    this.#checkHistory(manifest);
    this.#checkLabels(sequence, manifest);
    this.#checkSilence(sequence, manifest);
    this.#newest ??= { manifest, payloadSha256: signed.payloadSha256, kid: signed.kid };
    this.#kids.add(signed.kid);
    this.#publications += 1;
    this.#simulated ||= manifest.simulated;
    return manifest;
  }

  /** The payload, where its signature holds and counts. */
  async #checkSigned({ sequence, jws, fault }: LogFile): Promise<Signed | undefined> {
    if (jws === undefined) {
      this.#wrong(sequence, "signature", fault ?? "It can't be read.");
      return undefined;
    }
    const payloadSha256 = payloadDigest(jws.payload);
    this.#checkExpected(sequence, payloadSha256);
    this.#checkLink(sequence, payloadSha256);
    if (!(await this.#checkSignature(sequence, jws)) || !this.#counts(sequence, jws.kid, payloadSha256))
      return undefined;
    return { kid: jws.kid, payload: jws.payload, payloadSha256 };
  }

  #checkLink(sequence: number, payloadSha256: string): void {
    const vouched = this.#history.vouched(sequence, payloadSha256);
    // Only a publication that counts, and names this very payload, passes on that it was reached.
    this.#reached &&= vouched === true;
    if (vouched === false)
      this.#wrong(sequence, "chain", `Publication ${sequence + 1} names another predecessor than this one.`);
  }

  #checkHistory(manifest: Manifest): void {
    for (const [code, sentence] of this.#history.take(manifest)) this.#wrong(manifest.sequence, code, sentence);
  }

  async #checkSignature(sequence: number, jws: UncheckedJws): Promise<boolean> {
    const key = this.#request.standing.keyOf(jws.kid);
    if (key === undefined) return this.#findings.refuse("unknown-key", jws.kid, sequence);
    if (key.alg === jws.alg && (await holds(jws.parts, key))) return true;
    this.#wrong(sequence, "signature", `The signature of publication ${sequence} doesn't hold.`);
    return false;
  }

  /** By a live key, or reached through hashes from a manifest by one, or stated as a tip in a trusted announcement. */
  #counts(sequence: number, kid: string, payloadSha256: string): boolean {
    const { live, tips } = this.#request.standing;
    const stated = tips.some((tip) => tip.sequence === sequence && tip.payload_sha256 === payloadSha256);
    this.#reached ||= live.has(kid) || stated;
    return this.#reached || this.#findings.refuse("retired-key", kid, sequence);
  }

  #checkExpected(sequence: number, payloadSha256: string): void {
    for (const expected of this.#request.expectations) {
      if (expected.sequence !== sequence || (expected.sha256 ?? payloadSha256) === payloadSha256) continue;
      this.#wrong(sequence, "cut-off", `${expected.source} another publication ${sequence} than the one that is here.`);
    }
  }

  #checkSchema(sequence: number, payload: Uint8Array): Manifest | undefined {
    try {
      return decodeManifest(payload);
    } catch (error) {
      if (!(error instanceof SpampotsError) || error.code !== "bad-manifest") throw error;
      const first = error.problems[0];
      this.#wrong(sequence, "schema", `${error.message} ${first?.path ?? ""}: ${first?.message ?? ""}`);
      return undefined;
    }
  }

  #checkPlace(sequence: number, manifest: Manifest): void {
    const newest = this.#newest?.manifest ?? manifest;
    const expected = {
      sequence,
      issuer: this.#request.issuer ?? newest.issuer,
      partner: this.#request.partner ?? newest.partner,
      feed: this.#request.feed ?? newest.feed,
    };
    for (const [name, value] of Object.entries(expected)) {
      // The names are members of a manifest; Object.entries forgets that.
      const stated = manifest[name as keyof typeof expected];
      if (stated !== value) this.#wrong(sequence, "misplaced", `Its ${name} is ${stated}, not ${value}.`);
    }
  }

  #checkLabels(sequence: number, manifest: Manifest): void {
    const { tlp } = this.#request;
    if (tlp !== undefined && tlpRank(manifest.tlp) > tlpRank(tlp)) {
      this.#wrong(sequence, "label", `It is TLP:${manifest.tlp}, stricter than the expected TLP:${tlp}.`);
    }
    const stem = `${manifest.feed}_${manifest.period.id}_${tlpInName(manifest.tlp)}`;
    for (const { name } of manifest.artifacts) {
      if (name.startsWith(stem) && /^[._]/.test(name.slice(stem.length))) continue;
      this.#wrong(
        sequence,
        "label",
        `The name of ${name} doesn't state feed, period and TLP:${manifest.tlp} as its manifest does.`,
      );
    }
  }

  #checkSilence(sequence: number, { next_by, published_at }: Manifest): void {
    if (sequence !== this.#tip || next_by === null || Date.parse(next_by) >= this.#request.now) return;
    this.#wrong(
      sequence,
      "silent",
      `The newest publication is of ${published_at}; another was promised by ${next_by} and isn't here.`,
    );
  }

  /** Starts the checks of a publication's artifacts. */
  async artifactsOf(manifest: Manifest, start: Start): Promise<void> {
    const withdrawn = this.#history.isWithdrawn(manifest.sequence);
    for (const artifact of manifest.artifacts) await start(() => this.artifacts.check(artifact, manifest, withdrawn));
  }

  /** What was found, once everything was looked at. */
  report(): FeedReport {
    for (const [code, sentence] of this.#history.end()) this.#findings.wrong(code, sentence, "log/");
    const findings = this.#findings.end();
    const { place, partner = this.#newest?.manifest.partner, feed = this.#newest?.manifest.feed } = this.#request;
    return {
      place,
      ...(partner === undefined ? {} : { partner }),
      ...(feed === undefined ? {} : { feed }),
      ...this.#newestFacts(),
      tip: this.#tip,
      publications: this.#publications,
      kids: [...this.#kids],
      states: this.artifacts.states,
      bytes: this.artifacts.bytes,
      simulated: this.#simulated,
      ...findings,
      // Files of publications that weren't taken are unnamed for that reason alone.
      notes: this.#publications < this.#met ? [] : this.artifacts.notes(),
    };
  }

  #newestFacts(): Partial<FeedReport> {
    if (this.#newest === undefined) return {};
    const { manifest, payloadSha256 } = this.#newest;
    const { issuer, published_at, next_by, sequence } = manifest;
    if (sequence !== this.#tip) return { issuer };
    return { issuer, tipSha256: payloadSha256, publishedAt: published_at, nextBy: next_by };
  }

  #wrong(sequence: number, code: ProblemWord, sentence: string): void {
    this.#findings.wrong(code, sentence, logKey(sequence));
  }

  #progress(): void {
    this.#request.onProgress?.({
      place: this.#request.place,
      publications: this.#met,
      of: this.#total,
      bytes: this.artifacts.bytes,
    });
  }

  get #total(): number {
    return this.#runs.reduce((sum, { from, to }) => sum + to - from + 1, 0);
  }
}
