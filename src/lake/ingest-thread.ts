/** A parsing thread: blocks of spool lines in, rows of the lake out. See `threads.ts`. */
import { parentPort, workerData } from "node:worker_threads";
import { createMessageParser, type MessageParser } from "../capture/message.ts";
import { sensorPatterns } from "../capture/probe.ts";
import { createEnricher } from "../enrich/enricher.ts";
import { sayError } from "../errors.ts";
import { blockRows, rememberingHits } from "./block.ts";
import { PlainRows } from "./plain-rows.ts";
import type { BlockAnswer, BlockWork, ThreadFacts } from "./threads.ts";

// What threads.ts passes as workerData; Node types it as any.
const { tables, maps, sensors } = workerData as ThreadFacts;
const attributes = createEnricher(tables, maps);
const patterns = sensorPatterns(sensors);
const { hits } = patterns;
const shortHits = rememberingHits(hits);
const plainRows = new PlainRows(attributes, patterns);

// A file may hold nothing but bad lines. Each is an error, of which nobody sees the stack, and that is most of its cost.
Error.stackTraceLimit = 0;

/** The language database is loaded for the first message alone: captures without bodies don't need it. */
let opened: Promise<MessageParser> | undefined;
const parser: MessageParser = {
  parsed: 0,
  reused: 0,
  async facts(raw) {
    opened ??= createMessageParser({ hits, hitsBytes: (bytes) => patterns.hitsBytes(bytes) });
    return (await opened).facts(raw);
  },
};

async function answer(work: BlockWork): Promise<void> {
  let said: BlockAnswer;
  try {
    const { id, sensor, latest } = work;
    said = { id, result: await blockRows(work, { sensor, attributes, parser, hits, shortHits, plainRows, latest }) };
  } catch (error) {
    said = { id: work.id, failure: sayError(error) };
  }
  const moved = "result" in said ? [...said.result.rows.values(), said.result.ids].map((bytes) => bytes.buffer) : [];
  parentPort?.postMessage(said, moved);
}

// One block after another: the parser's caches are the thread's own, and order inside a block is kept.
let queue = Promise.resolve();
parentPort?.on("message", (work: BlockWork) => {
  queue = queue.then(() => answer(work));
});
