/**
 * The S3 store against a server that answers as S3 services do on their bad days: slow, cut, contradictory or silent. A
 * service that works is tried in `test/s3`.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { after, before, beforeEach, describe, it } from "node:test";
import { type ErrorCode, isError } from "../../src/errors.ts";
import { openS3Store } from "../../src/store/s3.ts";
import { readBody } from "../../src/store/s3-body.ts";
import { collect } from "./model.ts";

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

/** Answers still to give, one for each request; the last is repeated. */
let answers: Answer[] = [];
let requests: string[] = [];
const server = createServer((request, response) => {
  requests.push(`${request.method} ${request.url?.split("?")[0]}`);
  request.resume();
  request.once("end", () => (answers.length > 1 ? answers.shift() : answers[0])?.(request, response));
});

const deadlineMs = 500;
const credentials = { accessKeyId: "a", secretAccessKey: "s" };
const x = Buffer.from("x");
let endpoint = "";

before(async () => {
  await once(server.listen(0, "127.0.0.1"), "listening");
  const address = server.address();
  assert.ok(typeof address === "object" && address !== null);
  endpoint = `http://127.0.0.1:${address.port}`;
});
beforeEach(() => {
  requests = [];
});
after(() => {
  server.closeAllConnections();
  server.close();
});

const open = (ms = deadlineMs) =>
  openS3Store({ bucket: "feeds", endpoint, region: "us-east-1", pathStyle: true, deadlineMs: ms, credentials });

const ok: Answer = (_, response) => response.setHeader("etag", '"e"').end();
const reset: Answer = (request) => request.socket.destroy();
const hang: Answer = () => {};
const refuse =
  (status: number, code: string): Answer =>
  (_, response) => {
    response.writeHead(status, { "content-type": "application/xml" });
    response.end(`<?xml version="1.0"?><Error><Code>${code}</Code><Message>m</Message></Error>`);
  };
const send =
  (body: string, headers: Record<string, string | number> = {}, status = 200): Answer =>
  (_, response) => {
    response.writeHead(status, headers).end(body);
  };
const etag = { etag: '"e"' };
/** Announces 100 bytes, sends 50, then goes on as told. */
const half =
  (then: Answer): Answer =>
  (request, response) => {
    response.writeHead(200, { "content-length": 100, ...etag });
    response.write("h".repeat(50), () => setTimeout(() => then(request, response), 20));
  };
const page = (inner: string, more = "false") =>
  send(`<ListBucketResult><Name>feeds</Name><IsTruncated>${more}</IsTruncated>${inner}</ListBucketResult>`);
const entry = (key: string) =>
  `<Contents><Key>${key}</Key><Size>1</Size><LastModified>2026-01-01T00:00:00.000Z</LastModified></Contents>`;

const fails = (code: ErrorCode, call: Promise<unknown>) => assert.rejects(call, (error) => isError(error, code));

/** The call fails with the code, and no later than its deadline, give or take a busy machine. */
async function failsInTime(code: ErrorCode, call: Promise<unknown>): Promise<void> {
  const start = performance.now();
  await fails(code, call);
  assert.ok(performance.now() - start < deadlineMs + 3000);
}

describe("a put whose answer doesn't come", () => {
  it("is tried again after a reset, a silence or a fault that passes", async () => {
    const faults = [
      reset,
      hang,
      refuse(500, "InternalError"),
      refuse(503, "SlowDown"),
      refuse(429, "TooManyRequests"),
      refuse(400, "RequestTimeout"),
      refuse(409, "ConditionalRequestConflict"),
      refuse(403, "RequestTimeTooSkewed"),
      refuse(400, "XAmzContentSHA256Mismatch"),
      refuse(400, "BadDigest"),
      refuse(400, "IncompleteBody"),
      send("<html>welcome</html>"),
    ];
    for (const fault of faults) {
      answers = [fault, ok];
      requests = [];
      assert.equal(await open().putOnce("a/b", x), "created");
      assert.deepEqual(requests, ["PUT /feeds/a/b", "PUT /feeds/a/b"]);
    }
  });

  it("finds itself: the second try is told that the key is taken", async () => {
    answers = [reset, refuse(412, "PreconditionFailed")];
    assert.equal(await open().putOnce("a", x), "exists");
  });

  it("is given up at the deadline", async () => {
    for (const fault of [hang, reset, refuse(503, "SlowDown")]) {
      answers = [fault];
      await failsInTime("store-unavailable", open().putOnce("a", x));
    }
  });

  it("is given up where nobody listens", async () => {
    const store = openS3Store({
      bucket: "feeds",
      endpoint: "http://127.0.0.1:1",
      region: "r",
      pathStyle: true,
      deadlineMs,
      credentials,
    });
    await failsInTime("store-unavailable", store.get("a"));
  });
});

