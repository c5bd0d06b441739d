/** What an S3 service, or what lies before it, does to a request on a bad day. Each fault says which requests it fits. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Exchange, Seen } from "./s3-proxy.ts";

/** An answer, whole. Headers keep their order. */
export interface Answer {
  readonly status: number;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: Buffer;
}

interface FaultRow {
  fits(seen: Seen): boolean;
  run(exchange: Exchange): Promise<void> | void;
}

/** Milliseconds that a refused connection is refused, and that a late request stays on its way. */
const awayMs = 300;
const lateMs = 1500;
const hourMs = 3_600_000;

const any = () => true;
const is =
  (...operations: readonly string[]) =>
  ({ operation }: Seen) =>
    operations.includes(operation);
const reads = is("GetObject");
const writes = is("PutObject", "UploadPart", "CompleteMultipartUpload", "CreateMultipartUpload", "DeleteObject");
const uploads = (seen: Seen) => is("PutObject", "UploadPart")(seen) && seen.bytes > 1;

/** An error as S3 words it. */
export function errorAnswer(status: number, code: string, more: Answer["headers"] = []): Answer {
  const body = `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code><Message>A fault.</Message></Error>`;
  return { status, headers: [["content-type", "application/xml"], ...more], body: Buffer.from(body) };
}

const refusal = (status: number, code: string, fits: FaultRow["fits"] = any, more: Answer["headers"] = []) => ({
  fits,
  // The answer to HEAD has no body.
  run: ({ answer, request }: Exchange) => {
    const refused = errorAnswer(status, code, more);
    answer(request.method === "HEAD" ? { ...refused, body: Buffer.alloc(0) } : refused);
  },
});

const dated = (answer: Answer, ms: number): Answer => ({
  ...answer,
  headers: [
    ...answer.headers.filter(([name]) => name.toLowerCase() !== "date"),
    ["date", new Date(Date.now() + ms).toUTCString()],
  ],
});

/** The head of an answer with its full length, then so many bytes of its body, a few at a time. */
async function dribble({ response }: Exchange, { status, headers, body }: Answer, bytes: number, pauseMs: number) {
  const own = headers.filter(([name]) => name.toLowerCase() !== "content-length");
  response.writeHead(status, [...own, ["content-length", String(body.length)]].flat());
  const step = pauseMs === 0 ? bytes : 8;
  for (let at = 0; at < bytes && !response.destroyed; at += step) {
    response.write(body.subarray(at, Math.min(at + step, bytes)));
    await sleep(pauseMs);
  }
}

/** A listing without its last entries. */
function without(answer: Answer, count: number): Answer {
  const text = answer.body.toString();
  const entries = text.match(/<(Contents|CommonPrefixes)>.*?<\/\1>/gs) ?? [];
  const gone = entries.slice(Math.max(0, entries.length - count));
  return { ...answer, body: Buffer.from(gone.reduce((left, entry) => left.replace(entry, ""), text)) };
}

function flipped(body: Buffer, at: number): Buffer {
  const copy = Buffer.from(body);
  const byte = copy[at];
  if (byte !== undefined) copy[at] = byte ^ 1;
  return copy;
}

