// Takes webhooks. What isn't signed by the issuer is refused; 204 is answered once the manifest is kept. Node 20 or newer.
//
//   node receive-webhook.mjs JWKS-FILE FOLDER PORT
//
// JWKS-FILE is the issuer's set of keys, which you got from the issuer. Put it behind your own HTTPS server.
import { createPublicKey, verify } from "node:crypto";
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { text } from "node:stream/consumers";

const [jwks, folder, port] = process.argv.slice(2);
const known = new Map(JSON.parse(readFileSync(jwks, "utf8")).keys.map((key) => [key.kid, key]));
const decoded = (base64url) => Buffer.from(base64url, "base64url");

function manifestOf(body) {
  const { protected: header, payload, signature } = JSON.parse(body);
  const { alg, kid, typ } = JSON.parse(decoded(header));
  const jwk = known.get(kid);
  if (jwk?.alg !== alg || typ !== "spampots-manifest+jws")
    throw new Error("it isn't a manifest by a key that is known");
  const key = { key: createPublicKey({ key: jwk, format: "jwk" }), dsaEncoding: "ieee-p1363" };
  const holds = verify(alg === "EdDSA" ? null : "sha256", Buffer.from(`${header}.${payload}`), key, decoded(signature));
  if (!holds) throw new Error("its signature doesn't hold");
  return JSON.parse(decoded(payload));
}

createServer(async (request, response) => {
  let status = 400;
  try {
    const body = await text(request);
    const { feed, sequence } = manifestOf(body);
    status = 503; // From here on it is our disk that refuses: the message comes again.
    const name = `${folder}/${feed}-${String(sequence).padStart(8, "0")}.jws`;
    writeFileSync(`${name}.part`, body, { flush: true });
    renameSync(`${name}.part`, name); // Here you would begin to fetch its files. The same message again does no harm.
    status = 204;
  } catch (error) {
    process.stderr.write(`${error.message}\n`);
  }
  response.writeHead(status).end();
}).listen(Number(port), "127.0.0.1");