describe("a clock that is wrong", () => {
  it("is set by the answer, also where that has no body to say so", async () => {
    const date = new Date(Date.now() + 3_600_000).toUTCString();
    const size = { "content-length": 5, "last-modified": "Thu, 01 Jan 2026 00:00:00 GMT", date };
    answers = [send("", { date }, 403), send("", size)];
    assert.equal((await open().stat("a"))?.bytes, 5);
    answers = [send("", { date }, 403)];
    requests = [];
    await fails("store-denied", open().stat("a"));
    assert.equal(requests.length, 2);
  });
});

describe("a refusal for good", () => {
  it("is told at once, with the next step", async () => {
    const refusals: [Answer, ErrorCode, RegExp][] = [
      [refuse(403, "AccessDenied"), "store-denied", /rights/],
      [refuse(403, "InvalidAccessKeyId"), "store-denied", /credentials/],
      [refuse(400, "ExpiredToken"), "store-denied", /credentials/],
      [refuse(404, "NoSuchBucket"), "store-denied", /bucket/],
      [refuse(301, "PermanentRedirect"), "store-denied", /REGION/],
      [refuse(400, "AuthorizationHeaderMalformed"), "store-denied", /REGION/],
      [refuse(501, "NotImplemented"), "store-unfit", /If-None-Match/],
    ];
    for (const [answer, code, hint] of refusals) {
      answers = [answer];
      requests = [];
      const store = open();
      const calls = [() => store.putOnce("a", x), () => store.get("a"), () => collect(store.list(""))];
      for (const call of calls) {
        await assert.rejects(call, (error) => isError(error, code) && hint.test(error.hint ?? ""));
      }
      assert.equal(requests.length, 3);
    }
  });

  it("is told where there are no credentials", async () => {
    const home = await mkdtemp(join(tmpdir(), "spampots-home-"));
    for (const name of Object.keys(process.env)) if (name.startsWith("AWS_")) delete process.env[name];
    Object.assign(process.env, { HOME: home, AWS_EC2_METADATA_DISABLED: "true" });
    const store = openS3Store({ bucket: "feeds", endpoint, region: "us-east-1", pathStyle: true, deadlineMs });
    await assert.rejects(store.get("a"), (error) => isError(error, "store-denied") && /AWS_/.test(error.hint ?? ""));
    await rm(home, { recursive: true });
  });
});

describe("a body", () => {
  it("that ends early or stalls is read again by get", async () => {
    for (const then of [reset, hang]) {
      answers = [half(then), send("whole", { "content-length": 5, ...etag })];
      assert.equal(String(await open().get("a")), "whole");
    }
    answers = [half(reset)];
    await failsInTime("store-unavailable", open().get("a"));
  });

  it("that ends early or stalls never ends as if it were complete", async () => {
    for (const then of [reset, hang]) {
      answers = [half(then)];
      const opened = await open().open("a");
      assert.equal(opened?.bytes, 100);
      const chunks: Uint8Array[] = [];
      const read = async () => {
        for await (const chunk of opened.body) chunks.push(chunk);
      };
      await failsInTime("store-unavailable", read());
      assert.equal(Buffer.concat(chunks).length, 50);
    }
  });

  it("without a size, or of another size than the range, is refused", async () => {
    answers = [(_, response) => response.writeHead(200, etag).write("a", () => response.end("b"))];
    await fails("store-unavailable", open().get("a"));
    const size = { "content-length": 10, "last-modified": "Thu, 01 Jan 2026 00:00:00 GMT", ...etag };
    answers = [send("", size), send("0123456789", size)];
    await fails("store-unavailable", open().open("a", { start: 2, end: 4 }));
  });

  it("that is some page, not an object, is asked for again", async () => {
    const welcome = send("<html>welcome</html>", { "content-length": 20 });
    answers = [welcome, send("whole", { "content-length": 5, ...etag })];
    assert.equal(String(await open().get("a")), "whole");
    answers = [welcome];
    await failsInTime("store-unavailable", open().get("a"));
    await failsInTime("store-unavailable", open().open("a"));
  });

  it("that trickles is given up, however long it would go on", async () => {
    answers = [
      (request, response) => {
        response.writeHead(200, { "content-length": 10_000, ...etag });
        const drops = setInterval(() => response.write("drop"), 50);
        request.socket.once("close", () => clearInterval(drops));
      },
    ];
    const opened = await open(300).open("a");
    const start = performance.now();
    await fails("store-unavailable", collect(opened?.body ?? Readable.from([])));
    // The deadline, and what 10,000 bytes may take at the slowest rate that is borne with.
    assert.ok(performance.now() - start < 300 + 2500 + 2000);
  });

  it("yields as many bytes as it was to, or throws", async () => {
    const request = { operation: "GetObject", key: "a" };
    const read = (bytes: number) =>
      collect(readBody(Readable.from([Buffer.from("12345")]), bytes, deadlineMs, request));
    assert.equal((await read(5)).length, 1);
    await fails("store-unavailable", read(6));
    await fails("store-unavailable", read(4));
  });

  it("isn't timed while its reader is slow", async () => {
    answers = [send("h".repeat(3_000_000), { "content-length": 3_000_000, ...etag })];
    const opened = await open().open("a");
    let bytes = 0;
    for await (const chunk of opened?.body ?? []) {
      if (bytes === 0) await new Promise((done) => setTimeout(done, deadlineMs + 200));
      bytes += chunk.byteLength;
    }
    assert.equal(bytes, 3_000_000);
  });
});

