/**
 * postal-mime alone: parses messages one after another on one core. They are in memory before the clock starts; what is
 * timed is parsing.
 *
 * `node postal-mime.ts <every> <spool file>...`: every `every`-th message of the files, which are zstd.
 */
import { readFileSync } from "node:fs";
import { zstdDecompressSync } from "node:zlib";
import PostalMime from "postal-mime";

const [every = "1", ...files] = process.argv.slice(2);
const marker = '"message":"';
const messages: Buffer[] = [];
let seen = 0;
for (const file of files) {
  for (const line of zstdDecompressSync(readFileSync(file)).toString("latin1").split("\n")) {
    const start = line.lastIndexOf(marker);
    if (start < 0) continue;
    seen += 1;
    if (seen % Number(every) !== 0) continue;
    const from = start + marker.length;
    messages.push(Buffer.from(line.slice(from, line.indexOf('"', from)), "base64"));
  }
}

const started = performance.now();
for (const message of messages) await PostalMime.parse(message);
process.stdout.write(`${JSON.stringify({ seconds: (performance.now() - started) / 1000, units: messages.length })}\n`);
