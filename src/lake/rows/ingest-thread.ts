/** A parsing thread: blocks of spool lines in, rows of the lake out. See `threads.ts`. */
import { workerData } from "node:worker_threads";
import { createMessageParser, type MessageParser } from "../../capture/message.ts";
import { sensorPatterns } from "../../capture/probe.ts";
import { createEnricher } from "../../enrich/enricher.ts";
import { answerWork } from "../../workers.ts";
import { blockRows, rememberingHits } from "./block.ts";
import { BodyRows } from "./body-cells.ts";
import { PlainRows } from "./plain-rows.ts";
import type { BlockWork, ThreadFacts } from "./threads.ts";

// What threads.ts passes as workerData; Node types it as any.
const { tables, maps, sensors } = workerData as ThreadFacts;
const attributes = createEnricher(tables, maps);
const patterns = sensorPatterns(sensors);
const { hits } = patterns;
const shortHits = rememberingHits(hits);
const bodies = new BodyRows(attributes, shortHits);
const plainRows = new PlainRows(attributes, patterns);

// A file may hold nothing but bad lines. Each is an error, of which nobody sees the stack, and that is most of its cost.
Error.stackTraceLimit = 0;

/** The language database is loaded for the first message alone: captures without bodies don't need it. */
let parser: MessageParser | undefined;
async function openParser(): Promise<MessageParser> {
  parser ??= await createMessageParser({ hits, hitsBytes: (bytes) => patterns.hitsBytes(bytes) });
  return parser;
}

answerWork(
  (work: BlockWork) =>
    blockRows(work, {
      sensor: work.sensor,
      attributes,
      get parser() {
        return parser;
      },
      openParser,
      hits,
      shortHits,
      bodies,
      plainRows,
      latest: work.latest,
    }),
  ({ rows, ids }) => [...rows.values(), ids].map((bytes) => bytes.buffer),
);
