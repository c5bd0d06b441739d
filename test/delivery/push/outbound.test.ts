/**
 * The way out against servers on loopback that behave badly in every way that HTTP allows, and in some that it doesn't.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import tls from "node:tls";
import {
  checkTaken,
  type OutboundCall,
  type OutboundLimits,
  openOutbound,
} from "../../../src/delivery/push/outbound.ts";
import { isError, type SpampotsError } from "../../../src/errors.ts";
import type { Auth, ClientTls } from "../../../src/feed/destinations.ts";
import { temporaryFolder } from "../../temporary-folder.ts";
import { authority, type Certificate, pem, signedBy } from "./certificates.ts";

const limits: OutboundLimits = { idleMs: 300, wholeMs: 900, slowest: 1_000_000 };

interface OpenOptions {
  readonly secrets?: Readonly<Record<string, string>>;
  readonly auth?: Auth;
  readonly tls?: ClientTls;
  readonly loopback?: boolean;
  readonly privateNetworks?: readonly string[];
  readonly limits?: OutboundLimits;
}

async function open(t: TestContext, options: OpenOptions = {}) {
  const { secrets = {}, loopback = true, privateNetworks = [], limits: bounds = limits } = options;
  const world = { secret: (name: string) => secrets[name], loopback, privateNetworks };
  const outbound = await openOutbound({ auth: options.auth, tls: options.tls, world, limits: bounds });
  t.after(() => outbound.close());
  return outbound;
}

async function listening(t: TestContext, server: Server): Promise<number> {
  const sockets = new Set<Socket>();
  server.on("connection", (socket) => sockets.add(socket.on("error", () => undefined)));
  await once(server.listen(0, "127.0.0.1"), "listening");
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return (server.address() as AddressInfo).port; // it listens on a port
}

/** A server that says these bytes when the head of a request is there, or does as it is told. */
async function raw(t: TestContext, behave: (socket: Socket, head: string) => void): Promise<URL> {
  const server = createServer((socket) => {
    let head = "";
    socket.on("data", (bytes) => {
      if (head.includes("\r\n\r\n")) return;
      head += bytes.toString("latin1");
      if (head.includes("\r\n\r\n")) behave(socket, head);
    });
  });
  return new URL(`http://127.0.0.1:${await listening(t, server)}/in`);
}

async function served(t: TestContext, handle: (request: IncomingMessage, response: ServerResponse) => void) {
  return new URL(`http://127.0.0.1:${await listening(t, createHttpServer(handle))}/in`);
}

const signal = new AbortController().signal;
const put = (url: URL, more: Partial<OutboundCall> = {}): OutboundCall => ({ method: "PUT", url, signal, ...more });

const refusedFor = (reason: RegExp) => (error: unknown) => {
  assert.ok(isError(error, "delivery-refused"), `${error} ${isError(error) ? error.facts.reason : ""}`);
  assert.match(String(error.facts.reason), reason);
  return true;
};
const failedFor = (reason: RegExp) => (error: unknown) => {
  assert.ok(isError(error, "delivery-failed"), String(error));
  assert.match(String(error.facts.reason), reason);
  return true;
};

