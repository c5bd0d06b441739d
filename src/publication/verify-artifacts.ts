/**
 * The artifacts of a feed while it is verified: which are stored, which of them manifests name, and of those that
 * aren't there, why. A file that several manifests name in the same way is read once.
 *
 * @see design §3 points 10 and 13
 */
import type { Store } from "../store/store.ts";
import { checkArtifact } from "./artifact-check.ts";
import { sequenceOf } from "./log.ts";
import { type Artifact, artifactKey, type Manifest } from "./manifest.ts";
import type { Findings } from "./verify-findings.ts";
import type { ArtifactStates } from "./verify-report.ts";

/** Where artifacts are looked for, and how closely. */
export interface ArtifactScope {
  /** The feed's prefix, confined. */
  readonly store: Store;
  /** That prefix in the store that is verified: ends in "/", or is empty. */
  readonly place: string;
  readonly deep: boolean;
  /** Milliseconds since 1970 UTC. */
  readonly now: number;
}

export class ArtifactChecks {
  readonly #scope: ArtifactScope;
  readonly #findings: Findings;
  readonly #progress: () => void;
  readonly #stored = new Set<string>();
  /** Stored files that no manifest has named so far. */
  readonly #unnamed = new Set<string>();
  readonly #seen = new Set<string>();
  readonly states: ArtifactStates = { sound: 0, expired: 0, withdrawn: 0, missing: 0, damaged: 0 };
  /** Bytes of what is stored beside the log. */
  listedBytes = 0;
  /** Bytes read so far. */
  bytes = 0;

  constructor(scope: ArtifactScope, findings: Findings, progress: () => void) {
    this.#scope = scope;
    this.#findings = findings;
    this.#progress = progress;
  }

  /** Reads which files there are beside the log. */
  async list(): Promise<void> {
    for await (const { key, bytes } of this.#scope.store.list("")) {
      if (key.startsWith("log/") && sequenceOf(key) !== undefined) continue;
      this.listedBytes += bytes;
      this.#unnamed.add(key);
      if (key.startsWith("artifacts/")) this.#stored.add(key);
    }
  }

  /** Compares a file with its manifest; where it isn't there, says why. */
  async check(artifact: Artifact, manifest: Manifest, withdrawn: boolean): Promise<void> {
    const key = artifactKey(artifact);
    const { sha256, bytes, content_sha256, rows, objects } = artifact;
    const id = [key, sha256, bytes, content_sha256, rows, objects].join(" ");
    if (this.#seen.has(id)) return;
    this.#seen.add(id);
    this.#unnamed.delete(key);
    if (!this.#stored.has(key)) return this.#gone(key, manifest, withdrawn);
    const { store, deep } = this.#scope;
    const found = await checkArtifact(store, artifact, { deep, onBytes: (read) => this.#count(read) });
    if (found.absent) return this.#gone(key, manifest, withdrawn);
    this.states[found.faults.length > 0 ? "damaged" : "sound"] += 1;
    for (const fault of found.faults)
      this.#findings.wrong("damaged", `It ${fault} (publication ${manifest.sequence}).`, key);
  }

  #count(read: number): void {
    this.bytes += read;
    this.#progress();
  }

  #gone(key: string, { sequence, retain_until }: Manifest, withdrawn: boolean): void {
    if (withdrawn) this.states.withdrawn += 1;
    else if (Date.parse(retain_until) <= this.#scope.now) this.states.expired += 1;
    else {
      this.states.missing += 1;
      const sentence = `Publication ${sequence} names it, it isn't there, and it should be until ${retain_until}.`;
      this.#findings.wrong("missing", sentence, key);
    }
  }

  /** What is stored and no manifest names: to be asked for once every manifest was seen. */
  notes(): string[] {
    const [names, count] = [[...this.#unnamed].slice(0, 3), this.#unnamed.size];
    if (count === 0) return [];
    const origin = "Left by a publication that wasn't finished, or by one that was cut off the log.";
    const { place } = this.#scope;
    if (count === 1) return [`${place}${names[0]} isn't named by any publication: nothing vouches for it. ${origin}`];
    const listed = `${names.join(", ")}${count > names.length ? ", …" : ""}`;
    return [
      `${count} files under ${place || "this folder"} (${listed}) aren't named by any publication: nothing vouches for them. ${origin}`,
    ];
  }
}