describe("a listing", () => {
  it("that is no listing isn't an empty one", async () => {
    answers = [send("<html><body>Sign in</body></html>")];
    await fails("store-unavailable", collect(open().list("")));
    await fails("store-unavailable", collect(open().children("")));
  });

  it("out of order is refused", async () => {
    answers = [page(entry("b") + entry("a"))];
    await fails("store-unfit", collect(open().list("")));
    answers = [page(entry("a") + entry("a"))];
    await fails("store-unfit", collect(open().list("")));
  });

  it("that breaks off, or turns in a circle, isn't taken for the whole", async () => {
    answers = [page(entry("a"), "true"), page(entry("a"))];
    assert.equal((await collect(open().list(""))).length, 1);
    answers = [page(entry("a"), "true")];
    await failsInTime("store-unavailable", collect(open().list("")));
    answers = [page(`${entry("a")}<NextContinuationToken>t</NextContinuationToken>`, "true"), page(entry("b"))];
    assert.equal((await collect(open().list(""))).length, 2);
    answers = [page("<NextContinuationToken>t</NextContinuationToken>", "true")];
    await failsInTime("store-unavailable", collect(open().list("")));
  });

  it("of other keys than were asked for isn't ours", async () => {
    answers = [page(entry("partners/a/feed/log/00000001.jws"))];
    await fails("store-unavailable", collect(open().list("partners/b/feed/log/")));
    answers = [page("<CommonPrefixes><Prefix>other/x/</Prefix></CommonPrefixes>")];
    await fails("store-unavailable", collect(open().children("partners/")));
    // A service that doesn't know where to begin begins at the beginning.
    answers = [page(entry("log/1") + entry("log/2") + entry("log/3"))];
    assert.deepEqual(
      (await collect(open().list("log/", { after: "log/2" }))).map(({ key }) => key),
      ["log/3"],
    );
  });

  it("leaves out what isn't a key of ours", async () => {
    answers = [page(entry("a/") + entry("a/../b") + entry("a//b") + entry("c"))];
    assert.deepEqual(
      (await collect(open().list(""))).map(({ key }) => key),
      ["c"],
    );
  });
});

describe("a large file", () => {
  const bytes = 33 * 1024 * 1024;
  let path = "";
  before(async () => {
    const folder = await mkdtemp(join(tmpdir(), "spampots-parts-"));
    path = join(folder, "large");
    await writeFile(path, Buffer.alloc(bytes));
  });
  after(() => rm(join(path, ".."), { recursive: true, force: true }));

  const created = send("<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>");
  const completed = send('<CompleteMultipartUploadResult><ETag>"e"</ETag></CompleteMultipartUploadResult>');

  it("goes in parts, each tried again", async () => {
    const page = send("<html>welcome</html>");
    answers = [page, created, reset, page, ok, ok, ok, page, completed];
    await open(20_000).putFile("a", { path, bytes });
    const [posts, puts] = [Array(2).fill("POST /feeds/a"), Array(5).fill("PUT /feeds/a")];
    assert.deepEqual(requests, [...posts, ...puts, ...posts]);
  });

  it("whose completion's answer was lost is there", async () => {
    const size = { "content-length": bytes, "last-modified": "Thu, 01 Jan 2026 00:00:00 GMT" };
    answers = [created, ok, ok, ok, reset, refuse(404, "NoSuchUpload"), send("", size)];
    await open(20_000).putFile("a", { path, bytes });
    for (const head of [refuse(404, "NoSuchKey"), send("", { ...size, "content-length": 5 })]) {
      answers = [created, ok, ok, ok, reset, refuse(404, "NoSuchUpload"), head, ok];
      await fails("store-denied", open(20_000).putFile("a", { path, bytes }));
    }
  });

  it("is aborted when a part fails", async () => {
    answers = [created, refuse(403, "AccessDenied"), ok];
    await fails("store-denied", open(20_000).putFile("a", { path, bytes }));
    assert.equal(requests.at(-1), "DELETE /feeds/a");
  });
});
