import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { Ajv2020 } from "ajv/dist/2020.js";
import fc from "fast-check";
import { parseHeader, parseLine, spoolBounds } from "../../src/capture/spool.ts";
import { spoolSchema } from "../../src/capture/spool-schema.ts";
import { isError, type SpampotsError } from "../../src/errors.ts";
import { requestResults, requestTypes, services } from "../../src/model.ts";

const vectors = join(import.meta.dirname, "../vectors/spool");
const ajv = new Ajv2020({ strict: true, allowUnionTypes: true });
ajv.addSchema({ ...spoolSchema, $id: "spool" });
const schemaSays = (part: "header" | "line", value: unknown) => ajv.validate(`spool#/$defs/${part}`, value);

interface Vector {
  readonly header?: unknown;
  readonly line?: unknown;
  readonly record?: Record<string, unknown>;
  readonly code?: string;
  readonly path?: string;
  /** Why the schema accepts what the reader refuses. */
  readonly beyond_schema?: string;
}

function readVectors(folder: string): { name: string; vector: Vector }[] {
  return readdirSync(join(vectors, folder)).map((name) => {
    // The files are this suite's own; their shape is checked by what the tests do with them.
    const vector = JSON.parse(readFileSync(join(vectors, folder, name), "utf8")) as Vector;
    return { name, vector };
  });
}

const read = ({ header, line }: Vector) =>
  header === undefined ? parseLine(JSON.stringify(line), "s") : parseHeader(JSON.stringify(header));

const says = ({ header, line }: Vector) =>
  header === undefined ? schemaSays("line", line) : schemaSays("header", header);

for (const { name, vector } of readVectors("valid")) {
  test(`valid: ${name}`, () => {
    const record = read(vector);
    const plain = "message" in record ? { ...record, message: base64(record.message) } : record;
    assert.deepEqual(plain, vector.record);
    assert.equal(says(vector), true, ajv.errorsText());
  });
}

function base64(bytes: Uint8Array | undefined): string | undefined {
  return bytes === undefined ? undefined : Buffer.from(bytes).toString("base64");
}

for (const { name, vector } of readVectors("invalid")) {
  test(`invalid: ${name}`, () => {
    assert.throws(
      () => read(vector),
      (error: SpampotsError) => {
        assert.equal(error.code, vector.code);
        assert.equal(error.facts.path, vector.path);
        return typeof error.facts.reason === "string";
      },
    );
    assert.equal(says(vector), vector.beyond_schema !== undefined);
  });
}

test("what isn't JSON is a bad line or header, and no word of it stands in the error", () => {
  for (const line of [
    "",
    "{",
    "nonsense-of-the-sender",
    '{"kind":"message"',
    '{"kind":"message"}{}',
    "\ufeff{}",
    "NaN",
    "null",
    "[]",
  ]) {
    for (const read of [() => parseLine(line, "s"), () => parseHeader(line)]) {
      assert.throws(read, (error: SpampotsError) => {
        assert.ok(error.code === "bad-line" || error.code === "spool-header");
        const said = JSON.stringify([error.message, error.facts, error.cause]);
        return !said.includes("nonsense");
      });
    }
  }
});

const base = {
  kind: "message",
  id: "c",
  session: "s",
  connected_at: "2026-11-10T03:12:44Z",
  captured_at: "2026-11-10T03:12:44Z",
  handshake: true,
  source: { ip: "192.0.2.1", port: 1 },
  service: { name: "smtp", port: 25 },
  envelope: { rcpt_to: [] },
};

test("10,000 recipients are kept, all are counted", () => {
  const rcpt_to = Array.from({ length: 10_001 }, (_, index) => `${index}@example.tw`);
  const record = parseLine(JSON.stringify({ ...base, envelope: { rcpt_to } }), "s");
  assert.ok(record.kind === "message");
  assert.equal(record.rcptTo.length, spoolBounds.recipients);
  assert.equal(record.recipients, 10_001);
});

test("a message of 32 MiB is read, one byte more is not", () => {
  const bytes = Buffer.alloc(spoolBounds.messageBytes + 1, 7);
  const line = (message: Buffer) => JSON.stringify({ ...base, message: message.toString("base64") });
  const record = parseLine(line(bytes.subarray(1)), "s");
  assert.ok(record.kind === "message" && record.message?.length === spoolBounds.messageBytes);
  assert.throws(
    () => parseLine(line(bytes), "s"),
    (error) => isError(error, "bad-message"),
  );
});

test("names that JavaScript knows are members like others", () => {
  const record = parseLine(`{"__proto__":{"kind":"message"},"constructor":1,"kind":"x"}`, "s");
  assert.deepEqual(record, { kind: "unknown" });
  assert.throws(
    () => parseLine(`{"__proto__":{"kind":"message"}}`, "s"),
    (error) => isError(error, "bad-line"),
  );
});

test("law: base64 of any bytes is read as those bytes; text that doesn't come back the same is refused", () => {
  const record = (message: string) => parseLine(JSON.stringify({ ...base, message }), "s");
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
      const parsed = record(Buffer.from(bytes).toString("base64"));
      assert.ok(parsed.kind === "message");
      assert.deepEqual(Buffer.from(parsed.message ?? []), Buffer.from(bytes));
    }),
  );
  const pieces = fc.constantFrom("A", "Q", "g", "w", "R", "/", "+", "-", "_", "=", "==", "\n", "é", "Ł", " ", "TWFu");
  fc.assert(
    fc.property(
      fc.array(pieces, { maxLength: 8 }).map((parts) => parts.join("")),
      (text) => {
        const strict = Buffer.from(text, "base64").toString("base64") === text;
        if (strict) record(text);
        else
          assert.throws(
            () => record(text),
            (error) => isError(error, "bad-message"),
          );
        assert.equal(schemaSays("line", { ...base, message: text }), strict);
      },
    ),
    { numRuns: 1000 },
  );
});