const bad: Readonly<Record<string, readonly [behave: (socket: Socket) => void, reason: RegExp]>> = {
  "closes without an answer": [(socket) => socket.end(), /ECONNRESET/],
  "resets the connection": [(socket) => socket.resetAndDestroy(), /ECONNRESET/],
  "says nothing": [() => undefined, /nothing came or went/],
  "answers by the byte": [drip("HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n", "x"), /not done after/],
  "sends headers by the byte": [drip("HTTP/1.1 200 OK\r\nX: ", "y"), /not done after/],
  "sends headers without end": [
    pour("HTTP/1.1 200 OK\r\n", "X-A: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n"),
    /HPE_HEADER_OVERFLOW/,
  ],
  "sends interim answers without end": [pour("", "HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\n"), /interim/],
  "continues by the second": [drip("", "HTTP/1.1 100 Continue\r\n\r\n"), /interim|not done/],
  "sends an answer without end": [
    pour("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", `1000\r\n${"z".repeat(4096)}\r\n`),
    /longer than any/,
  ],
  "cuts its answer": [(socket) => socket.end("HTTP/1.1 201 Created\r\nContent-Length: 10\r\n\r\nabc"), /cut/],
  "cuts its chunks": [
    (socket) => socket.end("HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab"),
    /cut/,
  ],
  "sends chunks that are none": [
    (socket) => socket.write("HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n\u0000"),
    /HPE_|cut/,
  ],
  "speaks no HTTP": [(socket) => socket.write("220 mail.example ESMTP\r\n"), /HPE_/],
  "has two lengths": [
    (socket) => socket.write("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"),
    /HPE_/,
  ],
  "switches protocols": [
    (socket) => socket.write("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n"),
    /ended the connection/,
  ],
};

function drip(begin: string, then: string): (socket: Socket) => void {
  return (socket) => {
    socket.write(begin);
    const timer = setInterval(() => socket.write(then), 50);
    socket.on("close", () => clearInterval(timer));
  };
}

function pour(begin: string, then: string): (socket: Socket) => void {
  return (socket) => {
    socket.write(begin);
    const more = () => {
      while (!socket.destroyed && socket.write(then.repeat(50)));
    };
    socket.on("drain", more);
    more();
  };
}

for (const [name, [behave, reason]] of Object.entries(bad)) {
  test(`a server that ${name} isn't taken for one that has it, and is left soon`, async (t) => {
    const url = await raw(t, behave);
    const outbound = await open(t);
    const begun = performance.now();
    await assert.rejects(outbound.call(put(url, { body: Buffer.from("abc") })), failedFor(reason));
    assert.ok(performance.now() - begun < 3000);
  });
}

test("no server: refused connections and names that nobody knows", async (t) => {
  const outbound = await open(t);
  await assert.rejects(outbound.call(put(new URL("http://127.0.0.1:1/in"))), failedFor(/ECONNREFUSED/));
  await assert.rejects(outbound.call(put(new URL("https://nobody.invalid/in"))), failedFor(/ENOTFOUND|EAI_AGAIN/));
});

test("redirects aren't followed, and are what somebody must look into", async (t) => {
  const asked: string[] = [];
  const url = await served(t, (request, response) => {
    asked.push(request.url ?? "");
    response.writeHead(307, { location: "/elsewhere" }).end();
  });
  const outbound = await open(t);
  const answer = await outbound.call(put(url));
  assert.equal(answer.status, 307);
  assert.deepEqual(asked, ["/in"]);
  assert.throws(() => checkTaken(answer, url), { code: "delivery-refused" });
});

test("what an answer means", async (t) => {
  const url = await served(t, (request, response) => {
    const status = Number(request.headers["x-status"]);
    response.writeHead(status, { "retry-after": "7" }).end();
  });
  const outbound = await open(t);
  const failures = new Map<number, SpampotsError>();
  for (const status of [
    301, 308, 400, 401, 403, 404, 405, 410, 413, 408, 409, 423, 425, 429, 500, 501, 502, 503, 507, 599,
  ]) {
    const answer = await outbound.call(put(url, { headers: { "x-status": String(status) } }));
    assert.throws(
      () => checkTaken(answer, url),
      (error) => isError(error) && failures.set(status, error) !== undefined,
    );
  }
  const passing = [...failures].filter(([, { code }]) => code === "delivery-failed").map(([status]) => status);
  assert.deepEqual(passing, [408, 409, 423, 425, 429, 500, 501, 502, 503, 507, 599]);
  assert.equal(failures.get(429)?.facts.retryAfterMs, 7000);
  assert.equal(failures.get(503)?.facts.retryAfterMs, 7000);
  assert.equal(failures.get(401)?.facts.retryAfterMs, undefined);
});

