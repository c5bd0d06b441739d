/**
 * Whatever answers where a partner's bucket should be: nothing of it is trusted, and nothing that was sent to it is
 * told.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { type TestContext, test } from "node:test";
import { newIssuer, publish } from "../../publication/issuer.ts";
import { openPartnerDestination } from "./partner-destination.ts";

const env = { PARTNER_KEY: "a-key-of-ours", PARTNER_SECRET: "a-secret-of-ours", PARTNER_TOKEN: "a-token-of-ours" };
const credentials = { access_key: "PARTNER_KEY", secret_key: "PARTNER_SECRET", session_token: "PARTNER_TOKEN" };

/** A destination where `answer` answers. */
async function openPush(
  t: TestContext,
  answer: (request: IncomingMessage, response: ServerResponse) => void,
  more: object = {},
) {
  const server = createServer((request, response) => {
    request.resume();
    answer(request, response);
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const issuer = await newIssuer(t);
  await publish(issuer);
  const address = server.address();
  assert.ok(typeof address === "object" && address !== null);
  const endpoint = `http://127.0.0.1:${address.port}`;
  const delivery = { kind: "s3", bucket: "any-bucket", endpoint, credentials, ...more };
  const destination = openPartnerDestination(t, issuer, { delivery, env });
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return destination;
}

const role = { arn: "arn:aws:iam::111122223333:role/feeds", external_id: "PARTNER_TOKEN" };
const names = { a: "a bucket", r: "whoever hands out roles" };

for (const [who, more] of [
  [names.a, {}],
  [names.r, { role }],
] as const) {
  test(`what ${who} repeats of what was sent to it isn't told, and its words are escaped`, async (t) => {
    const destination = await openPush(
      t,
      ({ headers }, response) => {
        const words = `<Code>Odd\u202eWord${"x".repeat(500)}</Code><Message>${JSON.stringify(headers)}</Message>`;
        const xml = `<Error>${words}</Error>`;
        const body = who === names.r ? `<ErrorResponse>${xml}</ErrorResponse>` : xml;
        response.writeHead(403, { "content-type": "application/xml" }).end(body);
      },
      more,
    );
    const error = await destination.fails("delivery-refused", /^Odd\ufffdWordx{70,80}, HTTP 403$/);
    assert.equal(error.cause, undefined);
    const told = destination.logged() + JSON.stringify(await destination.attempts()) + JSON.stringify(error.facts);
    assert.match(told, /HTTP 403/);
    for (const secret of Object.values(env)) assert.ok(!told.includes(secret), secret);
    assert.doesNotMatch(told, /AWS4-HMAC|x-amz|\u202e/);
  });

  for (const status of [200, 403, 500]) {
    test(`an endless answer (${status}) of ${who} isn't read to its end, nor asked for again`, async (t) => {
      let sent = 0;
      let asked = 0;
      const destination = await openPush(
        t,
        (_request, response) => {
          asked += 1;
          response.writeHead(status, { "content-type": "application/xml" });
          const chunk = Buffer.alloc(65_536, "<a>");
          const write = () => {
            sent += chunk.length;
            if (!response.destroyed) response.write(chunk, write);
          };
          write();
        },
        more,
      );
      const error = await destination.push();
      assert.match(error?.code ?? "", /^delivery-/);
      assert.equal(asked, 1);
      assert.ok(sent < 64 * 1024 * 1024, `${sent} bytes`);
    });
  }
}

test("roles are asked for with the external id, and again only when they are to expire", async (t) => {
  const asked: string[] = [];
  const destination = await openPush(
    t,
    (request, response) => {
      const chunks: Uint8Array[] = [];
      request.on("data", (chunk) => chunks.push(chunk));
      request.on("end", () => {
        const body = Buffer.concat(chunks).toString();
        asked.push(request.method === "POST" ? body : String(request.headers["x-amz-security-token"]));
        const expiration = new Date(Date.now() + 3_600_000).toISOString();
        const keys = `<AccessKeyId>A</AccessKeyId><SecretAccessKey>S</SecretAccessKey><SessionToken>of-the-role</SessionToken>`;
        const credential = `<Credentials>${keys}<Expiration>${expiration}</Expiration></Credentials>`;
        const xml = `<AssumeRoleResponse><AssumeRoleResult>${credential}</AssumeRoleResult></AssumeRoleResponse>`;
        const facts = { etag: '"e"', "last-modified": new Date().toUTCString() };
        response.writeHead(200, { ...facts, "content-type": "text/xml", "content-length": Buffer.byteLength(xml) });
        response.end(request.method === "HEAD" ? undefined : xml);
      });
    },
    { role },
  );
  await destination.pushed();
  const [first = "", ...others] = asked;
  const parameters = new URLSearchParams(first);
  assert.deepEqual(
    ["Action", "RoleArn", "ExternalId", "RoleSessionName"].map((name) => parameters.get(name)),
    ["AssumeRole", role.arn, "a-token-of-ours", "spampots-feeds"],
  );
  assert.ok(others.length > 2);
  assert.ok(others.every((token) => token === "of-the-role"));
});
