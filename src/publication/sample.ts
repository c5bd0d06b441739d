/** The beginning of a rendered file, for people to look at. What stands in it may be written by spammers. */
import { createReadStream } from "node:fs";
import { createGunzip } from "node:zlib";
import type { Format } from "../model.ts";
import type { RenderedArtifact } from "./render.ts";

/** Rows of a CSV by their columns, or lines of a text. */
export type Sample =
  | { readonly columns: readonly string[]; readonly rows: readonly (readonly string[])[] }
  | { readonly lines: readonly string[] };

/** Rows, or lines, that are shown. */
const mostRows = 3;
const mostLines = 12;

/** Bytes of content that are read for them, at most. */
const mostBytes = 1 << 18;

const startOf = { csv: "text/csv", markdown: "text/markdown", json: "application/json", stix: "application/stix+json" };

/** The beginning of the first file of a format; nothing where there is none. */
export async function readSample(artifacts: readonly RenderedArtifact[], format: Format): Promise<Sample> {
  const artifact = artifacts.find(({ mediaType }) => mediaType.startsWith(startOf[format]));
  if (artifact === undefined) return { lines: [] };
  const text = await beginning(artifact);
  if (format !== "csv") return { lines: text.split("\n").slice(0, mostLines) };
  const [columns = [], ...rows] = records(text, mostRows + 1);
  return { columns, rows };
}

async function beginning({ path, contentEncoding }: RenderedArtifact): Promise<string> {
  const file = createReadStream(path);
  const content = contentEncoding === "gzip" ? file.pipe(createGunzip()) : file;
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of content) {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes >= mostBytes) break;
    }
  } finally {
    file.destroy();
  }
  return Buffer.concat(chunks).subarray(0, mostBytes).toString("utf8");
}

/** The first whole records of a CSV as we write it: lines end in CRLF, and no cell holds a line's end. @see RFC 4180 §2 */
function records(text: string, most: number): string[][] {
  return text
    .split("\r\n", most + 1)
    .slice(0, -1)
    .map((line) =>
      [...`,${line}`.matchAll(/,(?:"((?:[^"]|"")*)"|([^,]*))/g)].map(([, quoted, bare]) =>
        quoted === undefined ? (bare ?? "") : quoted.replaceAll('""', '"'),
      ),
    );
}