const chunked = (bytes: number, ...chunks: readonly (string | Error)[]) => ({
  bytes,
  chunks: {
    async *[Symbol.asyncIterator]() {
      for (const chunk of chunks) {
        if (chunk instanceof Error) throw chunk;
        yield Buffer.from(chunk);
        await sleep(5);
      }
    },
  },
});

/** A server that notes which bodies came whole. */
async function noting(t: TestContext) {
  const whole: string[] = [];
  const begun: string[] = [];
  const url = await served(t, async (request, response) => {
    begun.push(request.method ?? "");
    const parts: Buffer[] = [];
    try {
      for await (const part of request) parts.push(part);
    } catch {
      return;
    }
    whole.push(Buffer.concat(parts).toString());
    response.writeHead(201).end();
  });
  return { url, whole, begun };
}

test("a stream that fails, or isn't as long as announced, never ends as if it were whole", async (t) => {
  const { url, whole, begun } = await noting(t);
  const outbound = await open(t);
  const broken = new Error("the disk broke");
  for (const body of [
    chunked(6, "abc", broken),
    chunked(6, "abc", "def", broken),
    chunked(6, "abc"),
    chunked(6, "abc", "defg"),
    chunked(6),
    chunked(6, broken),
  ])
    await assert.rejects(outbound.call(put(url, { body })), failedFor(/disk broke|as long as it should/));
  // The same connections aren't used again: what comes next would be taken for the rest.
  assert.equal((await outbound.call(put(url, { body: chunked(6, "abc", "def") }))).status, 201);
  assert.deepEqual(whole, ["abcdef"]);
  assert.ok(begun.length >= 2);
});

test("an error of the store stays what it is", async (t) => {
  const { url } = await noting(t);
  const outbound = await open(t);
  const { SpampotsError: OwnError } = await import("../../../src/errors.ts");
  const body = chunked(6, "abc", new OwnError("store-unavailable", "The store is away."));
  await assert.rejects(outbound.call(put(url, { body })), (error) => isError(error, "store-unavailable"));
});