/** Every fault by name. */
export const faults = {
  /** Nobody listens for a while. */
  refuse: {
    fits: any,
    run: async ({ proxy }) => proxy.refuse(awayMs),
  },
  /** The connection breaks before anything is done. */
  reset: { fits: any, run: ({ cut }) => cut() },
  /** No answer, ever; nothing is done. */
  hang: { fits: any, run: () => {} },
  /** Half of an upload reaches the service. */
  "cut-upload": {
    fits: uploads,
    run: async ({ forwardCut, cut, body }) => {
      await forwardCut(body.length >> 1);
      cut();
    },
  },
  /** Half of an answer's body reaches the client. */
  "cut-answer": {
    fits: is("GetObject", "ListObjectsV2"),
    run: async (exchange) => {
      const answer = await exchange.forward();
      await dribble(exchange, answer, answer.body.length >> 1, 0);
      exchange.cut();
    },
  },
  /** An answer that comes eight bytes at a time, for as long as the client listens. */
  trickle: {
    fits: is("GetObject", "ListObjectsV2"),
    run: async (exchange) => {
      const answer = await exchange.forward();
      await dribble(exchange, answer, answer.body.length, 200);
      exchange.response.end();
    },
  },
  /** It is done, and nobody is told. */
  lost: {
    fits: writes,
    run: async ({ forward, cut }) => {
      await forward();
      cut();
    },
  },
  /** It is done, and the answer hangs. */
  "lost-hang": {
    fits: writes,
    run: async ({ forward }) => {
      await forward();
    },
  },
  /** It is done when the client has long given up, or asked once more. */
  late: {
    fits: writes,
    run: ({ forward, proxy }) =>
      proxy.later(async () => {
        await sleep(lateMs);
        await forward();
      }),
  },
  /** Acknowledged, and forgotten. */
  forgotten: {
    fits: is("PutObject"),
    run: ({ answer }) =>
      answer({ status: 200, headers: [["etag", '"00000000000000000000000000000000"']], body: Buffer.alloc(0) }),
  },
  "500": refusal(500, "InternalError"),
  "503": refusal(503, "SlowDown", any, [["retry-after", "1"]]),
  /** Busy for hours: no call has that patience, so that no plan draws it. */
  busy: refusal(503, "SlowDown", () => false, [["retry-after", "7200"]]),
  "429": refusal(429, "TooManyRequests", any, [["retry-after", "1"]]),
  /** As a load balancer words it. */
  "502": {
    fits: any,
    run: ({ answer }) =>
      answer({ status: 502, headers: [["content-type", "text/html"]], body: Buffer.from("<html>Bad Gateway</html>") }),
  },
  /** Somebody was first, though nobody was there. */
  taken: refusal(412, "PreconditionFailed", (seen) => seen.conditional),
  conflict: refusal(409, "ConditionalRequestConflict", (seen) => seen.conditional),
  denied: refusal(403, "AccessDenied"),
  /** What is there is not seen. */
  missing: refusal(404, "NoSuchKey", is("GetObject", "HeadObject")),
  "no-bucket": refusal(404, "NoSuchBucket", is("GetObject", "ListObjectsV2", "PutObject")),
  /** The service believes that the client's clock is wrong, and says so with another wrong one. */
  skewed: {
    fits: any,
    run: ({ answer, request }) => {
      const refused = dated(errorAnswer(403, "RequestTimeTooSkewed"), hourMs);
      answer(request.method === "HEAD" ? { ...refused, body: Buffer.alloc(0) } : refused);
    },
  },
  /** A good answer whose `Date` is an hour ahead: the client takes it for the time. */
  dated: { fits: any, run: async ({ forward, answer }) => answer(dated(await forward(), hourMs)) },
  /** The newest of what is there isn't listed yet. */
  stale: { fits: is("ListObjectsV2"), run: async ({ forward, answer }) => answer(without(await forward(), 1)) },
  /** A listing as of the beginning. */
  "stale-empty": {
    fits: is("ListObjectsV2"),
    run: async ({ forward, answer }) => answer(without(await forward(), Number.POSITIVE_INFINITY)),
  },
  /** One bit of what is read isn't what was stored. */
  flip: {
    fits: reads,
    run: async ({ forward, answer }) => {
      const whole = await forward();
      const { body } = whole;
      answer({ ...whole, body: whole.status < 300 ? flipped(body, body.length >> 1) : body });
    },
  },
  /** One bit of what is stored isn't what was sent. */
  "flip-upload": {
    fits: uploads,
    run: async ({ forward, answer, body }) => answer(await forward(flipped(body, body.length >> 1))),
  },
  /** Half of an object, announced as if it were all. */
  short: {
    fits: reads,
    run: async ({ forward, answer }) => {
      const whole = await forward();
      answer(whole.status < 300 ? { ...whole, body: whole.body.subarray(0, whole.body.length >> 1) } : whole);
    },
  },
  /** The service has moved to another host, it says. */
  moved: {
    fits: any,
    run: ({ answer, proxy, seen }) =>
      answer(errorAnswer(307, "TemporaryRedirect", [["location", `${proxy.elsewhere}${seen.url}`]])),
  },
  /** Something else answers, with success. */
  page: {
    fits: any,
    run: ({ answer }) =>
      answer({ status: 200, headers: [["content-type", "text/html"]], body: Buffer.from("<html>Welcome!</html>") }),
  },
} as const satisfies Record<string, FaultRow>;

export type Fault = keyof typeof faults;

/** Names of all faults. */
export const faultNames = Object.keys(faults) as Fault[]; // the keys are the names, by the type above

/** Faults that fit a request. */
export function fitting(seen: Seen, names: readonly Fault[] = faultNames): Fault[] {
  return names.filter((name) => faults[name].fits(seen));
}