/** Lines near the truth: each member right, absent or wrong. */
const wrong = fc.constantFrom<unknown>(undefined, null, 0, -1, 1.5, "", "x", true, [], {}, [1], "2026", "::1", 70_000);
const either = (value: fc.Arbitrary<unknown>) =>
  fc.oneof({ weight: 12, arbitrary: value }, { weight: 1, arbitrary: wrong });
const word = fc.oneof(fc.string({ maxLength: 10, unit: "binary" }), fc.string({ minLength: 195, maxLength: 300 }));
const number = (max: number) => fc.integer({ min: 0, max });
const instant = fc
  .tuple(
    fc.integer({ min: Date.UTC(1999, 11, 30), max: Date.UTC(2100, 0, 3) }),
    fc.constantFrom("Z", "+14:00", "-12:30"),
  )
  .map(([ms, zone]) => new Date(ms).toISOString().replace("Z", zone));
const shard = fc.constantFrom(":", "::", ".", "%eth0", "[", "]", "0", "db8", "ffff", "255", "1.2.3.4", "2001");
const address = fc.oneof(
  fc.ipV4(),
  fc.ipV6(),
  fc.array(shard, { maxLength: 12 }).map((parts) => parts.join("")),
);
const port = either(number(65_535));
const request = either(
  fc.record(
    {
      type: either(fc.constantFrom(...requestTypes)),
      method: either(word),
      host: either(fc.oneof(word, address)),
      ip: either(address),
      port,
      result: either(fc.constantFrom(...requestResults)),
    },
    { requiredKeys: ["type"] },
  ),
);
const line = fc.record(
  {
    kind: either(fc.constantFrom("message", "message", "request", "heartbeat")),
    at: either(instant),
    id: either(word),
    session: either(word),
    connected_at: either(instant),
    captured_at: either(fc.constantFrom("2099-12-31T23:59:59Z", "2050-01-01T00:00:00.1Z")),
    handshake: either(fc.boolean()),
    source: either(fc.record({ ip: either(address), port })),
    service: either(fc.record({ name: either(fc.constantFrom(...services)), port })),
    request,
    envelope: either(
      fc.record(
        {
          helo: either(word),
          mail_from: either(word),
          rcpt_to: either(fc.array(either(word), { maxLength: 3 })),
          rcpt_count: either(number(9)),
        },
        { requiredKeys: ["rcpt_to"] },
      ),
    ),
    message: either(fc.base64String()),
    message_bytes: either(number(9e9)),
    truncated: either(fc.boolean()),
  },
  {
    requiredKeys: [
      "kind",
      "id",
      "session",
      "connected_at",
      "captured_at",
      "source",
      "service",
      "handshake",
      "envelope",
      "request",
    ],
  },
);

test("law: what the reader accepts, the schema accepts", () => {
  let accepted = 0;
  fc.assert(
    fc.property(line, (generated) => {
      const text = JSON.stringify(generated);
      try {
        parseLine(text, "s");
      } catch (error) {
        assert.ok(isError(error), String(error));
        return;
      }
      accepted += 1;
      assert.equal(schemaSays("line", JSON.parse(text)), true, `${ajv.errorsText()} in ${text}`);
    }),
    { numRuns: 5000 },
  );
  assert.ok(accepted > 100, `only ${accepted} lines were accepted: the generator is of no use`);
});

test("law: header, reader and schema agree", () => {
  const header = fc.record({
    v: either(fc.constant(1)),
    sensor: either(word),
    sealed_at: either(instant),
    simulated: either(fc.boolean()),
  });
  fc.assert(
    fc.property(header, (generated) => {
      const text = JSON.stringify(generated);
      try {
        parseHeader(text);
      } catch (error) {
        assert.ok(isError(error, "spool-header"), String(error));
        return;
      }
      assert.equal(schemaSays("header", JSON.parse(text)), true, `${ajv.errorsText()} in ${text}`);
    }),
    { numRuns: 1000 },
  );
});

test("a line that ends with its message reads as it does in any other order", () => {
  const message = Buffer.from("Subject: a\r\n\r\n".padEnd(400, "text ")).toString("base64");
  const last = JSON.stringify({ ...base, message });
  const first = JSON.stringify({ message, ...base });
  assert.deepEqual(parseLine(last, "sp01"), parseLine(first, "sp01"));
  const wrong: Record<string, string> = {
    [last.replace(message, message.replace("U", "\t"))]: "bad-line",
    [last.replace(message, message.replace("U", "*"))]: "bad-message",
    [last.replace(message, message.replace("U", "\\u0055"))]: "",
    [last.replace('"kind":"message"', '"kind":"messag"')]: "",
    [last.replace(',"message":', ',,"message":')]: "bad-line",
    [`{,"message":"${message}"}`]: "bad-line",
    [`{"a":{"kind":"message","message":"${message}"}`]: "bad-line",
  };
  for (const [line, code] of Object.entries(wrong)) {
    const read = () => parseLine(line, "sp01");
    if (code === "") read();
    else assert.throws(read, { code }, line.slice(0, 100));
  }
});
