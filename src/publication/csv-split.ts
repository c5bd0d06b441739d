/**
 * One CSV per source AS beside the whole, for a partner to hand on to its operators. Rows of an AS lie apart in the
 * slice, so they wait in memory and, past a limit, in a plain file each; compression comes last, one AS at a time.
 */
import { createReadStream } from "node:fs";
import { appendFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { SpampotsError } from "../errors.ts";
import { openArtifact } from "./artifact.ts";
import type { RenderedArtifact } from "./render.ts";

/** UTF-16 units that may wait in memory, over all AS. */
const waitingLimit = 16 << 20;

interface AsRows {
  rows: number;
  waiting: string;
  spilled: boolean;
}

/** Collects lines by AS and writes their files in the end. `undefined` stands for an unknown AS. */
export class AsFiles {
  readonly #folder: string;
  readonly #stem: string;
  readonly #header: string;
  readonly #mediaType: string;
  readonly #byAs = new Map<number | undefined, AsRows>();
  #waiting = 0;

  /** `header` and every line end in CRLF. */
  constructor(folder: string, stem: string, header: string, mediaType: string) {
    this.#folder = folder;
    this.#stem = stem;
    this.#header = header;
    this.#mediaType = mediaType;
  }

  /** Takes a row's line. */
  add(asn: number | undefined, line: string): void {
    let entry = this.#byAs.get(asn);
    if (entry === undefined) {
      entry = { rows: 0, waiting: "", spilled: false };
      this.#byAs.set(asn, entry);
    }
    entry.rows += 1;
    entry.waiting += line;
    this.#waiting += line.length;
  }

  /** Moves what waits to disk where it is too much. @throws SpampotsError `disk-failed` */
  async relieve(): Promise<void> {
    if (this.#waiting < waitingLimit) return;
    for (const [asn, entry] of this.#byAs) {
      if (entry.waiting === "") continue;
      const path = this.#spillPath(asn);
      await appendFile(path, entry.waiting).catch((cause) => {
        throw new SpampotsError("disk-failed", "The disk didn't take rows that wait for their file.", {
          cause,
          hint: "See that the data folder has space and can be written to.",
          path,
        });
      });
      entry.spilled = true;
      entry.waiting = "";
    }
    this.#waiting = 0;
  }

  /** Writes the files, by AS number, unknown last, and gives each as it is done. @throws SpampotsError `disk-failed` */
  async *finish(): AsyncGenerator<RenderedArtifact> {
    const order = [...this.#byAs].sort(([a], [b]) => (a ?? Number.MAX_VALUE) - (b ?? Number.MAX_VALUE));
    for (const [asn, entry] of order) yield await this.#finishOne(asn, entry);
  }

  /** Deletes what waits on disk. */
  async abort(): Promise<void> {
    for (const [asn, entry] of this.#byAs) {
      if (entry.spilled) await rm(this.#spillPath(asn), { force: true }).catch(() => undefined);
    }
  }

  async #finishOne(asn: number | undefined, entry: AsRows): Promise<RenderedArtifact> {
    const file = await openArtifact(this.#folder, `${this.#name(asn)}.csv.gz`, this.#mediaType);
    try {
      await file.write(this.#header);
      if (entry.spilled) {
        const path = this.#spillPath(asn);
        for await (const text of createReadStream(path, { encoding: "utf8", highWaterMark: 1 << 18 })) {
          await file.write(String(text));
        }
        await rm(path);
      }
      await file.write(entry.waiting);
      entry.waiting = "";
      return await file.finish({ rows: entry.rows });
    } catch (error) {
      await file.abort();
      throw error;
    }
  }

  #name(asn: number | undefined): string {
    return asn === undefined ? `${this.#stem}_AS-unknown` : `${this.#stem}_AS${asn}`;
  }

  #spillPath(asn: number | undefined): string {
    return join(this.#folder, `${this.#name(asn)}.waiting`);
  }
}
