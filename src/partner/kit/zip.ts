/**
 * A kit as a ZIP file, the same bytes for the same kit, on any machine and at any time. Pure.
 *
 * @see PKWARE APPNOTE 6.3.10 §4.4.6 (times), §4.4.15 (attributes)
 */
import { strToU8, type Zippable, zipSync } from "fflate";
import { isProgram, type Kit } from "./facts.ts";

/** Times of a ZIP are local ones without a zone: its first instant, by whatever zone this machine has. */
const firstInstant = new Date(1980, 0, 1);

/** Unix permissions stand in the upper half of the attributes, and count where the maker is Unix (3). */
const unix = 3;
const permissions = (path: string) => ((0o100_000 | (isProgram(path) ? 0o755 : 0o644)) << 16) >>> 0;

/** The kit below one folder. */
export function zipOf(kit: Kit, folder: string): Uint8Array {
  const entries = [...kit].map(([path, text]) => [
    `${folder}/${path}`,
    [strToU8(text), { mtime: firstInstant, os: unix, attrs: permissions(path), level: 9 }],
  ]);
  const files: Zippable = Object.fromEntries(entries);
  return zipSync(files);
}