test("who refuses early needn't take the rest, and who agrees early isn't believed", async (t) => {
  const long = () => chunked(1_000_000, ...Array.from({ length: 100 }, () => "x".repeat(10_000)));
  const refusing = await raw(t, (socket) => socket.write("HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n"));
  const agreeing = await raw(t, (socket) => socket.write("HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n"));
  const outbound = await open(t);
  assert.equal((await outbound.call(put(refusing, { body: long() }))).status, 413);
  await assert.rejects(outbound.call(put(agreeing, { body: long() })), failedFor(/wasn't sent yet/));
});

test("a large stream goes through in order, with no listener left for each pause", async (t) => {
  const warnings: Error[] = [];
  const warned = (warning: Error) => warnings.push(warning);
  process.on("warning", warned);
  t.after(() => process.off("warning", warned));
  let bytes = 0;
  const url = await served(t, async (request, response) => {
    for await (const part of request) {
      bytes += part.length;
      await sleep(0);
    }
    response.writeHead(201).end();
  });
  const outbound = await open(t, { limits: { idleMs: 5000, wholeMs: 20_000, slowest: 1e6 } });
  const part = Buffer.alloc(300_000, "y");
  const body = {
    bytes: part.length * 60,
    chunks: (async function* () {
      for (let index = 0; index < 60; index += 1) yield part;
    })(),
  };
  assert.equal((await outbound.call(put(url, { body }))).status, 201);
  assert.equal(bytes, part.length * 60);
  assert.deepEqual(warnings, []);
});

test("a call is broken off when asked", async (t) => {
  const url = await raw(t, () => undefined);
  const outbound = await open(t, { limits: { idleMs: 60_000, wholeMs: 60_000, slowest: 1 } });
  const stop = new AbortController();
  setTimeout(() => stop.abort(), 50);
  const begun = performance.now();
  const body = { bytes: 1e9, chunks: endless() };
  await assert.rejects(outbound.call(put(url, { signal: stop.signal, body })), failedFor(/./));
  assert.ok(performance.now() - begun < 10_000);
  await assert.rejects(outbound.call(put(url, { signal: stop.signal })), failedFor(/./));
});

async function* endless() {
  for (;;) {
    yield Buffer.alloc(100_000);
    await sleep(1);
  }
}

test("a kept connection that the other side has closed meanwhile costs a second call, where that does no harm", async (t) => {
  let taken = 0;
  // Answers the first call of each connection, and resets at the second.
  const url = await raw(t, (socket) => {
    taken += 1;
    socket.write("HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n");
    socket.on("data", () => socket.resetAndDestroy());
  });
  const outbound = await open(t);
  const body = chunked(6, "abc", "def");
  for (let call = 0; call < 3; call += 1) {
    assert.equal((await outbound.call(put(url, { body: Buffer.from("abc") }))).status, 201);
    await sleep(10);
  }
  assert.equal(taken, 3);
  const post = { method: "POST", body: Buffer.from("abc") } as const;
  await assert.rejects(outbound.call(put(url, post)), failedFor(/ECONNRESET/));
  assert.equal((await outbound.call(put(url, post))).status, 201);
  await sleep(10);
  const keyed = { ...post, headers: { "idempotency-key": '"a"' } };
  assert.equal((await outbound.call(put(url, keyed))).status, 201);
  await assert.rejects(
    outbound.call(put(await raw(t, (socket) => socket.resetAndDestroy()), { body })),
    failedFor(/RESET/),
  );
});

test("credentials: as RFC 6750 and RFC 7617 write them; what can't be one is refused without being shown", async (t) => {
  const seen: (string | undefined)[] = [];
  const url = await served(t, (request, response) => {
    seen.push(request.headers.authorization);
    response.end();
  });
  const secrets = {
    TOKEN: "abc.def-_~",
    USER: "zoë",
    PASS: "pa:ss word",
    BAD: "s3cret\r\nX-Evil: 1",
    LINE: "s3cret\n",
    COLON: "a:b",
  };
  await (await open(t, { secrets, auth: { bearer: "TOKEN" } })).call(put(url));
  await (await open(t, { secrets, auth: { user: "USER", password: "PASS" } })).call(put(url));
  assert.deepEqual(seen, ["Bearer abc.def-_~", `Basic ${Buffer.from("zoë:pa:ss word").toString("base64")}`]);
  const unfit: readonly Auth[] = [
    { bearer: "BAD" },
    { bearer: "LINE" },
    { bearer: "NONE" },
    { user: "COLON", password: "PASS" },
    { user: "USER", password: "BAD" },
  ];
  for (const auth of unfit) {
    await assert.rejects(open(t, { secrets, auth }), (error) => {
      assert.ok(isError(error, "delivery-refused"));
      assert.doesNotMatch(`${JSON.stringify(error)}${error.message}${error.stack}`, /s3cret/);
      return true;
    });
  }
});

test("the fence: by address, by any spelling of it, and by name", async (t) => {
  let asked = 0;
  const url = await served(t, (_request, response) => {
    asked += 1;
    response.end();
  });
  const fenced = await open(t, { loopback: false });
  const spellings = [
    "127.0.0.1",
    "0x7f.1",
    "2130706433",
    "017700000001",
    "127.1",
    "１２７.0.0.1",
    "[::1]",
    "[::ffff:127.0.0.1]",
  ];
  for (const host of [...spellings, "localhost", "LOCALHOST", "0.0.0.0", "[::]", "169.254.169.254"]) {
    for (const scheme of ["http", "https"]) {
      const place = new URL(`${scheme}://${host}:${url.port}/in`);
      await assert.rejects(fenced.call(put(place)), refusedFor(/public Internet|not https/), place.href);
    }
  }
  assert.equal(asked, 0);
  const trial = await open(t, {});
  assert.equal((await trial.call(put(url))).status, 200);
  assert.equal((await trial.call(put(new URL(`http://localhost:${url.port}/`)))).status, 200);
  await assert.rejects(trial.call(put(new URL("http://8.8.8.8/in"))), refusedFor(/not https/));
  await assert.rejects(trial.call(put(new URL("http://partner.example/in"))), refusedFor(/not https/));
  await assert.rejects(trial.call(put(new URL("https://10.0.0.1/in"))), refusedFor(/public Internet/));
});

test("a public address of either family is asked", async (t) => {
  const stop = new AbortController();
  stop.abort();
  const fenced = await open(t, { loopback: false });
  // Broken off before anything is sent: what matters is that the fence isn't what refuses.
  for (const host of ["8.8.8.8", "[2001:4860:4860::8888]"])
    await assert.rejects(fenced.call(put(new URL(`https://${host}/`), { signal: stop.signal })), failedFor(/ABORT/));
});

/** A TLS server on loopback. */
async function secured(t: TestContext, made: Certificate, more: tls.TlsOptions = {}): Promise<URL> {
  const server = createHttpsServer({ ...(await pem(made)), ...more }, (_request, response) => response.end());
  return new URL(`https://127.0.0.1:${await listening(t, server)}/in`);
}

test("TLS: a certificate must hold, and its refusal is told as what it is; mutual TLS works", async (t) => {
  const folder = await temporaryFolder(t);
  const trusted = await authority(folder, "trusted");
  const other = await authority(folder, "other");
  const here = { host: "IP:127.0.0.1" };
  const before = tls.getCACertificates("default");
  tls.setDefaultCACertificates([...before, (await pem(trusted)).cert]);
  t.after(() => tls.setDefaultCACertificates(before));
  const good = await signedBy(trusted, folder, "good", here);
  const outbound = await open(t);
  assert.equal((await outbound.call(put(await secured(t, good)))).status, 200);
  const untrusted: Readonly<Record<string, Certificate>> = {
    DEPTH_ZERO_SELF_SIGNED_CERT: await authority(folder, "self"),
    UNABLE_TO_VERIFY_LEAF_SIGNATURE: await signedBy(other, folder, "foreign", here),
    CERT_HAS_EXPIRED: await signedBy(trusted, folder, "expired", { ...here, expired: true }),
    ERR_TLS_CERT_ALTNAME_INVALID: await signedBy(trusted, folder, "elsewhere", { host: "DNS:other.example" }),
  };
  for (const [reason, made] of Object.entries(untrusted))
    await assert.rejects(outbound.call(put(await secured(t, made))), refusedFor(new RegExp(reason)));
  await assert.rejects(
    outbound.call(
      put(await secured(t, good, { maxVersion: "TLSv1.1", minVersion: "TLSv1", ciphers: "ALL@SECLEVEL=0" })),
    ),
    refusedFor(/EPROTO|SSL/),
  );
  const asking = await secured(t, good, { requestCert: true, rejectUnauthorized: true, ca: (await pem(trusted)).cert });
  // By TLS 1.3 a client learns that it was refused when it asks for something, if the alert gets through at all.
  const refusedLate = (error: unknown) => isError(error, "delivery-refused") || isError(error, "delivery-failed");
  await assert.rejects(outbound.call(put(asking)), refusedLate);
  const client = await signedBy(trusted, folder, "client");
  const stranger = await signedBy(other, folder, "stranger");
  const secrets = {
    CERT: client.cert,
    KEY: client.key,
    OTHER: stranger.cert,
    OTHER_KEY: stranger.key,
    GONE: `${folder}/none`,
  };
  const known = await open(t, { secrets, tls: { certificate: "CERT", key: "KEY" } });
  assert.equal((await known.call(put(asking))).status, 200);
  const unknown = await open(t, { secrets, tls: { certificate: "OTHER", key: "OTHER_KEY" } });
  await assert.rejects(unknown.call(put(asking)), refusedLate);
  for (const pair of [
    { certificate: "CERT", key: "OTHER_KEY" },
    { certificate: "CERT", key: "GONE" },
    { certificate: "KEY", key: "KEY" },
  ])
    await assert.rejects(open(t, { secrets, tls: pair }), refusedFor(/./));
});
